"""The samples of a pair of cells that one side gets right and the other does not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from medadv_desktop.gui.audits.compare.tables import Line, LineTable, models_text
from medadv_desktop.gui.audits.samples.opener import SampleOpener
from medadv_desktop.gui.audits.samples.table import shown_name
from medadv_desktop.gui.background import Urgency
from medadv_desktop.gui.desk import Audience
from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.labelled.bars import figure
from medadv_desktop.gui.lists import dress
from medadv_desktop.gui.theme import MEDIUM, SMALL
from medadv_desktop.gui.viewers.pane import ElidedLabel

if TYPE_CHECKING:
    from medadv_desktop.audit.comparison import CellComparison, Comparison
    from medadv_desktop.audit.store.records import SampleName
    from medadv_desktop.gui.audits.results.content import RunContent

MOST = 2000
"""So many samples of each kind are listed; the count says how many there are."""


class ChangedSamples(QWidget):
    """Chosen by cell; a double click opens a sample with what the second side did to it."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._bench = bench
        self._desk = bench.controller.librarian.desk
        self._found: Comparison | None = None
        self._names: tuple[tuple[SampleName, bool], ...] = ()
        self._jobs: list[int] = []
        self.opener = SampleOpener(bench.controller, bench.case, self)
        self.cell = QComboBox()
        self.count = QLabel()
        self.told = ElidedLabel()
        self.table = LineTable((self.tr("Sample"), self.tr("Change")), (), bench.theme)
        self.view = QTableView()
        self._arrange()
        self.cell.activated.connect(self._read)
        self.view.doubleClicked.connect(self._open)
        self.view.activated.connect(self._open)
        self.opener.told.connect(self._tell)
        bench.controller.names.changed.connect(self._show)

    def show_comparison(self, found: Comparison) -> None:
        """Offer the cells in which some sample changed."""
        self._found = found
        self.cell.clear()
        for cell in found.cells:
            if len(cell.now_wrong) or len(cell.now_right):
                several = len(found.models) > 1
                models = f" · {models_text(cell)}" if several else ""
                self.cell.addItem(cell.title + models, cell)
        self._read()

    def show_cell(self, cell: object) -> None:
        """Show the samples of one pair of cells."""
        for k in range(self.cell.count()):
            if self.cell.itemData(k) is cell:
                self.cell.setCurrentIndex(k)
                self._read()

    def stop(self) -> None:
        """The window goes: nothing that is on its way is heard any more."""
        for job in self._jobs:
            self._desk.cancel(job)
        self.opener.stop()

    # ------------------------------------------------------------------ inside

    def _read(self) -> None:
        cell: CellComparison | None = self.cell.currentData()
        self._names = ()
        if cell is None or self._found is None:
            self.count.setText(self.tr("No sample changed, or the samples are not the same"))
            self._show()
            return
        wrong, right = cell.now_wrong, cell.now_right
        words = self.tr("{0} now wrong, {1} now right")
        self.count.setText(words.format(figure(len(wrong)), figure(len(right))))
        folder = self._found.second

        def work(*_: object) -> tuple[tuple[SampleName, bool], ...]:
            from medadv_desktop.audit.store.store import AuditStore

            with AuditStore.open(folder) as store:
                lists = (store.names(cell.second.dataset, p[:MOST]) for p in (wrong, right))
                return tuple(
                    (name, good)
                    for names, good in zip(lists, (False, True), strict=True)
                    for name in names
                )

        def done(names: tuple[tuple[SampleName, bool], ...]) -> None:
            if self.cell.currentData() is cell:
                self._names = names
                self._show()

        audience = Audience(self.tr("Reading samples"), done)
        self._jobs.append(self._desk.read(work, Urgency.FRAME, audience))

    def _show(self) -> None:
        names = self._bench.controller.names
        self.table.show_lines(
            tuple(
                Line(
                    (
                        shown_name(name, names),
                        self.tr("wrong → right") if good else self.tr("right → wrong"),
                    ),
                    ((1, "success" if good else "danger"),),
                    target=name.place,
                )
                for name, good in self._names
            )
        )

    def _open(self, index: QModelIndex) -> None:
        cell: CellComparison | None = self.cell.currentData()
        if cell is None or self._found is None:
            return
        place, folder = self.table.lines[index.row()].target, self._found.second

        def work(*_: object) -> RunContent:
            from medadv_desktop.gui.audits.results.content import read_content

            return read_content(Path(folder))

        def done(content: RunContent) -> None:
            self.opener.open(content, cell.second.id, place)

        doing = self.tr("Opening a sample of an audit")
        self._jobs.append(self._desk.read(work, Urgency.FRAME, Audience(doing, done)))

    def _tell(self, text: str, role: str) -> None:
        self.told.setText(text)
        self.told.setProperty("role", role)
        self.told.style().polish(self.told)

    def _arrange(self) -> None:
        self.cell.setAccessibleName(self.tr("Cell"))
        policy = QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        self.cell.setSizeAdjustPolicy(policy)
        self.cell.setMinimumContentsLength(36)
        self.count.setProperty("role", "muted")
        view = self.view
        view.setModel(self.table)
        view.setAccessibleName(self.tr("Samples that changed"))
        view.setShowGrid(False)
        view.setTabKeyNavigation(False)
        view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        view.verticalHeader().hide()
        view.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 2 * SMALL)
        view.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        dress(view, self._bench.theme)
        bar = QHBoxLayout()
        bar.setSpacing(MEDIUM)
        bar.addWidget(self.cell)
        bar.addWidget(self.count)
        bar.addWidget(self.told, 1)
        block = QVBoxLayout(self)
        block.setContentsMargins(SMALL, MEDIUM, SMALL, SMALL)
        block.setSpacing(SMALL)
        block.addLayout(bar)
        block.addWidget(view, 1)
