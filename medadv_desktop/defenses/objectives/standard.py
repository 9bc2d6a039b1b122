"""Training on the images as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medadv_desktop.defenses.objectives.objective import Losses, TrainingObjective

if TYPE_CHECKING:
    from torch import Tensor

    from medadv_desktop.defenses.objectives.lesson import Lesson


class Standard(TrainingObjective):
    """The base loss on the clean images, and no attack."""

    name = "standard"
    title = "Standard training"
    advice = (
        "Learns from the images as they are. The cheapest and the most accurate on clean images, "
        "and practically without resistance: changes that nobody sees turn its diagnoses. Choose "
        "it as the yardstick that defended models are held against."
    )
    reference = ""

    @property
    def passes(self) -> float:
        return 1

    def losses(self, lesson: Lesson, attacked: Tensor | None) -> Losses:
        logits = lesson.logits(lesson.images if attacked is None else attacked)
        return Losses(lesson.criterion.each(logits, lesson.labels), logits.detach(), attacked)
