"""The file of a generator: safetensors with everything that a result must quote. Version 1.

A file of unfinished training also holds the optimiser's state, and training goes on from it.
Metadata is one JSON text under "medadv-gap": version, recipe, input shape, model (id and SHA-256 of
its weights), data set (fingerprint), epochs done, and for each of them loss and fooling rate.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from medadv_desktop.attacks.gap.networks import Generator
from medadv_desktop.attacks.gap.recipe import GapRecipe
from medadv_desktop.errors import AttackError, SettingsError
from medadv_desktop.files import replacing
from medadv_desktop.settings import parse

VERSION = 1
_KEY = "medadv-gap"
_OPTIMISER = "optimiser."


@dataclass(frozen=True)
class EpochFigures:
    """Means over one epoch: the loss, and the share of images whose decision changed."""

    loss: float
    fooling_rate: float


@dataclass(frozen=True)
class Origin:
    """What a generator was trained against and on.

    Attributes:
        model, model_sha256: id of the card, digest of the weights.
        data_sha256: fingerprint of the training images; "" where they had none.
        samples: how many there were.
    """

    model: str
    model_sha256: str
    data_sha256: str
    samples: int


@dataclass(frozen=True, eq=False)
class TrainedGenerator:
    """A generator with its history.

    Attributes:
        generator: on the CPU, in eval mode, weights frozen.
        shape: C, H, W of the images it was made for.
        epochs: figures of the epochs done.
        optimiser: what Adam remembers, by "name of the weight/quantity"; {} when training is over.
    """

    recipe: GapRecipe
    generator: Generator
    shape: tuple[int, int, int]
    origin: Origin
    epochs: tuple[EpochFigures, ...]
    optimiser: dict[str, Tensor]

    @property
    def finished(self) -> bool:
        return len(self.epochs) >= self.recipe.epochs


def save(trained: TrainedGenerator, path: Path) -> None:
    """Write a generator, whole or not at all.

    Raises:
        ExportError: the folder or file cannot be written.
    """
    head = {
        "version": VERSION,
        "recipe": trained.recipe.model_dump(),
        "shape": trained.shape,
        "origin": asdict(trained.origin),
        "epochs": [asdict(figures) for figures in trained.epochs],
    }
    tensors = {k: v.detach().cpu().contiguous() for k, v in trained.generator.state_dict().items()}
    tensors |= {_OPTIMISER + k: v.detach().cpu() for k, v in trained.optimiser.items()}
    with replacing(path) as temporary:
        save_file(tensors, temporary, metadata={_KEY: json.dumps(head)})


def load(path: Path) -> TrainedGenerator:
    """Read a generator.

    Raises:
        AttackError: missing, no generator, of a newer version, or damaged.
    """
    try:
        with safe_open(path, framework="pt") as stream:
            text = (stream.metadata() or {}).get(_KEY, "")
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        reason = "does not exist" if not path.exists() else f"cannot be read ({error})"
        raise AttackError(reason, subject=path, remedy="Choose a trained generator") from None
    if not text:
        raise AttackError(
            "is no perturbation generator", subject=path, remedy="Train one by medadv gap train"
        )
    try:
        head = json.loads(text)
        version = int(head["version"])
        if version > VERSION:
            raise AttackError(
                f"is of version {version}; this program reads up to {VERSION}",
                subject=path,
                remedy="Update the program",
            )
        recipe = parse(GapRecipe, head["recipe"])
        channels, height, width = (int(n) for n in head["shape"])
        weights = {k: v for k, v in tensors.items() if not k.startswith(_OPTIMISER)}
        with torch.random.fork_rng(devices=[]):  # the first weights are drawn, and thrown away
            generator = Generator(recipe, (channels, height, width))
        generator.to(next(iter(weights.values())).dtype).load_state_dict(weights)
        return TrainedGenerator(
            recipe=recipe,
            generator=generator.eval().requires_grad_(False),
            shape=(channels, height, width),
            origin=Origin(**head["origin"]),
            epochs=tuple(EpochFigures(**figures) for figures in head["epochs"]),
            optimiser={
                k.removeprefix(_OPTIMISER): v
                for k, v in tensors.items()
                if k.startswith(_OPTIMISER)
            },
        )
    except (KeyError, TypeError, ValueError, RuntimeError, SettingsError) as error:
        raise AttackError(
            f"is a damaged generator ({str(error).splitlines()[0]})",
            subject=path,
            remedy="Copy it again, or train it anew",
        ) from None
