"""All audits on this machine: found in folders, summed up, put into the trash. No torch."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from medadv_desktop.audit.results.reading import told
from medadv_desktop.audit.store.records import AuditState, CellRecord
from medadv_desktop.audit.store.store import STORE_NAME, AuditStore
from medadv_desktop.audit.summaries import AuditRun, BrokenRun, Headline
from medadv_desktop.errors import AuditError, ExportError, MedAdvError

TRASH: Final = ".trash"
TRASH_DAYS: Final = 30
"""How long a deleted audit can be brought back."""

TAGS, NOTES = "tags", "notes"
"""Words of a store that a user writes: tags as a JSON list, notes as text."""

LOCK_NAME: Final = ".lock"
"""Locked, as SQLite locks, by the process that runs an audit (`runner.run`)."""

_PLAN_NAME: Final = "plan.toml"


def run_folders(folders: Iterable[Path]) -> Iterator[Path]:
    """The runs in folders, each once: a folder that is one, or those right inside it, by name."""
    seen: set[Path] = set()
    for folder in folders:
        for found in _inside(folder):
            if found not in seen:
                seen.add(found)
                yield found


def read_run(folder: Path) -> AuditRun | BrokenRun:
    """What a list tells of one folder."""
    try:
        with AuditStore.open(folder) as store:
            plan, cells = store.plan, store.cells()
            tags, notes = tags_of(store), store.get(NOTES)
        changed = _changed(folder)
    except MedAdvError as error:
        return BrokenRun(folder, error.reason)
    except (OSError, ValueError) as error:
        return BrokenRun(folder, f"its store is damaged ({error})")
    except Exception as error:  # whatever a damaged store makes SQLite or the readers say
        return BrokenRun(folder, f"its store is damaged ({type(error).__name__}: {error})")
    return AuditRun(
        folder=folder,
        name=plan.name,
        state=state_of(cells),
        at_work=is_worked_on(folder),
        changed=changed,
        models=tuple(m.id for m in plan.models),
        datasets=tuple(d.id for d in plan.datasets),
        attacks=tuple(a.id for a in plan.attacks),
        cells=len(cells),
        done=sum(c.state == "done" for c in cells),
        failed=sum(c.state == "failed" for c in cells),
        samples=sum(c.rows for c in cells),
        clean=extreme(cells, "clean_accuracy"),
        robust=extreme(cells, "robust_accuracy"),
        tags=tags,
        notes=notes,
    )


def state_of(cells: Iterable[CellRecord]) -> AuditState:
    """What the states of its cells come to."""
    states = [cell.state for cell in cells]
    if "running" in states:
        return "running"
    if "waiting" in states:
        return "waiting" if set(states) == {"waiting"} else "paused"
    if "failed" in states:
        return "failed"
    return "cancelled" if "cancelled" in states else "done"


def is_worked_on(folder: Path) -> bool:
    """Whether some process, this one included, runs the audit in a folder now."""
    lock = folder / LOCK_NAME
    if not lock.is_file():
        return False
    try:
        connection = sqlite3.connect(f"{lock.absolute().as_uri()}?mode=ro", uri=True, timeout=0)
    except sqlite3.Error:
        return False
    try:
        connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        return "locked" in str(error)
    except sqlite3.Error:
        return False
    finally:
        connection.close()
    return False


def extreme(cells: Iterable[CellRecord], figure: str, *, highest: bool = False) -> Headline | None:
    """The lowest, or highest, value of a figure over cells that are done, with its cell."""
    found: Headline | None = None
    for record in cells:
        rate = told(record, figure)
        if rate is None:
            continue
        if found is not None:
            gain = rate.value - found.value if highest else found.value - rate.value
            if gain <= 0:
                continue
        low, high = (rate.value if end is None else end for end in (rate.low, rate.high))
        cell = record.cell
        found = Headline(rate.value, low, high, cell.id, cell.model, cell.title)
    return found


def tags_of(store: AuditStore) -> tuple[str, ...]:
    """The tags of an audit, in the order they were given."""
    try:
        found: Any = json.loads(store.get(TAGS) or "[]")
    except ValueError:
        return ()
    return tuple(str(tag) for tag in found) if isinstance(found, list) else ()


def keep_words(folder: Path, tags: Iterable[str], notes: str) -> None:
    """Write tags and notes into the store of a run; empty and repeated tags are dropped.

    Raises:
        AuditError, ExportError: the store cannot be used, or written.
    """
    cleaned = tuple(dict.fromkeys(tag.strip() for tag in tags if tag.strip()))
    with AuditStore.open(folder, write=True) as store:
        store.put(TAGS, json.dumps(cleaned, ensure_ascii=False))
        store.put(NOTES, notes)


# ---------------------------------------------------------------------- trash


def to_trash(folder: Path) -> Path:
    """Move a run into the trash of the folder it lies in; where it is now.

    Raises:
        ExportError: it cannot be moved.
    """
    trash = folder.parent / TRASH
    target = trash / f"{datetime.now(UTC):%Y%m%d-%H%M%S-%f}-{folder.name}"
    try:
        trash.mkdir(exist_ok=True)
        folder.rename(target)
        # Its age in the trash counts from now, not from when it was last written to.
        os.utime(target)
    except OSError as error:
        raise ExportError(
            f"cannot be moved to the trash ({error.strerror or error})",
            subject=folder,
            remedy="Close other programs that use it, or delete it by hand",
        ) from None
    return target


def from_trash(trashed: Path, folder: Path) -> None:
    """Move a run back to where it was.

    Raises:
        AuditError: there is something else by now, or it is in the trash no longer.
    """
    if folder.exists():
        raise AuditError("there is another folder now", subject=folder, remedy="Move it away first")
    try:
        trashed.rename(folder)
    except OSError as error:
        raise AuditError(
            f"cannot be brought back ({error.strerror or error})", subject=folder
        ) from None


def empty_trash(folder: Path, days: float = TRASH_DAYS) -> int:
    """Delete for good what has been in the trash of `folder` for so many days; how many runs."""
    before = (datetime.now(UTC) - timedelta(days=days)).timestamp()
    gone = 0
    with contextlib.suppress(OSError):
        for entry in (folder / TRASH).iterdir():
            if entry.is_dir() and entry.stat().st_mtime <= before:
                shutil.rmtree(entry, ignore_errors=True)
                gone += not entry.exists()
    return gone


def _inside(folder: Path) -> list[Path]:
    if (folder / STORE_NAME).is_file():
        return [folder]
    try:
        children = sorted(child for child in folder.iterdir() if child.is_dir())
    except OSError:
        return []
    return [
        child
        for child in children
        if not child.name.startswith(".")
        and any((child / name).is_file() for name in (STORE_NAME, _PLAN_NAME))
    ]


def _changed(folder: Path) -> datetime:
    """Of the store and its log; what is read from it changes neither."""
    times = [(folder / f"{STORE_NAME}{end}") for end in ("", "-wal")]
    latest = max(p.stat().st_mtime for p in times if p.exists() and p.stat().st_size)
    return datetime.fromtimestamp(latest, UTC)
