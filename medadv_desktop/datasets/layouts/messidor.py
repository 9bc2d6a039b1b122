"""Messidor and Messidor-2 grading tables.

Messidor: twelve workbooks Annotation_BaseNN.xls (or one table made of them) with "Image name",
"Ophthalmologic department", "Retinopathy grade" (0 to 3) and "Risk of macular edema" (0 to 2);
Decencière et al., Image Analysis & Stereology 33:231-234, 2014.
Messidor-2: messidor_data.csv with the adjudicated grades of Krause et al., Ophthalmology 2018 (0 to
4; empty where the image could not be graded).
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
from medadv_desktop.datasets.tables import open_table
from medadv_desktop.datasets.tabular import TableLayout, TablePart, read_tables
from medadv_desktop.jobs import CancelToken, Emit

ID, ID2 = "messidor", "messidor-2"
COLUMNS = ("Image name", "Retinopathy grade", "Risk of macular edema")
COLUMNS2 = ("image_id", "adjudicated_dr_grade")


def graded(highest: int) -> LabelScheme:
    """Grades 0 to `highest` as the classes "grade 0", "grade 1", ..."""
    return LabelScheme(
        kind="category",
        classes=tuple(f"grade {g}" for g in range(highest + 1)),
        written=tuple((str(g), f"grade {g}") for g in range(highest + 1)),
        task="single-label",
    )


_LAYOUT = TableLayout(
    ID,
    ColumnRoles(image="Image name", labels=("Retinopathy grade",), others=(COLUMNS[2],)),
    graded(3),
)
_LAYOUT2 = TableLayout(
    ID2,
    ColumnRoles(image="image_id", labels=("adjudicated_dr_grade",), others=("adjudicated_dme",)),
    graded(4),
)


def _open(
    path: Path,
    columns: tuple[str, ...],
    layout: TableLayout,
    options: DatasetOptions,
    token: CancelToken,
    emit: Emit,
) -> Dataset:
    tables = tables_with(path, columns)
    if not tables:
        raise nothing_there(path, f"table with the columns {', '.join(columns)}")
    parts = [TablePart(open_table(t, options)) for t in tables]
    dataset = read_tables(parts, layout, options, folder_of(path), token, emit)
    return replace(dataset, name=path.stem if path.is_file() else path.name)


def open_messidor(path: Path, options: DatasetOptions, token: CancelToken, emit: Emit) -> Dataset:
    return _open(path, COLUMNS, _LAYOUT, options, token, emit)


def open_messidor2(path: Path, options: DatasetOptions, token: CancelToken, emit: Emit) -> Dataset:
    return _open(path, COLUMNS2, _LAYOUT2, options, token, emit)


MESSIDOR = Layout(ID, "Messidor", by_header(ID, COLUMNS), open_messidor)
MESSIDOR2 = Layout(ID2, "Messidor-2", by_header(ID2, COLUMNS2), open_messidor2)
