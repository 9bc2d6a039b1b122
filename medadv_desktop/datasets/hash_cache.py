"""SHA-256 of files, remembered by path, size and time of change.

The memory is one SQLite file in the user's cache folder. Its name carries the version of what is
in it; a file that is damaged or cannot be written is done without. What was written less than two
seconds ago is not remembered: it could change again within the same tick of the clock.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

VERSION = 1
FRESH_NS = 2_000_000_000
BLOCK = 1 << 20

_TABLE = """CREATE TABLE IF NOT EXISTS hashes (
    path TEXT PRIMARY KEY, size INTEGER, mtime_ns INTEGER, digests BLOB) WITHOUT ROWID"""


class HashCache:
    """Digests by path. One thread uses it at a time."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def get(self, key: str, status: os.stat_result) -> bytes | None:
        """What was remembered of a file that has not changed since, else None."""
        with contextlib.suppress(sqlite3.Error):
            row = self._connection.execute(
                "SELECT digests FROM hashes WHERE path = ? AND size = ? AND mtime_ns = ?",
                (key, status.st_size, status.st_mtime_ns),
            ).fetchone()
            return bytes(row[0]) if row else None
        return None

    def put(self, key: str, status: os.stat_result, digests: bytes) -> None:
        """Remember a file's digest, or the joined digests of its parts."""
        if time.time_ns() - status.st_mtime_ns < FRESH_NS:
            return
        with contextlib.suppress(sqlite3.Error):
            self._connection.execute(
                "INSERT OR REPLACE INTO hashes VALUES (?, ?, ?, ?)",
                (key, status.st_size, status.st_mtime_ns, digests),
            )


def cache_path() -> Path:
    folder = Path(platformdirs.user_cache_dir("MedAdv Desktop", appauthor=False))
    return folder / f"hashes-{VERSION}.sqlite"


@contextmanager
def hash_cache(path: Path | None = None) -> Iterator[HashCache]:
    """The cache at `path` (None: the user's own); what was put in is kept when the block ends,
    also by an exception: a cancelled run goes on where it stopped.
    """
    connection = _connect(path or cache_path())
    try:
        yield HashCache(connection)
    finally:
        with contextlib.suppress(sqlite3.Error):
            connection.commit()
        connection.close()


def _connect(path: Path) -> sqlite3.Connection:
    for attempt in range(2):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(path, timeout=5)
        except (OSError, sqlite3.Error):
            break
        try:
            connection.execute(_TABLE)
        except sqlite3.OperationalError:  # locked, read-only: not ours to remove
            connection.close()
            break
        except sqlite3.DatabaseError:
            connection.close()
            if attempt == 0:
                with contextlib.suppress(OSError):
                    path.unlink()
            continue
        return connection
    connection = sqlite3.connect(":memory:")
    connection.execute(_TABLE)
    return connection


def status_of(path: str | Path) -> os.stat_result | None:
    """The status of a file; None where there is none. Text is taken too: there may be a million."""
    try:
        return os.stat(path)  # noqa: PTH116 - a Path takes far longer
    except (OSError, ValueError):
        return None


def sha256_of(path: Path) -> bytes:
    """The digest of a file's bytes, 32 bytes.

    Raises:
        OSError: it cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.digest()
