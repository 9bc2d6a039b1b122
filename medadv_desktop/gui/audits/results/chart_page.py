"""A page of charts: one at a time, or all of them side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QVBoxLayout, QWidget

from medadv_desktop.gui.audits.charts.view import ChartView
from medadv_desktop.gui.theme import MEDIUM, SMALL, Theme, font

if TYPE_CHECKING:
    from medadv_desktop.analysis.charts.values import Chart


class ChartPage(QWidget):
    """Shows one of several charts, chosen by title.

    Signals:
        picked: chart, row and column of the cell of a heat map that was double-clicked.

    Attributes:
        beside: how many charts are shown at once.
    """

    picked = Signal(object, int, int)

    def __init__(self, theme: Theme, beside: int = 1) -> None:
        super().__init__()
        self.beside = beside
        self._charts: tuple[Chart, ...] = ()
        self.choice = QComboBox()
        self.choice.setAccessibleName(self.tr("Chart"))
        self.choice.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.choice.setMinimumContentsLength(36)
        self.choice.setFont(font("strong"))
        self.views = tuple(ChartView(theme) for _ in range(beside))
        self.choice.activated.connect(self._show)
        for view in self.views:
            view.picked.connect(lambda r, c, v=view: self.picked.emit(v.chart, r, c))
        block = QVBoxLayout(self)
        block.setContentsMargins(0, 0, 0, 0)
        block.setSpacing(SMALL)
        self.views[0].put_in_head(self.choice)
        row = QHBoxLayout()
        row.setSpacing(MEDIUM)
        for view in self.views:
            row.addWidget(view, 1)
        block.addLayout(row, 1)
        self.show_words("")

    @property
    def shown(self) -> tuple[Chart, ...]:
        """The charts that are on screen."""
        return tuple(view.chart for view in self.views if view.chart is not None)

    def show_words(self, text: str) -> None:
        """No chart: why, in words."""
        self._charts = ()
        self._offer(False)
        self.views[0].show_words(text)
        for view in self.views[1:]:
            view.show_words("")
            view.hide()

    def show_charts(self, charts: Sequence[Chart], words: str) -> None:
        """Show charts, the one that was chosen if it is still among them; `words` where none is."""
        if not charts:
            self.show_words(words)
            return
        chosen = self.choice.currentText()
        if tuple(c.title for c in charts) != tuple(c.title for c in self._charts):
            self.choice.clear()
            self.choice.addItems([chart.title for chart in charts])
            self.choice.setCurrentIndex(max(self.choice.findText(chosen), 0))
        self._charts = tuple(charts)
        self._offer(len(charts) > self.beside)
        self._show()

    def _offer(self, several: bool) -> None:
        """The choice stands where the title would: it says the same."""
        self.choice.setVisible(several)
        self.views[0].title.setVisible(not several)

    def _show(self) -> None:
        first = max(self.choice.currentIndex(), 0)
        if self.beside > 1:
            first -= first % self.beside
        for k, view in enumerate(self.views):
            there = first + k < len(self._charts)
            view.setVisible(there)
            if there:
                view.show_chart(self._charts[first + k])
