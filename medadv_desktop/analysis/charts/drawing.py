"""Charts as files, by matplotlib without its global state; imported late by whoever draws.

The same chart gives the same bytes, whenever and in whatever order charts are drawn.
"""

from __future__ import annotations

import io
import math
import re
import threading
from collections.abc import Callable
from typing import Any, Final, Literal

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from medadv_desktop.analysis.charts.palette import DARK, LIGHT, MARKERS, Ground, series_color
from medadv_desktop.analysis.charts.values import (
    Axis,
    BarChart,
    Chart,
    HeatMap,
    Line,
    LineChart,
    Reference,
    ScatterChart,
)

ChartFormat = Literal["svg", "png", "pdf"]

SIZE: Final = (6.4, 4.0)
"""Width and height in inches."""

_DPI: Final = 200
_MOST_PATHS: Final = 2000

# What matplotlib draws by is one dictionary for the whole process.
_LOCK: Final = threading.Lock()

_RC: Final[dict[Any, Any]] = {
    "svg.hashsalt": "medadv",
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "path.simplify": True,
    "text.parse_math": False,
}

_METADATA: Final[dict[ChartFormat, dict[str, None]]] = {
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


def draw(
    chart: Chart,
    kind: ChartFormat,
    *,
    dark: bool = False,
    size: tuple[float, float] | None = None,
    titled: bool = True,
) -> bytes:
    """A file of a chart.

    Args:
        kind: "svg" keeps texts as texts, in DejaVu Sans or what the reader has; "png" has 200 dots
            an inch.
        dark: on near-black instead of white.
        size: width and height in inches; None takes what suits the chart.
        titled: with its title above; a page that has it as a heading needs none.
    """
    return _drawn(chart, kind, DARK if dark else LIGHT, size, titled=titled, clear=False)


def draw_for_page(chart: Chart, *, size: tuple[float, float] | None = None) -> str:
    """An <svg> element that takes text colour, grid and background from the page it stands in.

    Grid and undefined cells are `var(--grid)` and `var(--undefined)`, all else that is no series
    is `currentColor`. It has no title of its own and no ids that could clash with others.
    """
    text = _drawn(chart, "svg", LIGHT, size, titled=False, clear=True).decode()
    text = text[text.index("<svg") :]
    text = re.sub(r'<g id="[^"]*"', "<g", text)
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    for color, name in (
        (LIGHT.ink, "currentColor"),
        (LIGHT.grid, "var(--grid)"),
        (LIGHT.undefined, "var(--undefined)"),
    ):
        text = text.replace(color, name)
    return re.sub(r"\n\s*", "\n", text).strip()


def _drawn(
    chart: Chart,
    kind: ChartFormat,
    ground: Ground,
    size: tuple[float, float] | None,
    *,
    titled: bool,
    clear: bool,
) -> bytes:
    with _LOCK, mpl.rc_context({**_RC, **_inks(ground)}):
        figure = Figure(figsize=size or size_of(chart), layout="constrained")
        FigureCanvasAgg(figure)
        figure.patch.set_facecolor("none" if clear else ground.background)
        axes = figure.add_subplot()
        axes.set_facecolor("none")
        painters: dict[type, Callable[[Figure, Any, Any, Ground], None]] = {
            LineChart: _lines,
            BarChart: _bars,
            HeatMap: _heat,
            ScatterChart: _scatter,
        }
        painters[type(chart)](figure, axes, chart, ground)
        if titled:
            axes.set_title(chart.title, loc="left", wrap=True)
        out = io.BytesIO()
        figure.savefig(out, format=kind, dpi=_DPI, metadata=_METADATA[kind])
    return out.getvalue()


def _inks(ground: Ground) -> dict[Any, Any]:
    names = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
    return dict.fromkeys(names, ground.ink) | {"grid.color": ground.grid}


def size_of(chart: Chart) -> tuple[float, float]:
    """Width and height in inches that suit a chart: square where both axes are alike."""
    if isinstance(chart, HeatMap):
        columns, rows = len(chart.columns), len(chart.rows)
        longest = max(map(len, chart.rows), default=0)
        return (
            min(12.0, max(3.2, 1.6 + 0.07 * longest + 0.75 * columns)),
            min(12.0, max(2.4, 1.5 + 0.4 * rows)),
        )
    if isinstance(chart, BarChart):
        return (min(12.0, max(SIZE[0], 1.5 + 0.22 * len(chart.groups) * len(chart.bars))), SIZE[1])
    if isinstance(chart, ScatterChart):
        return (5.6, 4.8)
    return (5.6, 4.2) if chart.square else SIZE


def _lines(figure: Figure, axes: Any, chart: LineChart, ground: Ground) -> None:
    for line in chart.lines:
        _line(axes, line, ground)
    _axis(axes, "x", chart.x)
    _axis(axes, "y", chart.y)
    _references(axes, chart.references, ground)
    axes.grid(visible=True, linewidth=0.6)
    if chart.square:
        axes.set_aspect("equal")
    _legend(figure, axes, sum(not line.muted for line in chart.lines))


def _line(axes: Any, line: Line, ground: Ground) -> None:
    color = ground.ink if line.muted else series_color(line.color)
    x = np.array(line.x, float)
    y = _array(line.y)
    if line.low and line.high:
        axes.fill_between(
            x, _array(line.low), _array(line.high), color=color, alpha=0.16, linewidth=0,
            step="post" if line.steps else None,
        )  # fmt: skip
    axes.plot(
        x, y, color=color,
        label="_nolegend_" if line.muted else line.name,
        drawstyle="steps-post" if line.steps else "default",
        linestyle=":" if line.muted else "--" if line.dashed else "-",
        linewidth=0.9 if line.muted else 1.6,
        marker=MARKERS[line.color % len(MARKERS)] if line.markers and not line.muted else None,
        markersize=4.5,
        markerfacecolor="none" if line.dashed else color,
    )  # fmt: skip


def _bars(figure: Figure, axes: Any, chart: BarChart, ground: Ground) -> None:
    width = 0.8 / max(1, len(chart.bars))
    places = np.arange(len(chart.groups))
    for k, own in enumerate(chart.bars):
        at = places + (k - (len(chart.bars) - 1) / 2) * width
        values = _array(own.values)
        errors = None
        if own.low and own.high:
            # Rounding may put an end of an interval a hair inside of the value.
            low = np.maximum(values - _array(own.low), 0)
            errors = np.stack([low, np.maximum(_array(own.high) - values, 0)])
        axes.bar(
            at, values, width * 0.92, color=series_color(own.color), label=own.name, yerr=errors,
            error_kw={"ecolor": ground.ink, "elinewidth": 0.9, "capsize": 2},
        )  # fmt: skip
    axes.set_xticks(places, chart.groups)
    if max(map(len, chart.groups), default=0) * len(chart.groups) > 70:
        axes.tick_params(axis="x", labelrotation=30)
        for label in axes.get_xticklabels():
            label.set_horizontalalignment("right")
    axes.set_xlabel(chart.x.title)
    _axis(axes, "y", chart.y)
    _references(axes, chart.references, ground)
    axes.grid(visible=True, axis="y", linewidth=0.6)
    _legend(figure, axes, len(chart.bars))


def _heat(_figure: Figure, axes: Any, chart: HeatMap, ground: Ground) -> None:
    colors = mpl.colormaps["cividis_r" if chart.better == "low" else "cividis"]
    if chart.better == "neither":
        colors = mpl.colormaps["Blues"]
    elif chart.better == "signed":
        colors = mpl.colormaps["PuOr_r"]
    span = (chart.high - chart.low) or 1.0
    for r in range(len(chart.rows)):
        for c in range(len(chart.columns)):
            value = chart.values[r][c]
            fill: Any = ground.undefined
            ink = ground.ink
            if value is not None:
                fill = colors(min(1.0, max(0.0, (value - chart.low) / span)))
                ink = "#000000" if _luminance(fill) > 0.2 else "#ffffff"
            axes.add_patch(mpl.patches.Rectangle((c, r), 1, 1, facecolor=fill, linewidth=0))
            axes.text(c + 0.5, r + 0.5, chart.text(r, c), color=ink, ha="center", va="center")
    axes.set_xlim(0, len(chart.columns))
    axes.set_ylim(len(chart.rows), 0)
    axes.set_xticks(np.arange(len(chart.columns)) + 0.5, chart.columns)
    axes.set_yticks(np.arange(len(chart.rows)) + 0.5, chart.rows)
    if max(map(len, chart.columns), default=0) > 9:
        axes.tick_params(axis="x", labelrotation=30)
        for label in axes.get_xticklabels():
            label.set_horizontalalignment("right")
    axes.tick_params(length=0)
    axes.set_xlabel(chart.x.title)
    axes.set_ylabel(chart.y.title)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _scatter(figure: Figure, axes: Any, chart: ScatterChart, ground: Ground) -> None:
    total = sum(len(own.x) for own in chart.clouds)
    size = 26.0 if total <= 500 else 9.0 if total <= 5000 else 3.0
    for k, own in enumerate(chart.clouds):
        color = series_color(own.color)
        axes.scatter(
            own.x, own.y, s=size, label=own.name,
            marker=MARKERS[own.color % len(MARKERS)],
            facecolors="none" if own.hollow else color,
            edgecolors=color if own.hollow else ground.background,
            linewidths=0.9 if own.hollow else 0.3,
            alpha=0.85,
            zorder=2 + k / (len(chart.clouds) + 1),
            # Thousands of paths would make a page slow.
            rasterized=total > _MOST_PATHS,
        )  # fmt: skip
    for which, axis in (("x", chart.x), ("y", chart.y)):
        _axis(axes, "x" if which == "x" else "y", axis)
        if not axis.title:
            getattr(axes, f"set_{which}ticks")([])
    _legend(figure, axes, len(chart.clouds))


def _axis(axes: Any, which: Literal["x", "y"], axis: Axis) -> None:
    getattr(axes, f"set_{which}label")(axis.title)
    if axis.ticks:
        places, texts = zip(*axis.ticks, strict=True)
        getattr(axes, f"set_{which}ticks")(places, texts)
        if which == "x" and sum(map(len, texts)) > 60:
            axes.tick_params(axis="x", labelrotation=30)
    ends = {"x": ("left", "right"), "y": ("bottom", "top")}[which]
    # A little room, so that a line along the border is seen whole.
    low, high = axis.low, axis.high
    room = 0.02 * (high - low) if low is not None and high is not None else 0.0
    if low is not None:
        getattr(axes, f"set_{which}lim")(**{ends[0]: low - room})
    if high is not None:
        getattr(axes, f"set_{which}lim")(**{ends[1]: high + room})


def _references(axes: Any, references: tuple[Reference, ...], ground: Ground) -> None:
    for reference in references:
        axes.axhline(reference.value, color=ground.ink, linewidth=0.8, linestyle=(0, (1, 3)))
        axes.annotate(
            reference.name, (0, reference.value), xycoords=("axes fraction", "data"),
            xytext=(3, 2), textcoords="offset points", ha="left", va="bottom", fontsize=7.5,
        )  # fmt: skip


def _legend(figure: Figure, axes: Any, entries: int) -> None:
    """None for a single series; outside, so that it hides nothing."""
    if entries < 2:
        return
    handles, labels = axes.get_legend_handles_labels()
    columns = min(entries, 2 if max(map(len, labels)) > 24 else 3)
    figure.legend(
        handles, labels, loc="outside lower center", ncols=columns, frameon=False, fontsize=8
    )


def _array(values: tuple[float | None, ...]) -> Any:
    return np.array([math.nan if v is None else v for v in values], float)


def _luminance(color: tuple[float, float, float, float]) -> float:
    """WCAG 2.1, relative luminance, of RGB in [0, 1]."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color[:3]]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
