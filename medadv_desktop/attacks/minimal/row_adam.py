"""Adam with a clock for every sample, so that samples may start anew on their own."""

from __future__ import annotations

import torch
from torch import Tensor


class RowAdam:
    """Moments of n samples. Kingma and Ba: Adam, ICLR 2015, algorithm 1; β 0.9 and 0.999, ε 1e-8.

    Args:
        like: n×…: shape, dtype and device of what is optimised.
    """

    def __init__(self, like: Tensor, step_size: float) -> None:
        self.step_size = step_size
        self._first = torch.zeros_like(like)
        self._second = torch.zeros_like(like)
        self.clock = torch.zeros(len(like), dtype=torch.int64, device=like.device)

    def step(self, gradient: Tensor) -> Tensor:
        """What is to be subtracted, n×…."""
        self.clock += 1
        self._first.lerp_(gradient, 0.1)
        self._second.mul_(0.999).addcmul_(gradient, gradient, value=0.001)
        shape = (-1,) + (1,) * (gradient.ndim - 1)
        clock = self.clock.double()
        first = self._first / (1 - 0.9**clock).to(gradient).view(shape)
        second = self._second / (1 - 0.999**clock).to(gradient).view(shape)
        return self.step_size * first / (second.sqrt_() + 1e-8)

    def restart(self, which: Tensor) -> None:
        """Forget what was learnt of the samples `which`, n bool."""
        self._first[which] = 0
        self._second[which] = 0
        self.clock[which] = 0

    def keep(self, which: Tensor) -> None:
        """Go on with the samples `which` alone, n bool."""
        self._first = self._first[which]
        self._second = self._second[which]
        self.clock = self.clock[which]
