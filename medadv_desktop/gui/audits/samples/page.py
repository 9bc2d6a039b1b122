"""The page "Samples": filter, search and sort the samples of a cell, and open one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, Qt, QTimer
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSizePolicy,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from medadv_desktop.gui.audits.samples.opener import SampleOpener
from medadv_desktop.gui.audits.samples.table import (
    AFTER,
    LINF,
    PATIENT,
    PSNR,
    QUERIES,
    SMALLEST,
    SORTS,
    STEPS,
    SUCCESS,
    SampleModel,
    Shown,
)
from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.labelled.bars import figure
from medadv_desktop.gui.lists import dress
from medadv_desktop.gui.theme import MEDIUM, SMALL, font
from medadv_desktop.gui.viewers.pane import ElidedLabel

if TYPE_CHECKING:
    from medadv_desktop.gui.audits.results.content import RunContent

_TYPING_MS = 250
_WIDTHS = (24, 15, 15, 15, 17, 9, 8, 9, 11, 9, 10, 8, 11, 10, 12)
"""Of the columns, in letters."""

_ATTACKED = (AFTER, SUCCESS, STEPS, QUERIES, *range(LINF, PSNR + 1))
"""Columns that say nothing of clean images."""


class SamplesPage(QWidget):
    """The samples of one cell."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._bench = bench
        controller = bench.controller
        self._content: RunContent | None = None
        self._cell = ""
        self._rows = -1
        self.model = SampleModel(controller.librarian.desk, controller.names, bench.theme, self)
        self.opener = SampleOpener(controller, bench.case, self)
        self.which = QComboBox()
        self.search = QLineEdit()
        self.count = QLabel()
        self.view = QTableView()
        self.told = ElidedLabel()
        self._typing = QTimer(self, interval=_TYPING_MS, singleShot=True)
        self._dress()
        self._arrange()
        self.which.activated.connect(self._ask)
        self.search.textChanged.connect(self._typing.start)
        self.search.returnPressed.connect(self._ask)
        self._typing.timeout.connect(self._ask)
        self.view.activated.connect(self.open_row)
        self.view.doubleClicked.connect(self.open_row)
        self.model.counted.connect(self._counted)
        self.model.modelReset.connect(self._counted)
        self.model.failed.connect(self._failed)
        self.opener.told.connect(self._tell)
        controller.names.changed.connect(self._show_columns)
        self._show_columns()

    def show_cell(self, content: RunContent | None, cell: str) -> None:
        """Show the samples of a cell; where it is the same and has grown, those that came."""
        self._content = content
        record = content.cells.get(cell) if content is not None else None
        if record is None:
            self._cell, self._rows = "", -1
            self.model.show_samples(None, None)
            return
        other = cell != self._cell or self.model.shown is None
        other = other or self.model.shown.folder != content.folder
        grown = not other and record.rows != self._rows
        self._cell, self._rows = cell, record.rows
        if other:
            self.told.setText("")
            self._show_columns()
            self._ask()
        elif grown:
            self.model.read_again()

    def open_row(self, index: QModelIndex) -> None:
        """Open a sample in the viewers."""
        sample = self.model.sample(index.row()) if index.isValid() else None
        if sample is not None and self._content is not None:
            self.opener.open(self._content, self._cell, sample.name.place)

    # ------------------------------------------------------------------ inside

    def _ask(self) -> None:
        self._typing.stop()
        content = self._content
        record = content.cells.get(self._cell) if content is not None else None
        if record is None:
            return
        model = content.results.models.get(record.cell.model)
        before = self.model.shown or Shown(content.folder, self._cell)
        shown = replace(
            before,
            folder=content.folder,
            cell=self._cell,
            show=self.which.currentData(),
            text=self.search.text().strip(),
            norm=content.norm_of(record.cell),
        )
        self.model.show_samples(shown, model.card if model is not None else None)
        self._counted()

    def _sort(self, column: int, order: Qt.SortOrder) -> None:
        self.model.sort(column, order)
        header = self.view.horizontalHeader()
        header.setSortIndicatorShown(column in SORTS)

    def _counted(self) -> None:
        shown = self.model.shown
        if shown is None:
            self.count.setText("")
        elif self.model.loading and not self.model.rowCount():
            self.count.setText(self.tr("Reading…"))
        else:
            words = self.tr("{0} of {1} samples")
            total = figure(max(self._rows, self.model.rowCount()))
            self.count.setText(words.format(figure(self.model.rowCount()), total))

    def _failed(self, reason: str) -> None:
        self._tell(self._bench.controller.names.text(reason), "danger")

    def _tell(self, text: str, role: str) -> None:
        self.told.setText(text)
        self.told.setProperty("role", role)
        self.told.style().polish(self.told)

    def _show_columns(self) -> None:
        """Columns that say nothing of this cell are left out."""
        content = self._content
        record = content.cells.get(self._cell) if content is not None else None
        kind = record.cell.kind if record is not None else "attack"
        masked = self._bench.controller.names.masked
        for column in range(self.model.columnCount()):
            unsaid = column in _ATTACKED and kind in ("clean", "sequence")
            unsaid = unsaid or (column == SMALLEST and kind != "smallest")
            unsaid = unsaid or (column == STEPS and kind == "corruption")
            self.view.setColumnHidden(column, unsaid or (column == PATIENT and masked))

    def _dress(self) -> None:
        for value, text in (
            ("all", self.tr("All samples")),
            ("right-wrong", self.tr("Right before, wrong after")),
            ("wrong-before", self.tr("Wrong before")),
            ("withstood", self.tr("Right before and after")),
        ):
            self.which.addItem(text, value)
        self.which.setAccessibleName(self.tr("Which samples are shown"))
        self.search.setPlaceholderText(self.tr("Search by name"))
        self.search.setAccessibleName(self.tr("Search samples by name"))
        self.search.setClearButtonEnabled(True)
        self.count.setFont(font("numbers"))
        self.count.setProperty("role", "muted")
        self.told.setFont(font("small"))
        view = self.view
        view.setModel(self.model)
        view.setAccessibleName(self.tr("Samples"))
        view.setShowGrid(False)
        view.setWordWrap(False)
        # Names of samples begin alike and differ at their ends.
        view.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        view.setTabKeyNavigation(False)
        view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        view.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        view.verticalHeader().hide()
        view.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 2 * SMALL)
        header = view.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionsClickable(True)
        header.setSortIndicatorClearable(True)
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        header.setSortIndicatorShown(True)
        header.sortIndicatorChanged.connect(self._sort)
        letter = self.fontMetrics().averageCharWidth()
        for column, letters in enumerate(_WIDTHS):
            view.setColumnWidth(column, max(letters * letter, header.sectionSizeHint(column)))
        dress(view, self._bench.theme)

    def _arrange(self) -> None:
        bar = QHBoxLayout()
        bar.setContentsMargins(MEDIUM, SMALL, MEDIUM, 0)
        bar.setSpacing(SMALL)
        self.search.setMaximumWidth(200)
        bar.addWidget(self.which)
        bar.addWidget(self.search, 1)
        bar.addWidget(self.count)
        self.told.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        bar.addWidget(self.told, 2)
        block = QVBoxLayout(self)
        block.setContentsMargins(0, 0, 0, 0)
        block.setSpacing(SMALL)
        block.addLayout(bar)
        block.addWidget(self.view, 1)
