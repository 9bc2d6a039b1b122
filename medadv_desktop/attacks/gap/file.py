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
from safetensors.torch import save_file
from torch import Tensor

from medadv_desktop.attacks.gap.history import parsed_head
from medadv_desktop.attacks.gap.networks import Generator
from medadv_desktop.attacks.gap.recipe import GENERATOR, GapRecipe
from medadv_desktop.attacks.prepared import EpochFigures, Origin, read_whole
from medadv_desktop.files import replacing

_OPTIMISER = "optimiser."


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
        "version": GENERATOR.version,
        "recipe": trained.recipe.model_dump(),
        "shape": trained.shape,
        "origin": asdict(trained.origin),
        "epochs": GENERATOR.figures_out(trained.epochs),
    }
    tensors = {k: v.detach().cpu().contiguous() for k, v in trained.generator.state_dict().items()}
    tensors |= {_OPTIMISER + k: v.detach().cpu() for k, v in trained.optimiser.items()}
    with replacing(path) as temporary:
        save_file(tensors, temporary, metadata={GENERATOR.key: json.dumps(head)})


def load(path: Path) -> TrainedGenerator:
    """Read a generator.

    Raises:
        AttackError: missing, no generator, of a newer version, or damaged.
    """
    plain, tensors = read_whole(path, GENERATOR)
    head = parsed_head(plain, path)
    try:
        weights = {k: v for k, v in tensors.items() if not k.startswith(_OPTIMISER)}
        with torch.random.fork_rng(devices=[]):  # the first weights are drawn, and thrown away
            generator = Generator(head.recipe, head.shape)
        generator.to(next(iter(weights.values())).dtype).load_state_dict(weights)
    except (KeyError, TypeError, ValueError, RuntimeError, StopIteration) as error:
        raise GENERATOR.damaged(path, error) from None
    return TrainedGenerator(
        recipe=head.recipe,
        generator=generator.eval().requires_grad_(False),
        shape=head.shape,
        origin=head.origin,
        epochs=head.epochs,
        optimiser={
            k.removeprefix(_OPTIMISER): v for k, v in tensors.items() if k.startswith(_OPTIMISER)
        },
    )
