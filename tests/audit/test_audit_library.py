"""Runs in folders: found, summed up, tagged, thrown away and brought back."""

from __future__ import annotations

import os
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from medadv_desktop.audit.library import (
    LOCK_NAME,
    TRASH,
    empty_trash,
    from_trash,
    is_worked_on,
    keep_words,
    read_run,
    run_folders,
    to_trash,
)
from medadv_desktop.audit.store.records import RowQuery
from medadv_desktop.audit.store.sample_table import SampleTable
from medadv_desktop.audit.store.store import AuditStore
from medadv_desktop.audit.summaries import AuditRun, BrokenRun
from medadv_desktop.errors import AuditError
from tests.audit_store.building import SMALL_PLAN, build_audit


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_audit(
        tmp_path_factory.mktemp("runs") / "one", SMALL_PLAN, samples=30, batch=10, images=False
    )


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """A run of which nothing is done yet."""
    return build_audit(
        tmp_path / "run", SMALL_PLAN, samples=4, batch=2, images=False, finished=lambda _: False
    )


def test_that_runs_are_found_once_in_folders_and_as_folders(tmp_path, empty):
    (tmp_path / "something else").mkdir()
    (tmp_path / TRASH / "old").mkdir(parents=True)
    (tmp_path / TRASH / "old" / "audit.sqlite").write_bytes(b"")
    assert list(run_folders([tmp_path, empty, tmp_path / "missing"])) == [empty]


def test_that_a_run_is_summed_up_by_its_lowest_figures(built):
    run = read_run(built)
    assert isinstance(run, AuditRun)
    assert (run.name, run.state, run.at_work) == ("Small audit", "done", False)
    assert (run.cells, run.done, run.failed) == (3, 3, 0)
    with AuditStore.open(built) as store:
        robust = {
            record.cell.id: float((rows.right_before & rows.right_after).mean())
            for record in store.cells()[1:]
            for rows in [store.rows(record.cell.id)]
        }
        clean = float(store.rows(store.cells()[0].cell.id).right_before.mean())
    assert run.robust.value == pytest.approx(min(robust.values()))
    assert robust[run.robust.cell] == min(robust.values())
    assert run.clean.value == pytest.approx(clean)


def test_that_a_damaged_store_is_told_with_its_reason(tmp_path):
    (tmp_path / "audit.sqlite").write_bytes(b"not a database" * 99)
    run = read_run(tmp_path)
    assert isinstance(run, BrokenRun)
    assert "cannot be used as an audit store" in run.reason


def test_that_a_store_whose_plan_is_broken_is_told_with_its_reason(empty):
    with AuditStore.open(empty, write=True) as store:
        store.put("plan", "version = 99")
    run = read_run(empty)
    assert isinstance(run, BrokenRun)
    assert "version 99" in run.reason


def test_that_tags_and_notes_are_kept_without_repetition(empty):
    keep_words(empty, ["a", " b ", "", "a"], "Two lines\nof notes")
    run = read_run(empty)
    assert (run.tags, run.notes) == (("a", "b"), "Two lines\nof notes")


def test_that_a_folder_is_worked_on_while_its_lock_is_held(empty):
    assert not is_worked_on(empty)
    lock = sqlite3.connect(empty / LOCK_NAME, isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    assert is_worked_on(empty)
    lock.close()
    assert not is_worked_on(empty)


def test_that_a_run_comes_back_from_the_trash_as_it_was(empty):
    before = (empty / "audit.sqlite").read_bytes()
    trashed = to_trash(empty)
    assert not empty.exists()
    assert trashed.parent == empty.parent / TRASH
    from_trash(trashed, empty)
    assert (empty / "audit.sqlite").read_bytes() == before


def test_that_a_run_does_not_come_back_over_another(empty):
    trashed = to_trash(empty)
    empty.mkdir()
    with pytest.raises(AuditError, match="another folder now"):
        from_trash(trashed, empty)


def test_that_only_what_lay_long_in_the_trash_goes_for_good(tmp_path, empty):
    trashed = to_trash(empty)
    assert empty_trash(tmp_path) == 0
    long_ago = datetime(2020, 1, 1, tzinfo=UTC).timestamp()
    os.utime(trashed, (long_ago, long_ago))
    assert empty_trash(tmp_path) == 1
    assert not trashed.exists()


@pytest.mark.parametrize(
    "query",
    [
        RowQuery(),
        RowQuery(show="right-wrong", sort="linf", descending=True),
        RowQuery(sort="id", text="1", descending=True),
        RowQuery(show="withstood", sort="ssim"),
        RowQuery(text="nobody"),
    ],
)
def test_that_a_sample_table_gives_the_same_pages_as_the_store(built, query):
    with SampleTable.open(built) as table:
        cell = table.cells()[2].cell.id
        order = table.order(cell, query)
        names, rows = table.rows_at(cell, order[3:9])
        page = RowQuery(query.show, query.text, query.sort, query.descending, 3, 6)
        expected_names, expected = table.page(cell, page)
        assert len(order) == table.count(cell, query)
    assert names == expected_names
    for column in ("places", "labels", "decisions", "logits", "linf", "ssim", "success"):
        np.testing.assert_array_equal(getattr(rows, column), getattr(expected, column))
