"""Searches over a labelled set: the curve of robust accuracy, and erasable findings. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from medadv_desktop.analysis.metrics.proportions import Rate
from medadv_desktop.attacks.attack import Attack, Precision
from medadv_desktop.attacks.bounded import BudgetedAttack
from medadv_desktop.attacks.objectives import Objective, Untargeted
from medadv_desktop.audit.evaluation import LeftOut
from medadv_desktop.datasets.dataset import Dataset
from medadv_desktop.datasets.fingerprint import Fingerprint
from medadv_desktop.models.card import ModelCard


@dataclass(frozen=True, eq=False)
class CurveRequest:
    """The smallest budget for every sample of a set. Answer: `RobustnessCurve`.

    Attributes:
        attack: one within a budget; its own ε does not count.
        highest, halvings: the grid of budgets has 2^halvings steps up to `highest`.
        match_order, batch_size, seed, workers, cache, precision: as in `EvaluationRequest`.
    """

    model: str
    dataset: Dataset
    attack: BudgetedAttack
    objective: Objective = field(default_factory=Untargeted)
    highest: float = 16 / 255
    halvings: int = 6
    match_order: bool = False
    batch_size: int = 16
    seed: int = 0
    workers: int | None = None
    cache: Path | None = None
    precision: Precision = "exact"


@dataclass(frozen=True)
class SampleBudget:
    """One sample: the smallest budget at which the attack reaches its goal; 0 where it is reached
    without it, ∞ where the highest was not enough.
    """

    id: str
    epsilon: float


@dataclass(frozen=True, eq=False)
class RobustnessCurve:
    """Robust accuracy over the budget.

    Attributes:
        samples: every sample judged.
        step: of the grid of budgets.
        left_out: in no figure, with the reason.
    """

    request: CurveRequest
    card: ModelCard
    model_sha256: str
    fingerprint: Fingerprint
    samples: tuple[SampleBudget, ...]
    step: float
    left_out: tuple[LeftOut, ...]
    device: str
    seconds: float

    def standing(self, epsilon: float) -> Rate:
        """Of ALL samples, those that the attack does not bring to its goal within a budget."""
        slack = 1 + 1e-9
        count = sum(sample.epsilon > epsilon * slack for sample in self.samples)
        return Rate(count, len(self.samples))

    def median(self) -> float:
        """The budget at which half of the samples have fallen; ∞ where they have not."""
        ordered = sorted(sample.epsilon for sample in self.samples)
        return ordered[(len(ordered) - 1) // 2]

    def budgets(self, count: int = 9) -> Sequence[float]:
        """0 to the highest budget in even steps of the grid."""
        steps = 2**self.request.halvings
        places = sorted({round(k * steps / (count - 1)) for k in range(count)})
        return [self.step * place for place in places]


@dataclass(frozen=True, eq=False)
class EraseRequest:
    """Which findings can be erased, one at a time. Answer: `ErasableShares`.

    Labels of the data set are not looked at: what counts is what the model reports.

    Attributes:
        hold_others: every other decision of the model must stay as it is.
        batch_size, seed, workers, cache, precision: as in `EvaluationRequest`.
    """

    model: str
    dataset: Dataset
    attack: Attack
    hold_others: bool = True
    batch_size: int = 16
    seed: int = 0
    workers: int | None = None
    cache: Path | None = None
    precision: Precision = "exact"


@dataclass(frozen=True, eq=False)
class ErasableShares:
    """Of the images in which the model reports a finding, those from which it can be erased.

    Attributes:
        findings: (name, rate) in the model's order.
        samples: how many images were looked at.
    """

    request: EraseRequest
    card: ModelCard
    model_sha256: str
    fingerprint: Fingerprint
    findings: tuple[tuple[str, Rate], ...]
    samples: int
    left_out: tuple[LeftOut, ...]
    device: str
    seconds: float
