"""AdvT: training on the worst images that PGD finds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medadv_desktop.defenses.objectives.fields import budget, step_count, step_length
from medadv_desktop.defenses.objectives.standard import Standard
from medadv_desktop.settings import PixelFraction

if TYPE_CHECKING:
    from torch import Tensor

    from medadv_desktop.defenses.objectives.lesson import Lesson


class AdvT(Standard):
    """min_θ E max_{‖δ‖∞ ≤ ε} L(θ, x + δ, y), the maximum by PGD from a uniform start.

    Madry, Makelov, Schmidt, Tsipras, Vladu: Towards Deep Learning Models Resistant to Adversarial
    Attacks, ICLR 2018, eq. 2.1. PGD raises plain cross-entropy, whatever the base loss.
    """

    name = "advt"
    title = "AdvT (PGD adversarial training)"
    advice = (
        "Every batch is attacked by PGD first, and the network learns from the attacked images "
        "alone. The classic with the best understood robustness; it costs steps + 1 times the "
        "time of standard training and a few points of clean accuracy. Choose it for one known "
        "budget."
    )
    reference = "Madry et al., ICLR 2018 (arXiv 1706.06083)"

    epsilon: PixelFraction = budget(8 / 255)
    step_size: PixelFraction = step_length(2 / 255)
    steps: int = step_count(10)

    @property
    def passes(self) -> float:
        return 1 + self.steps

    def attacked(self, lesson: Lesson) -> Tensor:
        from medadv_desktop.defenses.objectives.inner import climbed, cross_entropy, uniform_start

        return climbed(
            lesson,
            cross_entropy(lesson),
            uniform_start(lesson, self.epsilon),
            epsilon=self.epsilon,
            step_size=self.step_size,
            steps=self.steps,
        )
