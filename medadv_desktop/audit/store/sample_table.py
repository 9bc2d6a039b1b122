"""A store seen as a table of samples of any length: sorted once, fetched page by page. No torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.audit.store.records import RowQuery, Rows, SampleName
from medadv_desktop.audit.store.rows import COLUMNS, from_cursor, joined, picked
from medadv_desktop.audit.store.store import AuditStore


class SampleTable(AuditStore):
    """Reads the samples of a cell in an order; see `AuditStore.open`."""

    def order(self, cell: str, query: RowQuery) -> NDArray[np.int64]:
        """Places of all samples of a cell that a query shows, in its order; its page is ignored.

        8 bytes a sample: a table of any length fetches its pages by `rows_at` and sorts once.
        """
        number = self._number(cell)
        where, values = self._where(query)
        column = "s.id" if query.sort == "id" else f"r.{query.sort}"
        direction = "DESC" if query.descending else "ASC"
        named = "JOIN samples s ON s.dataset = ? AND s.place = r.place "
        joined = query.sort == "id" or bool(query.text)
        cursor = self._db.execute(
            f"SELECT r.place FROM rows r {named if joined else ''}WHERE r.cell = ? AND {where} "
            f"ORDER BY {column} IS NULL, {column} {direction}, r.place",
            ((self.cell_of(number).dataset,) if joined else ()) + (number, *values),
        )
        return np.fromiter((place for (place,) in cursor), np.int64)

    def rows_at(
        self, cell: str, places: Sequence[int] | NDArray[np.int64]
    ) -> tuple[tuple[SampleName, ...], Rows]:
        """Samples of a cell by their places, in that order, with their names."""
        number, wanted = self._number(cell), [int(place) for place in places]
        columns, parts = ", ".join(COLUMNS), []
        for first in range(0, len(wanted), 500):
            part = wanted[first : first + 500]
            cursor = self._db.execute(
                f"SELECT {columns} FROM rows WHERE cell = ? "
                f"AND place IN ({', '.join('?' * len(part))}) ORDER BY place",
                (number, *part),
            )
            rows = from_cursor(cursor, *self._shape(number))
            parts.append(picked(rows, np.searchsorted(rows.places, part)))
        names = self.names(self.cell_of(number).dataset, wanted)
        empty = self._db.execute(f"SELECT {columns} FROM rows WHERE 0")
        return tuple(names), joined(parts or [from_cursor(empty, *self._shape(number))])
