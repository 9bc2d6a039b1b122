"""An audit's store: what is finished is on the disk, and nothing is in it twice. No torch."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.audit.plan.cells import Cell, cells_of
from medadv_desktop.audit.plan.files import plan_of, plan_text
from medadv_desktop.audit.plan.schema import AuditPlan
from medadv_desktop.audit.store.records import (
    Batch,
    CellOutcome,
    CellRecord,
    CellState,
    DatasetRecord,
    ModelRecord,
    RowQuery,
    Rows,
    SampleName,
)
from medadv_desktop.audit.store.rows import (
    COLUMNS,
    as_records,
    from_cursor,
    insertion,
)
from medadv_desktop.audit.store.tables import connect
from medadv_desktop.errors import AuditError, ExportError
from medadv_desktop.models.card import ModelCard

STORE_NAME: Final = "audit.sqlite"

_CELL_COLUMNS: Final = (
    "SELECT c.number, c.cell, c.rank, c.state, c.reason, c.batches, c.outcome, "
    "c.seconds, c.attack_seconds, COUNT(b.number), COALESCE(SUM(b.samples), 0), "
    "(SELECT COUNT(*) FROM left_out l WHERE l.cell = c.number) "
    "FROM cells c LEFT JOIN batches b ON b.cell = c.number "
)

_SHOWN: Final = {
    "all": "1",
    "right-wrong": "r.labels = r.clean_decisions AND r.decisions IS NOT NULL "
    "AND r.decisions <> r.labels",
    "wrong-before": "r.labels <> r.clean_decisions",
    "withstood": "r.labels = r.clean_decisions AND COALESCE(r.decisions, r.labels) = r.labels",
}


class AuditStore:
    """The store in an audit's folder. One thread writes; any number read, also while it does.

    Close it, or use it in a `with`.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._db = connection
        self._widths: dict[str, tuple[int, int]] = {}

    @classmethod
    def create(cls, folder: Path, plan: AuditPlan) -> Self:
        """A new store for a plan, with all of its cells waiting.

        Raises:
            AuditError: there is one already.
            ExportError: the folder cannot be written.
        """
        path = folder / STORE_NAME
        if path.exists():
            raise AuditError(
                "holds an audit already",
                subject=folder,
                remedy="Go on with it (--resume), or choose another folder",
            )
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ExportError(
                f"cannot be made ({error.strerror or error})", subject=folder
            ) from None
        store = cls(path, connect(path, write=True, create=True))
        with store._transaction():
            store._set("plan", plan_text(plan))
            store._add_cells(cells_of(plan))
        return store

    @classmethod
    def open(cls, folder: Path, *, write: bool = False) -> Self:
        """The store in a folder.

        Raises:
            AuditError: there is none, or it cannot be used; see `tables.connect`.
        """
        path = folder / STORE_NAME if folder.is_dir() or not folder.exists() else folder
        return cls(path, connect(path, write=write))

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # What the audit is.

    @property
    def folder(self) -> Path:
        return self.path.parent

    @property
    def plan(self) -> AuditPlan:
        return plan_of(self.get("plan"), subject=str(self.path))

    def get(self, key: str, default: str = "") -> str:
        """A word about the audit: its plan, tags, notes, when it began."""
        found = self._db.execute("SELECT value FROM audit WHERE key = ?", (key,)).fetchone()
        return str(found[0]) if found else default

    def put(self, key: str, value: str) -> None:
        with self._transaction():
            self._set(key, value)

    def models(self) -> dict[str, ModelRecord]:
        """Models by their id in the plan; those that a cell has asked for."""
        rows = self._db.execute("SELECT id, reference, card, sha256 FROM models")
        return {
            i: ModelRecord(i, reference, ModelCard.model_validate_json(card), sha256)
            for i, reference, card, sha256 in rows
        }

    def datasets(self) -> dict[str, DatasetRecord]:
        """Data sets by their id in the plan; those that a cell has asked for."""
        rows = self._db.execute("SELECT id, description FROM datasets")
        return {i: _dataset(i, json.loads(text)) for i, text in rows}

    def record_model(self, record: ModelRecord) -> None:
        """Remember a model.

        Raises:
            AuditError: an earlier part of this audit saw other weights or another card.
        """
        known = self.models().get(record.id)
        if known is not None and (known.sha256, known.card) != (record.sha256, record.card):
            raise AuditError(
                "has changed since this audit began: its weights or its card are others",
                subject=record.reference,
                remedy="Restore it, or begin a new audit",
            )
        with self._transaction():
            self._db.execute(
                "INSERT OR IGNORE INTO models VALUES (?, ?, ?, ?)",
                (record.id, record.reference, record.card.model_dump_json(), record.sha256),
            )

    def record_dataset(self, record: DatasetRecord) -> None:
        """Remember a data set.

        Raises:
            AuditError: an earlier part of this audit saw other samples.
        """
        known = self.datasets().get(record.id)
        if known is not None and known.sha256 != record.sha256:
            raise AuditError(
                "has changed since this audit began: its images or labels are others",
                subject=record.name,
                remedy="Restore them, or begin a new audit",
            )
        values = asdict(record)
        del values["id"]
        with self._transaction():
            self._db.execute(
                "INSERT OR IGNORE INTO datasets VALUES (?, ?)",
                (record.id, json.dumps(values, ensure_ascii=False)),
            )

    # Cells.

    def cells(self) -> tuple[CellRecord, ...]:
        """All cells in the order of work."""
        rows = self._db.execute(_CELL_COLUMNS + "GROUP BY c.number ORDER BY c.rank, c.number")
        return tuple(_cell_record(row) for row in rows)

    def cell(self, cell: str) -> CellRecord:
        """One cell by its id.

        Raises:
            AuditError: there is none.
        """
        row = self._db.execute(
            _CELL_COLUMNS + "WHERE c.id = ? GROUP BY c.number", (cell,)
        ).fetchone()
        if row is None:
            raise AuditError(f"has no cell {cell}", subject=self.path)
        return _cell_record(row)

    def reorder(self, cells: Sequence[str]) -> None:
        """Set the order of work; cells that are not named come after, in the order they had."""
        named = {cell: k for k, cell in enumerate(cells)}
        rest = [record.cell.id for record in self.cells() if record.cell.id not in named]
        with self._transaction():
            for k, cell in enumerate([*named, *rest]):
                self._db.execute("UPDATE cells SET rank = ? WHERE id = ?", (k, cell))

    def begin_cell(self, cell: str, batches: int) -> None:
        """The cell is worked on; it has so many batches."""
        with self._transaction():
            self._db.execute(
                "UPDATE cells SET state = 'running', reason = '', batches = ? WHERE id = ?",
                (batches, cell),
            )

    def mark(self, cell: str, state: CellState, reason: str = "") -> None:
        """Set the state of a cell that is not done."""
        with self._transaction():
            self._db.execute(
                "UPDATE cells SET state = ?, reason = ? WHERE id = ?", (state, reason, cell)
            )

    def finish_cell(self, cell: str, outcome: CellOutcome) -> None:
        """The cell is done, with its figures."""
        with self._transaction():
            self._db.execute(
                "UPDATE cells SET state = 'done', reason = '', outcome = ? WHERE id = ?",
                (json.dumps(asdict(outcome), ensure_ascii=False), cell),
            )

    def done_batches(self, cell: str) -> frozenset[int]:
        """Numbers of the batches of a cell that are stored."""
        rows = self._db.execute("SELECT number FROM batches WHERE cell = ?", (self._number(cell),))
        return frozenset(number for (number,) in rows)

    def add_batch(self, cell: str, batch: Batch) -> bool:
        """Store a batch, all of it or nothing.

        Returns:
            Whether it is new; one that was stored already is left as it is.

        Raises:
            ExportError: the disk is full or the store cannot be written.
        """
        number = self._number(cell)
        dataset = self.cell_of(number).dataset
        with self._transaction():
            added = self._db.execute(
                "INSERT OR IGNORE INTO batches VALUES (?, ?, ?, ?, ?, ?)",
                (
                    number,
                    batch.number,
                    len(batch.rows),
                    batch.seconds,
                    batch.attack_seconds,
                    json.dumps(batch.notes),
                ),
            )
            if not added.rowcount:
                return False
            self._db.executemany(
                "INSERT OR IGNORE INTO samples VALUES (?, ?, ?, ?, ?, ?)",
                (
                    (dataset, int(n.place), n.id, n.patient, n.split, json.dumps(n.groups))
                    for n in batch.names
                ),
            )
            self._db.executemany(insertion(), as_records(number, batch.rows))
            self._db.executemany(
                "INSERT INTO left_out VALUES (?, ?, ?, ?)",
                ((number, *entry) for entry in batch.left_out),
            )
            self._db.executemany("INSERT OR IGNORE INTO images VALUES (?, ?)", batch.images)
            self._db.execute(
                "UPDATE cells SET seconds = seconds + ?, attack_seconds = attack_seconds + ? "
                "WHERE number = ?",
                (batch.seconds, batch.attack_seconds, number),
            )
        return True

    def cell_of(self, number: int) -> Cell:
        row = self._db.execute("SELECT cell FROM cells WHERE number = ?", (number,)).fetchone()
        return Cell(**json.loads(row[0]))

    # Other stores of the same audit.

    def take_progress(self, whole: AuditStore) -> None:
        """Mark what another store of this plan has finished, so that it is not done again."""
        for model in whole.models().values():
            self.record_model(model)
        for dataset in whole.datasets().values():
            self.record_dataset(dataset)
        with self._transaction():
            for record in whole.cells():
                done = whole.done_batches(record.cell.id)
                number = self._number(record.cell.id)
                self._db.executemany(
                    "INSERT OR IGNORE INTO batches VALUES (?, ?, 0, 0, 0, '[]')",
                    ((number, batch) for batch in done),
                )
                self._db.execute(
                    "UPDATE cells SET rank = ?, state = ?, batches = ? WHERE number = ?",
                    (record.rank, record.state, record.batches, number),
                )

    def absorb(self, path: Path, fresh: str, size: int) -> int:
        """Copy batches of the store at `path`; see `merging.merge`.

        Args:
            fresh: the statement that finds them.
            size: samples of a batch: the rows of batch k lie at places k·size and following.
        """
        self._db.execute("ATTACH DATABASE ? AS other", (str(path),))
        try:
            with self._transaction():
                self._db.execute(fresh)
                here = f"f.theirs = r.cell AND r.place / {size} = f.batch"
                columns = ", ".join(COLUMNS)
                theirs = ", ".join(f"r.{name}" for name in COLUMNS)
                for statement in (
                    "INSERT OR IGNORE INTO main.samples SELECT * FROM other.samples",
                    "INSERT OR IGNORE INTO main.models SELECT * FROM other.models",
                    "INSERT OR IGNORE INTO main.datasets SELECT * FROM other.datasets",
                    "INSERT OR IGNORE INTO main.images SELECT * FROM other.images",
                    f"INSERT INTO main.rows (cell, {columns}) SELECT f.mine, {theirs} "
                    f"FROM other.rows r JOIN fresh f ON {here}",
                    "INSERT INTO main.left_out SELECT f.mine, r.place, r.id, r.reason "
                    f"FROM other.left_out r JOIN fresh f ON {here}",
                    "INSERT INTO main.batches SELECT f.mine, b.number, b.samples, b.seconds, "
                    "b.attack_seconds, b.notes FROM other.batches b "
                    "JOIN fresh f ON f.theirs = b.cell AND f.batch = b.number",
                    "UPDATE main.cells SET "
                    "seconds = (SELECT COALESCE(SUM(seconds), 0) FROM main.batches b "
                    "WHERE b.cell = main.cells.number), "
                    "attack_seconds = (SELECT COALESCE(SUM(attack_seconds), 0) "
                    "FROM main.batches b WHERE b.cell = main.cells.number)",
                    "UPDATE main.cells SET state = o.state, reason = o.reason FROM other.cells o "
                    "WHERE o.id = main.cells.id AND main.cells.state <> 'done' "
                    "AND (o.state = 'failed' OR main.cells.state = 'waiting')",
                    "UPDATE main.cells SET batches = o.batches FROM other.cells o "
                    "WHERE o.id = main.cells.id AND o.batches > 0",
                ):
                    self._db.execute(statement)
                count = self._db.execute("SELECT COUNT(*) FROM fresh").fetchone()[0]
                self._db.execute("DROP TABLE fresh")
        finally:
            self._db.execute("DETACH DATABASE other")
        return int(count)

    # Samples.

    def rows(self, cell: str) -> Rows:
        """All samples of a cell so far, by place."""
        number = self._number(cell)
        cursor = self._db.execute(
            f"SELECT {', '.join(COLUMNS)} FROM rows WHERE cell = ? ORDER BY place", (number,)
        )
        return from_cursor(cursor, *self._shape(number))

    def verdicts(self, cell: str) -> NDArray[np.void]:
        """N×(place int64, before bool, after bool): whether all decisions on the clean, and on the
        changed image are right; by place. It takes 10 bytes a sample.
        """
        found = self._db.execute(
            "SELECT place, labels = clean_decisions, labels = COALESCE(decisions, clean_decisions) "
            "FROM rows WHERE cell = ? ORDER BY place",
            (self._number(cell),),
        )
        kind = [("place", np.int64), ("before", np.bool_), ("after", np.bool_)]
        return np.fromiter(found, np.dtype(kind))

    def between(self, cell: str, first: int, stop: int) -> Rows:
        """Samples of a cell with places from `first` up to `stop`."""
        number = self._number(cell)
        cursor = self._db.execute(
            f"SELECT {', '.join(COLUMNS)} FROM rows WHERE cell = ? AND place >= ? AND place < ? "
            "ORDER BY place",
            (number, first, stop),
        )
        return from_cursor(cursor, *self._shape(number))

    def page(self, cell: str, query: RowQuery) -> tuple[tuple[SampleName, ...], Rows]:
        """A page of the samples of a cell, in the order asked for, with their names."""
        number, dataset = self._number(cell), self.cell_of(self._number(cell)).dataset
        where, values = self._where(query)
        order = "s.id" if query.sort == "id" else f"r.{query.sort}"
        direction = "DESC" if query.descending else "ASC"
        columns = ", ".join(f"r.{name}" for name in COLUMNS)
        joined = (
            "FROM rows r JOIN samples s ON s.dataset = ? AND s.place = r.place "
            f"WHERE r.cell = ? AND {where} "
            f"ORDER BY {order} IS NULL, {order} {direction}, r.place LIMIT ? OFFSET ?"
        )
        values = (dataset, number, *values, query.count, query.first)
        names = self._db.execute(
            f"SELECT s.place, s.id, s.patient, s.split, s.groups {joined}", values
        ).fetchall()
        rows = from_cursor(
            self._db.execute(f"SELECT {columns} {joined}", values), *self._shape(number)
        )
        return tuple(_name(row) for row in names), rows

    def count(self, cell: str, query: RowQuery) -> int:
        """How many samples of a cell a query shows, on all pages."""
        number = self._number(cell)
        where, values = self._where(query)
        found = self._db.execute(
            "SELECT COUNT(*) FROM rows r JOIN samples s ON s.dataset = ? AND s.place = r.place "
            f"WHERE r.cell = ? AND {where}",
            (self.cell_of(number).dataset, number, *values),
        ).fetchone()
        return int(found[0])

    def names(self, dataset: str, places: Sequence[int] | NDArray[np.int64]) -> list[SampleName]:
        """Names of samples of a data set, in the order of `places`."""
        found: dict[int, SampleName] = {}
        wanted = [int(place) for place in places]
        for first in range(0, len(wanted), 500):
            part = wanted[first : first + 500]
            marks = ", ".join("?" * len(part))
            rows = self._db.execute(
                "SELECT place, id, patient, split, groups FROM samples "
                f"WHERE dataset = ? AND place IN ({marks})",
                (dataset, *part),
            )
            found.update({row[0]: _name(row) for row in rows})
        return [found[place] for place in wanted]

    def all_names(self, dataset: str) -> Iterator[SampleName]:
        """Names of all samples of a data set that occur in a cell, by place."""
        rows = self._db.execute(
            "SELECT place, id, patient, split, groups FROM samples WHERE dataset = ? "
            "ORDER BY place",
            (dataset,),
        )
        return (_name(row) for row in rows)

    def left_out(self, cell: str) -> tuple[tuple[int, str, str], ...]:
        """Place, id and reason of the samples of a cell without results."""
        rows = self._db.execute(
            "SELECT place, id, reason FROM left_out WHERE cell = ? ORDER BY place",
            (self._number(cell),),
        )
        return tuple(rows)

    def batch_notes(self, cell: str) -> tuple[str, ...]:
        """What the batches of a cell noted, once each, by their order."""
        rows = self._db.execute(
            "SELECT notes FROM batches WHERE cell = ? ORDER BY number", (self._number(cell),)
        )
        return tuple(dict.fromkeys(note for (text,) in rows for note in json.loads(text)))

    def image_bytes(self) -> int:
        """What the kept images take on disk."""
        found = self._db.execute("SELECT COALESCE(SUM(bytes), 0) FROM images").fetchone()
        return int(found[0])

    # What was worked out from it, under a key of its parameters.

    def analysis(self, key: str) -> bytes | None:
        """The content stored under a key, or None."""
        found = self._db.execute("SELECT content FROM analyses WHERE key = ?", (key,)).fetchone()
        return None if found is None else bytes(found[0])

    def keep_analysis(self, key: str, made: str, content: bytes) -> None:
        """Store what was worked out; `made` tells people what it is."""
        with self._transaction():
            self._db.execute(
                "INSERT OR REPLACE INTO analyses VALUES (?, ?, ?)", (key, made, content)
            )

    # The rest.

    def _set(self, key: str, value: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO audit VALUES (?, ?)", (key, value))

    def _add_cells(self, cells: Sequence[Cell]) -> None:
        self._db.executemany(
            "INSERT OR IGNORE INTO cells (id, cell, rank, state) VALUES (?, ?, ?, 'waiting')",
            ((c.id, json.dumps(asdict(c)), rank) for rank, c in enumerate(cells)),
        )

    def _number(self, cell: str) -> int:
        row = self._db.execute("SELECT number FROM cells WHERE id = ?", (cell,)).fetchone()
        if row is None:
            raise AuditError(f"has no cell {cell}", subject=self.path)
        return int(row[0])

    def _shape(self, number: int) -> tuple[int, int, int]:
        """L, K and J of the rows of a cell."""
        row = self._db.execute(
            "SELECT LENGTH(labels) / 2, LENGTH(clean_logits) / 4, "
            "(SELECT MAX(LENGTH(judged)) / 2 FROM rows WHERE cell = ?1 AND judged IS NOT NULL) "
            "FROM rows WHERE cell = ?1 LIMIT 1",
            (number,),
        ).fetchone()
        if row is None:
            return 1, 1, 0
        labels, classes, judged = row
        return labels, classes, (judged or 0) // labels

    def _where(self, query: RowQuery) -> tuple[str, tuple[Any, ...]]:
        where, values = _SHOWN[query.show], ()
        if query.text:
            text = query.text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
            return f"({where}) AND s.id LIKE ? ESCAPE '\\'", (f"%{text}%",)
        return f"({where})", values

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All or nothing; what the disk refuses is an ExportError."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise ExportError(
                f"cannot be written ({error})",
                subject=self.path,
                remedy="Make room on the disk, then go on with --resume",
            ) from None


def _cell_record(row: tuple[Any, ...]) -> CellRecord:
    _number, cell, rank, state, reason, batches, outcome, seconds, attack_seconds, *rest = row
    done, samples, left_out = rest
    return CellRecord(
        cell=Cell(**json.loads(cell)),
        rank=rank,
        state=state,
        reason=reason,
        batches=batches,
        batches_done=done,
        rows=samples,
        left_out=left_out,
        seconds=seconds,
        attack_seconds=attack_seconds,
        outcome=None if outcome is None else _outcome(json.loads(outcome)),
    )


def _outcome(values: dict[str, Any]) -> CellOutcome:
    lists = {key: tuple(values[key]) for key in ("suspicions", "notes", "judges")}
    return CellOutcome(**(values | lists))


def _dataset(name: str, values: dict[str, Any]) -> DatasetRecord:
    lists = {key: tuple(values[key]) for key in ("part", "classes", "groups")}
    return DatasetRecord(id=name, **(values | lists))


def _name(row: tuple[Any, ...]) -> SampleName:
    return SampleName(row[0], row[1], row[2], row[3], tuple(json.loads(row[4])))
