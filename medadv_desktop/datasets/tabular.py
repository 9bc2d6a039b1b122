"""The engine of all layouts that have a table: from its rows to the columns of a data set."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.datasets.columns import CodedBuilder, CodedColumn, TextBuilder, TextSequence
from medadv_desktop.datasets.dataset import ColumnRoles, Columns, Dataset
from medadv_desktop.datasets.labelling import NO_FINDING, Labelling, LabelScheme, read_labels
from medadv_desktop.datasets.locating import Locator
from medadv_desktop.datasets.options import DatasetOptions, written_columns
from medadv_desktop.datasets.problems import LISTED_PER_KIND, Guess, ProblemKind, ProblemLog
from medadv_desktop.datasets.roles import find_roles
from medadv_desktop.datasets.tables import Row, Table
from medadv_desktop.errors import DatasetError
from medadv_desktop.jobs import CancelToken, Emit, Progress, silent

SPLIT_WORDS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}


@dataclass(frozen=True)
class TablePart:
    """A table and the split that all of its rows belong to, "" where a column tells or nothing."""

    table: Table
    split: str = ""


@dataclass(frozen=True)
class TableLayout:
    """What is known of a published table before it is read.

    Attributes:
        id: of the layout.
        roles: columns whose part is known; "" leaves a part to the options and to guesses.
        scheme: how its labels are written.
        guesses: conclusions that the layout itself stands for.
    """

    id: str
    roles: ColumnRoles = field(default_factory=ColumnRoles)
    scheme: LabelScheme = field(default_factory=LabelScheme)
    guesses: tuple[Guess, ...] = ()


def read_tables(
    parts: Sequence[TablePart],
    layout: TableLayout,
    options: DatasetOptions,
    root: Path,
    token: CancelToken,
    emit: Emit = silent,
    *,
    locate: bool = True,
) -> Dataset:
    """Read tables of one kind into one data set.

    Args:
        root: the folder that image paths start from.
        locate: False where the image column holds keys that the caller resolves.

    Raises:
        DatasetError: a column is missing or cannot be guessed, or no row names an image.
        JobCancelled: the token was cancelled.
    """
    log = ProblemLog()
    roles, guesses = find_roles(parts[0].table, options, layout.roles)
    guesses = (*layout.guesses, *(g for p in parts for g in p.table.guesses), *guesses)
    for part in parts:
        log.extend(part.table.problems)
    root = root / options.image_folder  # which may be absolute, or nothing
    texts = [row[i] for p in parts for i in [_index(p.table, roles.image)] for row in p.table.head]
    chosen = bool(options.image_folder)
    locator = Locator.fitting(root, texts, token, chosen=chosen) if locate else Locator(root)
    reading = _Reading(roles, locator, log)
    for part in parts:
        reading.read(part, token, emit)
    if not reading.count:
        raise DatasetError(
            f"no row names an image in the column {roles.image!r}",
            subject=parts[0].table.path,
            remedy="Choose another image column",
        )
    labelling = read_labels(
        [b.column() for b in reading.labels], roles.labels, _scheme(layout.scheme, options)
    )
    columns, split_guess = reading.columns(labelling)
    _note(labelling, columns, log)
    first = parts[0].table.path
    return Dataset(
        name=first.stem if len(parts) == 1 else first.parent.name,
        root=root,
        layout=layout.id,
        task=labelling.task,
        classes=labelling.classes,
        columns=columns,
        indices=np.arange(len(columns.paths), dtype=np.int64),
        roles=roles,
        options=options,
        encodings=tuple((p.table.path, p.table.encoding.label) for p in parts if p.table.encoding),
        guesses=(*guesses, *locator.guesses, *labelling.guesses, *split_guess),
        problems=log.frozen(),
    )


def _scheme(scheme: LabelScheme, options: DatasetOptions) -> LabelScheme:
    """The layout's scheme as far as the options leave it standing."""
    if options.label_columns:  # other columns have other words
        scheme = LabelScheme(nothing=NO_FINDING)
    if options.class_list:
        scheme = replace(scheme, classes=options.class_list, remainder="")
    if options.task != "auto":
        scheme = replace(scheme, task=options.task)
    return replace(scheme, separator=options.finding_separator)


def _index(table: Table, name: str) -> int:
    index = table.column(name)
    if index is None:
        raise DatasetError(
            f"has no column {name!r}, which the other tables have",
            subject=table.path,
            remedy=f"Its columns are: {written_columns(table.header)}",
        )
    return index


class _Reading:
    """Builders for every column, fed chunk by chunk."""

    def __init__(self, roles: ColumnRoles, locator: Locator, log: ProblemLog) -> None:
        self.roles = roles
        self.locator = locator
        self.log = log
        self.paths = TextBuilder()
        self.ids = TextBuilder()
        self.labels = [CodedBuilder() for _ in roles.labels]
        self.patients = CodedBuilder()
        self.splits = CodedBuilder()
        self.files = CodedBuilder()
        self.rows: list[NDArray[np.int32]] = []
        self.frames: list[NDArray[np.int32]] = []
        self.count = 0

    def read(self, part: TablePart, token: CancelToken, emit: Emit) -> None:
        table, roles = part.table, self.roles
        image = _index(table, roles.image)
        labels = [_index(table, name) for name in roles.labels]
        for chunk in table.chunks(self.log):
            token.check()
            rows, numbers = self._with_image(table, image, chunk.rows, chunk.numbers)
            if not rows:
                continue
            texts = [row[image].strip() for row in rows]
            paths = self.locator.locate(texts, table.path, numbers, self.log)
            self.paths.add(paths)
            self.ids.add(self._cells(table, rows, roles.id) if roles.id else texts)
            for builder, column in zip(self.labels, labels, strict=True):
                builder.add([row[column] for row in rows])
            self.patients.add(self._cells(table, rows, roles.patient))
            by_column = bool(roles.split) and not part.split
            split = self._cells(table, rows, roles.split if by_column else "")
            self.splits.add([part.split] * len(rows) if part.split else split)
            self.files.add([str(table.path)] * len(rows))
            self.rows.append(np.array(numbers, np.int32))
            if roles.frame:
                self.frames.append(self._frame_numbers(table, rows, numbers))
            self.count += len(rows)
            emit(Progress(self.count, 0, str(table.path)))

    def _with_image(
        self, table: Table, image: int, rows: list[Row], numbers: list[int]
    ) -> tuple[list[Row], list[int]]:
        if all(row[image] and not row[image].isspace() for row in rows):
            return rows, numbers
        kept: list[Row] = []
        kept_numbers: list[int] = []
        for row, number in zip(rows, numbers, strict=True):
            if row[image].strip():
                kept.append(row)
                kept_numbers.append(number)
            else:
                text = "names no image; the row is left out"
                self.log.add(ProblemKind.NO_IMAGE_NAMED, text, table.path, number)
        return kept, kept_numbers

    def _cells(self, table: Table, rows: list[Row], name: str) -> list[str]:
        if not name:
            return [""] * len(rows)
        column = _index(table, name)
        return [row[column].strip() for row in rows]

    def _frame_numbers(
        self, table: Table, rows: list[Row], numbers: list[int]
    ) -> NDArray[np.int32]:
        frames = np.zeros(len(rows), np.int32)
        for i, cell in enumerate(self._cells(table, rows, self.roles.frame)):
            if re.fullmatch(r"\d{1,9}(\.0+)?", cell):
                frames[i] = int(float(cell))
            else:
                text = f"{cell!r} is no frame number; frame 0 is used"
                self.log.add(ProblemKind.BAD_FRAME, text, table.path, numbers[i])
        return frames

    def columns(self, labelling: Labelling) -> tuple[Columns, tuple[Guess, ...]]:
        paths: TextSequence = self.paths.column()
        splits, guesses = canonical_splits(self.splits.column())
        columns = Columns(
            paths=paths,
            ids=self.ids.column(),
            labels=labelling.labels,
            patients=self.patients.column(),
            splits=splits,
            frames=np.concatenate(self.frames) if self.frames else None,
            files=self.files.column(),
            rows=np.concatenate(self.rows),
        )
        return columns, guesses


def canonical_splits(splits: CodedColumn) -> tuple[CodedColumn, tuple[Guess, ...]]:
    """Splits by their usual names ("Training" is train); each change is said."""
    renamed = [SPLIT_WORDS.get(w.strip().lower(), w.strip()) for w in splits.vocabulary]
    words = sorted(set(renamed), key=lambda w: (["train", "val", "test", w].index(w), w))
    table = np.array([words.index(w) for w in renamed], np.int32)
    guesses = tuple(
        Guess(f"The split {old.strip()!r} is {new!r}", "it is a usual name for it")
        for old, new in zip(splits.vocabulary, renamed, strict=True)
        if old.strip() != new
    )
    return CodedColumn(table[splits.codes], tuple(words)), guesses


def _note(labelling: Labelling, columns: Columns, log: ProblemLog) -> None:
    """Put the troubles of labels into the log, each with its file and row."""
    for trouble in labelling.troubles:
        for row in trouble.rows[:LISTED_PER_KIND].tolist():
            file = Path(columns.files[row]) if columns.files else None
            number = None if columns.rows is None else int(columns.rows[row])
            log.add(trouble.kind, trouble.text(row), file, number)
        log.counts[trouble.kind] += max(0, len(trouble.rows) - LISTED_PER_KIND)
