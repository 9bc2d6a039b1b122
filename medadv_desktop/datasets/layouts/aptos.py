"""APTOS 2019 Blindness Detection: train.csv with id_code and diagnosis (0 to 4), PNG files."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from medadv_desktop.datasets.dataset import ColumnRoles, Dataset
from medadv_desktop.datasets.labelling import LabelScheme
from medadv_desktop.datasets.layouts.layout import (
    Layout,
    by_header,
    folder_of,
    nothing_there,
    tables_with,
)
from medadv_desktop.datasets.options import DatasetOptions
from medadv_desktop.datasets.problems import Guess
from medadv_desktop.datasets.tables import open_table
from medadv_desktop.datasets.tabular import SPLIT_WORDS, TableLayout, TablePart, read_tables
from medadv_desktop.jobs import CancelToken, Emit

ID = "aptos"
COLUMNS = ("id_code", "diagnosis")
GRADES = ("No DR", "Mild", "Moderate", "Severe", "Proliferative DR")

_LAYOUT = TableLayout(
    ID,
    ColumnRoles(image="id_code", labels=("diagnosis",)),
    LabelScheme(
        kind="category",
        classes=GRADES,
        written=tuple((str(g), name) for g, name in enumerate(GRADES)),
        task="single-label",
    ),
    (Guess(f"Grades 0 to 4 are: {', '.join(GRADES)}", "APTOS 2019"),),
)


def open_aptos(path: Path, options: DatasetOptions, token: CancelToken, emit: Emit) -> Dataset:
    tables = tables_with(path, COLUMNS)
    if not tables:
        raise nothing_there(path, f"table with the columns {', '.join(COLUMNS)}")
    # Copies go round in which the set is split once more: train_1.csv, valid.csv, test.csv.
    splits = [SPLIT_WORDS.get(re.sub(r"[^a-z]", "", t.stem.lower()), "") for t in tables]
    parts = [TablePart(open_table(t, options), s) for t, s in zip(tables, splits, strict=True)]
    guesses = tuple(
        Guess(f"{p.table.path.name} is the split {p.split}", "by its name")
        for p in parts
        if p.split
    )
    layout = replace(_LAYOUT, guesses=(*_LAYOUT.guesses, *guesses))
    dataset = read_tables(parts, layout, options, folder_of(path), token, emit)
    return replace(dataset, name=folder_of(path).name)


APTOS = Layout(ID, "APTOS 2019", by_header(ID, COLUMNS), open_aptos)
