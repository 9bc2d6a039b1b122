"""Free adversarial training: one backward pass serves weights and perturbation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from medadv_desktop.defenses.objectives.fields import budget
from medadv_desktop.defenses.objectives.objective import Losses, learn
from medadv_desktop.defenses.objectives.standard import Standard
from medadv_desktop.settings import PixelFraction

if TYPE_CHECKING:
    from medadv_desktop.defenses.objectives.lesson import Lesson


class Free(Standard):
    """Each batch is replayed m times; every backward pass moves weights and δ: δ ← Π(δ + ε·sign g).

    Shafahi et al.: Adversarial Training for Free!, NeurIPS 2019, algorithm 1. Other than there, δ
    begins anew from U(−ε, ε) with every batch, so that a batch does not depend on the one before.
    The gradient is taken in train mode: it is the one that the weights learn by. Divide the epochs
    by m for the time of standard training.
    """

    name = "free"
    title = "Free adversarial training"
    advice = (
        "Replays every batch several times and lets the backward pass that trains the weights "
        "strengthen the attack as well. An epoch costs m times that of standard training; with "
        "1/m of the epochs the defence is free. Less robust than AdvT; choose it where time is "
        "what you lack."
    )
    reference = "Shafahi et al., NeurIPS 2019 (arXiv 1904.12843)"
    weights_may_be_perturbed = False

    epsilon: PixelFraction = budget(8 / 255)
    repeats: int = Field(8, ge=2, le=30, title="Replays m", description="Steps on each batch")
    collapse: float = Field(
        0.2,
        gt=0,
        le=1,
        description="Fall of the robust validation score below its best that ends the training",
    )

    @property
    def replays(self) -> int:
        return self.repeats

    @property
    def passes(self) -> float:
        return self.repeats

    @property
    def tolerated_drop(self) -> float | None:
        return self.collapse

    def backward(self, lesson: Lesson, scale: float) -> Losses:
        delta = lesson.carried.get("delta")
        if delta is None:
            delta = self.epsilon * lesson.draws.uniform(lesson.images, "start")
        attacked = (lesson.images + delta).clamp(0, 1).requires_grad_()
        losses = self.losses(lesson, attacked)
        learn(losses, scale)
        slope = attacked.grad
        assert slope is not None
        moved = delta + self.epsilon * slope.sign()
        lesson.carried["delta"] = moved.clamp(-self.epsilon, self.epsilon)
        return Losses(losses.each, losses.logits, attacked.detach())
