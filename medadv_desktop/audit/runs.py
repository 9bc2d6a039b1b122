"""Running an audit: what is asked, what is told while it runs, and what came of it. No torch."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from medadv_desktop.audit.plan.schema import AuditPlan
from medadv_desktop.audit.store.records import AuditState, CellState


class AuditControl:
    """What a user asks of a running audit, from any thread; it is heeded between batches."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._paused = False
        self._order: tuple[str, ...] = ()
        self._given_up: set[str] = set()

    def pause(self) -> None:
        """Stop after the batch in flight; the job ends as paused, and resuming is a new request."""
        with self._lock:
            self._paused = True

    @property
    def paused(self) -> bool:
        with self._lock:
            return self._paused

    def reorder(self, cells: Sequence[str]) -> None:
        """Work on these cells first, in this order; the cell being worked on is left for later."""
        with self._lock:
            self._order = tuple(cells)

    def give_up(self, cell: str) -> None:
        """Leave this cell alone; what it has stays, and a resumed audit asks again."""
        with self._lock:
            self._given_up.add(cell)

    def take_order(self) -> tuple[str, ...]:
        """The order asked for since the last call; () for none."""
        with self._lock:
            order, self._order = self._order, ()
            return order

    def is_given_up(self, cell: str) -> bool:
        with self._lock:
            return cell in self._given_up


@dataclass(frozen=True, eq=False)
class AuditRequest:
    """Run an audit, or go on with one. Answer: `AuditFinished`.

    While it runs, `Progress` in batches over all cells, and `Partial` of a `CellProgress` after
    every batch and change of state.

    Attributes:
        folder: of the run; made where it is missing.
        plan: None goes on with the audit in the folder; with a plan, the folder must hold none.
        control: how it is paused and reordered.
        again: cells that failed or were given up are tried again; else they stay as they are.
        cache: file of remembered digests for the fingerprints; None means the user's own.
    """

    folder: Path
    plan: AuditPlan | None = None
    control: AuditControl = field(default_factory=AuditControl)
    cache: Path | None = None
    again: bool = True


@dataclass(frozen=True)
class CellProgress:
    """A cell as it stands: batches, samples judged, and of these right before and after."""

    cell: str
    state: CellState
    reason: str
    batches_done: int
    batches: int
    rows: int
    right_before: int
    right_after: int

    @property
    def key(self) -> str:
        """News of a cell replaces older news of the same cell only (`jobs.Keyed`)."""
        return self.cell


@dataclass(frozen=True)
class CellFailure:
    """A cell that failed, by its title, with the reason."""

    cell: str
    title: str
    reason: str


@dataclass(frozen=True, eq=False)
class AuditFinished:
    """How an audit ended: done, failed (some cell did), paused or with cells given up (cancelled).

    Attributes:
        done: cells with figures, of `cells`.
        seconds: of this run alone.
    """

    folder: Path
    state: AuditState
    done: int
    cells: int
    failures: tuple[CellFailure, ...]
    seconds: float


@dataclass(frozen=True, eq=False)
class EstimateRequest:
    """What a plan will cost, from a short calibration on this machine. Answer: `Estimate`.

    Attributes:
        seconds_each: at most so long is spent on each kind of cell.
    """

    plan: AuditPlan
    seconds_each: float = 3.0


@dataclass(frozen=True)
class CellEstimate:
    """A cell, its samples, and the seconds it will take; None where it could not be tried."""

    cell: str
    title: str
    samples: int
    seconds: float | None
    reason: str = ""


@dataclass(frozen=True, eq=False)
class Estimate:
    """What a plan will cost: time, room on disk, peak memory, and what stands against it.

    Attributes:
        problems: why cells would fail: a model and data set that do not match, a missing file.
    """

    cells: tuple[CellEstimate, ...]
    seconds: float
    disk_bytes: int
    memory_bytes: int
    device: str
    problems: tuple[str, ...]
