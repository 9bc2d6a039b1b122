"""Auto-PGD: gradient ascent that finds its step size by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from medadv_desktop.attacks.attack import AttackResult
from medadv_desktop.attacks.bounded import BudgetedAttack
from medadv_desktop.attacks.objectives import Targeted, Untargeted
from medadv_desktop.errors import AttackError

if TYPE_CHECKING:
    from medadv_desktop.attacks.fitting import Fittable
    from medadv_desktop.attacks.objectives import Objective
    from medadv_desktop.attacks.session import Session

AdaptiveLoss = Literal["objective", "margin", "shortfall", "dlr", "dlr-targeted", "margin-targeted"]

LEAST_CLASSES = {"dlr": 3, "dlr-targeted": 4}
"""So many logits go into the losses."""


class APGD(BudgetedAttack):
    """Momentum steps whose length is halved at checkpoints, from the best point, when they stall.

    Croce, Hein: Reliable evaluation of adversarial robustness with an ensemble of diverse
    parameter-free attacks, ICML 2020, algorithm 1; for l1 Croce, Hein: Mind the Box, ICML 2021,
    algorithm 2: sparse steps whose number of pixels adapts, at radii of 3ε, 2ε and ε in turn.

    Losses: `objective`, the objective's own (cross-entropy or BCE unless it is set otherwise:
    APGD-CE); `margin`, how far the logits are past the border of the goal, for all models and
    goals; `shortfall`, what each condition lacks of a goal of several (flip all, hold the others),
    summed; `dlr`, the margin over z_π1 − z_π3 (eq. 6, APGD-DLR); `dlr-targeted`, eq. 7 towards each
    of the likeliest wrong classes in turn (APGD-T), or towards the class that the objective names;
    `margin-targeted`, likewise but by z_k − z_y, or by one finding's distance past its cutoff: for
    few classes and for findings.

    A sample on which the objective is achieved leaves; the others keep the image of the largest
    loss of the objective.
    """

    name = "apgd"
    title = "APGD"
    summary = "PGD that halves its steps when they stall: strong without any tuning"
    reference = "Croce and Hein, ICML 2020 (arXiv 2003.01690)"

    steps: int = Field(
        100, ge=1, le=10_000, description="Gradient steps, for each restart and class"
    )
    restarts: int = Field(
        1,
        ge=1,
        le=100,
        description="Tries from fresh random starts, for the samples that withstood the last one",
    )
    loss: AdaptiveLoss = Field(
        "objective",
        description="What is raised: the objective's own loss (cross-entropy unless it is set "
        "otherwise), its margin in logits, what all its conditions lack together (shortfall), or "
        "the difference of logits ratio (dlr); targeted: margin or dlr towards each of the "
        "likeliest wrong classes in turn, the margin also towards each finding",
    )
    targets: int = Field(
        9,
        ge=1,
        le=1000,
        description="Wrong classes or findings that a targeted loss tries, the likeliest first; "
        "there are no more than the model has",
    )

    def check_fit(self, model: Fittable, objective: Objective) -> None:
        super().check_fit(model, objective)
        least, card = LEAST_CLASSES.get(self.loss, 0), model.card
        if least and (card.multi_label or len(card.classes) < least):
            has = "findings, each by itself" if card.multi_label else f"{len(card.classes)} classes"
            raise AttackError(
                f"{self.loss} compares the logits of {least} classes; {card.name} has {has}",
                subject="loss",
                remedy=self._fitting(model),
            )
        if self.loss.endswith("targeted") and not isinstance(objective, Untargeted | Targeted):
            raise AttackError(
                f"{self.loss} goes from one decision to another; '{objective.title}' is no such "
                "goal",
                subject="loss",
                remedy="Choose dlr, margin or objective"
                if self.loss.startswith("dlr")
                else "Choose margin or objective",
            )

    def search(self, session: Session) -> AttackResult:
        from medadv_desktop.attacks.gradient.apgd_search import climb_adaptively

        return climb_adaptively(session, self)

    def _fitting(self, model: Fittable) -> str:
        dlr = not model.card.multi_label and len(model.card.classes) >= LEAST_CLASSES["dlr"]
        return f"Choose margin, which fits every model{', or dlr' if dlr else ''}"
