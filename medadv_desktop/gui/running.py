"""Run one job on a worker thread and tell its story in signals, with exactly one end."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from medadv_desktop.errors import MedAdvError
from medadv_desktop.gui.file_names import located
from medadv_desktop.jobs import (
    CancelToken,
    Emit,
    Event,
    JobCancelled,
    Keyed,
    Message,
    Partial,
    Progress,
)

MOST_UPDATES_PER_SECOND = 15


@dataclass(frozen=True)
class Failure:
    """Why a job failed, in words that may cross threads.

    Attributes:
        reason, subject, remedy: as in `MedAdvError`.
        details: the traceback.
        expected: it is an error of a user's making or mending, not one of this program.
    """

    reason: str
    subject: str = ""
    remedy: str = ""
    details: str = ""
    expected: bool = True

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        details = "".join(traceback.format_exception(error))
        if isinstance(error, MedAdvError):
            return cls(error.reason, error.subject, error.remedy, details)
        reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        remedy = "This is an error of the program; copy the details and report it"
        return cls(reason, "", remedy, details, expected=False)

    @property
    def text(self) -> str:
        subject = located(self.subject) if Path(self.subject).is_absolute() else self.subject
        head = f"{subject}: {self.reason}" if subject else self.reason
        return f"{head}. {self.remedy}." if self.remedy else f"{head}."


class JobSignals(QObject):
    """What a worker says of its jobs, each by its id. It lives on the GUI thread.

    Signals:
        started: the job has left the queue.
        progress: a `jobs.Progress`, at most 15 a second.
        partial: the `value` of a `jobs.Partial`; whatever may be shown late or never is thinned
            out to 15 a second.
        message: a `jobs.Message`.
        finished: the answer.
        failed: a `Failure`.
        cancelled: it was stopped, before it started or since.

    Exactly one of finished, failed and cancelled ends a job.
    """

    started = Signal(int)
    progress = Signal(int, object)
    partial = Signal(int, object)
    message = Signal(int, object)
    finished = Signal(int, object)
    failed = Signal(int, object)
    cancelled = Signal(int)


def run_job(
    job_id: int,
    work: Callable[[Emit], object],
    token: CancelToken,
    signals: JobSignals,
    *,
    thin_partials: bool = False,
) -> None:
    """Run `work` on the calling thread; whatever happens, one terminal signal is sent.

    Args:
        work: the job; gets the `emit` to talk to.
        token: what stops it. An answer that comes after a stop was asked for is dropped.
        thin_partials: partial values replace each other, so that all but the latest may be lost;
            of `Keyed` ones the latest of every key is sent in any case.
    """
    steady = _Steady(job_id, signals, thin_partials)
    try:
        token.check()
        signals.started.emit(job_id)
        answer = work(steady)
        token.check()
    except JobCancelled:
        steady.flush_keyed()
        signals.cancelled.emit(job_id)
    except BaseException as error:
        steady.flush_keyed()
        signals.failed.emit(job_id, Failure.of(error))
    else:
        steady.flush()
        signals.finished.emit(job_id, answer)


class _Steady:
    """Passes events on, but progress (and previews) no more often than an eye can follow."""

    def __init__(self, job_id: int, signals: JobSignals, thin_partials: bool) -> None:
        self._job_id = job_id
        self._signals = signals
        self._thin_partials = thin_partials
        self._next: dict[type, float] = {Progress: 0.0, Partial: 0.0, Keyed: 0.0}
        self._held: Progress | None = None
        self._keyed: dict[str, Keyed] = {}

    def __call__(self, event: Event) -> None:
        if isinstance(event, Message):
            self._signals.message.emit(self._job_id, event)
        elif isinstance(event, Partial):
            self._pass_on(event.value)
        elif self._due(Progress):
            self._held = None
            self._signals.progress.emit(self._job_id, event)
        else:
            self._held = event
        if self._keyed and self._due(Keyed):
            self.flush_keyed()

    def _pass_on(self, value: object) -> None:
        if self._thin_partials and isinstance(value, Keyed):
            self._keyed[value.key] = value
        elif not self._thin_partials or self._due(Partial):
            self._signals.partial.emit(self._job_id, value)

    def flush_keyed(self) -> None:
        """Send the latest partial value of every key that was held back."""
        held, self._keyed = self._keyed, {}
        for value in held.values():
            self._signals.partial.emit(self._job_id, value)

    def flush(self) -> None:
        """Send the last progress and keyed partial values, if they were held back."""
        self.flush_keyed()
        if self._held is not None:
            self._signals.progress.emit(self._job_id, self._held)
            self._held = None

    def _due(self, kind: type) -> bool:
        now = time.monotonic()
        if now < self._next[kind]:
            return False
        self._next[kind] = now + 1 / MOST_UPDATES_PER_SECOND
        return True
