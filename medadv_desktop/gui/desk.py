"""The desk where jobs are handed in, and where their story is told to whoever asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal

from medadv_desktop.audit.requests import Request
from medadv_desktop.gui.background import Background, Urgency, Work
from medadv_desktop.gui.bridge import ComputeBridge
from medadv_desktop.gui.messages import Notices
from medadv_desktop.gui.running import Failure
from medadv_desktop.gui.state.jobs import Job, JobList, JobState
from medadv_desktop.gui.state.log import Level, LogLines
from medadv_desktop.jobs import Message, Progress


@dataclass(frozen=True)
class Audience:
    """Who hears of a job. All are called on the GUI thread.

    Attributes:
        doing: what the job does, in words, for the message if it fails.
        done: gets the answer.
        partial: gets the values of `jobs.Partial`.
        failed: gets the failure; without it, a message is shown.
        ended: called at the one end of the job, whichever it is, before done or failed.
    """

    doing: str
    done: Callable[..., None]
    partial: Callable[..., None] | None = None
    failed: Callable[[Failure], None] | None = None
    ended: Callable[[], None] | None = None


class JobDesk(QObject):
    """Hands requests to the compute thread and work on files to the background.

    Signals:
        stopped: after `stop`: both have come to rest.
        computing_changed: `computing` is another.
    """

    stopped = Signal()
    computing_changed = Signal()

    def __init__(
        self,
        jobs: JobList,
        log: LogLines,
        notices: Notices,
        bridge: ComputeBridge,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._jobs, self._log, self._notices = jobs, log, notices
        self.bridge = bridge
        self.bridge.setParent(self)
        self.background = Background(self)
        self._audiences: dict[int, Audience] = {}
        self._computing: set[int] = set()
        self._cancelled: set[int] = set()
        self._stopping = False
        for source in (self.background, self.bridge):
            source.started.connect(jobs.start)
            source.progress.connect(self._on_progress)
            source.partial.connect(self._on_partial)
            source.message.connect(self._on_message)
            source.finished.connect(self._on_finished)
            source.failed.connect(self._on_failed)
            source.cancelled.connect(self._on_cancelled)
        self._computing_ended = False
        self.bridge.stopped.connect(self._on_bridge_stopped)
        self.background.stopped.connect(self._tell_when_stopped)

    def compute(self, request: Request, audience: Audience, device: str) -> int:
        """Queue a request for the engine; `device` is what the list of jobs says."""
        job_id = self.bridge.submit(request)
        self._computing.add(job_id)
        self._audiences[job_id] = audience
        self._jobs.add(job_id, audience.doing, device)
        self.computing_changed.emit()
        return job_id

    @property
    def computing(self) -> frozenset[int]:
        """The jobs that wait for the compute thread or work there, in the order of their ids."""
        return frozenset(self._computing)

    def read(self, work: Work, urgency: Urgency, audience: Audience, listed: bool = False) -> int:
        """Queue work on files; `listed` puts it on the list of jobs."""
        job_id = self.background.submit(work, urgency)
        self._audiences[job_id] = audience
        if listed:
            self._jobs.add(job_id, audience.doing)
        return job_id

    def job(self, job_id: int) -> Job | None:
        """The entry of a job in the list, None where it is not listed (any more)."""
        return self._jobs.get(job_id)

    def cancel(self, job_id: int) -> None:
        """Ask a job to stop. An answer that is already on its way is not heard any more."""
        if job_id not in self._audiences:
            return
        self._cancelled.add(job_id)
        self._jobs.mark_cancelling(job_id)
        (self.bridge if job_id in self._computing else self.background).cancel(job_id)

    def cancel_listed(self, spared: int | None) -> None:
        """Ask whatever is on the list of jobs to stop, save one; the log tells what it was."""
        for job in self._jobs.jobs:
            if not job.state.ended and job.id != spared:
                self._log.add(self.tr("Cancelled: {job}").format(job=job.title))
                self.cancel(job.id)

    def stop(self) -> None:
        """Stop everything for good. Returns at once; `stopped` follows."""
        if not self._stopping:
            self._stopping = True
            self.bridge.stop()
            self.background.stop()

    def wait(self, milliseconds: int) -> bool:
        """Block until the threads have ended, at most so long. For the end of the program only."""
        return self.bridge.wait(milliseconds) and self.background.wait(milliseconds)

    def _on_progress(self, job_id: int, progress: Progress) -> None:
        self._jobs.set_progress(job_id, progress)

    def _on_message(self, job_id: int, message: Message) -> None:
        if job_id in self._audiences and job_id not in self._cancelled:
            self._log.add(message.text, Level.named(message.level))

    def _on_partial(self, job_id: int, value: object) -> None:
        audience = self._audiences.get(job_id)
        if audience is not None and audience.partial is not None:
            audience.partial(value)

    def _on_finished(self, job_id: int, answer: object) -> None:
        if audience := self._end(job_id, JobState.DONE):
            audience.done(answer)

    def _on_failed(self, job_id: int, failure: Failure) -> None:
        audience = self._end(job_id, JobState.FAILED, failure.text)
        if audience is None:
            return
        if audience.failed is not None:
            audience.failed(failure)
        else:
            self._notices.add_failure(audience.doing, failure)

    def _on_cancelled(self, job_id: int) -> None:
        self._end(job_id, JobState.CANCELLED)

    def _end(self, job_id: int, state: JobState, note: str = "") -> Audience | None:
        cancelled = job_id in self._cancelled and state is JobState.DONE
        self._jobs.end(job_id, JobState.CANCELLED if cancelled else state, note)
        audience = self._audiences.pop(job_id, None)
        if audience is not None and audience.ended is not None:
            audience.ended()
        unheard = self._stopping or job_id in self._cancelled
        self._cancelled.discard(job_id)
        if job_id in self._computing:
            self._computing.discard(job_id)
            self.computing_changed.emit()
        return None if unheard else audience

    def _on_bridge_stopped(self) -> None:
        # Not asked of the thread: it may have ended while its last signals are still on their way.
        self._computing_ended = True
        self._tell_when_stopped()

    def _tell_when_stopped(self) -> None:
        if self._computing_ended and self.background.idle:
            self.stopped.emit()
