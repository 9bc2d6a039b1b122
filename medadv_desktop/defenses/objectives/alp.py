"""ALP: adversarial logit pairing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from medadv_desktop.defenses.objectives.advt import AdvT
from medadv_desktop.defenses.objectives.objective import Losses

if TYPE_CHECKING:
    from torch import Tensor

    from medadv_desktop.defenses.objectives.lesson import Lesson


class LogitPairing(AdvT):
    """½·L(f(x), y) + ½·L(f(x̂), y) + λ·mean_k (f_k(x) − f_k(x̂))².

    Kannan, Kurakin, Goodfellow: Adversarial Logit Pairing, 2018, sec. 3.2, on the mixed batches of
    their M-PGD.
    """

    name = "alp"
    title = "ALP (adversarial logit pairing)"
    advice = (
        "Clean and attacked images count half each, and their logits are drawn together. Keeps "
        "clean accuracy well. Engstrom et al. (2018) found its robustness overrated where training "
        "attacks are weak, so audit it with strong attacks before you trust it."
    )
    reference = "Kannan et al., 2018 (arXiv 1803.06373)"

    lam: float = Field(0.5, ge=0, le=1000, title="λ", description="Weight of the pairing")

    @property
    def passes(self) -> float:
        return 2 + self.steps

    def losses(self, lesson: Lesson, attacked: Tensor | None) -> Losses:
        if attacked is None:
            return super().losses(lesson, None)
        clean, logits = lesson.logits(lesson.images), lesson.logits(attacked)
        each = 0.5 * (
            lesson.criterion.each(clean, lesson.labels)
            + lesson.criterion.each(logits, lesson.labels)
        )
        each = each + self.lam * (clean - logits).square().mean(1)
        return Losses(each, logits.detach(), attacked)
