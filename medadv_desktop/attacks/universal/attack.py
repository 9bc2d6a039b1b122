"""A universal perturbation as an attack: one δ, fitted beforehand, added to every image."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from medadv_desktop.attacks.attack import Attack, AttackResult
from medadv_desktop.attacks.bounded import GREY_SCALE
from medadv_desktop.attacks.fitting import need_file
from medadv_desktop.attacks.prepared import check_made_for, warn_of_transfer
from medadv_desktop.attacks.universal.recipe import UNIVERSAL
from medadv_desktop.settings import PixelFraction

if TYPE_CHECKING:
    from medadv_desktop.attacks.fitting import Fittable
    from medadv_desktop.attacks.objectives import Objective
    from medadv_desktop.attacks.session import Session
    from medadv_desktop.models.diagnostic import DiagnosticModel


class Universal(Attack):
    """x + δ, clamped to [0, 1].

    δ is fitted beforehand (`universal.fit`), against this model or another: then it is a
    transfer attack. It was fitted for one goal; what is judged is the objective.
    """

    name = "universal"
    title = "Universal perturbation"
    summary = "One perturbation for all images, fitted beforehand: what an attacker can print"
    reference = "Moosavi-Dezfooli et al., CVPR 2017 (arXiv 1610.08401)"
    knowledge = "nothing"

    file: str = Field(
        "",
        description="File of a fitted perturbation (.safetensors)",
        json_schema_extra={"kind": "file", "suffixes": [".safetensors"]},
    )
    epsilon: PixelFraction | None = Field(
        None,
        ge=0,
        le=10_000,
        title="Budget ε",
        description="A smaller budget than the one it was fitted for, to which it is scaled down; "
        "nothing means that one",
        json_schema_extra={"unit": GREY_SCALE},
    )

    def check_fit(self, model: Fittable, objective: Objective) -> None:
        super().check_fit(model, objective)
        need_file(
            self.file, "file", "fitted perturbation", f"{UNIVERSAL.source}, and choose its file"
        )

    def check(self, model: DiagnosticModel, objective: Objective) -> None:
        from medadv_desktop.attacks.universal.file import load

        super().check(model, objective)
        fitted = load(Path(self.file))
        shape, largest = tuple(fitted.delta.shape), fitted.recipe.epsilon
        check_made_for(UNIVERSAL, self.file, shape, largest, model, self.epsilon)

    def search(self, session: Session) -> AttackResult:
        from medadv_desktop.attacks.norm_balls import NORM_BALLS
        from medadv_desktop.attacks.universal.file import load

        fitted = load(Path(self.file))
        warn_of_transfer(UNIVERSAL, fitted.origin, session)
        originals, most = session.originals, fitted.recipe.epsilon
        epsilon = most if self.epsilon is None else self.epsilon
        delta = fitted.delta.to(originals) * (epsilon / most)
        ball = NORM_BALLS[fitted.recipe.norm](epsilon)
        return session.applied(ball.project(originals + delta, originals))
