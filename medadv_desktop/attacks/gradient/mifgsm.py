"""The momentum iterative method: steps along gathered gradients, for changes that transfer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import Field

from medadv_desktop.attacks.bounded import LINF_OR_L2, LinfOrL2
from medadv_desktop.attacks.gradient.bim import BIM

if TYPE_CHECKING:
    from medadv_desktop.attacks.gradient.ascent import Ascent


class MIFGSM(BIM):
    """g ← μ·g + ∇L/‖∇L‖₁; x ← Π(x + α·sign g) for linf, x ← Π(x + α·g/‖g‖₂) for l2.

    Dong, Liao, Pang, Su, Zhu, Hu, Li: Boosting Adversarial Attacks with Momentum, CVPR 2018,
    algorithm 1 and eq. 8. The 1-norm is divided by the number of entries, which changes neither
    step. A sample leaves as soon as the objective is achieved, unless `stop_when_beaten` is off.
    """

    name = "mifgsm"
    title = "MI-FGSM"
    summary = "Gradient steps with momentum: changes that other models fall for as well"
    reference = "Dong et al., CVPR 2018 (arXiv 1710.06081)"

    norm: LinfOrL2 = LINF_OR_L2
    decay: float = Field(
        1.0,
        ge=0,
        le=10,
        title="Decay μ",
        description="Share of the gathered gradients that a step keeps; 0 is BIM",
    )

    def ascent(self) -> Ascent:
        return replace(super().ascent(), decay=self.decay)
