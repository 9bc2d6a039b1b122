"""A slider over budgets, with a mark for each that was tried."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QSlider, QStyle, QVBoxLayout, QWidget

from medadv_desktop.audit.budget_search import BudgetSearchOutcome
from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.theme import font
from medadv_desktop.gui.viewers.wording import budget_text

_MARKS = 30
_DOT = 9.0


class BudgetScale(QWidget):
    """From nothing to the highest budget of a search.

    A full dot is a budget at which the goal was reached, a ring one at which it was not; a line
    marks the smallest that reaches it.

    Signals:
        moved: a budget was chosen by hand.
    """

    moved = Signal(float)

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._theme = bench.theme
        self._outcome: BudgetSearchOutcome | None = None
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName(self.tr("Budget ε"))
        self.slider.setToolTip(self.tr("What this budget was seen to do; a step is the grid's"))
        self.slider.valueChanged.connect(lambda _: self.moved.emit(self.epsilon))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, _MARKS)
        layout.addWidget(self.slider)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._theme.changed.connect(self.update)

    @property
    def epsilon(self) -> float:
        """The budget that the slider stands at."""
        return self.slider.value() * self._outcome.step if self._outcome is not None else 0.0

    def show_outcome(self, outcome: BudgetSearchOutcome | None) -> None:
        """Show a search's tries, with the slider at the smallest budget. `moved` is not emitted."""
        self._outcome = outcome
        self.slider.setEnabled(outcome is not None)
        if outcome is not None:
            steps = 2**outcome.request.halvings
            at = steps if outcome.smallest is None else round(outcome.smallest / outcome.step)
            self.slider.blockSignals(True)
            self.slider.setRange(0, steps)
            self.slider.setPageStep(max(steps // 8, 1))
            self.slider.setValue(at)
            self.slider.blockSignals(False)
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        outcome = self._outcome
        if outcome is None:
            return
        color, norm = self._theme.color, outcome.request.attack.norm
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(font("small"))
        top = self.slider.geometry().bottom() + 2.0
        middle = top + _DOT / 2 + 1
        painter.setPen(QPen(color("border"), 1))
        painter.drawLine(QPointF(self._x(0), middle), QPointF(self._x(1), middle))
        if outcome.smallest is not None:
            painter.setPen(QPen(color("text"), 2))
            x = self._x(outcome.smallest / outcome.request.highest)
            painter.drawLine(QPointF(x, top - 3), QPointF(x, top + _DOT + 6))
        for tried in outcome.tries:
            x = self._x(tried.epsilon / outcome.request.highest)
            ink = color("warning" if tried.success else "success")
            painter.setPen(QPen(ink, 1.8))
            painter.setBrush(ink if tried.success else color("panel"))
            painter.drawEllipse(QPointF(x, middle), _DOT / 2 - 1, _DOT / 2 - 1)
        self._label(painter, 0.0, "0", top)
        self._label(painter, 1.0, budget_text(outcome.request.highest, norm), top)
        painter.end()

    def _label(self, painter: QPainter, share: float, text: str, top: float) -> None:
        painter.setPen(self._theme.color("muted"))
        metrics = painter.fontMetrics()
        width = metrics.horizontalAdvance(text) + 2
        left = min(max(self._x(share) - width / 2, 0), self.width() - width)
        place = QRectF(left, top + _DOT + 6, width, metrics.height())
        painter.drawText(place, Qt.AlignmentFlag.AlignCenter, text)

    def _x(self, share: float) -> float:
        handle = self.style().pixelMetric(QStyle.PixelMetric.PM_SliderLength, None, self.slider)
        span = self.slider.width() - handle
        return float(self.slider.x() + handle / 2 + share * span)
