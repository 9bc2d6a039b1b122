"""One call at a time on the background threads, the one asked for last."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from medadv_desktop.gui.background import Background, Urgency, Work
from medadv_desktop.gui.running import Failure
from medadv_desktop.jobs import Progress


class BackgroundTask(QObject):
    """Runs a call off the GUI thread; a new one takes the place of the one before.

    Signals:
        busy_changed: a call began, or the last one ended.
        progress: a `jobs.Progress` of the call.
        partial: the value of a `jobs.Partial`.
        finished: the answer.
        failed: a `Failure`.
        stopped: the call ended because `cancel` was called.

    What a replaced call still has to say is not heard.
    """

    busy_changed = Signal(bool)
    progress = Signal(object)
    partial = Signal(object)
    finished = Signal(object)
    failed = Signal(object)
    stopped = Signal()

    def __init__(self, background: Background, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._background = background
        self._job: int | None = None
        background.progress.connect(self._on_progress)
        background.partial.connect(self._on_partial)
        background.finished.connect(self._on_finished)
        background.failed.connect(self._on_failed)
        background.cancelled.connect(self._on_cancelled)

    @property
    def busy(self) -> bool:
        return self._job is not None

    def run(self, work: Work, urgency: Urgency = Urgency.SCAN) -> None:
        """Begin a call; the one that runs is cancelled and forgotten."""
        if self._background.stopping:
            return
        was_busy = self.busy
        self._drop()
        self._job = self._background.submit(work, urgency)
        if not was_busy:
            self.busy_changed.emit(True)

    def cancel(self) -> None:
        """Ask the call to stop; `stopped` follows at once, nothing else of it is heard."""
        if self.busy:
            self._drop()
            self.busy_changed.emit(False)
            self.stopped.emit()

    def _drop(self) -> None:
        if self._job is not None:
            self._background.cancel(self._job)
            self._job = None

    def _on_progress(self, job_id: int, progress: Progress) -> None:
        if job_id == self._job:
            self.progress.emit(progress)

    def _on_partial(self, job_id: int, value: object) -> None:
        if job_id == self._job:
            self.partial.emit(value)

    def _on_finished(self, job_id: int, answer: object) -> None:
        if self._end(job_id):
            self.finished.emit(answer)

    def _on_failed(self, job_id: int, failure: Failure) -> None:
        if self._end(job_id):
            self.failed.emit(failure)

    def _on_cancelled(self, job_id: int) -> None:
        if self._end(job_id):  # by the end of the program
            self.stopped.emit()

    def _end(self, job_id: int) -> bool:
        if job_id != self._job:
            return False
        self._job = None
        self.busy_changed.emit(False)
        return True
