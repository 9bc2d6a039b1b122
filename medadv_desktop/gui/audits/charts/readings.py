"""What stands under the pointer in a chart, in words. No widgets, no pyqtgraph."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication, QLocale

from medadv_desktop.analysis.charts.values import (
    Axis,
    BarChart,
    Bars,
    HeatMap,
    Line,
    LineChart,
    format_number,
)


@dataclass(frozen=True)
class Reading:
    """One value of a chart.

    Attributes:
        x, y: where it is drawn, in the chart's own units.
        words: the series, the place, the value and its interval.
    """

    x: float
    y: float
    words: str


def tr(text: str) -> str:
    return QCoreApplication.translate("Charts", text)


def line_readings(chart: LineChart) -> list[Reading]:
    """Every known point of every line that is no mere guide."""
    return [
        Reading(line.x[k], y, _point_words(chart, line, k))
        for line in chart.lines
        if not line.muted
        for k, y in enumerate(line.y)
        if y is not None
    ]


def bar_places(chart: BarChart) -> list[tuple[Bars, list[float], float]]:
    """Each series with the middles of its bars, groups being 1 apart, and their width."""
    width = 0.8 / max(1, len(chart.bars))
    middle = (len(chart.bars) - 1) / 2
    return [
        (own, [g + (k - middle) * width for g in range(len(chart.groups))], 0.92 * width)
        for k, own in enumerate(chart.bars)
    ]


def bar_readings(chart: BarChart) -> list[Reading]:
    """Every bar that has a value."""
    found = []
    for own, places, _ in bar_places(chart):
        for group, at, k in zip(chart.groups, places, range(len(places)), strict=True):
            value = own.values[k]
            if value is None:
                continue
            ends = (own.low[k], own.high[k]) if own.low and own.high else (None, None)
            words = value_words(chart.y, value, *ends)
            found.append(Reading(at, value, f"{own.name}, {group}: {words}"))
    return found


def heat_reading(chart: HeatMap, row: int, column: int) -> Reading:
    """One cell."""
    words = chart.text(row, column)
    value = chart.values[row][column]
    if value is not None and chart.texts:
        words += f" ({format_number(value, chart.shown)})"
    place = f"{chart.rows[row]}, {chart.columns[column]}"
    return Reading(column + 0.5, row + 0.5, f"{place}: {words}")


def nearest(readings: Sequence[Reading], x: float, y: float) -> Reading | None:
    """The reading whose place is nearest to a point, distances in its own units."""
    return min(readings, key=lambda r: (r.x - x) ** 2 + (r.y - y) ** 2, default=None)


def value_words(axis: Axis, value: float, low: float | None, high: float | None) -> str:
    """A value with its 95 % interval; shares in per cent."""
    share = axis.low == 0.0 and axis.high == 1.0
    text = _number(value, share)
    if low is None or high is None:
        return text
    return f"{text} ({tr('95 % interval')} {_number(low, share)} – {_number(high, share)})"


def _point_words(chart: LineChart, line: Line, k: int) -> str:
    place = next((text for at, text in chart.x.ticks if at == line.x[k]), None)
    share = chart.x.low == 0.0 and chart.x.high == 1.0
    where = place if place is not None else _number(line.x[k], share)
    ends = (line.low[k], line.high[k]) if line.low and line.high else (None, None)
    y = line.y[k]
    assert y is not None
    title = chart.x.title.partition(" (")[0]  # its unit stands at the axis
    return f"{line.name}, {title} {where}: {value_words(chart.y, y, *ends)}"


def _number(value: float, share: bool) -> str:
    if share:
        return QLocale().toString(100.0 * value, "f", 1) + " %"
    if math.isclose(value, round(value)) and abs(value) < 1e9:
        return QLocale().toString(round(value))
    return QLocale().toString(float(value), "g", 3)
