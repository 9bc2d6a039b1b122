"""Which attacks crafted on one model work on another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from medadv_desktop.analysis.metrics.proportions import Rate


@dataclass(frozen=True)
class Transfer:
    """What images that were attacked on one model did to another.

    Attributes:
        robust: robust accuracy of the judge, over all samples.
        success: of the samples that the judge had right before, those it then has wrong.
    """

    crafted_on: str
    judged_by: str
    robust: Rate
    success: Rate


@dataclass(frozen=True)
class TransferMatrix:
    """C models to craft on by J judges, each in the order in which they first appear.

    Attributes:
        robust, success: C rows of J; None where it was not measured.
    """

    crafted_on: tuple[str, ...]
    judged_by: tuple[str, ...]
    robust: tuple[tuple[Rate | None, ...], ...]
    success: tuple[tuple[Rate | None, ...], ...]


def transfer_matrix(entries: Iterable[Transfer]) -> TransferMatrix:
    """The entries by place.

    Raises:
        ValueError: two entries for one place.
    """
    placed: dict[tuple[str, str], Transfer] = {}
    for entry in entries:
        place = entry.crafted_on, entry.judged_by
        if place in placed:
            raise ValueError(f"crafted on {place[0]} and judged by {place[1]} twice")
        placed[place] = entry
    rows = tuple(dict.fromkeys(craft for craft, _ in placed))
    columns = tuple(dict.fromkeys(judge for _, judge in placed))
    table = [[placed.get((craft, judge)) for judge in columns] for craft in rows]
    return TransferMatrix(
        rows,
        columns,
        tuple(tuple(None if e is None else e.robust for e in row) for row in table),
        tuple(tuple(None if e is None else e.success for e in row) for row in table),
    )
