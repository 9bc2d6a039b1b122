"""What is wrong with a data set and what was guessed about it: all said, nothing mended unseen."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

LISTED_PER_KIND = 1000
"""Problems of one kind that are kept one by one; the rest is counted."""


class ProblemKind(StrEnum):
    """Kinds of trouble, in words fit for a heading."""

    UNKNOWN_LABEL = "unknown label"
    EXCEL_DATE = "date in a label column"
    LABEL_VARIANT = "labels that differ only in case"
    RAGGED_ROW = "row with too few or too many cells"
    BLANK_ROW = "row without content"
    NO_IMAGE_NAMED = "row that names no image"
    BAD_FRAME = "frame number that is no number"
    MIXED_ENCODING = "mixed text encodings"
    DUPLICATE_COLUMN = "two columns of one name"
    UNKNOWN_SPLIT = "row in no split"
    LISTED_ELSEWHERE = "listed in a split and in no table"
    AMBIGUOUS_IMAGE = "several files of that name"
    MISSING_IMAGE = "missing image"
    UNREADABLE_IMAGE = "unreadable image"
    STRAY_FILE = "file that is no image"
    DUPLICATE_ROW = "duplicate row"
    CONFLICTING_ROW = "one image with two different labels"
    DUPLICATE_CONTENT = "two files of equal content"
    DUPLICATE_ACROSS_SPLITS = "equal content in two splits"
    DUPLICATE_OTHER_LABEL = "equal content with different labels"
    PATIENT_IN_TWO_SPLITS = "patient in two splits"
    SINGLE_SAMPLE_CLASS = "class with one sample"
    EMPTY_CLASS = "class without samples"
    EMPTY_SPLIT = "empty split"


@dataclass(frozen=True)
class Problem:
    """One thing wrong.

    Attributes:
        kind: what sort of trouble.
        text: one sentence without a full stop.
        file: the table, image or folder concerned, None where it is the set as a whole.
        row: row of the table as a spreadsheet counts (the header is row 1), None where there is
            none. In a text file with a mixed encoding: the line.
    """

    kind: ProblemKind
    text: str
    file: Path | None = None
    row: int | None = None

    def __str__(self) -> str:
        where = "" if self.file is None else str(self.file)
        if self.row is not None:
            where = f"{where}, row {self.row}" if where else f"row {self.row}"
        return f"{where}: {self.text}" if where else self.text


@dataclass(frozen=True)
class Guess:
    """One thing that the files do not say and that was concluded.

    Attributes:
        what: the conclusion, one sentence.
        why: what it rests on.
        option: the field of `DatasetOptions` that overrides it, "" where none does.
    """

    what: str
    why: str
    option: str = ""

    def __str__(self) -> str:
        change = f"; change with {self.option}" if self.option else ""
        return f"{self.what} ({self.why}{change})"


@dataclass
class ProblemLog:
    """Collects problems in the order they are found: the first of each kind, and all counts."""

    problems: list[Problem] = field(default_factory=list)
    counts: Counter[ProblemKind] = field(default_factory=Counter)

    def add(
        self, kind: ProblemKind, text: str, file: Path | None = None, row: int | None = None
    ) -> None:
        """Note one problem; beyond `LISTED_PER_KIND` of a kind it is only counted."""
        self.counts[kind] += 1
        if self.counts[kind] <= LISTED_PER_KIND:
            self.problems.append(Problem(kind, text, file, row))

    def extend(self, other: Problems) -> None:
        """Take over what another reader found."""
        for problem in other.listed:
            if self.counts[problem.kind] < LISTED_PER_KIND:
                self.problems.append(problem)
            self.counts[problem.kind] += 1
        for kind, count in other.counts:
            self.counts[kind] += count - sum(p.kind is kind for p in other.listed)

    def frozen(self) -> Problems:
        return Problems(tuple(self.problems), tuple(self.counts.items()))


@dataclass(frozen=True)
class Problems:
    """Problems found.

    Attributes:
        listed: at most `LISTED_PER_KIND` of each kind.
        counts: (kind, number) of all of them, listed or not.
    """

    listed: tuple[Problem, ...] = ()
    counts: tuple[tuple[ProblemKind, int], ...] = ()

    def count(self, kind: ProblemKind) -> int:
        return dict(self.counts).get(kind, 0)

    def of(self, kind: ProblemKind) -> tuple[Problem, ...]:
        """The listed problems of one kind."""
        return tuple(p for p in self.listed if p.kind is kind)

    def __bool__(self) -> bool:
        return bool(self.counts)
