"""Charts and tables of one cell: ROC, confusion, calibration, classes, groups of patients."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from medadv_desktop.analysis.charts.values import (
    SHARE,
    Axis,
    BarChart,
    Bars,
    HeatMap,
    Line,
    LineChart,
    Number,
    Table,
)
from medadv_desktop.audit.results.reading import Told, figures_of, told_of
from medadv_desktop.audit.store.records import CellRecord

_UNIT = (0.0, 1.0)

Rename = Callable[[str, Sequence[str], int], tuple[str, ...]]

SIDES = (("clean", "clean", 0), ("attacked", "changed", 1))
"""Name in the figures, name for people, colour."""


def roc_charts(record: CellRecord) -> tuple[LineChart, ...]:
    """The ROC of each class or finding, clean and changed; of two classes, that of the second."""
    sides = _sides(record)
    if not sides:
        return ()
    names = sides[0][1]["confusion"]["classes"]
    several = _is_multi_label(sides[0][1])
    columns = range(len(names)) if several or len(names) > 2 else (1,)
    return tuple(
        LineChart(
            f"ROC of {names[k]}, {_named(record)}",
            "Sensitivity against false alarms over all thresholds; the dotted diagonal is chance.",
            Axis("1 − specificity", low=0.0, high=1.0),
            Axis("sensitivity", low=0.0, high=1.0),
            (*lines, Line("chance", _UNIT, _UNIT, muted=True, markers=False)),
            square=True,
        )
        for k in columns
        if (lines := [line for side in sides if (line := _roc(side, k)) is not None])
    )


def confusion_charts(record: CellRecord) -> tuple[HeatMap, ...]:
    """True by decided classes, clean and changed; of findings, their four counts each."""
    return tuple(
        _findings(record, name, side) if _is_multi_label(side) else _classes(record, name, side)
        for name, side, _ in _sides(record)
    )


def calibration_chart(record: CellRecord) -> LineChart | None:
    """Reliability: what probabilities were given, and how often it was so."""
    lines = []
    for name, side, color in _sides(record):
        own = side.get("calibration")
        if not own:
            continue
        bins = [b for b in own["bins"] if b["mean"] is not None]
        happened = [told_of(b["happened"]) for b in bins]
        lines.append(
            Line(
                f"{name}, ECE {own['ece']:.3f}, Brier {own['brier']['value']:.3f}",
                tuple(b["mean"] for b in bins),
                tuple(None if h is None else h.value for h in happened),
                tuple(None if h is None else h.low for h in happened),
                tuple(None if h is None else h.high for h in happened),
                color,
            )
        )
    if not lines:
        return None
    return LineChart(
        f"Calibration, {_named(record)}",
        "How often it was so, against the probability that the model gave; a calibrated model "
        "keeps to the diagonal.",
        Axis("probability given", low=0.0, high=1.0),
        Axis("share that was so", low=0.0, high=1.0),
        (*lines, Line("calibrated", _UNIT, _UNIT, muted=True, markers=False)),
        square=True,
    )


def class_table(record: CellRecord) -> Table:
    """Every class or finding with its figures; those after the change where there was one."""
    classes = figures_of(record).get("classes") or []
    rates = [
        ("sensitivity", "sensitivity"), ("specificity", "specificity"), ("AUC", "area"),
        ("sensitivity after", "robust_sensitivity"), ("specificity after", "robust_specificity"),
        ("AUC after", "robust_area"), ("fooling rate", "fooling_rate"),
    ]  # fmt: skip
    shown = [(title, key) for title, key in rates if any(c.get(key) is not None for c in classes)]
    operating = any(c.get("operating") for c in classes)
    head = ("class", "positives", *(title for title, _ in shown), *(("PPV", "F1") * operating))
    rows = []
    for own in classes:
        row: list[str | Number] = [own["name"], own["positives"]]
        row += [_cell(own.get(key)) for _, key in shown]
        if operating:
            found = own.get("operating") or {}
            row += [_cell(found.get("ppv")), _cell(found.get("f1"))]
        rows.append(tuple(row))
    return Table(head, tuple(rows))


def group_charts(record: CellRecord, rename: Rename | None = None) -> tuple[BarChart, ...]:
    """For each column of patient groups, accuracy in each group, clean and after the change.

    Args:
        rename: what groups are called, from the column, their names and the number of samples;
            None leaves them.
    """
    charts = []
    for column in figures_of(record).get("subgroups") or []:
        groups = column["groups"]
        own = [g["name"] for g in groups]
        samples = sum(g["samples"] for g in groups)
        called = dict(
            zip(own, rename(column["column"], own, samples) if rename else own, strict=True)
        )
        names = tuple(
            (called[g["name"]] or "unknown") + (" (few)" if g["small"] else "") for g in groups
        )
        bars = []
        for key, title, color in (
            ("clean_accuracy", "clean", 0),
            ("robust_accuracy", "after the change", 1),
        ):
            rates = [told_of(g["figures"].get(key)) for g in groups]
            if any(rates):
                bars.append(
                    Bars(
                        title,
                        tuple(None if r is None else r.value for r in rates),
                        tuple(None if r is None else r.low for r in rates),
                        tuple(None if r is None else r.high for r in rates),
                        color,
                    )
                )
        if not bars:
            continue
        charts.append(
            BarChart(
                f"By {column['column']}, {_named(record)}",
                _gap(column, called),
                Axis(column["column"]),
                SHARE,
                names,
                tuple(bars),
            )
        )
    return tuple(charts)


def _sides(record: CellRecord) -> list[tuple[str, Mapping[str, Any], int]]:
    figures = figures_of(record)
    return [(name, figures[key], color) for key, name, color in SIDES if figures.get(key)]


def _is_multi_label(side: Mapping[str, Any]) -> bool:
    counts = side["confusion"]["counts"]
    return bool(counts) and isinstance(counts[0][0], Sequence)


def _roc(side: tuple[str, Mapping[str, Any], int], k: int) -> Line | None:
    name, own, color = side
    curves = own.get("roc") or []
    curve = curves[k] if k < len(curves) else None
    if not curve:
        return None
    area = told_of(((own.get("areas") or {}).get("classes") or [None] * (k + 1))[k])
    title = name if area is None else f"{name}, AUC {_interval(area)}"
    return Line(
        title,
        tuple(curve["false_positive_rate"]),
        tuple(curve["true_positive_rate"]),
        color=color,
        markers=False,
    )


def _classes(record: CellRecord, name: str, side: Mapping[str, Any]) -> HeatMap:
    names, counts = tuple(side["confusion"]["classes"]), side["confusion"]["counts"]
    return HeatMap(
        f"Confusion, {name}, {_named(record)}",
        "Samples by true class (rows) and decision (columns); the colour is the share of the row.",
        Axis("decided"),
        Axis("true"),
        names,
        names,
        tuple(tuple(_share(c, sum(row)) for c in row) for row in counts),
        texts=tuple(tuple(str(c) for c in row) for row in counts),
        better="neither",
    )


def _findings(record: CellRecord, name: str, side: Mapping[str, Any]) -> HeatMap:
    names, counts = tuple(side["confusion"]["classes"]), side["confusion"]["counts"]
    flat = [(c[1][1], c[1][0], c[0][1], c[0][0]) for c in counts]
    return HeatMap(
        f"Decisions, {name}, {_named(record)}",
        "Samples by finding; the colour is the share of those with it (first two columns), and "
        "without it (last two).",
        Axis("decision"),
        Axis("finding"),
        ("found", "missed", "false alarm", "rightly absent"),
        names,
        tuple(
            (*(_share(v, f + m) for v in (f, m)), *(_share(v, a + r) for v in (a, r)))
            for f, m, a, r in flat
        ),
        texts=tuple(tuple(str(v) for v in row) for row in flat),
        better="neither",
    )


def _share(count: int, of: int) -> float | None:
    return count / of if of else None


def _gap(column: Mapping[str, Any], called: Mapping[str, str]) -> str:
    across = column.get("robust_accuracy") or column.get("clean_accuracy") or {}
    gap = across.get("gap")
    if not gap:
        return "Accuracy in each group of patients; “few” are groups of fewer than ten samples."
    difference = told_of(gap["difference"])
    return (
        f"Accuracy in each group of patients. Widest gap: {called[gap['highest']]} above "
        f"{called[gap['lowest']]} "
        f"by {'' if difference is None else _interval(difference)}; the two were picked for it, so "
        "the interval is too narrow."
    )


def _cell(plain: Any) -> str | Number:
    if isinstance(plain, Mapping):
        own = told_of(plain)
        return None if own is None else _interval(own)
    return None if plain is None or not math.isfinite(plain) else round(plain, 3)


def _interval(own: Told) -> str:
    if own.low is None or own.high is None:
        return f"{own.value:.3f}"
    return f"{own.value:.3f} [{own.low:.3f},\u00a0{own.high:.3f}]"


def _named(record: CellRecord) -> str:
    return f"{record.cell.model}, {record.cell.title}"
