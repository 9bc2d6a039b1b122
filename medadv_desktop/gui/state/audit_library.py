"""The audits that are known: those in the program's folder, and in folders that were opened."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, QSettings, Signal
from PySide6.QtGui import QUndoCommand, QUndoStack

from medadv_desktop.audit.summaries import AuditRun, BrokenRun
from medadv_desktop.gui.state.audits import audits_folder

_KEY = "audits/opened"

Run = AuditRun | BrokenRun


class AuditLibrary(QObject):
    """The list of runs, newest first, and which of them is looked at.

    Signals:
        changed: runs came, went or stand otherwise; or the list was read for the first time.
        current_changed: another run is looked at, or none.

    Attributes:
        runs: as they were read last; () before.
        loaded: the list was read at least once.
        undo: deletions and removals from the list.
    """

    changed = Signal()
    current_changed = Signal()

    def __init__(self, settings: QSettings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        self.runs: tuple[Run, ...] = ()
        self.loaded = False
        self.undo = QUndoStack(self)
        self._current: Path | None = None

    @property
    def folder(self) -> Path:
        """The program's own folder of audits."""
        return audits_folder()

    @property
    def opened(self) -> tuple[Path, ...]:
        """Folders that a user opened besides; kept between sessions."""
        value = self._settings.value(_KEY, [])
        texts = [value] if isinstance(value, str) else list(value or [])
        return tuple(Path(text) for text in texts if text)

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where runs are looked for."""
        return (self.folder, *self.opened)

    def set_opened(self, folders: tuple[Path, ...]) -> None:
        """Set the folders besides the program's own, each once."""
        texts = dict.fromkeys(str(f) for f in folders if f != self.folder)
        self._settings.setValue(_KEY, list(texts))

    @property
    def current(self) -> Run | None:
        """The run that is looked at."""
        return self.find(self._current)

    def find(self, folder: Path | None) -> Run | None:
        return next((run for run in self.runs if run.folder == folder), None)

    def set_current(self, folder: Path | None) -> None:
        """Look at a run, None for none."""
        if folder != self._current:
            self._current = folder
            self.current_changed.emit()

    def take(self, runs: tuple[Run, ...]) -> None:
        """What was read from disk."""
        self.loaded = True
        whole = [run for run in runs if isinstance(run, AuditRun)]
        broken = [run for run in runs if isinstance(run, BrokenRun)]
        whole.sort(key=lambda run: (run.changed, str(run.folder)), reverse=True)
        self._set((*whole, *broken))
        if self._current is None and self.runs:
            self.set_current(self.runs[0].folder)

    def put(self, run: Run) -> None:
        """One run was read anew; where it stands stays."""
        if self.find(run.folder) is not None:
            self._set(tuple(run if r.folder == run.folder else r for r in self.runs))

    def drop(self, folder: Path) -> None:
        """A run is no longer there; its neighbour is looked at."""
        at = next((i for i, run in enumerate(self.runs) if run.folder == folder), None)
        if at is None:
            return
        rest = tuple(run for run in self.runs if run.folder != folder)
        neighbour = rest[min(at, len(rest) - 1)].folder if rest else None
        was_current = self._current == folder
        self._set(rest)
        if was_current:
            self.set_current(neighbour)

    def _set(self, runs: tuple[Run, ...]) -> None:
        self.runs = runs
        self.changed.emit()


class Step(QUndoCommand):
    """Something done to the list that can be taken back.

    Attributes:
        done: it is done, and was not taken back since.
    """

    def __init__(self, text: str, do: Callable[[], None], take_back: Callable[[], None]) -> None:
        super().__init__(text)
        self._do, self._take_back = do, take_back
        self.done = False

    def redo(self) -> None:
        self.done = True
        self._do()

    def undo(self) -> None:
        self.done = False
        self._take_back()
