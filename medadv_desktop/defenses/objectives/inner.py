"""The attack within a training step: a bare loop with the network in eval mode.

`attacks/gradient/ascent.py` looks at every sample before and after, counts, judges and keeps the
best; a training step needs none of that, only the last image. All samples take all steps, as the
papers' formulas have it: letting beaten samples go would be another objective (active sets are for
evaluation). Batch norms are folded into convolutions, which is exact up to rounding. What is given
are checked images; the loop checks nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from medadv_desktop.defenses.objectives.folding import folded
from medadv_desktop.defenses.objectives.lesson import Lesson

Loss = Callable[[Tensor], Tensor]
"""From n×K logits to the number to be raised."""


@contextmanager
def in_eval_mode(network: nn.Module) -> Iterator[None]:
    """Within the context every module is in eval mode; afterwards each is as it was."""
    training = [module for module in network.modules() if module.training]
    for module in training:
        module.training = False
    try:
        yield
    finally:
        for module in training:
            module.training = True


def climbed(
    lesson: Lesson,
    loss: Loss,
    start: Tensor,
    *,
    epsilon: float,
    step_size: float,
    steps: int,
) -> Tensor:
    """x ← Π(x + α·sign ∇L), `steps` times, Π onto the L∞ ball and [0, 1]; no graph.

    Madry et al., ICLR 2018, sec. 2.1. The weights' gradients stay untouched, and running
    statistics too, for the network is in eval mode.

    Args:
        start: n×C×H×W, the first image; it is projected as well.
        epsilon, step_size: of the [0, 1] grey scale.
    """
    lowest = (lesson.images - epsilon).clamp_(min=0)
    highest = (lesson.images + epsilon).clamp_(max=1)
    moving = torch.clamp(start, lowest, highest)
    with in_eval_mode(lesson.network), torch.enable_grad():
        network = folded(lesson.network, lesson.images)
        for _ in range(steps):
            moving.requires_grad_()
            logits = network(moving).to(moving.dtype)
            (slope,) = torch.autograd.grad(loss(logits), moving)
            moved = moving.detach().add_(slope.sign_(), alpha=step_size)
            moving = torch.clamp(moved, lowest, highest)
    return moving


def uniform_start(lesson: Lesson, epsilon: float) -> Tensor:
    """A uniform point of the L∞ ball around each image, not yet within [0, 1]."""
    return lesson.images + epsilon * lesson.draws.uniform(lesson.images, "start")


def normal_start(lesson: Lesson, deviation: float = 0.001) -> Tensor:
    """Beside the images by normal noise, as TRADES and MART begin: their divergence has no slope
    at the clean image.
    """
    return lesson.images + deviation * lesson.draws.normal(lesson.images, "start")


def cross_entropy(lesson: Lesson) -> Loss:
    """The sum over samples of plain (binary) cross-entropy to the labels."""

    def loss(logits: Tensor) -> Tensor:
        if lesson.multi_label:
            return F.binary_cross_entropy_with_logits(logits, lesson.labels, reduction="sum")
        return F.cross_entropy(logits, lesson.labels, reduction="sum")

    return loss
