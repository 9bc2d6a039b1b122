"""Any table with a column of images and a column, or columns, of labels."""

from __future__ import annotations

import contextlib
from pathlib import Path

from medadv_desktop.datasets.dataset import ColumnRoles, Dataset
from medadv_desktop.datasets.layouts.layout import Layout, Recognition, peek, tables_at
from medadv_desktop.datasets.options import DatasetOptions
from medadv_desktop.datasets.problems import Guess
from medadv_desktop.datasets.roles import find_roles
from medadv_desktop.datasets.tables import is_table, open_table
from medadv_desktop.datasets.tabular import SPLIT_WORDS, TableLayout, TablePart, read_tables
from medadv_desktop.errors import DatasetError
from medadv_desktop.jobs import CancelToken, Emit

ID = "manifest"


def recognise(path: Path) -> Recognition | None:
    if path.is_file():
        readable = bool(_readable(path, DatasetOptions()))
        sure = 0.7 if readable else 0.3
        return Recognition(ID, sure, "it is a table") if readable or is_table(path) else None
    tables = _readable(path, DatasetOptions())
    if len(tables) == 1 or _split_tables(tables):
        return Recognition(ID, 0.6, f"it holds the table {tables[0].name}")
    return Recognition(ID, 0.2, f"it holds {len(tables)} tables") if tables else None


def open_manifest(path: Path, options: DatasetOptions, token: CancelToken, emit: Emit) -> Dataset:
    tables = _readable(path, options) or tables_at(path)
    splits = _split_tables(tables) if path.is_dir() else {}
    if not splits and len(tables) != 1:
        listed = ", ".join(t.name for t in tables[:10])
        raise DatasetError(
            f"holds several tables: {listed}" if tables else "holds no table",
            subject=path,
            remedy="Open the one that names the images",
        )
    guesses: tuple[Guess, ...] = ()
    if splits:
        listed = ", ".join(f"{t.name} is {s}" for t, s in splits.items())
        guesses = (Guess(f"Each table is a split: {listed}", "by their names"),)
    parts = [TablePart(open_table(t, options), splits.get(t, "")) for t in splits or tables]
    root = path if path.is_dir() and splits else parts[0].table.path.parent
    return read_tables(parts, TableLayout(ID, guesses=guesses), options, root, token, emit)


def _readable(path: Path, options: DatasetOptions) -> list[Path]:
    """Of the tables at a path, those with columns that can be images and labels."""
    found = []
    for file in tables_at(path):
        table = peek(file)
        with contextlib.suppress(DatasetError):
            if table is not None and find_roles(table, options, ColumnRoles()):
                found.append(file)
    return found


def _split_tables(tables: list[Path]) -> dict[Path, str]:
    """train.csv, val.csv, ... of equal columns: each table with its split; {} where not so."""
    splits = {t: SPLIT_WORDS.get(t.stem.lower(), "") for t in tables}
    headers = {h.header if (h := peek(t)) else () for t in tables}
    if len(tables) < 2 or len(headers) != 1 or not all(splits.values()):
        return {}
    return splits if len(set(splits.values())) == len(tables) else {}


MANIFEST = Layout(ID, "Table of paths and labels", recognise, open_manifest)
