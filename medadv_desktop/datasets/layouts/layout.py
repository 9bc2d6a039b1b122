"""What a layout is, and what several of them need to recognise one."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from medadv_desktop.datasets.dataset import Dataset
from medadv_desktop.datasets.options import DatasetOptions
from medadv_desktop.datasets.tables import Table, is_table, open_table, plain
from medadv_desktop.errors import DatasetError
from medadv_desktop.jobs import CancelToken, Emit


@dataclass(frozen=True)
class Recognition:
    """A layout that a path may have.

    Attributes:
        layout: its id.
        confidence: 0 to 1, for putting several in order.
        evidence: what speaks for it, one phrase.
    """

    layout: str
    confidence: float
    evidence: str


@dataclass(frozen=True)
class Layout:
    """A way in which labelled images lie on disk. Adding one means one module and one entry.

    Attributes:
        id: short, stable.
        title: for people.
        recognise: looks at names, headers and first bytes only; None means: certainly not.
        open: reads the set; raises DatasetError or JobCancelled.
    """

    id: str
    title: str
    recognise: Callable[[Path], Recognition | None]
    open: Callable[[Path, DatasetOptions, CancelToken, Emit], Dataset]


def tables_at(path: Path) -> list[Path]:
    """The table itself, or those in a folder and its direct subfolders, in the order of names."""
    if path.is_file():
        return [path] if is_table(path) or not path.suffix else []
    found: list[Path] = []
    for folder, folders, names in os.walk(path):
        if Path(folder) != path:
            folders.clear()
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        found += [Path(folder) / n for n in sorted(names) if is_table(Path(n))]
    return found


def peek(path: Path, *, headless: bool = False) -> Table | None:
    """A table's header and first rows, or None where it is no table that can be read."""
    try:
        status = path.stat()
    except OSError:
        return None
    return _peeked(path, headless, status.st_size, status.st_mtime_ns)


@functools.lru_cache(maxsize=64)  # every layout looks at the same few headers
def _peeked(path: Path, headless: bool, size: int, mtime_ns: int) -> Table | None:
    del size, mtime_ns  # part of the cache's key only
    try:
        return open_table(path, DatasetOptions(), headless=headless)
    except (DatasetError, OSError):
        return None


def has_columns(table: Table | None, names: Iterable[str]) -> bool:
    """Whether a table was opened and has all of these columns."""
    return table is not None and {plain(n) for n in names} <= {plain(n) for n in table.header}


def tables_with(path: Path, columns: Iterable[str]) -> list[Path]:
    """Of the tables at a path, those that have all of these columns."""
    wanted = tuple(columns)
    return [t for t in tables_at(path) if has_columns(peek(t), wanted)]


def folder_of(path: Path) -> Path:
    """The folder that a path is or lies in."""
    return path if path.is_dir() else path.parent


def by_header(
    layout: str, columns: Iterable[str], confidence: float = 0.95
) -> Callable[[Path], Recognition | None]:
    """A `recognise` that goes by the columns of a table."""
    wanted = tuple(columns)

    def recognise(path: Path) -> Recognition | None:
        found = tables_with(path, wanted)
        if not found:
            return None
        evidence = f"{found[0].name} has the columns {', '.join(wanted)}"
        return Recognition(layout, confidence, evidence)

    return recognise


def nothing_there(path: Path, what: str) -> DatasetError:
    return DatasetError(
        f"holds no {what}", subject=path, remedy="Choose another layout, or another folder"
    )
