"""HAM10000: the metadata table and JPEG files in one or two folders.

Tschandl, Rosendahl, Kittler, Scientific Data 5:180161, 2018.
"""

from __future__ import annotations

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
from medadv_desktop.datasets.tabular import TableLayout, TablePart, read_tables
from medadv_desktop.jobs import CancelToken, Emit

ID = "ham10000"
COLUMNS = ("lesion_id", "image_id", "dx", "dx_type", "age", "sex", "localization")
DIAGNOSES = ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")

_LAYOUT = TableLayout(
    ID,
    ColumnRoles(image="image_id", labels=("dx",), patient="lesion_id"),
    LabelScheme(kind="category", classes=DIAGNOSES, task="single-label"),
    (
        Guess(
            "Images of one lesion are kept together like those of one patient",
            "the table names lesions and no patients",
            "patient_column",
        ),
    ),
)


def open_ham10000(path: Path, options: DatasetOptions, token: CancelToken, emit: Emit) -> Dataset:
    tables = tables_with(path, COLUMNS)
    if not tables:
        raise nothing_there(path, f"table with the columns {', '.join(COLUMNS)}")
    parts = [TablePart(open_table(tables[0], options))]
    dataset = read_tables(parts, _LAYOUT, options, folder_of(path), token, emit)
    return replace(dataset, name=folder_of(path).name)


HAM10000 = Layout(ID, "HAM10000", by_header(ID, COLUMNS), open_ham10000)
