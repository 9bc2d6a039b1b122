"""Hostile and broken files: one clear error each, and no memory given away."""

from __future__ import annotations

import os
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from imaging_samples import png_bytes, shipped, write_dicom
from PIL import Image
from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless

from medadv_desktop.errors import ImageError, NotAnImageError
from medadv_desktop.imaging.frame import Unreadable
from medadv_desktop.imaging.reading import describe, open_instance, read_frame

GREY = np.arange(64, dtype=np.uint16).reshape(8, 8)


def truncated(name: str, share: float) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        data = shipped(name).read_bytes()
        (folder / "cut.dcm").write_bytes(data[: int(len(data) * share)])
        return folder / "cut.dcm"

    return make


def content(data: bytes, name: str = "x.dcm") -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / name).write_bytes(data)
        return folder / name

    return make


def truncated_png(folder: Path) -> Path:
    path = folder / "cut.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64)).astype(np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:1500])
    return path


def declared_4_gb(folder: Path) -> Path:
    return write_dicom(folder / "4gb.dcm", GREY, Rows=65535, Columns=32768)


def declared_within_limits(folder: Path) -> Path:
    return write_dicom(folder / "big.dcm", GREY, Rows=8192, Columns=8192)


def many_frames(folder: Path) -> Path:
    return write_dicom(folder / "frames.dcm", GREY, Rows=64, NumberOfFrames=2_000_000_000)


def huge_element(folder: Path) -> Path:
    """An element before the pixels that says it is 4 GB long."""
    path = write_dicom(folder / "element.dcm", GREY, ImageComments="x" * 40)
    data = path.read_bytes()
    at = data.index(b"x" * 40) - 4
    path.write_bytes(data[: at - 4] + b"UT\0\0" + struct.pack("<I", 0xFFFFFFF0) + data[at + 4 :])
    return path


def lying_codestream(folder: Path) -> Path:
    """A JPEG 2000 header of 60000 × 60000 inside a DICOM header of 8 × 8."""
    size = (60000).to_bytes(4, "big")
    code = b"\xff\x4f\xff\x51\x00\x29\x00\x00" + size + size + b"\0" * 8 + size + size
    code += b"\0" * 8 + b"\x00\x01\x07\x01\x01" + b"\xff\x90" + b"\0" * 40
    path = write_dicom(folder / "j2k.dcm", GREY)
    dataset = dcmread(path)
    dataset.file_meta.TransferSyntaxUID = JPEG2000Lossless
    dataset.PixelData = encapsulate([code])
    dataset["PixelData"].is_undefined_length = True
    dataset.save_as(path)
    return path


def lossless_jpeg(name: str, find: bytes, replace: bytes) -> Callable[[Path], Path]:
    """A shipped lossless JPEG with one marker spoilt: GDCM would end the process on some."""

    def make(folder: Path) -> Path:
        data = shipped(name).read_bytes()
        at = data.index(find, data.index(b"\xff\xd8\xff"))
        (folder / "lossless.dcm").write_bytes(data[:at] + replace + data[at + len(replace) :])
        return folder / "lossless.dcm"

    return make


def deflate_bomb(folder: Path) -> Path:
    path = write_dicom(folder / "deflated.dcm", GREY)
    dataset = dcmread(path)
    head = path.read_bytes()[: dataset.file_meta.FileMetaInformationGroupLength + 144]
    head = head.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.1.99")
    # The element is two bytes longer now, and so is the group.
    at = head.index(b"1.2.840.10008.1.2.1.99") - 2
    head = head[:at] + b"\x16\x00" + head[at + 2 :]
    engine = zlib.compressobj(9, wbits=-15)
    body = engine.compress(b"\x08\0\x70\0UI\0\0" * 500_000) + engine.flush()
    path.write_bytes(head + body)
    return path


CASES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "missing": (lambda folder: folder / "nowhere.dcm", "does not exist"),
    "a folder": (lambda folder: folder, "is a folder"),
    "zero bytes": (content(b""), r"is empty \(0 bytes\)"),
    "text named .dcm": (content(b"Dear colleague,\nthe scan follows.\n" * 20), "is a text file"),
    "noise": (content(bytes(range(256)) * 4), "unknown kind"),
    "pdf": (content(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", "x.png"), "PDF document"),
    "dicom cut in the pixels": (truncated("CT_small.dcm", 0.9), "is cut off: frame 0"),
    "dicom cut in the header": (truncated("CT_small.dcm", 0.1), "cut off inside its header"),
    "preamble alone": (content(b"\0" * 128 + b"DICM"), "without pixels: unknown kind"),
    "png cut": (truncated_png, "cannot be decoded"),
    "png signature alone": (content(b"\x89PNG\r\n\x1a\n", "x.png"), "cannot be decoded"),
    "png bomb": (
        content(png_bytes(60000, 60000, 8, 0, b""), "x.png"),
        "60000 × 60000 pixels",
    ),
    "png of no size": (content(png_bytes(0, 9, 8, 0, b""), "x.png"), "9 pixels"),
    "dicom of 4 GB in 1 kB": (declared_4_gb, "32768 × 65535 pixels"),
    "dicom of 128 MB in 1 kB": (declared_within_limits, r"is cut off: frame 0 ends 134,217,728"),
    "two milliard frames": (many_frames, "is cut off"),
    "element of 4 GB": (huge_element, "cut off inside its header"),
    "lying codestream": (lying_codestream, "60000 × 60000"),
    "precision of 255 bits": (
        lossless_jpeg("SC_rgb_jpeg_gdcm.dcm", b"\xff\xc3", b"\xff\xc3\x00\x11\xff"),
        "samples of 255 bits",
    ),
    "baseline in a lossless file": (
        lossless_jpeg("SC_rgb_jpeg_gdcm.dcm", b"\xff\xc3", b"\xff\xc0"),
        "JPEG process 0",
    ),
    "Huffman table of 255 codes of one bit": (
        lossless_jpeg("SC_rgb_jpeg_gdcm.dcm", b"\xff\xc4", b"\xff\xc4\x00\x1f\x00\xff"),
        "Huffman table|of length",
    ),
    "scan without the end of its header": (
        lossless_jpeg("SC_rgb_jpeg_gdcm.dcm", b"\xff\xda", b"\xff\xda\xff\xff"),
        "of length 65535",
    ),
    "JPEG-LS without an end": (
        lossless_jpeg("JPEGLSNearLossless_16.dcm", b"\xff\xd9", b"\0\0"),
        "cut off inside its compressed data",
    ),
    "deflate bomb": (deflate_bomb, "more than 16,384 elements"),
    "no rows": (lambda f: write_dicom(f / "r.dcm", GREY, Rows=None), "lacks Rows"),
    "rows of 0": (lambda f: write_dicom(f / "r.dcm", GREY, Rows=0), "says 0 for Rows"),
    "no photometric": (
        lambda f: write_dicom(f / "p.dcm", GREY, PhotometricInterpretation=None),
        "photometric interpretation is missing",
    ),
    "bits": (lambda f: write_dicom(f / "b.dcm", GREY, BitsAllocated=12), "of 12 bits"),
    "stored above allocated": (lambda f: write_dicom(f / "b.dcm", GREY, BitsStored=17), "17 bits"),
}


@pytest.mark.parametrize("case", CASES)
def test_that_bad_input_is_one_error_that_names_file_and_reason(tmp_path: Path, case: str) -> None:
    make, reason = CASES[case]
    path = make(tmp_path)
    tracemalloc.start()
    try:
        with pytest.raises(ImageError, match=reason) as caught:
            read_frame(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert peak < 120 * 2**20
    described = describe(path)
    if isinstance(described, Unreadable):
        assert described.reason


def test_that_a_name_that_promises_an_image_makes_other_content_a_failure(tmp_path: Path) -> None:
    text = b"plain words\n" * 30
    answers = [describe(content(text, name)(tmp_path)) for name in ("a.dcm", "notes.txt")]
    assert [a.skipped for a in answers if isinstance(a, Unreadable)] == [False, True]
    with pytest.raises(NotAnImageError):
        open_instance(tmp_path / "notes.txt")


def test_that_content_counts_and_not_the_name(tmp_path: Path) -> None:
    path = tmp_path / "scan.dcm"
    Image.fromarray(GREY.astype(np.uint8)).save(path, format="PNG")
    assert read_frame(path).provenance.transfer_syntax == "PNG"
    path = write_dicom(tmp_path / "photo.png", GREY)
    assert open_instance(path).provenance.transfer_syntax == "Explicit VR Little Endian"


def test_that_an_unreadable_permission_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_dicom(tmp_path / "secret.dcm", GREY)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # root may read all: the mode alone proves nothing
    with pytest.raises(ImageError, match="may not be read"):
        read_frame(path)


@pytest.mark.parametrize("index", [-1, 1, 99])
def test_that_a_frame_that_is_not_there_is_refused(tmp_path: Path, index: int) -> None:
    for path in (
        write_dicom(tmp_path / "a.dcm", GREY),
        grey_png(tmp_path / "a.png"),
    ):
        with pytest.raises(ImageError, match=f"has no frame {index}"):
            read_frame(path, index)


def grey_png(path: Path) -> Path:
    Image.fromarray(GREY.astype(np.uint8)).save(path)
    return path


def test_that_the_whole_frames_of_a_cut_file_can_still_be_read(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "m.dcm", GREY, Rows=2, NumberOfFrames=4)
    data = path.read_bytes()
    path.write_bytes(data[:-20])
    np.testing.assert_array_equal(read_frame(path, 2).stored, GREY[4:6])
    with pytest.raises(ImageError, match="is cut off: frame 3"):
        read_frame(path, 3)


def test_that_a_pipe_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no named pipes")
    os.mkfifo(tmp_path / "pipe.dcm")
    with pytest.raises(ImageError, match="not a file"):
        read_frame(tmp_path / "pipe.dcm")


@pytest.mark.parametrize(
    "name",
    ["CT_small.dcm", "MR_small_RLE.dcm", "JPEGLSNearLossless_08.dcm", "SC_rgb_small_odd.dcm"],
)
def test_that_mutated_files_are_images_or_clear_errors(
    name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    original = shipped(name).read_bytes()
    path = tmp_path_factory.mktemp("mutants") / "mutant.dcm"
    places = st.integers(0, len(original) - 1)
    edits = st.lists(st.tuples(places, st.integers(0, 255)), min_size=1, max_size=12)

    named: list[bool] = []

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(edits, st.integers(0, len(original)))
    def holds(changes: list[tuple[int, int]], end: int) -> None:
        data = bytearray(original)
        for place, value in changes:
            data[place] = value
        path.write_bytes(bytes(data[:end] if end % 3 == 0 else data))
        try:
            read_frame(path)
        except ImageError as error:
            named.append(str(path) in str(error))

    holds()
    assert all(named)
