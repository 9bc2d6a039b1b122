"""Which column of a table is the image, the label, the patient, the split: as told, or guessed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from medadv_desktop.datasets.dataset import ColumnRoles
from medadv_desktop.datasets.options import DatasetOptions, written_columns
from medadv_desktop.datasets.problems import Guess
from medadv_desktop.datasets.tables import Row, Table, plain
from medadv_desktop.errors import DatasetError
from medadv_desktop.imaging.reading import IMAGE_SUFFIXES

IMAGE_NAMES = (
    *("image_path", "img_path", "path", "filepath", "file_path", "filename", "file_name", "file"),
    *("image", "image_name", "image_index", "image_id", "img", "img_id", "id_code"),
    *("sop_instance_uid", "sopinstanceuid", "accession_number", "accessionnumber", "name", "id"),
)
LABEL_NAMES = (
    *("label", "labels", "class", "classes", "target", "y", "finding_labels", "findings"),
    *("finding", "diagnosis", "dx", "retinopathy_grade", "grade", "level", "category"),
    *("class_name", "label_name", "ground_truth"),
)
PATIENT_NAMES = (
    *("patient_id", "patientid", "patient", "subject_id", "subjectid", "subject", "pid"),
    *("case_id", "lesion_id"),
)
SPLIT_NAMES = ("split", "subset", "set", "partition", "phase", "usage", "fold_name")
ID_NAMES = ("sample_id", "sampleid", "id", "uid")
FRAME_NAMES = ("frame", "frame_index", "frame_number")

NOT_LABELS = frozenset(
    {"sex", "gender", "age", "view", "view_position", "follow_up", "width", "height", "index"}
    | {"dx_type", "localization", "modality", "date", "dataset", "source", "site", "hospital"}
    | {"unnamed_0", "quality", "comment", "comments", "laterality", "eye", "seed"}
)

FLAGS = frozenset({"0", "1", "0.0", "1.0", "", "-1", "-1.0"})
MANY_VALUES = 50


def find_roles(
    table: Table, options: DatasetOptions, preset: ColumnRoles
) -> tuple[ColumnRoles, tuple[Guess, ...]]:
    """The part every column plays, by the options, the layout's preset, or a guess that is said.

    Raises:
        DatasetError: no column can be the image, none or several can be the label, or a column
            that was asked for is not there.
    """
    guesses: list[Guess] = []
    taken: set[str] = set()

    def settle(asked: str, known: str, names: Sequence[str], option: str, role: str) -> str:
        if asked == "-":
            return ""
        if asked or known:
            return _existing(table, asked or known, option if asked else "")
        found = _by_name(table, names, taken)
        if found:
            guesses.append(Guess(f"Column {found!r} is the {role}", "by its name", option))
        return found

    image = options.image_column or preset.image
    image = _existing(table, image, "image_column") if image else _image(table, guesses)
    taken.add(image)
    wanted = options.label_column_list or preset.labels
    labels = tuple(_existing(table, name, "label_columns") for name in wanted)
    taken.update(labels)
    patient = settle(
        options.patient_column, preset.patient, PATIENT_NAMES, "patient_column", "patient"
    )
    taken.add(patient)
    split = settle(options.split_column, preset.split, SPLIT_NAMES, "split_column", "split")
    taken.add(split)
    frame = settle(options.frame_column, preset.frame, FRAME_NAMES, "frame_column", "frame")
    taken.add(frame)
    own_id = settle(options.id_column, preset.id, ID_NAMES, "id_column", "id of a sample")
    taken.add(own_id)
    others: tuple[str, ...] = preset.others
    if not labels:
        labels, others = _labels(table, taken, guesses)
    return ColumnRoles(image, labels, patient, split, own_id, frame, others), tuple(guesses)


def _existing(table: Table, name: str, option: str) -> str:
    index = table.column(name)
    if index is None:
        raise DatasetError(
            f"has no column {name!r}" + (f" ({option})" if option else ""),
            subject=table.path,
            remedy=f"Its columns are: {written_columns(table.header)}",
        )
    return table.header[index]


def _by_name(table: Table, names: Iterable[str], taken: set[str]) -> str:
    columns = {plain(name): name for name in reversed(table.header)}
    found = (columns[name] for name in names if name in columns)
    return next((name for name in found if name not in taken), "")


def _image(table: Table, guesses: list[Guess]) -> str:
    shares = [_share_of_images(table.head, i) for i in range(len(table.header))]
    best = max(range(len(shares)), key=lambda i: shares[i])
    if shares[best] > 0.5:
        name = table.header[best]
        why = f"{shares[best]:.0%} of its first cells end like an image file"
    else:
        name, why = _by_name(table, IMAGE_NAMES, set()), "by its name"
    if not name:
        raise DatasetError(
            "has no column that can be seen to name images",
            subject=table.path,
            remedy=f"Choose the image column among: {written_columns(table.header)}",
        )
    guesses.append(Guess(f"Column {name!r} names the image", why, "image_column"))
    return name


def _share_of_images(head: Sequence[Row], column: int) -> float:
    cells = [row[column].strip().replace("\\", "/") for row in head]
    hits = sum(PurePosixPath(c).suffix.lower() in IMAGE_SUFFIXES for c in cells)
    return hits / len(cells) if cells else 0.0


def _labels(
    table: Table, taken: set[str], guesses: list[Guess]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The label columns, and those that could be as well."""
    free = [n for n in table.header if n not in taken and plain(n) not in NOT_LABELS]
    values = {n: _values(table, n) for n in free}
    flags = [n for n in free if values[n] and values[n] <= FLAGS and values[n] & {"0", "0.0"}]
    measures = {n for n in free if _is_measure(table, n)}
    named = _by_name(table, LABEL_NAMES, {*taken, *measures, *(set(table.header) - set(free))})
    if named:
        others = tuple(n for n in flags if n != named)
        guesses.append(Guess(f"Column {named!r} is the label", "by its name", "label_columns"))
        return (named,), others
    if len(flags) > 1:
        listed = ", ".join(flags)
        guesses.append(
            Guess(f"Columns {listed} are the labels", "they hold 0 and 1 alone", "label_columns")
        )
        return tuple(flags), ()
    likely = [
        n
        for n in free
        if 1 <= len(values[n]) <= MANY_VALUES
        and n not in measures
        and (n in flags or _repeats(table, n))
    ]
    if len(likely) == 1:
        why = "no other column has few, repeating values"
        guesses.append(Guess(f"Column {likely[0]!r} is the label", why, "label_columns"))
        return (likely[0],), ()
    raise DatasetError(
        "has several columns that may be the label" if likely else "has no column of labels",
        subject=table.path,
        remedy=f"Choose the label column among: {', '.join(likely or table.header)}",
    )


def _values(table: Table, name: str) -> set[str]:
    column = table.header.index(name)
    return {row[column].strip() for row in table.head}


def _repeats(table: Table, name: str) -> bool:
    column = table.header.index(name)
    cells = [row[column].strip() for row in table.head]
    return len(cells) == 1 or len(set(cells)) < len(cells)


def _is_measure(table: Table, name: str) -> bool:
    """Whether a column holds decimal numbers rather than classes ("1.0" may be a class)."""
    column = table.header.index(name)
    pattern = re.compile(r"[+-]?\d*[.,]\d*[1-9]\d*")
    hits = sum(pattern.fullmatch(row[column].strip()) is not None for row in table.head)
    return hits > len(table.head) / 2
