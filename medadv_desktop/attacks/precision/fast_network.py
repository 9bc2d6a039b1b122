"""A faster copy of a network for searching; what counts is judged by the network itself."""

from __future__ import annotations

import copy
import weakref
from collections import OrderedDict
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from medadv_desktop.attacks.precision.rewriting import rewritten
from medadv_desktop.jobs import CancelToken
from medadv_desktop.models.diagnostic import DiagnosticModel
from medadv_desktop.models.watch import watched

_ALIKE = 1e-3  # largest difference of logits, relative to their spread, that rewriting may make

_HOOKS = ("_forward_hooks", "_forward_pre_hooks")


@dataclass(frozen=True, eq=False)
class _Kept:
    """A copy, and the state of the weights that it was made from; None: none is of use."""

    copy: DiagnosticModel | None
    state: tuple[object, ...]


_copies: weakref.WeakKeyDictionary[DiagnosticModel, _Kept] = weakref.WeakKeyDictionary()


def fast_copy(
    model: DiagnosticModel, images: Tensor, token: CancelToken | None = None
) -> DiagnosticModel:
    """The model rewritten to compute the same with less (`rewriting`), weights channels-last.

    The model itself where no copy can be made or it would not say the same: no gradients, another
    type than float32, a network that cannot be copied (exported programs, old-style weight norm) or
    that draws random numbers. A copy in channels-last order alone where it cannot be traced.

    Args:
        images: N×C×H×W; the copy must agree on the first.
        token: checked before each part of making the copy.

    Raises:
        JobCancelled: the token was cancelled.

    A copy is kept until the model's weights or modules change or the model is gone. No random
    number is drawn from the generators in use.
    """
    if not may_be_copied(model, images):
        return model
    state = _state(model)
    kept = _copies.get(model)
    if kept is None or kept.state != state:
        devices = [images.device] if images.is_cuda else []
        with torch.random.fork_rng(devices=devices):
            kept = _Kept(_agreeing(model, images[:1], token or CancelToken()), state)
        _copies[model] = kept
    # Never the model itself in its own entry: the key would keep itself alive.
    return kept.copy or model


def may_be_copied(model: DiagnosticModel, images: Tensor) -> bool:
    """Whether a faster copy is worth a try: there are gradients, and all is in float32."""
    return model.white_box and images.dtype == torch.float32


def computes_bfloat16(device: torch.device) -> bool:
    """Whether the device has hardware that multiplies matrices of bfloat16.

    On CPUs that is AMX. With the vector instructions alone (AVX-512 BF16) networks take longer in
    bfloat16 than a copy in float32 does (`docs/attacks.md`).
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        return bool(getattr(torch.cpu, "_is_amx_tile_supported", bool)())
    return False


def _agreeing(model: DiagnosticModel, images: Tensor, token: CancelToken) -> DiagnosticModel | None:
    """A copy that says the same of the images; None where there is none."""
    with torch.no_grad():
        try:
            token.check()
            network = _duplicate(model.network)
            token.check()
            network = rewritten(network)
            quick = DiagnosticModel(network, model.card, reading=model.reading)
            quick = quick.to(images.device).to(memory_format=torch.channels_last)
            quick.eval().requires_grad_(False)
            with watched(quick, token):
                ours = quick(images)
        except Exception:  # any Python may stand in a network; then it is used as it is
            return None
        theirs = model(images)
    spread = theirs.abs().amax().clamp_min(1e-6)
    return quick if bool((ours - theirs).abs().amax() <= _ALIKE * spread) else None


def _duplicate(network: nn.Module) -> nn.Module:
    """A copy in eval mode, without the hooks of ours that watch the network at this moment."""
    memo: dict[int, object] = {}
    for module in network.modules():
        for name in _HOOKS:
            hooks: OrderedDict[int, object] = getattr(module, name)
            memo[id(hooks)] = OrderedDict((k, h) for k, h in hooks.items() if not _is_ours(h))
    return copy.deepcopy(network, memo).eval()


def _is_ours(hook: object) -> bool:
    return str(getattr(hook, "__module__", "")).startswith("medadv_desktop.")


def _state(model: DiagnosticModel) -> tuple[object, ...]:
    """What changes when a module, a weight or a statistic does.

    The modules, and the tensors' places, versions, sums and norms: a change through `.data` counts
    up no version.
    """
    tensors = [t.detach() for t in (*model.network.parameters(), *model.network.buffers())]
    places = tuple((t.data_ptr(), t._version) for t in tensors)
    modules = tuple((name, id(module)) for name, module in model.network.named_modules())
    numbers = [t for t in tensors if t.is_floating_point()]
    with torch.no_grad():
        sums = [part for t in numbers for part in (t.sum().float(), t.norm().float())]
        told = torch.stack(sums).cpu().numpy().tobytes() if sums else b""  # NaN equals itself
    return places, modules, told
