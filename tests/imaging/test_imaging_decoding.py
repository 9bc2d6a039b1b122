"""Compressed pixels in another process, and where their frames lie."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from imaging_samples import dataset_of, pydicom_frame, shipped
from pydicom.encaps import encapsulate, encapsulate_extended, generate_frames
from pydicom.uid import RLELossless

from medadv_desktop.errors import ImageError
from medadv_desktop.imaging import decoding, encapsulated
from medadv_desktop.imaging.decoding import DecodingError
from medadv_desktop.imaging.encapsulated import Fragments, fragments_of, frame_code
from medadv_desktop.imaging.reading import read_frame

CHILD = """
import sys
sys.path.insert(0, {root!r})
from medadv_desktop.imaging.decoding_child import receive, send
stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
while receive(stdin):
    {body}
"""


@pytest.fixture(autouse=True)
def _fresh_children() -> Iterator[None]:
    yield
    decoding.stop()


def child_that(body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    root = str(Path(decoding.__file__).resolve().parents[2])
    command = [sys.executable, "-c", CHILD.format(root=root, body=body)]
    decoding.stop()
    monkeypatch.setattr(decoding, "_command", lambda: command)
    monkeypatch.setattr(decoding, "START_SECONDS", 0.0)


def test_that_a_decoder_that_dies_costs_one_frame_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    child_that("import os; os.abort()", monkeypatch)
    path = shipped("MR_small_jp2klossless.dcm")
    with pytest.raises(ImageError, match="ended the decoder") as caught:
        read_frame(path)
    assert str(path) in str(caught.value)
    monkeypatch.undo()
    np.testing.assert_array_equal(read_frame(path).stored, pydicom_frame(path, 0))


def test_that_a_decoder_without_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    child_that("import time; time.sleep(60)", monkeypatch)
    monkeypatch.setattr(decoding, "SECONDS", 0.5)
    with pytest.raises(ImageError, match="did not come to an end within"):
        read_frame(shipped("MR_small_jp2klossless.dcm"))


def test_that_an_answer_that_is_none_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    child_that("stdout.write(b'garbage' * 9); stdout.flush()", monkeypatch)
    monkeypatch.setattr(decoding, "SECONDS", 1.0)
    with pytest.raises(ImageError):
        read_frame(shipped("MR_small_jp2klossless.dcm"))


def test_that_a_killed_child_is_replaced() -> None:
    path = shipped("MR_small_jpeg_ls_lossless.dcm")
    read_frame(path)
    for worker in list(decoding._pool._idle):
        os.kill(worker.process.pid, signal.SIGTERM)
        worker.process.wait()
    np.testing.assert_array_equal(read_frame(path).stored, pydicom_frame(path, 0))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is bounded on Linux")
def test_that_a_child_may_not_take_all_memory() -> None:
    asked = {
        "work": "decode", "syntax": "1.2.840.10008.1.2.4.90", "plugin": "", "result_bytes": 1,
        "options": {"rows": 40000, "columns": 40000, "samples_per_pixel": 1, "bits_allocated": 16,
                    "bits_stored": 16, "pixel_representation": 0, "pixel_keyword": "PixelData",
                    "photometric_interpretation": "MONOCHROME2"},
    }  # fmt: skip
    size = (40000).to_bytes(4, "big")
    code = b"\xff\x4f\xff\x51\x00\x29\x00\x00" + size * 2 + b"\0" * 8 + size * 2 + b"\0" * 8
    code += b"\x00\x01\x0f\x01\x01" + b"\xff\x90\0\x0a\0\0\0\0\0\0\0\1\xff\x93" + b"\0" * 400
    with pytest.raises(DecodingError):
        decoding.ask(asked, code, 20)


def test_that_several_threads_decode_at_once() -> None:
    names = ["MR_small_jp2klossless.dcm", "MR_small_jpeg_ls_lossless.dcm", "SC_rgb_jpeg_gdcm.dcm"]
    paths = [shipped(name) for name in names]
    expected = [pydicom_frame(path, 0) for path in paths]
    good: list[bool] = []

    def read() -> None:
        for path, pixels in zip(paths, expected, strict=True):
            good.append(np.array_equal(read_frame(path).stored, pixels))

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert good == [True] * 12


def test_that_the_child_knows_neither_qt_nor_torch_nor_this_package() -> None:
    script = (
        "import sys, runpy; sys.stdin.close()\n"
        "import medadv_desktop.imaging.decoding_child as child\n"
        "source = open(child.__file__).read()\n"
        "assert 'import medadv' not in source and 'from medadv' not in source\n"
        "import pydicom.pixels.decoders, SimpleITK\n"
        "print([m for m in ('PySide6', 'torch') if m in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_that_a_broken_stream_writes_nothing_to_the_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    named = []
    for name in ("SC_rgb_jpeg_dcmtk.dcm", "MR_small_jp2klossless.dcm", "SC_rgb_jpeg_gdcm.dcm"):
        data = bytearray(shipped(name).read_bytes())
        start = len(data) * 3 // 4
        data[start : start + 60] = bytes(60)
        (tmp_path / "b.dcm").write_bytes(data)
        try:
            read_frame(tmp_path / "b.dcm")
        except ImageError as error:
            named.append(str(tmp_path) in str(error))
    assert all(named)
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""


def frames_of(data: bytes, frames: int, extended: tuple[bytes, bytes] | None = None) -> list[bytes]:
    found = encapsulated._walk(BytesIO(data), 0)
    return [frame_code(BytesIO(data), found, i, frames, extended) for i in range(frames)]


@pytest.mark.parametrize("fragments", [1, 3])
@pytest.mark.parametrize("table", [True, False])
def test_that_frames_are_found_with_and_without_an_offset_table(
    fragments: int, table: bool
) -> None:
    codes = [bytes([n + 1]) * (40 + 10 * n) + b"\xff\xd9" for n in range(4)]
    data = encapsulate(codes, fragments_per_frame=fragments, has_bot=table)
    assert [c.rstrip(b"\0") for c in frames_of(data, 4)] == codes
    assert frames_of(data, 4) == list(generate_frames(data, number_of_frames=4))


def test_that_the_extended_offset_table_is_followed() -> None:
    codes = [bytes([n + 1]) * (41 + n) for n in range(3)]
    data, offsets, lengths = encapsulate_extended(codes)
    padded = [code + b"\0" * (len(code) % 2) for code in codes]
    assert frames_of(data, 3, (offsets, lengths)) == padded
    assert frames_of(data, 3, (offsets[:-8], lengths)) != []  # one that does not fit is left alone


def test_that_the_frames_of_a_cut_file_are_read_as_far_as_they_go() -> None:
    data = encapsulate([b"\x01" * 40, b"\x02" * 40, b"\x03" * 40], has_bot=False)[:-60]
    found = encapsulated._walk(BytesIO(data), 0)
    assert frame_code(BytesIO(data), found, 0, 3) == b"\x01" * 40
    with pytest.raises(ValueError, match="frame 2 is missing"):
        frame_code(BytesIO(data), found, 2, 3)


def test_that_fragments_that_belong_to_nobody_are_refused() -> None:
    data = encapsulate([b"\x01" * 40] * 5, has_bot=False)
    with pytest.raises(ValueError, match="5 fragments cannot be shared out to 3 frames"):
        frames_of(data, 3)


def test_that_a_compressed_cine_of_two_gigabytes_is_opened_without_being_read(
    tmp_path: Path,
) -> None:
    """A sparse file: 512 fragments of 4 MiB, of which only the last frame is real."""
    frames, size = 512, 4 * 2**20
    pixels = np.full((64, 64), 7, np.uint8)
    one = dataset_of(pixels)
    one.compress(RLELossless, encoding_plugin="pydicom")
    (code,) = generate_frames(one.PixelData, number_of_frames=1)
    one.NumberOfFrames = frames
    one.PixelData = encapsulate([b"\0\0"], has_bot=False)
    path = tmp_path / "cine.dcm"
    one.save_as(path, enforce_file_format=True)
    start = path.read_bytes().index(b"\xfe\xff\x00\xe0")
    with path.open("r+b") as file:
        file.truncate(start)
        file.seek(start)
        file.write(b"\xfe\xff\x00\xe0\0\0\0\0")
        at = start + 8
        for number in range(frames):
            length = len(code) if number == frames - 1 else size
            file.seek(at)
            file.write(b"\xfe\xff\x00\xe0" + struct.pack("<I", length))
            at += 8 + length
        file.seek(at - len(code))
        file.write(code + b"\xfe\xff\xdd\xe0\0\0\0\0")
    assert path.stat().st_size > 2 * 10**9
    with path.open("rb") as file:
        found = fragments_of(path, file, start)
    assert isinstance(found, Fragments)
    assert len(found.offsets) == frames
    resident = _resident()
    np.testing.assert_array_equal(read_frame(path, frames - 1).stored, pixels)
    assert _resident() - resident < 50 * 2**20


def _resident() -> int:
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * 4096 if statm.exists() else 0
