"""Batch norms that stand before what they belong to: norm → ReLU → convolution."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from medadv_desktop.attacks.precision.traced import Traced, slope_and_shift

_TINY = 1e-12  # slopes below stay where they are, lest shift over slope overflows


class ShiftedReLU(nn.Module):
    """max(0, slope·x + shift) of N×C×H×W, where slopes are mostly ±1; gradients flow to x alone.

    Args:
        slope, shift: C.
    """

    slope: Tensor | None
    shift: Tensor

    def __init__(self, slope: Tensor, shift: Tensor) -> None:
        super().__init__()
        self.channels = len(shift)
        plain = bool((slope == 1).all())
        self.register_buffer("slope", None if plain else slope[:, None, None])
        self.register_buffer("shift", shift[:, None, None])

    def forward(self, maps: Tensor) -> Tensor:
        shift = self.shift.to(maps.dtype)
        if self.slope is None:
            return torch.relu_(maps + shift)
        return torch.relu_(torch.addcmul(shift, maps, self.slope.to(maps.dtype)))


def fold_preactivations(traced: Traced) -> None:
    """A norm that only convolutions read, through a ReLU: its slopes go into their weights.

    relu(s·x + b) = |s|·relu(±x + b/|s|), so what is left is a shift and, where s is negative, a
    sign. Padding with zeros stays true: |s|·0 = 0.
    """
    for node in list(traced.graph.nodes):
        norm = traced.norm(node)
        relu = _relu_behind(traced, node) if norm is not None else None
        if norm is None or relu is None or not traced.called_once(node):
            continue
        readers = {reader: traced.module(reader, nn.Conv2d) for reader in relu.users}
        convolutions = {
            reader: convolution
            for reader, convolution in readers.items()
            if convolution is not None and convolution.groups == 1 and traced.called_once(reader)
        }
        if not convolutions or len(convolutions) < len(readers):
            continue
        slope, shift = slope_and_shift(norm)
        size = torch.where(slope.abs() > _TINY, slope.abs(), 1)
        for reader, convolution in convolutions.items():
            traced.replace(reader, _scaled(convolution, size))
        traced.replace(node, ShiftedReLU(slope / size, shift / size))
        relu.replace_all_uses_with(node)
        traced.graph.erase_node(relu)


def pool_first(traced: Traced) -> None:
    """A 1×1 convolution whose output is only averaged over patches works on the averages instead.

    Both are linear and neither looks where the other does, so they may change places.
    """
    for node in list(traced.graph.nodes):
        pool = traced.module(node, nn.AvgPool2d)
        before = node.args[0] if pool is not None else None
        convolution = traced.module(before, nn.Conv2d)
        if pool is None or convolution is None or not isinstance(before, fx.Node):
            continue
        if len(before.users) == 1 and _averages(pool) and _is_pointwise(convolution):
            node.replace_all_uses_with(before)
            node.args = before.args
            before.args = (node,)
            node.append(before)


def _relu_behind(traced: Traced, norm: fx.Node) -> fx.Node | None:
    """The ReLU that is the norm's only reader, if there is one."""
    reader = next(iter(norm.users), None)
    if reader is None or len(norm.users) > 1 or reader.args[:1] != (norm,):
        return None
    functions: dict[str, tuple[object, ...]] = {
        "call_function": (F.relu, torch.relu, torch.relu_),
        "call_method": ("relu", "relu_"),
    }
    is_module = traced.module(reader, nn.ReLU) is not None
    return reader if is_module or reader.target in functions.get(reader.op, ()) else None


def _scaled(convolution: nn.Conv2d, size: Tensor) -> nn.Conv2d:
    """The convolution with the weights of every input channel times its size."""
    scaled = copy.deepcopy(convolution)
    weight = convolution.weight.detach() * size[:, None, None]
    scaled.weight = nn.Parameter(weight, requires_grad=False)
    return scaled


def _averages(pool: nn.AvgPool2d) -> bool:
    """Whether weights sum to 1 everywhere, so that a bias passes, and patches do not overlap."""
    return (
        _pair(pool.padding) == (0, 0)
        and not pool.ceil_mode
        and pool.divisor_override is None
        and _pair(pool.stride) == _pair(pool.kernel_size)
    )


def _is_pointwise(convolution: nn.Conv2d) -> bool:
    ones = (1, 1)
    alike = convolution.kernel_size == convolution.stride == ones
    return alike and convolution.padding in ((0, 0), "valid", "same")


def _pair(size: int | tuple[int, int]) -> tuple[int, int]:
    return size if isinstance(size, tuple) else (size, size)
