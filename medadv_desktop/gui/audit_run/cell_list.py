"""The cells of the audit at hand as rows that can be dragged into another order."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, Qt, Signal
from PySide6.QtGui import QDropEvent, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyleOptionViewItem,
    QTreeWidget,
    QTreeWidgetItem,
    QWidget,
)

from medadv_desktop.gui.audit_run.wording import cell_state, rights_text, tr
from medadv_desktop.gui.lists import RoomyRows, dress
from medadv_desktop.gui.state.audits import Audits, CellStanding
from medadv_desktop.gui.theme import SMALL, Theme

ID = Qt.ItemDataRole.UserRole
_DONE = Qt.ItemDataRole.UserRole + 1
_COLOR = Qt.ItemDataRole.UserRole + 2
TITLE, MODEL, DATA, STATE, PROGRESS, RIGHT = range(6)
_WIDTHS = {MODEL: 140, DATA: 120, STATE: 70, PROGRESS: 80, RIGHT: 130}


class CellList(QTreeWidget):
    """Shows the cells of the audit in the order of work; what waits can be dragged.

    Signals:
        ordered: rows were dragged; the ids of all cells in their new order.
    """

    ordered = Signal(object)

    def __init__(self, audits: Audits, theme: Theme) -> None:
        super().__init__()
        self._audits, self._theme = audits, theme
        self._items: dict[str, QTreeWidgetItem] = {}
        self.setAccessibleName(tr("Cells of the audit"))
        self.setHeaderLabels(
            [tr("Cell"), tr("Model"), tr("Data set"), tr("State"), tr("Batches"), tr("Right")]
        )
        self.headerItem().setToolTip(
            RIGHT, tr("Share decided rightly so far: on clean images, and after the change")
        )
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(True)
        self.setAllColumnsShowFocus(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        self.setDefaultDropAction(Qt.DropAction.MoveAction)
        self.setDropIndicatorShown(True)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        self.setItemDelegate(RoomyRows(self))
        self.setItemDelegateForColumn(PROGRESS, _Bar(theme, self))
        dress(self, theme)
        header = self.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(TITLE, QHeaderView.ResizeMode.Stretch)
        for place, width in _WIDTHS.items():
            header.resizeSection(place, width)
        audits.changed.connect(self.fill)
        audits.progressed.connect(self._refresh)
        theme.changed.connect(lambda: self._refresh(self._items))
        self.fill()

    def fill(self) -> None:
        """Show all cells, in their order; rows that are there already are kept."""
        wanted = [c.cell.id for c in self._audits.cells]
        shown = self.order()
        if wanted != shown:
            marked = set(self.marked())
            at = self.verticalScrollBar().value()
            self.clear()
            self._items = {cell_id: QTreeWidgetItem() for cell_id in wanted}
            self.addTopLevelItems(list(self._items.values()))
            for cell_id, item in self._items.items():
                item.setData(TITLE, ID, cell_id)
                item.setSelected(cell_id in marked)
            self.verticalScrollBar().setValue(at)
        self._refresh(wanted)

    def order(self) -> list[str]:
        """The ids of the cells as they stand in the list."""
        rows = (self.topLevelItem(row) for row in range(self.topLevelItemCount()))
        return [str(item.data(TITLE, ID)) for item in rows]

    def marked(self) -> list[str]:
        """The ids of the marked cells, from top to bottom."""
        chosen = {str(item.data(TITLE, ID)) for item in self.selectedItems()}
        return [cell_id for cell_id in self.order() if cell_id in chosen]

    def mark(self, cells: list[str]) -> None:
        """Mark these cells and no others."""
        self.clearSelection()
        for cell_id in cells:
            self._items[cell_id].setSelected(True)

    def dropEvent(self, event: QDropEvent) -> None:
        """Between rows alone; the audit is told of the new order, and says what it came to."""
        super().dropEvent(event)
        self.ordered.emit(self.order())
        self.fill()

    def _refresh(self, cells: object) -> None:
        for cell_id in tuple(cells):  # type: ignore[arg-type]
            standing, item = self._audits.cell(cell_id), self._items.get(cell_id)
            if standing is not None and item is not None:
                self._show(item, standing)

    def _show(self, item: QTreeWidgetItem, standing: CellStanding) -> None:
        cell = standing.cell
        state, color = cell_state(standing)
        batches = f"{standing.batches_done} / {standing.batches}" if standing.batches else ""
        texts = (cell.title, cell.model, cell.dataset, state, batches, rights_text(standing))
        tip = "\n".join(t for t in (cell.title, state, standing.reason) if t)
        for place, text in enumerate(texts):
            item.setText(place, text)
            item.setToolTip(place, tip)
        item.setForeground(STATE, self._theme.color(color))
        share = standing.batches_done / standing.batches if standing.batches else 0.0
        item.setData(PROGRESS, _DONE, 1.0 if standing.state == "done" else share)
        item.setData(PROGRESS, _COLOR, color)
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        if not standing.ended:
            flags |= Qt.ItemFlag.ItemIsDragEnabled
        item.setFlags(flags)


class _Bar(RoomyRows):
    """A flat bar under the number of batches."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        super().paint(painter, option, index)
        done = index.data(_DONE)
        if not done:
            return
        area: QRect = option.rect.adjusted(SMALL, 0, -SMALL, 0)
        bar = QRect(area.left(), area.bottom() - 3, area.width(), 2)
        painter.fillRect(bar, self._theme.color("track"))
        color = self._theme.color(str(index.data(_COLOR)))
        painter.fillRect(QRect(bar.left(), bar.top(), round(bar.width() * done), 2), color)
