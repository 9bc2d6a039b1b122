"""Reads the list of audits, keeps tags and notes, deletes and brings back: off the GUI thread."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from medadv_desktop.gui.background import Urgency
from medadv_desktop.gui.desk import Audience
from medadv_desktop.gui.file_names import named
from medadv_desktop.gui.messages import NoticeAction
from medadv_desktop.gui.running import Failure
from medadv_desktop.gui.state.audit_library import AuditLibrary, Run, Step
from medadv_desktop.gui.state.audits import audits_of
from medadv_desktop.gui.state.log import Level
from medadv_desktop.jobs import CancelToken, Emit

if TYPE_CHECKING:
    from medadv_desktop.gui.controller import Controller


def archivist_of(controller: Controller) -> Archivist:
    """The one archivist of a controller; made when it is first asked for."""
    found = controller.findChild(Archivist)
    return found if found is not None else Archivist(controller)


class Archivist(QObject):
    """Everything for the list of audits that takes time.

    Signals:
        wanted: somebody wants to see the results of the run in this folder.
        choices_changed: what can be done with audits may be otherwise.

    Attributes:
        library: the list.
        audits: the audit that this window runs.
    """

    wanted = Signal(object)
    choices_changed = Signal()

    def __init__(self, controller: Controller) -> None:
        super().__init__(controller)
        self._controller = controller
        self._desk = controller.librarian.desk
        self.library = AuditLibrary(controller.settings, self)
        self.audits = audits_of(controller)
        self._reading = False
        self._again = False
        self._moves: list[tuple[str, Callable[[], object]]] = []
        self._moving = False
        for changed in (
            self.library.changed,
            self.library.current_changed,
            self.library.undo.indexChanged,
            self.audits.changed,
        ):
            changed.connect(self.choices_changed)
        self.audits.opened.connect(self.show)
        self.audits.ended.connect(lambda _: self.load())
        self.audits.changed.connect(self._new_run)

    def is_running(self, folder: Path) -> bool:
        """Whether this window works on a run now."""
        return self.audits.running and self.audits.folder == folder

    # ------------------------------------------------------------------ the list

    def load(self) -> None:
        """Read the list anew; what was deleted long ago goes for good."""
        if self._reading:
            self._again = True
            return
        if self._controller.background.stopping:
            return
        self._reading = True
        own, folders = self.library.folder, self.library.folders

        def read(token: CancelToken, _emit: Emit) -> tuple[Run, ...]:
            from medadv_desktop.audit.library import empty_trash, read_run, run_folders

            empty_trash(own)
            runs = []
            for folder in run_folders(folders):
                token.check()
                runs.append(read_run(folder))
            return tuple(runs)

        def ended() -> None:
            self._reading = False
            if self._again:
                self._again = False
                self.load()

        doing = self.tr("Reading the list of audits")
        self._desk.read(read, Urgency.SCAN, Audience(doing, self.library.take, ended=ended))

    def refresh(self, folder: Path) -> None:
        """Read one run anew."""

        def read(*_: object) -> Run:
            from medadv_desktop.audit.library import read_run

            return read_run(folder)

        doing = self.tr("Reading an audit")
        self._desk.read(read, Urgency.SCAN, Audience(doing, self.library.put))

    def open_folder(self, folder: Path) -> None:
        """Look for runs in one more folder, now and in later sessions; show the first of them."""

        def read(*_: object) -> tuple[Path, ...]:
            from medadv_desktop.audit.library import run_folders

            return tuple(run_folders([folder]))

        def found(runs: tuple[Path, ...]) -> None:
            if not runs:
                text = self.tr("There is no audit in {folder}").format(folder=named(folder))
                self._controller.notices.add(text, Level.WARNING)
                return
            self.library.set_opened((*self.library.opened, folder))
            self.library.set_current(runs[0])
            self.load()

        doing = self.tr("Opening a folder of audits")
        self._desk.read(read, Urgency.FRAME, Audience(doing, found))

    def show(self, folder: Path) -> None:
        """Look at the results of a run."""
        self.library.set_current(folder)
        if self.library.find(folder) is None:
            self.load()
        self.wanted.emit(folder)

    def _new_run(self) -> None:
        """The audit of this window is on the list as soon as it is on the disk."""
        folder = self.audits.folder
        if self.library.loaded and folder is not None and self.library.find(folder) is None:
            self.load()

    # ------------------------------------------------------------------ tags and notes

    def keep_words(self, folder: Path, tags: Iterable[str], notes: str) -> None:
        """Write tags and notes of a run into its store."""
        chosen = tuple(tags)

        def write(*_: object) -> Run:
            from medadv_desktop.audit.library import keep_words, read_run

            keep_words(folder, chosen, notes)
            return read_run(folder)

        doing = self.tr("Keeping tags and notes")
        self._desk.read(write, Urgency.FRAME, Audience(doing, self.library.put))

    # ------------------------------------------------------------------ deleting

    def why_not_delete(self) -> str:
        """Why the run that is looked at cannot be deleted, "" if it can."""
        run = self.library.current
        if run is None:
            return self.tr("No audit is chosen")
        return self.tr("It is running: stop it first") if self.is_running(run.folder) else ""

    def delete(self, folder: Path) -> None:
        """Move a run of the program's folder into the trash; take any other off the list."""
        if self.library.find(folder) is None or self.is_running(folder):
            return
        run = self.library.find(folder)
        if folder.parent == self.library.folder:
            self._trash(folder, run.name)
        else:
            self._take_off(folder, run.name)

    def undo(self) -> None:
        """Bring back what was deleted last."""
        self.library.undo.undo()

    def _trash(self, folder: Path, name: str) -> None:
        where: list[Path] = []

        def away() -> None:
            from medadv_desktop.audit.library import to_trash

            where.append(to_trash(folder))

        def back() -> None:
            from medadv_desktop.audit.library import from_trash

            if where:
                from_trash(where.pop(), folder)

        def do() -> None:
            self.library.drop(folder)
            self._move(self.tr("Deleting an audit"), away)

        def take_back() -> None:
            self.library.set_current(folder)
            self._move(self.tr("Bringing an audit back"), back)

        kept = self.tr("{name} is deleted; it can be brought back for 30 days")
        self._do(Step(self.tr("Delete {name}").format(name=name), do, take_back), kept, name)

    def _take_off(self, folder: Path, name: str) -> None:
        """Folders opened by hand hold what is not ours to delete."""
        before = self.library.opened
        rest = tuple(f for f in before if f not in (folder, folder.parent))
        others = [
            run.folder
            for run in self.library.runs
            if run.folder.parent == folder.parent and run.folder != folder
        ]
        after = (*rest, *(others if folder.parent in before else ()))

        def do() -> None:
            self.library.set_opened(tuple(after))
            self.library.drop(folder)

        def take_back() -> None:
            self.library.set_opened(before)
            self.library.set_current(folder)
            self.load()

        text = self.tr("Take {name} off the list").format(name=name)
        kept = self.tr("{name} is off the list; its folder stays where it is")
        self._do(Step(text, do, take_back), kept, name)

    def _do(self, step: Step, told: str, name: str) -> None:
        stack = self.library.undo
        stack.push(step)

        def undo() -> None:
            # What was deleted later comes back with it: a stack is taken down from its top.
            while step.done and stack.canUndo():
                stack.undo()

        action = NoticeAction(self.tr("Undo"), undo)
        self._controller.notices.add(told.format(name=name), Level.INFO, actions=(action,))

    def _move(self, doing: str, work: Callable[[], object]) -> None:
        """One move after the other: bringing back waits until deleting is done."""
        self._moves.append((doing, work))
        self._next_move()

    def _next_move(self) -> None:
        if self._moving or not self._moves or self._controller.background.stopping:
            return
        self._moving = True
        doing, work = self._moves.pop(0)

        def ended() -> None:
            self._moving = False
            self._next_move()

        def failed(failure: Failure) -> None:
            self._controller.notices.add_failure(doing, failure)
            self.load()

        audience = Audience(doing, lambda _: self.load(), failed=failed, ended=ended)
        self._desk.read(lambda *_: work(), Urgency.FRAME, audience)
