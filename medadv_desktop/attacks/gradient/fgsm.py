"""The fast gradient sign method: one step as long as the budget."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medadv_desktop.attacks.bounded import LINF_OR_L2, BoundedAttack, LinfOrL2

if TYPE_CHECKING:
    from medadv_desktop.attacks.gradient.ascent import Ascent


class FGSM(BoundedAttack):
    """x + ε·sign ∇L for linf, x + ε·∇L/‖∇L‖₂ for l2, clamped to [0, 1].

    Goodfellow, Shlens, Szegedy: Explaining and Harnessing Adversarial Examples, ICLR 2015, sec. 4.
    A sample on which the objective is achieved already is left as it is.
    """

    name = "fgsm"
    title = "FGSM"
    summary = "One gradient step of the whole budget: fast and weak, a first impression"
    reference = "Goodfellow et al., ICLR 2015 (arXiv 1412.6572)"

    norm: LinfOrL2 = LINF_OR_L2

    def ascent(self) -> Ascent:
        from medadv_desktop.attacks.gradient.ascent import Ascent

        return Ascent(
            norm=self.norm,
            epsilon=self.epsilon,
            step_size=self.epsilon,
            steps=1,
            random_start=False,
            restarts=1,
            stop_when_beaten=True,
            keep="last",
        )
