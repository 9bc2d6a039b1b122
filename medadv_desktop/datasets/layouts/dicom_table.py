"""DICOM files and a table that names them by SOP Instance UID or Accession Number.

A table that names them by path is a manifest like any other.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np

from medadv_desktop.datasets.columns import CodedColumn, TextColumn
from medadv_desktop.datasets.dataset import ColumnRoles, Columns, Dataset
from medadv_desktop.datasets.layouts.layout import (
    Layout,
    Recognition,
    folder_of,
    nothing_there,
    peek,
    tables_at,
)
from medadv_desktop.datasets.options import DatasetOptions
from medadv_desktop.datasets.problems import Guess, ProblemKind, ProblemLog
from medadv_desktop.datasets.tables import open_table, plain
from medadv_desktop.datasets.tabular import TableLayout, TablePart, read_tables
from medadv_desktop.errors import DatasetError
from medadv_desktop.imaging.frame import Instance, NonImage, Unreadable
from medadv_desktop.imaging.scanning import scan
from medadv_desktop.jobs import CancelToken, Emit

ID = "dicom-table"

KEYS = {
    "sop_instance_uid": "SOPInstanceUID",
    "sopinstanceuid": "SOPInstanceUID",
    "sop_uid": "SOPInstanceUID",
    "accession_number": "AccessionNumber",
    "accessionnumber": "AccessionNumber",
    "accession": "AccessionNumber",
}


def recognise(path: Path) -> Recognition | None:
    for table in tables_at(path):
        name = _key_column(table)
        if name:
            return Recognition(ID, 0.9, f"{table.name} has the column {name!r}")
    return None


def open_dicom_table(
    path: Path, options: DatasetOptions, token: CancelToken, emit: Emit
) -> Dataset:
    tables = [t for t in tables_at(path) if _key_column(t) or options.image_column]
    if len(tables) != 1:
        listed = ", ".join(t.name for t in tables)
        if not tables:
            raise nothing_there(path, "table with SOPInstanceUID or AccessionNumber")
        raise DatasetError(
            f"holds several tables: {listed}", subject=path, remedy="Open the one with the labels"
        )
    key_column = options.image_column or _key_column(tables[0])
    folder = folder_of(path) / options.image_folder
    kind = KEYS.get(plain(key_column), "SOPInstanceUID")
    layout = TableLayout(
        ID,
        ColumnRoles(image=key_column),
        guesses=(Guess(f"Column {key_column!r} holds the {kind}", "by its name", "image_column"),),
    )
    part = TablePart(open_table(tables[0], options))
    dataset = read_tables([part], layout, options, folder_of(path), token, emit, locate=False)
    log = ProblemLog()
    log.extend(dataset.problems)
    instances = _instances(folder, kind, token, emit, log)
    dataset = replace(dataset, name=folder.name, root=folder)
    return _resolved(dataset, instances, kind, log)


def _key_column(path: Path) -> str:
    table = peek(path)
    if table is None:
        return ""
    return next((n for key in KEYS for n in table.header if plain(n) == key), "")


def _instances(
    folder: Path, kind: str, token: CancelToken, emit: Emit, log: ProblemLog
) -> dict[str, list[Instance]]:
    """The images below a folder by their key, from their headers."""
    found: dict[str, list[Instance]] = defaultdict(list)
    for entry in scan([folder], token, emit):
        if isinstance(entry, Unreadable):
            if not entry.skipped and not isinstance(entry, NonImage):
                log.add(ProblemKind.UNREADABLE_IMAGE, entry.reason, entry.path)
            continue
        key = (
            entry.provenance.sop_instance_uid
            if kind == "SOPInstanceUID"
            else entry.accession_number.strip()
        )
        if key:
            found[key].append(entry)
    return found


def _resolved(
    dataset: Dataset, instances: dict[str, list[Instance]], kind: str, log: ProblemLog
) -> Dataset:
    """One sample for every image that a row stands for; a row without one stays, as missing."""
    old = dataset.columns
    rows: list[int] = []
    paths: list[str] = []
    patients: list[str] = []
    several = 0
    multi_frame = 0
    for row in range(len(old.paths)):
        found = instances.get(old.paths[row], [])
        several += len(found) > 1
        if kind == "SOPInstanceUID" and len(found) > 1:
            log.add(
                ProblemKind.AMBIGUOUS_IMAGE,
                f"{len(found)} files have the UID {old.paths[row]}",
                Path(old.files[row]) if old.files else None,
                None if old.rows is None else int(old.rows[row]),
            )
            found = found[:1]
        for instance in found or (None,):
            rows.append(row)
            paths.append(old.paths[row] if instance is None else _inside(dataset.root, instance))
            patient = instance.patient.id if instance and instance.patient else ""
            patients.append(old.patients[row] or patient)
            multi_frame += instance is not None and instance.frames > 1
    taken = np.array(rows, np.int64)
    guesses = list(dataset.guesses)
    if several and kind == "AccessionNumber":
        what = f"All images of an examination have its label; {several} rows stand for several"
        guesses.append(Guess(what, "rows name examinations"))
    if multi_frame and old.frames is None:
        what = f"Of {multi_frame} files with several frames, the first frame is the image"
        guesses.append(Guess(what, "the table names no frame", "frame_column"))
    if not dataset.roles.patient and any(patients):
        guesses.append(Guess("Patients are those of the DICOM headers", "the table has none"))
    columns = Columns(
        paths=TextColumn.of(paths),
        ids=TextColumn.of(
            old.ids[row] if rows_of == 1 else path
            for row, path, rows_of in zip(rows, paths, np.bincount(taken)[taken], strict=True)
        ),
        labels=old.labels[taken],
        patients=CodedColumn.of(patients),
        splits=CodedColumn(old.splits.codes[taken], old.splits.vocabulary),
        frames=None if old.frames is None else old.frames[taken],
        files=CodedColumn(old.files.codes[taken], old.files.vocabulary) if old.files else None,
        rows=None if old.rows is None else old.rows[taken],
    )
    return replace(
        dataset,
        columns=columns,
        indices=np.arange(len(rows), dtype=np.int64),
        guesses=tuple(guesses),
        problems=log.frozen(),
    )


def _inside(root: Path, instance: Instance) -> str:
    path = instance.path
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


DICOM_TABLE = Layout(ID, "DICOM files and a table of UIDs", recognise, open_dicom_table)
