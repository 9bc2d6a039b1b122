"""A chart with its title, legend and read-out, or the same as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import (
    QAbstractTableModel,
    QLocale,
    QModelIndex,
    QPersistentModelIndex,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QSizePolicy,
    QStackedWidget,
    QTableView,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from medadv_desktop.analysis.charts.palette import series_color
from medadv_desktop.analysis.charts.values import BarChart, Chart, LineChart, Table
from medadv_desktop.gui import icons
from medadv_desktop.gui.lists import dress
from medadv_desktop.gui.theme import MEDIUM, SMALL, TINY, Theme, font
from medadv_desktop.gui.viewers.pane import ElidedLabel

if TYPE_CHECKING:
    from medadv_desktop.gui.audits.charts.plotting import Plot
    from medadv_desktop.gui.audits.charts.readings import Reading

_ROLE = Qt.ItemDataRole
_SWATCH, _LEGEND_WIDTH = 26, 220
_UNLIMITED = 16_777_215
Index = QModelIndex | QPersistentModelIndex


class TableModel(QAbstractTableModel):
    """A chart's table."""

    def __init__(self) -> None:
        super().__init__()
        self._table = Table((), ())

    def set_table(self, table: Table) -> None:
        self.beginResetModel()
        self._table = table
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._table.rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._table.head)

    def headerData(
        self, section: int, side: Qt.Orientation, role: int = _ROLE.DisplayRole
    ) -> object:
        if side is Qt.Orientation.Horizontal and role == _ROLE.DisplayRole:
            return self._table.head[section]
        return None

    def data(self, index: Index, role: int = _ROLE.DisplayRole) -> object:
        value = self._table.rows[index.row()][index.column()]
        if role == _ROLE.DisplayRole:
            if value is None:
                return "–"
            return value if isinstance(value, str) else QLocale().toString(float(value), "g", 4)
        if role == _ROLE.TextAlignmentRole and not isinstance(value, str):
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None


class _Sign(QWidget):
    """How a series is drawn."""

    def __init__(self, color: QColor, *, dashed: bool, bar: bool) -> None:
        super().__init__()
        self._color, self._dashed, self._bar = color, dashed, bar
        self.setFixedSize(_SWATCH, 12)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._bar:
            painter.fillRect(6, 0, 12, 12, self._color)
            return
        style = Qt.PenStyle.DashLine if self._dashed else Qt.PenStyle.SolidLine
        painter.setPen(QPen(self._color, 2, style))
        painter.drawLine(1, 6, _SWATCH - 3, 6)
        if not self._dashed:
            painter.setBrush(self._color)
            painter.drawEllipse(_SWATCH // 2 - 4, 3, 6, 6)


class Legend(QScrollArea):
    """The series by name; nothing where there is only one."""

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMaximumWidth(_LEGEND_WIDTH)
        self.setMinimumWidth(110)
        self.viewport().setAutoFillBackground(False)
        self.setAccessibleName(self.tr("Legend"))
        self.names: tuple[str, ...] = ()

    def show_chart(self, chart: Chart) -> None:
        entries: list[tuple[str, int, bool, bool]] = []
        if isinstance(chart, LineChart):
            entries = [(n.name, n.color, n.dashed, False) for n in chart.lines if not n.muted]
        elif isinstance(chart, BarChart):
            entries = [(own.name, own.color, False, True) for own in chart.bars]
        self.names = tuple(name for name, *_ in entries) if len(entries) > 1 else ()
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(SMALL, SMALL, SMALL, SMALL)
        column.setSpacing(TINY)
        for name, color, dashed, bar in entries if self.names else ():
            row = QHBoxLayout()
            row.setSpacing(SMALL)
            row.addWidget(_Sign(QColor(series_color(color)), dashed=dashed, bar=bar))
            label = ElidedLabel()
            label.setText(name)
            label.setToolTip(name)
            label.setFont(font("small"))
            row.addWidget(label, 1)
            column.addLayout(row)
        column.addStretch(1)
        self.setWidget(inside)
        inside.setAutoFillBackground(False)
        self.setVisible(bool(self.names))


class ChartView(QWidget):
    """One chart.

    Signals:
        picked: row and column of the cell of a heat map that was double-clicked.

    Attributes:
        chart: what is shown, None for none.
    """

    picked = Signal(int, int)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.chart: Chart | None = None
        self.plot: Plot | None = None
        self.title = ElidedLabel()
        self.title.setFont(font("strong"))
        self.caption = ElidedLabel()
        self.caption.setProperty("role", "muted")
        self.caption.setFont(font("small"))
        self.reading = ElidedLabel()
        self.reading.setFont(font("numbers"))
        self.reading.setAccessibleName(self.tr("Value under the pointer"))
        self.as_table = QToolButton()
        self.as_table.setCheckable(True)
        self.as_table.setAutoRaise(True)
        self.as_table.setToolTip(self.tr("Show the values as a table"))
        self.as_table.setAccessibleName(self.as_table.toolTip())
        icons.bind_icon(self.as_table, "table", theme)
        self.table = TableModel()
        self.cells = QTableView()
        self.cells.setModel(self.table)
        self.cells.setAccessibleName(self.tr("Values of the chart"))
        self.cells.verticalHeader().hide()
        self.cells.setShowGrid(False)
        dress(self.cells, theme)
        self.legend = Legend()
        self.empty = QLabel()
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.empty.setWordWrap(True)
        self.empty.setProperty("role", "muted")
        self._arrange()
        self.as_table.toggled.connect(self._turn)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.show_words("")

    def sizeHint(self) -> QSize:
        return QSize(420, 260)

    def minimumSizeHint(self) -> QSize:
        return QSize(220, 120)

    def put_in_head(self, widget: QWidget) -> None:
        """Something that stands beside the title, or instead of it."""
        self._first.insertWidget(0, widget)
        self._first.addStretch(0)

    def show_words(self, text: str) -> None:
        """No chart: why, in words."""
        self.chart = None
        self.empty.setText(text)
        self.bar.hide()
        self.legend.hide()
        self.reading.setText("")
        self.pages.setCurrentWidget(self.empty)

    def show_chart(self, chart: Chart) -> None:
        """Draw a chart."""
        if chart == self.chart:
            return
        self.chart = chart
        if self.plot is None:
            self._make_plot()
        self.title.setText(chart.title)
        self.title.setToolTip(chart.title)
        self.caption.setText(chart.caption)
        self.caption.setToolTip(chart.caption)
        self.plot.show_chart(chart)
        self.plot.setAccessibleName(chart.title)
        self.plot.setAccessibleDescription(chart.caption)
        self.legend.show_chart(chart)
        self.table.set_table(chart.table())
        self.cells.resizeColumnsToContents()
        self.bar.show()
        self._turn(self.as_table.isChecked())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    # ------------------------------------------------------------------ inside

    def _fit(self) -> None:
        """Where both axes are alike, a chart is as wide as it is high."""
        square = isinstance(self.chart, LineChart) and self.chart.square
        table = self.pages.currentWidget() is self.cells
        limit = max(self.height() - self.bar.sizeHint().height(), 160)
        self.pages.setMaximumWidth(limit if square and not table else _UNLIMITED)
        self.legend.setMaximumWidth((2 if square else 1) * _LEGEND_WIDTH)

    def _turn(self, table: bool) -> None:
        if self.chart is not None:
            self.pages.setCurrentWidget(self.cells if table else self.plot)
            self.legend.setVisible(bool(self.legend.names) and not table)
        self._fit()

    def _make_plot(self) -> None:
        from medadv_desktop.gui.audits.charts.plotting import Plot

        self.plot = Plot(self._theme)
        self.plot.read.connect(self._tell)
        self.plot.picked.connect(self.picked)
        self.pages.addWidget(self.plot)

    def _tell(self, reading: Reading | None) -> None:
        words = "" if reading is None else reading.words
        self.reading.setText(words)
        self.caption.setVisible(not words)
        self.reading.setVisible(bool(words))

    def _arrange(self) -> None:
        self.bar = QWidget()
        head = QHBoxLayout(self.bar)
        head.setContentsMargins(MEDIUM, SMALL, SMALL, 0)
        head.setSpacing(MEDIUM)
        words = QVBoxLayout()
        words.setSpacing(0)
        self._first = QHBoxLayout()
        self._first.addWidget(self.title, 1)
        words.addLayout(self._first)
        words.addWidget(self.caption)
        words.addWidget(self.reading)
        self.reading.hide()
        head.addLayout(words, 1)
        head.addWidget(self.as_table, 0, Qt.AlignmentFlag.AlignTop)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.empty)
        self.pages.addWidget(self.cells)
        middle = QHBoxLayout()
        middle.setSpacing(0)
        middle.addWidget(self.pages, 1)
        middle.addWidget(self.legend)
        middle.addStretch(0)
        block = QVBoxLayout(self)
        block.setContentsMargins(0, 0, 0, 0)
        block.setSpacing(TINY)
        block.addWidget(self.bar)
        block.addLayout(middle, 1)
