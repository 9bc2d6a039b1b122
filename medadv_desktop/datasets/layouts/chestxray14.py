"""NIH ChestX-ray14: Data_Entry_2017*.csv, train_val_list.txt, test_list.txt, PNG files.

Wang et al., "ChestX-ray8", CVPR 2017. The header of the table holds commas inside brackets that are
not quoted, so its last columns have halves of names; none of them matters here.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from medadv_desktop.datasets.columns import CodedColumn
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
from medadv_desktop.datasets.problems import ProblemKind, ProblemLog
from medadv_desktop.datasets.tables import open_table
from medadv_desktop.datasets.tabular import TableLayout, TablePart, read_tables
from medadv_desktop.jobs import CancelToken, Emit

ID = "chestxray14"
COLUMNS = ("Image Index", "Finding Labels", "Follow-up #", "Patient ID")

FINDINGS = (
    *("Atelectasis", "Cardiomegaly", "Effusion", "Infiltration", "Mass", "Nodule", "Pneumonia"),
    *("Pneumothorax", "Consolidation", "Edema", "Emphysema", "Fibrosis", "Pleural_Thickening"),
    "Hernia",
)
"""The 14 findings in the order of CheXNet (Rajpurkar et al., arXiv 1711.05225)."""

LISTS = (("train_val", "train_val_list.txt"), ("test", "test_list.txt"))

_LAYOUT = TableLayout(
    ID,
    ColumnRoles(image="Image Index", labels=("Finding Labels",), patient="Patient ID"),
    LabelScheme(kind="findings", classes=FINDINGS, task="multi-label"),
)


def open_chestxray14(
    path: Path, options: DatasetOptions, token: CancelToken, emit: Emit
) -> Dataset:
    tables = tables_with(path, COLUMNS)
    if not tables:
        raise nothing_there(path, f"table with the columns {', '.join(COLUMNS)}")
    # An older and a newer version of the table may lie side by side: the last name is the newer.
    table = open_table(tables[-1], options)
    dataset = read_tables([TablePart(table)], _LAYOUT, options, table.path.parent, token, emit)
    lists = {split: table.path.parent / name for split, name in LISTS}
    lists = {split: file for split, file in lists.items() if file.is_file()}
    dataset = replace(dataset, name=folder_of(path).name)
    return _with_lists(dataset, lists) if lists and not dataset.roles.split else dataset


def _with_lists(dataset: Dataset, lists: dict[str, Path]) -> Dataset:
    """Splits as the lists of image names say; what they name in vain is noted."""
    log = ProblemLog()
    log.extend(dataset.problems)
    places = {name: i for i, name in enumerate(_ids(dataset))}
    codes = np.zeros(len(dataset), np.int32)
    for code, (split, file) in enumerate(lists.items(), start=1):
        lines = file.read_text("utf-8-sig", errors="replace").splitlines()
        for number, line in enumerate(lines, start=1):
            name = line.strip()
            at = places.get(name)
            if at is not None:
                codes[at] = code
            elif name:
                text = f"{name!r} is in the list of {split} and not in the table"
                log.add(ProblemKind.LISTED_ELSEWHERE, text, file, number)
    columns = replace(dataset.columns, splits=CodedColumn(codes, ("", *lists)))
    return replace(dataset, columns=columns, problems=log.frozen())


def _ids(dataset: Dataset) -> list[str]:
    return [dataset.columns.ids[i] for i in range(len(dataset))]


CHESTXRAY14 = Layout(ID, "NIH ChestX-ray14", by_header(ID, COLUMNS), open_chestxray14)
