"""A faster copy of a network for searching; what counts is judged by the network itself."""

from __future__ import annotations

import copy
import weakref
from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from medadv_desktop.models.diagnostic import DiagnosticModel

_ALIKE = 1e-3  # largest difference of logits, relative to their spread, that folding may make


@dataclass(frozen=True, eq=False)
class _Kept:
    """A copy, and the state of the weights that it was made from."""

    copy: DiagnosticModel
    state: tuple[object, ...]


_copies: weakref.WeakKeyDictionary[DiagnosticModel, _Kept] = weakref.WeakKeyDictionary()


def fast_copy(model: DiagnosticModel, images: Tensor) -> DiagnosticModel:
    """The model with batch norms folded into convolutions and weights in channels-last order.

    The model itself where nothing can be gained or the copy would not say the same: no gradients,
    another type than float32, a network that cannot be traced and has no convolutions.

    Args:
        images: N×C×H×W; the copy must agree on the first.

    A copy is kept until the model's weights change or the model is gone.
    """
    if not model.white_box or images.dtype != torch.float32:
        return model
    state = _state(model)
    kept = _copies.get(model)
    if kept is None or kept.state != state:
        kept = _Kept(_agreeing(model, images[:1]), state)
        _copies[model] = kept
    # Never the model itself in its own entry: the key would keep itself alive.
    return model if kept.copy.card is not model.card else kept.copy


def computes_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies matrices of bfloat16 in hardware."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        names = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
        return any(bool(getattr(torch.cpu, name, bool)()) for name in names)
    return False


def _agreeing(model: DiagnosticModel, images: Tensor) -> DiagnosticModel:
    with torch.no_grad():
        quick: DiagnosticModel = DiagnosticModel(
            _folded(model.network), model.card, reading=model.reading, white_box=True
        )
        quick = quick.to(images.device).to(memory_format=torch.channels_last)
        quick.eval().requires_grad_(False)
        ours, theirs = quick(images), model(images)
    spread = theirs.abs().amax().clamp_min(1e-6)
    if not bool((ours - theirs).abs().amax() <= _ALIKE * spread):
        return _unused(model)
    return quick


def _unused(model: DiagnosticModel) -> DiagnosticModel:
    """A placeholder that says: use the model itself."""
    other = model.card.model_copy()
    return DiagnosticModel(nn.Identity(), other)


def _folded(network: nn.Module) -> nn.Module:
    """A copy in eval mode; convolutions take in the batch norms that directly follow them."""
    duplicate = copy.deepcopy(network).eval()
    try:
        traced = fx.symbolic_trace(duplicate)
    except Exception:  # any Python may stand in a forward; then there is nothing to fold
        return duplicate
    modules = dict(traced.named_modules())
    for node in traced.graph.nodes:
        before = node.args[0] if node.args else None
        if node.op != "call_module" or not isinstance(before, fx.Node):
            continue
        norm = modules.get(str(node.target))
        convolution = modules.get(str(before.target)) if before.op == "call_module" else None
        follows_alone = len(before.users) == 1
        if (
            isinstance(norm, nn.BatchNorm2d)
            and isinstance(convolution, nn.Conv2d)
            and norm.track_running_stats
            and follows_alone
        ):
            fused = fuse_conv_bn_eval(convolution, norm)
            parent, _, name = str(before.target).rpartition(".")
            setattr(traced.get_submodule(parent), name, fused)
            node.replace_all_uses_with(before)
            traced.graph.erase_node(node)
    traced.graph.lint()
    traced.recompile()
    traced.delete_all_unused_submodules()
    return traced


def _state(model: DiagnosticModel) -> tuple[object, ...]:
    """What changes when a weight or a statistic does: the tensors' places and versions."""
    tensors = (*model.network.parameters(), *model.network.buffers())
    return tuple((t.data_ptr(), t._version) for t in tensors)
