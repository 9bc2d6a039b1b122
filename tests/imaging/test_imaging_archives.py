"""Archives and discs: unpacked safely, followed, and each entry's fate told."""

from __future__ import annotations

import io
import os
import shutil
import stat
import zipfile
from pathlib import Path

import numpy as np
import pytest
from imaging_samples import shipped, write_dicom

from medadv_desktop.imaging import archives
from medadv_desktop.imaging.frame import Instance, NonImage, Unreadable
from medadv_desktop.imaging.reading import read_frame
from medadv_desktop.imaging.scanning import scan
from medadv_desktop.jobs import CancelToken, JobCancelled

GREY = np.arange(16, dtype=np.uint8).reshape(4, 4)


@pytest.fixture
def scan_bytes(tmp_path: Path) -> bytes:
    return write_dicom(tmp_path / "one.dcm", GREY).read_bytes()


def zipped(path: Path, entries: dict[str, bytes], **options: int) -> Path:
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


def scanned(path: Path) -> list[Instance | NonImage | Unreadable]:
    return list(scan([path], CancelToken()))


def test_that_the_files_of_an_archive_are_found(tmp_path: Path, scan_bytes: bytes) -> None:
    path = zipped(tmp_path / "cd.zip", {"a/1.dcm": scan_bytes, "b/notes.txt": b"words"})
    image, text = scanned(path)
    assert isinstance(image, Instance)
    np.testing.assert_array_equal(read_frame(image.path).stored, GREY)
    assert isinstance(text, Unreadable)
    assert text.skipped
    assert image.path.parts[-3:] == ("cd", "a", "1.dcm")
    if os.name == "posix":
        root = image.path.parents[3]
        assert stat.S_IMODE(root.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "name", ["../out.dcm", "a/../../out.dcm", "/out.dcm", "..\\out.dcm", "C:\\out.dcm", "C:out.dcm"]
)
def test_that_no_entry_gets_out_of_its_folder(tmp_path: Path, scan_bytes: bytes, name: str) -> None:
    path = zipped(tmp_path / "slip.zip", {name: scan_bytes, "good.dcm": scan_bytes})
    bad, good = scanned(path)
    assert isinstance(bad, Unreadable)
    assert "outside of its folder" in bad.reason
    assert isinstance(good, Instance)
    assert not list(tmp_path.parent.glob("out.dcm"))


def test_that_links_in_an_archive_are_not_followed(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link.dcm")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "l.zip", "w") as archive:
        archive.writestr(link, "/etc/hostname")
    (answer,) = scanned(tmp_path / "l.zip")
    assert isinstance(answer, Unreadable)
    assert "link" in answer.reason


def test_that_an_archive_may_not_grow_beyond_its_bounds(
    tmp_path: Path, scan_bytes: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "ALWAYS_ALLOWED_BYTES", 2**20)
    bomb = {"bomb.dcm": b"\0" * 2**26, "good.dcm": scan_bytes}
    path = zipped(tmp_path / "bomb.zip", bomb, compression=zipfile.ZIP_DEFLATED)
    bad, good = scanned(path)
    assert isinstance(bad, Unreadable)
    assert "grows beyond" in bad.reason
    assert isinstance(good, Instance)


def test_that_a_size_that_lies_is_counted_as_it_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "ALWAYS_ALLOWED_BYTES", 2**20)
    path = zipped(tmp_path / "lie.zip", {"b": b"\0" * 2**26}, compression=zipfile.ZIP_DEFLATED)
    data = path.read_bytes().replace((2**26).to_bytes(4, "little"), (100).to_bytes(4, "little"))
    path.write_bytes(data)
    (answer,) = scanned(path)
    assert isinstance(answer, Unreadable)
    assert answer.reason


def test_that_archives_in_archives_are_opened_up_to_a_depth(
    tmp_path: Path, scan_bytes: bytes
) -> None:
    inner = {"x.dcm": scan_bytes}
    for _ in range(2):
        inner = {"in.zip": zipped(tmp_path / "t.zip", inner).read_bytes()}
    (found,) = scanned(zipped(tmp_path / "two.zip", inner))
    assert isinstance(found, Instance)
    for _ in range(3):
        inner = {"in.zip": zipped(tmp_path / "t.zip", inner).read_bytes()}
    (found,) = scanned(zipped(tmp_path / "five.zip", inner))
    assert isinstance(found, Unreadable)
    assert "too deep" in found.reason


def test_that_broken_and_encrypted_archives_say_so(tmp_path: Path, scan_bytes: bytes) -> None:
    data = zipped(tmp_path / "a.zip", {"a.dcm": scan_bytes}).read_bytes()
    (tmp_path / "a.zip").write_bytes(data[: len(data) // 2])
    (answer,) = scanned(tmp_path / "a.zip")
    assert isinstance(answer, Unreadable)
    assert "cannot be read" in answer.reason
    assert not answer.skipped
    marked = bytearray(data)
    for start in (data.index(b"PK\x03\x04") + 6, data.index(b"PK\x01\x02") + 8):
        marked[start] |= 1
    (tmp_path / "a.zip").write_bytes(marked)
    (answer,) = scanned(tmp_path / "a.zip")
    assert isinstance(answer, Unreadable)
    assert "encrypted" in answer.reason


def test_that_the_same_name_twice_is_kept_twice(tmp_path: Path, scan_bytes: bytes) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a|.dcm", scan_bytes)
        archive.writestr("a?.dcm", scan_bytes)
    (tmp_path / "twice.zip").write_bytes(packed.getvalue())
    answers = scanned(tmp_path / "twice.zip")
    assert len({a.path for a in answers if isinstance(a, Instance)}) == 2


def test_that_other_files_which_are_zips_are_left_alone(tmp_path: Path) -> None:
    (answer,) = scanned(zipped(tmp_path / "letter.docx", {"word/document.xml": b"<x/>"}))
    assert isinstance(answer, Unreadable)
    assert "ZIP archive" in answer.reason
    assert answer.skipped


def test_that_unpacking_stops_when_cancelled(tmp_path: Path, scan_bytes: bytes) -> None:
    path = zipped(tmp_path / "cd.zip", {f"{n}.dcm": scan_bytes for n in range(4)})
    token = CancelToken()
    answers = scan([path], token)
    next(answers)
    token.cancel()
    with pytest.raises(JobCancelled):
        next(answers)


def test_that_what_was_unpacked_can_be_removed(tmp_path: Path, scan_bytes: bytes) -> None:
    (found,) = scanned(zipped(tmp_path / "cd.zip", {"1.dcm": scan_bytes}))
    assert found.path.exists()
    archives.remove_unpacked()
    assert not found.path.exists()


def test_that_a_dicomdir_leads_to_its_files_and_tells_of_missing_ones(tmp_path: Path) -> None:
    source = shipped("DICOMDIR").parent
    disc = tmp_path / "disc"
    shutil.copytree(source / "77654033", disc / "77654033")
    shutil.copy(source / "DICOMDIR", disc / "DICOMDIR")
    (disc / "77654033" / "CR1").rename(disc / "77654033" / "cr1")
    answers = scanned(disc / "DICOMDIR")
    assert isinstance(answers[0], NonImage)
    assert answers[0].description == "Media Storage Directory"
    images = [a for a in answers if isinstance(a, Instance)]
    assert len(images) == 7
    missing = [a for a in answers if isinstance(a, Unreadable) and "missing" in a.reason]
    assert len(missing) == 24
    assert not any(a.skipped for a in missing)
