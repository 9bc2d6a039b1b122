"""A network in eval mode, its batch norms inside its convolutions, over the weights as they are.

In eval mode a batch norm behind a convolution is a factor and a shift of each channel, which the
convolution's own weights can take in: the same function with fewer passes over the feature maps,
equal up to rounding. `attacks.precision` does so once on a copy of a finished network; here weights
change with every step, so the layers are found once and their weights folded anew for each attack.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor, fx, nn

from medadv_desktop.models.diagnostic import DiagnosticModel
from medadv_desktop.models.tracing import traced as traced_graph

_ALIKE: Final = 1e-2
"""Largest difference of logits, relative to the largest, that folding may make in full precision.

Rounding makes a thousandth of that; a network traced wrongly makes more. It must not be near to
either: a training that is resumed decides anew, with other weights, and to the same end.
"""

Forward = Callable[[Tensor], Tensor]


class _Folded(nn.Module):
    """A convolution and the norm behind it as one; it owns neither of them."""

    def __init__(self, convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        self._pair = (convolution, norm)  # in a tuple, lest they become its submodules
        self.weight: Tensor | None = None
        self.bias: Tensor | None = None

    def refresh(self) -> None:
        """Fold the weights as they stand; without graph."""
        convolution, norm = self._pair
        mean, variance = norm.running_mean, norm.running_var
        assert mean is not None
        assert variance is not None
        with torch.no_grad():
            scale = (variance + norm.eps).rsqrt()
            if norm.affine:
                scale = scale * norm.weight
            shift = -mean if convolution.bias is None else convolution.bias - mean
            self.weight = convolution.weight * scale[:, None, None, None]
            self.bias = shift * scale + norm.bias if norm.affine else shift * scale

    def forward(self, images: Tensor) -> Tensor:
        convolution = self._pair[0]
        assert self.weight is not None
        result: Tensor = convolution._conv_forward(images, self.weight, self.bias)
        return result


class _View:
    """The folded form of one network."""

    def __init__(self, forward: Forward, folded: list[_Folded]) -> None:
        self.forward = forward
        self.folded = folded

    def refreshed(self) -> Forward:
        for part in self.folded:
            part.refresh()
        return self.forward


_views: weakref.WeakKeyDictionary[nn.Module, _View | None] = weakref.WeakKeyDictionary()


def folded(network: nn.Module, images: Tensor) -> Forward:
    """From images to logits as `network`, which is in eval mode, has them at this moment.

    The network itself where nothing can be folded: it cannot be traced, has no norm directly behind
    a convolution, or would not say the same.

    Args:
        network: with the same modules as when it was first seen; weights may have changed.
        images: n×C×H×W; at the first time both forms must agree on the first of them.
    """
    if network not in _views:
        _views[network] = _made(network, images[:1])
    view = _views[network]
    return network if view is None else view.refreshed()


def _made(network: nn.Module, image: Tensor) -> _View | None:
    inner = network.network if isinstance(network, DiagnosticModel) else network
    try:
        graph = traced_graph(inner)
    except Exception:  # any Python may stand in a forward; then it is used as it is
        return None
    parts = _fold(graph)
    if not parts:
        return None
    view = _View(_within(network, graph), parts)
    with torch.no_grad(), torch.autocast(image.device.type, enabled=False):
        theirs, ours = network(image), view.refreshed()(image)
    spread = theirs.abs().amax().clamp_min(1e-6)
    return view if bool((ours - theirs).abs().amax() <= _ALIKE * spread) else None


def _within(network: nn.Module, graph: fx.GraphModule) -> Forward:
    """The folded network between normalisation and reading of a diagnostic model."""
    if not isinstance(network, DiagnosticModel):
        return graph
    # Weakly, for the network is the key that this hangs on: it would keep itself alive.
    outer = weakref.ref(network)

    def forward(images: Tensor) -> Tensor:
        model = outer()
        assert model is not None
        return model.reading(graph((images - model.mean) / model.std))

    return forward


def _fold(graph: fx.GraphModule) -> list[_Folded]:
    """Put one module in place of each convolution and the norm behind it."""
    modules = dict(graph.named_modules())
    calls = [node.target for node in graph.graph.nodes if node.op == "call_module"]
    parts: list[_Folded] = []
    for node in list(graph.graph.nodes):
        norm = modules.get(node.target) if node.op == "call_module" else None
        before = node.args[0] if node.args else None
        if not isinstance(norm, nn.BatchNorm2d) or not isinstance(before, fx.Node):
            continue
        convolution = modules.get(str(before.target)) if before.op == "call_module" else None
        once = calls.count(node.target) == 1 == calls.count(before.target)
        alone = len(before.users) == 1 and norm.track_running_stats
        if type(convolution) is not nn.Conv2d or not once or not alone:
            continue
        part = _Folded(convolution, norm)
        name = f"folded_{len(parts)}"
        graph.add_submodule(name, part)
        before.target = name
        node.replace_all_uses_with(before)
        graph.graph.erase_node(node)
        parts.append(part)
    graph.recompile()
    return parts
