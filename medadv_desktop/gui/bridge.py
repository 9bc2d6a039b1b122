"""The way to the compute thread and back.

One long-lived QThread owns the engine, and with it torch. Requests go in by queued signal and are
worked off one after the other; their story comes back in the signals of `JobSignals`.
"""

from __future__ import annotations

import itertools
import sys
from dataclasses import dataclass, field

from PySide6.QtCore import QObject, Qt, QThread, Signal, Slot

from medadv_desktop.audit.requests import Request
from medadv_desktop.gui.engine_loading import (
    GIL_SWITCH_SECONDS,
    Engine,
    EngineFactory,
    load_engine,
    lower_priority,
)
from medadv_desktop.gui.running import JobSignals, run_job
from medadv_desktop.jobs import CancelToken, Emit

job_ids = itertools.count(1)
"""Ids of jobs, one row of numbers for both bridges."""


@dataclass(frozen=True, eq=False)
class ComputeJob:
    """A request on its way to the compute thread."""

    id: int
    request: Request
    device: str
    token: CancelToken = field(default_factory=CancelToken)


class ComputeBridge(JobSignals):
    """The GUI thread's end of the bridge.

    Signals:
        stopped: after `stop`, when the thread has ended.

    Attributes:
        device: "auto", "cpu" or "cuda:N": where the jobs submitted from now on compute. Another
            one makes a new engine when its first job comes.
    """

    stopped = Signal()
    _submitted = Signal(object)
    _last_call = Signal()

    def __init__(
        self, engine_factory: EngineFactory = load_engine, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        sys.setswitchinterval(GIL_SWITCH_SECONDS)
        self.device = "auto"
        self._tokens: dict[int, CancelToken] = {}
        self._stopping = False
        self._thread = QThread(self)
        self._thread.setObjectName("compute")
        self._worker = _ComputeWorker(engine_factory, self)
        self._worker.moveToThread(self._thread)
        queued = Qt.ConnectionType.QueuedConnection
        self._submitted.connect(self._worker.work, queued)
        # Behind all jobs in the same queue: QThread.quit would leave those without an end.
        self._last_call.connect(self._worker.leave, queued)
        for terminal in (self.finished, self.failed, self.cancelled):
            terminal.connect(self._forget)
        self._thread.finished.connect(self._on_thread_finished)
        self._thread.start()

    @property
    def running(self) -> bool:
        return self._thread.isRunning()

    def submit(self, request: Request) -> int:
        """Hand in a request; returns the id that its signals carry."""
        job = ComputeJob(next(job_ids), request, self.device)
        self._tokens[job.id] = job.token
        self._submitted.emit(job)
        return job.id

    def cancel(self, job_id: int) -> None:
        """Ask a job to stop, running or waiting. Returns at once; `cancelled` follows."""
        if token := self._tokens.get(job_id):
            token.cancel()

    def stop(self) -> None:
        """Cancel everything and end the thread. Returns at once; `stopped` follows."""
        if self._stopping:
            return
        self._stopping = True
        for token in self._tokens.values():
            token.cancel()
        self._last_call.emit()

    def wait(self, milliseconds: int) -> bool:
        """Block until the thread has ended, at most so long. For the end of the program only."""
        return self._thread.wait(milliseconds)

    @Slot(int)
    @Slot(int, object)
    def _forget(self, job_id: int, _: object = None) -> None:
        self._tokens.pop(job_id, None)

    @Slot()
    def _on_thread_finished(self) -> None:
        self.stopped.emit()


class _ComputeWorker(QObject):
    """Lives in the compute thread and owns the engine."""

    def __init__(self, engine_factory: EngineFactory, signals: JobSignals) -> None:
        super().__init__()
        self._engine_factory = engine_factory
        self._signals = signals
        self._engine: Engine | None = None
        self._device = ""

    @Slot(object)
    def work(self, job: ComputeJob) -> None:
        def answer(emit: Emit) -> object:
            return self._engine_for(job.device).run(job.request, emit, job.token)

        run_job(job.id, answer, job.token, self._signals, thin_partials=True)

    @Slot()
    def leave(self) -> None:
        self._engine = None
        QThread.currentThread().quit()

    def _engine_for(self, device: str) -> Engine:
        if self._engine is None or device != self._device:
            self._engine = None
            self._engine = self._engine_factory(device)
            self._device = device
            # Only now: while it was loading, this thread often held the interpreter lock, and
            # whoever holds that must not wait for the processor while the window waits for him.
            lower_priority()
        return self._engine
