"""The audit of this window: its folder, how each of its cells stands, and how it came to its end.

One audit runs at a time. It lives in the compute thread; what is here follows it, and may be
listened to by any number of panels. Whatever else is asked of that thread goes first: the audit
stops after its batch, and goes on when there is nothing else to do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs
from PySide6.QtCore import QObject, QTimer, Signal

from medadv_desktop.gui.background import Urgency
from medadv_desktop.gui.consent import with_consent
from medadv_desktop.gui.desk import Audience
from medadv_desktop.gui.running import MOST_UPDATES_PER_SECOND, Failure
from medadv_desktop.gui.state.jobs import Job, JobState

if TYPE_CHECKING:
    from medadv_desktop.audit.plan.cells import Cell
    from medadv_desktop.audit.plan.schema import AuditPlan
    from medadv_desktop.audit.runs import AuditControl, AuditFinished
    from medadv_desktop.audit.store.records import CellRecord
    from medadv_desktop.gui.controller import Controller


class AuditStage(StrEnum):
    """How the audit at hand stands; the values of the last four are those of its store.

    Yielding: it stops after this batch, for other work waits; waiting: that work is being done.
    """

    NONE = "none"
    OPENING = "opening"
    RUNNING = "running"
    PAUSING = "pausing"
    STOPPING = "stopping"
    YIELDING = "yielding"
    WAITING = "waiting for others"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def running(self) -> bool:
        """It waits for the compute thread or works there; no other may begin."""
        return self in _RUNNING

    @property
    def pausable(self) -> bool:
        return self in (AuditStage.RUNNING, AuditStage.YIELDING, AuditStage.WAITING)

    @property
    def stoppable(self) -> bool:
        return self.pausable or self is AuditStage.PAUSING


_RUNNING = (
    AuditStage.OPENING,
    AuditStage.RUNNING,
    AuditStage.PAUSING,
    AuditStage.STOPPING,
    AuditStage.YIELDING,
    AuditStage.WAITING,
)

QUIET_MS = 400
"""So long nobody else must want the compute thread before an audit that made way goes on:
whoever got a prediction asks for the next one, and going on has a price."""


@dataclass(frozen=True)
class CellStanding:
    """A cell of the audit at hand.

    Attributes:
        state: as in the store: waiting, running, done, failed, cancelled.
        reason: why it failed.
        rows: samples judged so far; `right_before` and `right_after` of them without and with the
            attack, None where that is known to the store alone.
        given_up: somebody asked to leave it alone, and the audit has not heeded that yet.
    """

    cell: Cell
    state: str = "waiting"
    reason: str = ""
    batches_done: int = 0
    batches: int = 0
    rows: int = 0
    right_before: int | None = None
    right_after: int | None = None
    given_up: bool = False

    @property
    def ended(self) -> bool:
        return self.state in ("done", "failed", "cancelled")


@dataclass(frozen=True)
class StoredAudit:
    """What the store in a folder says: title, plan and cells in the order of work."""

    folder: Path
    plan: AuditPlan
    cells: tuple[CellRecord, ...]

    @property
    def unfinished(self) -> bool:
        """Some cell has no figures yet; going on with the audit tries it (again)."""
        return any(record.state != "done" for record in self.cells)


def audits_folder() -> Path:
    """Where audits go if nobody says otherwise."""
    return Path(platformdirs.user_data_dir("MedAdv Desktop", appauthor=False)) / "audits"


def audits_of(controller: Controller) -> Audits:
    """The one state of this kind that belongs to a controller; made when it is first asked for."""
    found = controller.findChild(Audits)
    return found if found is not None else Audits(controller)


class Audits(QObject):
    """Begins, pauses, orders and ends the audit, and tells how it stands.

    Signals:
        changed: another audit is at hand, its stage is another, or the order of its cells is.
        progressed: a frozenset of ids of cells that stand otherwise; at most 15 a second.
        ended: the audit in this folder came to an end, whichever it was; after `changed`.
        opened: somebody wants to look at the audit in this folder (what it found).

    Attributes:
        folder: of the audit at hand, None for none.
        plan: its plan.
        outcome: how it ended, None before, or where it ended without an answer.
        failure: why the whole audit failed, where no cell is to blame.
    """

    changed = Signal()
    progressed = Signal(object)
    ended = Signal(object)
    opened = Signal(object)

    def __init__(self, controller: Controller) -> None:
        super().__init__(controller)
        self._controller = controller
        self._desk = controller.librarian.desk
        self.stage = AuditStage.NONE
        self.folder: Path | None = None
        self.plan: AuditPlan | None = None
        self.outcome: AuditFinished | None = None
        self.failure: Failure | None = None
        self._cells: dict[str, CellStanding] = {}
        self._order: tuple[str, ...] = ()
        self._control: AuditControl | None = None
        self._job_id: int | None = None
        self._fresh: set[str] = set()
        self._clock: Callable[[], float] = time.monotonic
        self._last = -1.0
        self._pause = QTimer(self, singleShot=True)
        self._pause.timeout.connect(self._tell)
        self._quiet = QTimer(self, singleShot=True, interval=QUIET_MS)
        self._quiet.timeout.connect(self._go_on)
        self._desk.computing_changed.connect(self._make_way)
        self._desk.stopped.connect(self._quiet.stop)

    # ------------------------------------------------------------------ what is known

    @property
    def running(self) -> bool:
        return self.stage.running

    @property
    def cells(self) -> tuple[CellStanding, ...]:
        """Every cell, in the order of work."""
        return tuple(self._cells.values())

    def cell(self, cell_id: str) -> CellStanding | None:
        return self._cells.get(cell_id)

    @property
    def resumable(self) -> bool:
        """It is at rest, and some cell of it has no figures yet."""
        return (
            self.folder is not None
            and not self.running
            and any(c.state != "done" for c in self.cells)
        )

    @property
    def job(self) -> Job | None:
        """Its entry in the list of jobs, None before it was handed in."""
        return None if self._job_id is None else self._desk.job(self._job_id)

    # ------------------------------------------------------------------ what is wanted

    def start(self, folder: Path, plan: AuditPlan) -> bool:
        """Begin an audit in a new folder.

        Returns whether it has begun: not where one is running; and where a model has code that
        nobody has agreed to, it begins when somebody has.
        """
        from medadv_desktop.audit.plan.cells import cells_of

        def begin() -> None:
            if not self.running:
                self._take(folder, plan, (CellStanding(cell) for cell in cells_of(plan)))
                self._hand_in(plan)

        if self.running:
            return False
        return with_consent(self._controller, [m.model for m in plan.models], begin)

    def resume(self, folder: Path | None = None) -> bool:
        """Go on with an audit, the one at hand if no other is named; False where one is running.

        A store that cannot be read is told in the strip of messages.
        """
        folder = folder or self.folder
        if self.running or folder is None:
            return False
        if folder != self.folder:
            self._take(folder, None, ())
        elif self.plan is not None and not _has_store(folder):
            return self.start(folder, self.plan)  # it was stopped before it had begun
        self.failure = None
        self._set_stage(AuditStage.OPENING)

        def read(stored: StoredAudit) -> None:
            wanted, given_up = self._wishes()
            self._take(folder, stored.plan, map(_standing, stored.cells))
            self._rearrange(wanted)
            self._set_stage(AuditStage.PAUSED)  # it stays so where the code of a model is refused
            models = [m.model for m in stored.plan.models]
            with_consent(self._controller, models, lambda: go_on(wanted, given_up))

        def go_on(wanted: Sequence[str], given_up: Sequence[str]) -> None:
            if not self.running and self.folder == folder:
                self._hand_in(None, wanted, given_up)

        def failed(failure: Failure) -> None:
            self.failure = failure
            self._end(AuditStage.FAILED)

        self._read(folder, read, failed)
        return True

    def show(self, folder: Path) -> None:
        """Look at what the audit in a folder found."""
        self.opened.emit(folder)

    def pause(self) -> None:
        """Stop after the batch in flight."""
        if self.stage is AuditStage.WAITING:
            self._end(AuditStage.PAUSED)
        elif self.stage.pausable and self._control is not None:
            self._control.pause()
            self._set_stage(AuditStage.PAUSING)

    def cancel(self) -> None:
        """Stop at once; the batch in flight is lost, and nothing else."""
        if self.stage is AuditStage.WAITING:
            self._end(AuditStage.CANCELLED)
        elif self.stage.stoppable and self._job_id is not None:
            self._set_stage(AuditStage.STOPPING)
            self._controller.cancel(self._job_id)

    def reorder(self, cells: Sequence[str]) -> None:
        """Work on these cells first, in this order; what is done stays done."""
        self._rearrange(tuple(cells))
        if self._control is not None and self.running:
            self._control.reorder(self._order)
        self.changed.emit()

    def give_up(self, cell_id: str) -> None:
        """Leave a cell alone; its finished batches stay, and a resumed audit asks again."""
        standing = self._cells.get(cell_id)
        if standing is None or standing.ended or standing.given_up:
            return
        self._cells[cell_id] = replace(standing, given_up=True)
        if self._control is not None and self.running:
            self._control.give_up(cell_id)
        self._note(cell_id)

    # ------------------------------------------------------------------ its story

    def _take(self, folder: Path, plan: AuditPlan | None, cells: Iterable[CellStanding]) -> None:
        self.folder, self.plan = folder, plan
        self.outcome = self.failure = None
        self._job_id = self._control = None
        self._cells = {c.cell.id: c for c in cells}
        self._order = ()
        self._fresh.clear()

    def _wishes(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The order that was asked for while nothing ran, and the cells to be left alone."""
        return self._order, tuple(i for i, c in self._cells.items() if c.given_up)

    def _hand_in(
        self,
        plan: AuditPlan | None,
        order: Sequence[str] = (),
        given_up: Sequence[str] = (),
        *,
        again: bool = True,
    ) -> None:
        from medadv_desktop.audit.runs import AuditControl, AuditRequest

        self._control = AuditControl()
        if order:
            self._control.reorder(order)
        for cell_id in given_up:
            self._control.give_up(cell_id)
            self._cells[cell_id] = replace(self._cells[cell_id], given_up=True)
        name = self.plan.name if self.plan is not None else self.folder.name
        audience = Audience(
            self.tr("Audit {name}").format(name=name),
            self._finished,
            partial=self._heard,
            failed=self._failed,
            ended=self._job_ended,
        )
        request = AuditRequest(self.folder, plan, self._control, again=again)
        self._job_id = self._controller.librarian.compute(request, audience)
        self._set_stage(AuditStage.RUNNING)

    def _heard(self, value: object) -> None:
        from medadv_desktop.audit.runs import CellProgress

        if not isinstance(value, CellProgress):
            return  # a preview of the attack that is running
        standing = self._cells.get(value.cell)
        if standing is None:
            return
        self._cells[value.cell] = CellStanding(
            standing.cell,
            value.state,
            value.reason,
            value.batches_done,
            value.batches,
            value.rows,
            value.right_before,
            value.right_after,
            standing.given_up and value.state in ("waiting", "running"),
        )
        self._note(value.cell)

    def _make_way(self) -> None:
        """Whoever came after the audit would wait for all of it."""
        if self.stage is AuditStage.RUNNING and self._control is not None:
            if any(job_id > (self._job_id or 0) for job_id in self._desk.computing):
                self._control.pause()
                self._set_stage(AuditStage.YIELDING)
        elif self.stage is AuditStage.WAITING:
            self._wait_for_quiet()

    def _wait_for_quiet(self) -> None:
        if self._desk.computing or self._controller.background.stopping:
            self._quiet.stop()
        else:
            self._quiet.start()

    def _go_on(self) -> None:
        if self.stage is not AuditStage.WAITING or self._desk.computing:
            return
        if not self._controller.background.stopping:
            self._hand_in(None, *self._wishes(), again=False)

    def _finished(self, answer: AuditFinished) -> None:
        if self.stage is AuditStage.YIELDING and answer.state == "paused":
            self._control = None
            self._set_stage(AuditStage.WAITING)
            self._wait_for_quiet()
            return
        self.outcome = answer
        self._end(AuditStage(answer.state))

    def _failed(self, failure: Failure) -> None:
        self.failure = failure
        self._controller.notices.add_failure(self.tr("Running an audit"), failure)
        self._end(AuditStage.FAILED)

    def _job_ended(self) -> None:
        job = self.job
        if job is not None and job.state is JobState.CANCELLED:
            self._end(AuditStage.CANCELLED)

    def _end(self, stage: AuditStage) -> None:
        self._control = None
        self._quiet.stop()
        self._tell()
        for cell_id, standing in self._cells.items():
            if standing.state == "running":
                self._cells[cell_id] = replace(standing, state="waiting")
        self._set_stage(stage)
        self.ended.emit(self.folder)
        self._look_again()

    def _look_again(self) -> None:
        """How its cells stand after its end is what the store says."""
        folder = self.folder
        if self._controller.background.stopping:
            return

        def read(stored: StoredAudit) -> None:
            if self.folder != folder or self.running:
                return
            for record in stored.cells:
                if (known := self._cells.get(record.cell.id)) is not None:
                    new = _standing(record)
                    if new.rows == known.rows and new.right_before is None:
                        new = replace(
                            new, right_before=known.right_before, right_after=known.right_after
                        )
                    self._cells[record.cell.id] = new
            if not stored.unfinished and self.stage is AuditStage.CANCELLED:
                self.stage = AuditStage.DONE  # the stop came too late
            self.changed.emit()

        self._read(folder, read, quiet=True)

    # ------------------------------------------------------------------ inside

    def _set_stage(self, stage: AuditStage) -> None:
        self.stage = stage
        self.changed.emit()

    def _rearrange(self, first: Sequence[str]) -> None:
        known = [i for i in first if i in self._cells]
        rest = [i for i in self._cells if i not in set(known)]
        self._cells = {i: self._cells[i] for i in (*known, *rest)}
        self._order = tuple(self._cells) if known else ()

    def _note(self, cell_id: str) -> None:
        """A cell stands otherwise: tell it now, or with others a little later."""
        self._fresh.add(cell_id)
        if self._pause.isActive():
            return
        wait = self._last + 1 / MOST_UPDATES_PER_SECOND - self._clock()
        if wait <= 0:
            self._tell()
        else:
            self._pause.start(round(1000 * wait) + 1)

    def _tell(self) -> None:
        self._pause.stop()
        if self._fresh:
            fresh, self._fresh = frozenset(self._fresh), set()
            self._last = self._clock()
            self.progressed.emit(fresh)

    def _read(
        self,
        folder: Path,
        done: Callable[[StoredAudit], None],
        failed: Callable[[Failure], None] | None = None,
        *,
        quiet: bool = False,
    ) -> None:
        doing = self.tr("Opening an audit")

        def told(failure: Failure) -> None:
            if not quiet:
                self._controller.notices.add_failure(doing, failure)
            if failed is not None:
                failed(failure)

        audience = Audience(doing, done, failed=told)
        self._desk.read(lambda *_: stored_audit(folder), Urgency.FRAME, audience)


def stored_audit(folder: Path) -> StoredAudit:
    """What the store in a folder says. Off the GUI thread.

    Raises:
        AuditError: there is no store, or it cannot be used.
        PlanError: its plan is of a newer program.
    """
    from medadv_desktop.audit.store.store import AuditStore

    with AuditStore.open(folder) as store:
        return StoredAudit(folder, store.plan, store.cells())


def _has_store(folder: Path) -> bool:
    from medadv_desktop.audit.store.store import STORE_NAME

    return (folder / STORE_NAME).exists()


def _standing(record: CellRecord) -> CellStanding:
    # Nobody works on it: what a store calls running was interrupted.
    state = "waiting" if record.state in ("running", "cancelled") else record.state
    before, after = (_count(record, name) for name in ("clean_accuracy", "robust_accuracy"))
    return CellStanding(
        record.cell,
        state,
        record.reason,
        record.batches_done,
        record.batches,
        record.rows,
        before,
        before if after is None and record.cell.kind == "clean" else after,
    )


def _count(record: CellRecord, name: str) -> int | None:
    """How many samples a rate of a finished cell counts; None where it is not known."""
    found = record.outcome.figures if record.outcome is not None else {}
    rate = found.get("figures", found).get(name)
    return rate.get("count") if isinstance(rate, dict) else None
