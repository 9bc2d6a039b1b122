"""A training between two steps, in one file: written whole or not at all.

A safetensors file: `network/…` (weights and statistics), `optimiser/<index>/<name>`, `ema/<name>`,
`best/…`; its metadata holds the rest as JSON. There are no states of random generators in it:
every draw is made from seed and step (`defenses.objectives.lesson.Draws`), and the order of samples
from seed and epoch. So seed, epoch, batch and step are the whole state.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from medadv_desktop.errors import TrainingError
from medadv_desktop.files import replacing
from medadv_desktop.training.requests import EpochFigures

CHECKPOINT: Final = "checkpoint.safetensors"
VERSION: Final = 1

_GROUPS: Final = ("network", "optimiser", "ema", "best")


@dataclass
class Position:
    """Where a training stands.

    Attributes:
        epoch, batch: the next ones, from 0.
        step: optimiser steps done.
        seconds: spent so far.
        part_size: samples that were found to fit into memory at a time; 0 for a whole batch.
        losses, right, seen: sums over the unfinished epoch; `epoch_seconds` spent in it.
        first_loss: of the very first batch, to tell divergence by.
        best, best_score: number of the best epoch, from 1, 0 for none; its score.
        since_best: validations since then.
        history: of the finished epochs.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    seconds: float = 0.0
    part_size: int = 0
    losses: float = 0.0
    right: float = 0.0
    seen: float = 0.0
    epoch_seconds: float = 0.0
    first_loss: float | None = None
    best: int = 0
    best_score: float = -2.0
    since_best: int = 0
    history: tuple[EpochFigures, ...] = field(default=())


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """All that a training needs to go on; tensors on the CPU.

    Attributes:
        recipe, data: digests; a checkpoint of others is refused.
        place: device and threads that the bits depend on.
        optimiser: by index of the weight and name of the value.
    """

    recipe: str
    data: str
    place: str
    position: Position
    network: dict[str, Tensor]
    optimiser: dict[str, Tensor]
    ema: dict[str, Tensor]
    best: dict[str, Tensor]


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write a checkpoint.

    Raises:
        ExportError: it cannot be written; the one before stays.
    """
    tensors = {
        f"{group}/{name}": value.detach().cpu().contiguous().clone()
        for group in _GROUPS
        for name, value in getattr(checkpoint, group).items()
    }
    told = {
        "version": VERSION,
        "recipe": checkpoint.recipe,
        "data": checkpoint.data,
        "place": checkpoint.place,
        "position": asdict(checkpoint.position),
    }
    with replacing(path) as temporary:
        save_file(tensors, temporary, metadata={"medadv-training": json.dumps(told)})


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        TrainingError: missing, broken, or no checkpoint of this program.
    """
    groups: dict[str, dict[str, Tensor]] = {group: {} for group in _GROUPS}
    try:
        with safe_open(path, "pt") as file:
            told: dict[str, Any] = json.loads((file.metadata() or {})["medadv-training"])
            if told["version"] != VERSION:
                raise TrainingError(
                    f"has version {told['version']}; this program knows version {VERSION}",
                    subject=path,
                    remedy="Update this program",
                )
            for name in file.keys():  # noqa: SIM118  # no mapping
                group, _, rest = name.partition("/")
                groups[group][rest] = file.get_tensor(name)
        values = told["position"]
        history = tuple(EpochFigures(**epoch) for epoch in values["history"])
        position = Position(**values | {"history": history})
        return Checkpoint(told["recipe"], told["data"], told["place"], position, **groups)
    except FileNotFoundError:
        raise TrainingError(
            "there is no checkpoint to go on from",
            subject=path,
            remedy="Begin without --resume",
        ) from None
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise TrainingError(f"cannot be read as a checkpoint ({error})", subject=path) from None


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """What an optimiser remembers of every weight."""
    return {
        f"{index}/{name}": torch.as_tensor(value)
        for index, values in optimiser.state_dict()["state"].items()
        for name, value in values.items()
        if value is not None
    }


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """The memory of `optimiser_tensors` back into an optimiser of the same weights."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, _, key = name.partition("/")
        state.setdefault(int(index), {})[key] = value.clone()
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": state, "param_groups": groups})
