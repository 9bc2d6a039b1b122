"""The store: all or nothing, nothing twice, what is foreign is refused."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import audit_cases
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medadv_desktop.audit.plan.schema import AuditPlan
from medadv_desktop.audit.store.merging import merge
from medadv_desktop.audit.store.records import Batch, RowQuery, Rows, SampleName
from medadv_desktop.audit.store.store import STORE_NAME, AuditStore
from medadv_desktop.errors import AuditError, ExportError


@pytest.fixture
def plan() -> AuditPlan:
    return audit_cases.plan_with("demo-dermoscopy", Path("set"), batch_size=4)


def some_rows(first: int, count: int = 4, classes: int = 3) -> Rows:
    """Rows of which every column says something; every other sample was not changed."""
    rng = np.random.default_rng(first)
    changed = np.arange(count) % 2 == 0
    labels = rng.integers(0, classes, (count, 1)).astype(np.int16)
    logits = rng.normal(size=(count, classes)).astype(np.float32)
    nothing = np.full(count, np.nan)

    def known(values: np.ndarray) -> np.ndarray:
        return np.where(changed, values, np.zeros((), values.dtype))

    return Rows(
        places=np.arange(first, first + count),
        labels=labels,
        clean_decisions=labels.copy(),
        clean_logits=logits,
        changed=changed,
        decisions=np.where(changed[:, None], (labels + 1) % classes, labels).astype(np.int16),
        logits=np.where(changed[:, None], -logits, logits).astype(np.float32),
        success=changed,
        steps=known(rng.integers(1, 9, count)),
        queries=known(rng.integers(1, 99, count)),
        l0=known(rng.integers(1, 99, count)),
        linf=np.where(changed, rng.random(count), np.nan),
        l2=nothing.copy(),
        l1=nothing.copy(),
        ssim=nothing.copy(),
        psnr=np.where(changed, np.inf, np.nan),
        seconds=rng.random(count),
        smallest=np.where(changed, np.inf, 0.25),
        frames=rng.integers(0, classes, (count, 5, 1)).astype(np.int16),
        judged=rng.integers(0, classes, (count, 2, 1)).astype(np.int16),
        images=tuple("ab" * 32 if flag else "" for flag in changed),
        notes=tuple("" if flag else "not attacked" for flag in changed),
    )


def batch(number: int, size: int = 4) -> Batch:
    rows = some_rows(number * size, size)
    names = tuple(SampleName(p, f"img-{p:04}", f"p{p}", "test", ("f",)) for p in rows.places)
    return Batch(number, rows, names, seconds=2.0, attack_seconds=1.5, notes=("seen",))


def equal(first: Rows, second: Rows) -> bool:
    def same(name: str) -> bool:
        a, b = getattr(first, name), getattr(second, name)
        return (
            a == b if isinstance(a, tuple) else np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
        )

    return all(same(name) for name in Rows.__dataclass_fields__)


@settings(max_examples=20, deadline=None)
@given(sizes=st.lists(st.integers(1, 7), min_size=1, max_size=4))
def test_that_rows_come_back_as_they_went_in(sizes: list[int]) -> None:
    import tempfile

    from medadv_desktop.audit.store.rows import joined

    plan = audit_cases.plan_with("demo-dermoscopy", Path("set"))
    with tempfile.TemporaryDirectory() as folder, AuditStore.create(Path(folder), plan) as store:
        cell = store.cells()[1].cell.id
        parts, first = [], 0
        for number, size in enumerate(sizes):
            parts.append(some_rows(first, size))
            store.add_batch(cell, Batch(number, parts[-1], ()))
            first += size
        assert equal(store.rows(cell), joined(parts))


def test_that_a_batch_is_stored_once(plan: AuditPlan, tmp_path: Path) -> None:
    with AuditStore.create(tmp_path, plan) as store:
        cell = store.cells()[0].cell.id
        assert store.add_batch(cell, batch(0))
        assert not store.add_batch(cell, batch(0))
        record = store.cell(cell)
        assert (record.batches_done, record.rows, record.seconds) == (1, 4, 2.0)
        assert store.done_batches(cell) == {0}


def test_that_a_batch_that_cannot_be_stored_leaves_nothing(plan: AuditPlan, tmp_path: Path) -> None:
    with AuditStore.create(tmp_path, plan) as store:
        cell = store.cells()[0].cell.id
        store.add_batch(cell, batch(0))
        before = audit_cases.content(tmp_path)
        overlapping = replace(batch(1), rows=some_rows(0))
        with pytest.raises(ExportError, match="cannot be written"):
            store.add_batch(cell, overlapping)
        assert audit_cases.content(tmp_path) == before
        assert store.add_batch(cell, batch(1))


def test_that_a_full_disk_is_told_and_nothing_is_lost(plan: AuditPlan, tmp_path: Path) -> None:
    with AuditStore.create(tmp_path, plan) as store:
        cell = store.cells()[0].cell.id
        store.add_batch(cell, batch(0))
        pages = store._db.execute("PRAGMA page_count").fetchone()[0]
        store._db.execute(f"PRAGMA max_page_count={pages}")
        with pytest.raises(ExportError, match="full") as caught:
            store.add_batch(cell, batch(1, 4000))
        assert "Make room" in str(caught.value)
        assert store.done_batches(cell) == {0}


def test_that_tables_are_filtered_sorted_and_paged(plan: AuditPlan, tmp_path: Path) -> None:
    with AuditStore.create(tmp_path, plan) as store:
        cell = store.cells()[0].cell.id
        for number in range(3):
            store.add_batch(cell, batch(number))
        rows = store.rows(cell)
        names, page = store.page(cell, RowQuery(sort="linf", descending=True, count=3))
        changed = rows.linf[rows.changed]
        assert page.linf.tolist() == sorted(changed.tolist(), reverse=True)[:3]
        assert [n.place for n in names] == page.places.tolist()
        wrong = RowQuery(show="right-wrong", text="img-0004")
        assert store.count(cell, wrong) == 1
        assert store.count(cell, RowQuery(show="withstood")) == int((~rows.changed).sum())
        assert store.count(cell, RowQuery(text="%")) == 0
        first, second = (store.page(cell, RowQuery(first=k, count=6))[1] for k in (0, 6))
        assert [*first.places, *second.places] == rows.places.tolist()


def test_that_stores_of_one_audit_merge_without_loss_or_duplicates(
    plan: AuditPlan, tmp_path: Path
) -> None:
    with AuditStore.create(tmp_path / "a", plan) as a, AuditStore.create(tmp_path / "b", plan) as b:
        cell = a.cells()[0].cell.id
        a.add_batch(cell, batch(0))
        b.add_batch(cell, batch(0))
        b.add_batch(cell, batch(2))
        b.begin_cell(cell, 3)
        b.close()
        assert merge(a, tmp_path / "b" / STORE_NAME) == 1
        assert merge(a, tmp_path / "b" / STORE_NAME) == 0
        assert a.rows(cell).places.tolist() == [0, 1, 2, 3, 8, 9, 10, 11]
        assert a.cell(cell).batches == 3
        assert a.batch_notes(cell) == ("seen",)


def test_that_a_store_of_another_plan_is_not_merged(plan: AuditPlan, tmp_path: Path) -> None:
    other = plan.model_copy(update={"name": "Another"})
    AuditStore.create(tmp_path / "b", other).close()
    with (
        AuditStore.create(tmp_path / "a", plan) as a,
        pytest.raises(AuditError, match="another audit"),
    ):
        merge(a, tmp_path / "b" / STORE_NAME)


def test_that_foreign_broken_missing_and_newer_stores_are_refused(
    plan: AuditPlan, tmp_path: Path
) -> None:
    with pytest.raises(AuditError, match="no audit store"):
        AuditStore.open(tmp_path)
    path = tmp_path / STORE_NAME
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE mine (x)")
    with pytest.raises(AuditError, match="another program"):
        AuditStore.open(tmp_path)
    path.write_bytes(b"no database" * 100)
    with pytest.raises(AuditError, match="cannot be used"):
        AuditStore.open(tmp_path)
    path.unlink()
    AuditStore.create(tmp_path, plan).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version=99")
    with pytest.raises(AuditError, match="Update this program"):
        AuditStore.open(tmp_path)


def test_that_a_reader_sees_what_is_finished_while_another_writes(
    plan: AuditPlan, tmp_path: Path
) -> None:
    with AuditStore.create(tmp_path, plan) as store, AuditStore.open(tmp_path) as reader:
        cell = store.cells()[0].cell.id
        store.add_batch(cell, batch(0))
        assert len(reader.rows(cell)) == 4
        with pytest.raises(ExportError):
            reader.put("notes", "mine")


def test_that_the_order_of_work_can_be_changed(plan: AuditPlan, tmp_path: Path) -> None:
    with AuditStore.create(tmp_path, plan) as store:
        cells = [r.cell.id for r in store.cells()]
        store.reorder([cells[3], cells[1]])
        expected = [cells[3], cells[1], cells[0], cells[2], *cells[4:]]
        assert [r.cell.id for r in store.cells()] == expected
