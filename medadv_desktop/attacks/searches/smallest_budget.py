"""The smallest budget at which an attack succeeds, for each sample: one search, the whole curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from medadv_desktop.attacks.attack import AttackResult, Precision
from medadv_desktop.attacks.bounded import BudgetedAttack
from medadv_desktop.attacks.objectives import Objective
from medadv_desktop.errors import AttackError
from medadv_desktop.jobs import CancelToken, Emit, Partial, Progress, silent
from medadv_desktop.models.diagnostic import DiagnosticModel


@dataclass(frozen=True, eq=False)
class Try:
    """One budget tried on some samples: `rows` of the batch, and what the attack made of them."""

    epsilon: float
    rows: tuple[int, ...]
    result: AttackResult


@dataclass(frozen=True, eq=False)
class SmallestBudgets:
    """What bisection found for N samples.

    Attributes:
        epsilon: N float64, of the grid 0, step, 2·step … highest: the smallest budget at which the
            attack succeeded; 0 where the goal is reached without it, ∞ where even the highest
            budget was not enough.
        highest, step: the grid, in the units of the attack's ε.
        adversarial: N×C×H×W at that budget; the original where no budget was enough or needed.
        tries: every attack run on the way.
    """

    epsilon: NDArray[np.float64]
    highest: float
    step: float
    adversarial: Tensor
    tries: tuple[Try, ...]

    def robust_accuracy(
        self, budgets: Sequence[float], right: NDArray[np.bool_] | None = None
    ) -> NDArray[np.float64]:
        """Share of ALL samples still right at each budget.

        Args:
            budgets: within 0 to `highest`; between two grid points a sample counts as standing
                until the upper one.
            right: N, right without attack; None where the goal is any other decision than the true
                label, which says the same: those that are wrong have the smallest budget 0.

        Raises:
            AttackError: a budget beyond what was searched.
        """
        beyond = [b for b in budgets if not 0 <= b <= self.highest * (1 + 1e-9)]
        if beyond:
            raise AttackError(
                f"was searched up to {self.highest:.4g} only",
                subject=f"budget {beyond[0]:.4g}",
                remedy="Search again with a larger highest budget",
            )
        standing = np.array([self.epsilon > b * (1 + 1e-9) for b in budgets])
        if right is not None:
            standing &= right
        shares: NDArray[np.float64] = standing.mean(axis=1)
        return shares


def smallest_budgets(
    attack: BudgetedAttack,
    model: DiagnosticModel,
    images: Tensor,
    labels: Tensor,
    objective: Objective,
    *,
    highest: float,
    halvings: int = 6,
    seed: int = 0,
    sample_ids: Sequence[int] | None = None,
    token: CancelToken | None = None,
    emit: Emit = silent,
    precision: Precision = "exact",
) -> SmallestBudgets:
    """Bisect the budget of a fixed-budget attack, for each sample by itself.

    The grid has 2^halvings steps. Every sample is attacked halvings + 1 times at most, so the whole
    curve of robust accuracy costs what that many single budgets cost. Bisection takes for granted
    that what falls at a budget falls at every larger one; the attack is run with each budget as if
    it were the only one, so a point of the curve is what a run at that budget gives.

    Args:
        attack: its ε is replaced; its other fields hold at every budget. One that finds its steps
            by itself (APGD) suits best.
        images, labels, objective, seed, sample_ids, token, emit, precision: as `Attack.run`.
        highest: the largest budget, in the units of the attack's ε.
        halvings: 1 to 16.

    Raises:
        SettingsError: `highest` is no budget of this attack.
        AttackError, JobCancelled: as `Attack.run`.
    """
    if not 1 <= halvings <= 16:
        raise AttackError(f"{halvings} is none", subject="halvings", remedy="Choose 1 to 16")
    steps = 2**halvings
    token = token or CancelToken()
    ids = list(range(len(images)) if sample_ids is None else sample_ids)
    adversarial = images.detach().clone()
    # Level k stands for the budget highest·k/steps: `fails` is the largest level known to fail,
    # `falls` the smallest known to succeed.
    fails = np.zeros(len(images), dtype=np.int64)
    falls = np.full(len(images), steps + 1)
    tries: list[Try] = []
    waiting = {steps: np.arange(len(images))}
    work, done = len(images) * (halvings + 1), 0
    while waiting:
        level = max(waiting)
        rows = waiting.pop(level)
        token.check()
        epsilon = highest * level / steps
        chosen = torch.from_numpy(rows).to(images.device)
        result = with_budget(attack, epsilon).run(
            model,
            images[chosen],
            labels.to(images.device)[chosen],
            objective,
            seed=seed,
            sample_ids=[ids[row] for row in rows],
            token=token,
            emit=_previews(emit) if 0 in rows else silent,
            precision=precision,
        )
        success = result.success.cpu().numpy()
        at_once = success & (result.steps.cpu().numpy() == 0) & (result.linf.cpu().numpy() == 0)
        falls[rows[success]] = level
        fails[rows[~success]] = level
        falls[rows[at_once]] = 0
        adversarial[chosen[result.success]] = result.adversarial[result.success]
        tries.append(Try(epsilon, tuple(int(row) for row in rows), result))
        done += len(rows)
        emit(Progress(min(done, work), work, f"budget {epsilon:.4g}: {int(success.sum())} fall"))
        for row in rows:
            if falls[row] <= steps and falls[row] - fails[row] > 1:
                middle = int(falls[row] + fails[row]) // 2
                waiting[middle] = np.append(waiting.get(middle, np.empty(0, np.int64)), row)
    emit(Progress(work, work, "bisected"))
    found = np.where(falls > steps, np.inf, highest * falls / steps)
    return SmallestBudgets(found, highest, highest / steps, adversarial, tuple(tries))


def with_budget(attack: BudgetedAttack, epsilon: float) -> BudgetedAttack:
    """The same attack at another budget.

    Raises:
        SettingsError: the attack has no such budget.
    """
    from medadv_desktop.settings import parse

    return parse(type(attack), attack.model_dump() | {"epsilon": epsilon})


def _previews(emit: Emit) -> Emit:
    def pass_on(event: object) -> None:
        if isinstance(event, Partial):
            emit(event)

    return pass_on
