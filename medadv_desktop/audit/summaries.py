"""What a list tells of an audit, as plain values. Nothing else is imported:
the window shows these before whatever reads a store has been imported.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from medadv_desktop.audit.store.records import AuditState


@dataclass(frozen=True)
class Headline:
    """A share with its 95 % interval, in [0, 1], and the cell it is of.

    Attributes:
        cell: id; `model` and `title` tell it to people.
    """

    value: float
    low: float
    high: float
    cell: str
    model: str
    title: str


@dataclass(frozen=True)
class AuditRun:
    """What a list tells of an audit.

    Attributes:
        folder: of the run.
        state: of the whole, by its cells; "paused" where some wait behind others that are done.
        at_work: a process runs it now; "running" without one was interrupted.
        changed: when something was last written to its store, UTC.
        models, datasets, attacks: ids of the plan.
        cells, done, failed: how many there are, have figures, and have failed.
        samples: rows in the store, over all cells.
        clean, robust: lowest clean and lowest robust accuracy over the cells that are done; None
            where there is none.
    """

    folder: Path
    name: str
    state: AuditState
    at_work: bool
    changed: datetime
    models: tuple[str, ...]
    datasets: tuple[str, ...]
    attacks: tuple[str, ...]
    cells: int
    done: int
    failed: int
    samples: int
    clean: Headline | None
    robust: Headline | None
    tags: tuple[str, ...] = ()
    notes: str = ""


@dataclass(frozen=True)
class BrokenRun:
    """A folder that should hold an audit, and why it cannot be read."""

    folder: Path
    reason: str

    @property
    def name(self) -> str:
        return self.folder.name
