"""The corners of reading: colours, palettes, character sets, long cines, the quick way."""

from __future__ import annotations

import os
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
import tifffile
from imaging_samples import dataset_of, shipped, write_dicom
from pydicom.pixels import pixel_array
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from medadv_desktop.errors import ImageError
from medadv_desktop.imaging.dicom import open_dicom
from medadv_desktop.imaging.dicom_quick import QUICK_BYTES, quick_header
from medadv_desktop.imaging.frame import Instance, Unreadable
from medadv_desktop.imaging.palette import expand_segments
from medadv_desktop.imaging.reading import describe, open_instance, read_frame
from medadv_desktop.imaging.scanning import scan
from medadv_desktop.jobs import CancelToken

RANDOM = np.random.default_rng(3)
PARTIAL = np.array(
    [[0.2568, 0.5041, 0.0979], [-0.1482, -0.2910, 0.4392], [0.4392, -0.3678, -0.0714]]
)
FULL = np.array([[0.2990, 0.5870, 0.1140], [-0.1687, -0.3313, 0.5000], [0.5000, -0.4187, -0.0813]])


def as_ybr(rgb: np.ndarray, matrix: np.ndarray, low: int, bits: int) -> np.ndarray:
    """By the equations of PS3.3 C.7.6.3.1.2, with their offsets for `bits`."""
    offsets = np.array([low, 128, 128]) * 2.0 ** (bits - 8)
    return np.rint(rgb @ matrix.T + offsets).astype(np.uint8 if bits == 8 else np.uint16)


def paired(ybr: np.ndarray) -> np.ndarray:
    """Y1 Y2 CB CR for each two pixels, flat."""
    y, cb, cr = np.moveaxis(ybr, -1, 0)
    return np.stack([y[:, ::2], y[:, 1::2], cb[:, ::2], cr[:, ::2]], axis=-1).ravel()


def even_colours(bits: int) -> np.ndarray:
    """Random colours, equal in each pair of columns."""
    small = RANDOM.integers(0, 2**bits, (6, 4, 3))
    return np.repeat(small, 2, axis=1)


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_that_ybr_partial_422_becomes_rgb(tmp_path: Path, bits: int) -> None:
    rgb = even_colours(bits)
    ybr = as_ybr(rgb, PARTIAL, 16, bits)
    path = write_dicom(
        tmp_path / "a.dcm", ybr, bits_stored=bits, PhotometricInterpretation="YBR_PARTIAL_422",
        PixelData=paired(ybr).tobytes(),
    )  # fmt: skip
    frame = read_frame(path)
    assert np.abs(frame.stored.astype(int) - rgb).max() <= 2
    assert frame.source_photometric == "YBR_PARTIAL_422"
    assert frame.bits_stored == bits


@pytest.mark.parametrize("kind", ["YBR_FULL", "YBR_FULL_422"])
@pytest.mark.parametrize("bits", [10, 16])
def test_that_deep_ybr_full_becomes_rgb(tmp_path: Path, kind: str, bits: int) -> None:
    rgb = even_colours(bits)
    ybr = as_ybr(rgb, FULL, 0, bits)
    data = paired(ybr) if kind.endswith("422") else ybr
    path = write_dicom(
        tmp_path / "a.dcm", ybr, bits_stored=bits, PhotometricInterpretation=kind,
        PixelData=data.tobytes(),
    )  # fmt: skip
    assert np.abs(read_frame(path).stored.astype(int) - rgb).max() <= 2


def test_that_deep_ybr_full_in_rle_becomes_rgb(tmp_path: Path) -> None:
    rgb = even_colours(12)
    dataset = dataset_of(as_ybr(rgb, FULL, 0, 12), 12)
    dataset.compress(RLELossless, encoding_plugin="pydicom")
    dataset.PhotometricInterpretation = "YBR_FULL"
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    assert np.abs(read_frame(tmp_path / "a.dcm").stored.astype(int) - rgb).max() <= 2


def test_that_indirect_palette_segments_repeat_others() -> None:
    # Discrete 5 6; linear to 10 in 2 steps; the first segment again, at byte 0.
    assert expand_segments([0, 2, 5, 6, 1, 2, 10, 2, 1, 0, 0], 9) == [5, 6, 8, 10, 5, 6]
    # Both of them again: the linear one goes on from what is before it now.
    assert expand_segments([0, 1, 4, 1, 2, 8, 2, 2, 0, 0], 9) == [4, 6, 8, 4, 6, 8]
    # In a table of bytes, the offset takes four of them.
    assert expand_segments([0, 1, 4, 2, 1, 0, 0, 0, 0], 9, wide=False) == [4, 4]
    # An offset in words counts bytes: 6 is the fourth word.
    assert expand_segments([0, 1, 4, 0, 1, 7, 2, 1, 6, 0], 9) == [4, 7, 7]
    with pytest.raises(ValueError, match="type 2"):
        expand_segments([2, 1, 0, 0], 9)


@pytest.mark.parametrize("value", [b"GB\x0018030  ", b"nonsense  ", b"\xff\xfe\xfd       "])
def test_that_a_broken_character_set_costs_letters_and_not_the_image(
    tmp_path: Path, value: bytes
) -> None:
    data = shipped("CT_small.dcm").read_bytes().replace(b"ISO_IR 100", value)
    (tmp_path / "a.dcm").write_bytes(data)
    frame = read_frame(tmp_path / "a.dcm")
    np.testing.assert_array_equal(frame.stored, read_frame(shipped("CT_small.dcm")).stored)
    assert any("ncoding" in note or "haracter set" in note.lower() for note in frame.notes)
    assert isinstance(describe(tmp_path / "a.dcm"), Instance)


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]
)
@pytest.mark.parametrize("bits", [8, 16, 32])
def test_that_every_plain_syntax_gives_the_same_values(
    tmp_path: Path, syntax: str, bits: int
) -> None:
    kind = f"i{bits // 8}"
    info = np.iinfo(kind)
    stored = RANDOM.integers(info.min, info.max, (5, 7)).astype(kind)
    dataset = dataset_of(stored)
    big = syntax == ExplicitVRBigEndian
    if big:
        data = stored.astype(f">{kind}").tobytes()
        dataset.PixelData = data + b"\0" * (len(data) % 2)
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset["PixelData"].VR = "OW" if bits > 8 or syntax == ImplicitVRLittleEndian else "OB"
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    np.testing.assert_array_equal(read_frame(tmp_path / "a.dcm").stored, stored)


def test_that_double_floats_and_single_bits_are_read(tmp_path: Path) -> None:
    values = RANDOM.normal(size=(3, 4))
    path = write_dicom(tmp_path / "d.dcm", np.zeros((3, 4), np.uint8), PixelData=None,
                       BitsAllocated=64, DoubleFloatPixelData=values.tobytes())  # fmt: skip
    np.testing.assert_array_equal(read_frame(path).stored, values)
    frame = read_frame(shipped("liver_1frame.dcm"))
    expected = pixel_array(shipped("liver_1frame.dcm"))
    np.testing.assert_array_equal(frame.stored, expected)
    assert frame.bits_stored == 1


@pytest.mark.parametrize("order", ["little", "big"])
def test_that_frames_of_single_bits_may_begin_inside_a_byte(tmp_path: Path, order: str) -> None:
    bits = RANDOM.integers(0, 2, (5, 5, 7)).astype(np.uint8)
    # PS3.5 8.1.1 and D.1: the first pixel in the lowest bit, frames without a gap between them.
    data = np.packbits(bits.ravel(), bitorder="little")
    data = np.append(data, np.zeros(len(data) % 2, np.uint8))
    if order == "big":
        data = data.view("<u2").astype(">u2").view(np.uint8)
    dataset = dataset_of(np.zeros((5, 7), np.uint8))
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 1, 1, 0
    dataset.NumberOfFrames = 5
    dataset.PixelData = data.tobytes()
    dataset["PixelData"].VR = "OW" if order == "big" else "OB"
    if order == "big":
        dataset.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    path = tmp_path / "b.dcm"
    dataset.save_as(
        path, implicit_vr=False, little_endian=order == "little", enforce_file_format=True
    )
    for index, frame in enumerate(bits):
        np.testing.assert_array_equal(read_frame(path, index).stored, frame)


def test_that_overlay_bits_in_the_unused_ones_are_no_pixels(tmp_path: Path) -> None:
    stored = RANDOM.integers(0, 4096, (6, 6)).astype(np.uint16)
    overlay = RANDOM.integers(0, 2, (6, 6)).astype(np.uint16) << 12
    path = write_dicom(tmp_path / "o.dcm", stored | overlay, bits_stored=12)
    dataset = pydicom.dcmread(path)
    dataset.add_new(0x60000010, "US", 6)
    dataset.add_new(0x60000011, "US", 6)
    dataset.add_new(0x60000100, "US", 16)
    dataset.add_new(0x60000102, "US", 12)
    dataset.save_as(path)
    np.testing.assert_array_equal(read_frame(path).stored, stored)


def test_that_a_plain_cine_of_two_gigabytes_is_read_frame_by_frame(tmp_path: Path) -> None:
    """A sparse file of 2,100 frames of a megabyte."""
    one = np.zeros((1024, 1024), np.uint8)
    path = write_dicom(tmp_path / "cine.dcm", one, NumberOfFrames=2100)
    start = path.stat().st_size - one.size
    with path.open("r+b") as file:
        header = bytearray(path.read_bytes()[:start])
        header[-4:] = (2100 * one.size).to_bytes(4, "little")
        file.write(header)
        file.truncate(start + 2100 * one.size)
        file.seek(start + 2000 * one.size)
        file.write(bytes([9]) * one.size)
    assert path.stat().st_size > 2 * 10**9
    tracemalloc.start()
    try:
        instance = open_instance(path)
        frames = [int(read_frame(path, index).stored[500, 500]) for index in (0, 2000, 2099)]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert instance.frames == 2100
    assert frames == [0, 9, 0]
    assert peak < 20 * 2**20


def corpus() -> list[Path]:
    root = Path(pydicom.__file__).parent / "data"
    return [p for p in sorted(root.rglob("*")) if p.is_file() and p.suffix in (".dcm", "")]


def test_that_the_quick_way_says_what_the_thorough_one_says() -> None:
    quick = 0
    for path in corpus():
        data = path.read_bytes()
        if quick_header(path, data[:QUICK_BYTES], len(data)) is None:
            continue
        answers = []
        for head in (data[:QUICK_BYTES], b""):
            try:
                answers.append(repr(open_dicom(path, head, len(data))))
            except ImageError as error:
                answers.append(str(error))
        assert answers[0] == answers[1], path.name
        quick += 1
    assert quick > 60


def test_that_the_quick_way_agrees_about_mutated_headers(tmp_path: Path) -> None:
    original = shipped("CT_small.dcm").read_bytes()
    quick = 0
    random = np.random.default_rng(4)
    for _ in range(300):
        data = bytearray(original)
        for _ in range(3):
            data[random.integers(128, 3000)] = random.integers(0, 256)
        head = bytes(data[:QUICK_BYTES])
        path = tmp_path / "m.dcm"
        path.write_bytes(data)
        if quick_header(path, head, len(data)) is None:
            continue
        quick += 1
        answers = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for start in (head, b""):
                try:
                    answers.append(repr(open_dicom(path, start, len(data))))
                except ImageError as error:
                    answers.append(str(error))
        assert answers[0] == answers[1]
    assert quick > 60


def test_that_two_files_of_one_uid_are_compared(tmp_path: Path) -> None:
    grey = RANDOM.integers(0, 256, (6, 6)).astype(np.uint8)
    other = grey.copy()
    other[0, 0] ^= 1
    one = dataset_of(grey)
    one.save_as(tmp_path / "1.dcm", enforce_file_format=True)
    one.save_as(tmp_path / "2.dcm", enforce_file_format=True)
    two = dataset_of(other)
    two.SOPInstanceUID = two.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID
    two.save_as(tmp_path / "3.dcm", enforce_file_format=True)
    one.compress(RLELossless, encoding_plugin="pydicom", generate_instance_uid=False)
    one.save_as(tmp_path / "4.dcm", enforce_file_format=True)
    found = [a for a in scan([tmp_path], CancelToken()) if isinstance(a, Instance)]
    said = [" ".join(a.notes) for a in found]
    assert said[0] == ""
    assert "copy of 1.dcm" in said[1]
    assert "1.dcm and other pixels" in said[2]
    assert "copy of 1.dcm" in said[3]


@pytest.mark.parametrize("width", ["0", "-5", "nan", "1e400", "words"])
def test_that_absurd_window_widths_never_stop_an_image(tmp_path: Path, width: str) -> None:
    from medadv_desktop.imaging.display import render

    path = write_dicom(tmp_path / "a.dcm", np.zeros((4, 4), np.uint8), WindowCenter="1",
                       WindowWidth="9" * len(width))  # fmt: skip
    path.write_bytes(path.read_bytes().replace(b"9" * len(width), width.encode()))
    frame = read_frame(path)
    assert all(window.width > 0 for window in frame.windows)
    assert render(frame).shape == (4, 4)


@pytest.mark.parametrize("position", [["1", "2"], ["nan", "0", "0"], ["1", "2", "3", "4"], None])
def test_that_a_missing_or_broken_position_is_none(
    tmp_path: Path, position: list[str] | None
) -> None:
    path = write_dicom(tmp_path / "a.dcm", np.zeros((4, 4), np.uint8),
                       ImageOrientationPatient=[1, 0, 0, 0, 1, 0])  # fmt: skip
    if position is not None:
        dataset = pydicom.dcmread(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset.add_new("ImagePositionPatient", "DS", position)
            dataset.save_as(path)
    found = describe(path)
    assert isinstance(found, Instance)
    assert found.pose is None
    assert read_frame(path).pose is None


@pytest.mark.parametrize("axes", [[0] * 6, [1, 0, 0, 1, 0, 0], [2, 0, 0, 0, 2, 0]])
def test_that_directions_that_are_none_give_no_pose(tmp_path: Path, axes: list[int]) -> None:
    path = write_dicom(tmp_path / "a.dcm", np.zeros((4, 4), np.uint8),
                       ImagePositionPatient=[0, 0, 0], ImageOrientationPatient=axes)  # fmt: skip
    frame = read_frame(path)
    assert frame.pose is None
    assert any("no orientation" in note for note in frame.notes)


def test_that_odd_lengths_and_cut_sequences_are_errors_or_images(tmp_path: Path) -> None:
    data = shipped("rtplan.dcm").read_bytes()
    for end in range(400, len(data), 97):
        (tmp_path / "s.dcm").write_bytes(data[:end])
        answer = describe(tmp_path / "s.dcm")
        assert isinstance(answer, Unreadable)
        assert answer.reason
    image = shipped("emri_small.dcm").read_bytes()
    for end in range(300, 6000, 331):
        (tmp_path / "e.dcm").write_bytes(image[:end])
        answer = describe(tmp_path / "e.dcm")
        assert isinstance(answer, Unreadable)
        assert answer.reason


@pytest.mark.parametrize("items", [1, 40])
def test_that_a_sequence_without_end_is_told(tmp_path: Path, items: int) -> None:
    data = write_dicom(tmp_path / "a.dcm", np.zeros((4, 4), np.uint8), PatientName="A").read_bytes()
    at = data.index(b"\x20\0\x0d\0UI")
    head = b"\x10\0\x00\x10SQ\0\0\xff\xff\xff\xff"
    item = b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    (tmp_path / "b.dcm").write_bytes(data[:at] + head + item * items + data[at:])
    with pytest.raises(ImageError, match="cut off inside a sequence"):
        read_frame(tmp_path / "b.dcm")
    answer = describe(tmp_path / "b.dcm")
    assert isinstance(answer, Unreadable)
    assert "cut off inside a sequence" in answer.reason


@pytest.mark.parametrize("odd", [b"\x10\0\x20\0LO\x03\0abc", b"\x10\0\x30\0DA\x07\x002020011"])
def test_that_an_element_of_odd_length_is_read(tmp_path: Path, odd: bytes) -> None:
    data = write_dicom(tmp_path / "a.dcm", np.full((4, 4), 7, np.uint8)).read_bytes()
    at = data.index(b"\x20\0\x0d\0UI")
    (tmp_path / "b.dcm").write_bytes(data[:at] + odd + data[at:])
    assert isinstance(describe(tmp_path / "b.dcm"), Instance)
    assert (read_frame(tmp_path / "b.dcm").stored == 7).all()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read all")
def test_that_a_folder_without_permission_is_listed(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    try:
        (answer,) = scan([tmp_path], CancelToken())
    finally:
        closed.chmod(0o700)
    assert isinstance(answer, Unreadable)
    assert "no permission" in answer.reason


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "zlib"},
        {"compression": "zlib", "predictor": True},
        {"compression": "zlib", "predictor": True, "tile": (16, 16)},
    ],
)
@pytest.mark.parametrize("order", ["<", ">"])
def test_that_deep_colour_tiffs_are_read_in_every_layout(
    tmp_path: Path, planar: str, options: dict[str, object], order: str
) -> None:
    rgb = RANDOM.integers(0, 65536, (37, 21, 3)).astype(np.uint16)
    pages = [rgb, rgb[::-1]]
    with tifffile.TiffWriter(tmp_path / "a.tif", byteorder=order) as file:
        for page in pages:
            data = page if planar == "contig" else np.moveaxis(page, 2, 0)
            file.write(data, photometric="rgb", planarconfig=planar, **options)
    assert open_instance(tmp_path / "a.tif").frames == 2
    for number, page in enumerate(pages):
        np.testing.assert_array_equal(read_frame(tmp_path / "a.tif", number).stored, page)


def test_that_a_cut_deep_colour_tiff_is_refused(tmp_path: Path) -> None:
    rgb = RANDOM.integers(0, 65536, (37, 21, 3)).astype(np.uint16)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, rgb, photometric="rgb")
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(ImageError, match=r"a\.tif"):
        read_frame(path)
