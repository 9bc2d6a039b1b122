"""What perturbations prepared beforehand share: origin, figures, previews and files. No torch.

A file is safetensors with one JSON text in its metadata, under the key of its kind: version,
recipe, origin, figures of each epoch, and what the kind adds. Where torch is not at hand the text
alone is read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.errors import AttackError

if TYPE_CHECKING:
    from torch import Tensor

    from medadv_desktop.attacks.session import Session
    from medadv_desktop.models.diagnostic import DiagnosticModel

_LARGEST_HEAD = 1 << 24


@dataclass(frozen=True)
class EpochFigures:
    """Means over one epoch: the loss, and the share of images on which it works."""

    loss: float
    rate: float


@dataclass(frozen=True)
class Origin:
    """What a perturbation was prepared against and on.

    Attributes:
        model, model_sha256: id of the card, digest of the weights.
        data_sha256: fingerprint of the images; "" where they had none.
        samples: how many there were.
    """

    model: str
    model_sha256: str
    data_sha256: str
    samples: int


@dataclass(frozen=True, eq=False)
class PreparationPreview:
    """How a training or fit stands, as the `value` of a `jobs.Partial`.

    Attributes:
        epoch, epochs: the running one, counted from 1, of how many.
        loss: of the last batch.
        rate: share of the epoch's images so far on which it works.
        original, adversarial: one image, C×H×W float32, the same in every preview.
        history: figures of the epochs done.
        seen, samples: images of the epoch so far, of how many (0 where nobody knows).
    """

    epoch: int
    epochs: int
    loss: float
    rate: float
    original: NDArray[np.float32]
    adversarial: NDArray[np.float32]
    history: tuple[EpochFigures, ...]
    seen: int = 0
    samples: int = 0

    @property
    def epochs_done(self) -> float:
        """Epochs behind us, the running one by the share of its images."""
        return self.epoch - 1 + (min(self.seen / self.samples, 1.0) if self.samples else 0.0)


def as_pixels(images: Tensor) -> NDArray[np.float32]:
    """The first of N×C×H×W for a preview: a copy on the CPU."""
    import torch

    return images[0].detach().to("cpu", torch.float32, copy=True).contiguous().numpy()


@dataclass(frozen=True)
class FileKind:
    """A kind of file, and the words in which it is spoken of.

    Attributes:
        key: of the metadata; `version` is the newest that is read.
        title, noun: "perturbation generator", "generator".
        verb, made: "train", "trained".
        source: where such a file comes from.
        rate: what the figures call their rate: "fooling_rate".
    """

    key: str
    version: int
    title: str
    noun: str
    verb: str
    made: str
    source: str
    rate: str

    def figures_out(self, epochs: Iterable[EpochFigures]) -> list[dict[str, float]]:
        """Figures as the file holds them."""
        return [{"loss": figures.loss, self.rate: figures.rate} for figures in epochs]

    def figures_in(self, plain: Iterable[dict[str, Any]]) -> tuple[EpochFigures, ...]:
        """Figures out of the file.

        Raises:
            KeyError, TypeError, ValueError: they are none.
        """
        return tuple(EpochFigures(float(f["loss"]), float(f[self.rate])) for f in plain)

    def head(self, text: str, path: Path) -> dict[str, Any]:
        """The values in the metadata.

        Raises:
            AttackError: something else, of a newer version, or damaged.
        """
        if not text:
            raise self.another(path)
        try:
            head: dict[str, Any] = json.loads(text)
            version = int(head["version"])
        except (KeyError, TypeError, ValueError) as error:
            raise self.damaged(path, error) from None
        if version > self.version:
            raise AttackError(
                f"is of version {version}; this program reads up to {self.version}",
                subject=path,
                remedy="Update the program",
            )
        return head

    def missing(self, path: Path, why: Exception) -> AttackError:
        """A file that cannot be opened."""
        told = why.strerror if isinstance(why, OSError) and why.strerror else why
        reason = "does not exist" if not path.exists() else f"cannot be read ({told})"
        return AttackError(reason, subject=path, remedy=f"Choose a {self.made} {self.noun}")

    def another(self, path: Path) -> AttackError:
        """A file that is something else."""
        return AttackError(f"is no {self.title}", subject=path, remedy=self.source)

    def damaged(self, path: Path, why: Exception) -> AttackError:
        """A file that was one once."""
        return AttackError(
            f"is a damaged {self.noun} ({next(iter(str(why).splitlines()), 'empty')})",
            subject=path,
            remedy=f"Copy it again, or {self.verb} it anew",
        )


def named_text(path: Path, kind: FileKind) -> str:
    """The metadata under the key of a kind; tensors are not read.

    The head of a safetensors file is 8 bytes, little-endian, of its length, then JSON whose
    "__metadata__" are texts by name.

    Raises:
        AttackError: missing, or something else.
    """
    try:
        with path.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            text = stream.read(length) if length <= _LARGEST_HEAD else b""
        return str(json.loads(text)["__metadata__"][kind.key])
    except OSError as error:
        raise kind.missing(path, error) from None
    except (ValueError, KeyError, TypeError):
        raise kind.another(path) from None


def read_whole(path: Path, kind: FileKind) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The values in the metadata, and all tensors by name.

    Raises:
        AttackError: missing, something else, of a newer version, or damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as stream:
            head = kind.head((stream.metadata() or {}).get(kind.key, ""), path)
            return head, {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise kind.missing(path, error) from None


def check_made_for(
    kind: FileKind,
    path: str,
    shape: Sequence[int],
    largest: float,
    model: DiagnosticModel,
    epsilon: float | None,
) -> None:
    """Refuse what was prepared for images of another size, or a budget beyond its own.

    Args:
        shape: C, H, W that it was prepared for.
        largest: the budget that it was prepared for.
        epsilon: the one asked for, None for that.

    Raises:
        AttackError: it does not fit.
    """
    if tuple(shape) != model.card.input_shape:
        made, takes = ("×".join(map(str, s)) for s in (shape, model.card.input_shape))
        raise AttackError(
            f"was {kind.made} for images of {made}; {model.card.name} takes {takes}",
            subject=path,
            remedy=f"{kind.verb.capitalize()} a {kind.noun} for this model",
        )
    if epsilon is not None and epsilon > largest:
        raise AttackError(
            f"the {kind.noun} was {kind.made} for a budget of {largest:.4g}",
            subject="epsilon",
            remedy=f"Choose at most that, or {kind.verb} another",
        )


def warn_of_transfer(kind: FileKind, origin: Origin, session: Session) -> None:
    """Say so where it was prepared against other weights."""
    own = session.model.card
    if origin.model_sha256 != own.sha256:
        session.warn(
            f"the {kind.noun} was {kind.made} against {origin.model}: on {own.name} this is a "
            "transfer attack"
        )
