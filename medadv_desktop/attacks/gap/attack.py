"""A trained generator as an attack: one pass, no gradient of the model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from medadv_desktop.attacks.attack import Attack, AttackResult
from medadv_desktop.attacks.bounded import GREY_SCALE
from medadv_desktop.attacks.fitting import need_file
from medadv_desktop.attacks.gap.recipe import GENERATOR
from medadv_desktop.attacks.prepared import check_made_for, warn_of_transfer
from medadv_desktop.settings import PixelFraction

if TYPE_CHECKING:
    from medadv_desktop.attacks.fitting import Fittable
    from medadv_desktop.attacks.objectives import Objective
    from medadv_desktop.attacks.session import Session
    from medadv_desktop.models.diagnostic import DiagnosticModel


class GAP(Attack):
    """x + G(x), or x + δ for a universal generator, clamped to [0, 1].

    The generator is trained beforehand (`medadv gap train`), against this model or another: then
    it is a transfer attack. It was trained for one goal; what is judged is the objective.
    """

    name = "gap"
    title = "GAP"
    summary = "A generator, trained beforehand, perturbs in one pass and without gradients"
    reference = "Poursaeed et al., CVPR 2018 (arXiv 1712.02328)"
    knowledge = "nothing"

    generator: str = Field(
        "",
        description="File of a trained generator (.safetensors)",
        json_schema_extra={"kind": "file", "suffixes": [".safetensors"]},
    )
    epsilon: PixelFraction | None = Field(
        None,
        ge=0,
        le=100,
        title="Budget ε",
        description="A smaller budget than the one it was trained for; nothing means that one",
        json_schema_extra={"unit": GREY_SCALE},
    )

    def check_fit(self, model: Fittable, objective: Objective) -> None:
        super().check_fit(model, objective)
        need_file(
            self.generator,
            "generator",
            "trained generator",
            f"{GENERATOR.source}, and choose its file",
        )

    def check(self, model: DiagnosticModel, objective: Objective) -> None:
        from medadv_desktop.attacks.gap.file import load

        super().check(model, objective)
        trained = load(Path(self.generator))
        check_made_for(
            GENERATOR, self.generator, trained.shape, trained.recipe.epsilon, model, self.epsilon
        )

    def search(self, session: Session) -> AttackResult:
        import torch

        from medadv_desktop.attacks.gap.file import load
        from medadv_desktop.attacks.norm_balls import NORM_BALLS

        trained = load(Path(self.generator))
        warn_of_transfer(GENERATOR, trained.origin, session)
        originals = session.originals
        generator = trained.generator.to(originals.device, originals.dtype)
        recipe = trained.recipe
        ball = NORM_BALLS[recipe.norm](recipe.epsilon if self.epsilon is None else self.epsilon)
        with torch.no_grad():
            moved = originals + generator(originals)
        return session.applied(ball.project(moved, originals))
