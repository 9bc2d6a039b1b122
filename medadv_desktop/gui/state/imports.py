"""What became of every file that was looked at since everything was closed."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject, Signal

from medadv_desktop.imaging.frame import Instance, Unreadable


class Imports(QObject):
    """The answers of all scans, in their order.

    Signals:
        added: so many answers more, at the end.
        cleared: none are left.
    """

    added = Signal(int)
    cleared = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._answers: list[Instance | Unreadable] = []

    @property
    def answers(self) -> Sequence[Instance | Unreadable]:
        return self._answers

    def add(self, answers: Sequence[Instance | Unreadable]) -> None:
        if answers:
            self._answers.extend(answers)
            self.added.emit(len(answers))

    def clear(self) -> None:
        if self._answers:
            self._answers.clear()
            self.cleared.emit()
