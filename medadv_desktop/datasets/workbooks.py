"""Excel workbooks as rows of text: .xlsx by openpyxl, the old .xls by xlrd."""

from __future__ import annotations

import datetime
import functools
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from medadv_desktop.errors import DatasetError

WORKBOOK_SUFFIXES = frozenset({".xlsx", ".xlsm", ".xls"})

MAX_INFLATED_BYTES = 2 * 2**30
"""What the parts of an .xlsx may grow to."""


@dataclass(frozen=True)
class Workbook:
    """One sheet: its rows of text, its name, and the names of other sheets with cells."""

    sheet: str
    rows: list[list[str]]
    others: tuple[str, ...]


def read_workbook(path: Path, sheet: str = "") -> Workbook:
    """The cells of one sheet as text, formulas as the values they last had.

    Whole numbers lose their ".0", truth values become 1 and 0, dates become 2021-01-31.

    Args:
        sheet: its name; "" means the first that has cells.

    Raises:
        DatasetError: broken, locked, too large, or without such a sheet.
    """
    try:
        status = path.stat()
        return _read(path, sheet, status.st_size, status.st_mtime_ns)
    except DatasetError:
        raise
    except Exception as error:  # the readers raise anything at all for broken files
        reason = " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
        raise DatasetError(
            f"cannot be read as a workbook ({reason})",
            subject=path,
            remedy="Save it as .xlsx without a password, or as CSV",
        ) from None


@functools.lru_cache(maxsize=2)  # a table is looked at more than once, and parsing it is slow
def _read(path: Path, sheet: str, size: int, mtime_ns: int) -> Workbook:
    del size, mtime_ns  # part of the cache's key only
    sheets = dict(_xls(path) if path.suffix.lower() == ".xls" else _xlsx(path))
    filled = [name for name, rows in sheets.items() if any(any(row) for row in rows)]
    if sheet and sheet not in sheets:
        raise DatasetError(
            f"has no sheet {sheet!r}", subject=path, remedy=f"Its sheets are: {', '.join(sheets)}"
        )
    if not sheet and not filled:
        raise DatasetError("holds no rows", subject=path, remedy="Choose a table with content")
    chosen = sheet or filled[0]
    return Workbook(chosen, sheets[chosen], tuple(n for n in filled if n != chosen))


def _xlsx(path: Path) -> Iterator[tuple[str, list[list[str]]]]:
    import openpyxl

    with zipfile.ZipFile(path) as archive:
        if sum(part.file_size for part in archive.infolist()) > MAX_INFLATED_BYTES:
            raise DatasetError(
                f"inflates to more than {MAX_INFLATED_BYTES // 2**30} GiB",
                subject=path,
                remedy="Save it as CSV",
            )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about styles and validation, which are of no use here
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        try:
            for sheet in book.worksheets:
                rows = [[text_of(v) for v in row] for row in sheet.iter_rows(values_only=True)]
                yield sheet.title, rows
        finally:
            book.close()


def _xls(path: Path) -> Iterator[tuple[str, list[list[str]]]]:
    import io

    import xlrd

    # Its log of oddities would go to the terminal.
    book = xlrd.open_workbook(str(path), logfile=io.StringIO())
    for sheet in book.sheets():
        rows = []
        for index in range(sheet.nrows):
            cells = sheet.row(index)
            rows.append([text_of(_xls_value(cell, book.datemode)) for cell in cells])
        yield sheet.name, rows


def _xls_value(cell: Any, datemode: Literal[0, 1]) -> object:
    import xlrd

    kind, value = cell.ctype, cell.value
    if kind == xlrd.XL_CELL_DATE:
        return xlrd.xldate_as_datetime(value, datemode)
    if kind == xlrd.XL_CELL_ERROR:
        return "#ERROR"
    return value


def text_of(value: object) -> str:
    """A cell's value as the text that a CSV of the same table would have."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime.datetime):
        return value.date().isoformat() if value.time() == datetime.time() else str(value)
    return str(value)
