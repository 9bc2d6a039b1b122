"""CSV, TSV and workbook tables as chunks of rows of text, with the guesses made in reading them."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from medadv_desktop.datasets.encodings import Encoding, encoding_of
from medadv_desktop.datasets.options import DatasetOptions
from medadv_desktop.datasets.problems import Guess, ProblemKind, ProblemLog, Problems
from medadv_desktop.datasets.workbooks import WORKBOOK_SUFFIXES, read_workbook
from medadv_desktop.errors import DatasetError
from medadv_desktop.imaging.reading import IMAGE_SUFFIXES

TEXT_SUFFIXES = frozenset({".csv", ".tsv", ".txt", ".tab"})
TABLE_SUFFIXES = TEXT_SUFFIXES | WORKBOOK_SUFFIXES

DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
CHUNK_ROWS = 1 << 15
HEAD_ROWS = 500
"""Rows that guesses about columns rest on."""

_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?")

Row = list[str]


@dataclass(frozen=True)
class Chunk:
    """Consecutive rows of equal length; `numbers` counts as a spreadsheet does, from 1."""

    rows: list[Row]
    numbers: list[int]


@dataclass(frozen=True)
class Table:
    """A table that was opened: its header and first rows are known, the rest is read on demand.

    Attributes:
        header: column names without surrounding space; unnamed ones are "column 3".
        head: the first rows below the header, at most `HEAD_ROWS`.
        encoding: of a text table; None for a workbook.
        header_rows: 1, or 0 where the table has none.
        guesses, problems: what was concluded and found in opening it.
    """

    path: Path
    header: tuple[str, ...]
    head: tuple[Row, ...]
    encoding: Encoding | None
    delimiter: str
    header_rows: int
    sheet: str = ""
    guesses: tuple[Guess, ...] = ()
    problems: Problems = field(default_factory=Problems)

    def column(self, name: str) -> int | None:
        """Index of a column by its name, case and surrounding space aside."""
        wanted = plain(name)
        return next((i for i, n in enumerate(self.header) if plain(n) == wanted), None)

    def chunks(self, log: ProblemLog) -> Iterator[Chunk]:
        """All rows below the header, filled or cut to the header's length with a note in `log`.

        Raises:
            DatasetError: the text breaks off inside quotation marks or is no table.
        """
        records = _records(self)
        number = self.header_rows
        for _ in range(self.header_rows):
            next(records, None)
        width = len(self.header)
        while batch := list(islice(records, CHUNK_ROWS)):
            numbers = list(range(number + 1, number + 1 + len(batch)))
            number += len(batch)
            if any(len(row) != width or not any(row) for row in batch):
                batch, numbers = self._evened(batch, numbers, log)
            if batch:
                yield Chunk(batch, numbers)

    def _evened(
        self, batch: list[Row], numbers: list[int], log: ProblemLog
    ) -> tuple[list[Row], list[int]]:
        width = len(self.header)
        rows: list[Row] = []
        kept: list[int] = []
        for row, number in zip(batch, numbers, strict=True):
            if not any(cell.strip() for cell in row):
                if row:
                    log.add(ProblemKind.BLANK_ROW, "has no content", self.path, number)
                continue
            if len(row) < width or any(cell.strip() for cell in row[width:]):
                log.add(
                    ProblemKind.RAGGED_ROW,
                    f"has {len(row)} cells where the header has {width}",
                    self.path,
                    number,
                )
            rows.append([*row[:width], *[""] * (width - len(row))])
            kept.append(number)
        return rows, kept


def plain(name: str) -> str:
    """A column name for comparing: lower case, words joined by _."""
    return re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_")


def is_table(path: Path) -> bool:
    return path.suffix.lower() in TABLE_SUFFIXES and not path.name.startswith((".", "~$"))


def open_table(path: Path, options: DatasetOptions, *, headless: bool = False) -> Table:
    """Open a table by its suffix; any other suffix is taken for text.

    Args:
        headless: the layout is known to have no header.

    Raises:
        DatasetError: missing, empty, no text, an unknown encoding or sheet, broken quotation.
    """
    if not path.is_file():
        raise DatasetError("does not exist", subject=path, remedy="Check the path")
    guesses: list[Guess] = []
    log = ProblemLog()
    encoding, delimiter, sheet = None, "", ""
    if path.suffix.lower() in WORKBOOK_SUFFIXES:
        book = read_workbook(path, options.sheet)
        sheet = book.sheet
        if book.others:
            guesses.append(
                Guess(
                    f"{path.name}: the sheet is {sheet!r}",
                    f"it is the first with cells; there are also {', '.join(book.others)}",
                    "sheet",
                )
            )
    else:
        encoding = encoding_of(path, options.encoding)
        guesses += encoding.guesses
        for line in encoding.odd_lines:
            log.add(
                ProblemKind.MIXED_ENCODING,
                "is not UTF-8 while other lines are; read as Windows-1252",
                path,
                line,
            )
        delimiter = _delimiter(path, encoding, options, guesses)
    probe = Table(path, (), (), encoding, delimiter, 0, sheet)
    first = list(islice((r for r in _records(probe) if r), HEAD_ROWS + 1))
    if not first:
        raise DatasetError("holds no rows", subject=path, remedy="Choose a table with content")
    headed = not headless and _has_header(path, first[0], options, guesses)
    width = max(map(len, first))
    names = first[0] if headed else [""] * width
    head = [[*r[: len(names)], *[""] * (len(names) - len(r))] for r in first[headed:]]
    return Table(
        path,
        _named(names, path, log),
        tuple(head),
        encoding,
        delimiter,
        int(headed),
        sheet,
        tuple(guesses),
        log.frozen(),
    )


def _records(table: Table) -> Iterator[Row]:
    if table.encoding is None:
        yield from read_workbook(table.path, table.sheet).rows
        return
    number = 0
    with table.encoding.open(table.path) as file:
        reader = csv.reader(file, delimiter=table.delimiter, strict=True)
        try:
            for row in reader:
                number += 1
                yield row
        except csv.Error as error:
            raise DatasetError(
                f"row {number + 1} is broken ({error})",
                subject=table.path,
                remedy="Close the quotation mark that is opened in that row",
            ) from None


def _delimiter(
    path: Path, encoding: Encoding, options: DatasetOptions, guesses: list[Guess]
) -> str:
    if options.delimiter != "auto":
        return DELIMITERS[options.delimiter]
    with encoding.open(path) as file:
        line = next((text for text in file if text.strip()), "")
    line = re.sub(r'"[^"]*"', "", line)
    counts = {name: line.count(DELIMITERS[name]) for name in ("comma", "tab", "semicolon")}
    name = max(counts, key=lambda n: counts[n])
    if not counts[name]:
        name = "pipe" if "|" in line else "comma"
    usual = "tab" if path.suffix.lower() in (".tsv", ".tab") else "comma"
    if name != usual:
        what = f"{path.name}: cells are separated by {name}s"
        guesses.append(Guess(what, "its first row is", "delimiter"))
    return DELIMITERS[name]


def _has_header(path: Path, first: Row, options: DatasetOptions, guesses: list[Guess]) -> bool:
    if options.header != "auto":
        return options.header == "yes"
    cells = [cell.strip() for cell in first]
    shown = next((c for c in cells if Path(c).suffix.lower() in IMAGE_SUFFIXES), None)
    # A set of 0/1 columns may well be called 0, 1, 2: then the first cell is still a word.
    if shown is None and not (cells and plain(cells[0]) in _FIRST_CELLS):
        shown = next((c for c in cells if _NUMBER.fullmatch(c)), None)
    if shown is not None:
        what = f"{path.name}: there is no row of column names"
        guesses.append(Guess(what, f"its first row holds {shown!r}", "header"))
    return shown is None


_FIRST_CELLS = frozenset({"image", "path", "file", "filename", "id", "image_id", "name", "index"})


def _named(names: Row, path: Path, log: ProblemLog) -> tuple[str, ...]:
    """Column names, each different: the second "x" becomes "x (2)", and that is noted."""
    seen: dict[str, int] = {}
    result = []
    while len(names) > 1 and not names[-1].strip() and any(n.strip() for n in names):
        names = names[:-1]
    for index, name in enumerate(names, start=1):
        text = name.strip() or f"column {index}"
        count = seen[plain(text)] = seen.get(plain(text), 0) + 1
        if count > 1:
            log.add(ProblemKind.DUPLICATE_COLUMN, f"two columns are called {text!r}", path, 1)
            text = f"{text} ({count})"
        result.append(text)
    return tuple(result)
