"""What the attacker was granted: every attack, corruption and sequence of the plan, in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from medadv_desktop.analysis.charts.values import Table
from medadv_desktop.attacks.attack import Knowledge
from medadv_desktop.attacks.threat import norms_of
from medadv_desktop.audit.masking import Naming
from medadv_desktop.audit.plan.schema import PlanAttack
from medadv_desktop.audit.report.blocks import Block, Facts, Grid, Paragraph
from medadv_desktop.audit.results.reading import NORMS, AuditResults
from medadv_desktop.corruptions.registry import CORRUPTIONS, SEQUENCES
from medadv_desktop.settings import fields_of, format_pixel_fraction

_KNOWS: Final[dict[Knowledge, str]] = {
    "white-box": "everything: the network and its gradients (white box)",
    "scores": "the scores of any image that is asked about (black box)",
    "decisions": "the decision about any image that is asked about (black box)",
    "nothing": "nothing of the model",
}


def threat_blocks(results: AuditResults, naming: Naming) -> Iterator[Block]:
    """One block for each attack, one for all corruptions, one for all sequences."""
    plan = results.plan
    yield Paragraph(
        "Attacks change the input of the model, after preprocessing, in its [0, 1] grey scale; "
        "what they found is rounded to 16 bits, towards the original, and judged again there. "
        "Robust accuracy holds against these attackers and says nothing of stronger ones."
    )
    for attack in plan.attacks:
        yield _attack(results, attack, naming)
    if plan.corruptions:
        rows = [
            (CORRUPTIONS[c.kind].title, CORRUPTIONS[c.kind].summary, _listed(c.severities))
            for c in plan.corruptions
        ]
        table = Table(("corruption", "what it is", "severities"), tuple(rows))
        yield Grid("Corruptions", table, "Nobody means harm: what scanners and files do.")
    if plan.sequences:
        sequences = [
            (
                SEQUENCES[s.kind].title,
                SEQUENCES[s.kind].summary,
                str(s.frames),
                "the first, clean frame" if SEQUENCES[s.kind].noise else "the frame before",
            )
            for s in plan.sequences
        ]
        head = ("sequence", "what it is", "frames", "compared with")
        yield Grid("Perturbation sequences", Table(head, tuple(sequences)))


def _attack(results: AuditResults, plan: PlanAttack, naming: Naming) -> Facts:
    attack, goal = plan.at(None), plan.goal()
    norm = _norm(plan)
    pairs = [
        ("Attack", f"{attack.title}: {attack.summary}"),
        ("Reference", attack.reference),
        ("The attacker knows", _KNOWS[attack.knowledge]),
        ("The goal", f"{goal.title}" + _settings(plan.objective_settings, naming)),
        ("Bounded in", NORMS.get(norm, "no norm")),
        ("Budgets ε", _budgets(plan)),
        ("Settings", _written(plan, naming)),
        ("Seeds", _listed(results.plan.seeds)),
    ]
    if plan.train is not None:
        pairs.append(("Prepared on", plan.train.dataset + _settings(plan.train.recipe, naming)))
    if plan.transfer:
        pairs.append(("Transfer", "the other models judge the attacked images as well"))
    if plan.models:
        pairs.append(("Only against", ", ".join(plan.models)))
    return Facts(plan.id, tuple(pairs))


def _norm(plan: PlanAttack) -> str:
    """By its own field, by that of its recipe, or by its nature; "" for none."""
    attack = plan.at(None)
    maker = attack if plan.train is None else plan.recipe()
    natural = ("linf",) if attack.name == "gap" else norms_of(type(attack))
    return str(getattr(maker, "norm", "")) or (natural[0] if len(natural) == 1 else "")


def _budgets(plan: PlanAttack) -> str:
    if plan.smallest is not None:
        highest = format_pixel_fraction(plan.smallest.highest)
        return (
            f"the smallest for every sample, up to {highest} in {2**plan.smallest.halvings} steps"
        )
    if plan.epsilons:
        return ", ".join(format_pixel_fraction(e) for e in plan.epsilons)
    maker = plan.at(None) if plan.train is None else plan.recipe()
    own = getattr(maker, "epsilon", None)
    return "what the attack itself decides" if own is None else format_pixel_fraction(own)


def _written(plan: PlanAttack, naming: Naming) -> str:
    """The attack's fields by their labels, but for the budget."""
    attack = plan.at(None)
    told = []
    for field in fields_of(type(attack)):
        value = getattr(attack, field.name)
        if field.name in ("epsilon", "norm") or value in (None, ""):
            continue
        told.append(f"{field.label.lower()} {naming.path(_text(value, field.kind))}")
    return ", ".join(told) or "none"


def _text(value: Any, kind: str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return format_pixel_fraction(value) if kind == "pixel_fraction" else str(value)


def _settings(values: dict[str, object], naming: Naming) -> str:
    told = ", ".join(f"{k.replace('_', ' ')} {naming.path(str(v))}" for k, v in values.items())
    return f" ({told})" if told else ""


def _listed(values: tuple[int, ...]) -> str:
    return ", ".join(map(str, values))
