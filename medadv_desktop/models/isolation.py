"""Use a model without leaving a trace on it, however the use ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext

import torch

from medadv_desktop.jobs import CancelToken
from medadv_desktop.models.diagnostic import DiagnosticModel
from medadv_desktop.models.watch import watched


@contextmanager
def undisturbed(
    model: DiagnosticModel, device: torch.device, seed: int, token: CancelToken | None
) -> Iterator[None]:
    """Within the context: eval mode, gradients possible, full precision, token heeded.

    Afterwards, also after an exception or a cancel, the mode of every submodule and the random
    state of CPU and device are as before. A network that draws random numbers even in eval mode
    draws them from `seed`.
    """
    modes = [(module, module.training) for module in model.modules()]
    cuda = [device] if device.type == "cuda" else []
    try:
        with ExitStack() as stack:
            stack.enter_context(torch.random.fork_rng(devices=cuda))
            torch.default_generator.manual_seed(seed)
            if cuda:
                with torch.cuda.device(device):
                    torch.cuda.manual_seed(seed)
            stack.enter_context(torch.inference_mode(False))
            stack.enter_context(torch.enable_grad())
            stack.enter_context(torch.autocast(device.type, enabled=False))
            stack.enter_context(watched(model, token) if token else nullcontext())
            model.eval()
            yield
    finally:
        for module, training in modes:
            module.training = training
