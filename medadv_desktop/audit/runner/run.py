"""A whole audit: its cells in order, whatever fails; stored batch by batch, resumed at will."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

import torch

from medadv_desktop.analysis.metrics.areas import Draw
from medadv_desktop.audit.devices import device_title, versions
from medadv_desktop.audit.plan.cells import Cell
from medadv_desktop.audit.plan.files import write_plan
from medadv_desktop.audit.plan.schema import AuditPlan
from medadv_desktop.audit.runner.bench import Bench, columns_of
from medadv_desktop.audit.runner.cell_run import CellRun
from medadv_desktop.audit.runner.doubts import doubt
from medadv_desktop.audit.runner.outcome import figures_of_cell
from medadv_desktop.audit.runner.shards import gathered, own_store, tell_losses
from medadv_desktop.audit.runner.team import Team
from medadv_desktop.audit.runs import AuditFinished, AuditRequest, CellFailure, CellProgress
from medadv_desktop.audit.shelf import ModelShelf
from medadv_desktop.audit.store.records import AuditState, Batch, CellOutcome, CellState, Rows
from medadv_desktop.audit.store.store import AuditStore
from medadv_desktop.errors import AuditError, ExportError, MedAdvError
from medadv_desktop.jobs import CancelToken, Emit, Partial, Progress

PLAN_NAME: Final = "plan.toml"
SCRATCH: Final = "scratch"


class _Paused(BaseException):
    """The control asks to stop, or to leave this cell, after the batch that was stored."""


def run_audit(
    shelf: ModelShelf,
    request: AuditRequest,
    emit: Emit,
    token: CancelToken,
    *,
    team: Team | None = None,
) -> AuditFinished:
    """Run an audit, or go on with one; see `AuditRequest`.

    A cell that fails keeps its reason and the others go on; going on later tries it again.

    Args:
        team: the processes that share the work (`team.join_team`); None for this one alone.

    Raises:
        PlanError, AuditError: no plan, or a folder that cannot be used.
        ExportError: nothing can be stored.
        JobCancelled: the token was cancelled; what was finished is stored.
    """
    team = team or Team()
    began = time.perf_counter()
    with ExitStack() as stack:
        if team.leads:
            if request.plan is None:
                AuditStore.open(request.folder).close()  # before anything is made there
            stack.enter_context(_alone_in(request.folder))
            _prepare(request, emit)
        team.meet("the audit was prepared")
        store = stack.enter_context(own_store(request.folder, team))
        run = _Run(shelf, request, store, emit, token, team)
        stack.enter_context(run.scratch())
        run.go()
        team.meet("the batches were computed")
        if not team.leads:
            return run.finished(began)
        if not team.alone:
            store.close()
            store = stack.enter_context(gathered(request.folder))
            run.store = store
        run.conclude()
        return run.finished(began)


def _prepare(request: AuditRequest, emit: Emit) -> None:
    """The store and the kept plan, and what is left of an earlier run."""
    folder = request.folder
    if request.plan is not None:
        with AuditStore.create(folder, request.plan) as store:
            store.put("created", datetime.now(UTC).isoformat(timespec="seconds"))
            store.put("name", request.plan.name)
        write_plan(request.plan, folder / PLAN_NAME)
        return
    tell_losses(folder, emit)
    with gathered(folder) as store:
        open_states = ("failed", "cancelled", "running") if request.again else ("running",)
        for record in store.cells():
            if record.state in open_states:
                store.mark(record.cell.id, "waiting")
        plan = store.plan
    if not (folder / PLAN_NAME).is_file():
        write_plan(plan, folder / PLAN_NAME)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Refuse a folder that another process works in. The lock goes with its process.

    Raises:
        AuditError: another process works there.
        ExportError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = sqlite3.connect(folder / ".lock", isolation_level=None, timeout=0,
                               check_same_thread=False)  # fmt: skip
    except (OSError, sqlite3.Error) as error:
        raise ExportError(f"cannot be written ({error})", subject=folder) from None
    try:
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            raise AuditError(
                "is being worked on by another process",
                subject=folder,
                remedy="Wait for it, or stop it first",
            ) from None
        yield
    finally:
        lock.close()


class _Run:
    """One audit under way in one process."""

    def __init__(
        self,
        shelf: ModelShelf,
        request: AuditRequest,
        store: AuditStore,
        emit: Emit,
        token: CancelToken,
        team: Team,
    ) -> None:
        self.shelf = shelf
        self.request = request
        self.store = store
        self.emit = emit
        self.token = token
        self.team = team
        self.plan: AuditPlan = store.plan
        self.bench = Bench(
            plan=self.plan,
            shelf=shelf,
            folder=request.folder,
            scratch=request.folder / f"{SCRATCH}-{team.rank}",
            cache=request.cache,
            emit=emit,
            token=token,
            kept_bytes=store.image_bytes(),
        )
        self._batches: dict[str, int] = {}
        self._checked: set[tuple[str, str]] = set()
        self._rights: dict[str, tuple[int, int]] = {}
        self._seen = {record.cell.id: record for record in store.cells()}
        self._paused = False

    @contextmanager
    def scratch(self) -> Iterator[None]:
        """Room for prepared inputs, which a process that was killed may have left behind."""
        folder = self.bench.scratch
        shutil.rmtree(folder, ignore_errors=True)
        try:
            folder.mkdir(parents=True)
        except OSError as error:
            raise ExportError(f"cannot be made ({error})", subject=folder) from None
        try:
            yield
        finally:
            self.bench.let_go()
            shutil.rmtree(folder, ignore_errors=True)

    def go(self) -> None:
        """All cells that wait, in order."""
        if self.team.leads and not self.team.alone:
            self._train_first()
        self.team.meet("generators were trained")
        tried: set[str] = set()
        settled = ("done",) if self.request.again else ("done", "failed", "cancelled")
        while not self._paused:
            self._reorder()
            waiting = [
                r for r in self.store.cells()
                if r.state not in settled and r.cell.id not in tried
                and not self.request.control.is_given_up(r.cell.id)
            ]  # fmt: skip
            if not waiting:
                return
            cell = waiting[0].cell
            try:
                if self._guarded(cell, partial(self._work_through, cell)):
                    tried.add(cell.id)
            except _Paused:
                if self.request.control.paused:
                    self._paused = True
                    self._mark(cell, "waiting")
                elif self.request.control.is_given_up(cell.id):
                    self._mark(cell, "cancelled", "given up")
                else:  # another cell was moved before it
                    self._mark(cell, "waiting")

    def _train_first(self) -> None:
        """Generators before the team begins: one process makes them, all use the files."""
        for record in self.store.cells():
            entry = next((a for a in self.plan.attacks if a.id == record.cell.name), None)
            if record.state == "done" or entry is None or entry.train is None:
                continue
            self._guarded(record.cell, partial(self._train, record.cell))

    def _train(self, cell: Cell) -> bool:
        self.bench.attack_of(cell)
        return True

    def _guarded(self, cell: Cell, job: Callable[[], bool]) -> bool:
        """Do a job for a cell; what it raises makes the cell fail, and the others go on."""
        try:
            return job()
        except MedAdvError as error:
            reason = str(error)
        except torch.OutOfMemoryError:
            self.shelf.clear()
            reason = "the device ran out of memory with a single image"
        except Exception as error:  # whatever a foreign model raises
            reason = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        self._mark(cell, "failed", reason)
        return True

    def _reorder(self) -> None:
        order = self.request.control.take_order()
        if order:
            self.store.reorder(order)

    def _work_through(self, cell: Cell) -> bool:
        """All batches of a cell that are this process's, and in a team of one its figures."""
        self._check_unchanged(cell)
        work, judges = self.bench.work(cell)
        work.check()
        bounds = self.bench.batches(cell.dataset)
        done = self.store.done_batches(cell.id)
        offset = int(cell.id[:8], 16)
        mine = [k for k in range(len(bounds)) if k not in done and self.team.takes(offset + k)]
        self.store.begin_cell(cell.id, len(bounds))
        self._look(cell.id)
        if done and cell.id not in self._rights:
            rows = self.store.rows(cell.id)
            still = rows.right_before & rows.right_after
            self._rights[cell.id] = int(rows.right_before.sum()), int(still.sum())
        run = CellRun(
            cell,
            work,
            judges,
            bounds,
            mine,
            self.bench,
            self.plan.keep,
            self.request.folder,
            self._known(cell),
        )
        self._tell(cell)
        run.go(lambda batch: self._store(cell, batch), self.token)
        if self.team.alone:
            self._finish(cell, judges)
        return True

    def _known(self, cell: Cell) -> Callable[[int, int], Rows] | None:
        """Reads what the clean cell of the same model and data set stored."""
        pair = (cell.model, cell.dataset)
        clean = next(
            (
                r.cell.id
                for r in self._seen.values()
                if r.cell.kind == "clean" and (r.cell.model, r.cell.dataset) == pair
            ),
            None,
        )
        return None if clean in (None, cell.id) else partial(self.store.between, clean)

    def _check_unchanged(self, cell: Cell) -> None:
        """Model and data set are what they were when the audit began."""
        if (cell.model, cell.dataset) in self._checked:
            return
        if self.team.leads:
            self.store.record_model(self.bench.model_record(cell.model))
            self.store.record_dataset(self.bench.dataset_record(cell.dataset))
        self._checked.add((cell.model, cell.dataset))

    def _store(self, cell: Cell, batch: Batch) -> None:
        self.store.add_batch(cell.id, batch)
        seen = self._seen[cell.id]
        self._seen[cell.id] = replace(
            seen, batches_done=seen.batches_done + 1, rows=seen.rows + len(batch.rows)
        )
        before, after = self._rights.get(cell.id, (0, 0))
        still = batch.rows.right_before & batch.rows.right_after
        own = int(batch.rows.right_before.sum())
        self._rights[cell.id] = before + own, after + int(still.sum())
        self._tell(cell)
        self.token.check()
        control = self.request.control
        if control.paused or control.is_given_up(cell.id):
            raise _Paused
        order = control.take_order()
        if order:
            self.store.reorder(order)
            if next(r for r in self.store.cells() if r.state != "done").cell.id != cell.id:
                raise _Paused

    def _finish(self, cell: Cell, judges: tuple[str, ...]) -> None:
        """Figures of a cell with all of its batches."""
        rows = self.store.rows(cell.id)
        if not len(rows):
            left_out = self.store.left_out(cell.id)
            first = f"; the first: {left_out[0][2]}" if left_out else ""
            raise AuditError(f"none of its samples can be judged{first}", subject=cell.title)
        entry = self.plan.dataset(cell.dataset)
        groups = columns_of(self.bench.groups(cell.dataset), entry.groups, rows.places)
        card = self.shelf.model(self.plan.model(cell.model).model, self.token).card
        subject = self.bench.subject(cell.model, cell.dataset)
        notes = (*subject.match.notes, *subject.model.notes, *self.store.batch_notes(cell.id))
        outcome = CellOutcome(
            figures=figures_of_cell(
                cell,
                card,
                rows,
                groups=groups,
                judges=judges,
                draw=Draw(self.plan.metrics.bootstrap),
            ),
            notes=tuple(dict.fromkeys(notes)),
            device=device_title(self.shelf.device),
            versions=dict(versions()),
            judges=judges,
        )
        self.store.finish_cell(cell.id, outcome)
        self._look(cell.id)
        self._tell(cell)

    def conclude(self) -> None:
        """What needs all cells: the figures that a team left to its leader, and doubts."""
        if not self.team.alone:
            for record in self.store.cells():
                complete = record.batches and record.batches_done == record.batches
                if record.state != "done" and complete:
                    self._guarded(record.cell, partial(self._finish_shared, record.cell))
        if not self._paused:
            for model, dataset in self.plan.pairs():
                self._doubt(model.id, dataset.id)
        self.store.put("ended", datetime.now(UTC).isoformat(timespec="seconds"))

    def _finish_shared(self, cell: Cell) -> bool:
        _work, judges = self.bench.work(cell)
        self._finish(cell, judges)
        return True

    def _doubt(self, model: str, dataset: str) -> None:
        """Signs of a false sense of security, at the clean cell of a model and data set."""
        records = [
            r for r in self.store.cells()
            if (r.cell.model, r.cell.dataset) == (model, dataset) and r.state == "done"
        ]  # fmt: skip
        clean = next((r for r in records if r.cell.kind == "clean"), None)
        attacked = [r for r in records if r.cell.kind == "attack"]
        if clean is None or clean.outcome is None or not attacked or not self.plan.running.probed:
            return
        self.emit(Progress(0, 0, "looking for signs of a false sense of security"))
        try:
            found = doubt(self.bench, self.store, model, dataset, [r.cell for r in attacked])
        except MedAdvError as error:
            notes = (*clean.outcome.notes, f"no look for a false sense of security: {error}")
            outcome = replace(clean.outcome, notes=tuple(dict.fromkeys(notes)))
        else:
            plain = tuple({"sign": s.sign, "message": s.message, "remedy": s.remedy} for s in found)
            outcome = replace(clean.outcome, suspicions=plain)
        if outcome != clean.outcome:
            self.store.finish_cell(clean.cell.id, outcome)

    # Telling.

    def _mark(self, cell: Cell, state: CellState, reason: str = "") -> None:
        self.store.mark(cell.id, state, reason)
        self._look(cell.id)
        self._tell(cell)

    def _look(self, cell: str) -> None:
        """Read from the store how far a cell is; batches are counted along from there."""
        self._seen[cell] = self.store.cell(cell)

    def _tell(self, cell: Cell) -> None:
        record = self._seen[cell.id]
        before, after = self._rights.get(cell.id, (0, 0))
        self.emit(
            Partial(
                CellProgress(
                    cell.id,
                    record.state,
                    record.reason,
                    record.batches_done,
                    record.batches,
                    record.rows,
                    before,
                    after,
                )
            )
        )
        sizes = [(r, r.batches or self._expected(r.cell)) for r in self._seen.values()]
        done = sum(size if r.state == "done" else r.batches_done for r, size in sizes)
        self.emit(Progress(done, sum(size for _, size in sizes), cell.title))

    def _expected(self, cell: Cell) -> int:
        """How many batches a cell will have, as far as its data set is open."""
        if cell.dataset not in self._batches:
            try:
                self._batches[cell.dataset] = len(self.bench.batches(cell.dataset))
            except MedAdvError:
                self._batches[cell.dataset] = 1
        return self._batches[cell.dataset]

    def _state(self) -> AuditState:
        states = {r.state for r in self.store.cells()}
        if states <= {"done"}:
            return "done"
        if self._paused:
            return "paused"
        return "failed" if "failed" in states else "cancelled"

    def finished(self, began: float) -> AuditFinished:
        """How it ended."""
        records = self.store.cells()
        return AuditFinished(
            folder=self.request.folder,
            state=self._state(),
            done=sum(r.state == "done" for r in records),
            cells=len(records),
            failures=tuple(
                CellFailure(
                    r.cell.id, f"{r.cell.model} on {r.cell.dataset}: {r.cell.title}", r.reason
                )
                for r in records
                if r.state == "failed"
            ),
            seconds=time.perf_counter() - began,
        )
