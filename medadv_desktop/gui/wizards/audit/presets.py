"""Whole threat models for an audit, by what somebody wants to know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PySide6.QtCore import QT_TRANSLATE_NOOP

from medadv_desktop.attacks.gap.history import read_head
from medadv_desktop.corruptions.registry import CORRUPTIONS, SEQUENCES
from medadv_desktop.errors import AttackError
from medadv_desktop.models.card import ModelCard

MOST_GENERATORS = 50
"""Files looked at for a trained generator."""


@dataclass(frozen=True)
class Chosen:
    """What a preset may look at.

    Attributes:
        cards: of the chosen models, by their ids in the plan.
        generators: trained ones by id of the model that they were trained against, and budget.
    """

    cards: Mapping[str, ModelCard]
    generators: Mapping[str, tuple[Path, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Threats:
    """Attacks, corruptions and sequences, as plain values of a plan."""

    attacks: tuple[dict[str, Any], ...] = ()
    corruptions: tuple[dict[str, Any], ...] = ()
    sequences: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class AuditPreset:
    """A threat model that answers a question.

    Attributes:
        name: never changes; `title` and `sentence` are for people.
    """

    name: str
    title: str
    sentence: str

    def threats(self, chosen: Chosen) -> Threats:
        """What it tries on the chosen models."""
        return _MADE[self.name](chosen)


PRESETS = (
    AuditPreset(
        "quick",
        QT_TRANSLATE_NOOP("Audit", "Quick look"),
        QT_TRANSLATE_NOOP(
            "Audit",
            "Noise, one gradient step, and ten PGD steps at three budgets: a first impression.",
        ),
    ),
    AuditPreset(
        "paper",
        QT_TRANSLATE_NOOP("Audit", "Paper"),
        QT_TRANSLATE_NOOP(
            "Audit",
            "PGD at 1 to 10/255, GAP where a generator was trained, and the ten common "
            "perturbations, as in Xu et al. 2021.",
        ),
    ),
    AuditPreset(
        "worst",
        QT_TRANSLATE_NOOP("Audit", "Worst case"),
        QT_TRANSLATE_NOOP(
            "Audit",
            "The strongest ensemble at 4/255, the smallest budget for every sample, and the "
            "corruptions of the modality: figures to quote. Slow.",
        ),
    ),
)


def fits(modalities: Sequence[str], cards: Sequence[ModelCard]) -> bool:
    """Whether a corruption of these modalities (none: of all) may happen to images of a model."""
    return not modalities or any(card.domain in modalities for card in cards)


def fitting_corruptions(cards: Mapping[str, ModelCard]) -> tuple[dict[str, Any], ...]:
    """Every corruption that may happen to images of some model, restricted to those models."""
    found = []
    for name, kind in CORRUPTIONS.items():
        own = [m for m, card in cards.items() if fits(kind.modalities, (card,))]
        if own:
            found.append({"kind": name} | ({"models": own} if len(own) < len(cards) else {}))
    return tuple(found)


def benchmark_sequences() -> tuple[dict[str, Any], ...]:
    """The ten perturbations of the benchmark, without those held out for validation."""
    return tuple({"kind": name} for name, kind in SEQUENCES.items() if not kind.validation)


def trained_generators(folder: Path) -> dict[str, tuple[Path, float]]:
    """The newest finished generator of a folder for each model, with the budget it knows."""

    def when(path: Path) -> int:
        try:
            return path.stat().st_mtime_ns
        except OSError:
            return 0

    found: dict[str, tuple[Path, float]] = {}
    for path in sorted(folder.glob("*.safetensors"), key=when, reverse=True)[:MOST_GENERATORS]:
        try:
            head = read_head(path)
        except AttackError:
            continue
        if head.finished:
            found.setdefault(head.origin.model, (path.resolve(), head.recipe.epsilon))
    return found


def _levels(*levels: int) -> list[str]:
    return [f"{level}/255" for level in levels]


def _quick(_chosen: Chosen) -> Threats:
    budgets = _levels(1, 2, 4)
    return Threats(
        (
            {"id": "noise", "attack": "noise", "epsilons": budgets},
            {"id": "fgsm", "attack": "fgsm", "epsilons": budgets},
            {"id": "pgd", "attack": "pgd", "settings": {"steps": 10}, "epsilons": budgets},
        )
    )


def _paper(chosen: Chosen) -> Threats:
    attacks: list[dict[str, Any]] = [
        {
            "id": "pgd",
            "attack": "pgd",
            "settings": {"steps": 20, "step_size": "1/255"},
            "epsilons": _levels(*range(1, 11)),
        }
    ]
    for model, card in chosen.cards.items():
        if card.id in chosen.generators:
            path, _ = chosen.generators[card.id]
            attacks.append(
                {
                    "id": f"gap-{model}",
                    "attack": "gap",
                    "settings": {"generator": str(path)},
                    "models": [model],
                }
            )
    return Threats(tuple(attacks), (), benchmark_sequences())


def _worst(chosen: Chosen) -> Threats:
    return Threats(
        (
            {"id": "worst-case", "attack": "worst-case", "epsilons": _levels(4)},
            {"id": "smallest", "attack": "apgd", "smallest": {"highest": "16/255"}},
        ),
        fitting_corruptions(chosen.cards),
    )


_MADE = {"quick": _quick, "paper": _paper, "worst": _worst}
