"""Inspection, splits, subsets, streams and fingerprints."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from medadv_desktop.datasets import hash_cache
from medadv_desktop.datasets.fingerprint import fingerprint
from medadv_desktop.datasets.hash_cache import cache_path, sha256_of
from medadv_desktop.datasets.inspection import InspectionSettings, inspect
from medadv_desktop.datasets.opening import open_dataset
from medadv_desktop.datasets.options import DatasetOptions
from medadv_desktop.datasets.problems import ProblemKind
from medadv_desktop.datasets.splitting import SplitSettings, split
from medadv_desktop.datasets.streaming import AHEAD, in_order, stream
from medadv_desktop.datasets.subset import Subset
from medadv_desktop.errors import DatasetError
from medadv_desktop.imaging.frame import Frame, Unreadable
from medadv_desktop.jobs import CancelToken, JobCancelled, Progress


def where(report, kind: ProblemKind) -> list[tuple[str, int | None]]:
    return [(p.file.name if p.file else "", p.row) for p in report.problems.of(kind)]


@pytest.fixture
def troubled(write_image, write_table, tmp_path: Path) -> Path:
    """A manifest with every trouble that a look at files and rows can find."""
    for k in range(4):
        write_image(f"{k}.png", k, size=(6, 5) if k else (8, 9))
    (tmp_path / "copy.png").write_bytes((tmp_path / "1.png").read_bytes())
    (tmp_path / "broken.png").write_bytes((tmp_path / "2.png").read_bytes()[:50])
    (tmp_path / "text.png").write_text("not an image")
    return write_table(
        "t.csv",
        [
            "path,label,patient,split",
            "0.png,x,p0,train",
            "1.png,x,p1,train",
            "2.png,y,p2,test",
            "3.png,y,p1,test",
            "0.png,x,p0,train",
            "2.png,x,p2,test",
            "gone.png,x,p3,train",
            "copy.png,y,p4,test",
            "broken.png,x,p5,train",
            "text.png,z,p6,",
        ],
    )


def test_that_the_report_names_every_trouble_with_file_and_row(troubled: Path) -> None:
    report = inspect(open_dataset(troubled))
    assert where(report, ProblemKind.DUPLICATE_ROW) == [("t.csv", 6)]
    assert where(report, ProblemKind.CONFLICTING_ROW) == [("t.csv", 7)]
    assert where(report, ProblemKind.MISSING_IMAGE) == [("t.csv", 8)]
    assert where(report, ProblemKind.DUPLICATE_ACROSS_SPLITS) == [("t.csv", 9)]
    assert where(report, ProblemKind.UNREADABLE_IMAGE) == [("t.csv", 10), ("t.csv", 11)]
    assert where(report, ProblemKind.UNKNOWN_SPLIT) == [("t.csv", 11)]
    assert where(report, ProblemKind.SINGLE_SAMPLE_CLASS) == [("t.csv", 11)]
    (leak,) = report.problems.of(ProblemKind.PATIENT_IN_TWO_SPLITS)
    assert "'p1' is in train (1) and test (1)" in leak.text or "test (1) and train" in leak.text
    assert [(c.name, c.samples) for c in report.classes] == [("x", 6), ("y", 3), ("z", 1)]
    counts = {s.name: (s.samples, s.patients) for s in report.splits}
    assert counts == {"train": (5, 4), "test": (4, 3), "": (1, 1)}
    assert {(s.height, s.width): s.images for s in report.sizes} == {(6, 5): 5, (8, 9): 2}
    assert report.patients == 7


def test_that_the_report_can_be_printed_and_written_as_json(troubled: Path) -> None:
    report = inspect(open_dataset(troubled))
    text = "\n".join(report.lines())
    assert "t: 10 samples, single-label, layout manifest" in text
    assert "x: 6 (train 5, test 1)" in text
    assert "t.csv, row 8: gone.png does not exist" in text
    assert json.loads(json.dumps(report.as_json()))["samples"] == 10


def test_that_a_sample_of_the_images_is_a_sample_and_said_to_be(troubled: Path) -> None:
    settings = InspectionSettings(images="sample", sample_size=2, decode=False)
    report = inspect(open_dataset(troubled), settings=settings)
    assert report.looked_at == 2
    assert not report.compared
    assert "2 of 10 looked at by their headers; contents not compared" in "\n".join(report.lines())
    assert where(report, ProblemKind.MISSING_IMAGE) == [("t.csv", 8)]


def test_that_an_inspection_can_be_cancelled_and_reports_progress(troubled: Path) -> None:
    data, token = open_dataset(troubled), CancelToken()
    events: list[object] = []

    def stop(event: object) -> None:
        events.append(event)
        token.cancel()

    with pytest.raises(JobCancelled):
        inspect(data, token, stop)
    assert isinstance(events[0], Progress)
    assert not [t for t in threading.enumerate() if t.name.startswith("medadv-data")]


def test_that_a_split_that_a_list_empties_is_reported(write_table, write_image, tmp_path) -> None:
    write_image("a.png")
    data = split(open_dataset(write_table("t.csv", ["path,label", "a.png,x"])))
    report = inspect(data)
    assert len(report.problems.of(ProblemKind.EMPTY_SPLIT)) == 2


# --- splits --------------------------------------------------------------------------------------


def people(write_table, name: str = "t.csv", reverse: bool = False) -> Path:
    """400 patients of one to four images; class b is one patient in ten."""
    rows = [
        f"{p}_{k}.png,{'b' if p % 10 == 0 else 'a'},p{p}"
        for p in range(400)
        for k in range(p % 4 + 1)
    ]
    return write_table(name, ["path,label,patient", *(reversed(rows) if reverse else rows)])


def by_id(data) -> dict[str, str]:
    return {s.id: s.split for s in data}


def test_that_splits_keep_patients_together_and_classes_in_proportion(write_table) -> None:
    data = split(open_dataset(people(write_table)), SplitSettings(train=0.6, val=0.2, test=0.2))
    parts: dict[str, set[str]] = {}
    for s in data:
        parts.setdefault(s.patient, set()).add(s.split)
    assert all(len(p) == 1 for p in parts.values())
    splits = np.array([s.split for s in data])
    labels = data.labels
    for label in (0, 1):
        for name, share in (("train", 0.6), ("val", 0.2), ("test", 0.2)):
            found = ((splits == name) & (labels == label)).sum()
            # A split is never further from its share than the largest group.
            assert abs(found - share * (labels == label).sum()) <= 4
    assert not inspect(
        data, settings=InspectionSettings(images="none", duplicates=False)
    ).problems.of(ProblemKind.PATIENT_IN_TWO_SPLITS)


def test_that_a_split_depends_on_the_seed_and_not_on_the_order_of_rows(write_table) -> None:
    forwards = open_dataset(people(write_table))
    backwards = open_dataset(people(write_table, "r.csv", reverse=True))
    assert by_id(split(forwards)) == by_id(split(backwards))
    assert by_id(split(forwards)) != by_id(split(forwards, SplitSettings(seed=1)))
    assert by_id(split(forwards)) == by_id(split(forwards))


def test_that_multi_label_sets_are_stratified_by_their_rarest_findings(write_table) -> None:
    rows = [
        f"{i}.png,{'|'.join(n for n, k in (('a', 2), ('b', 7), ('c', 50)) if i % k == 0)}"
        for i in range(1, 701)
    ]
    lines = [f"{row}No Finding" if row.endswith(",") else row for row in rows]
    data = split(open_dataset(write_table("t.csv", ["path,findings", *lines])))
    splits = np.array([s.split for s in data])
    for k in range(3):
        positive = data.labels[:, k] == 1
        assert abs((positive & (splits == "test")).sum() - 0.2 * positive.sum()) <= 3


def test_that_a_share_of_zero_stays_empty_and_none_at_all_is_refused(write_table) -> None:
    data = split(open_dataset(people(write_table)), SplitSettings(train=1, val=0, test=0))
    assert set(by_id(data).values()) == {"train"}
    with pytest.raises(ValueError, match="above 0"):
        SplitSettings(train=0, val=0, test=0)


# --- subsets -------------------------------------------------------------------------------------


def test_that_subsets_choose_by_split_class_filter_and_count(write_table) -> None:
    data = split(open_dataset(people(write_table)))
    chosen = Subset(splits="test|val", classes="b").apply(data)
    assert {(s.split, s.labels) for s in chosen} == {("test", (1,)), ("val", (1,))}
    assert {s.patient for s in Subset(filter="patient=p7").apply(data)} == {"p7"}
    assert all(not s.id.startswith("1") for s in Subset(filter="id!=1*").apply(data))
    ten, twenty = (Subset(count=n, seed=3).apply(data) for n in (10, 20))
    assert len(ten) == 10
    assert {s.id for s in ten} < {s.id for s in twenty}
    assert ten.history[-1] == "count=10 (seed 3)"


def test_that_a_draw_does_not_depend_on_the_order_of_rows(write_table) -> None:
    a = Subset(count=25).apply(open_dataset(people(write_table)))
    b = Subset(count=25).apply(open_dataset(people(write_table, "r.csv", reverse=True)))
    assert {s.id for s in a} == {s.id for s in b}


def test_that_a_balanced_draw_takes_equally_from_each_class(write_table) -> None:
    data = Subset(count=40, balanced=True).apply(open_dataset(people(write_table)))
    assert np.bincount(data.labels).tolist() == [20, 20]


def test_that_impossible_subsets_are_refused_with_what_there_is(write_table) -> None:
    data = open_dataset(people(write_table))
    with pytest.raises(DatasetError, match="It has: a, b"):
        Subset(classes="c").apply(data)
    with pytest.raises(DatasetError, match="columns are id, path, patient, split"):
        Subset(filter="colour=red").apply(data)
    with pytest.raises(DatasetError, match="Loosen"):
        Subset(filter="patient=nobody").apply(data)


def test_that_only_labelled_samples_can_be_asked_for(write_table) -> None:
    data = open_dataset(write_table("t.csv", ["path,label", "a.png,x", "b.png,", "c.png,x"]))
    assert [s.id for s in Subset(labelled=True).apply(data)] == ["a.png", "c.png"]


# --- streams -------------------------------------------------------------------------------------


def test_that_a_stream_is_the_same_for_any_number_of_workers(troubled: Path) -> None:
    data = open_dataset(troubled)

    def seen(workers: int) -> list[tuple[str, object]]:
        return [
            (s.id, f.stored.tobytes() if isinstance(f, Frame) else f.reason)
            for s, f in stream(data, workers)
        ]

    alone = seen(1)
    assert alone == seen(3) == seen(8)
    assert [name for name, _ in alone] == [s.id for s in data]
    broken = [s.id for s, f in stream(data, 2) if isinstance(f, Unreadable)]
    assert broken == ["gone.png", "broken.png", "text.png"]


def test_that_no_more_images_are_decoded_than_wait_to_be_taken() -> None:
    running, most, lock = 0, 0, threading.Lock()

    def work(item: int) -> int:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        return item * item

    taken = 0
    for item, result in in_order(work, range(100), 3, CancelToken()):
        assert result == item * item == taken * taken
        with lock:
            assert running - taken <= AHEAD * 3
        taken += 1
    assert taken == 100


def test_that_a_stream_left_early_or_cancelled_leaves_no_thread(troubled: Path) -> None:
    data = open_dataset(troubled)
    images = stream(data, 4)
    next(images)
    images.close()
    token = CancelToken()
    cancelled = stream(data, 4, token)
    next(cancelled)
    token.cancel()
    with pytest.raises(JobCancelled):
        next(cancelled)
    assert not [t for t in threading.enumerate() if t.name.startswith("medadv-data")]


# --- fingerprints --------------------------------------------------------------------------------


@pytest.fixture
def pair(write_image, tmp_path: Path) -> Path:
    for k, name in enumerate(("set/a/1.png", "set/a/2.png", "set/b/3.png")):
        write_image(name, k)
    return tmp_path / "set"


def test_that_the_fingerprint_is_what_its_definition_says(pair: Path) -> None:
    def framed(text: str) -> bytes:
        return len(text.encode()).to_bytes(8, "big") + text.encode()

    parts = []
    for name in ("a/1.png", "a/2.png", "b/3.png"):
        content = hashlib.sha256((pair / name).read_bytes()).digest()
        parts.append(hashlib.sha256(content + framed("0") + framed(f"={name[0]}")).digest())
    head = b"".join(framed(t) for t in ("medadv-dataset-1", "single-label", "a", "b"))
    expected = hashlib.sha256(head + b"".join(sorted(parts))).hexdigest()
    assert fingerprint(open_dataset(pair)).sha256 == expected


def test_that_the_fingerprint_is_of_content_and_labels_alone(pair: Path, write_table) -> None:
    before = fingerprint(open_dataset(pair))
    rows = ["set/b/3.png,b,p", "set/a/2.png,a,q", "set/a/1.png,a,r"]
    table = write_table("t.csv", ["path,label,patient", *rows])
    assert fingerprint(open_dataset(table)) == before
    assert fingerprint(split(open_dataset(table))) == before
    for changed in (
        [rows[0].replace(",b,", ",a,"), *rows[1:], "x.png,b,s"],
        rows[1:],
        [*rows, rows[0]],
    ):
        write_table("t.csv", ["path,label,patient", *changed])
        assert fingerprint(open_dataset(table)).sha256 != before.sha256
    swapped = open_dataset(pair, DatasetOptions(classes="b|a"))
    assert fingerprint(swapped).sha256 != before.sha256


def test_that_a_changed_pixel_changes_the_fingerprint_and_a_missing_file_is_counted(
    pair: Path, write_image
) -> None:
    data = open_dataset(pair)
    before = fingerprint(data)
    write_image("set/a/1.png", seed=77)
    after = fingerprint(data)
    assert after.sha256 != before.sha256
    (pair / "a" / "1.png").unlink()
    gone = fingerprint(data)
    assert gone.missing == 1
    assert gone.sha256 not in (before.sha256, after.sha256)
    assert "1 of them missing" in str(gone)


def test_that_digests_are_remembered_until_size_or_time_changes(
    pair: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = open_dataset(pair)
    old = time.time() - 100
    for sample in data:
        os.utime(sample.path, (old, old))
    read: list[str] = []

    def counting(path: Path) -> bytes:
        read.append(path.name)
        return sha256_of(path)

    monkeypatch.setattr("medadv_desktop.datasets.fingerprint.sha256_of", counting)
    first = fingerprint(data)
    assert sorted(read) == ["1.png", "2.png", "3.png"]
    assert fingerprint(data) == first
    assert len(read) == 3
    os.utime(data[0].path, (old + 1, old + 1))
    assert fingerprint(data) == first
    assert read[3:] == ["1.png"]


def test_that_a_file_written_just_now_is_not_remembered(
    pair: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = open_dataset(pair)
    before = fingerprint(data)
    path = data[0].path
    status, content = path.stat(), bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert fingerprint(data).sha256 != before.sha256


@pytest.mark.parametrize("content", [b"not a database at all, but long enough" * 10, b""])
def test_that_a_damaged_or_unwritable_cache_is_done_without(pair: Path, content: bytes) -> None:
    data = open_dataset(pair)
    before = fingerprint(data)
    cache_path().write_bytes(content)
    assert fingerprint(data) == before
    folder = pair / "a"
    assert fingerprint(data, cache=folder) == before
    assert hash_cache.VERSION == 1


def test_that_a_fingerprint_can_be_cancelled(pair: Path) -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(JobCancelled):
        fingerprint(open_dataset(pair), token)
