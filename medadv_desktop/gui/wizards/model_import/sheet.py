"""Labels and values under each other, to be read and copied."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QVBoxLayout, QWidget

from medadv_desktop.gui.theme import LARGE, SMALL, Theme, font
from medadv_desktop.gui.viewers.pane import ElidedLabel
from medadv_desktop.gui.wizards.model_import.blocks import note

_LONGEST_WORD = 28


class Sheet(QWidget):
    """A title, and under it a line for each label and value."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._lines: tuple[tuple[str, str], ...] = ()
        self.title = note()
        self.title.setFont(font("title"))
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(LARGE)
        self._grid.setVerticalSpacing(SMALL + 2)
        self._grid.setColumnStretch(1, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, SMALL, 0)
        column.setSpacing(LARGE)
        column.addWidget(self.title)
        column.addLayout(self._grid)
        column.addStretch(1)

    @property
    def lines(self) -> tuple[tuple[str, str], ...]:
        return self._lines

    def show_lines(self, title: str, lines: Sequence[tuple[str, str]]) -> None:
        """Show these lines; those there are already are kept where they say the same."""
        self.title.setText(title)
        if tuple(lines) == self._lines:
            return
        self._lines = tuple(lines)
        while (item := self._grid.takeAt(0)) is not None:
            item.widget().hide()
            item.widget().deleteLater()
        for row, (label, value) in enumerate(lines):
            name = QLabel(label)
            name.setProperty("role", "muted")
            text = ElidedLabel(value) if _unbreakable(value) else note()
            text.setText(value)
            text.setAccessibleName(f"{label}: {value}")
            top = Qt.AlignmentFlag.AlignTop
            self._grid.addWidget(name, row, 0, top)
            self._grid.addWidget(text, row, 1, top)


def _unbreakable(text: str) -> bool:
    """A path or a fingerprint is cut on screen, and whole in its tooltip: it widens nothing."""
    return max(map(len, text.split()), default=0) > _LONGEST_WORD
