"""What an objective works with in one step of training, and the random numbers of that step."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from medadv_desktop.defenses.objectives.base_loss import Criterion
from medadv_desktop.seeds import sample_seed


@dataclass(frozen=True)
class Draws:
    """Random numbers of one batch, the same however the batch is cut into parts.

    Every draw is made for the whole batch, from a generator of seed, batch and purpose, and the
    rows of this part are handed out. So neither the number of processes nor the size of the parts
    that fit into memory changes what a sample sees, and there is no state to be saved.

    Attributes:
        seed: of the training.
        batch: number of the step.
        first, stop: rows of this part in the batch.
        total: rows of the batch.
    """

    seed: int
    batch: int
    first: int
    stop: int
    total: int

    def shared(self, purpose: str) -> np.random.Generator:
        """For what is drawn once for all of the batch."""
        return np.random.default_rng(sample_seed(self.seed, self.batch, purpose))

    def uniform(self, like: Tensor, purpose: str) -> Tensor:
        """Uniform in [−1, 1), shape, dtype and device of `like` (n rows)."""
        whole = torch.empty((self.total, *like.shape[1:]), dtype=like.dtype, device=like.device)
        whole.uniform_(-1, 1, generator=self._generator(like.device, purpose))
        return whole[self.first : self.stop]

    def normal(self, like: Tensor, purpose: str) -> Tensor:
        """Of mean 0 and deviation 1, shape, dtype and device of `like` (n rows)."""
        whole = torch.empty((self.total, *like.shape[1:]), dtype=like.dtype, device=like.device)
        whole.normal_(generator=self._generator(like.device, purpose))
        return whole[self.first : self.stop]

    def _generator(self, device: torch.device, purpose: str) -> torch.Generator:
        seed = sample_seed(self.seed, self.batch, purpose)
        return torch.Generator(device).manual_seed(seed)


@dataclass(frozen=True, eq=False)
class Lesson:
    """A part of a batch and the network that learns from it.

    Attributes:
        network: from n×C×H×W in [0, 1] to n×K logits (a `DiagnosticModel`).
        images: n×C×H×W in [0, 1].
        labels: n int64 classes; n×K shares of classes; or n×K 0/1 (float) of findings.
        multi_label: labels are findings.
        criterion: the base loss.
        draws: random numbers.
        carried: what an objective keeps from one replay of a batch to the next.
    """

    network: nn.Module
    images: Tensor
    labels: Tensor
    multi_label: bool
    criterion: Criterion
    draws: Draws
    carried: dict[str, Tensor] = field(default_factory=dict)

    def logits(self, images: Tensor) -> Tensor:
        """n×K in float32, or in the images' own precision where that is wider."""
        logits: Tensor = self.network(images)
        return logits.to(images.dtype)
