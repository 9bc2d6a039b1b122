"""ISIC challenge ground truth of the classification tasks of 2016, 2017 and 2018.

2016 (part 3): no header; image id and "benign"/"malignant" (training) or 0.0/1.0 (test).
2017 (part 3): image_id, melanoma, seborrheic_keratosis; neither means nevus.
2018 (task 3): image, MEL, NV, BCC, AKIEC, BKL, DF, VASC; exactly one is 1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from medadv_desktop.datasets.columns import CodedColumn
from medadv_desktop.datasets.dataset import ColumnRoles, Dataset
from medadv_desktop.datasets.labelling import LabelScheme
from medadv_desktop.datasets.layouts.layout import (
    Layout,
    Recognition,
    has_columns,
    nothing_there,
    peek,
    tables_at,
)
from medadv_desktop.datasets.options import DatasetOptions
from medadv_desktop.datasets.problems import Guess, ProblemLog
from medadv_desktop.datasets.tables import Table, open_table
from medadv_desktop.datasets.tabular import TableLayout, TablePart, read_tables
from medadv_desktop.jobs import CancelToken, Emit

ID = "isic"
CLASSES_2018 = ("MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC")
COLUMNS_2017 = ("image_id", "melanoma", "seborrheic_keratosis")

_SPLIT = re.compile(r"(?<![a-z])(training|validation|test)(?![a-z])", re.IGNORECASE)
_SPLIT_NAMES = {"training": "train", "validation": "val", "test": "test"}


@dataclass(frozen=True)
class Year:
    """One year's form of the table. `columns` is () where it has no header."""

    name: str
    columns: tuple[str, ...]
    layout: TableLayout


YEARS = (
    Year(
        "2018",
        ("image", *CLASSES_2018),
        TableLayout(
            ID,
            ColumnRoles(image="image", labels=CLASSES_2018),
            LabelScheme(kind="columns", classes=CLASSES_2018, task="single-label"),
        ),
    ),
    Year(
        "2017",
        COLUMNS_2017,
        TableLayout(
            ID,
            ColumnRoles(image="image_id", labels=COLUMNS_2017[1:]),
            LabelScheme(
                kind="columns",
                classes=COLUMNS_2017[1:],
                task="single-label",
                remainder="nevus",
            ),
            (Guess("Neither melanoma nor seborrheic keratosis means nevus", "ISIC 2017, part 3"),),
        ),
    ),
    Year(
        "2016",
        (),
        TableLayout(
            ID,
            ColumnRoles(image="column 1", labels=("column 2",)),
            LabelScheme(
                kind="category",
                classes=("benign", "malignant"),
                written=(("0", "benign"), ("1", "malignant")),
            ),
            (Guess("0 means benign and 1 malignant", "ISIC 2016, part 3"),),
        ),
    ),
)


def recognise(path: Path) -> Recognition | None:
    year, tables = _found(path)
    if year is None:
        return None
    return Recognition(ID, 0.95, f"{tables[0].name} is ground truth of ISIC {year.name}")


def open_isic(path: Path, options: DatasetOptions, token: CancelToken, emit: Emit) -> Dataset:
    year, tables = _found(path)
    if year is None:
        raise nothing_there(path, "ground truth of ISIC 2016, 2017 or 2018")
    parts = [
        TablePart(open_table(t, options, headless=not year.columns), _split_of(t)) for t in tables
    ]
    guesses = tuple(
        Guess(f"{p.table.path.name} is the split {p.split}", "by its name")
        for p in parts
        if p.split
    )
    layout = replace(year.layout, guesses=(*year.layout.guesses, *guesses))
    root = path if path.is_dir() else path.parent
    dataset = read_tables(parts, layout, options, root, token, emit)
    dataset = replace(dataset, name=path.name if path.is_dir() else path.stem)
    return _with_lesions(dataset, root) if year.name == "2018" else dataset


def _found(path: Path) -> tuple[Year | None, list[Path]]:
    """The latest year of which there are tables, and these tables."""
    tables = tables_at(path)
    for year in YEARS:
        fitting = [t for t in tables if _is_of(year, t)]
        if fitting:
            return year, fitting
    return None, []


def _is_of(year: Year, path: Path) -> bool:
    if year.columns:
        return has_columns(peek(path), year.columns)
    table = peek(path, headless=True)
    return table is not None and len(table.header) == 2 and _is_2016(table)


def _is_2016(table: Table) -> bool:
    words = {row[1].strip().lower() for row in table.head}
    ids = all(re.fullmatch(r"ISIC_\d{7}", row[0].strip()) for row in table.head)
    return ids and words <= {"benign", "malignant", "0", "1", "0.0", "1.0", ""}


def _split_of(path: Path) -> str:
    found = _SPLIT.search(path.stem)
    return _SPLIT_NAMES[found.group(1).lower()] if found else ""


def _with_lesions(dataset: Dataset, root: Path) -> Dataset:
    """Images of one lesion belong together: 2018 has a table that groups them."""
    groups = next(
        (t for t in tables_at(root) if has_columns(peek(t), ("image", "lesion_id"))), None
    )
    if groups is None or dataset.roles.patient:
        return dataset
    table = open_table(groups, DatasetOptions())
    image, lesion = table.column("image"), table.column("lesion_id")
    if image is None or lesion is None:
        return dataset
    log = ProblemLog()
    log.extend(dataset.problems)
    lesions = {r[image].strip(): r[lesion].strip() for c in table.chunks(log) for r in c.rows}
    ids = dataset.columns.ids
    patients = CodedColumn.of(lesions.get(ids[i], "") for i in range(len(ids)))
    guess = Guess(
        f"Images of one lesion are kept together like those of one patient: {groups.name}",
        "no table names patients",
    )
    return replace(
        dataset,
        columns=replace(dataset.columns, patients=patients),
        guesses=(*dataset.guesses, guess),
        problems=log.frozen(),
    )


ISIC = Layout(ID, "ISIC challenge 2016, 2017, 2018", recognise, open_isic)
