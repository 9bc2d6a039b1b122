"""Two audits, or two models of one, side by side: what differs, and how sure that is. No torch.

Cells are matched by everything but the model. Where both were measured on the same samples, they
are compared sample by sample: McNemar's test, and Tango's interval of a paired difference. Else
the samples are taken for independent, which a warning says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.analysis.metrics.estimates import Estimate, Z
from medadv_desktop.analysis.metrics.proportions import (
    Rate,
    independent_difference,
    mcnemar,
    paired_difference,
    rate,
)
from medadv_desktop.audit.masking import Naming
from medadv_desktop.audit.plan.cells import Cell
from medadv_desktop.audit.plan.schema import AuditPlan
from medadv_desktop.audit.results.reading import AuditResults, Told, flips_told, read_results
from medadv_desktop.audit.store.records import CellRecord
from medadv_desktop.audit.store.store import AuditStore
from medadv_desktop.corruptions.flips import flips_of
from medadv_desktop.corruptions.registry import SEQUENCES
from medadv_desktop.errors import AuditError
from medadv_desktop.imaging.phi import MASKED
from medadv_desktop.jobs import CancelToken

Places = NDArray[np.int64]


@dataclass(frozen=True)
class Difference:
    """A figure of both sides.

    Attributes:
        first, second: the figure of each, over the samples that are compared.
        difference: second minus first, with its 95 % interval; None of no samples.
        p: that both are alike: McNemar's exact test; None for anything but pairs of rights and
            wrongs.
    """

    first: Told
    second: Told
    difference: Estimate | None
    p: float | None


@dataclass(frozen=True, eq=False)
class CellComparison:
    """Two cells that differ in nothing but the model, as far as their names tell.

    Attributes:
        first, second: the cells.
        samples: compared; with `paired` those that both have.
        clean, robust: clean and robust accuracy; `robust` is None of clean images and sequences.
        flips: flip probability of a sequence.
        now_wrong, now_right: places of samples that `first` got right (robustly, where something
            was changed) and `second` did not, and the other way round; empty without pairs.
        notes: what else differs between them.
    """

    first: Cell
    second: Cell
    paired: bool
    samples: int
    clean: Difference | None
    robust: Difference | None
    flips: Difference | None
    now_wrong: Places
    now_right: Places
    notes: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What was done to the images of which data set."""
        return f"{self.first.dataset}, {self.first.title}"


@dataclass(frozen=True)
class PlanDifference:
    """A field of the plan, such as "attacks.pgd.settings.steps"; None where it is absent."""

    field: str
    first: Any
    second: Any


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two audits, or two models of one.

    Attributes:
        models: pairs that were compared, by their ids in the two plans.
        plan: what differs between the plans.
        warnings: why differences may have other causes than the model.
        cells: matched, both done.
        only_first, only_second: cells that have no finished counterpart.
    """

    first: Path
    second: Path
    models: tuple[tuple[str, str], ...]
    plan: tuple[PlanDifference, ...]
    warnings: tuple[str, ...]
    cells: tuple[CellComparison, ...]
    only_first: tuple[Cell, ...]
    only_second: tuple[Cell, ...]


def compare(
    first: Path,
    second: Path,
    *,
    models: tuple[str, str] | None = None,
    token: CancelToken | None = None,
) -> Comparison:
    """Compare two audits by their folders; one folder twice compares two of its models.

    Args:
        models: a model of each; None takes those of the same id, or the only one of each.

    Raises:
        AuditError: a folder holds no audit, or there are no models to compare.
        JobCancelled: the token was cancelled.
    """
    token = token or CancelToken()
    with AuditStore.open(first) as one, AuditStore.open(second) as other:
        sides = read_results(one), read_results(other)
        pairs = _pairs(first, second, *sides, models)
        matched, only_first, only_second = _matched(*sides, pairs)
        cells = []
        for a, b in matched:
            token.check()
            cells.append(_compared(one, other, sides, a, b))
        return Comparison(
            first,
            second,
            pairs,
            plan_differences(sides[0].plan, sides[1].plan),
            tuple(_warnings(*sides, pairs)),
            tuple(cells),
            only_first,
            only_second,
        )


def compare_cells(
    store: AuditStore, results: AuditResults, first: CellRecord, second: CellRecord
) -> CellComparison:
    """Two finished cells of one audit that differ in the model, sample by sample."""
    return _compared(store, store, (results, results), first, second)


def plan_differences(first: AuditPlan, second: AuditPlan) -> tuple[PlanDifference, ...]:
    """Field by field; entries of lists go by their ids, so that their order is none."""
    one = dict(_flat(first.model_dump(mode="json")))
    other = dict(_flat(second.model_dump(mode="json")))
    return tuple(
        PlanDifference(field, one.get(field), other.get(field))
        for field in dict.fromkeys((*one, *other))
        if one.get(field) != other.get(field)
    )


def _flat(value: Any, where: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, list) and value and all(isinstance(v, Mapping) for v in value):
        value = {str(v.get("id", v.get("kind", k))): v for k, v in enumerate(value)}
    if isinstance(value, Mapping):
        for name, entry in value.items():
            yield from _flat(entry, f"{where}.{name}" if where else str(name))
    elif value is not None:
        yield where, value


def _pairs(
    first: Path,
    second: Path,
    one: AuditResults,
    other: AuditResults,
    models: tuple[str, str] | None,
) -> tuple[tuple[str, str], ...]:
    ids = [m.id for m in one.plan.models], [m.id for m in other.plan.models]
    if models is not None:
        for name, known, folder in zip(models, ids, (first, second), strict=True):
            if name not in known:
                raise AuditError(
                    f"has no model {name!r}",
                    subject=folder,
                    remedy=f"Name one of: {', '.join(known)}",
                )
        return (models,)
    if first.resolve() == second.resolve():
        raise AuditError(
            "is compared with itself", subject=first, remedy="Name two of its models (--models)"
        )
    common = tuple((name, name) for name in ids[0] if name in ids[1])
    if common:
        return common
    if len(ids[0]) == len(ids[1]) == 1:
        return ((ids[0][0], ids[1][0]),)
    raise AuditError(
        f"has no model in common with {second}",
        subject=first,
        remedy="Say which are compared (--models FIRST,SECOND)",
    )


def _matched(
    one: AuditResults, other: AuditResults, pairs: tuple[tuple[str, str], ...]
) -> tuple[list[tuple[CellRecord, CellRecord]], tuple[Cell, ...], tuple[Cell, ...]]:
    matched, used = [], set()
    done = {_key(r.cell): r for r in other.done()}
    mine = [r for r in one.done() if any(r.cell.model == own for own, _ in pairs)]
    for own, theirs in pairs:
        for record in mine:
            if record.cell.model != own:
                continue
            match = done.get((theirs, *_key(record.cell)[1:]))
            if match is not None:
                matched.append((record, match))
                used |= {("first", record.cell.id), ("second", match.cell.id)}
    theirs_all = [r for r in other.done() if any(r.cell.model == t for _, t in pairs)]
    return (
        matched,
        tuple(r.cell for r in mine if ("first", r.cell.id) not in used),
        tuple(r.cell for r in theirs_all if ("second", r.cell.id) not in used),
    )


def _key(cell: Cell) -> tuple[Any, ...]:
    return cell.model, cell.dataset, cell.kind, cell.name, cell.budget, cell.seed


def _warnings(
    one: AuditResults, other: AuditResults, pairs: tuple[tuple[str, str], ...]
) -> Iterator[str]:
    for name in one.datasets:
        if name in other.datasets and not _same_samples(one, other, name):
            yield (
                f"data set {name}: the samples differ (fingerprints "
                f"{one.datasets[name].sha256[:12]} and {other.datasets[name].sha256[:12]}), so "
                "they are compared as independent ones, and part of a difference may be theirs"
            )
    for mine, theirs in pairs:
        a, b = one.models.get(mine), other.models.get(theirs)
        if a is None or b is None:
            continue
        if mine == theirs and a.sha256 != b.sha256:
            yield (
                f"model {mine}: the weights differ ({a.sha256[:12]} and {b.sha256[:12]}): "
                "these are two models of one name"
            )
        if a.card.classes != b.card.classes:
            yield f"models {mine} and {theirs} tell other classes apart"


def _same_samples(one: AuditResults, other: AuditResults, dataset: str) -> bool:
    a, b = one.datasets.get(dataset), other.datasets.get(dataset)
    return a is not None and b is not None and (a.sha256, a.samples) == (b.sha256, b.samples)


def _compared(
    one: AuditStore,
    other: AuditStore,
    sides: tuple[AuditResults, AuditResults],
    first: CellRecord,
    second: CellRecord,
) -> CellComparison:
    a, b = one.verdicts(first.cell.id), other.verdicts(second.cell.id)
    paired = _same_samples(*sides, first.cell.dataset)
    if paired:
        _, left, right = np.intersect1d(
            a["place"], b["place"], assume_unique=True, return_indices=True
        )
        a, b = a[left], b[right]
    changed = first.cell.kind in ("attack", "smallest", "corruption")
    robust = a["before"] & a["after"], b["before"] & b["after"]
    judged = robust if changed else (a["before"], b["before"])
    nothing: Places = np.empty(0, np.int64)
    flips = first.cell.kind == "sequence"
    show = paired and not flips
    return CellComparison(
        first.cell,
        second.cell,
        paired,
        len(a) if paired else min(len(a), len(b)),
        _accuracies(a["before"], b["before"], paired=paired),
        _accuracies(*robust, paired=paired) if changed else None,
        _flips(one, other, first, second, paired=paired) if flips else None,
        a["place"][judged[0] & ~judged[1]] if show else nothing,
        a["place"][judged[1] & ~judged[0]] if show else nothing,
        tuple(_notes(sides, first, second)),
    )


def _notes(
    sides: tuple[AuditResults, AuditResults], first: CellRecord, second: CellRecord
) -> Iterator[str]:
    if first.cell.kind in ("attack", "smallest"):
        one, other = (side.plan.attack(first.cell.name) for side in sides)
        ignored = {"epsilons", "models"}
        differing = [
            field
            for field in type(one).model_fields
            if field not in ignored and getattr(one, field) != getattr(other, field)
        ]
        if differing:
            yield f"the attack itself differs: {', '.join(differing)}"
    if first.left_out != second.left_out:
        yield f"left out: {first.left_out} and {second.left_out} samples"


def _accuracies(
    first: NDArray[np.bool_], second: NDArray[np.bool_], *, paired: bool
) -> Difference | None:
    rates = rate(first), rate(second)
    one, other = (_told(own) for own in rates)
    if one is None or other is None:
        return None
    if paired:
        return Difference(one, other, paired_difference(second, first), mcnemar(first, second).p)
    return Difference(one, other, independent_difference(rates[1], rates[0]), None)


def _told(own: Rate) -> Told | None:
    return None if own.value is None else Told(own.value, own.low, own.high, own.count, own.of)


def _flips(
    one: AuditStore, other: AuditStore, first: CellRecord, second: CellRecord, *, paired: bool
) -> Difference | None:
    """Flip probabilities; the interval is of the mean of differences, or of two means."""
    a, b = flips_told(first), flips_told(second)
    if a is None or b is None:
        return None
    if paired:
        shares = _shares(one, first.cell), _shares(other, second.cell)
        common = sorted(shares[0].keys() & shares[1].keys())
        if len(common) < 2:
            return Difference(a, b, None, None)
        each = np.array([shares[1][place] - shares[0][place] for place in common])
        half = Z * float(each.std(ddof=1)) / np.sqrt(len(each))
        mean = float(each.mean())
    else:
        if a.low is None or b.low is None:
            return Difference(a, b, None, None)
        # An interval of a mean is as wide to either side, but where it is cut at 0 or 1.
        half = float(np.hypot(_half(a), _half(b)))
        mean = b.value - a.value
    return Difference(a, b, Estimate(mean, mean - half, mean + half, "normal"), None)


def _half(own: Told) -> float:
    assert own.low is not None
    assert own.high is not None
    return max(own.value - own.low, own.high - own.value)


def _shares(store: AuditStore, cell: Cell) -> dict[int, float]:
    """By place, the share of flips of a sequence."""
    rows = store.rows(cell.id)
    if rows.frames is None:
        return {}
    shares = flips_of(rows.frames, SEQUENCES[cell.name].noise).mean(axis=1)
    return dict(zip(rows.places.tolist(), shares.tolist(), strict=True))


def describe_comparison(found: Comparison, naming: Naming) -> dict[str, Any]:
    """A comparison as plain values, for JSON."""
    return {
        "format": "medadv-comparison",
        "version": 1,
        "first": naming.path(str(found.first)),
        "second": naming.path(str(found.second)),
        "models": [list(pair) for pair in found.models],
        "warnings": list(found.warnings),
        "plan": [
            {"field": d.field, "first": plan_value(d, d.first, naming),
             "second": plan_value(d, d.second, naming)}
            for d in found.plan
        ],
        "cells": [_described(cell) for cell in found.cells],
        "only_first": [f"{c.model}, {c.dataset}, {c.title}" for c in found.only_first],
        "only_second": [f"{c.model}, {c.dataset}, {c.title}" for c in found.only_second],
    }  # fmt: skip


def plan_value(difference: PlanDifference, value: Any, naming: Naming) -> Any:
    """A value of a field of a plan as it may be shown; a data set's folder may not."""
    if not isinstance(value, str) or naming.identifiers:
        return value
    if difference.field.startswith("datasets.") and difference.field.endswith(".path"):
        return MASKED
    return naming.text(value) if difference.field.endswith(".filter") else naming.path(value)


def _described(cell: CellComparison) -> dict[str, Any]:
    return {
        "title": cell.title,
        "first": cell.first.id,
        "second": cell.second.id,
        "models": [cell.first.model, cell.second.model],
        "paired": cell.paired,
        "samples": cell.samples,
        "clean_accuracy": _plain(cell.clean),
        "robust_accuracy": _plain(cell.robust),
        "flip_probability": _plain(cell.flips),
        # From 1, as the report counts them.
        "now_wrong": (cell.now_wrong + 1).tolist(),
        "now_right": (cell.now_right + 1).tolist(),
        "notes": list(cell.notes),
    }


def _plain(own: Difference | None) -> dict[str, Any] | None:
    if own is None:
        return None
    found = own.difference
    return {
        "first": {"value": own.first.value, "low": own.first.low, "high": own.first.high},
        "second": {"value": own.second.value, "low": own.second.low, "high": own.second.high},
        "difference": None
        if found is None
        else {"value": found.value, "low": found.low, "high": found.high, "method": found.method},
        "p": own.p,
    }
