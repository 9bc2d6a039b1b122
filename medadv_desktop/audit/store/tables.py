"""The tables of a store, and how an older one becomes a newer one."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final

from medadv_desktop.errors import AuditError

# "MAud": tells `file` and us that this is no other program's database.
APPLICATION_ID: Final = 0x4D417564

_V1: Final = """
CREATE TABLE audit (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE models (
    id TEXT PRIMARY KEY, reference TEXT NOT NULL, card TEXT NOT NULL, sha256 TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE datasets (
    id TEXT PRIMARY KEY, description TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE samples (
    dataset TEXT NOT NULL, place INTEGER NOT NULL, id TEXT NOT NULL, patient TEXT NOT NULL,
    split TEXT NOT NULL, groups TEXT NOT NULL,
    PRIMARY KEY (dataset, place)
) WITHOUT ROWID;
CREATE TABLE cells (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE, cell TEXT NOT NULL, rank INTEGER NOT NULL,
    state TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '', batches INTEGER NOT NULL DEFAULT 0,
    seconds REAL NOT NULL DEFAULT 0, attack_seconds REAL NOT NULL DEFAULT 0,
    outcome TEXT
);
CREATE TABLE batches (
    cell INTEGER NOT NULL, number INTEGER NOT NULL, samples INTEGER NOT NULL,
    seconds REAL NOT NULL, attack_seconds REAL NOT NULL, notes TEXT NOT NULL,
    PRIMARY KEY (cell, number)
) WITHOUT ROWID;
CREATE TABLE rows (
    cell INTEGER NOT NULL, place INTEGER NOT NULL,
    labels BLOB NOT NULL, clean_decisions BLOB NOT NULL, clean_logits BLOB NOT NULL,
    decisions BLOB, logits BLOB,
    success INTEGER, steps INTEGER, queries INTEGER,
    linf REAL, l2 REAL, l1 REAL, l0 INTEGER, ssim REAL, psnr REAL,
    seconds REAL NOT NULL, smallest REAL, frames BLOB, judged BLOB,
    image TEXT, note TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (cell, place)
) WITHOUT ROWID;
CREATE TABLE left_out (
    cell INTEGER NOT NULL, place INTEGER NOT NULL, id TEXT NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY (cell, place)
) WITHOUT ROWID;
CREATE TABLE images (sha256 TEXT PRIMARY KEY, bytes INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE analyses (key TEXT PRIMARY KEY, made TEXT NOT NULL, content BLOB NOT NULL)
    WITHOUT ROWID;
"""


def _to_version_1(connection: sqlite3.Connection) -> None:
    for statement in _V1.split(";"):
        if statement.strip():
            connection.execute(statement)


MIGRATIONS: Final[tuple[Callable[[sqlite3.Connection], None], ...]] = (_to_version_1,)
"""The k-th takes a store of version k to version k + 1; version 0 is an empty file."""

VERSION: Final = len(MIGRATIONS)


def connect(path: Path, *, write: bool, create: bool = False) -> sqlite3.Connection:
    """A connection to a store, migrated to today's version where it may be written to.

    Raises:
        AuditError: missing, no store of ours, broken, locked, or of a newer version.
    """
    if not create and not path.is_file():
        raise AuditError("there is no audit store", subject=path)
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={'rwc' if create else 'rw' if write else 'ro'}",
            uri=True,
            isolation_level=None,
            timeout=30,
            check_same_thread=False,
        )
        try:
            _check(connection, path, create=create)
            if write:
                connection.execute("PRAGMA journal_mode=WAL")
                # A batch is seconds of work: it is on the disk before it counts as done.
                connection.execute("PRAGMA synchronous=FULL")
                _migrate(connection)
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise AuditError(
            f"cannot be used as an audit store ({error})",
            subject=path,
            remedy="If another program has it open, close that; else restore it from a copy",
        ) from None
    return connection


def _check(connection: sqlite3.Connection, path: Path, *, create: bool) -> None:
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == 0 and application == 0 and create:
        return
    if application != APPLICATION_ID:
        raise AuditError("is a database of another program", subject=path)
    if version > VERSION:
        raise AuditError(
            f"has version {version}; this program knows version {VERSION}",
            subject=path,
            remedy="Update this program",
        )


def _migrate(connection: sqlite3.Connection) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for number in range(version, VERSION):
            MIGRATIONS[number](connection)
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version={VERSION}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
