"""Folders searched, and what was found put in order."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from imaging_samples import shipped, write_dicom
from PIL import Image

from medadv_desktop.imaging.frame import Instance, Unreadable
from medadv_desktop.imaging.scanning import scan
from medadv_desktop.imaging.series import group, natural_key
from medadv_desktop.imaging.thumbnails import thumbnail
from medadv_desktop.jobs import CancelToken, Event, JobCancelled, Progress

GREY = np.arange(48, dtype=np.uint8).reshape(6, 8)


def png(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(GREY).save(path)
    return path


def names(found: Iterator[Instance | Unreadable]) -> list[str]:
    return [answer.path.name for answer in found]


def test_that_a_broken_file_among_good_ones_stops_nothing(tmp_path: Path) -> None:
    png(tmp_path / "a.png")
    (tmp_path / "b.dcm").write_bytes(b"not a scan at all, but words\n" * 9)
    (tmp_path / "c.dcm").write_bytes(shipped("CT_small.dcm").read_bytes()[:20000])
    (tmp_path / "d.dcm").write_bytes(shipped("reportsi.dcm").read_bytes())
    (tmp_path / "notes.txt").write_text("call the ward")
    png(tmp_path / "z.png")
    answers = list(scan([tmp_path], CancelToken()))
    assert names(iter(answers)) == ["a.png", "b.dcm", "c.dcm", "d.dcm", "notes.txt", "z.png"]
    bad = {a.path.name: a for a in answers if isinstance(a, Unreadable)}
    assert {name: a.skipped for name, a in bad.items()} == {
        "b.dcm": False, "c.dcm": False, "d.dcm": True, "notes.txt": True,
    }  # fmt: skip
    assert "Basic Text SR" in bad["d.dcm"].reason
    assert "cut off" in bad["c.dcm"].reason


def test_that_the_order_is_natural_and_folders_come_after_files(tmp_path: Path) -> None:
    for name in ("IM10.png", "IM2.png", "im1.png", "B/x.png", "A10/x.png", "A2/x.png"):
        png(tmp_path / name)
    found = [a.path.relative_to(tmp_path).as_posix() for a in scan([tmp_path], CancelToken())]
    assert found == ["im1.png", "IM2.png", "IM10.png", "A2/x.png", "A10/x.png", "B/x.png"]


def test_that_files_and_folders_may_be_mixed_and_missing_ones_are_told(tmp_path: Path) -> None:
    one = png(tmp_path / "one.png")
    png(tmp_path / "folder" / "two.png")
    answers = list(scan([one, tmp_path / "folder", tmp_path / "gone"], CancelToken()))
    assert names(iter(answers)) == ["one.png", "two.png", "gone"]
    assert isinstance(answers[2], Unreadable)
    assert "does not exist" in answers[2].reason


def test_that_hidden_files_and_disc_indices_are_skipped_with_a_reason(tmp_path: Path) -> None:
    png(tmp_path / ".hidden.png")
    png(tmp_path / ".cache" / "x.png")
    (tmp_path / "DICOMDIR").write_bytes(b"x")
    answers = list(scan([tmp_path], CancelToken()))
    assert [(a.path.name, a.skipped) for a in answers if isinstance(a, Unreadable)] == [
        (".cache", True),
        (".hidden.png", True),
        ("DICOMDIR", True),
    ]
    assert all(isinstance(a, Unreadable) and a.reason for a in answers)


def test_that_a_loop_of_links_is_walked_once(tmp_path: Path) -> None:
    png(tmp_path / "in" / "x.png")
    try:
        (tmp_path / "in" / "loop").symlink_to(tmp_path, target_is_directory=True)
        (tmp_path / "self").symlink_to(tmp_path / "self")
    except OSError:
        pytest.skip("links are not allowed here")
    answers = list(scan([tmp_path], CancelToken()))
    assert [a.path.name for a in answers if isinstance(a, Instance)] == ["x.png"]
    reasons = {a.path.name: a.reason for a in answers if isinstance(a, Unreadable)}
    assert "already scanned" in reasons["loop"]
    assert "self" in reasons


def test_that_an_unreadable_folder_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    png(tmp_path / "a.png")
    closed = tmp_path / "closed"
    closed.mkdir()
    scandir = os.scandir

    def refuse(path: Path) -> object:
        if Path(path) == closed:
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    answers = list(scan([tmp_path], CancelToken()))
    assert isinstance(answers[1], Unreadable)
    assert "no permission" in answers[1].reason
    assert not answers[1].skipped


def test_that_a_scan_is_cancelled_between_two_files(tmp_path: Path) -> None:
    for i in range(5):
        png(tmp_path / f"{i}.png")
    token = CancelToken()
    found = scan([tmp_path], token)
    next(found)
    next(found)
    token.cancel()
    with pytest.raises(JobCancelled):
        next(found)


def test_that_progress_counts_the_files(tmp_path: Path) -> None:
    for i in range(3):
        png(tmp_path / f"{i}.png")
    events: list[Event] = []
    list(scan([tmp_path], CancelToken(), events.append))
    assert [e.done for e in events if isinstance(e, Progress)] == [1, 2, 3]
    assert str(tmp_path / "0.png") in str(events[0])


def test_that_instances_are_grouped_by_uid_and_ordered_by_number(tmp_path: Path) -> None:
    made = [("a", "1.1", "1.1.1", 10), ("b", "1.1", "1.1.1", 2), ("c", "1.1", "1.1.2", 1),
            ("d", "1.2", "1.2.1", 1), ("e", "1.1", "1.1.1", None)]  # fmt: skip
    for name, study, series, number in made:
        write_dicom(
            tmp_path / name, GREY, StudyInstanceUID=study, SeriesInstanceUID=series,
            InstanceNumber=number if number else "", SeriesDescription=f"S{series}",
        )  # fmt: skip
    found = [a for a in scan([tmp_path], CancelToken()) if isinstance(a, Instance)]
    studies = group(found)
    shape = [
        (s.uid, [(r.uid, r.description, [i.path.name for i in r.instances]) for r in s.series])
        for s in studies
    ]
    assert shape == [
        ("1.1", [("1.1.1", "S1.1.1", ["b", "a", "e"]), ("1.1.2", "S1.1.2", ["c"])]),
        ("1.2", [("1.2.1", "S1.2.1", ["d"])]),
    ]
    assert studies[0].series[0].modality == "OT"


def test_that_rasters_of_one_folder_are_one_study(tmp_path: Path) -> None:
    for name in ("x/10.png", "x/9.png", "y/1.png"):
        png(tmp_path / name)
    found = [a for a in scan([tmp_path], CancelToken()) if isinstance(a, Instance)]
    studies = group(found)
    assert [s.description for s in studies] == ["x", "y"]
    assert [r.description for r in studies[0].series] == ["Images"]
    assert [i.path.name for i in studies[0].series[0].instances] == ["9.png", "10.png"]


def test_that_natural_keys_compare_numbers_as_numbers() -> None:
    mixed = ["b", "10", "a2", "2", "A10", "a"]
    assert sorted(mixed, key=natural_key) == ["2", "10", "a", "a2", "A10", "b"]


def test_that_a_thumbnail_is_the_mean_of_areas_with_square_pixels(tmp_path: Path) -> None:
    board = np.kron(np.array([[0, 200], [100, 40]], np.uint8), np.ones((40, 40), np.uint8))
    Image.fromarray(board).save(tmp_path / "a.png")
    small = thumbnail(tmp_path / "a.png", side=2)
    assert small.tolist() == [[0, 200], [100, 40]]
    tall = write_dicom(tmp_path / "t.dcm", board, PixelSpacing=["2", "1"])
    assert thumbnail(tall, side=40).shape == (40, 20)
    wide = write_dicom(tmp_path / "w.dcm", board, PixelAspectRatio=["1", "2"])
    assert thumbnail(wide, side=40).shape == (20, 40)


def test_that_a_thumbnail_shows_the_middle_frame_and_is_not_enlarged(tmp_path: Path) -> None:
    frames = np.concatenate([np.full((4, 6), v, np.uint8) for v in (10, 120, 250)])
    path = write_dicom(tmp_path / "m.dcm", frames, Rows=4, NumberOfFrames=3)
    small = thumbnail(path)
    assert small.shape == (4, 6)
    assert (small == 120).all()


def test_that_a_thumbnail_of_colour_is_colour() -> None:
    assert thumbnail(shipped("examples_rgb_color.dcm"), side=32).shape == (24, 32, 3)
