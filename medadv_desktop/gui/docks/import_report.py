"""The panel "Import report": what became of every file, and why."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import (
    QT_TRANSLATE_NOOP,
    QAbstractTableModel,
    QLocale,
    QModelIndex,
    QPersistentModelIndex,
    QSize,
    QSortFilterProxyModel,
    Qt,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from medadv_desktop.gui import icons
from medadv_desktop.gui.asking import ask_where_to_write
from medadv_desktop.gui.docks.spec import DockSpec, Workbench
from medadv_desktop.gui.file_names import FileNames
from medadv_desktop.gui.lists import dress
from medadv_desktop.gui.state.imports import Imports
from medadv_desktop.gui.theme import MEDIUM, SMALL, Theme
from medadv_desktop.imaging.frame import Instance, NonImage, Unreadable

if TYPE_CHECKING:
    from medadv_desktop.imaging.import_report import Row

READ, OBJECT, SKIPPED, FAILED = "read", "object", "skipped", "failed"
FILE, OUTCOME, KIND, REASON = range(4)
_COLORS = {READ: "success", OBJECT: "muted", SKIPPED: "muted", FAILED: "danger"}
_ROLE = Qt.ItemDataRole
Index = QModelIndex | QPersistentModelIndex


def outcome_of(answer: Instance | Unreadable) -> str:
    """Which of the four ends a file came to."""
    if isinstance(answer, Instance):
        return READ
    if isinstance(answer, NonImage):
        return OBJECT
    return SKIPPED if answer.skipped else FAILED


class ReportTable(QAbstractTableModel):
    """A row for each file; its words are found when it is looked at."""

    def __init__(self, imports: Imports, theme: Theme, names: FileNames) -> None:
        super().__init__()
        self._imports, self._theme, self._names = imports, theme, names
        self._count = len(imports.answers)
        self.row = functools.lru_cache(maxsize=2000)(self._row)
        imports.added.connect(self._add)
        imports.cleared.connect(self._clear)
        names.changed.connect(self._rename)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else self._count

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else 4

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = _ROLE.DisplayRole
    ) -> object:
        if role != _ROLE.DisplayRole:
            return None
        if orientation is Qt.Orientation.Vertical:
            return QLocale().toString(section + 1)
        heads = (self.tr("File"), self.tr("Outcome"), self.tr("Kind"), self.tr("Reason or notes"))
        return heads[section]

    def data(self, index: Index, role: int = _ROLE.DisplayRole) -> object:
        column = index.column()
        if role == _ROLE.DisplayRole:
            return self._text(index.row(), column)
        if role == _ROLE.ToolTipRole:
            row = self.row(index.row())
            file = self._names.location(Path(row.file))
            return "\n".join(t for t in (file, *self._said(row)) if t)
        if role == _ROLE.ForegroundRole and column == OUTCOME:
            return self._theme.color(_COLORS[outcome_of(self.answer(index.row()))])
        return None

    def answer(self, row: int) -> Instance | Unreadable:
        return self._imports.answers[row]

    def _text(self, number: int, column: int) -> str:
        row = self.row(number)
        if column == FILE:
            return self._names.name(Path(row.file))
        if column == OUTCOME:
            return {
                READ: self.tr("read"),
                OBJECT: self.tr("listed"),
                SKIPPED: self.tr("skipped"),
                FAILED: self.tr("failed"),
            }[outcome_of(self.answer(number))]
        if column == KIND:
            kind = ", ".join(t for t in (row.kind, row.transfer_syntax) if t)
            return f"{kind} × {row.frames}" if row.frames > 1 else kind
        return next(filter(None, self._said(row)), "")

    def _said(self, row: Row) -> tuple[str, str]:
        """Reason and notes; the latter name other files."""
        notes = "" if self._names.masked else row.notes
        if row.notes and self._names.masked:
            notes = self.tr("Notes hidden with the patient data")
        return self._names.quoted(row.reason), notes

    def shown(self, number: int) -> str:
        """What can be searched: what is in sight."""
        answer = self.answer(number)
        reason = answer.reason if isinstance(answer, Unreadable) else ""
        return f"{self._names.location(answer.path)}\n{self._names.quoted(reason)}"

    def _rename(self) -> None:
        if self._count:
            self.dataChanged.emit(self.index(0, 0), self.index(self._count - 1, 3))

    def _row(self, number: int) -> Row:
        from medadv_desktop.imaging.import_report import report_of

        return replace(report_of([self.answer(number)]).rows[0], number=number + 1)

    def _add(self, count: int) -> None:
        self.beginInsertRows(QModelIndex(), self._count, self._count + count - 1)
        self._count += count
        self.endInsertRows()

    def _clear(self) -> None:
        self.beginResetModel()
        self._count = 0
        self.row.cache_clear()
        self.endResetModel()


class _Filtered(QSortFilterProxyModel):
    """Rows of one outcome, with a text in file or reason."""

    def __init__(self, table: ReportTable) -> None:
        super().__init__()
        self._table = table
        self._outcome, self._text = "", ""
        self.setSourceModel(table)

    def choose(self, outcome: str, text: str) -> None:
        self.beginFilterChange()
        self._outcome, self._text = outcome, text.casefold().strip()
        self.endFilterChange()

    def filterAcceptsRow(self, source_row: int, _parent: Index) -> bool:
        answer = self._table.answer(source_row)
        if self._outcome and outcome_of(answer) != self._outcome:
            return False
        return not self._text or self._text in self._table.shown(source_row).casefold()


class ReportPanel(QWidget):
    """The table, a filter, counts, and export."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._bench, self._imports = bench, bench.controller.imports
        self.table = ReportTable(self._imports, bench.theme, bench.controller.names)
        self.rows = _Filtered(self.table)
        self.view = QTableView()
        self.view.setModel(self.rows)
        self.view.setAccessibleName(self.tr("Import report"))
        self.view.setShowGrid(False)
        self.view.setWordWrap(False)
        self.view.setTabKeyNavigation(False)
        self.view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.view.horizontalHeader().setStretchLastSection(True)
        self.view.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
        self.view.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + SMALL)
        letter = self.fontMetrics().averageCharWidth()
        for column, letters in ((FILE, 34), (OUTCOME, 10), (KIND, 38)):
            self.view.setColumnWidth(column, letters * letter)
        dress(self.view, bench.theme)
        self.outcome = QComboBox()
        self.outcome.setAccessibleName(self.tr("Show files that were"))
        self.outcome.setToolTip(self.tr("Which files are shown"))
        for text, outcome in (
            (self.tr("All files"), ""),
            (self.tr("Failed"), FAILED),
            (self.tr("Skipped"), SKIPPED),
            (self.tr("Objects without pixels"), OBJECT),
            (self.tr("Read"), READ),
        ):
            self.outcome.addItem(text, outcome)
        self.search = QLineEdit()
        self.search.setPlaceholderText(self.tr("Search path or reason"))
        self.search.setClearButtonEnabled(True)
        self.search.setAccessibleName(self.tr("Search the report"))
        self.counts = QLabel()
        self.counts.setProperty("role", "muted")
        self.export = QPushButton(self.tr("Export…"))
        self.export.setToolTip(
            self.tr(
                "Save all rows as CSV or JSON; while patient data is hidden, without paths, which "
                "often hold names"
            )
        )
        icons.bind_icon(self.export, "export", bench.theme)
        self.outcome.currentIndexChanged.connect(self._choose)
        self.search.textChanged.connect(self._choose)
        self.export.clicked.connect(self._ask_where)
        self._counted = dict.fromkeys((READ, OBJECT, SKIPPED, FAILED), 0)
        self._imports.added.connect(self._count)
        self._imports.cleared.connect(self._forget)
        self._arrange()
        self._count(len(self._imports.answers))

    def sizeHint(self) -> QSize:
        return QSize(420, 220)

    def export_to(self, path: Path) -> None:
        """Write all rows, as JSON where the name ends so, else as CSV."""
        self._bench.controller.exporter.write_report(tuple(self._imports.answers), path)

    def _arrange(self) -> None:
        bar = QHBoxLayout()
        bar.setSpacing(MEDIUM)
        bar.addWidget(self.outcome)
        bar.addWidget(self.search, 1)
        bar.addWidget(self.counts)
        bar.addWidget(self.export)
        block = QVBoxLayout(self)
        block.setContentsMargins(MEDIUM, SMALL, MEDIUM, MEDIUM)
        block.setSpacing(SMALL)
        block.addLayout(bar)
        block.addWidget(self.view, 1)

    def _choose(self) -> None:
        self.rows.choose(self.outcome.currentData(), self.search.text())

    def _count(self, added: int) -> None:
        answers = self._imports.answers
        for answer in answers[len(answers) - added :]:
            self._counted[outcome_of(answer)] += 1
        self._show_counts()

    def _forget(self) -> None:
        self._counted = dict.fromkeys(self._counted, 0)
        self._show_counts()

    def _show_counts(self) -> None:
        text = self.tr("{read} read, {object} listed, {skipped} skipped, {failed} failed")
        shown = {k: QLocale().toString(n) for k, n in self._counted.items()}
        self.counts.setText(text.format(**shown))
        self.export.setEnabled(bool(self._imports.answers))

    def _ask_where(self) -> None:
        ask_where_to_write(
            self,
            self._bench.controller.settings,
            self.tr("Export the import report"),
            "import-report.csv",
            (self.tr("Table (*.csv)"), self.tr("JSON (*.json)")),
            self.export_to,
        )


DOCK = DockSpec(
    id="import_report",
    title=QT_TRANSLATE_NOOP("Docks", "Import report"),
    icon="import-report",
    area=Qt.DockWidgetArea.BottomDockWidgetArea,
    build=ReportPanel,
)
