"""MPAdvT: adversarial training over many perturbations, some batches clean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from pydantic import Field, model_validator

from medadv_desktop.defenses.objectives.fields import budget, step_length
from medadv_desktop.defenses.objectives.standard import Standard
from medadv_desktop.settings import PixelFraction

if TYPE_CHECKING:
    from torch import Tensor

    from medadv_desktop.defenses.objectives.lesson import Lesson


class MPAdvT(Standard):
    """Each batch is left clean, or attacked by PGD of a drawn budget and number of steps.

    Xu, Zhang, Li, Liu, Zhang: Towards Evaluating the Robustness of Deep Diagnostic Models by
    Adversarial Attack, Medical Image Analysis 2021 (multi-perturbations adversarial training):
    attacked with probability ½, ε ~ U(0.01, 0.04), steps uniform from 1 to 9, α = 1/255, uniform
    start. The three draws are one for the whole batch.
    """

    name = "mpadvt"
    title = "MPAdvT (multi-perturbations adversarial training)"
    advice = (
        "Half of the batches stay clean, the others are attacked with budgets and numbers of steps "
        "that change from batch to batch. Keeps more clean accuracy than AdvT and holds against "
        "many budgets, at about 3.5 times the time of standard training. The first choice where "
        "the strength of an attack is not known."
    )
    reference = "Xu et al., Medical Image Analysis 2021 (arXiv 2103.03438)"

    probability: float = Field(0.5, ge=0, le=1, description="Share of batches that are attacked")
    epsilon_low: PixelFraction = budget(0.01, "Smallest budget drawn (L∞)")
    epsilon_high: PixelFraction = budget(0.04, "Largest budget drawn (L∞)")
    steps_low: int = Field(1, ge=1, le=100, description="Fewest steps drawn")
    steps_high: int = Field(9, ge=1, le=100, description="Most steps drawn")
    step_size: PixelFraction = step_length(1 / 255)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.epsilon_low > self.epsilon_high:
            raise ValueError("epsilon_low is at most epsilon_high")
        if self.steps_low > self.steps_high:
            raise ValueError("steps_low is at most steps_high")
        return self

    @property
    def passes(self) -> float:
        return 1 + self.probability * (self.steps_low + self.steps_high) / 2

    def attacked(self, lesson: Lesson) -> Tensor | None:
        from medadv_desktop.defenses.objectives.inner import climbed, cross_entropy, uniform_start

        drawn = lesson.draws.shared("mpadvt")
        if drawn.random() >= self.probability:
            return None
        epsilon = float(drawn.uniform(self.epsilon_low, self.epsilon_high))
        steps = int(drawn.integers(self.steps_low, self.steps_high, endpoint=True))
        return climbed(
            lesson,
            cross_entropy(lesson),
            uniform_start(lesson, epsilon),
            epsilon=epsilon,
            step_size=self.step_size,
            steps=steps,
        )
