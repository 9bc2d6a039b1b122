"""A running mean of weights (EMA), which is often better and steadier than the weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class RunningMean:
    """m ← d·m + (1 − d)·w after every step, d = min(decay, (1 + step)/(10 + step)).

    The first steps so do not keep the random weights that training began with. Statistics of batch
    norms are those of the network itself.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self._weights = dict(network.named_parameters())
        self.values = {name: w.detach().clone() for name, w in self._weights.items()}

    def take(self, step: int) -> None:
        """Take in the weights after step number `step`, from 0."""
        decay = min(self.decay, (1 + step) / (10 + step))
        with torch.no_grad():
            for name, value in self.values.items():
                value.lerp_(self._weights[name], 1 - decay)

    def restore(self, values: dict[str, Tensor]) -> None:
        """Go on from a checkpoint."""
        for name, value in self.values.items():
            value.copy_(values[name])

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within the context the network has the mean for weights."""
        kept = {name: w.detach().clone() for name, w in self._weights.items()}
        try:
            self._fill(self.values)
            yield
        finally:
            self._fill(kept)

    def _fill(self, values: dict[str, Tensor]) -> None:
        with torch.no_grad():
            for name, weight in self._weights.items():
                weight.copy_(values[name])
