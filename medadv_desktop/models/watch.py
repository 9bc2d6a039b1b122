"""Cancel a computation in the middle of a batch: the token is checked at every module."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from medadv_desktop.jobs import CancelToken


@dataclass
class _Watch:
    token: CancelToken
    watching: bool = True

    def check(self) -> None:
        if self.watching:
            self.token.check()

    def before_forward(self, module: nn.Module, inputs: object) -> None:  # noqa: ARG002
        self.check()

    def after_forward(self, module: nn.Module, inputs: object, output: object) -> None:  # noqa: ARG002
        # The node is hooked, not the tensor, and not by a module's backward hook: both of those
        # break where the next module works in place, as the ReLUs of torchvision's DenseNet do.
        for tensor in output if isinstance(output, tuple | list) else (output,):
            if isinstance(tensor, torch.Tensor) and tensor.grad_fn is not None:
                tensor.grad_fn.register_prehook(self.before_backward)

    def before_backward(self, gradients: object) -> None:  # noqa: ARG002
        self.check()


@contextmanager
def watched(network: nn.Module, token: CancelToken) -> Iterator[None]:
    """Check `token` before the forward and the backward pass of every module of `network`.

    A cancel then takes effect after the layer being computed instead of after the batch. Networks
    with in-place modules are fine. On leaving, all hooks are gone and graphs made inside no longer
    heed the token.

    Raises:
        JobCancelled: from within forward or `torch.autograd.grad`, once the token is cancelled.
    """
    watch = _Watch(token)
    handles = []
    try:
        for module in network.modules():
            if isinstance(module, torch.jit.ScriptModule):
                continue  # takes no hooks; the module around it does
            handles.append(module.register_forward_pre_hook(watch.before_forward))
            handles.append(module.register_forward_hook(watch.after_forward))
        yield
    finally:
        watch.watching = False
        for handle in handles:
            handle.remove()
