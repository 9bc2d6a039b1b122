"""Charts drawn by pyqtgraph. Imported when the first one is shown, for it takes a moment."""

from __future__ import annotations

import math

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QMouseEvent, QResizeEvent
from PySide6.QtWidgets import QGraphicsRectItem

from medadv_desktop.analysis.charts.palette import series_color
from medadv_desktop.analysis.charts.values import (
    Axis,
    BarChart,
    Chart,
    HeatMap,
    Line,
    LineChart,
)
from medadv_desktop.gui.audits.charts.readings import (
    Reading,
    bar_places,
    bar_readings,
    heat_reading,
    line_readings,
    nearest,
)
from medadv_desktop.gui.theme import Theme, contrast, font

SYMBOLS = ("o", "s", "t1", "d", "t", "p", "x", "star")
"""The k-th goes with the k-th colour; the names are pyqtgraph's."""

_BAND = 40
_MOST_BANDS = 6
"""With more lines than this, intervals are whiskers: bands would hide each other."""

_MOST_LINES = 3
_ROOM_FOR_TITLE = 190
"""Pixels of height from which on axes have titles."""

_OUT = 30
_ROOM_FOR_TEXT = 30
"""Pixels of a column that its values fit into."""

_REACH = 40
"""A value is read from so many pixels away."""

# cividis, by J. Nuñez, C. Anderton, R. Renslow (2018): seen alike with red-green blindness.
_CIVIDIS = (
    (0, 34, 78), (18, 53, 112), (59, 73, 108), (87, 93, 109), (112, 113, 115),
    (138, 134, 120), (165, 156, 116), (195, 179, 105), (225, 204, 85), (254, 232, 56),
)  # fmt: skip
_BLUES = (
    (247, 251, 255), (222, 235, 247), (198, 219, 239), (158, 202, 225), (107, 174, 214),
    (66, 146, 198), (33, 113, 181), (8, 81, 156), (8, 48, 107),
)  # fmt: skip


class Plot(pg.PlotWidget):
    """One chart. What is under the pointer is read out; nothing can be dragged away by accident.

    Signals:
        read: the `Reading` under the pointer, None for none.
        picked: row and column of the cell of a heat map that was double-clicked.
    """

    read = Signal(object)
    picked = Signal(int, int)

    def __init__(self, theme: Theme) -> None:
        super().__init__(axisItems={"bottom": _Foot("bottom")})
        self._theme = theme
        self.chart: Chart | None = None
        self.readings: list[Reading] = []
        self._mark: pg.ScatterPlotItem | None = None
        self._texts: list[pg.TextItem] = []
        self.setMenuEnabled(False)
        self.hideButtons()
        self.setMouseEnabled(x=False, y=False)
        self.setFrameShape(self.Shape.NoFrame)
        self.setAntialiasing(True)
        self.viewport().setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        theme.changed.connect(self._redraw)

    def show_chart(self, chart: Chart) -> None:
        """Draw a chart in place of the one that was there."""
        self.chart = chart
        self._redraw()

    def heat_cell(self, point: QPointF) -> tuple[int, int] | None:
        """Row and column of a heat map at a point of the widget."""
        chart = self.chart
        if not isinstance(chart, HeatMap):
            return None
        at = self._to_chart(point)
        row, column = math.floor(at.y()), math.floor(at.x())
        inside = 0 <= row < len(chart.rows) and 0 <= column < len(chart.columns)
        return (row, column) if inside else None

    def reading_at(self, point: QPointF) -> Reading | None:
        """What is under a point of the widget, or near it."""
        if isinstance(self.chart, HeatMap):
            cell = self.heat_cell(point)
            return None if cell is None else heat_reading(self.chart, *cell)
        if isinstance(self.chart, BarChart):
            return self._bar_at(point)
        pixels = [Reading(*self._to_widget(r.x, r.y), r.words) for r in self.readings]
        found = nearest(pixels, point.x(), point.y())
        if found is None or math.hypot(found.x - point.x(), found.y - point.y()) > _REACH:
            return None
        return self.readings[pixels.index(found)]

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        reading = self.reading_at(event.position())
        if self._mark is not None:
            shown = reading is not None and isinstance(self.chart, LineChart)
            self._mark.setData([reading.x] if shown else [], [reading.y] if shown else [])
        self.read.emit(reading)

    def leaveEvent(self, event: object) -> None:
        super().leaveEvent(event)
        if self._mark is not None:
            self._mark.setData([], [])
        self.read.emit(None)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        cell = self.heat_cell(event.position())
        if cell is not None:
            self.picked.emit(*cell)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if getattr(self, "chart", None) is not None:
            self._fit()

    # ------------------------------------------------------------------ inside

    def _fit(self) -> None:
        """What is left out where there is little room, and how names are broken."""
        item = self.getPlotItem()
        item.getAxis("left").showLabel(self.height() >= _ROOM_FOR_TITLE)
        item.getAxis("bottom").showLabel(self.height() >= _ROOM_FOR_TITLE)
        if isinstance(self.chart, BarChart | HeatMap):
            self._name_columns()

    def _name_columns(self) -> None:
        """Names below groups or columns, broken into lines by the room they have."""
        chart = self.chart
        heat = isinstance(chart, HeatMap)
        names = chart.columns if heat else chart.groups
        room = max(self.width() - (160 if heat else 80), 80) / max(len(names), 1)
        metrics = QFontMetrics(font("small"))
        letters = max(int(room / max(metrics.averageCharWidth() * 1.15, 1)), 3)
        texts = [wrapped(name, letters) for name in names]
        lines = max((text.count("\n") + 1 for text in texts), default=1)
        # More lines than can be read: every other name is left to the read-out.
        if lines > _MOST_LINES:
            texts = [
                "" if k % 2 else t for k, t in enumerate(wrapped(n, 2 * letters) for n in names)
            ]
            lines = max((text.count("\n") + 1 for text in texts), default=1)
        left = self.getPlotItem().getAxis("left").width()
        own = (self.width() - left - 20) / max(len(names), 1) * (2 if "" in texts else 1)
        texts = [
            "\n".join(
                metrics.elidedText(line, Qt.TextElideMode.ElideMiddle, int(max(own, room)))
                for line in text.split("\n")
            )
            for text in texts
        ]
        axis = self.getPlotItem().getAxis("bottom")
        shift = 0.5 if heat else 0.0
        axis.setTicks([[(k + shift, text) for k, text in enumerate(texts)]])
        title = metrics.height() + 8 if self.height() >= _ROOM_FOR_TITLE else 0
        axis.setHeight(lines * metrics.height() + title + 6)
        for text in self._texts:
            text.setVisible(room >= _ROOM_FOR_TEXT)

    def _to_chart(self, point: QPointF) -> QPointF:
        return self.getViewBox().mapSceneToView(self.mapToScene(point.toPoint()))

    def _to_widget(self, x: float, y: float) -> tuple[float, float]:
        at = self.mapFromScene(self.getViewBox().mapViewToScene(QPointF(x, y)))
        return float(at.x()), float(at.y())

    def _bar_at(self, point: QPointF) -> Reading | None:
        at = self._to_chart(point)
        beside = [r for r in self.readings if abs(r.x - at.x()) < 0.5]
        return min(beside, key=lambda r: abs(r.x - at.x()), default=None)

    def _redraw(self) -> None:
        chart = self.chart
        self.setBackground(self._theme.color("base"))
        item = self.getPlotItem()
        item.clear()
        if chart is None:
            return
        for side in ("left", "bottom", "top"):
            axis = item.getAxis(side)
            axis.setPen(pg.mkPen(self._theme.color("border")))
            axis.setTextPen(pg.mkPen(self._theme.color("muted")))
            axis.setTickFont(font("small"))
            axis.setStyle(
                tickLength=0 if isinstance(chart, HeatMap) else -4, hideOverlappingLabels=False
            )
            axis.label.setFont(font("small"))
        item.getViewBox().invertY(isinstance(chart, HeatMap))
        # A tick at the very end has its text beyond the axis.
        item.layout.setContentsMargins(2, 4, 22, 2)
        painters = {LineChart: self._lines, BarChart: self._bars, HeatMap: self._heat}
        painters[type(chart)](chart)
        if isinstance(chart, LineChart):
            item.getAxis("bottom").setHeight(None)
        self._fit()

    def _lines(self, chart: LineChart) -> None:
        self.readings = line_readings(chart)
        banded = [line for line in chart.lines if line.low and line.high]
        for line in banded:
            if len(banded) <= _MOST_BANDS:
                self._band(line)
            else:
                self._whiskers(line)
        for line in chart.lines:
            self._line(line)
        self._references(chart)
        self._axis("bottom", chart.x)
        self._axis("left", chart.y)
        self._range(chart)
        self.getPlotItem().showGrid(x=True, y=True, alpha=0.18)
        self._mark = pg.ScatterPlotItem(
            size=13, pen=pg.mkPen(self._theme.color("text"), width=1.6), brush=None
        )
        self._mark.setZValue(20)
        self.addItem(self._mark)

    def _line(self, line: Line) -> None:
        color = self._theme.color("muted") if line.muted else QColor(series_color(line.color))
        style = Qt.PenStyle.SolidLine
        if line.muted:
            style = Qt.PenStyle.DotLine
        elif line.dashed:
            style = Qt.PenStyle.DashLine
        x, y = _stepped(line, line.y)
        self.addItem(
            pg.PlotCurveItem(
                x,
                y,
                connect="finite",
                pen=pg.mkPen(color, width=1.2 if line.muted else 2, style=style),
            )
        )
        if line.markers and not line.muted:
            known = [k for k, value in enumerate(line.y) if value is not None]
            self.addItem(
                pg.ScatterPlotItem(
                    [line.x[k] for k in known],
                    [line.y[k] for k in known],
                    symbol=SYMBOLS[line.color % len(SYMBOLS)],
                    size=8,
                    pen=pg.mkPen(color),
                    brush=pg.mkBrush(self._theme.color("base") if line.dashed else color),
                )
            )

    def _band(self, line: Line) -> None:
        color = QColor(series_color(line.color))
        color.setAlpha(_BAND)
        for part in _whole_parts(line):
            ends = []
            for side in (line.low, line.high):
                x, y = _stepped(line, side, part)
                ends.append(pg.PlotCurveItem(x, y, pen=None))
            band = pg.FillBetweenItem(*ends, brush=pg.mkBrush(color))
            band.setZValue(-5)
            self.addItem(band)

    def _whiskers(self, line: Line) -> None:
        known = [k for part in _whole_parts(line) for k in part]
        y, low, high = (
            np.array([side[k] for k in known], float) for side in (line.y, line.low, line.high)
        )
        color = QColor(series_color(line.color))
        color.setAlpha(150)
        x = np.array([line.x[k] for k in known], float)
        self.addItem(
            pg.ErrorBarItem(x=x, y=y, top=high - y, bottom=y - low, pen=pg.mkPen(color, width=1.2))
        )

    def _bars(self, chart: BarChart) -> None:
        self.readings = bar_readings(chart)
        ink = pg.mkPen(self._theme.color("text"), width=1.2)
        for own, places, width in bar_places(chart):
            known = [k for k, value in enumerate(own.values) if value is not None]
            x = np.array([places[k] for k in known], float)
            height = np.array([own.values[k] for k in known], float)
            color = QColor(series_color(own.color))
            self.addItem(
                pg.BarGraphItem(x=x, height=height, width=width, brush=color, pen=pg.mkPen(None))
            )
            ends = [k for k in known if own.low and own.low[k] is not None]
            if ends:
                y = np.array([own.values[k] for k in ends], float)
                low = np.minimum(np.array([own.low[k] for k in ends], float), y)
                high = np.maximum(np.array([own.high[k] for k in ends], float), y)
                at = np.array([places[k] for k in ends], float)
                self.addItem(
                    pg.ErrorBarItem(
                        x=at, y=y, top=high - y, bottom=y - low, beam=width / 3, pen=ink
                    )
                )
        self._references(chart)
        self.getPlotItem().getAxis("bottom").setLabel(chart.x.title)
        self._axis("left", chart.y)
        self.getPlotItem().showAxis("top", False)
        highest = [h for own in chart.bars for h in (own.high or own.values) if h is not None]
        top = chart.y.high if chart.y.high is not None else 1.08 * max(highest, default=1.0)
        bottom_end = chart.y.low if chart.y.low is not None else 0.0
        self.setXRange(-0.6, len(chart.groups) - 0.4, padding=0)
        self.setYRange(bottom_end, top, padding=0.02)
        self.getPlotItem().showGrid(x=False, y=True, alpha=0.18)

    def _heat(self, chart: HeatMap) -> None:
        self.readings = []
        self._texts = []
        span = (chart.high - chart.low) or 1.0
        edge = pg.mkPen(self._theme.color("base"), width=1)
        for r in range(len(chart.rows)):
            for c in range(len(chart.columns)):
                value = chart.values[r][c]
                fill = self._theme.color("raised")
                ink = self._theme.color("muted")
                if value is not None:
                    fill = _shade((value - chart.low) / span, chart.better)
                    dark, light = QColor("#000000"), QColor("#ffffff")
                    ink = dark if contrast(fill, dark) >= contrast(fill, light) else light
                box = QGraphicsRectItem(QRectF(c, r, 1, 1))
                box.setPen(edge)
                box.setBrush(fill)
                self.addItem(box)
                text = pg.TextItem(chart.text(r, c), color=ink, anchor=(0.5, 0.5))
                text.setFont(font("small"))
                text.setPos(c + 0.5, r + 0.5)
                self.addItem(text)
                self._texts.append(text)
        item = self.getPlotItem()
        item.showGrid(x=False, y=False)
        item.getAxis("left").setTicks([[(k + 0.5, name) for k, name in enumerate(chart.rows)]])
        item.getAxis("bottom").setLabel(chart.x.title)
        item.getAxis("left").setLabel(chart.y.title)
        self.setXRange(0, max(len(chart.columns), 1), padding=0)
        self.setYRange(0, max(len(chart.rows), 1), padding=0)

    def _references(self, chart: LineChart | BarChart) -> None:
        for k, reference in enumerate(chart.references):
            line = pg.InfiniteLine(
                reference.value, angle=0, label=reference.name,
                pen=pg.mkPen(self._theme.color("muted"), style=Qt.PenStyle.DotLine),
                labelOpts={"position": 0.98 - 0.22 * k, "color": self._theme.color("muted"),
                           "anchors": [(1, 0), (1, 1)]},
            )  # fmt: skip
            line.label.setFont(font("small"))
            line.setZValue(-2)
            self.addItem(line)

    def _axis(self, side: str, axis: Axis) -> None:
        own = self.getPlotItem().getAxis(side)
        own.setLabel(axis.title)
        own.enableAutoSIPrefix(False)
        own.setTicks([list(axis.ticks)] if axis.ticks else None)

    def _range(self, chart: LineChart) -> None:
        xs = [x for line in chart.lines for x in line.x]
        ys = [
            y
            for line in chart.lines
            for side in (line.y, line.low, line.high)
            for y in side
            if y is not None
        ]
        for axis, found, put in ((chart.x, xs, self.setXRange), (chart.y, ys, self.setYRange)):
            low = axis.low if axis.low is not None else min(found, default=0.0)
            high = axis.high if axis.high is not None else max(found, default=1.0)
            put(low, high if high > low else low + 1, padding=0.03)


class _Foot(pg.AxisItem):
    """Its first and last text may stand out beyond its ends; they are left out else."""

    def boundingRect(self) -> QRectF:
        return super().boundingRect().adjusted(-_OUT, 0, _OUT, 0)


def wrapped(text: str, width: int = 14) -> str:
    """A name in lines of about so many letters, broken at spaces and underscores."""
    lines = [""]
    for word in text.replace("_", " ").split(" "):
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)


def _whole_parts(line: Line) -> list[list[int]]:
    """Runs of points of which value and both ends of the interval are known."""
    parts: list[list[int]] = []
    last = -2
    for k in range(len(line.x)):
        if None in (line.y[k], line.low[k], line.high[k]):
            continue
        if k == last + 1:
            parts[-1].append(k)
        else:
            parts.append([k])
        last = k
    return parts


def _stepped(
    line: Line, values: tuple[float | None, ...], part: list[int] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The corners that a line goes through; NaN where it is broken."""
    at = range(len(line.x)) if part is None else part
    x = np.array([line.x[k] for k in at], float)
    y = np.array([math.nan if values[k] is None else values[k] for k in at], float)
    if not line.steps or len(x) < 2:
        return x, y
    return np.repeat(x, 2)[1:], np.repeat(y, 2)[:-1]


def _shade(share: float, better: str) -> QColor:
    """The colour of a value from 0 to 1: good is light."""
    stops = _BLUES if better == "neither" else _CIVIDIS
    share = min(1.0, max(0.0, share))
    place = (1 - share if better == "low" else share) * (len(stops) - 1)
    low = min(int(place), len(stops) - 2)
    mixed = [
        round(a + (b - a) * (place - low)) for a, b in zip(stops[low], stops[low + 1], strict=True)
    ]
    return QColor(*mixed)
