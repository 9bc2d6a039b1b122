"""What the processes of a team add up after every batch: gradients, statistics, figures, wishes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from medadv_desktop.audit.runner.team import Team
from medadv_desktop.errors import AuditError, TrainingError


@dataclass(frozen=True)
class StepSums:
    """Of one batch: mean loss, samples decided rightly, samples; what was asked for by anybody.

    Attributes:
        finishing, paused: the user's wish.
        late: the time is over by the clock of some process.
    """

    loss: float
    right: float
    seen: int
    finishing: bool
    paused: bool
    late: bool


def summed_over(
    team: Team, own: StepSums, network: nn.Module, weights: list[nn.Parameter]
) -> StepSums:
    """The sums of the whole team; gradients become those of the whole batch.

    Every process's gradient is that of its rows' losses over the size of the whole batch, so sums
    are what one process alone would have. Statistics of batch norms become the mean of those of
    all processes, each of which normalised by its own rows.

    Raises:
        TrainingError: another process was lost; its last common checkpoint is kept.
    """
    if team.alone:
        return own
    gradients = [w.grad if w.grad is not None else torch.zeros_like(w) for w in weights]
    statistics = [b for b in network.buffers() if b.is_floating_point()]
    wishes = (own.finishing, own.paused, own.late)
    told = [own.loss * own.seen, own.right, own.seen, *map(float, wishes)]
    figures = torch.tensor(told, dtype=torch.float64, device=weights[0].device)
    flat = torch.cat([t.flatten() for t in (*gradients, *statistics)])
    try:
        torch.distributed.all_reduce(flat)
        torch.distributed.all_reduce(figures)
    except RuntimeError as error:
        raise lost(team, error) from None
    _spread(flat, gradients, statistics, team.size)
    for weight, gradient in zip(weights, gradients, strict=True):
        weight.grad = gradient
    loss, right, seen, finishing, paused, late = figures.tolist()
    return StepSums(loss / seen, right, int(seen), finishing > 0, paused > 0, late > 0)


def _spread(
    flat: Tensor, gradients: list[Tensor], statistics: list[Tensor], processes: int
) -> None:
    start = 0
    for tensors, divisor in ((gradients, 1), (statistics, processes)):
        for tensor in tensors:
            piece = flat[start : start + tensor.numel()].view_as(tensor)
            tensor.copy_(piece / divisor)
            start += tensor.numel()


def lost(team: Team, error: RuntimeError) -> TrainingError:
    """What to say when the others cannot be reached."""
    return TrainingError(
        f"another process was lost ({str(error).splitlines()[0]})",
        subject=team.name,
        remedy="Start the same command again with --resume: the last checkpoint is kept",
    )


def meet(team: Team, where: str) -> None:
    """Wait for all processes.

    Raises:
        TrainingError: one was lost.
    """
    try:
        team.meet(where)
    except AuditError as error:
        raise TrainingError(error.reason, subject=error.subject, remedy=error.remedy) from None
