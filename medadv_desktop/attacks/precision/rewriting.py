"""A network in eval mode, rewritten to say the same with fewer passes over its feature maps."""

from __future__ import annotations

from torch import fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from medadv_desktop.attacks.precision.growing import grow_in_place
from medadv_desktop.attacks.precision.preactivation import fold_preactivations, pool_first
from medadv_desktop.attacks.precision.traced import Traced
from medadv_desktop.models.tracing import traced as traced_graph


def rewritten(network: nn.Module) -> nn.Module:
    """The network, equal up to rounding; as it is where it cannot be traced.

    A batch norm goes into the convolution before it; one that comes before a ReLU and convolutions
    goes into those, up to a shift; averages are pooled before a 1×1 convolution instead of behind
    it; feature maps that grow layer by layer are written once instead of copied by every layer.

    Args:
        network: in eval mode, its weights frozen; its modules are used and changed.
    """
    try:
        graph = traced_graph(network)
    except Exception:  # a forward that cannot be traced is left alone
        return network
    traced = Traced(graph)
    for rewrite in (fold_norms, fold_preactivations, pool_first, grow_in_place):
        rewrite(traced)
    graph.graph.lint()
    graph.recompile()
    graph.delete_all_unused_submodules()
    return graph


def fold_norms(traced: Traced) -> None:
    """Every convolution takes in the batch norm that directly follows it."""
    for node in list(traced.graph.nodes):
        norm = traced.norm(node)
        before = node.args[0] if norm is not None else None
        convolution = traced.module(before, nn.Conv2d)
        if norm is None or convolution is None or not isinstance(before, fx.Node):
            continue
        if len(before.users) == 1 and traced.called_once(before):
            traced.replace(before, fuse_conv_bn_eval(convolution, norm))
            node.replace_all_uses_with(before)
            traced.graph.erase_node(node)
