"""The cells of a run as a table: how each stands, how far it is, why it failed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QSortFilterProxyModel,
    Qt,
)
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem

from medadv_desktop.gui import icons
from medadv_desktop.gui.audits.wording import STATE_LOOKS, interval, percent, state_text, tr
from medadv_desktop.gui.labelled.bars import figure
from medadv_desktop.gui.theme import SMALL, Theme

if TYPE_CHECKING:
    from medadv_desktop.audit.store.records import CellRecord
    from medadv_desktop.gui.audits.results.content import RunContent
    from medadv_desktop.gui.state.audits import CellStanding

TITLE, MODEL, DATASET, PROGRESS, SAMPLES, ACCURACY, TIME, NOTE = range(8)
_ROLE = Qt.ItemDataRole
SHARE, SORT, CELL = _ROLE.UserRole, _ROLE.UserRole + 1, _ROLE.UserRole + 2
Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True)
class CellLine:
    """A cell as the table shows it.

    Attributes:
        share: of its batches that are done, 0 to 1.
        accuracy: clean or robust, or None; `low` and `high` its interval, None while it grows.
    """

    cell: str
    title: str
    model: str
    dataset: str
    state: str
    share: float
    batches: str
    samples: int
    left_out: int
    accuracy: float | None
    low: float | None
    high: float | None
    seconds: float
    reason: str


def line_of(record: CellRecord, standing: CellStanding | None, *, at_work: bool) -> CellLine:
    """A line from the store, and from what a running audit told since.

    Args:
        at_work: some process runs the audit; else what the store calls running was interrupted.
    """
    cell = record.cell
    state, reason = record.state, record.reason
    done, batches, rows = record.batches_done, record.batches, record.rows
    accuracy = low = high = None
    rate = _rate(record)
    if rate is not None:
        accuracy, low, high = rate
    if standing is not None and state != "done":
        state, reason = standing.state, standing.reason or reason
        done = max(done, standing.batches_done)
        batches, rows = standing.batches or batches, max(rows, standing.rows)
        right = standing.right_before if cell.kind == "clean" else standing.right_after
        if accuracy is None and right is not None and standing.rows:
            accuracy = right / standing.rows
    elif state == "running" and not at_work:
        state = "interrupted"
    share = 1.0 if state == "done" else done / batches if batches else 0.0
    return CellLine(
        cell.id, cell.title, cell.model, cell.dataset, state, share, f"{done}/{batches or '–'}",
        rows, record.left_out, accuracy, low, high, record.seconds, reason,
    )  # fmt: skip


class CellTable(QAbstractTableModel):
    """All cells in the order of work."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.lines: tuple[CellLine, ...] = ()
        theme.changed.connect(self._repaint)

    def show_lines(self, lines: tuple[CellLine, ...]) -> None:
        """Show lines; where they are the same cells, selection and place stay."""
        if [line.cell for line in lines] != [line.cell for line in self.lines]:
            self.beginResetModel()
            self.lines = lines
            self.endResetModel()
        elif lines != self.lines:
            self.lines = lines
            self._repaint()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.lines)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else NOTE + 1

    def headerData(
        self, section: int, side: Qt.Orientation, role: int = _ROLE.DisplayRole
    ) -> object:
        if side is not Qt.Orientation.Horizontal:
            return None
        if role == _ROLE.TextAlignmentRole:
            return _aligned(section)
        if role != _ROLE.DisplayRole:
            return None
        return {
            TITLE: tr("Cell"),
            MODEL: tr("Model"),
            DATASET: tr("Data set"),
            PROGRESS: tr("Batches"),
            SAMPLES: tr("Samples"),
            ACCURACY: tr("Accuracy"),
            TIME: tr("Time"),
            NOTE: tr("Reason"),
        }[section]

    def data(self, index: Index, role: int = _ROLE.DisplayRole) -> object:
        line, column = self.lines[index.row()], index.column()
        if role == _ROLE.DisplayRole:
            return self._text(line, column)
        if role == CELL:
            return line.cell
        if role == SHARE:
            return line.share if column == PROGRESS else None
        if role == SORT:
            return self._key(line, column)
        if role == _ROLE.TextAlignmentRole:
            return _aligned(column)
        if role == _ROLE.DecorationRole and column == TITLE:
            return icons.icon(STATE_LOOKS[line.state][0], self._theme, STATE_LOOKS[line.state][1])
        if role == _ROLE.ForegroundRole:
            if column == NOTE and line.state == "failed":
                return self._theme.color("danger")
            return self._theme.color("muted") if line.state == "waiting" else None
        if role == _ROLE.ToolTipRole:
            return self._tip(line, column)
        return None

    def _text(self, line: CellLine, column: int) -> str:
        return {
            TITLE: line.title,
            MODEL: line.model,
            DATASET: line.dataset,
            PROGRESS: line.batches,
            SAMPLES: figure(line.samples)
            + (f" (−{figure(line.left_out)})" if line.left_out else ""),
            ACCURACY: percent(line.accuracy),
            TIME: seconds_text(line.seconds) if line.seconds else "",
            NOTE: line.reason,
        }[column]

    def _key(self, line: CellLine, column: int) -> object:
        keys = {
            PROGRESS: line.share,
            SAMPLES: line.samples,
            ACCURACY: -1.0 if line.accuracy is None else line.accuracy,
            TIME: line.seconds,
        }
        return keys.get(column, self._text(line, column))

    def _left_out(self, line: CellLine) -> str:
        if not line.left_out:
            return ""
        return tr("{0} samples left out").format(figure(line.left_out))

    def _tip(self, line: CellLine, column: int) -> str:
        if column == ACCURACY and line.accuracy is not None:
            if line.low is None:
                return tr("So far: {0}").format(percent(line.accuracy))
            ends = interval(line.low, line.high)
            return f"{percent(line.accuracy)}, {tr('95 % interval')} {ends}"
        if column == NOTE:
            return line.reason
        if column == SAMPLES and line.left_out:
            return self._left_out(line)
        return f"{line.title}, {line.model}, {line.dataset}: {state_text(line.state)}"

    def _repaint(self) -> None:
        if self.lines:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.lines) - 1, NOTE))


class SortedCells(QSortFilterProxyModel):
    """The cells by a column; in the order of work until one is chosen."""

    def __init__(self, table: CellTable) -> None:
        super().__init__()
        self.setSourceModel(table)
        self.setSortRole(SORT)


class ProgressBar(QStyledItemDelegate):
    """A bar behind the count of batches."""

    def __init__(self, theme: Theme, parent: object) -> None:
        super().__init__(parent)
        self._theme = theme

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        share = index.data(SHARE)
        if share is not None:
            room = option.rect.adjusted(SMALL, 0, -SMALL, 0)
            height = 4
            track = QRect(room.left(), room.bottom() - height - 1, room.width(), height)
            painter.fillRect(track, self._theme.color("track"))
            track.setWidth(round(room.width() * share))
            name = "success" if share >= 1 else "accent"
            painter.fillRect(track, self._theme.color(name))
        super().paint(painter, option, index)


def _samples_text(line: CellLine) -> str:
    """How many were judged, and in brackets how many were left out."""
    text = figure(line.samples)
    return f"{text} (−{figure(line.left_out)})" if line.left_out else text


def seconds_text(seconds: float) -> str:
    """A duration in the two largest units that it has."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"


def lines_of(content: RunContent, standings: dict[str, CellStanding]) -> tuple[CellLine, ...]:
    """All cells of a run, in the order of work."""
    return tuple(
        line_of(record, standings.get(record.cell.id), at_work=content.at_work)
        for record in content.records
    )


def _rate(record: CellRecord) -> tuple[float, float | None, float | None] | None:
    """Clean accuracy of clean images, else robust accuracy; None before the cell is done."""
    from medadv_desktop.audit.results.reading import told

    name = "clean_accuracy" if record.cell.kind == "clean" else "robust_accuracy"
    found = told(record, name)
    return None if found is None else (found.value, found.low, found.high)


def _aligned(column: int) -> Qt.AlignmentFlag:
    middle = Qt.AlignmentFlag.AlignVCenter
    right = column in (SAMPLES, ACCURACY, TIME)
    return (Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft) | middle
