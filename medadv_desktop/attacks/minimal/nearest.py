"""What minimal attacks hand out: of every sample, the nearest image met that reaches the goal."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from medadv_desktop.attacks.attack import AttackResult
from medadv_desktop.attacks.landscape import Point
from medadv_desktop.attacks.session import Session


@dataclass(eq=False)
class Nearest:
    """The result so far, for all N samples.

    Attributes:
        adversarial, logits: the nearest image that reaches the goal, else the original.
        distance: N float64, as the attack measures it; infinite where the goal was not reached.
        steps: N int64.
    """

    clean: Point
    adversarial: Tensor
    logits: Tensor
    distance: Tensor
    steps: Tensor

    @classmethod
    def before(cls, clean: Point) -> Nearest:
        """A sample whose clean image reaches the goal is at distance 0."""
        nowhere = torch.full_like(clean.loss, torch.inf)
        return cls(
            clean=clean,
            adversarial=clean.images.detach().clone(),
            logits=clean.logits.detach().clone(),
            distance=torch.where(clean.achieved, torch.zeros_like(nowhere), nowhere),
            steps=torch.zeros_like(clean.achieved, dtype=torch.int64),
        )

    @property
    def success(self) -> Tensor:
        """N bool: the goal was reached."""
        return self.distance < torch.inf

    def consider(
        self, point: Point, rows: Tensor, distance: Tensor, reached: Tensor | None = None
    ) -> Tensor:
        """Keep the points that reach the goal nearer than any before; n bool: which ones.

        Args:
            distance: n, of the same measure in every call.
            reached: n bool, where more is asked than that the objective is achieved.
        """
        reached = point.achieved if reached is None else reached & point.achieved
        nearer = reached & (distance < self.distance[rows])
        taken = rows[nearer]
        self.adversarial[taken] = point.images.detach()[nearer]
        self.logits[taken] = point.logits.detach()[nearer]
        self.distance[taken] = distance[nearer].double()
        return nearer

    def result(self, session: Session, within: Tensor | None = None) -> AttackResult:
        """The result; samples that are not `within` the budget (N bool) count as withstanding."""
        success = self.success if within is None else self.success & within
        keep = success[:, None, None, None]
        return session.result(
            self.clean,
            torch.where(keep, self.adversarial, session.originals),
            torch.where(success[:, None], self.logits, self.clean.logits.detach()),
            success,
            self.steps,
        )


def within_budget(distance: Tensor, budget: float | None) -> Tensor | None:
    """N bool: distances that a budget allows; None where there is no budget."""
    return None if budget is None else distance <= budget
