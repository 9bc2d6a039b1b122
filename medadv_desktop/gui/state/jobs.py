"""The jobs of this session: waiting, running and ended."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum

from PySide6.QtCore import QObject, Signal

from medadv_desktop.jobs import Progress

KEPT_ENDED = 200


class JobState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        return self in (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


@dataclass(frozen=True)
class Job:
    """One job as the window sees it.

    Attributes:
        progress: of the running job; total 0 means that its length is unknown.
        started, ended: seconds of a monotonic clock, None before.
        device: where it computes, "" for reading files.
        note: why it failed, or what it is busy with.
        cancelling: a stop was asked for and has not taken effect yet.
    """

    id: int
    title: str
    state: JobState = JobState.QUEUED
    progress: Progress = field(default=Progress(0, 0))
    started: float | None = None
    ended: float | None = None
    device: str = ""
    note: str = ""
    cancelling: bool = False

    def elapsed(self, now: float) -> float | None:
        """Seconds that it has run, None before it started."""
        if self.started is None:
            return None
        return (self.ended if self.ended is not None else now) - self.started

    def remaining(self, now: float) -> float | None:
        """Seconds to go at the pace so far; None where nothing is known yet."""
        done, total = self.progress.done, self.progress.total
        elapsed = self.elapsed(now)
        if self.state is not JobState.RUNNING or not elapsed or done <= 0 or total <= 0:
            return None
        return elapsed * max(total - done, 0) / done


class JobList(QObject):
    """All jobs, oldest first. Ended ones are forgotten beyond 200.

    Signals:
        added, changed, removed: the job of this id came, is another, went.
        busy_changed: the number of jobs that have not ended went from none to some, or back.
    """

    added = Signal(int)
    changed = Signal(int)
    removed = Signal(int)
    busy_changed = Signal()

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.clock = clock
        self._jobs: dict[int, Job] = {}
        self._open = 0

    @property
    def jobs(self) -> tuple[Job, ...]:
        return tuple(self._jobs.values())

    @property
    def busy(self) -> bool:
        return self._open > 0

    @property
    def running(self) -> tuple[Job, ...]:
        return tuple(j for j in self._jobs.values() if j.state is JobState.RUNNING)

    def get(self, job_id: int) -> Job | None:
        return self._jobs.get(job_id)

    def add(self, job_id: int, title: str, device: str = "") -> None:
        """A job was handed in."""
        self._jobs[job_id] = Job(job_id, title, device=device)
        self.added.emit(job_id)
        self._count(1)

    def start(self, job_id: int) -> None:
        self._replace(job_id, state=JobState.RUNNING, started=self.clock())

    def set_progress(self, job_id: int, progress: Progress) -> None:
        self._replace(job_id, progress=progress, note=progress.message)

    def set_device(self, job_id: int, device: str) -> None:
        self._replace(job_id, device=device)

    def mark_cancelling(self, job_id: int) -> None:
        """A stop was asked for. Without meaning for a job that has ended."""
        job = self._jobs.get(job_id)
        if job is not None and not job.state.ended:
            self._replace(job_id, cancelling=True)

    def end(self, job_id: int, state: JobState, note: str = "") -> None:
        """A job has come to its one end."""
        job = self._jobs.get(job_id)
        if job is None or job.state.ended:
            return
        progress = job.progress
        if state is JobState.DONE:
            progress = replace(progress, done=progress.total or 1, total=progress.total or 1)
        self._replace(
            job_id,
            state=state,
            ended=self.clock(),
            progress=progress,
            note=note,
            cancelling=False,
        )
        self._count(-1)
        self._forget()

    def clear_ended(self) -> None:
        for job_id in [i for i, job in self._jobs.items() if job.state.ended]:
            del self._jobs[job_id]
            self.removed.emit(job_id)

    def _replace(self, job_id: int, **changes: object) -> None:
        job = self._jobs.get(job_id)
        if job is not None:
            self._jobs[job_id] = replace(job, **changes)
            self.changed.emit(job_id)

    def _forget(self) -> None:
        ended = [i for i, job in self._jobs.items() if job.state.ended]
        for job_id in ended[: max(len(ended) - KEPT_ENDED, 0)]:
            del self._jobs[job_id]
            self.removed.emit(job_id)

    def _count(self, by: int) -> None:
        before = self._open
        self._open += by
        if (before > 0) != (self._open > 0):
            self.busy_changed.emit()
