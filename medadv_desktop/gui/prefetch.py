"""Reads the frames around the one that is looked at before they are asked for."""

from __future__ import annotations

from collections import deque
from pathlib import Path

from PySide6.QtCore import QObject, QSettings

from medadv_desktop.gui.background import Background, Urgency, Work
from medadv_desktop.gui.frame_cache import MEBIBYTE, FrameCache, around
from medadv_desktop.gui.state.case import Case
from medadv_desktop.gui.state.studies import StudyList

_KEY = "cache/frames_mebibytes"
DEFAULT_MEBIBYTES = 1024
LEAST_MEBIBYTES, MOST_MEBIBYTES = 64, 64 * 1024

_AHEAD, _BEHIND = 64, 24
_SHARE = 4
"""At most one part in so many of the cache is read ahead of time."""


class Prefetcher(QObject):
    """One frame at a time on a background thread, nearest first, never in the way of others.

    Attributes:
        cache: where frames come from.
    """

    def __init__(
        self,
        studies: StudyList,
        case: Case,
        background: Background,
        settings: QSettings,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._studies, self._case = studies, case
        self._background, self._settings = background, settings
        self.cache = FrameCache(self.mebibytes * MEBIBYTE)
        self._wanted: deque[int] = deque()
        self._job: int | None = None
        self._index = 0
        self._forward = True
        for ended in (background.finished, background.failed, background.cancelled):
            ended.connect(self._ended)
        case.frame_changed.connect(self._look)

    @property
    def mebibytes(self) -> int:
        """Bound of the cache, as it is kept between sessions."""
        value = self._settings.value(_KEY, DEFAULT_MEBIBYTES)
        known = str(value).isdigit()
        return min(max(int(value) if known else DEFAULT_MEBIBYTES, LEAST_MEBIBYTES), MOST_MEBIBYTES)

    def set_mebibytes(self, mebibytes: int) -> None:
        self._settings.setValue(_KEY, mebibytes)
        self.cache.set_capacity(self.mebibytes * MEBIBYTE)

    def _look(self) -> None:
        """See what will be wanted next."""
        self._wanted.clear()
        frame, place = self._case.frame, self._studies.slice_place()
        if frame is None or place is None or place[1] < 2:
            return
        index, count = place
        if index != self._index:
            self._forward = index > self._index
        self._index = index
        most = self.cache.capacity // _SHARE // max(frame.stored.nbytes, 1)
        ahead, behind = min(_AHEAD, most * 2 // 3), min(_BEHIND, most // 3)
        self._wanted.extend(around(index, count, ahead, behind, self._forward))
        self._next()

    def _next(self) -> None:
        while self._wanted and self._job is None and not self._background.stopping:
            position = self._studies.slice_at(self._wanted.popleft())
            if position is None:
                continue
            path, index = position.instance.path, position.frame
            if (path, index) not in self.cache:
                self._job = self._background.submit(self._reading(path, index), Urgency.SCAN)

    def _reading(self, path: Path, index: int) -> Work:
        def work(*_: object) -> None:
            self.cache.read(path, index)

        return work

    def _ended(self, job_id: int, _outcome: object = None) -> None:
        # Whoever looks at a frame that cannot be read is told why; here it is passed over.
        if job_id == self._job:
            self._job = None
            self._next()
