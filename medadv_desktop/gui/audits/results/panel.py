"""The panel "Results": figures, charts, cells and samples of one run, also while it is at work."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QModelIndex, QPoint, QRect, QSize, Qt, QTimer
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QDockWidget,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QMenu,
    QSplitter,
    QStackedWidget,
    QTabBar,
    QTableView,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from medadv_desktop.gui import icons
from medadv_desktop.gui.audits.archivist import archivist_of
from medadv_desktop.gui.audits.results.cells import (
    CELL,
    NOTE,
    PROGRESS,
    TITLE,
    CellTable,
    ProgressBar,
    SortedCells,
    lines_of,
)
from medadv_desktop.gui.audits.results.chart_page import ChartPage
from medadv_desktop.gui.audits.results.export import KINDS, ask_and_export
from medadv_desktop.gui.audits.results.follower import RunFollower
from medadv_desktop.gui.audits.results.headlines import Headlines
from medadv_desktop.gui.audits.samples.page import SamplesPage
from medadv_desktop.gui.audits.wording import STATE_LOOKS, state_text
from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.lists import dress
from medadv_desktop.gui.theme import LARGE, MEDIUM, SMALL, TINY, font
from medadv_desktop.gui.viewers.pane import ElidedLabel
from medadv_desktop.gui.wizards.steps import Callout

if TYPE_CHECKING:
    from medadv_desktop.analysis.charts.values import Chart
    from medadv_desktop.gui.audits.results.content import CellCharts, RunContent

PAGES = ("overview", "cells", "curves", "roc", "confusion", "perturbations", "samples")
_OF_A_CELL = ("roc", "confusion", "samples")
_LEAST_HEIGHT, _SHARE, _FLOATING = 360, 0.56, 0.8
_NEWS_MS = 250


class ResultsPanel(QStackedWidget):
    """One run: its name and state on top, below it a page."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._bench = bench
        self._archivist = archivist_of(bench.controller)
        self.follower = RunFollower(bench.controller, self._archivist, self)
        self.title = ElidedLabel()
        self.title.setFont(font("strong"))
        self.sign = QLabel()
        self.state = QLabel()
        self.state.setFont(font("small"))
        self.tabs = QTabBar()
        self.cell = QComboBox()
        self.export = QToolButton()
        self.compare = QToolButton()
        self.detach = QToolButton()
        self.headlines = Headlines(bench.theme)
        self.maps = ChartPage(bench.theme)
        self.curves = ChartPage(bench.theme)
        self.roc = ChartPage(bench.theme)
        self.confusion = ChartPage(bench.theme, beside=2)
        self.perturbations = ChartPage(bench.theme)
        self.table = CellTable(bench.theme)
        self.rows = SortedCells(self.table)
        self.cells = QTableView()
        self.samples = SamplesPage(bench)
        self.failure = Callout(bench.theme)
        self._make_pages()
        self._connect()
        self._show()

    def sizeHint(self) -> QSize:
        return QSize(640, 220)

    def minimumSizeHint(self) -> QSize:
        return QSize(260, 100)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ParentChange and isinstance(self.parent(), QDockWidget):
            # A dock behind another counts as visible; only this signal tells that it is not.
            self.parent().visibilityChanged.connect(self.follower.set_wanted)
        return super().event(event)

    # ------------------------------------------------------------------ what others ask for

    def show_run(self, folder: Path) -> None:
        """Show a run, in front and with room to read it."""
        self.follower.follow(folder)
        dock = self.parent()
        if isinstance(dock, QDockWidget):
            dock.show()
            dock.raise_()
            self._make_room(dock)

    def show_page(self, name: str) -> None:
        """Turn to a page by its name in `PAGES`."""
        self.tabs.setCurrentIndex(PAGES.index(name))

    def show_cell(self, cell: str, page: str = "samples") -> None:
        """Show a cell's samples, or another page of it."""
        at = self.cell.findData(cell)
        if at >= 0:
            self.cell.setCurrentIndex(at)
            self.show_page(page)
            self._show_cell()

    @property
    def charts(self) -> tuple[Chart, ...]:
        """The charts that are on screen, which can be exported."""
        page = self._chart_pages().get(PAGES[self.tabs.currentIndex()])
        return page.shown if page is not None else ()

    # ------------------------------------------------------------------ showing

    def _chart_pages(self) -> dict[str, ChartPage]:
        return {
            "overview": self.maps,
            "curves": self.curves,
            "roc": self.roc,
            "confusion": self.confusion,
            "perturbations": self.perturbations,
        }

    def _show(self) -> None:
        content, follower = self.follower.content, self.follower
        if follower.folder is None:
            self.setCurrentWidget(self.empty)
            return
        if content is None:
            words = self._bench.controller.names.text(follower.failure)
            self.failure.say("error", words)
            waiting = self._archivist.is_running(follower.folder)
            text = self.tr("The audit begins…") if waiting else self.tr("Reading the audit…")
            self.reading.setText(text)
            self.reading.setVisible(not words)
            self.setCurrentWidget(self.waiting)
            return
        self.setCurrentWidget(self.filled)
        self._show_head(content)
        self._fill_cells(content)
        self._show_lines()
        self.headlines.show_content(content)
        nothing = self.tr("No cell with such figures is done yet")
        none = self.tr("The plan has nothing of this kind")
        kinds = {record.cell.kind for record in content.records}
        self.maps.show_charts(content.charts["maps"], nothing)
        attacked = kinds & {"attack", "smallest"}
        self.curves.show_charts(content.charts["curves"], nothing if attacked else none)
        common = kinds & {"corruption", "sequence"}
        words = nothing if common else none
        self.perturbations.show_charts(content.charts["perturbations"], words)
        self._show_cell()

    def _show_head(self, content: RunContent) -> None:
        live = self.follower.live
        state = "running" if live else content.state
        if content.state == "running" and not live:
            state = "interrupted"
        icon, color = STATE_LOOKS[state]
        self.sign.setPixmap(icons.icon(icon, self._bench.theme, color).pixmap(16, 16))
        done = sum(record.state == "done" for record in content.records)
        words = state_text(state)
        if done < len(content.records):
            words += ", " + self.tr("{0} of {1} cells").format(done, len(content.records))
        self.title.setText(content.name)
        self.state.setText(words)
        self.state.setProperty("role", "danger" if color == "danger" else "muted")
        self.state.style().polish(self.state)
        self.compare.setEnabled(done > 0)

    def _show_lines(self) -> None:
        """The table of cells, with what the running audit told since the store was read."""
        content = self.follower.content
        if content is not None:
            audits = self._archivist.audits
            here = self._archivist.is_running(content.folder)
            standings = {c.cell.id: c for c in audits.cells} if here else {}
            lines = lines_of(content, standings)
            self.table.show_lines(lines)
            failed = any(line.reason for line in lines)
            self.cells.setColumnHidden(NOTE, not failed)
            stretch, by_hand = QHeaderView.ResizeMode.Stretch, QHeaderView.ResizeMode.Interactive
            header = self.cells.horizontalHeader()
            header.setSectionResizeMode(TITLE, by_hand if failed else stretch)

    def _hear(self, _cells: object) -> None:
        if self.follower.live and not self._news.isActive():
            self._news.start()

    def _fill_cells(self, content: RunContent) -> None:
        """The cells that a page can be of, by their titles."""
        entries = []
        for record in content.records:
            if record.rows or record.state == "done":
                cell = record.cell
                parts = [cell.title]
                parts += [cell.model] if len(content.results.plan.models) > 1 else []
                parts += [cell.dataset] if len(content.results.plan.datasets) > 1 else []
                entries.append((cell.id, " · ".join(parts)))
        known = [(self.cell.itemData(k), self.cell.itemText(k)) for k in range(self.cell.count())]
        if entries == known:
            return
        chosen = self.cell.currentData()
        self.cell.clear()
        for cell, text in entries:
            self.cell.addItem(text, cell)
        at = self.cell.findData(chosen)
        if at < 0:
            robust = content.headlines.get("robust")
            at = self.cell.findData(robust.cell) if robust is not None else 0
        self.cell.setCurrentIndex(max(at, 0))

    def _turned(self) -> None:
        name = PAGES[self.tabs.currentIndex()]
        self.pages.setCurrentIndex(self.tabs.currentIndex())
        self.cell.setVisible(name in _OF_A_CELL)
        self._show_cell()
        self._show_export()

    def _show_cell(self) -> None:
        """What belongs to one cell, if its page is in front."""
        content, cell = self.follower.content, self.cell.currentData()
        self.cell.setToolTip(self.cell.currentText())
        name = PAGES[self.tabs.currentIndex()]
        if content is None or name not in _OF_A_CELL:
            self._show_export()
            return
        if name == "samples":
            self.samples.show_cell(content, cell or "")
            return
        record = content.cells.get(cell)
        page = self._chart_pages()[name]
        if record is None or record.outcome is None:
            page.show_words(self.tr("This cell has no figures yet"))
        elif (charts := self.follower.ask_for_cell(cell)) is not None:
            self._show_cell_charts(charts)
        elif not page.shown:
            page.show_words(self.tr("Drawing…"))
        self._show_export()

    def _show_cell_charts(self, charts: CellCharts) -> None:
        if charts.cell != self.cell.currentData():
            return
        none = self.tr("A cell of this kind has no such chart")
        self.roc.show_charts((*charts.roc, *charts.more), none)
        self.confusion.show_charts(charts.confusion, none)
        self._show_export()

    def _show_export(self) -> None:
        self.export.setEnabled(bool(self.charts))

    def _picked(self, chart: Chart, row: int, column: int) -> None:
        """From a cell of the heat map to its samples."""
        content = self.follower.content
        if content is None:
            return
        cell = content.cell_of_map(chart, row, column)
        if cell:
            self.show_cell(cell)

    def _export(self, kind: str) -> None:
        charts = self.charts
        for chart in charts[:1]:
            ask_and_export(self.window(), self._bench.controller, chart, kind)

    # ------------------------------------------------------------------ making

    def _connect(self) -> None:
        self._archivist.wanted.connect(self.show_run)
        self._archivist.library.current_changed.connect(self._current_changed)
        self.follower.changed.connect(self._show)
        self.follower.cell_read.connect(self._show_cell_charts)
        # Many batches end in a second; nobody reads so fast.
        self._news = QTimer(self, interval=_NEWS_MS, singleShot=True)
        self._news.timeout.connect(self._show_lines)
        self._archivist.audits.progressed.connect(self._hear)
        self._archivist.audits.changed.connect(self._show)
        self._bench.theme.changed.connect(self._show)
        self._bench.controller.names.changed.connect(self._show)
        self.tabs.currentChanged.connect(self._turned)
        self.cell.activated.connect(self._show_cell)
        self.cells.doubleClicked.connect(self._cell_chosen)
        self.cells.activated.connect(self._cell_chosen)
        self.maps.picked.connect(self._picked)
        for page in self._chart_pages().values():
            page.choice.activated.connect(self._show_export)
        self.detach.clicked.connect(self._detach)
        self.compare.clicked.connect(
            lambda: self._bench.controller.action_wanted.emit("compare-audits")
        )

    def _current_changed(self) -> None:
        """Follow the list while this panel is in front; a run that was deleted is let go."""
        run = self._archivist.library.current
        self.follower.follow(None if run is None else run.folder)

    def _cell_chosen(self, index: QModelIndex) -> None:
        self.show_cell(str(index.data(CELL)))

    def _make_room(self, dock: QDockWidget) -> None:
        """Charts need some height; whoever made it smaller since keeps that."""
        window = self.window()
        if dock.isFloating() or self.height() >= _LEAST_HEIGHT:
            return
        if hasattr(window, "resizeDocks"):
            height = max(_LEAST_HEIGHT, round(_SHARE * window.height()))
            window.resizeDocks([dock], [height], Qt.Orientation.Vertical)

    def _detach(self) -> None:
        """A window of its own has room for charts; it can stand on another screen."""
        dock = self.parent()
        if not isinstance(dock, QDockWidget):
            return
        main = dock.parentWidget()
        dock.setFloating(not dock.isFloating())
        if dock.isFloating() and main is not None:
            size = main.size() * _FLOATING
            corner = main.frameGeometry().center() - QRect(QPoint(), size).center()
            dock.setGeometry(QRect(corner, size))

    def _make_pages(self) -> None:
        self._make_empty()
        self._make_waiting()
        self.filled = QWidget()
        block = QVBoxLayout(self.filled)
        block.setContentsMargins(0, 0, 0, 0)
        block.setSpacing(0)
        block.addWidget(self._make_head())
        self.pages = QStackedWidget()
        overview = QSplitter(Qt.Orientation.Horizontal)
        overview.addWidget(self.headlines)
        overview.addWidget(self.maps)
        overview.setChildrenCollapsible(False)
        overview.setStretchFactor(0, 2)
        overview.setStretchFactor(1, 3)
        overview.setSizes([430, 570])
        self._dress_cells()
        for page in (
            overview,
            self.cells,
            self.curves,
            self.roc,
            self.confusion,
            self.perturbations,
            self.samples,
        ):
            self.pages.addWidget(page)
        block.addWidget(self.pages, 1)
        self.addWidget(self.filled)

    def _make_head(self) -> QWidget:
        for name in (
            self.tr("Overview"),
            self.tr("Cells"),
            self.tr("Curves"),
            self.tr("ROC, calibration"),
            self.tr("Confusion"),
            self.tr("Perturbations"),
            self.tr("Samples"),
        ):
            self.tabs.addTab(name)
        self.tabs.setExpanding(False)
        self.tabs.setUsesScrollButtons(True)
        self.tabs.setDrawBase(False)
        self.tabs.setAccessibleName(self.tr("Pages of the results"))
        self.cell.setAccessibleName(self.tr("Cell"))
        policy = QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        self.cell.setSizeAdjustPolicy(policy)
        self.cell.setMinimumContentsLength(34)
        self.cell.setVisible(False)
        self.export.setToolTip(self.tr("Export the chart"))
        self.export.setAccessibleName(self.export.toolTip())
        self.export.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        icons.bind_icon(self.export, "export", self._bench.theme)
        menu = QMenu(self.export)
        for kind in KINDS:
            action = menu.addAction(self.tr("As {0}…").format(kind.upper()))
            action.setObjectName(f"export-chart-{kind}")
            action.triggered.connect(lambda _=False, k=kind: self._export(k))
        self.export.setMenu(menu)
        self.compare.setToolTip(self.tr("Compare with another audit, or two models of this one"))
        self.compare.setAccessibleName(self.tr("Compare"))
        icons.bind_icon(self.compare, "compare", self._bench.theme)
        self.detach.setToolTip(self.tr("Into a window of its own, or back"))
        self.detach.setAccessibleName(self.detach.toolTip())
        icons.bind_icon(self.detach, "detach", self._bench.theme)
        head = QWidget()
        rows = QVBoxLayout(head)
        rows.setContentsMargins(MEDIUM, SMALL, MEDIUM, 0)
        rows.setSpacing(SMALL)
        first, second = QHBoxLayout(), QHBoxLayout()
        first.setSpacing(SMALL)
        first.addWidget(self.sign)
        first.addWidget(self.title, 1)
        first.addWidget(self.state)
        first.addWidget(self.cell)
        first.addWidget(self.compare)
        first.addWidget(self.export)
        first.addWidget(self.detach)
        second.setSpacing(MEDIUM)
        second.addWidget(self.tabs, 1)
        rows.addLayout(first)
        rows.addLayout(second)
        return head

    def _dress_cells(self) -> None:
        view = self.cells
        view.setModel(self.rows)
        view.setItemDelegateForColumn(PROGRESS, ProgressBar(self._bench.theme, view))
        view.setAccessibleName(self.tr("Cells"))
        view.setShowGrid(False)
        view.setWordWrap(False)
        view.setTabKeyNavigation(False)
        view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        view.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        view.verticalHeader().hide()
        view.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 2 * MEDIUM)
        header = view.horizontalHeader()
        header.setHighlightSections(False)
        header.setSortIndicatorClearable(True)
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        header.setSectionResizeMode(NOTE, QHeaderView.ResizeMode.Stretch)
        header.setMinimumSectionSize(40)
        view.setSortingEnabled(True)
        letter = self.fontMetrics().averageCharWidth()
        for column, letters in enumerate((30, 13, 12, 10, 12, 10, 11)):
            view.setColumnWidth(column, letters * letter)
        dress(view, self._bench.theme)

    def _make_empty(self) -> None:
        self.empty = QWidget()
        block = QVBoxLayout(self.empty)
        block.setContentsMargins(LARGE, MEDIUM, LARGE, MEDIUM)
        block.setSpacing(TINY)
        title = QLabel(self.tr("No audit is chosen"))
        title.setFont(font("title"))
        text = QLabel(self.tr("Choose one in the panel “Audits” to see what it found."))
        text.setProperty("role", "muted")
        block.addStretch(1)
        for label in (title, text):
            label.setWordWrap(True)
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            block.addWidget(label)
        block.addStretch(2)
        self.addWidget(self.empty)

    def _make_waiting(self) -> None:
        self.waiting = QWidget()
        block = QVBoxLayout(self.waiting)
        block.setContentsMargins(LARGE, MEDIUM, LARGE, MEDIUM)
        self.reading = QLabel()
        self.reading.setProperty("role", "muted")
        self.reading.setAlignment(Qt.AlignmentFlag.AlignCenter)
        block.addStretch(1)
        block.addWidget(self.failure)
        block.addWidget(self.reading)
        block.addStretch(2)
        self.addWidget(self.waiting)
