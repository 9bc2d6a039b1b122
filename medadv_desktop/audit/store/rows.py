"""Columns of samples to rows of SQLite, and back. No torch."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.audit.store.records import Rows

_CHUNK: Final = 20_000

_INTEGERS: Final = ("success", "steps", "queries", "l0")
_REALS: Final = ("linf", "l2", "l1", "ssim", "psnr", "smallest")

COLUMNS: Final = (
    "place", "labels", "clean_decisions", "clean_logits", "decisions", "logits",
    *_INTEGERS, *_REALS, "seconds", "frames", "judged", "image", "note",
)  # fmt: skip


def as_records(cell: int, rows: Rows) -> Iterator[tuple[Any, ...]]:
    """A tuple for each sample: the cell's number, then `COLUMNS`.

    SQLite has no ∞ that compares well and takes NaN for NULL, which suits: ∞ is written as 9e999,
    which it reads back as ∞.
    """
    changed = rows.changed.tolist()
    integers = [getattr(rows, name).tolist() for name in _INTEGERS]
    reals = [getattr(rows, name).tolist() for name in _REALS]
    places, seconds = rows.places.tolist(), rows.seconds.tolist()
    images = rows.images or ("",) * len(rows)
    notes = rows.notes or ("",) * len(rows)
    for k in range(len(rows)):
        said: list[Any] = [None] * (2 + len(_INTEGERS))
        if changed[k]:
            said = [rows.decisions[k].tobytes(), rows.logits[k].tobytes()]
            said += [int(column[k]) for column in integers]
        yield (
            cell,
            places[k],
            rows.labels[k].tobytes(),
            rows.clean_decisions[k].tobytes(),
            rows.clean_logits[k].tobytes(),
            *said,
            *(column[k] for column in reals),
            seconds[k],
            None if rows.frames is None else rows.frames[k].tobytes(),
            None if rows.judged is None else rows.judged[k].tobytes(),
            images[k] or None,
            notes[k],
        )


def insertion() -> str:
    """The statement that takes what `as_records` gives."""
    marks = ", ".join("?" * (1 + len(COLUMNS)))
    return f"INSERT INTO rows (cell, {', '.join(COLUMNS)}) VALUES ({marks})"


def from_cursor(cursor: sqlite3.Cursor, labels: int, classes: int, judges: int) -> Rows:
    """The samples of a query of `COLUMNS`, read in pieces so that little is in memory twice.

    Args:
        labels, classes, judges: L, K and J of `Rows`.
    """
    parts: list[Rows] = []
    while chunk := cursor.fetchmany(_CHUNK):
        parts.append(_chunk(chunk, labels, classes, judges))
    return joined(parts) if parts else _chunk([], labels, classes, judges)


def joined(parts: Sequence[Rows]) -> Rows:
    """Several runs of samples as one."""
    if len(parts) == 1:
        return parts[0]
    values: dict[str, Any] = {}
    for field in fields(Rows):
        own = [getattr(part, field.name) for part in parts]
        if field.name in ("images", "notes"):
            values[field.name] = tuple(text for part in own for text in part)
        else:
            values[field.name] = None if own[0] is None else np.concatenate(own)
    return Rows(**values)


def picked(rows: Rows, indices: NDArray[np.int64]) -> Rows:
    """The rows at some indices, in that order."""
    values: dict[str, Any] = {}
    for field in fields(Rows):
        own = getattr(rows, field.name)
        if field.name in ("images", "notes"):
            values[field.name] = tuple(own[k] for k in indices.tolist()) if own else ()
        else:
            values[field.name] = None if own is None else own[indices]
    return Rows(**values)


def _chunk(records: Sequence[tuple[Any, ...]], labels: int, classes: int, judges: int) -> Rows:
    n = len(records)
    columns = dict(zip(COLUMNS, zip(*records, strict=True), strict=True)) if n else {}

    def blobs(name: str, dtype: Any, width: int) -> NDArray[Any]:
        return np.frombuffer(b"".join(columns[name]) if n else b"", dtype).reshape(n, width)

    def numbers(name: str, dtype: Any, missing: float) -> NDArray[Any]:
        own = columns[name] if n else ()
        return np.fromiter((missing if v is None else v for v in own), dtype, n)

    clean_decisions = blobs("clean_decisions", np.int16, labels)
    clean_logits = blobs("clean_logits", np.float32, classes)
    changed = np.fromiter((v is not None for v in columns["decisions"]) if n else (), np.bool_, n)
    decisions, logits = clean_decisions.copy(), clean_logits.copy()
    if changed.any():
        said = b"".join(v for v in columns["decisions"] if v is not None)
        decisions[changed] = np.frombuffer(said, np.int16).reshape(-1, labels)
        said = b"".join(v for v in columns["logits"] if v is not None)
        logits[changed] = np.frombuffer(said, np.float32).reshape(-1, classes)
    return Rows(
        places=numbers("place", np.int64, 0),
        labels=blobs("labels", np.int16, labels),
        clean_decisions=clean_decisions,
        clean_logits=clean_logits,
        changed=changed,
        decisions=decisions,
        logits=logits,
        success=numbers("success", np.bool_, 0),
        steps=numbers("steps", np.int64, 0),
        queries=numbers("queries", np.int64, 0),
        l0=numbers("l0", np.int64, 0),
        **{name: numbers(name, np.float64, np.nan) for name in _REALS},
        seconds=numbers("seconds", np.float64, 0),
        frames=_stacked(columns.get("frames"), n, labels),
        judged=None if not judges else _judged(columns.get("judged"), n, judges, labels),
        images=tuple(v or "" for v in columns["image"]) if n else (),
        notes=columns["note"] if n else (),
    )


def _stacked(
    column: Sequence[bytes | None] | None, n: int, labels: int
) -> NDArray[np.int16] | None:
    if not n or column is None or any(v is None for v in column):
        return None
    joint = b"".join(v for v in column if v is not None)
    return np.frombuffer(joint, np.int16).reshape(n, -1, labels)


def _judged(
    column: Sequence[bytes | None] | None, n: int, judges: int, labels: int
) -> NDArray[np.int16]:
    """N×J×L; -1 where a sample was not judged."""
    found = np.full((n, judges, labels), -1, np.int16)
    for k, value in enumerate(column or ()):
        if value is not None:
            found[k] = np.frombuffer(value, np.int16).reshape(judges, labels)
    return found
