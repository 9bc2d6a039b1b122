"""The first rows of a table, with the part that each column plays."""

from __future__ import annotations

from PySide6.QtCore import (
    QAbstractTableModel,
    QCoreApplication,
    QModelIndex,
    QPersistentModelIndex,
    Qt,
)
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QAbstractItemView, QTableView

from medadv_desktop.gui.lists import dress
from medadv_desktop.gui.state.privacy import Privacy
from medadv_desktop.gui.theme import MEDIUM, SMALL, Theme, font
from medadv_desktop.gui.wizards.dataset_import.work import Reading

_ROLE = Qt.ItemDataRole
Index = QModelIndex | QPersistentModelIndex
_WIDEST = 260
HIDDEN = "•••"
"""What stands in place of a patient while patient data is hidden."""


class RowsModel(QAbstractTableModel):
    """Cells as they stand in the file."""

    def __init__(self, theme: Theme, privacy: Privacy) -> None:
        super().__init__()
        self._theme, self._privacy = theme, privacy
        self.reading: Reading | None = None

    def show(self, reading: Reading | None) -> None:
        self.beginResetModel()
        self.reading = reading
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() or self.reading is None else len(self.reading.rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() or self.reading is None else len(self.reading.header)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = _ROLE.DisplayRole
    ) -> object:
        if self.reading is None or orientation is Qt.Orientation.Vertical:
            return None
        part = self.reading.parts.get(section, "")
        name = self.reading.header[section]
        if role == _ROLE.DisplayRole:
            if not self._explained():
                return name
            # Two lines in every head, so that names stand beside each other.
            return f"{name}\n{'→ ' + part_name(part) if part else ' '}"
        if role == _ROLE.ForegroundRole:
            return self._theme.color("accent" if part else "muted")
        if role == _ROLE.ToolTipRole and part:
            return self.tr("{column} is read as: {part}").format(column=name, part=part_name(part))
        return None

    def _explained(self) -> bool:
        """Whether some column is called otherwise than the part it plays."""
        reading = self.reading
        return any(reading.header[at] != part for at, part in reading.parts.items())

    def data(self, index: Index, role: int = _ROLE.DisplayRole) -> object:
        if self.reading is None:
            return None
        part = self.reading.parts.get(index.column(), "")
        if role in (_ROLE.DisplayRole, _ROLE.ToolTipRole):
            hidden = part == "patient" and self._privacy.masked
            return HIDDEN if hidden else self.reading.rows[index.row()][index.column()]
        if role == _ROLE.ForegroundRole and not part:
            return self._theme.color("muted")
        if role == _ROLE.BackgroundRole and part == "label":
            return self._theme.color("selection")
        return None


class RowsView(QTableView):
    """The table; columns as wide as their first rows need."""

    def __init__(self, theme: Theme, privacy: Privacy) -> None:
        super().__init__()
        self.rows = RowsModel(theme, privacy)
        privacy.changed.connect(self.viewport().update)
        self.setModel(self.rows)
        self.setAccessibleName(self.tr("First rows"))
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setAlternatingRowColors(True)
        self.setTabKeyNavigation(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + SMALL)
        header = self.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setHighlightSections(False)
        header.setStretchLastSection(True)
        dress(self, theme)
        theme.changed.connect(self.viewport().update)

    def show_reading(self, reading: Reading | None) -> None:
        """Show the rows of a reading; the columns that play a part come into view."""
        self.rows.show(reading)
        if reading is None:
            return
        metrics = QFontMetrics(font("body"))
        for column, name in enumerate(reading.header):
            texts = [
                name,
                "→ " + part_name(reading.parts.get(column, "")),
                *(r[column] for r in reading.rows[:20]),
            ]
            widest = max((metrics.horizontalAdvance(text[:80]) for text in texts), default=40)
            self.setColumnWidth(column, min(widest + 2 * MEDIUM + SMALL, _WIDEST))
        first = min(reading.parts, default=None)
        if first is not None and reading.rows:
            self.scrollTo(self.rows.index(0, first))


def part_name(part: str) -> str:
    """The part of a column in words."""
    words = {
        "image": QCoreApplication.translate("RowsModel", "image"),
        "label": QCoreApplication.translate("RowsModel", "label"),
        "patient": QCoreApplication.translate("RowsModel", "patient"),
        "split": QCoreApplication.translate("RowsModel", "split"),
        "id": QCoreApplication.translate("RowsModel", "sample id"),
        "frame": QCoreApplication.translate("RowsModel", "frame"),
    }
    return words.get(part, part)
