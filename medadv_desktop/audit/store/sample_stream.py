"""A store read from end to end, little by little: for files of any length. No torch."""

from __future__ import annotations

from collections.abc import Iterator

from medadv_desktop.audit.store.records import Rows
from medadv_desktop.audit.store.rows import COLUMNS, from_cursor
from medadv_desktop.audit.store.sample_table import SampleTable


class SampleStream(SampleTable):
    """Reads the samples of a cell in pieces; see `AuditStore.open`."""

    def pieces(self, cell: str, size: int = 5_000) -> Iterator[Rows]:
        """All samples of a cell by place, at most `size` at a time."""
        number, after = self._number(cell), -1
        shape = self._shape(number)
        while True:
            cursor = self._db.execute(
                f"SELECT {', '.join(COLUMNS)} FROM rows WHERE cell = ? AND place > ? "
                "ORDER BY place LIMIT ?",
                (number, after, size),
            )
            rows = from_cursor(cursor, *shape)
            if not len(rows):
                return
            yield rows
            after = int(rows.places[-1])

    def kept(self, cell: str, most: int) -> tuple[int, ...]:
        """Places of the first samples of a cell whose changed image was kept."""
        found = self._db.execute(
            "SELECT place FROM rows WHERE cell = ? AND image IS NOT NULL ORDER BY place LIMIT ?",
            (self._number(cell), most),
        )
        return tuple(place for (place,) in found)
