"""The optimiser of a recipe, and its learning rate as a function of the step."""

from __future__ import annotations

import math

import torch
from torch import nn

from medadv_desktop.training.recipe import Optimiser, Schedule

_FIRST = 1 / 25
"""Of the largest rate, where a warm-up begins."""


def make_optimiser(network: nn.Module, settings: Optimiser) -> torch.optim.Optimizer:
    """Over the weights that learn; biases and norms (one dimension) do not decay."""
    weights = [w for w in network.parameters() if w.requires_grad]
    groups = [
        {"params": [w for w in weights if w.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [w for w in weights if w.ndim <= 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    rate, beta = settings.learning_rate, settings.momentum
    if settings.kind == "sgd":
        nesterov = settings.nesterov and beta > 0
        return torch.optim.SGD(groups, lr=rate, momentum=beta, nesterov=nesterov)
    made = torch.optim.Adam if settings.kind == "adam" else torch.optim.AdamW
    return made(groups, lr=rate, betas=(beta, 0.999))


def rate_at(schedule: Schedule, share: float) -> float:
    """Learning rate as a part of the largest one, when `share` (0 to 1) of the steps are done.

    A warm-up rises in a straight line from 1/25. Cosine and one-cycle then fall by half a cosine to
    0 at the end; they differ in nothing but their name where warm-up is the same.
    """
    if share < schedule.warmup:
        return _FIRST + (1 - _FIRST) * share / schedule.warmup
    if schedule.kind == "constant":
        return 1.0
    if schedule.kind == "step":
        return schedule.factor ** sum(share >= m for m in schedule.milestones)
    rest = (share - schedule.warmup) / (1 - schedule.warmup)
    return 0.5 * (1 + math.cos(math.pi * min(rest, 1.0)))


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """The learning rate of all weights."""
    for group in optimiser.param_groups:
        group["lr"] = rate
