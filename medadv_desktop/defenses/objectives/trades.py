"""TRADES: clean accuracy and closeness to the clean answer, with a price between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from medadv_desktop.defenses.objectives.fields import budget, step_count, step_length
from medadv_desktop.defenses.objectives.objective import Losses, TrainingObjective
from medadv_desktop.settings import PixelFraction

if TYPE_CHECKING:
    from torch import Tensor

    from medadv_desktop.defenses.objectives.lesson import Lesson


class Trades(TrainingObjective):
    """L(f(x), y) + β·max_{‖x̂−x‖∞ ≤ ε} KL(p(x) ‖ p(x̂)).

    Zhang et al.: Theoretically Principled Trade-off between Robustness and Accuracy, ICML 2019,
    eq. 5 and algorithm 1 (β is their 1/λ). The inner attack raises the divergence itself, from
    beside the image by normal noise of 0.001. Findings: the mean over them of Bernoulli KL.
    """

    name = "trades"
    title = "TRADES"
    advice = (
        "Learns from clean images, and pulls the answer to the worst image near each towards the "
        "clean answer. β sets the price between clean accuracy and robustness. Costs steps + 2 "
        "passes. Choose it where you must tune that trade-off."
    )
    reference = "Zhang et al., ICML 2019 (arXiv 1901.08573)"

    epsilon: PixelFraction = budget(0.031)
    step_size: PixelFraction = step_length(0.007)
    steps: int = step_count(10)
    beta: float = Field(
        6, ge=0, le=1000, title="β", description="Weight of the divergence against the loss"
    )

    @property
    def passes(self) -> float:
        return 2 + self.steps

    def attacked(self, lesson: Lesson) -> Tensor | None:
        import torch

        from medadv_desktop.defenses.objectives.inner import climbed, in_eval_mode, normal_start

        if not self.beta:
            return None
        with torch.no_grad(), in_eval_mode(lesson.network):
            clean = lesson.logits(lesson.images)
        return climbed(
            lesson,
            lambda logits: _divergences(lesson, clean, logits).sum(),
            normal_start(lesson),
            epsilon=self.epsilon,
            step_size=self.step_size,
            steps=self.steps,
        )

    def losses(self, lesson: Lesson, attacked: Tensor | None) -> Losses:
        clean = lesson.logits(lesson.images)
        each = lesson.criterion.each(clean, lesson.labels)
        if attacked is None:
            return Losses(each, clean.detach())
        logits = lesson.logits(attacked)
        each = each + self.beta * _divergences(lesson, clean, logits)
        return Losses(each, logits.detach(), attacked)


def _divergences(lesson: Lesson, clean: Tensor, attacked: Tensor) -> Tensor:
    from medadv_desktop.defenses.objectives.divergence import (
        bernoulli_divergences,
        softmax_divergences,
    )

    if lesson.multi_label:
        return bernoulli_divergences(clean, attacked).mean(1)
    return softmax_divergences(clean, attacked)
