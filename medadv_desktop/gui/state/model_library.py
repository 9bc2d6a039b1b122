"""The models that can be chosen: what is known of each, and whose code may run in this session."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QFileSystemWatcher, QObject, QTimer, Signal

from medadv_desktop.gui.background import Urgency
from medadv_desktop.gui.desk import Audience
from medadv_desktop.models import library as folders
from medadv_desktop.models.card import AS_IN_FILE, ModelCard
from medadv_desktop.models.library import BrokenEntry, LibraryEntry

if TYPE_CHECKING:
    from medadv_desktop.audit.requests import Request
    from medadv_desktop.gui.background import Work
    from medadv_desktop.gui.controller import Controller
    from medadv_desktop.gui.desk import JobDesk
    from medadv_desktop.gui.state.case import Case

SETTLING_MS = 300
"""A folder that changes is read again when nothing more has happened for so long."""


class ModelState(StrEnum):
    """How a model stands."""

    IN_USE = "in use"
    SECOND = "second model"
    LOADING = "loading"
    READY = "ready"
    BROKEN = "broken"


@dataclass(frozen=True)
class CodeWish:
    """Somebody wants a model whose Python file would run.

    Attributes:
        model: what it is chosen by.
        name: of its card.
        code: the file.
    """

    model: str
    name: str
    code: Path


class ModelLibrary(QObject):
    """Keeps the list of models fresh, and the user's agreements to run their code.

    Signals:
        changed: entries, or what is known of them, are others.
        marked_changed: another model is marked, or the marked one is otherwise now.
        code_wanted: a `CodeWish` that somebody has to decide, by `agree` or `refuse`.
        removal_wanted: the marked model is to be removed, if the user is sure.

    Attributes:
        marked: the model that actions are about.
        compute: hands a request to the engine, and its story to an audience.
        cancel: stops a job.
    """

    changed = Signal()
    marked_changed = Signal()
    code_wanted = Signal(object)
    removal_wanted = Signal()

    def __init__(
        self,
        controller: Controller,
        case: Case,
        desk: JobDesk,
        compute: Callable[[Request, Audience], int],
    ) -> None:
        super().__init__(controller)
        self._controller, self._case, self._desk = controller, case, desk
        self.marked: LibraryEntry | BrokenEntry | None = None
        self.compute = compute
        self.cancel = desk.cancel
        self._agreed: set[Path] = set()
        self._wishes: dict[str, tuple[Path, Callable[[], None]]] = {}
        self._white_box: dict[str, bool] = {}
        self._watcher = QFileSystemWatcher(self)
        self._settling = QTimer(self, singleShot=True, interval=SETTLING_MS)
        self._settling.timeout.connect(controller.reload_models)
        self._watcher.directoryChanged.connect(self._settling.start)
        self._watcher.fileChanged.connect(self._file_changed)
        controller.models_changed.connect(self._watch)
        controller.models_changed.connect(self._ask_late)
        controller.models_changed.connect(self._mark_again)
        controller.models_changed.connect(self.changed)
        for happened in (case.model_changed, case.second_model_changed):
            happened.connect(self._learn)

    # ------------------------------------------------------------------ what there is

    @property
    def entries(self) -> tuple[LibraryEntry | BrokenEntry, ...]:
        """Shipped models, the user's, then those opened from elsewhere in this session."""
        return self._controller.models

    def entry(self, model: str) -> LibraryEntry | None:
        """The entry of a model by what it is chosen by."""
        for entry in self.entries:
            if isinstance(entry, LibraryEntry) and model in (entry.card.id, str(entry.path)):
                return entry
        return None

    def reference(self, entry: LibraryEntry) -> str:
        """What the model of an entry is chosen by."""
        return self._controller.reference(entry)

    def state(self, entry: LibraryEntry | BrokenEntry) -> ModelState:
        """How a model stands now."""
        if isinstance(entry, BrokenEntry):
            return ModelState.BROKEN
        case, model = self._case, self.reference(entry)
        for chosen, loaded, state in (
            (case.model, case.loaded, ModelState.IN_USE),
            (case.second_model, case.second_loaded, ModelState.SECOND),
        ):
            if model == chosen:
                return state if loaded is not None else ModelState.LOADING
        return ModelState.READY

    def white_box(self, entry: LibraryEntry) -> bool | None:
        """Whether gradients pass through a model; None until it was loaded once."""
        if entry.card.architecture != AS_IN_FILE:
            return True
        return self._white_box.get(self.reference(entry))

    def own(self, entry: LibraryEntry | BrokenEntry) -> bool:
        """Whether it lies in the user's folder, so that it can be edited and removed."""
        return folders.is_own(entry)

    def taken(self, model_id: str) -> LibraryEntry | BrokenEntry | None:
        """The shipped or own model that has this id already."""
        for entry in self.entries:
            own, broken = self.own(entry), isinstance(entry, BrokenEntry)
            shipped = not broken and entry.shipped
            if (own or shipped) and model_id == (entry.path.stem if broken else entry.card.id):
                return entry
        return None

    def mark(self, entry: LibraryEntry | BrokenEntry | None) -> None:
        """Mark the model that actions are about."""
        if entry != self.marked:
            self.marked = entry
            self.marked_changed.emit()

    def remove(self, entry: LibraryEntry | BrokenEntry) -> None:
        """Take a model of the user out of the library, with its files."""
        broken = isinstance(entry, BrokenEntry)
        model = entry.path.stem if broken else entry.card.id
        doing = self.tr("Removing {model}").format(model=model)

        def work(*_: object) -> None:
            from medadv_desktop.models.installing import remove

            remove(model)

        def done(_: object) -> None:
            for chosen in {model, str(entry.path)}:
                self.forget(chosen)

        self._desk.read(work, Urgency.SCAN, Audience(doing, done), listed=True)

    # ------------------------------------------------------------------ code of models

    def code_of(self, model: str) -> Path | None:
        """The Python file that loading a model would run, None if none."""
        entry = self.entry(model)
        return None if entry is None else code_file(entry.card, entry.path.parent)

    def allows(self, model: str) -> bool:
        """Whether the user agreed in this session that the code of this model runs."""
        return self.code_of(model) in self._agreed

    def agree_to(self, code: Path) -> None:
        """The user agreed that this file runs, until it changes or the session ends."""
        self._agreed.add(code)
        self._watch()

    def asks(self, model: str, then: Callable[[], None]) -> bool:
        """Whether the user has to be asked before this model is loaded; `then` follows a yes."""
        code, entry = self.code_of(model), self.entry(model)
        if code is None or entry is None or code in self._agreed:
            return False
        self._wishes[model] = code, then
        self.code_wanted.emit(CodeWish(model, entry.card.name, code))
        return True

    def agree(self, model: str) -> None:
        """The code of a model that was asked for may run."""
        if (wish := self._wishes.pop(model, None)) is not None:
            self.agree_to(wish[0])
            wish[1]()

    def refuse(self, model: str) -> None:
        """It may not; whoever shows the wish goes back to what is chosen."""
        if self._wishes.pop(model, None) is None:
            return
        for chosen, choose in self._choices():
            if chosen == model:
                choose("")
        self._controller.models_changed.emit()

    # ------------------------------------------------------------------ work and changes

    def read(self, work: Work, audience: Audience, *, listed: bool = False) -> int:
        """Work on files off the GUI thread; `listed` puts it on the list of jobs."""
        return self._desk.read(work, Urgency.SCAN, audience, listed)

    def renew(self, model: str) -> None:
        """The card of a model was changed: read the folder, and load the model if it is in use."""
        self._controller.reload_models()
        for chosen, choose in self._choices():
            if chosen == model:
                choose("")
                choose(model)

    def forget(self, model: str) -> None:
        """A model is gone: read the folder, and use none in its place."""
        for chosen, choose in self._choices():
            if chosen == model:
                choose("")
        self._controller.reload_models()

    def learnt(self, model: str, white_box: bool) -> None:
        """What a check or the engine found out about a model."""
        if self._white_box.get(model) is not white_box:
            self._white_box[model] = white_box
            self.changed.emit()

    def stop(self) -> None:
        """Look no more at what changes."""
        self._settling.stop()
        for paths in (self._watcher.files(), self._watcher.directories()):
            if paths:
                self._watcher.removePaths(paths)

    def _mark_again(self) -> None:
        """The entry that stands where the marked one stood; it may say something else now."""
        if self.marked is not None:
            there = (e for e in self.entries if e.path == self.marked.path)
            self.mark(next(there, None))

    def _learn(self) -> None:
        for loaded in (self._case.loaded, self._case.second_loaded):
            if loaded is not None:
                self._white_box[loaded.model] = loaded.white_box
        self.changed.emit()

    def _choices(self) -> tuple[tuple[str, Callable[[str], None]], ...]:
        """The models that are chosen, each with what chooses another in its place."""
        return (
            (self._case.model, self._controller.choose_model),
            (self._case.second_model, self._controller.choose_second_model),
        )

    def _ask_late(self) -> None:
        """Ask about what was chosen before anybody knew that it has code."""
        for chosen, choose in self._choices():
            code = self.code_of(chosen)
            if code is not None and code not in self._agreed and chosen not in self._wishes:
                self.asks(chosen, functools.partial(self._choose_anew, chosen, choose))

    def _choose_anew(self, model: str, choose: Callable[[str], None]) -> None:
        choose("")
        choose(model)

    def _watch(self) -> None:
        """Watch the user's folder, the cards in it, and the code that may run."""
        own = {str(e.path) for e in self.entries if self.own(e)}
        wanted = {str(folders.user_models()), *own, *map(str, self._agreed)}
        watched = {*self._watcher.files(), *self._watcher.directories()}
        if gone := list(watched - wanted):
            self._watcher.removePaths(gone)
        if new := [path for path in wanted - watched if Path(path).exists()]:
            self._watcher.addPaths(new)

    def _file_changed(self, path: str) -> None:
        self._agreed.discard(Path(path))
        self._settling.start()


def code_file(card: ModelCard, folder: Path) -> Path | None:
    """The Python file that loading a model would run, told from its card alone; None if none."""
    if card.code:
        return folder / card.code
    return folder / card.weights if card.weights.lower().endswith(".py") else None
