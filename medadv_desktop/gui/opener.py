"""Opens files and folders: one scan after the other, each on top of what is open."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from medadv_desktop.gui.background import Urgency
from medadv_desktop.gui.desk import Audience, JobDesk
from medadv_desktop.gui.file_names import located, named
from medadv_desktop.gui.messages import Notices
from medadv_desktop.gui.opening import Answer, ScanState, scan_paths
from medadv_desktop.gui.recent import RecentPaths
from medadv_desktop.gui.state.imports import Imports
from medadv_desktop.gui.state.log import Level, LogLines
from medadv_desktop.gui.state.studies import StudyList
from medadv_desktop.imaging.frame import Instance, NonImage, Unreadable


@dataclass(frozen=True)
class _Wish:
    paths: tuple[Path, ...]
    remember: bool


class Opener(QObject):
    """Scans, fills the list of studies, and tells what could not be opened.

    Signals:
        found_first: the first instance of a scan, as soon as it is known.

    Attributes:
        imports: what became of every file.
    """

    found_first = Signal(object)

    def __init__(
        self,
        studies: StudyList,
        desk: JobDesk,
        log: LogLines,
        notices: Notices,
        recent: RecentPaths,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._studies, self._desk, self._log = studies, desk, log
        self._notices, self._recent = notices, recent
        self.imports = Imports(self)
        self._wishes: list[_Wish] = []
        self._job: int | None = None
        self._unwanted: int | None = None

    @property
    def busy(self) -> bool:
        return self._job is not None

    def open(self, paths: Sequence[Path], remember: bool) -> None:
        """Scan absolute `paths` when those asked for before are done."""
        self._wishes.append(_Wish(tuple(paths), remember))
        self._next()

    def forget_wishes(self) -> None:
        """Drop what has not begun."""
        self._wishes.clear()

    def stop(self) -> None:
        """Drop what has not begun, and what is found from now on by what has."""
        self.forget_wishes()
        if self._job is not None:
            self._desk.cancel(self._job)
            self._unwanted = self._job

    def _next(self) -> None:
        if self._job is not None or not self._wishes:
            return
        wish = self._wishes.pop(0)
        opened, refused = self._studies.studies, self._studies.unreadable
        names = ", ".join(named(p) for p in wish.paths[:3])
        if len(wish.paths) > 3:
            names = self.tr("{names} and %n more", None, len(wish.paths) - 3).format(names=names)
        shown: list[Instance] = []
        answers: list[Answer] = []

        def take(state: ScanState) -> None:
            if self._unwanted == job_id:
                return
            answers.extend(state.news)
            self.imports.add(state.news)
            self._studies.set(state.studies, state.unreadable)
            if state.first is not None and not shown:
                shown.append(state.first)
                self.found_first.emit(state.first)

        def done(state: ScanState) -> None:
            take(state)
            self._report(wish, state, answers)

        def ended() -> None:
            self._job = None
            self._next()

        doing = self.tr("Opening {names}").format(names=names)
        job_id = self._desk.read(
            lambda token, emit: scan_paths(wish.paths, opened, refused, token, emit),
            Urgency.SCAN,
            Audience(doing, done, partial=take, ended=ended),
            listed=True,
        )
        self._job = job_id

    def _report(self, wish: _Wish, state: ScanState, answers: Sequence[Answer]) -> None:
        asked = set(wish.paths)
        objects = [a for a in answers if isinstance(a, NonImage)]
        refused = [a for a in answers if isinstance(a, Unreadable) and not isinstance(a, NonImage)]
        # Whoever names a file wants to know of it, even if it is no image at all.
        missed = [u for u in refused if not u.skipped or u.path in asked]
        lines = [f"{located(u.path)}: {u.reason}" for u in missed]
        self._notices.add_list(self.tr("%n file(s) could not be opened", None, len(lines)), lines)
        if not state.found and not missed and not objects:
            names = ", ".join(located(p) for p in wish.paths)
            text = self.tr("No images were found in {paths}").format(paths=names)
            self._notices.add(text, Level.WARNING, _listed(refused))
        self._remember(wish, bool(state.found or objects), {u.path for u in missed})
        text = self.tr("%n image(s) opened", None, state.found)
        if objects:
            text += ", " + self.tr("%n object(s) without pixels listed", None, len(objects))
        others = [u for u in refused if u.skipped and u.path not in asked]
        if others:
            text += ", " + self.tr("%n other file(s) left alone", None, len(others))
        self._log.add(text, details=_listed(others))

    def _remember(self, wish: _Wish, opened: bool, missed: set[Path]) -> None:
        if not wish.remember:
            return
        for path in reversed(wish.paths):
            if path in missed:
                self._recent.remove(path)
            elif opened:
                self._recent.add(path)


def _listed(files: Iterable[Unreadable]) -> str:
    return "\n".join(f"{located(u.path)}: {u.reason}" for u in files)
