"""What a layer gives, and how it is read as feature maps: channels over places."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from medadv_desktop.errors import AnalysisError
from medadv_desktop.models.diagnostic import DiagnosticModel

LayerKind = Literal["maps", "tokens", "vector", "other"]
"""N×C×h×w; N×T×C over a square grid of patches; N×C; anything else."""


@dataclass(frozen=True)
class LayerReading:
    """How a layer's output is read.

    Attributes:
        kind: see `LayerKind`.
        shape: of one image's output, as the layer gives it.
        note: what a reader of the result should know; "" where there is nothing.
    """

    kind: LayerKind
    shape: tuple[int, ...]
    note: str = ""


def first_tensor(output: object) -> tuple[Tensor | None, str]:
    """The tensor in a layer's output that is looked at, and a note where it is not all of it.

    Of a tuple, list or dict the first floating-point tensor: what comes behind it is attention
    weights, hidden states or auxiliary scores by convention. None where there is none.
    """
    if isinstance(output, Tensor):
        if output.is_floating_point():
            return output, ""
        return None, f"gives {str(output.dtype).removeprefix('torch.')} values, no features"
    parts = list(output.values()) if isinstance(output, dict) else output
    if isinstance(parts, tuple | list):
        for place, part in enumerate(parts):
            if isinstance(part, Tensor) and part.is_floating_point():
                return part, f"gives {len(parts)} outputs; number {place + 1} is read"
    return None, f"gives a {type(output).__name__} without features"


def read_layer(tensor: Tensor, note: str = "") -> LayerReading:
    """How a batch of a layer's outputs, N×…, is read; `note` comes first in its own."""
    shape = tuple(tensor.shape[1:])
    if tensor.dim() == 4:
        return LayerReading("maps", shape, note)
    if tensor.dim() == 2:
        told = "gives one value a channel, without places"
        return LayerReading("vector", shape, "; ".join(filter(None, (note, told))))
    side = _grid_side(tensor)
    if side:
        extra = ", the class token left out" if side**2 < tensor.shape[1] else ""
        told = f"its tokens are read as {side}×{side} places{extra}"
        return LayerReading("tokens", shape, "; ".join(filter(None, (note, told))))
    told = f"gives {'×'.join(map(str, shape)) or 'one value'}, which are no maps"
    return LayerReading("other", shape, "; ".join(filter(None, (note, told))))


def as_maps(tensor: Tensor) -> Tensor | None:
    """N×C×h×w of a layer's outputs, a view; None where they have no places."""
    kind = read_layer(tensor).kind
    if kind == "maps":
        return tensor
    if kind != "tokens":
        return None
    side = _grid_side(tensor)
    patches = tensor[:, tensor.shape[1] - side**2 :]
    return patches.transpose(1, 2).reshape(len(tensor), -1, side, side)


def needs_maps(name: str, tensor: Tensor) -> Tensor:
    """As `as_maps`.

    Raises:
        AnalysisError: the outputs have no places.
    """
    maps = as_maps(tensor)
    if maps is None:
        raise AnalysisError(
            read_layer(tensor).note,
            subject=name,
            remedy="Choose a layer with feature maps, or integrated gradients or occlusion",
        )
    return maps


def _grid_side(tensor: Tensor) -> int:
    """h = w of N×T×C tokens, with or without one class token before them; 0 for anything else."""
    if tensor.dim() != 3:
        return 0
    count = tensor.shape[1]
    for patches in (count, count - 1):
        side = math.isqrt(max(patches, 0))
        if side >= 2 and side * side == patches:
            return side
    return 0


Visit = Callable[[str, object], object]
"""Takes a layer's name and output; what it returns, unless None, takes the output's place."""


@contextmanager
def visiting(model: DiagnosticModel, names: tuple[str, ...], visit: Visit) -> Iterator[None]:
    """Within the context, `visit` is called after each of the layers, in the order they run.

    Raises:
        ModelError: there is no such layer, or the network's layers cannot be read.
    """
    layers = [model.layer(name) for name in names]
    hooks = []
    try:
        for name, layer in zip(names, layers, strict=True):
            hooks.append(layer.register_forward_hook(_hook(name, visit)))
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _hook(name: str, visit: Visit) -> Callable[[nn.Module, object, object], object]:
    def after(_module: nn.Module, _inputs: object, output: object) -> object:
        return visit(name, output)

    return after


def check_batch(model: DiagnosticModel, images: Tensor, subject: str) -> None:
    """Refuse a batch whose layers cannot be read in one pass.

    Raises:
        AnalysisError: the network takes another number of images at a time.
    """
    size = model.images_at_a_time
    if size is not None and size != len(images):
        raise AnalysisError(
            f"the network of {model.card.name} takes {size} images at a time; its layers can be "
            f"read for that many only, not for {len(images)}",
            subject=subject,
            remedy="Export the network for any number of images",
        )


def layers_that_ran(model: DiagnosticModel, image: Tensor) -> tuple[tuple[str, LayerReading], ...]:
    """Every layer that one pass of 1×C×H×W runs, by when it last ended, and how it is read.

    A layer that passes on the very output of the one before it is left out.
    """
    found: dict[str, LayerReading] = {}
    last: list[tuple[Tensor, int]] = []

    def visit(name: str, output: object) -> None:
        tensor, note = first_tensor(output)
        if tensor is None or repeats(tensor, last):
            return
        found.pop(name, None)
        found[name] = read_layer(tensor, note)

    with torch.no_grad(), visiting(model, model.layers(), visit):
        model(image)
    return tuple(found.items())


def repeats(tensor: Tensor, last: list[tuple[Tensor, int]]) -> bool:
    """Whether a tensor is, unchanged, the one in `last`, which it then becomes.

    The version tells that an in-place layer has written to it since.
    """
    # Tensors made under inference mode count no versions.
    version = -1 if tensor.is_inference() else tensor._version
    same = bool(last) and last[0][0] is tensor and last[0][1] == version
    last[:] = [(tensor, version)]
    return same
