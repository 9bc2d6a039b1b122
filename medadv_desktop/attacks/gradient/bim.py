"""The basic iterative method: many small steps from the image itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from medadv_desktop.attacks.bounded import SteppedAttack

if TYPE_CHECKING:
    from medadv_desktop.attacks.gradient.ascent import Ascent


class BIM(SteppedAttack):
    """x ← Π(x + α·sign ∇L) from x itself; for l2 and l1 the steps are those of PGD.

    Kurakin, Goodfellow, Bengio: Adversarial Examples in the Physical World, ICLR 2017 workshop,
    sec. 2.2. It draws no random numbers. A sample leaves as soon as the objective is achieved, as
    in PGD.
    """

    name = "bim"
    title = "BIM"
    summary = "Small gradient steps from the image itself: PGD without a random start"
    reference = "Kurakin et al., ICLR 2017 workshop (arXiv 1607.02533)"

    stop_when_beaten: bool = Field(
        True,
        description="A sample leaves once the goal is reached, with the change found so far; off: "
        "every sample takes all steps, for confident and transferable results",
    )

    def ascent(self) -> Ascent:
        from medadv_desktop.attacks.gradient.ascent import Ascent

        return Ascent(
            norm=self.norm,
            epsilon=self.epsilon,
            step_size=self.effective_step_size,
            steps=self.steps,
            random_start=False,
            restarts=1,
            stop_when_beaten=self.stop_when_beaten,
            keep="best" if self.stop_when_beaten else "last",
        )
