"""A figure of each epoch as a curve: drawn by hand in the colours of the theme."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from PySide6.QtCore import QEvent, QLocale, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QHelpEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from medadv_desktop.gui.labelled.bars import figure
from medadv_desktop.gui.theme import LARGE, MEDIUM, SMALL, Theme, font
from medadv_desktop.gui.wizards.generator.wording import rate_text, tr

_HEAD, _FOOT = 24, 20
_DOT = 3.0
_MOST_DOTS = 60


class EpochCurve(QWidget):
    """A curve over the epochs of a training; the running epoch is a ring at its end.

    Attributes:
        values: of the epochs done.
        running: of the epoch that runs, None for none.
        epochs: how many there will be.
    """

    def __init__(self, theme: Theme, title: str, color: str, *, rate: bool) -> None:
        """
        Args:
            color: of the curve, a name of the theme.
            rate: the values are shares of 1, shown in per cent on the whole scale.
        """
        super().__init__()
        self._theme, self._title, self._color, self._rate = theme, title, color, rate
        self.values: tuple[float, ...] = ()
        self.running: float | None = None
        self.epochs = 1
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(title)
        theme.changed.connect(self.update)

    def set_title(self, title: str) -> None:
        if title != self._title:
            self._title = title
            self.setAccessibleName(title)
            self.update()

    def show_values(self, values: Sequence[float], running: float | None, epochs: int) -> None:
        """Show the figures of the epochs done, and of the one that runs."""
        shown = (tuple(values), running, max(epochs, 1))
        if shown != (self.values, self.running, self.epochs):
            self.values, self.running, self.epochs = shown
            self.setAccessibleDescription("; ".join(self.words(n) for n in range(len(values))))
            self.update()

    def words(self, place: int) -> str:
        """An epoch in words, counted from 0: for the tooltip and for a screen reader."""
        value = (*self.values, self.running)[place]
        return tr("Epoch {0}: {1}").format(figure(place + 1), self._said(value))

    def sizeHint(self) -> QSize:
        return QSize(300, 160)

    def minimumSizeHint(self) -> QSize:
        return QSize(200, 96)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent):
            plot = self._plot()
            count = len(self.values) + (self.running is not None)
            at = round((event.pos().x() - plot.left()) / plot.width() * self.epochs - 0.5)
            inside = plot.contains(QPointF(event.pos())) and 0 <= at < count
            QToolTip.showText(event.globalPos(), self.words(at) if inside else "", self)
            return True
        return super().event(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        color, plot = self._theme.color, self._plot()
        painter.setFont(font("strong"))
        painter.setPen(color("text"))
        middle = Qt.AlignmentFlag.AlignVCenter
        head = QRectF(0, 0, self.width(), _HEAD - SMALL)
        painter.drawText(head, middle | Qt.AlignmentFlag.AlignLeft, self._title)
        last = self.running if self.running is not None else next(iter(self.values[::-1]), None)
        if last is not None:
            painter.setFont(font("numbers"))
            painter.drawText(head, middle | Qt.AlignmentFlag.AlignRight, self._said(last))
        low, high = self._range()
        self._paint_axes(painter, plot, low, high)
        points = [
            self._point(plot, place, value, low, high) for place, value in enumerate(self.values)
        ]
        self._paint_curve(painter, points)
        if self.running is not None:
            ring = self._point(plot, len(self.values), self.running, low, high)
            self._paint_ring(painter, points[-1:], ring)
        painter.end()

    def _paint_axes(self, painter: QPainter, plot: QRectF, low: float, high: float) -> None:
        color = self._theme.color
        painter.setPen(QPen(color("border"), 1))
        painter.setBrush(color("base"))
        painter.drawRect(plot)
        painter.setFont(font("small"))
        right, middle = Qt.AlignmentFlag.AlignRight, Qt.AlignmentFlag.AlignVCenter
        for share in (0.0, 0.5, 1.0):
            y = plot.bottom() - share * plot.height()
            if share == 0.5:
                painter.setPen(QPen(color("border"), 1, Qt.PenStyle.DotLine))
                painter.drawLine(QPointF(plot.left(), y), QPointF(plot.right(), y))
            painter.setPen(color("muted"))
            label = QRectF(0, y - 8, plot.left() - SMALL - 1, 16)
            if self.values or self.running is not None or self._rate:
                painter.drawText(label, right | middle, self._tick(low + share * (high - low)))
        for place in sorted({0, (self.epochs - 1) // 2, self.epochs - 1}):
            x = plot.left() + (place + 0.5) / self.epochs * plot.width()
            label = QRectF(x - 24, plot.bottom() + 2, 48, _FOOT - 4)
            painter.drawText(label, Qt.AlignmentFlag.AlignCenter, figure(place + 1))

    def _paint_curve(self, painter: QPainter, points: Sequence[QPointF]) -> None:
        shade = self._theme.color(self._color)
        painter.setPen(QPen(shade, 2))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if len(points) > 1:
            painter.drawPolyline(QPolygonF(points))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(shade)
        for point in points if len(points) <= _MOST_DOTS else points[-1:]:
            painter.drawEllipse(point, _DOT, _DOT)

    def _paint_ring(self, painter: QPainter, last: Sequence[QPointF], ring: QPointF) -> None:
        shade = self._theme.color(self._color)
        painter.setPen(QPen(shade, 1.4, Qt.PenStyle.DashLine))
        for point in last:
            painter.drawLine(point, ring)
        painter.setPen(QPen(shade, 1.8))
        painter.setBrush(self._theme.color("base"))
        painter.drawEllipse(ring, _DOT + 1, _DOT + 1)

    def _plot(self) -> QRectF:
        metrics = QFontMetrics(font("small"))
        widest = "100 %" if self._rate else "-0.0000"
        left = metrics.horizontalAdvance(widest) + MEDIUM
        return QRectF(left, _HEAD, self.width() - left - LARGE, self.height() - _HEAD - _FOOT)

    def _point(self, plot: QRectF, place: int, value: float, low: float, high: float) -> QPointF:
        share = min(max((value - low) / (high - low), 0.0), 1.0)
        x = plot.left() + (place + 0.5) / self.epochs * plot.width()
        return QPointF(x, plot.bottom() - share * plot.height())

    def _range(self) -> tuple[float, float]:
        """The ends of the scale: all per cents, or from zero to a round number above all."""
        if self._rate:
            return 0.0, 1.0
        shown = [*self.values, *([] if self.running is None else [self.running])]
        most = max((v for v in shown if v > 0), default=1.0)
        steps = (m * 10.0**e for e in itertools.count(-9) for m in (1, 1.5, 2, 3, 4, 5, 6, 8))
        return 0.0, next(step for step in steps if step >= most)

    def _said(self, value: float | None) -> str:
        if value is None:
            return ""
        return rate_text(value) if self._rate else QLocale().toString(value, "g", 4)

    def _tick(self, value: float) -> str:
        if self._rate:
            return QLocale().toString(round(100 * value)) + " %"
        return QLocale().toString(value, "g", 3)
