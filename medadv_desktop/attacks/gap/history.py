"""What is told of a generator's training, while it runs and by the head of its file. No torch."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.attacks.gap.recipe import GapRecipe
from medadv_desktop.errors import AttackError, SettingsError
from medadv_desktop.settings import parse

VERSION = 1
KEY = "medadv-gap"
_LARGEST_HEAD = 1 << 24


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


@dataclass(frozen=True)
class GeneratorHead:
    """All that the file of a generator says of it, without its weights.

    Attributes:
        shape: C, H, W of the images it was made for.
        epochs: figures of the epochs done.
    """

    recipe: GapRecipe
    shape: tuple[int, int, int]
    origin: Origin
    epochs: tuple[EpochFigures, ...]

    @property
    def finished(self) -> bool:
        return len(self.epochs) >= self.recipe.epochs


@dataclass(frozen=True, eq=False)
class GapPreview:
    """How training stands, as the `value` of a `jobs.Partial`.

    Attributes:
        epoch, epochs: the running one, counted from 1, of how many.
        loss: of the last batch.
        fooling_rate: share of the epoch's images so far whose decision changed.
        original, adversarial: one image, C×H×W float32, the same in every preview.
        history: figures of the epochs done.
        seen, samples: images of the epoch so far, of how many (0 where nobody knows).
    """

    epoch: int
    epochs: int
    loss: float
    fooling_rate: float
    original: NDArray[np.float32]
    adversarial: NDArray[np.float32]
    history: tuple[EpochFigures, ...]
    seen: int = 0
    samples: int = 0

    @property
    def epochs_done(self) -> float:
        """Epochs behind us, the running one by the share of its images."""
        return self.epoch - 1 + (min(self.seen / self.samples, 1.0) if self.samples else 0.0)


def read_head(path: Path) -> GeneratorHead:
    """What the file of a generator says of it; its weights are not read.

    The head of a safetensors file is 8 bytes, little-endian, of its length, then JSON whose
    "__metadata__" are texts by name.

    Raises:
        AttackError: missing, no generator, of a newer version, or damaged.
    """
    try:
        with path.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            text = stream.read(length) if length <= _LARGEST_HEAD else b""
        named = json.loads(text)["__metadata__"][KEY]
    except OSError as error:
        reason = "does not exist" if not path.exists() else f"cannot be read ({error.strerror})"
        raise AttackError(reason, subject=path, remedy="Choose a trained generator") from None
    except (ValueError, KeyError, TypeError):
        raise no_generator(path) from None
    return parsed_head(named, path)


def parsed_head(text: str, path: Path) -> GeneratorHead:
    """The metadata of a file.

    Raises:
        AttackError: of a newer version, or damaged.
    """
    try:
        head: dict[str, Any] = json.loads(text)
        version = int(head["version"])
        if version > VERSION:
            raise AttackError(
                f"is of version {version}; this program reads up to {VERSION}",
                subject=path,
                remedy="Update the program",
            )
        channels, height, width = (int(n) for n in head["shape"])
        return GeneratorHead(
            recipe=parse(GapRecipe, head["recipe"]),
            shape=(channels, height, width),
            origin=Origin(**head["origin"]),
            epochs=tuple(EpochFigures(**figures) for figures in head["epochs"]),
        )
    except (KeyError, TypeError, ValueError, SettingsError) as error:
        raise damaged(path, error) from None


def no_generator(path: Path) -> AttackError:
    """A file that is something else."""
    return AttackError(
        "is no perturbation generator", subject=path, remedy="Train one by medadv gap train"
    )


def damaged(path: Path, why: Exception) -> AttackError:
    """A file that was a generator once."""
    return AttackError(
        f"is a damaged generator ({next(iter(str(why).splitlines()), 'empty')})",
        subject=path,
        remedy="Copy it again, or train it anew",
    )
