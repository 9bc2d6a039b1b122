"""What a store says of its cells, as one value; and figures out of their JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import Any, Final

from medadv_desktop.analysis.metrics.estimates import Z
from medadv_desktop.analysis.metrics.proportions import Rate
from medadv_desktop.attacks.threat import norms_of
from medadv_desktop.audit.plan.cells import Cell, CellKind
from medadv_desktop.audit.plan.schema import AuditPlan
from medadv_desktop.audit.store.records import CellRecord, DatasetRecord, ModelRecord
from medadv_desktop.audit.store.store import AuditStore

NORMS: Final = {"linf": "L∞", "l2": "L2", "l1": "L1", "l0": "L0"}
"""As people write them."""


@dataclass(frozen=True)
class Told:
    """A figure with its 95 % interval; `count` of `of` samples where it is a share of a count."""

    value: float
    low: float | None = None
    high: float | None = None
    count: int | None = None
    of: int | None = None

    def __str__(self) -> str:
        text = f"{self.value:.3f}"
        if self.low is not None and self.high is not None:
            text += f" [{self.low:.3f}, {self.high:.3f}]"
        return text if self.of is None else f"{text} ({self.count} of {self.of})"


@dataclass(frozen=True)
class AuditResults:
    """An audit but for its samples.

    Attributes:
        records: all cells in the order of work.
        models, datasets: those that a cell has asked for, by their id in the plan.
    """

    plan: AuditPlan
    records: tuple[CellRecord, ...]
    models: Mapping[str, ModelRecord]
    datasets: Mapping[str, DatasetRecord]

    def done(self, *kinds: CellKind) -> tuple[CellRecord, ...]:
        """Cells with figures, of some kinds or all, in the plan's order of models."""
        found = (r for r in self.records if r.outcome is not None and r.state == "done")
        wanted = [r for r in found if not kinds or r.cell.kind in kinds]
        return tuple(sorted(wanted, key=lambda r: self.place_of(r.cell.model)))

    def place_of(self, model: str) -> int:
        """The model's place in the plan; also that of its colour."""
        return [m.id for m in self.plan.models].index(model)

    @cached_property
    def dataset_ids(self) -> tuple[str, ...]:
        """Of the plan."""
        return tuple(dataset.id for dataset in self.plan.datasets)

    def clean(self, model: str, dataset: str) -> CellRecord | None:
        """The clean images of a pair; None before they are done."""
        return next(
            (r for r in self.done("clean") if (r.cell.model, r.cell.dataset) == (model, dataset)),
            None,
        )

    def norm_of(self, cell: Cell) -> str:
        """The norm that bounds an attack: "linf", …; "" where none does."""
        attack = self.plan.attack(cell.name).at(None)
        own = getattr(attack, "norm", "")
        norms = norms_of(type(attack))
        return str(own) if own else norms[0] if norms else ""


def read_results(store: AuditStore) -> AuditResults:
    """Everything in a store but its samples, finished or not.

    Raises:
        PlanError: the plan in it cannot be read.
    """
    return AuditResults(store.plan, store.cells(), store.models(), store.datasets())


def figures_of(record: CellRecord) -> Mapping[str, Any]:
    """The figures of a cell; none before it is done."""
    if record.outcome is None:
        return {}
    found = dict(record.outcome.figures)
    rates = found.pop("figures", {})
    return {**rates, **found}


def told(record: CellRecord, name: str) -> Told | None:
    """A rate or estimate of a cell by its name; None where it does not have it."""
    return told_of(figures_of(record).get(name))


def told_of(plain: Any) -> Told | None:
    """A rate or estimate from its plain values."""
    if not isinstance(plain, Mapping) or plain.get("value") is None:
        return None
    return Told(
        float(plain["value"]), plain.get("low"), plain.get("high"), plain.get("count"),
        plain.get("of"),
    )  # fmt: skip


def flips_told(record: CellRecord) -> Told | None:
    """The flip probability of a sequence, with the normal interval of a mean over sequences.

    Without one where all sequences are alike: then this interval has no width, and says nothing.
    """
    figures = figures_of(record)
    value, error = figures.get("flip_probability"), figures.get("standard_error")
    if value is None:
        return None
    if not error:
        return Told(float(value))
    return Told(float(value), max(0.0, value - Z * error), min(1.0, value + Z * error))


def accuracy_after(record: CellRecord) -> Told | None:
    """How often decisions on the changed images are right, whatever was said of the clean ones.

    Over samples for one class each; over all findings of all samples for several, then without an
    interval, for findings of one image depend on each other.
    """
    side = figures_of(record).get("attacked")
    if not side:
        return None
    counts = side["confusion"]["counts"]
    if counts and isinstance(counts[0][0], Sequence):
        right = sum(finding[0][0] + finding[1][1] for finding in counts)
        of = sum(sum(map(sum, finding)) for finding in counts)
        return Told(right / of) if of else None
    rate = Rate(sum(counts[k][k] for k in range(len(counts))), sum(map(sum, counts)))
    if rate.value is None:
        return None
    return Told(rate.value, rate.low, rate.high, rate.count, rate.of)


def pooled(found: Sequence[Told]) -> Told | None:
    """One figure of several seeds: their mean, within the widest of their intervals."""
    if not found:
        return None
    if len(found) == 1:
        return found[0]
    lows = [f.low for f in found if f.low is not None]
    highs = [f.high for f in found if f.high is not None]
    return Told(
        fmean(f.value for f in found),
        min(lows) if lows else None,
        max(highs) if highs else None,
    )
