"""Fast adversarial training: one step from a random start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from medadv_desktop.defenses.objectives.fields import budget
from medadv_desktop.defenses.objectives.standard import Standard
from medadv_desktop.settings import PixelFraction

if TYPE_CHECKING:
    from torch import Tensor

    from medadv_desktop.defenses.objectives.lesson import Lesson


class Fast(Standard):
    """FGSM-RS: δ ~ U(−ε, ε), then one step of 1.25·ε, then back into the ball.

    Wong, Rice, Kolter: Fast is Better than Free: Revisiting Adversarial Training, ICLR 2020,
    algorithm 3. Its catastrophic overfitting (robust accuracy against PGD falls to nothing within
    an epoch, while the one-step attack seems beaten; their sec. 5) is met by `tolerated_drop`.
    """

    name = "fast"
    title = "Fast adversarial training (FGSM-RS)"
    advice = (
        "One attack step instead of ten: twice the time of standard training for most of AdvT's "
        "robustness. With large budgets it may collapse all at once; the training then stops and "
        "keeps the model from before. Choose it for large sets and short nights."
    )
    reference = "Wong et al., ICLR 2020 (arXiv 2001.03994)"

    epsilon: PixelFraction = budget(8 / 255)
    step_factor: float = Field(
        1.25, gt=0, le=2, description="Length of the step, in budgets; above 1.25 invites collapse"
    )
    collapse: float = Field(
        0.2,
        gt=0,
        le=1,
        description="Fall of the robust validation score below its best that ends the training",
    )

    @property
    def passes(self) -> float:
        return 2

    @property
    def tolerated_drop(self) -> float | None:
        return self.collapse

    def attacked(self, lesson: Lesson) -> Tensor:
        from medadv_desktop.defenses.objectives.inner import climbed, cross_entropy, uniform_start

        return climbed(
            lesson,
            cross_entropy(lesson),
            uniform_start(lesson, self.epsilon),
            epsilon=self.epsilon,
            step_size=self.step_factor * self.epsilon,
            steps=1,
        )
