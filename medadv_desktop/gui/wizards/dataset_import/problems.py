"""Everything that is wrong with a data set, as a table with file and row."""

from __future__ import annotations

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QPersistentModelIndex,
    QSortFilterProxyModel,
    Qt,
)
from PySide6.QtWidgets import QAbstractItemView, QComboBox, QLabel, QTableView, QVBoxLayout, QWidget

from medadv_desktop.datasets.problems import Problem, ProblemKind, Problems
from medadv_desktop.gui.labelled.bars import figure
from medadv_desktop.gui.lists import dress
from medadv_desktop.gui.state.privacy import Privacy
from medadv_desktop.gui.theme import SMALL, Theme
from medadv_desktop.gui.wizards.dataset_import.work import without_patient

KIND, TEXT, FILE, ROW = range(4)
_ROLE = Qt.ItemDataRole
Index = QModelIndex | QPersistentModelIndex

GRAVE = frozenset(
    {
        ProblemKind.MISSING_IMAGE,
        ProblemKind.UNREADABLE_IMAGE,
        ProblemKind.PATIENT_IN_TWO_SPLITS,
        ProblemKind.DUPLICATE_ACROSS_SPLITS,
        ProblemKind.DUPLICATE_OTHER_LABEL,
        ProblemKind.CONFLICTING_ROW,
        ProblemKind.EMPTY_SPLIT,
        ProblemKind.EMPTY_CLASS,
        ProblemKind.EXCEL_DATE,
        ProblemKind.AMBIGUOUS_IMAGE,
    }
)
"""Kinds that make results wrong, or keep samples out of them."""


class ProblemModel(QAbstractTableModel):
    """A row for each problem that is listed."""

    def __init__(self, theme: Theme, privacy: Privacy) -> None:
        super().__init__()
        self._theme, self._privacy = theme, privacy
        self.problems: tuple[Problem, ...] = ()

    def show(self, problems: tuple[Problem, ...]) -> None:
        self.beginResetModel()
        # The grave ones first; within a kind in the order of files and rows.
        self.problems = tuple(sorted(problems, key=lambda p: p.kind not in GRAVE))
        self.endResetModel()

    def shown(self, problem: Problem) -> Problem:
        """A problem as it may be seen now."""
        return without_patient(problem) if self._privacy.masked else problem

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.problems)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else 4

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = _ROLE.DisplayRole
    ) -> object:
        if role != _ROLE.DisplayRole or orientation is Qt.Orientation.Vertical:
            return None
        return (self.tr("Kind"), self.tr("Problem"), self.tr("File"), self.tr("Row"))[section]

    def data(self, index: Index, role: int = _ROLE.DisplayRole) -> object:
        problem = self.shown(self.problems[index.row()])
        if role == _ROLE.DisplayRole:
            file = problem.file.name if problem.file else ""
            row = "" if problem.row is None else str(problem.row)
            return (str(problem.kind), problem.text, file, row)[index.column()]
        if role == _ROLE.ToolTipRole:
            return str(problem)
        if role == _ROLE.ForegroundRole and index.column() == KIND:
            return self._theme.color("danger" if problem.kind in GRAVE else "warning")
        return None


class _OfKind(QSortFilterProxyModel):
    """Problems of one kind, or all."""

    def __init__(self, model: ProblemModel) -> None:
        super().__init__()
        self._model, self._kind = model, ""
        self.setSourceModel(model)

    def choose(self, kind: str) -> None:
        self.beginFilterChange()
        self._kind = kind
        self.endFilterChange()

    def filterAcceptsRow(self, source_row: int, _parent: Index) -> bool:
        return not self._kind or str(self._model.problems[source_row].kind) == self._kind


class ProblemTable(QWidget):
    """The table with a choice of kinds; says so where there is nothing to list."""

    def __init__(self, theme: Theme, privacy: Privacy) -> None:
        super().__init__()
        self.model = ProblemModel(theme, privacy)
        self.rows = _OfKind(self.model)
        self.kinds = QComboBox()
        self.kinds.setAccessibleName(self.tr("Which problems are shown"))
        self.kinds.currentIndexChanged.connect(self._choose)
        self.view = QTableView()
        self.view.setModel(self.rows)
        self.view.setAccessibleName(self.tr("Problems"))
        self.view.setShowGrid(False)
        self.view.setWordWrap(False)
        self.view.setTabKeyNavigation(False)
        self.view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.view.verticalHeader().hide()
        self.view.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + SMALL)
        header = self.view.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setSectionResizeMode(TEXT, header.ResizeMode.Stretch)
        letter = self.fontMetrics().averageCharWidth()
        for column, letters in ((KIND, 21), (FILE, 15), (ROW, 6)):
            self.view.setColumnWidth(column, letters * letter)
        dress(self.view, theme)
        privacy.changed.connect(self._choose)
        self.full = QLabel()
        self.full.setWordWrap(True)
        self.full.setTextFormat(Qt.TextFormat.PlainText)
        self.full.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.view.selectionModel().currentRowChanged.connect(self._show_full)
        self.more = QLabel()
        self.more.setProperty("role", "muted")
        self.more.setWordWrap(True)
        block = QVBoxLayout(self)
        block.setContentsMargins(0, 0, 0, 0)
        block.setSpacing(SMALL)
        block.addWidget(self.view, 1)
        block.addWidget(self.full)
        block.addWidget(self.more)

    def show_problems(self, problems: Problems) -> None:
        self.model.show(problems.listed)
        self.kinds.blockSignals(True)
        self.kinds.clear()
        total = sum(count for _, count in problems.counts)
        self.kinds.addItem(self.tr("All kinds ({0})").format(figure(total)), "")
        ordered = sorted(problems.counts, key=lambda item: (item[0] not in GRAVE, item[0]))
        for kind, count in ordered:
            self.kinds.addItem(f"{kind} ({figure(count)})", str(kind))
        self.kinds.blockSignals(False)
        self.kinds.setEnabled(total > 0)
        self._choose()
        unlisted = total - len(problems.listed)
        text = self.tr("{0} further ones are counted and not listed").format(figure(unlisted))
        self.more.setText(text if unlisted > 0 else "")
        self.more.setVisible(unlisted > 0)

    def _show_full(self, index: QModelIndex) -> None:
        """The marked problem with its whole path."""
        row = self.rows.mapToSource(index).row() if index.isValid() else -1
        self.full.setText(str(self.model.shown(self.model.problems[row])) if row >= 0 else "")
        self.full.setVisible(row >= 0)

    def _choose(self) -> None:
        self._show_full(QModelIndex())
        self.rows.choose(self.kinds.currentData() or "")
