"""What all lists, tables and trees of the panels share."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, QSize
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QAbstractItemView, QStyledItemDelegate, QStyleOptionViewItem

from medadv_desktop.gui.theme import MEDIUM, Theme


def dress(view: QAbstractItemView, theme: Theme) -> None:
    """Mark rows in a quiet colour that leaves thumbnails, bars and coloured words readable."""
    dresser = _Dresser(view, theme)
    dresser.paint()
    theme.changed.connect(dresser.paint)


class RoomyRows(QStyledItemDelegate):
    """Rows with some air above and below their text."""

    def sizeHint(
        self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> QSize:
        size = super().sizeHint(option, index)
        return QSize(size.width(), max(size.height(), option.fontMetrics.height() + MEDIUM))


class _Dresser(QObject):
    """Lives and dies with its view, and so does its connection."""

    def __init__(self, view: QAbstractItemView, theme: Theme) -> None:
        super().__init__(view)
        self._view, self._theme = view, theme

    def paint(self) -> None:
        # An empty palette: whatever is not set here goes on coming from the application's.
        palette, role = QPalette(), QPalette.ColorRole
        for group in (QPalette.ColorGroup.Active, QPalette.ColorGroup.Inactive):
            palette.setColor(group, role.Highlight, self._theme.color("selection"))
            palette.setColor(group, role.HighlightedText, self._theme.color("text"))
        self._view.setPalette(palette)
