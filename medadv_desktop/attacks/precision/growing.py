"""Feature maps that every layer adds to, as in a DenseNet: written once, into room kept for all.

Huang, Liu, van der Maaten, Weinberger: Densely Connected Convolutional Networks, CVPR 2017. As a
network is written, layer ℓ copies the maps of all ℓ layers before it together. Here each layer's
maps are put behind the others, and what a layer reads is the beginning of one stretch of memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.autograd.function import once_differentiable

from medadv_desktop.attacks.precision.preactivation import ShiftedReLU
from medadv_desktop.attacks.precision.traced import Traced


def with_room(maps: Tensor, channels: int) -> Tensor:
    """A copy of the maps, N×C×H×W, with room behind them for `channels` in all, to `grow` into."""
    grown: Tensor = _WithRoom.apply(maps, channels)
    return grown


def grow(maps: Tensor, more: Tensor) -> Tensor:
    """`torch.cat([maps, more], 1)` in the room that `with_room` made behind the maps.

    Nothing is copied but `more`, and `maps` stay as they are. Only once for any maps: growing
    them again would write over what they have grown by.
    """
    grown: Tensor = _Grown.apply(maps, more)
    return grown


class _WithRoom(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, maps: Tensor, channels: int) -> Tensor:  # noqa: ARG004
        count, _, height, width = maps.shape
        room = torch.empty(
            (count, channels, height, width),
            dtype=maps.dtype,
            device=maps.device,
            memory_format=torch.channels_last,
        )
        return _start(room, maps.shape[1], room.stride()).copy_(maps)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # noqa: ARG004
        return gradient, None


class _Grown(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, maps: Tensor, more: Tensor) -> Tensor:
        ctx.before = maps.shape[1]
        grown = _start(maps, ctx.before + more.shape[1], maps.stride())
        grown[:, ctx.before :].copy_(more)
        return grown

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        return gradient[:, : ctx.before], gradient[:, ctx.before :]


def _start(room: Tensor, channels: int, stride: tuple[int, ...]) -> Tensor:
    """The first channels of the memory of `room`.

    No view: autograd would take what is written behind it for a change of it.
    """
    count, _, height, width = room.shape
    size = (count, channels, height, width)
    start = torch.empty(0, dtype=room.dtype, device=room.device)
    return start.set_(room.untyped_storage(), 0, size, stride)


@dataclass(frozen=True, eq=False)
class _Joining:
    """A concatenation of channels; the last `added` parts are new to its chain."""

    node: fx.Node
    parts: tuple[fx.Node, ...]
    added: int


_Chain = list[_Joining]


def grow_in_place(traced: Traced) -> None:
    """Concatenations of channels that each begin with the one before it, as a growing stretch.

    Only where all that read them are batch norms and `ShiftedReLU`s, which change nothing in place.
    """
    for chain in _chains(traced.graph):
        channels = _channels(traced, chain)
        if len(chain) > 1 and channels is not None:
            _replace(traced.graph, chain, channels)


def _chains(graph: fx.Graph) -> list[_Chain]:
    """Runs of concatenations, each with what it adds to the one before it.

    Every concatenation is continued by one other at most: two would write into the same room.
    """
    chains: list[_Chain] = []
    for node in graph.nodes:
        parts = _joined(node)
        if parts is None:
            continue
        for chain in chains:
            last = chain[-1]
            # Either [last, more…] or, spelt out, [all that last consists of, more…].
            starts = [s for s in ((last.node,), last.parts) if parts[: len(s)] == s != parts]
            if starts:
                chain.append(_Joining(node, parts, len(parts) - len(starts[0])))
                break
        else:
            chains.append([_Joining(node, parts, len(parts))])
    return chains


def _joined(node: fx.Node) -> tuple[fx.Node, ...] | None:
    """What the node joins along the channels; None if it does something else."""
    if node.op != "call_function" or node.target not in (torch.cat, torch.concat):
        return None
    parts = node.args[0] if node.args else node.kwargs.get("tensors")
    along = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim")
    if along != 1 or not isinstance(parts, list | tuple) or "out" in node.kwargs:
        return None
    nodes = tuple(part for part in parts if isinstance(part, fx.Node))
    return nodes if nodes and len(nodes) == len(parts) else None


def _channels(traced: Traced, chain: _Chain) -> int | None:
    """The channels of the last concatenation; None where a reader might not leave them alone."""
    members = {joining.node for joining in chain}
    channels: int | None = None
    for joining in chain:
        channels = None
        for reader in set(joining.node.users) - members:
            relu, norm = traced.module(reader, ShiftedReLU), traced.module(reader, nn.BatchNorm2d)
            if relu is not None:
                channels = relu.channels
            elif norm is not None:
                channels = norm.num_features
            else:
                return None
    return channels


def _replace(graph: fx.Graph, chain: _Chain, channels: int) -> None:
    grown: fx.Node | None = None
    for joining in chain:
        parts = _joined(joining.node) or ()  # anew: what stood in them may be replaced by now
        with graph.inserting_before(joining.node):
            if grown is None:
                whole = graph.call_function(torch.cat, (parts, 1)) if len(parts) > 1 else parts[0]
                grown = graph.call_function(with_room, (whole, channels))
            else:
                for maps in parts[-joining.added :]:
                    grown = graph.call_function(grow, (grown, maps))
        joining.node.replace_all_uses_with(grown)
        graph.erase_node(joining.node)
