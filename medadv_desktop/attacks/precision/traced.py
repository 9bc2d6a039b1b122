"""A network as a graph of calls of its modules, to be rewritten."""

from __future__ import annotations

from collections import Counter
from typing import TypeVar

import torch
from torch import Tensor, fx, nn

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")

Kind = TypeVar("Kind", bound=nn.Module)


class Traced:
    """A traced network with its modules as they stand, and how often each is called."""

    def __init__(self, network: fx.GraphModule) -> None:
        self.network = network
        self.graph = network.graph
        self._modules = dict(network.named_modules())
        self._calls = Counter(n.target for n in self.graph.nodes if n.op == "call_module")

    def module(self, node: object, kind: type[Kind]) -> Kind | None:
        """The module that the node calls, if it is of just this kind and has no hooks.

        No subclasses: one with parametrised weights, say, makes them anew at every call.
        """
        if not isinstance(node, fx.Node) or node.op != "call_module" or node.kwargs:
            return None
        module = self._modules.get(str(node.target))
        if type(module) is not kind or any(getattr(module, name) for name in _HOOKS):
            return None
        return module

    def norm(self, node: object) -> nn.BatchNorm2d | None:
        """The batch norm that the node calls, if its statistics are fixed."""
        norm = self.module(node, nn.BatchNorm2d)
        return norm if norm is not None and norm.track_running_stats else None

    def called_once(self, node: fx.Node) -> bool:
        """Whether no other node calls the same module."""
        return self._calls[node.target] == 1

    def replace(self, node: fx.Node, module: nn.Module) -> None:
        """Let the node, the only one to call its module, call another."""
        self.network.set_submodule(str(node.target), module)
        self._modules[str(node.target)] = module


def slope_and_shift(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """The norm of C channels as slope·x + shift, both C."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    slope = torch.rsqrt(norm.running_var + norm.eps)
    if norm.affine:
        slope = slope * norm.weight
    shift = -norm.running_mean * slope
    return slope, shift + norm.bias if norm.affine else shift
