"""What happens off the GUI thread while a data set is imported. No Qt in here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medadv_desktop.datasets.dataset import ColumnRoles, Dataset
from medadv_desktop.datasets.inspection import InspectionSettings, inspect
from medadv_desktop.datasets.layouts import LAYOUTS, Recognition
from medadv_desktop.datasets.layouts.layout import peek, tables_at
from medadv_desktop.datasets.opening import open_dataset, recognise
from medadv_desktop.datasets.options import DatasetOptions
from medadv_desktop.datasets.problems import Problem, ProblemKind
from medadv_desktop.datasets.report import DatasetReport
from medadv_desktop.datasets.roles import PATIENT_NAMES
from medadv_desktop.datasets.splitting import SplitSettings, split
from medadv_desktop.datasets.subset import Subset
from medadv_desktop.datasets.tables import Table, open_table, plain
from medadv_desktop.errors import DatasetError, MedAdvError
from medadv_desktop.files import write_atomically
from medadv_desktop.gui.labelled.bars import Count
from medadv_desktop.gui.labelled.matching import label_text
from medadv_desktop.imaging.phi import mask_text
from medadv_desktop.jobs import CancelToken, Emit
from medadv_desktop.settings import parse

if TYPE_CHECKING:
    from medadv_desktop.datasets.layouts import Layout

ROWS = 60
"""Rows of a table that are shown."""

TABLELESS = frozenset({"class-folders", "medmnist"})
"""Layouts without a table: there are no columns to choose."""


@dataclass(frozen=True)
class Source:
    """A path and the layouts it may have, the likeliest first."""

    path: Path
    recognised: tuple[Recognition, ...]


def look_at(path: Path, token: CancelToken) -> Source:
    """Which layouts a path may have.

    Raises:
        DatasetError: there is nothing.
    """
    if not path.exists():
        raise DatasetError("does not exist", subject=path, remedy="Check the path")
    found = recognise(path)
    token.check()
    return Source(path, found)


def layouts() -> tuple[Layout, ...]:
    """All that are known."""
    return LAYOUTS


@dataclass(frozen=True, eq=False)
class Reading:
    """What a source turned out to hold with some options.

    Attributes:
        dataset: None where it cannot be opened: `error` says why.
        header, rows: of the table, or of the samples where there is none.
        parts: by index of a column, the part it plays: "image", "label", ...
        counts: samples of each class.
    """

    path: Path
    options: DatasetOptions
    dataset: Dataset | None
    error: MedAdvError | None
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    parts: Mapping[int, str]
    counts: tuple[Count, ...] = ()


def read_source(path: Path, options: DatasetOptions, token: CancelToken, emit: Emit) -> Reading:
    """Open a source; what is wrong with it is part of the answer.

    Raises:
        JobCancelled: the token was cancelled.
    """
    dataset, error = None, None
    try:
        dataset = open_dataset(path, options, token, emit)
    except MedAdvError as found:
        error = found
    token.check()
    table = _table(path, options, dataset)
    if table is not None:
        roles = dataset.roles if dataset else _asked(options)
        rows = tuple(tuple(row) for row in table.head[:ROWS])
        header, parts = table.header, _parts(table, roles)
        if dataset is None:  # a column of patients is not shown before it is known to be one
            named = (i for i, name in enumerate(header) if plain(name) in PATIENT_NAMES)
            parts |= {i: "patient" for i in named if i not in parts}
    elif dataset is not None:
        header = ("id", "image", "label", "split")
        rows = tuple(_described(dataset))
        parts = {0: "id", 1: "image", 2: "label", 3: "split"}
    else:
        header, rows, parts = (), (), {}
    counts = class_counts(dataset) if dataset else ()
    return Reading(path, options, dataset, error, header, rows, parts, counts)


def _table(path: Path, options: DatasetOptions, dataset: Dataset | None) -> Table | None:
    """The first table that was read, or could be."""
    if options.layout in TABLELESS:
        return None
    if dataset is not None and dataset.columns.files is None:
        return None
    files = dataset.columns.files.vocabulary if dataset and dataset.columns.files else ()
    tables = [Path(f) for f in files] or [t for t in tables_at(path) if peek(t) is not None]
    for file in tables[:1]:
        try:
            table = open_table(file, options)
            image = dataset.roles.image if dataset else ""
            if image and table.column(image) is None:  # the layout knows that there is no header
                table = open_table(file, options, headless=True)
        except MedAdvError:
            return None
        return table
    return None


def _asked(options: DatasetOptions) -> ColumnRoles:
    return ColumnRoles(
        options.image_column,
        options.label_column_list,
        *(
            "" if name == "-" else name
            for name in (
                options.patient_column,
                options.split_column,
                options.id_column,
                options.frame_column,
            )
        ),
    )


def _parts(table: Table, roles: ColumnRoles) -> dict[int, str]:
    named = {
        "id": roles.id,
        "frame": roles.frame,
        "split": roles.split,
        "patient": roles.patient,
        "image": roles.image,
    }
    parts = {table.column(name): part for part, name in named.items() if name}
    parts |= {table.column(name): "label" for name in roles.labels}
    return {index: part for index, part in parts.items() if index is not None}


def _described(dataset: Dataset) -> list[tuple[str, ...]]:
    rows = []
    for sample in islice(dataset, ROWS):
        place = (
            f"{sample.member}[{sample.frame}]" if sample.member else _relative(dataset, sample.path)
        )
        label = label_text(dataset.task, dataset.classes, sample.labels)
        rows.append((sample.id, place, label, sample.split))
    return rows


def _relative(dataset: Dataset, path: Path) -> str:
    return (
        path.relative_to(dataset.root).as_posix()
        if path.is_relative_to(dataset.root)
        else str(path)
    )


def class_counts(dataset: Dataset) -> tuple[Count, ...]:
    """Samples of each class, in all and by split."""
    import numpy as np

    labels, k = dataset.labels, len(dataset.classes)
    splits = dataset.columns.splits.codes[dataset.indices]
    names = dataset.columns.splits.vocabulary
    rows = []
    for code in range(len(names)):
        own = labels[splits == code]
        if own.ndim == 1:
            rows.append(np.bincount(own[own >= 0], minlength=k)[:k])
        else:
            rows.append((own == 1).sum(axis=0))
    table = np.stack(rows) if rows else np.zeros((0, k), np.int64)
    return tuple(
        Count(
            name,
            int(table[:, i].sum()),
            tuple((s, int(n)) for s, n in zip(names, table[:, i].tolist(), strict=True) if s),
        )
        for i, name in enumerate(dataset.classes)
    )


def look_over(
    dataset: Dataset, settings: InspectionSettings, token: CancelToken, emit: Emit
) -> DatasetReport:
    """As `inspect`."""
    return inspect(dataset, token, emit, settings)


@dataclass(frozen=True, eq=False)
class Division:
    """A data set after its split and subset.

    Attributes:
        parts: (split, samples, patients) of the set after both; the name "" is "in none".
        out_of: samples before the subset was taken.
    """

    dataset: Dataset
    split: SplitSettings | None
    subset: Subset
    counts: tuple[Count, ...]
    parts: tuple[tuple[str, int, int], ...]
    patients: int
    out_of: int


def divide(
    dataset: Dataset,
    split_values: Mapping[str, object] | None,
    subset_values: Mapping[str, object],
    token: CancelToken,
) -> Division:
    """Assign splits (where asked for), then take the subset.

    Raises:
        SettingsError: a value is refused.
        DatasetError: nothing is left, or a name is unknown.
        JobCancelled: the token was cancelled.
    """
    settings = None if split_values is None else parse(SplitSettings, split_values)
    subset = parse(Subset, subset_values)
    whole = dataset if settings is None else split(dataset, settings)
    token.check()
    part = subset.apply(whole) if subset_values else whole
    token.check()
    return Division(
        part,
        settings,
        subset,
        class_counts(part),
        _split_parts(part),
        _patients(part),
        len(dataset),
    )


def _split_parts(dataset: Dataset) -> tuple[tuple[str, int, int], ...]:
    import numpy as np

    splits = dataset.columns.splits.codes[dataset.indices]
    patients = dataset.columns.patients.codes[dataset.indices]
    named = np.array([bool(p) for p in dataset.columns.patients.vocabulary], np.bool_)
    found = []
    for code, name in enumerate(dataset.columns.splits.vocabulary):
        inside = splits == code
        if name or inside.any():
            people = int(named[np.unique(patients[inside])].sum()) if len(named) else 0
            found.append((name, int(inside.sum()), people))
    return tuple(found)


def _patients(dataset: Dataset) -> int:
    import numpy as np

    used = np.unique(dataset.columns.patients.codes[dataset.indices])
    return sum(bool(dataset.columns.patients.vocabulary[code]) for code in used.tolist())


def without_patient(problem: Problem) -> Problem:
    """A problem that names no patient."""
    if problem.kind is not ProblemKind.PATIENT_IN_TWO_SPLITS:
        return problem
    return replace(problem, text=mask_text(problem.text))


def write_report(report: DatasetReport, path: Path, *, masked: bool) -> Path:
    """Write a report with all its problems: as JSON where the name ends so, else as text.

    Args:
        masked: patients are not named.

    Raises:
        ExportError: the file cannot be written.
    """
    if masked:
        listed = tuple(map(without_patient, report.problems.listed))
        report = replace(report, problems=replace(report.problems, listed=listed))
    if path.suffix.lower() == ".json":
        content: Any = report.as_json()
        text = json.dumps(content, indent=2, ensure_ascii=False)
    else:
        text = "\n".join(report.lines(shown=len(report.problems.listed)))
    write_atomically(path, (text + "\n").encode(errors="surrogateescape"))
    return path
