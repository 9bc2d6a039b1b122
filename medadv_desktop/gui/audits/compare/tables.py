"""A comparison as tables: differences of cells, samples that changed, fields of the plans."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractTableModel, QLocale, QModelIndex, QPersistentModelIndex, Qt

from medadv_desktop.gui.audits.wording import percent, tr
from medadv_desktop.gui.file_names import FileNames
from medadv_desktop.gui.labelled.bars import figure
from medadv_desktop.gui.theme import Theme

if TYPE_CHECKING:
    from medadv_desktop.audit.comparison import CellComparison, Comparison, Difference

_ROLE = Qt.ItemDataRole
Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True)
class Line:
    """A row of a table: its texts, what colours one of them, a tip, and where it leads."""

    texts: tuple[str, ...]
    colors: tuple[tuple[int, str], ...] = ()
    tip: str = ""
    target: object = None


class LineTable(QAbstractTableModel):
    """Lines under a header; the columns named are right-aligned."""

    def __init__(self, head: tuple[str, ...], numbers: tuple[int, ...], theme: Theme) -> None:
        super().__init__()
        self._head, self._numbers, self._theme = head, numbers, theme
        self.lines: tuple[Line, ...] = ()
        theme.changed.connect(lambda: self.show_lines(self.lines))

    def show_lines(self, lines: tuple[Line, ...]) -> None:
        self.beginResetModel()
        self.lines = lines
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.lines)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._head)

    def headerData(
        self, section: int, side: Qt.Orientation, role: int = _ROLE.DisplayRole
    ) -> object:
        if side is not Qt.Orientation.Horizontal:
            return None
        if role == _ROLE.TextAlignmentRole:
            return self._aligned(section)
        return self._head[section] if role == _ROLE.DisplayRole else None

    def data(self, index: Index, role: int = _ROLE.DisplayRole) -> object:
        line = self.lines[index.row()]
        if role == _ROLE.DisplayRole:
            return line.texts[index.column()]
        if role == _ROLE.TextAlignmentRole:
            return self._aligned(index.column())
        if role == _ROLE.ToolTipRole:
            return line.tip or line.texts[index.column()]
        if role == _ROLE.ForegroundRole:
            name = dict(line.colors).get(index.column())
            return self._theme.color(name) if name else None
        return None

    def _aligned(self, column: int) -> Qt.AlignmentFlag:
        right = column in self._numbers
        side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
        return side | Qt.AlignmentFlag.AlignVCenter


def difference_lines(found: Comparison) -> tuple[Line, ...]:
    """A line for each figure of each pair of cells."""
    several = len(found.models) > 1
    return tuple(
        _difference(cell, what, own, several=several)
        for cell in found.cells
        for what, own in (
            (tr("clean accuracy"), cell.clean if cell.robust is None else None),
            (tr("robust accuracy"), cell.robust),
            (tr("flip probability"), cell.flips),
        )
        if own is not None and not (cell.flips is not None and own is cell.clean)
    )


def _difference(cell: CellComparison, what: str, own: Difference, *, several: bool) -> Line:
    estimate = own.difference
    change, color = "–", ""
    if estimate is not None:
        change = f"{signed(estimate.value)}  ({signed(estimate.low)} … {signed(estimate.high)})"
        better = estimate.value > 0
        if cell.flips is not None:
            better = not better
        if estimate.low is not None and not estimate.low <= 0 <= estimate.high:
            color = "success" if better else "danger"
    title = cell.title
    if several:
        title += f" · {models_text(cell)}"
    note = [] if cell.paired else [tr("samples taken for independent")]
    texts = (
        title,
        what,
        figure(cell.samples),
        percent(own.first.value),
        percent(own.second.value),
        change,
        p_text(own.p),
        "; ".join((*note, *cell.notes)),
    )
    colors = ((5, color),) if color else ()
    return Line(texts, colors, "; ".join((*note, *cell.notes)), cell)


def models_text(cell: CellComparison) -> str:
    """The models of a pair of cells, once where they are the same."""
    names = (cell.first.model, cell.second.model)
    return names[0] if names[0] == names[1] else " | ".join(names)


def signed(value: float | None) -> str:
    """A difference of shares in percentage points, with its sign."""
    if value is None:
        return "–"
    text = QLocale().toString(abs(100.0 * value), "f", 1)
    if float(f"{abs(100 * value):.1f}") == 0:
        return text
    return f"+{text}" if value > 0 else f"−{text}"


def p_text(p: float | None) -> str:
    """A p-value as people write it."""
    if p is None:
        return "–"
    if p < 0.001:
        return "< " + QLocale().toString(0.001, "f", 3)
    return QLocale().toString(float(p), "f", 3)


def plan_lines(found: Comparison, names: FileNames) -> tuple[Line, ...]:
    """A line for each field that differs between the plans."""
    return tuple(
        Line((d.field, _value(d.first, names), _value(d.second, names))) for d in found.plan
    )


def missing_lines(found: Comparison) -> tuple[str, ...]:
    """Cells of one side alone, in words."""
    words = []
    for cells, text in (
        (found.only_first, tr("only in the first: {0}")),
        (found.only_second, tr("only in the second: {0}")),
    ):
        titles = [f"{cell.model}, {cell.dataset}, {cell.title}" for cell in cells]
        if titles:
            more = f" (+{len(titles) - 4})" if len(titles) > 4 else ""
            words.append(text.format("; ".join(titles[:4])) + more)
    return tuple(words)


def _value(value: Any, names: FileNames) -> str:
    if value is None:
        return tr("absent")
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return names.text(text)
