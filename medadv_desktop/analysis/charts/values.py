"""What is in a chart: frozen values that are drawn by the window, the report and the export alike.

Each chart has a title, a caption of one sentence for people, and itself as a table: `table()` is
what is exported as CSV and what stands beside the picture for those who do not see it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

Number = float | None

NumberFormat = Literal["share", "count", "number", "percent"]
"""0.93; 12 345; three significant digits; 93 %."""


@dataclass(frozen=True)
class Axis:
    """One direction of a chart.

    Attributes:
        title: with its unit: "ε (L∞, of the grey scale)".
        ticks: places and their texts, such as (4/255, "4/255"); nothing means round numbers.
        low, high: the range; None takes that of what is drawn.
    """

    title: str
    ticks: tuple[tuple[float, str], ...] = ()
    low: float | None = None
    high: float | None = None


SHARE = Axis("share of samples", low=0.0, high=1.0)


@dataclass(frozen=True)
class Line:
    """A line of points by rising x.

    Attributes:
        y, low, high: as many as x; None where it is not known, and the line is broken there. `low`
            and `high` are the ends of 95 % intervals; () for none.
        color: number in `palette.SERIES`.
        dashed: to tell lines of one colour apart.
        steps: y holds from its x up to the next.
        markers: on the points.
        muted: a guide to the eye, such as the diagonal of an ROC; no part of the table.
    """

    name: str
    x: tuple[float, ...]
    y: tuple[Number, ...]
    low: tuple[Number, ...] = ()
    high: tuple[Number, ...] = ()
    color: int = 0
    dashed: bool = False
    steps: bool = False
    markers: bool = True
    muted: bool = False

    def __post_init__(self) -> None:
        lengths = {len(self.y), *(len(side) for side in (self.low, self.high) if side)}
        if lengths != {len(self.x)}:
            raise ValueError(f"line {self.name!r}: as many y, low and high as x")


@dataclass(frozen=True)
class Reference:
    """A level to compare with, such as a threshold: a thin line across, with its name."""

    value: float
    name: str


@dataclass(frozen=True)
class Table:
    """A header and rows; None is an empty cell."""

    head: tuple[str, ...]
    rows: tuple[tuple[str | Number, ...], ...]


@dataclass(frozen=True)
class LineChart:
    """Lines over a common axis: security curves, ROC, reliability."""

    title: str
    caption: str
    x: Axis
    y: Axis
    lines: tuple[Line, ...]
    references: tuple[Reference, ...] = ()
    square: bool = False

    def table(self) -> Table:
        """A row for each point: line, x, y, and the interval where a line has one."""
        bands = any(line.low for line in self.lines)
        head = ("series", self.x.title, self.y.title, *(("low", "high") if bands else ()))
        rows: list[tuple[str | Number, ...]] = []
        for line in self.lines:
            nothing = (None,) * len(line.x)
            low, high = line.low or nothing, line.high or nothing
            for x, y, *ends in zip(line.x, line.y, low, high, strict=True):
                if not line.muted:
                    rows.append((line.name, _tick(self.x, x), y, *(ends if bands else ())))
        return Table(head, tuple(rows))


@dataclass(frozen=True)
class Bars:
    """A bar in every group; `low` and `high` as of `Line`."""

    name: str
    values: tuple[Number, ...]
    low: tuple[Number, ...] = ()
    high: tuple[Number, ...] = ()
    color: int = 0


@dataclass(frozen=True)
class BarChart:
    """Bars side by side in named groups, with intervals: flip probabilities, groups of patients."""

    title: str
    caption: str
    x: Axis
    y: Axis
    groups: tuple[str, ...]
    bars: tuple[Bars, ...]
    references: tuple[Reference, ...] = ()

    def __post_init__(self) -> None:
        for own in self.bars:
            for side in (own.values, own.low, own.high):
                if side and len(side) != len(self.groups):
                    raise ValueError(f"bars {own.name!r}: one for each group")

    def table(self) -> Table:
        """A row for each bar: group, series, value, and the interval where there is one."""
        bands = any(own.low for own in self.bars)
        head = (self.x.title, "series", self.y.title, *(("low", "high") if bands else ()))
        nothing = (None,) * len(self.groups)
        rows = [
            (
                group,
                own.name,
                own.values[k],
                *(((own.low or nothing)[k], (own.high or nothing)[k]) if bands else ()),
            )
            for k, group in enumerate(self.groups)
            for own in self.bars
        ]
        return Table(head, tuple(rows))


@dataclass(frozen=True)
class HeatMap:
    """A value for every pair: models × attacks, true × decided classes.

    Attributes:
        values: a row for each of `rows`; None is undefined, and drawn as such.
        shown: how values are written; `low` and `high` are the ends of the colours.
        texts: written in the cells instead of the values; () for these.
        better: whether large or small values are good; "neither" for counts, "signed" for
            what is above or below the middle. It decides the colours: good is light.
    """

    title: str
    caption: str
    x: Axis
    y: Axis
    columns: tuple[str, ...]
    rows: tuple[str, ...]
    values: tuple[tuple[Number, ...], ...]
    low: float = 0.0
    high: float = 1.0
    shown: NumberFormat = "share"
    texts: tuple[tuple[str, ...], ...] = ()
    better: Literal["high", "low", "neither", "signed"] = "high"

    def __post_init__(self) -> None:
        for table in (self.values, *((self.texts,) if self.texts else ())):
            if [len(row) for row in table] != [len(self.columns)] * len(self.rows):
                raise ValueError(f"heat map {self.title!r}: a value for every row and column")

    def table(self) -> Table:
        """A row for each of `rows`, under the names of the columns."""
        head = (self.y.title, *self.columns)
        return Table(
            head, tuple((name, *row) for name, row in zip(self.rows, self.values, strict=True))
        )

    def text(self, row: int, column: int) -> str:
        """What is written in a cell; "–" where it is undefined."""
        if self.texts:
            return self.texts[row][column]
        value = self.values[row][column]
        return "–" if value is None else format_number(value, self.shown)


@dataclass(frozen=True)
class Cloud:
    """Points of one group. `color`: number in `palette.SERIES`; `hollow` tells a second origin."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    color: int = 0
    hollow: bool = False

    def __post_init__(self) -> None:
        if len(self.x) != len(self.y):
            raise ValueError(f"cloud {self.name!r}: as many y as x")


@dataclass(frozen=True)
class ScatterChart:
    """Points in the plane, by group: how features lie. Axes without a title have no ticks."""

    title: str
    caption: str
    x: Axis
    y: Axis
    clouds: tuple[Cloud, ...]

    def table(self) -> Table:
        """A row for each cloud, its size and centre: thousands of points are no table."""
        rows: tuple[tuple[str | Number, ...], ...] = tuple(
            (own.name, len(own.x), _mean(own.x), _mean(own.y)) for own in self.clouds
        )
        return Table(("series", "points", "mean x", "mean y"), rows)


Chart = LineChart | BarChart | HeatMap | ScatterChart


def format_number(value: float, shown: NumberFormat = "number") -> str:
    """A value for people."""
    formats: dict[NumberFormat, Callable[[float], str]] = {
        "share": lambda v: f"{v:.2f}",
        "percent": lambda v: f"{100 * v:.1f} %",
        "count": lambda v: f"{v:,.0f}".replace(",", "\u202f"),
        "number": lambda v: f"{v:.3g}",
    }
    return formats[shown](value)


def table_csv(table: Table) -> str:
    """A table as CSV with full digits; a cell without a value is empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.head)
    writer.writerows(["" if cell is None else cell for cell in row] for row in table.rows)
    return out.getvalue()


def thinned(values: Sequence[float], most: int) -> list[int]:
    """Places of at most `most` of the values, evenly, the first and the last among them."""
    n = len(values)
    if n <= most:
        return list(range(n))
    return sorted({round(k * (n - 1) / (most - 1)) for k in range(most)})


def _mean(values: Sequence[float]) -> Number:
    return sum(values) / len(values) if values else None


def _tick(axis: Axis, place: float) -> str | float:
    """The text of a tick that stands exactly there, else the number."""
    return next((text for at, text in axis.ticks if at == place), place)
