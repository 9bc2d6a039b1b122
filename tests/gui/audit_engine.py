"""A fake engine that estimates and runs audits at once, with a real store and without torch."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from medadv_desktop.audit.plan.cells import cells_of
from medadv_desktop.audit.runs import (
    AuditFinished,
    AuditRequest,
    CellEstimate,
    CellFailure,
    CellProgress,
    Estimate,
    EstimateRequest,
)
from medadv_desktop.audit.store.records import CellOutcome
from medadv_desktop.audit.store.store import AuditStore
from medadv_desktop.jobs import CancelToken, Emit, Partial, Progress
from tests.gui.conftest import FakeEngine


@dataclass
class AuditEngine(FakeEngine):
    """Works through the cells of an audit; before each it waits while `go` is not set.

    Attributes:
        at: the cell (by its place) before which it holds, where `go` is not set.
        holding: set while it waits.
        problems: of every estimate.
        failing: names of attacks whose cells fail.
        worked: ids of the cells in the order in which they were worked on.
    """

    at: int = 0
    holding: threading.Event = field(default_factory=threading.Event)
    problems: tuple[str, ...] = ()
    failing: tuple[str, ...] = ()
    worked: list[str] = field(default_factory=list)

    def run(self, request, emit: Emit, token: CancelToken):
        known = {AuditRequest: self._audit, EstimateRequest: self._estimate}
        if type(request) not in known:
            return super().run(request, emit, token)
        self.requests.append(request)
        if self.error is not None and isinstance(request, self.error_for):
            raise self.error
        return known[type(request)](request, emit, token)

    def _wait(self, emit: Emit, token: CancelToken) -> None:
        """Within a batch, telling of its steps."""
        self.holding.set()
        while not self.go.wait(0.002):
            token.check()
            emit(Progress(1, 2))
        self.holding.clear()

    def _estimate(self, request: EstimateRequest, emit: Emit, token: CancelToken) -> Estimate:
        emit(Progress(1, 2))
        self._wait(emit, token)
        cells = tuple(CellEstimate(c.id, c.title, 8, 90.0) for c in cells_of(request.plan))
        return Estimate(cells, 90.0 * len(cells), 3 << 20, 2 << 30, self.device, self.problems)

    def _audit(self, request: AuditRequest, emit: Emit, token: CancelToken) -> AuditFinished:
        if request.plan is not None:
            AuditStore.create(request.folder, request.plan).close()
        with AuditStore.open(request.folder, write=True) as store:
            return self._work(request, store, emit, token)

    def _work(self, request, store: AuditStore, emit: Emit, token: CancelToken) -> AuditFinished:
        control, left_out = request.control, False
        failures = [
            CellFailure(r.cell.id, r.cell.title, r.reason)
            for r in store.cells()
            if r.state == "failed" and not request.again
        ]
        tried: set[str] = set()
        while True:
            if len(tried) == self.at:
                waiting = next((r for r in store.cells() if r.cell.id not in tried), None)
                if waiting is not None:
                    emit(Partial(CellProgress(waiting.cell.id, "running", "", 0, 2, 0, 0, 0)))
                self._wait(emit, token)
            if order := control.take_order():
                store.reorder(order)
            if control.paused:
                return self._finished(request, store, "paused", failures)
            settled = ("done",) if request.again else ("done", "failed", "cancelled")
            rest = [r for r in store.cells() if r.state not in settled and r.cell.id not in tried]
            if not rest:
                break
            cell = rest[0].cell
            tried.add(cell.id)
            if control.is_given_up(cell.id):
                left_out = True
                store.mark(cell.id, "cancelled", "given up")
                emit(Partial(CellProgress(cell.id, "cancelled", "given up", 0, 2, 0, 0, 0)))
                continue
            self.worked.append(cell.id)
            if cell.name in self.failing:
                store.mark(cell.id, "failed", "the model raised")
                failures.append(CellFailure(cell.id, cell.title, "the model raised"))
                emit(Partial(CellProgress(cell.id, "failed", "the model raised", 0, 2, 0, 0, 0)))
                continue
            store.begin_cell(cell.id, 2)
            store.finish_cell(cell.id, CellOutcome(figures={}))
            emit(Partial(CellProgress(cell.id, "done", "", 2, 2, 8, 6, 3)))
            emit(Progress(len(tried), len(store.cells())))
        state = "failed" if failures else "cancelled" if left_out else "done"
        return self._finished(request, store, state, failures)

    def _finished(self, request, store: AuditStore, state, failures) -> AuditFinished:
        records = store.cells()
        done = sum(r.state == "done" for r in records)
        return AuditFinished(request.folder, state, done, len(records), tuple(failures), 0.1)
