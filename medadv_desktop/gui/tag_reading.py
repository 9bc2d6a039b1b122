"""Reads the tags of the file at hand, off the GUI thread, while somebody looks at them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from medadv_desktop.gui.background import Urgency
from medadv_desktop.gui.desk import Audience, JobDesk
from medadv_desktop.gui.file_names import named
from medadv_desktop.gui.running import Failure
from medadv_desktop.gui.state.privacy import Privacy
from medadv_desktop.gui.state.studies import StudyList
from medadv_desktop.imaging.frame import NonImage

if TYPE_CHECKING:
    from medadv_desktop.imaging.tags import TagTree


REST_MS = 150
"""How long the frame must stay the same before its tags are read."""


class TagReader(QObject):
    """Follows the list of studies: the object that is marked there, else the file looked at.

    Signals:
        changed: `tree`, `path` or `problem` is another.

    Attributes:
        path: the file at hand, None without one.
        tree: its elements, masked or not; None while they are read, or where there are none.
        problem: why there are none, "" otherwise.
    """

    changed = Signal()

    def __init__(
        self, studies: StudyList, privacy: Privacy, desk: JobDesk, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._studies, self._privacy, self._desk = studies, privacy, desk
        self._wanted = False
        self._job: int | None = None
        self.path: Path | None = None
        self.tree: TagTree | None = None
        self.problem = ""
        # Whoever scrolls wants pictures first; a panel tabbed behind another counts as looked at.
        self._pause = QTimer(self, interval=REST_MS, singleShot=True)
        self._pause.timeout.connect(self._follow)
        studies.current_changed.connect(self._pause.start)
        desk.stopped.connect(self._pause.stop)
        studies.marked_changed.connect(self._follow)
        privacy.changed.connect(self._read)

    def set_wanted(self, wanted: bool) -> None:
        """Whether anybody looks."""
        if wanted != self._wanted:
            self._wanted = wanted
            self._follow()

    def _follow(self) -> None:
        marked, current = self._studies.marked, self._studies.current
        path = current.instance.path if current is not None else None
        if isinstance(marked, NonImage):
            path = marked.path
        if self._wanted and path != self.path:
            self.path = path
            self._read()

    def _read(self) -> None:
        if not self._wanted:
            self.path = None  # read anew when somebody looks again
            return
        if self._job is not None:
            self._desk.cancel(self._job)
            self._job = None
        path, masked = self.path, self._privacy.masked
        if path is None:
            self._take(None, "")
            return

        def read(*_: object) -> TagTree:
            from medadv_desktop.imaging.tags import read_tags

            return read_tags(path, masked=masked)

        def done(tree: TagTree) -> None:
            self._take(tree, "")

        def failed(failure: Failure) -> None:
            self._take(None, failure.reason)

        def ended() -> None:
            if self._job == job_id:
                self._job = None

        doing = self.tr("Reading the tags of {file}").format(file=named(path))
        audience = Audience(doing, done, failed=failed, ended=ended)
        job_id = self._desk.read(read, Urgency.FRAME, audience)
        self._job = job_id

    def _take(self, tree: TagTree | None, problem: str) -> None:
        self.tree, self.problem = tree, problem
        self.changed.emit()
