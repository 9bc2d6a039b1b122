"""Labels and values under each other, to be read and copied."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QLabel, QVBoxLayout, QWidget

from medadv_desktop.gui.theme import LARGE, SMALL, TINY, Theme, font
from medadv_desktop.gui.viewers.pane import ElidedLabel
from medadv_desktop.gui.wizards.model_import.blocks import note

_LONGEST_WORD = 28
_SIDE_BY_SIDE = 300
"""From this width on a label stands beside its value, below it above."""


class Sheet(QWidget):
    """A title, and under it a line for each label and value."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._lines: tuple[tuple[str, str], ...] = ()
        self._pairs: list[tuple[QLabel, QLabel]] = []
        self._wide = False
        self.title = note()
        self.title.setFont(font("title"))
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(LARGE)
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
        for widget in (w for pair in self._pairs for w in pair):
            self._grid.removeWidget(widget)
            widget.hide()
            widget.deleteLater()
        self._pairs = []
        for label, value in lines:
            name = QLabel(label)
            name.setProperty("role", "muted")
            text = ElidedLabel(value) if _unbreakable(value) else note()
            text.setText(value)
            text.setAccessibleName(f"{label}: {value}")
            self._pairs.append((name, text))
        self._place()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if (self.width() >= _SIDE_BY_SIDE) is not self._wide:
            self._wide = not self._wide
            self._place()

    def _place(self) -> None:
        top = Qt.AlignmentFlag.AlignTop
        for row, (name, text) in enumerate(self._pairs):
            if self._wide:
                self._grid.addWidget(name, row, 0, top)
                self._grid.addWidget(text, row, 1, top)
            else:
                self._grid.addWidget(name, 2 * row, 0, top)
                self._grid.addWidget(text, 2 * row + 1, 0, top)
        self._grid.setVerticalSpacing(SMALL + 2 if self._wide else TINY)
        self._grid.setColumnStretch(0, int(not self._wide))
        self._grid.setColumnStretch(1, int(self._wide))


def _unbreakable(text: str) -> bool:
    """A path or a fingerprint is cut on screen, and whole in its tooltip: it widens nothing."""
    return max(map(len, text.split()), default=0) > _LONGEST_WORD
