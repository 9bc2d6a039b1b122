"""Values of table columns that figures are told apart by. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from medadv_desktop.datasets.dataset import Dataset
from medadv_desktop.datasets.problems import ProblemLog
from medadv_desktop.datasets.tables import Table, open_table, plain
from medadv_desktop.errors import DatasetError

GROUP_LENGTH = 100
"""Longer values are no names of groups and are cut."""


def group_values(dataset: Dataset, columns: Sequence[str]) -> list[tuple[str, ...]]:
    """For each sample of a set its values in the columns; "" where unknown.

    "split" and "patient" are the set's own; every other name is a column of its tables.

    Raises:
        DatasetError: a table has no such column, or there is no table.
    """
    if not columns:
        return [()] * len(dataset)
    by_table: dict[Path, dict[int, tuple[str, ...]]] = {}
    found: list[tuple[str, ...]] = []
    asked = [name for name in columns if plain(name) not in ("split", "patient")]
    for sample in dataset:
        own: dict[str, str] = {"split": sample.split, "patient": sample.patient}
        if asked:
            if sample.file is None or sample.row is None:
                raise DatasetError(
                    f"has no table in which a column {asked[0]!r} could be",
                    subject=dataset.name,
                    remedy="Name no groups for it, or describe it by a table",
                )
            if sample.file not in by_table:
                by_table[sample.file] = _read(dataset, sample.file, asked)
            values = by_table[sample.file].get(sample.row, ("",) * len(asked))
            own |= dict(zip(asked, values, strict=True))
        found.append(tuple(own.get(name, own.get(plain(name), "")) for name in columns))
    return found


def _read(dataset: Dataset, path: Path, columns: Sequence[str]) -> dict[int, tuple[str, ...]]:
    """By row, as a spreadsheet counts, the values of the columns."""
    table = open_table(path, dataset.options)
    places = [_place(table, name) for name in columns]
    return {
        number: tuple(row[place].strip()[:GROUP_LENGTH] for place in places)
        for chunk in table.chunks(ProblemLog())
        for row, number in zip(chunk.rows, chunk.numbers, strict=True)
    }


def _place(table: Table, name: str) -> int:
    place = table.column(name)
    if place is None:
        raise DatasetError(
            f"has no column {name!r}",
            subject=table.path,
            remedy=f"Its columns are: {', '.join(table.header[:20])}",
        )
    return place
