"""Everything that is told of one cell of an audit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.analysis.metrics.areas import DRAW, Areas, Draw, RocCurve, areas, roc_curve
from medadv_desktop.analysis.metrics.calibration import Calibration, calibration, calibration_of
from medadv_desktop.analysis.metrics.confusion import Confusion, confusion
from medadv_desktop.analysis.metrics.estimates import Estimate
from medadv_desktop.analysis.metrics.figures import Figures, Judged, figures
from medadv_desktop.analysis.metrics.plain import plain
from medadv_desktop.analysis.metrics.robust_curve import SmallestBudgets, smallest_budgets
from medadv_desktop.analysis.metrics.subgroups import (
    MOST_GROUPS,
    SMALL,
    GroupedRates,
    grouped_rates,
    rows_of_groups,
)

# What is for drawing: most of the size, none of the figures.
_CURVES = frozenset({"roc", "bins", "points"})


@dataclass(frozen=True, eq=False)
class Side:
    """Of the clean images, or of the attacked ones.

    Attributes:
        confusion: counts.
        areas: under the ROC curves, with intervals.
        roc: for each class or finding, at most 200 points; None without an area.
        calibration: of the model; None without probabilities.
        class_calibration: of each class against the rest, or finding; empty without probabilities.

    All but `confusion` are None or empty where only the cheap part was asked for.
    """

    confusion: Confusion
    areas: Areas | None = None
    roc: tuple[RocCurve | None, ...] = ()
    calibration: Calibration | None = None
    class_calibration: tuple[Calibration | None, ...] = ()


@dataclass(frozen=True)
class Subgroup:
    """One group of patients.

    Attributes:
        name: "" for samples of which it is not known.
        small: fewer than ten samples.
        figures: as of the whole cell.
        areas, robust_areas: with intervals; None without an attack, or of the cheap part.
    """

    name: str
    samples: int
    small: bool
    figures: Figures
    areas: Areas | None = None
    robust_areas: Areas | None = None


@dataclass(frozen=True)
class Subgroups:
    """The groups of one column.

    Attributes:
        distinct: values of the column; above `MOST_GROUPS` they are no groups, and none is given.
        clean_accuracy, robust_accuracy, attack_success_rate: across the groups, with the gap.
    """

    column: str
    distinct: int
    groups: tuple[Subgroup, ...]
    clean_accuracy: GroupedRates
    robust_accuracy: GroupedRates | None
    attack_success_rate: GroupedRates | None


@dataclass(frozen=True, eq=False)
class CellFigures:
    """All figures of one (model, data set, attack or corruption, budget, seed).

    Attributes:
        figures: rates over all samples and class by class.
        clean, attacked: what takes longer or is larger; `attacked` is None without an attack.
        budgets: the distribution of smallest ε; None where it was not looked for.
        subgroups: column by column.
    """

    figures: Figures
    clean: Side
    attacked: Side | None
    budgets: SmallestBudgets | None
    subgroups: tuple[Subgroups, ...]

    def plain(self, *, curves: bool = True) -> dict[str, Any]:
        """As JSON holds it; without what is for drawing alone where `curves` is False."""
        found: dict[str, Any] = plain(self, without=frozenset() if curves else _CURVES)
        return found


def cell_figures(
    classes: Sequence[str],
    clean: Judged,
    attacked: Judged | None = None,
    *,
    multi_label: bool,
    success: NDArray[np.bool_] | None = None,
    minimal_epsilon: NDArray[np.floating] | None = None,
    searched_to: float | None = None,
    groups: Mapping[str, Sequence[str]] | None = None,
    dear: bool = True,
    draw: Draw = DRAW,
) -> CellFigures:
    """Figures over N samples with K classes or findings.

    Args:
        classes: K names.
        clean: what was said of the images; `probabilities` there give calibration.
        attacked: of the same samples after the attack; those not attacked as they were.
        success: of those that were attacked, whether the objective was achieved.
        minimal_epsilon, searched_to: as `smallest_budgets` takes them.
        groups: N strings for each column of subgroups; "" where unknown.
        dear: also areas, their intervals, curves and calibration: what needs sorting or drawing
            again. False gives rates and counts alone, many times a second.
        draw: how averages of areas are drawn again where few samples are of a kind.
    """
    found = figures(classes, clean, attacked, success, multi_label=multi_label, areas=False)
    sides = [
        _side(classes, side, multi_label=multi_label, dear=dear, draw=draw)
        for side in (clean, attacked)
        if side is not None
    ]
    own, after = sides[0], sides[1] if len(sides) > 1 else None
    return CellFigures(
        _with_areas(found, own.areas, None if after is None else after.areas),
        own,
        after,
        None if minimal_epsilon is None else smallest_budgets(minimal_epsilon, searched_to),
        tuple(
            _subgroups(column, names, classes, clean, attacked, multi_label, dear, draw)
            for column, names in (groups or {}).items()
        ),
    )


def _side(
    classes: Sequence[str], judged: Judged, *, multi_label: bool, dear: bool, draw: Draw
) -> Side:
    counts = confusion(classes, judged.truth, judged.decided, multi_label=multi_label)
    if not dear:
        return Side(counts)
    columns = range(len(classes))
    given = judged.probabilities
    return Side(
        counts,
        _areas(judged, multi_label, draw),
        tuple(roc_curve(judged.scores[:, k], judged.truth[:, k]) for k in columns),
        None if given is None else calibration(given, judged.truth, multi_label=multi_label),
        ()
        if given is None
        else tuple(calibration_of(given[:, k], judged.truth[:, k]) for k in columns),
    )


def _areas(judged: Judged, multi_label: bool, draw: Draw) -> Areas:
    two = judged.truth.shape[1] == 2 and not multi_label
    return areas(judged.scores, judged.truth, two_classes=two, draw=draw)


def _with_areas(found: Figures, clean: Areas | None, attacked: Areas | None) -> Figures:
    """The figures with the values of areas that were computed once, with their intervals."""
    if clean is None:
        return found
    after = attacked or Areas(None, None, (None,) * len(found.classes))
    return replace(
        found,
        area=_value(clean.macro),
        robust_area=_value(after.macro),
        classes=tuple(
            replace(entry, area=_value(a), robust_area=_value(b))
            for entry, a, b in zip(found.classes, clean.classes, after.classes, strict=True)
        ),
    )


def _value(estimate: Estimate | None) -> float | None:
    return None if estimate is None else estimate.value


def _subgroups(
    column: str,
    names: Sequence[str],
    classes: Sequence[str],
    clean: Judged,
    attacked: Judged | None,
    multi_label: bool,
    dear: bool,
    draw: Draw,
) -> Subgroups:
    if len(names) != len(clean.truth):
        raise ValueError(f"{column} has {len(names)} values for {len(clean.truth)} samples")
    rows_of = rows_of_groups(names)
    distinct = len(rows_of)
    if distinct > MOST_GROUPS:
        rows_of = {}
    found = []
    for name, rows in rows_of.items():
        before = _part(clean, rows)
        after = None if attacked is None else _part(attacked, rows)
        own = _areas(before, multi_label, draw) if dear else None
        changed = _areas(after, multi_label, draw) if dear and after is not None else None
        rates = figures(classes, before, after, multi_label=multi_label, areas=False)
        of_group = _with_areas(rates, own, changed)
        found.append(Subgroup(name, len(rows), len(rows) < SMALL, of_group, own, changed))

    def across(figure: str) -> GroupedRates:
        return grouped_rates({group.name: getattr(group.figures, figure) for group in found})

    return Subgroups(
        column,
        distinct,
        tuple(found),
        across("clean_accuracy"),
        None if attacked is None else across("robust_accuracy"),
        None if attacked is None else across("attack_success_rate"),
    )


def _part(judged: Judged, rows: NDArray[np.intp]) -> Judged:
    return Judged(judged.truth[rows], judged.decided[rows], judged.scores[rows])
