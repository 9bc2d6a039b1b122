"""Bringing what another store of the same audit holds into this one. No torch."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from medadv_desktop.audit.store.store import AuditStore
from medadv_desktop.audit.store.tables import connect
from medadv_desktop.errors import AuditError, ExportError

# Rows of a batch come with it or not at all, so a batch that is here already brings nothing.
_NEW: Final = """
CREATE TEMP TABLE fresh AS
    SELECT mine.number AS mine, theirs.number AS theirs, batch.number AS batch
    FROM other.batches batch
    JOIN other.cells theirs ON theirs.number = batch.cell
    JOIN main.cells mine ON mine.id = theirs.id
    WHERE NOT EXISTS (
        SELECT 1 FROM main.batches b WHERE b.cell = mine.number AND b.number = batch.number)
"""


def merge(store: AuditStore, path: Path) -> int:
    """Take every batch of the store at `path` that `store` has not got.

    Returns:
        How many batches came.

    Raises:
        AuditError: it is no store, or of another plan.
        ExportError: the store cannot be written.
    """
    connect(path, write=True).close()  # of today's version, and ours
    with AuditStore.open(path.parent) as other:
        if other.get("plan") != store.get("plan"):
            raise AuditError("belongs to another audit", subject=path)
        size = other.plan.running.batch_size
    try:
        return store.absorb(path, _NEW, size)
    except sqlite3.Error as error:
        raise ExportError(f"cannot be merged ({error})", subject=path) from None
