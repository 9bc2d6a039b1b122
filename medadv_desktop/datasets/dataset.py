"""What a labelled set is: a frozen description over columns, and samples made when asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.datasets.arrays import NpzImages, open_npz
from medadv_desktop.datasets.columns import CodedColumn, Indices, TextSequence
from medadv_desktop.datasets.options import DatasetOptions
from medadv_desktop.datasets.problems import Guess, Problems
from medadv_desktop.imaging.frame import Frame
from medadv_desktop.imaging.reading import read_frame

Task = Literal["single-label", "multi-label"]

UNKNOWN = -1
"""The label of a sample, or the state of a finding, that is not known."""

Labels = NDArray[np.int32] | NDArray[np.int8]


@dataclass(frozen=True)
class ColumnRoles:
    """Which column of the table played which part; "" where none did.

    `others` are columns that hold labels as well and were not chosen.
    """

    image: str = ""
    labels: tuple[str, ...] = ()
    patient: str = ""
    split: str = ""
    id: str = ""
    frame: str = ""
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sample:
    """One labelled image, described; `Dataset.frame` decodes it.

    Attributes:
        index: its place in the data set it was asked of.
        id: the name by which results call it.
        path: the file, also of an archive of arrays.
        member: the array inside an archive, "" for a file of its own.
        frame: frame of the file, or row of the array, from 0.
        labels: single-label: (class index,) or (-1,) where unknown; multi-label: 1, 0 or -1
            (unknown) for every finding.
        patient, split: "" where unknown.
        file, row: the table it was named in and the row, as a spreadsheet counts; None elsewhere.
    """

    index: int
    id: str
    path: Path
    member: str
    frame: int
    labels: tuple[int, ...]
    patient: str
    split: str
    file: Path | None = None
    row: int | None = None

    @property
    def is_labelled(self) -> bool:
        """Whether no part of its label is unknown."""
        return UNKNOWN not in self.labels


@dataclass(frozen=True, eq=False)
class Columns:
    """Everything known of all samples, column by column, N long.

    Attributes:
        paths: relative to the root where they lie under it, else absolute; "/" between parts.
        ids: names; often the same column as `paths`.
        labels: single-label: N int32 class indices; multi-label: N×K int8 of 1, 0, -1.
        patients, splits: coded; the vocabulary of splits also has those without samples.
        members: arrays inside an archive, None where samples are files.
        frames: N int32, None where all are 0.
        files, rows: the table and the row each sample was named in, None without a table.
    """

    paths: TextSequence
    ids: TextSequence
    labels: Labels
    patients: CodedColumn
    splits: CodedColumn
    members: CodedColumn | None = None
    frames: NDArray[np.int32] | None = None
    files: CodedColumn | None = None
    rows: NDArray[np.int32] | None = None


@dataclass(frozen=True, eq=False)
class Dataset:
    """A labelled set, opened: nothing of its images is in memory.

    Attributes:
        name: of the folder, table or archive.
        root: folder that relative paths start from, or the archive itself.
        layout: id of the layout that read it.
        task: whether an image has one class or any number of findings.
        classes: names in the order of the labels.
        columns: of the whole set, also in a subset.
        indices: the rows of `columns` that this set consists of, in its order.
        roles: which columns were read as what.
        options: what it was opened with.
        guesses: everything that was concluded and not said by the files.
        problems: what was found in opening it; `inspect` finds the rest.
        encodings: (text table, its encoding in words).
        history: in words, how it came from the set that was opened: subsets, splits.
    """

    name: str
    root: Path
    layout: str
    task: Task
    classes: tuple[str, ...]
    columns: Columns
    indices: Indices
    roles: ColumnRoles = field(default_factory=ColumnRoles)
    options: DatasetOptions = field(default_factory=DatasetOptions)
    guesses: tuple[Guess, ...] = ()
    problems: Problems = field(default_factory=Problems)
    history: tuple[str, ...] = ()
    encodings: tuple[tuple[Path, str], ...] = ()

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Sample:
        """The sample at `index`, from 0; negative ones count from the end.

        Raises:
            IndexError: there is none.
        """
        index = range(len(self))[index]
        at, c = int(self.indices[index]), self.columns
        labels = np.atleast_1d(c.labels[at])
        return Sample(
            index=index,
            id=c.ids[at],
            path=self._resolved(c.paths[at]),
            member=c.members[at] if c.members else "",
            frame=0 if c.frames is None else int(c.frames[at]),
            labels=tuple(labels.tolist()),
            patient=c.patients[at],
            split=c.splits[at],
            file=Path(c.files[at]) if c.files else None,
            row=None if c.rows is None else int(c.rows[at]),
        )

    def __iter__(self) -> Iterator[Sample]:
        return (self[i] for i in range(len(self)))

    def _resolved(self, text: str) -> Path:
        return self.root / text if text else self.root

    @property
    def labels(self) -> Labels:
        """Single-label: N int32 class indices; multi-label: N×K int8. -1 is unknown."""
        return self.columns.labels[self.indices]

    @property
    def split_names(self) -> tuple[str, ...]:
        """All splits that the set speaks of, also empty ones; "" is left out."""
        return tuple(name for name in self.columns.splits.vocabulary if name)

    @property
    def has_patients(self) -> bool:
        return any(self.columns.patients.vocabulary)

    def known(self) -> NDArray[np.bool_]:
        """N bool: samples of which no part of the label is unknown."""
        unknown = self.labels == UNKNOWN
        return np.asarray(~(unknown.any(axis=1) if unknown.ndim > 1 else unknown))

    def select(self, indices: Sequence[int] | Indices, said: str = "") -> Dataset:
        """The samples at `indices`, in that order, as a data set over the same columns.

        Args:
            said: one phrase for `history`.
        """
        chosen = self.indices[np.asarray(indices, np.int64)]
        return replace(self, indices=chosen, history=(*self.history, *([said] if said else ())))

    def of_split(self, split: str) -> Dataset:
        """The samples of one split; "" gives those in none."""
        codes = self.columns.splits.codes[self.indices]
        words = self.columns.splits.vocabulary
        code = words.index(split) if split in words else -1
        return self.select(np.flatnonzero(codes == code), f"split {split}")

    def frame(self, sample: Sample) -> Frame:
        """Decode the image of a sample.

        Raises:
            ImageError: missing, unreadable, broken.
        """
        if sample.member:
            return self.images(sample).frame(sample.frame)
        return read_frame(sample.path, sample.frame)

    def images(self, sample: Sample) -> NpzImages:
        """The array that a sample of an archive lies in.

        Raises:
            ImageError: the archive is gone or broken.
        """
        return open_npz(sample.path, sample.member)
