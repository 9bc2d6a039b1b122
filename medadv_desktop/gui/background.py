"""Light work off the GUI thread: scanning folders, reading frames, thumbnails. Never torch."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

from PySide6.QtCore import QObject, QRunnable, QThreadPool, Signal

from medadv_desktop.gui.bridge import job_ids
from medadv_desktop.gui.running import JobSignals, run_job
from medadv_desktop.jobs import CancelToken, Emit

Work = Callable[[CancelToken, Emit], object]

THREADS = 4
"""One each for a scan, for a data set that is looked over, for a wizard, and for a frame."""


class Urgency(IntEnum):
    """Who goes first. Somebody looks at an empty pane until a frame is there."""

    THUMBNAIL = 0
    SCAN = 1
    FRAME = 2


class Background(JobSignals):
    """A few threads, so that what takes long does not hold up the frame somebody clicked on.

    Signals:
        stopped: after `stop`, when nothing runs any more.
    """

    stopped = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tokens: dict[int, CancelToken] = {}
        self._stopping = False
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(THREADS)
        for terminal in (self.finished, self.failed, self.cancelled):
            terminal.connect(self._forget)

    @property
    def idle(self) -> bool:
        return not self._tokens

    @property
    def stopping(self) -> bool:
        """`stop` was called: nothing new should be handed in."""
        return self._stopping

    def submit(self, work: Work, urgency: Urgency) -> int:
        """Hand in a call; returns the id that its signals carry."""
        job_id = next(job_ids)
        token = CancelToken()
        self._tokens[job_id] = token
        self._pool.start(_Task(job_id, work, token, self), int(urgency))
        return job_id

    def cancel(self, job_id: int) -> None:
        """Ask a call to stop, running or waiting. Returns at once; `cancelled` follows."""
        if token := self._tokens.get(job_id):
            token.cancel()

    def stop(self) -> None:
        """Cancel everything. Returns at once; `stopped` follows when nothing runs any more."""
        self._stopping = True
        for token in self._tokens.values():
            token.cancel()
        self._tell_when_idle()

    def wait(self, milliseconds: int) -> bool:
        """Block until nothing runs, at most so long. For the end of the program only."""
        return self._pool.waitForDone(milliseconds)

    def _forget(self, job_id: int, _: object = None) -> None:
        self._tokens.pop(job_id, None)
        self._tell_when_idle()

    def _tell_when_idle(self) -> None:
        if self._stopping and self.idle:
            self.stopped.emit()


class _Task(QRunnable):
    def __init__(self, job_id: int, work: Work, token: CancelToken, signals: JobSignals) -> None:
        super().__init__()
        self._job_id = job_id
        self._work = work
        self._token = token
        self._signals = signals

    def run(self) -> None:
        def work(emit: Emit) -> object:
            return self._work(self._token, emit)

        run_job(self._job_id, work, self._token, self._signals)
