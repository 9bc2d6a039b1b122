"""Files and folders that were opened lately, kept from one session to the next."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, QSettings, Signal

KEPT = 10
_KEY = "recent/paths"


class RecentPaths(QObject):
    """The last ten, newest first.

    Signals:
        changed: one came or went.
    """

    changed = Signal()

    def __init__(self, settings: QSettings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._settings = settings

    @property
    def paths(self) -> tuple[Path, ...]:
        kept = self._settings.value(_KEY, [])
        # QSettings hands back a lone string for a list of one.
        names = [kept] if isinstance(kept, str) else list(kept or [])
        return tuple(Path(name) for name in names if name)

    def add(self, path: Path) -> None:
        self._store((path, *(p for p in self.paths if p != path)))

    def remove(self, path: Path) -> None:
        self._store(tuple(p for p in self.paths if p != path))

    def clear(self) -> None:
        self._store(())

    def _store(self, paths: tuple[Path, ...]) -> None:
        if paths != self.paths:
            self._settings.setValue(_KEY, [str(p) for p in paths[:KEPT]])
            self.changed.emit()
