"""Projected gradient ascent on the loss within a norm ball."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, ValidationInfo, field_validator

from medadv_desktop.attacks.bounded import GREY_SCALE, SteppedAttack
from medadv_desktop.settings import PixelFraction

if TYPE_CHECKING:
    from medadv_desktop.attacks.gradient.ascent import Ascent


class PGD(SteppedAttack):
    """x ← Π(x + α·sign ∇L) for linf, x ← Π(x + α·∇L/‖∇L‖₂) for l2; Π projects onto ball and [0, 1].

    For l1 a step shares α among the 1 % of entries of the largest gradient (`norm_balls.L1Ball`).

    Madry, Makelov, Schmidt, Tsipras, Vladu: Towards Deep Learning Models Resistant to Adversarial
    Attacks, ICLR 2018, sec. 2.1. The random start is uniform in the ball.

    A sample on which the objective is achieved leaves the batch and keeps that image, so it takes
    no further steps (none at all if its clean image achieves it); the others keep the image of the
    largest loss met, and go into the next restart. With `stop_when_beaten` off every sample takes
    all steps and the last image of a restart counts (of several restarts, one that achieves the
    objective before one that does not, then the larger loss).

    With `eot_samples` above 1 logits, losses and gradients are means over so many draws of a
    network that draws random numbers (`attacks/gradient/expectation.py`).
    """

    name = "pgd"
    title = "PGD"
    summary = "Many small gradient steps within the budget: the standard white-box attack"
    reference = "Madry et al., ICLR 2018 (arXiv 1706.06083)"

    steps: int = Field(10, ge=1, le=1000, description="Gradient steps, for each restart")
    step_size: PixelFraction | None = Field(
        None,
        gt=0,
        le=10_000,
        title="Step size α",
        description="Length of one step; nothing means 1/255 for linf, or ε/steps where that is "
        "longer, and 2.5·ε/steps for other norms",
        json_schema_extra={"unit": GREY_SCALE},
    )
    random_start: bool = Field(
        True, description="Start at a random point of the ball instead of the image itself"
    )
    restarts: int = Field(
        1,
        ge=1,
        le=100,
        description="Tries from fresh random starts, for the samples that withstood the last one",
    )
    stop_when_beaten: bool = Field(
        True,
        description="A sample leaves once the goal is reached, with the change found so far; off: "
        "every sample takes all steps, for confident and transferable results",
    )
    eot_samples: int = Field(
        1,
        ge=1,
        le=1000,
        title="EOT draws",
        description="For a network that draws random numbers (a randomised defence): each step "
        "goes by the mean over so many draws, and costs so many looks",
    )

    @field_validator("restarts")
    @classmethod
    def _differ(cls, restarts: int, info: ValidationInfo) -> int:
        if restarts > 1 and info.data.get("random_start") is False:
            raise ValueError("without a random start every restart would be the same")
        return restarts

    @property
    def effective_step_size(self) -> float:
        """The step size given, or the automatic one."""
        if self.step_size is not None:
            return self.step_size
        if self.norm == "linf":
            return max(1 / 255, self.epsilon / self.steps)
        return 2.5 * self.epsilon / self.steps

    def ascent(self) -> Ascent:
        from medadv_desktop.attacks.gradient.ascent import Ascent

        return Ascent(
            norm=self.norm,
            epsilon=self.epsilon,
            step_size=self.effective_step_size,
            steps=self.steps,
            random_start=self.random_start,
            restarts=self.restarts,
            stop_when_beaten=self.stop_when_beaten,
            keep="best" if self.stop_when_beaten else "last",
            draws=self.eot_samples,
        )
