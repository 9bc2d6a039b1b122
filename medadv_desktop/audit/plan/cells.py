"""The cells of a plan: one model, data set, attack or corruption, budget and seed. No torch."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Final, Literal

from medadv_desktop.audit.plan.schema import AuditPlan, PlanAttack
from medadv_desktop.settings import format_pixel_fraction

CellKind = Literal["clean", "attack", "smallest", "corruption", "sequence"]

KINDS: Final[tuple[CellKind, ...]] = ("clean", "attack", "smallest", "corruption", "sequence")

_ID_DIGITS: Final = 16


@dataclass(frozen=True)
class Cell:
    """One unit of an audit that has figures of its own.

    Attributes:
        id: 16 hexadecimal digits made of everything that decides its results, so that a resumed or
            extended audit finds what is done already.
        kind: clean images; an attack within a budget (or without one); the smallest budget for each
            sample; a corruption at a severity; a perturbation sequence.
        model, dataset: ids of the plan.
        name: id of the plan's attack, kind of corruption or sequence; "" for clean.
        budget: ε in the attack's norm, highest ε of a bisection, or severity; None for none.
        seed: of the attack or corruption; 0 for clean.
    """

    id: str
    kind: CellKind
    model: str
    dataset: str
    name: str = ""
    budget: float | None = None
    seed: int = 0

    @property
    def title(self) -> str:
        """For people: "pgd at 4/255, seed 0"."""
        text = self.name or "clean images"
        if self.kind == "corruption":
            text += f", severity {self.budget:.0f}"
        elif self.kind == "smallest" and self.budget is not None:
            text += f", smallest budget up to {format_pixel_fraction(self.budget)}"
        elif self.budget is not None:
            text += f" at {format_pixel_fraction(self.budget)}"
        return f"{text}, seed {self.seed}" if self.seed else text


def cells_of(plan: AuditPlan) -> tuple[Cell, ...]:
    """Every cell of a plan: for each model and data set clean images first, then what is dear last.

    The order is that in which an audit works, unless somebody reorders it.
    """
    found: list[Cell] = []
    for model, dataset in plan.pairs():
        data = dataset.model_dump(mode="json", exclude={"id", "groups"})

        def cell(
            kind: CellKind,
            what: dict[str, Any],
            name: str = "",
            budget: float | None = None,
            seed: int = 0,
            *,
            of: tuple[str, str, str, Any] = (model.id, model.model, dataset.id, data),
        ) -> Cell:
            identity = [kind, *of, name, what, budget, seed]
            text = json.dumps(identity, sort_keys=True, ensure_ascii=False)
            digest = hashlib.sha256(text.encode()).hexdigest()[:_ID_DIGITS]
            return Cell(digest, kind, of[0], of[2], name, budget, seed)

        found.append(cell("clean", {}))
        for seed in plan.seeds:
            for sequence in plan.sequences:
                if _takes(sequence.models, model.id):
                    what = {"frames": sequence.frames}
                    found.append(cell("sequence", what, sequence.kind, None, seed))
            for corruption in plan.corruptions:
                if _takes(corruption.models, model.id):
                    found.extend(
                        cell("corruption", {}, corruption.kind, float(severity), seed)
                        for severity in corruption.severities
                    )
            for attack in plan.attacks:
                if _takes(attack.models, model.id):
                    found.extend(
                        cell(kind, what, attack.id, budget, seed)
                        for kind, what, budget in _budgets(attack)
                    )
    return tuple(found)


def _takes(models: tuple[str, ...], model: str) -> bool:
    return not models or model in models


def _budgets(attack: PlanAttack) -> list[tuple[CellKind, dict[str, Any], float | None]]:
    """Kind, description and budget of each cell of an attack."""
    what = attack.model_dump(mode="json", exclude={"id", "epsilons", "models", "smallest"})
    if attack.smallest is not None:
        halvings = attack.smallest.halvings
        return [("smallest", what | {"halvings": halvings}, attack.smallest.highest)]
    if attack.epsilons:
        # The budget of the settings does not count then.
        what["settings"] = {k: v for k, v in what["settings"].items() if k != "epsilon"}
        return [("attack", what, epsilon) for epsilon in attack.epsilons]
    return [("attack", what, getattr(attack.at(None), "epsilon", None))]
