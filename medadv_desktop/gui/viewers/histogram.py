"""How often each modality value occurs, and the window over it, to be dragged."""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, QTimer
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from medadv_desktop.gui.background import Urgency
from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.state.case import Case
from medadv_desktop.gui.state.view import ViewState
from medadv_desktop.gui.theme import MEDIUM, SMALL, Theme, font
from medadv_desktop.gui.viewers.measured import figure
from medadv_desktop.gui.viewers.showing import (
    as_window,
    current_voi,
    looks_inverted,
    window_ends,
    window_from_ends,
)
from medadv_desktop.gui.viewers.wording import number
from medadv_desktop.imaging.display import is_whole
from medadv_desktop.imaging.frame import Frame, Window
from medadv_desktop.imaging.histogram import Histogram, histogram

_AT_ONCE = 2**21
"""Pixels counted on the spot, in some 10 ms (whole numbers of up to 16 bits)."""

_PAUSE_MS = 80
_REACH = 7
_AXIS, _TOP, _SIDE = 20, 6, 10


def ticks(low: float, high: float, most: int) -> tuple[float, ...]:
    """Round values from `low` to `high`, at most `most` + 1 of them, 1, 2 or 5 × 10ⁿ apart."""
    span = high - low
    if not (math.isfinite(span) and span > 0) or most < 1:
        return ()
    decade = 10.0 ** math.floor(math.log10(span / most))
    step = next(n * decade for n in (1, 2, 5, 10) if n * decade * most >= span * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return tuple(i * step for i in range(first, last + 1))


class HistogramPlot(QWidget):
    """Bars, an axis of values, and the window: its two ends and what lies between can be dragged.

    Arrow keys move the window, with Shift they make it narrower or wider, by a hundredth.
    """

    def __init__(self, case: Case, view: ViewState, theme: Theme) -> None:
        super().__init__()
        self._case, self._view, self._theme = case, view, theme
        self._counted: Histogram | None = None
        self._logarithmic = True
        self._heights: tuple[tuple[object, ...], QPolygonF] | None = None
        self._held = ""
        self._span: tuple[float, float] | None = None
        self._from: tuple[float, Window] | None = None
        self.setMinimumSize(160, 90)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(self.tr("Histogram"))
        self.setToolTip(
            self.tr("Drag an end of the window, or what lies between; double click: the file's own")
        )
        view.window_changed.connect(self.update)
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(260, 150)

    def set_histogram(self, counted: Histogram | None) -> None:
        self._counted, self._heights = counted, None
        self.update()

    def set_logarithmic(self, logarithmic: bool) -> None:
        self._logarithmic, self._heights = logarithmic, None
        self.update()

    @property
    def counted(self) -> Histogram | None:
        return self._counted

    def window(self) -> Window | None:
        """The window in force, None where there is none to be dragged."""
        voi, frame = current_voi(self._case, self._view), self._case.frame
        return None if voi is None or frame is None else as_window(voi)

    # Places

    def span(self) -> tuple[float, float]:
        """Values at the left and right end of the axis: all that occur, and the window.

        A window reaches no further than the width of what occurs. While it is dragged, the axis
        stands still.
        """
        if self._span is None or not self._held:
            first, last = float(self._counted.edges[0]), float(self._counted.edges[-1])
            low, high = first, last
            if (window := self.window()) is not None:
                ends, most = window_ends(window), last - first
                low = min(first, max(ends[0], first - most))
                high = max(last, min(ends[1], last + most))
            margin = (high - low) * 0.02
            self._span = low - margin, high + margin
        return self._span

    def x(self, value: float) -> float:
        """Where a value stands; values beyond the axis at its ends."""
        low, high = self.span()
        share = (value - low) / (high - low)
        return _SIDE + min(max(share, 0.0), 1.0) * (self.width() - 2 * _SIDE)

    def value(self, x: float) -> float:
        low, high = self.span()
        return low + (x - _SIDE) / max(self.width() - 2 * _SIDE, 1) * (high - low)

    # Painting

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), self._theme.color("base"))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._counted is not None and self._case.frame is not None:
            window = self.window()
            if window is not None:
                self._paint_span(painter, window)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._theme.color("muted"))
            painter.drawPolygon(self._bars())
            self._paint_axis(painter)
            if window is not None:
                self._paint_window(painter, window)
        if self.hasFocus():
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(self._theme.color("accent"))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.end()

    def _bars(self) -> QPolygonF:
        """The outline of all bars."""
        key = (self.width(), self.height(), self.span(), self._logarithmic)
        if self._heights is None or self._heights[0] != key:
            counts = self._counted.counts.astype(np.float64)
            tall = np.log1p(counts) if self._logarithmic else counts
            tall /= max(tall.max(), 1e-12)
            floor = self.height() - _AXIS
            tops = floor - tall * (floor - _TOP)
            xs = [self.x(edge) for edge in self._counted.edges]
            points = [QPointF(xs[0], floor)]
            for left, right, top in zip(xs, xs[1:], tops, strict=False):
                points += [QPointF(left, top), QPointF(right, top)]
            self._heights = key, QPolygonF([*points, QPointF(xs[-1], floor)])
        return self._heights[1]

    def _paint_span(self, painter: QPainter, window: Window) -> None:
        left, right = (self.x(end) for end in window_ends(window))
        shade = QColor(self._theme.color("accent"))
        shade.setAlphaF(0.16)
        painter.fillRect(QRectF(left, 0, right - left, self.height() - _AXIS), shade)

    def _paint_window(self, painter: QPainter, window: Window) -> None:
        low, high = window_ends(window)
        floor = self.height() - _AXIS
        # The tone curve: from black to white across the window.
        dark, bright = (_TOP, floor) if looks_inverted(self._case, self._view) else (floor, _TOP)
        painter.setPen(QPen(self._theme.color("accent"), 1, Qt.PenStyle.DashLine))
        painter.drawLine(QPointF(self.x(low), dark), QPointF(self.x(high), bright))
        painter.setPen(QPen(self._theme.color("accent"), 2))
        for end in (low, high):
            painter.drawLine(QPointF(self.x(end), 0), QPointF(self.x(end), floor))

    def _paint_axis(self, painter: QPainter) -> None:
        floor = self.height() - _AXIS
        painter.setPen(self._theme.color("border"))
        painter.drawLine(QPointF(_SIDE, floor), QPointF(self.width() - _SIDE, floor))
        painter.setFont(font("small"))
        low, high = self.span()
        marks = ticks(low, high, max((self.width() - 2 * _SIDE) // 70, 1))
        step = marks[1] - marks[0] if len(marks) > 1 else 1.0
        decimals = max(0, -math.floor(math.log10(step))) if step < 1 else 0
        for value in marks:
            x = self.x(value)
            painter.setPen(self._theme.color("border"))
            painter.drawLine(QPointF(x, floor), QPointF(x, floor + 3))
            painter.setPen(self._theme.color("muted"))
            text = number(value, decimals)
            wide = painter.fontMetrics().horizontalAdvance(text)
            left = min(max(x - wide / 2, 0), self.width() - wide)
            painter.drawText(QPointF(left, self.height() - 5), text)

    # Dragging

    def part_at(self, x: float) -> str:
        """What a press there takes hold of: "low", "high", "whole", or "" for nothing."""
        window = self.window()
        if window is None or self._counted is None:
            return ""
        low, high = (self.x(end) for end in window_ends(window))
        near, part = min((abs(x - low), "low"), (abs(x - high), "high"))
        if near <= _REACH:
            # Of two ends in one place the one on this side.
            return ("low" if x < low else "high") if high - low < 1 else part
        return "whole" if low < x < high else ""

    def mousePressEvent(self, event: QMouseEvent) -> None:
        x = event.position().x()
        window = self.window()
        if event.button() is Qt.MouseButton.LeftButton and window is not None:
            self._held = self.part_at(x)
            self._from = self.value(x), window

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        x = event.position().x()
        if self._held and self._from is not None:
            self._drag_to(self.value(x))
            return
        shapes = {"": Qt.CursorShape.ArrowCursor, "whole": Qt.CursorShape.SizeAllCursor}
        self.setCursor(shapes.get(self.part_at(x), Qt.CursorShape.SplitHCursor))

    def mouseReleaseEvent(self, _event: QMouseEvent) -> None:
        self._held, self._from = "", None

    def mouseDoubleClickEvent(self, _event: QMouseEvent) -> None:
        self._view.set_window(None)

    def keyPressEvent(self, event) -> None:
        way = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(event.key())
        window, frame = self.window(), self._case.frame
        if way is None or window is None or frame is None:
            super().keyPressEvent(event)
            return
        low, high = window_ends(window)
        step = way * max((high - low) / 100, 1 if is_whole(frame) else 0)
        wider = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        self._set(low - step if wider else low + step, high + step, window, frame)

    def _drag_to(self, value: float) -> None:
        start, window = self._from
        frame = self._case.frame
        if frame is None:
            return
        low, high = window_ends(window)
        if self._held == "low":
            low = min(value, high)
        elif self._held == "high":
            high = max(value, low)
        else:
            low, high = low + value - start, high + value - start
        self._set(low, high, window, frame)

    def _set(self, low: float, high: float, window: Window, frame: Frame) -> None:
        if is_whole(frame):
            low, high = float(round(low)), float(round(high))
        if low <= high:
            self._view.set_window(window_from_ends(low, high, frame, window.function))


class HistogramPanel(QWidget):
    """The plot, with what is counted. Nothing is counted while nobody sees it."""

    def __init__(self, bench: Workbench, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._case = bench.case
        self._background = bench.controller.background
        self._job: int | None = None
        # Frames that only fly past are not counted.
        self._settled = QTimer(self, interval=_PAUSE_MS, singleShot=True)
        self._settled.timeout.connect(self._count)
        self._frame: Frame | None = None
        self.plot = HistogramPlot(bench.case, bench.view, bench.theme)
        self.words = QLabel()
        self.words.setProperty("role", "muted")
        self.words.setFont(font("small"))
        self.words.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.logarithmic = QCheckBox(self.tr("&Logarithmic"))
        self.logarithmic.setToolTip(self.tr("Heights by the logarithm of the count, else by it"))
        self.logarithmic.setChecked(True)
        self.logarithmic.toggled.connect(self.plot.set_logarithmic)
        foot = QHBoxLayout()
        foot.setContentsMargins(MEDIUM, 0, MEDIUM, SMALL)
        foot.addWidget(self.words, 1)
        foot.addWidget(self.logarithmic)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SMALL)
        layout.addWidget(self.plot, 1)
        layout.addLayout(foot)
        self._background.finished.connect(self._finished)
        self._background.failed.connect(self._ended)
        self._background.cancelled.connect(self._ended)
        bench.case.frame_changed.connect(self._look)
        self._look()

    def showEvent(self, event: object) -> None:
        super().showEvent(event)
        self._look()

    def hideEvent(self, event: object) -> None:
        super().hideEvent(event)
        self._settled.stop()
        self._frame = None

    def _look(self) -> None:
        frame = self._case.frame
        if frame is not None and (frame is self._frame or not self.isVisible()):
            return
        self._frame = frame
        if self._job is not None:
            self._background.cancel(self._job)
            self._job = None
        if frame is None:
            self._settled.stop()
            self._show(None)
        elif self.plot.counted is None:
            self._count()
        else:
            self._settled.start()

    def _count(self) -> None:
        frame = self._frame
        if frame is None:
            return
        if frame.stored.size <= _AT_ONCE and frame.stored.dtype.itemsize <= 2:
            self._show(histogram(frame))
        else:
            self.words.setText(self.tr("Counting…"))
            self._job = self._background.submit(lambda *_: histogram(frame), Urgency.SCAN)

    def _finished(self, job_id: int, answer: object) -> None:
        if job_id == self._job:
            self._job = None
            self._show(answer)

    def _ended(self, job_id: int, _failure: object = None) -> None:
        if job_id == self._job:
            self._job = None
            self._show(None)

    def _show(self, counted: Histogram | None) -> None:
        self.plot.set_histogram(counted)
        frame = self._case.frame
        if counted is None or frame is None:
            self.words.setText("")
            return
        units = frame.modality.units
        text = self.tr("Modality values in {0}").format(units) if units else ""
        if not text:
            text = self.tr("Stored values") if frame.is_color else self.tr("Modality values")
        if counted.excluded:
            text += self.tr(", {0} pixels left out").format(figure(counted.excluded))
        self.words.setText(text)
