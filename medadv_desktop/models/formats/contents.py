"""What comes out of a model file, and what a reader needs to know to open it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from medadv_desktop.errors import ModelError

_CPU = torch.device("cpu")


@dataclass(frozen=True)
class Opening:
    """How to open a file.

    Attributes:
        shape: channels, height, width of the input, for those that must be tried out; None where
            it is not known yet.
        device: where the network will run.
        allow_code: the user agreed that the file's Python code runs.
        factory: name of the factory function in a Python file; "" to find it.
        sha256: what the content of a Python file must hash to; "" for any.
    """

    shape: tuple[int, int, int] | None = None
    device: torch.device = _CPU
    allow_code: bool = False
    factory: str = ""
    sha256: str = ""


@dataclass(frozen=True)
class Weights:
    """Tensors by name, for an architecture. `notes` tell what was left out or converted."""

    state: dict[str, Tensor]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Network:
    """A network that a file holds.

    Attributes:
        module: N×C×H×W in, whatever it gives out.
        white_box: gradients pass through it.
        shape: channels, height, width that the file says, 0 where it leaves them open; None where
            it does not say.
        undone: the sigmoid or softmax at its end that was already taken off; "" for none.
        notes: what was left out or converted.
    """

    module: nn.Module
    white_box: bool = True
    shape: tuple[int, int, int] | None = None
    undone: str = ""
    notes: tuple[str, ...] = ()


Content = Weights | Network


class FixedBatch(nn.Module):
    """A network that takes exactly `size` images at a time, for any number of them."""

    def __init__(self, network: nn.Module, size: int) -> None:
        super().__init__()
        self.network = network
        self.size = size

    def forward(self, images: Tensor) -> Tensor:
        """N×C×H×W to the network's first output for each image."""
        results = []
        for start in range(0, len(images), self.size):
            chunk = images[start : start + self.size]
            lacking = self.size - len(chunk)
            filled = torch.cat((chunk, chunk[-1:].expand(lacking, -1, -1, -1)))
            results.append(first_tensor(self.network(filled))[: len(chunk)])
        return torch.cat(results)


def first_tensor(output: object) -> Tensor:
    """The scores in a network's output: itself, or the first of a tuple, list or dict.

    Attention maps, auxiliary heads and features come after them by convention.

    Raises:
        ModelError: there is no tensor in it.
    """
    if isinstance(output, Tensor):
        return output
    parts: object = output
    if isinstance(output, dict):
        named = output.get("logits")
        if isinstance(named, Tensor):
            return named
        parts = tuple(output.values())
    if isinstance(parts, tuple | list):
        for part in parts:
            if isinstance(part, Tensor):
                return part
    raise ModelError(f"the network gives a {type(output).__name__} instead of scores")


@contextmanager
def refusing(
    path: Path, what: str, kinds: tuple[type[Exception], ...] = (Exception,)
) -> Iterator[None]:
    """Turn a library's complaint about a broken file into ours: file, what it should be, cause."""
    try:
        yield
    except ModelError:
        raise
    except kinds as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise ModelError(
            f"is not a {what}, or is cut short or damaged ({lines[0][:200]})",
            subject=path,
            remedy="Copy it again, or export the model again",
        ) from None
