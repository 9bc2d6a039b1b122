"""From what is written in label columns to class indices and findings.

Columns are coded (columns.CodedColumn), so that every spelling is judged once, however many rows
have it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.datasets.columns import CodedColumn
from medadv_desktop.datasets.dataset import UNKNOWN, Labels, Task
from medadv_desktop.datasets.problems import Guess, ProblemKind
from medadv_desktop.errors import DatasetError

MAX_CLASSES = 1000

NOT_KNOWN = frozenset({"", "nan", "na", "n/a", "null", "?", "unknown", "#n/a", "#error", "-1"})
NO_FINDING = frozenset({"no finding", "no findings"})

_MONTH = r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_DATE = re.compile(
    rf"\d{{1,2}}[-./ ]{_MONTH}([-./ ]\d{{2,4}})?|{_MONTH}[-./ ]\d{{1,4}}"
    r"|\d{4}-\d{1,2}-\d{1,2}([ T]\d{1,2}:\d{2}(:\d{2})?)?|\d{1,2}[/.]\d{1,2}[/.]\d{2,4}",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class LabelScheme:
    """How a layout writes labels.

    Attributes:
        kind: one word for each image, a list of findings, one 0/1 column for each class, or
            whichever of these the values show.
        classes: the names in their order; () means: those that occur, in natural order.
        written: (what a cell holds, in lower case; the class it means).
        nothing: cells, in lower case, that say that there is no finding.
        remainder: for 0/1 columns of single-label sets: the class of rows that are 0 throughout.
        task: "auto" where the values decide.
    """

    kind: Literal["auto", "category", "findings", "columns"] = "auto"
    classes: tuple[str, ...] = ()
    written: tuple[tuple[str, str], ...] = ()
    nothing: frozenset[str] = NO_FINDING
    remainder: str = ""
    task: Literal["auto", "single-label", "multi-label"] = "auto"
    separator: str = "|"


@dataclass(frozen=True, eq=False)
class Trouble:
    """Rows, from 0, whose label is at fault, and the words for each."""

    kind: ProblemKind
    rows: NDArray[np.int64]
    texts: Mapping[int, str]
    """By the code of the spelling in `column`."""

    column: CodedColumn

    def text(self, row: int) -> str:
        return self.texts[int(self.column.codes[row])]


@dataclass(frozen=True, eq=False)
class Labelling:
    """What the label columns say: see `Dataset` for the fields."""

    task: Task
    classes: tuple[str, ...]
    labels: Labels
    guesses: tuple[Guess, ...]
    troubles: tuple[Trouble, ...]


def read_labels(
    columns: Sequence[CodedColumn], names: Sequence[str], scheme: LabelScheme
) -> Labelling:
    """Understand the label columns of a table.

    Raises:
        DatasetError: several columns that are not 0/1, or far too many different values.
    """
    kind = scheme.kind
    if kind == "auto":
        kind = _kind(columns, scheme)
    if kind == "columns":
        return _from_columns(columns, names, scheme)
    if len(columns) > 1:
        raise DatasetError(
            f"the columns {', '.join(names)} hold other values than 0 and 1",
            subject="label_columns",
            remedy="Choose one of them, or 0/1 columns alone",
        )
    if kind == "findings":
        return _from_findings(columns[0], names[0], scheme)
    return _from_category(columns[0], names[0], scheme)


def _kind(
    columns: Sequence[CodedColumn], scheme: LabelScheme
) -> Literal["category", "findings", "columns"]:
    if len(columns) > 1 and all(_flag(w) is not None for c in columns for w in c.vocabulary):
        return "columns"
    separated = any(scheme.separator in word for word in columns[0].vocabulary)
    return "findings" if separated or scheme.task == "multi-label" else "category"


def _cleaned(word: str) -> str:
    """Without surrounding space, and whole numbers without ".0"."""
    word = word.strip()
    return re.sub(r"^([+-]?\d+)\.0+$", r"\1", word)


def _flag(word: str) -> int | None:
    word = _cleaned(word).lower()
    if word in ("1", "true", "yes"):
        return 1
    if word in ("0", "false", "no"):
        return 0
    return UNKNOWN if word in NOT_KNOWN else None


def natural(word: str) -> tuple[int, float, str, str]:
    """Sorts numbers as numbers, before words; words without regard to case."""
    try:
        return 0, float(word), "", word
    except ValueError:
        return 1, 0.0, word.casefold(), word


class _Vocabulary:
    """Class names and the spellings that mean them."""

    def __init__(self, scheme: LabelScheme, cells: Sequence[str], name: str) -> None:
        self.guesses: list[Guess] = []
        self.written = dict(scheme.written)
        self.fixed = bool(scheme.classes)
        self.classes = scheme.classes or self._occurring(cells, name)
        self._index = {c: i for i, c in enumerate(self.classes)}
        self._folded = {c.casefold(): i for i, c in reversed(list(enumerate(self.classes)))}

    def _occurring(self, cells: Sequence[str], name: str) -> tuple[str, ...]:
        words = {_cleaned(c) for c in cells}
        if any(c.strip() != c for c in cells):
            self.guesses.append(Guess("Space around labels means nothing", f"column {name!r}"))
        if any(_cleaned(c) != c.strip() for c in cells):
            self.guesses.append(Guess('Labels such as "1.0" mean 1', f"column {name!r}"))
        words = {w for w in words if w.lower() not in NOT_KNOWN and not _DATE.fullmatch(w)}
        if len(words) > MAX_CLASSES:
            raise DatasetError(
                f"the column {name!r} has {len(words):,} different values",
                subject="label_columns",
                remedy="Choose a column that holds classes",
            )
        classes = tuple(sorted(words, key=natural))
        listed = ", ".join(classes[:20]) + (", ..." if len(classes) > 20 else "")
        self.guesses.append(
            Guess(f"The classes, in this order, are: {listed}", "they are what occurs", "classes")
        )
        return classes

    def index(self, cell: str) -> int:
        """The class of a spelling, -1 where it has none."""
        word = _cleaned(cell)
        word = self.written.get(word.lower(), word)
        if word in self._index:
            return self._index[word]
        if self.fixed and word.casefold() in self._folded:
            index = self._folded[word.casefold()]
            self.guesses.append(
                Guess(f"{word!r} means the class {self.classes[index]!r}", "but for its case")
            )
            return index
        return UNKNOWN

    def fault(self, cell: str) -> tuple[ProblemKind, str]:
        """Why a spelling has no class."""
        word = _cleaned(cell)
        if _DATE.fullmatch(word):
            return (
                ProblemKind.EXCEL_DATE,
                f"the label {word!r} is a date: a spreadsheet program has replaced what was there",
            )
        if word.lower() in NOT_KNOWN:
            what = f"is {word!r}" if word else "is empty"
            return ProblemKind.UNKNOWN_LABEL, f"the label {what}"
        return ProblemKind.UNKNOWN_LABEL, f"the label {word!r} is none of the classes"


def _from_category(column: CodedColumn, name: str, scheme: LabelScheme) -> Labelling:
    vocabulary = _Vocabulary(scheme, column.vocabulary, name)
    codes = np.array([vocabulary.index(w) for w in column.vocabulary], np.int32)
    troubles = _troubles(column, vocabulary, {w for w, c in enumerate(codes) if c == UNKNOWN})
    troubles += _variants(column, vocabulary.classes, codes)
    labels = codes[column.codes] if len(codes) else np.zeros(0, np.int32)
    return Labelling(
        "single-label", vocabulary.classes, labels, tuple(vocabulary.guesses), tuple(troubles)
    )


def _from_findings(column: CodedColumn, name: str, scheme: LabelScheme) -> Labelling:
    separator = scheme.separator
    parts = [[p.strip() for p in w.split(separator)] for w in column.vocabulary]
    cells = sorted({p for ps in parts for p in ps if p.lower() not in scheme.nothing})
    vocabulary = _Vocabulary(scheme, cells, name)
    if not scheme.classes and any(p.lower() in scheme.nothing for ps in parts for p in ps):
        vocabulary.guesses.append(
            Guess('"No Finding" means that every finding is absent', "that is what it says")
        )
    table = np.zeros((len(parts), len(vocabulary.classes)), np.int8)
    faults: dict[int, str] = {}
    for word, pieces in enumerate(parts):
        present = [p for p in pieces if p.lower() not in scheme.nothing]
        indices = [vocabulary.index(p) for p in present]
        for piece, index in zip(present, indices, strict=True):
            if index == UNKNOWN:
                faults[word] = piece
        table[word, [i for i in indices if i != UNKNOWN]] = 1
        if word in faults:
            # What is named is known; of the others one cannot say that they are absent.
            table[word][table[word] == 0] = UNKNOWN
    troubles = _troubles(column, vocabulary, set(faults), faults)
    labels = table[column.codes]
    return Labelling(
        "multi-label", vocabulary.classes, labels, tuple(vocabulary.guesses), tuple(troubles)
    )


def _from_columns(
    columns: Sequence[CodedColumn], names: Sequence[str], scheme: LabelScheme
) -> Labelling:
    matrix = np.zeros((len(columns[0]), len(columns)), np.int8)
    troubles: list[Trouble] = []
    for k, (column, name) in enumerate(zip(columns, names, strict=True)):
        flags = [_flag(w) for w in column.vocabulary]
        values = np.array([UNKNOWN if f is None else f for f in flags], np.int8)
        matrix[:, k] = values[column.codes]
        bad = {w for w, v in enumerate(values) if v == UNKNOWN}
        texts = {w: f"{name!r} is {column.vocabulary[w].strip()!r}, neither 0 nor 1" for w in bad}
        kinds = {
            ProblemKind.EXCEL_DATE: {w for w in bad if _DATE.fullmatch(column.vocabulary[w])},
        }
        kinds[ProblemKind.UNKNOWN_LABEL] = bad - kinds[ProblemKind.EXCEL_DATE]
        troubles += [
            Trouble(kind, _rows_of(column, words), texts, column)
            for kind, words in kinds.items()
            if words
        ]
    classes = scheme.classes or tuple(names)
    sums, whole = (matrix == 1).sum(axis=1), (matrix != UNKNOWN).all(axis=1)
    guesses = []
    single = scheme.task == "single-label"
    if scheme.task == "auto" and len(columns) > 1 and len(matrix) and (sums == 1).all():
        single = True
        why = "every row has exactly one 1"
        guesses.append(Guess("An image has one class, not several findings", why, "task"))
    if not single:
        return Labelling("multi-label", classes, matrix, tuple(guesses), tuple(troubles))
    labels = np.where(whole & (sums == 1), matrix.argmax(axis=1), UNKNOWN).astype(np.int32)
    if scheme.remainder:
        classes = (*classes, scheme.remainder)
        labels[whole & (sums == 0)] = len(classes) - 1
    odd = whole & ((sums > 1) | ((sums == 0) & (not scheme.remainder)))
    if odd.any():
        text = f"not exactly one of {', '.join(names)} is 1"
        first = columns[0]
        every = dict.fromkeys(range(len(first.vocabulary)), text)
        troubles.append(Trouble(ProblemKind.UNKNOWN_LABEL, np.flatnonzero(odd), every, first))
    return Labelling("single-label", classes, labels, tuple(guesses), tuple(troubles))


def _rows_of(column: CodedColumn, words: set[int]) -> NDArray[np.int64]:
    marked = np.zeros(len(column.vocabulary), np.bool_)
    marked[list(words)] = True
    return np.flatnonzero(marked[column.codes])


def _troubles(
    column: CodedColumn,
    vocabulary: _Vocabulary,
    words: set[int],
    pieces: Mapping[int, str] | None = None,
) -> list[Trouble]:
    found: dict[ProblemKind, dict[int, str]] = {}
    for word in sorted(words):
        cell = pieces[word] if pieces else column.vocabulary[word]
        kind, text = vocabulary.fault(cell)
        found.setdefault(kind, {})[word] = text
    return [
        Trouble(kind, _rows_of(column, set(texts)), texts, column) for kind, texts in found.items()
    ]


def _variants(
    column: CodedColumn, classes: Sequence[str], codes: NDArray[np.int32]
) -> list[Trouble]:
    """Spellings of a class that another class has but for its case: the rarer ones."""
    uses = np.bincount(codes[column.codes] + 1, minlength=len(classes) + 1)[1:]
    texts: dict[int, str] = {}
    for k, name in enumerate(classes):
        twins = [j for j, other in enumerate(classes) if other.casefold() == name.casefold()]
        main = max(twins, key=lambda j: uses[j])
        if main == k:
            continue
        text = f"the label {name!r} is kept apart from {classes[main]!r}"
        texts.update({w: text for w, code in enumerate(codes) if code == k})
    if not texts:
        return []
    return [Trouble(ProblemKind.LABEL_VARIANT, _rows_of(column, set(texts)), texts, column)]
