"""Compressed colours and odd bit depths: what DICOM allows is read right, the rest is refused."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import gdcm
import numpy as np
import pydicom
import pytest
from imaging_samples import dataset_of, write_dicom
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLSLossless,
    RLELossless,
)

from medadv_desktop.errors import ImageError
from medadv_desktop.imaging.frame import Frame
from medadv_desktop.imaging.jpeg_colors import untransformed
from medadv_desktop.imaging.reading import read_frame

RANDOM = np.random.default_rng(5)
FULL = np.array([[0.2990, 0.5870, 0.1140], [-0.1687, -0.3313, 0.5000], [0.5000, -0.4187, -0.0813]])
PARTIAL = np.array(
    [[0.2568, 0.5041, 0.0979], [-0.1482, -0.2910, 0.4392], [0.4392, -0.3678, -0.0714]]
)
JFIF = b"\xff\xe0\x00\x10JFIF\0\1\1\0\0\1\0\1\0\0"
NOT_TURNED, TURNED = (b"\xff\xee\x00\x0eAdobe\0\x64\0\0\0\0" + bytes([t]) for t in (0, 1))


def broad_colours(bits: int = 8) -> np.ndarray:
    """Sixty-four squares of 8 × 8 pixels, each of one colour, so that no compression blurs them."""
    small = RANDOM.integers(2**bits // 8, 2**bits * 7 // 8, (8, 8, 3))
    return np.repeat(np.repeat(small, 8, axis=0), 8, axis=1)


def as_ybr(rgb: np.ndarray, matrix: np.ndarray, low: int, bits: int) -> np.ndarray:
    """By the equations of PS3.3 C.7.6.3.1.2, with their offsets for `bits`."""
    values = np.rint(rgb @ matrix.T + np.array([low, 128, 128]) * 2.0 ** (bits - 8))
    return np.clip(values, 0, 2**bits - 1).astype(np.uint8 if bits == 8 else np.uint16)


def jpeg(components: np.ndarray, *segments: bytes, names: bytes = b"\1\2\3") -> bytes:
    """A baseline stream of three components with chroma at half the width, and no other segments
    than those given."""
    stream = io.BytesIO()
    Image.frombytes("YCbCr", components.shape[1::-1], components.tobytes()).save(
        stream, "JPEG", quality=98, subsampling="4:2:2"
    )
    code = bytearray(stream.getvalue())
    at = 2
    kept = [bytes(code[:2]), *segments]
    while True:
        marker, after = code[at + 1], at + 2 + int.from_bytes(code[at + 2 : at + 4], "big")
        if marker == 0xC0:
            code[at + 10 : after : 3] = names
        if marker == 0xDA:
            code[at + 5 : at + 11 : 2] = names
            return b"".join((*kept, bytes(code[at:])))
        if marker != 0xE0:
            kept.append(bytes(code[at:after]))
        at = after


def wrapped(path: Path, code: bytes, declared: str, syntax: UID = JPEGBaseline8Bit) -> Frame:
    dataset = dataset_of(np.zeros((64, 64, 3), np.uint8))
    dataset.PixelData = encapsulate([code])
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.PhotometricInterpretation = declared
    dataset.save_as(path, enforce_file_format=True)
    return read_frame(path)


def middles(values: np.ndarray) -> np.ndarray:
    """Of each square, the part that smoothed chroma of its neighbours does not reach."""
    return values.reshape(8, 8, 8, 8, 3)[:, 2:6, :, 2:6].astype(int)


@pytest.mark.parametrize("syntax", [JPEGBaseline8Bit, JPEGExtended12Bit])
@pytest.mark.parametrize("declared", ["YBR_FULL_422", "YBR_FULL"])
@pytest.mark.parametrize(
    "segments", [(), (JFIF,), (TURNED,), (NOT_TURNED,), (JFIF, TURNED), (TURNED, JFIF)]
)
def test_that_ybr_becomes_rgb_once_whatever_the_stream_says_beside_it(
    tmp_path: Path, declared: str, segments: tuple[bytes, ...], syntax: UID
) -> None:
    rgb = broad_colours()
    code = jpeg(as_ybr(rgb, FULL, 0, 8), *segments)
    frame = wrapped(tmp_path / "a.dcm", code, declared, syntax)
    assert np.abs(middles(frame.stored) - middles(rgb)).max() <= 6
    assert frame.notes == ()


@pytest.mark.parametrize("segments", [(), (NOT_TURNED,)])
def test_that_rgb_in_a_jpeg_stays_rgb(tmp_path: Path, segments: tuple[bytes, ...]) -> None:
    rgb = broad_colours()
    frame = wrapped(tmp_path / "a.dcm", jpeg(rgb.astype(np.uint8), *segments), "RGB")
    assert np.abs(middles(frame.stored) - middles(rgb)).max() <= 6


@pytest.mark.parametrize("segments", [(JFIF,), (TURNED,), (JFIF, TURNED)])
def test_that_a_stream_that_tells_of_ybr_is_believed_more_than_a_header_that_says_rgb(
    tmp_path: Path, segments: tuple[bytes, ...]
) -> None:
    rgb = broad_colours()
    frame = wrapped(tmp_path / "a.dcm", jpeg(as_ybr(rgb, FULL, 0, 8), *segments), "RGB")
    assert np.abs(middles(frame.stored) - middles(rgb)).max() <= 6
    assert any("YBR_FULL" in note for note in frame.notes)


@pytest.mark.parametrize("declared", ["YBR_FULL_422", "YBR_PARTIAL_422", "RGB"])
def test_that_components_called_r_g_and_b_are_rgb(tmp_path: Path, declared: str) -> None:
    rgb = broad_colours()
    frame = wrapped(tmp_path / "a.dcm", jpeg(rgb.astype(np.uint8), names=b"RGB"), declared)
    assert np.abs(middles(frame.stored) - middles(rgb)).max() <= 6
    assert any("RGB" in note for note in frame.notes) == (declared != "RGB")


@pytest.mark.parametrize("segments", [(), (JFIF,), (TURNED,)])
def test_that_ybr_partial_422_in_a_jpeg_becomes_rgb(
    tmp_path: Path, segments: tuple[bytes, ...]
) -> None:
    rgb = broad_colours()
    code = jpeg(as_ybr(rgb, PARTIAL, 16, 8), *segments)
    frame = wrapped(tmp_path / "a.dcm", code, "YBR_PARTIAL_422")
    assert np.abs(middles(frame.stored) - middles(rgb)).max() <= 7
    assert frame.source_photometric == "YBR_PARTIAL_422"


def test_that_a_broken_jpeg_header_is_an_error() -> None:
    with pytest.raises(ValueError, match="length"):
        untransformed(b"\xff\xd8\xff\xdb\xff\xff", "RGB")


def compressed(path: Path, stored: np.ndarray, syntax: UID, bits: int, declared: str) -> Path:
    """By pydicom's encoders, which are not the decoders for JPEG-LS and JPEG 2000 alone."""
    dataset = dataset_of(stored, bits)
    how: dict[str, Any] = {"use_mct": False} if syntax == JPEG2000Lossless else {}
    dataset.compress(syntax, **how)
    dataset.PhotometricInterpretation = declared
    dataset.save_as(path, enforce_file_format=True)
    return path


@pytest.mark.parametrize("syntax", [JPEGLSLossless, JPEG2000Lossless, RLELossless])
@pytest.mark.parametrize("bits", [12, 16])
def test_that_deep_ybr_full_is_read_in_every_lossless_compression(
    tmp_path: Path, syntax: UID, bits: int
) -> None:
    rgb = broad_colours(bits)
    path = compressed(tmp_path / "a.dcm", as_ybr(rgb, FULL, 0, bits), syntax, bits, "YBR_FULL")
    assert np.abs(read_frame(path).stored.astype(int) - rgb).max() <= 2


@pytest.mark.parametrize("syntax", [JPEGLSLossless, JPEG2000Lossless, RLELossless])
@pytest.mark.parametrize(("declared", "bits"), [("YBR_FULL_422", 12), ("YBR_PARTIAL_422", 8)])
def test_that_halved_chroma_where_dicom_has_none_is_refused_with_the_reason(
    tmp_path: Path, syntax: UID, declared: str, bits: int
) -> None:
    values = broad_colours(bits).astype(np.uint8 if bits == 8 else np.uint16)
    path = compressed(tmp_path / "a.dcm", values, syntax, bits, declared)
    with pytest.raises(ImageError, match=rf"{declared}.*{syntax.name[:6]}.*PS3\.5 8\.2"):
        read_frame(path)


@pytest.mark.parametrize(("declared", "bits"), [("YBR_FULL_422", 8), ("YBR_FULL_422", 12),
                                                ("YBR_PARTIAL_422", 8)])  # fmt: skip
def test_that_halved_chroma_in_an_odd_number_of_columns_is_refused(
    tmp_path: Path, declared: str, bits: int
) -> None:
    kind = np.uint8 if bits == 8 else np.uint16
    path = write_dicom(
        tmp_path / "a.dcm", np.zeros((4, 5, 3), kind), bits_stored=bits,
        PhotometricInterpretation=declared, PixelData=np.zeros(40, kind).tobytes(),
    )  # fmt: skip
    with pytest.raises(ImageError, match="pairs of columns, in 5 columns"):
        read_frame(path)


def test_that_pixels_left_with_a_server_are_told(tmp_path: Path) -> None:
    dataset = dataset_of(np.zeros((4, 4), np.uint8))
    del dataset.PixelData
    dataset.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.4.94")
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    with pytest.raises(ImageError, match="server"):
        read_frame(tmp_path / "a.dcm")


def lossless_jpeg(path: Path, stored: np.ndarray, bits: int, declared: str) -> Path:
    """By GDCM, the one encoder at hand."""
    plain = write_dicom(
        path.with_suffix(".plain"), stored, bits_stored=bits, PhotometricInterpretation=declared
    )
    reader = gdcm.ImageReader()
    reader.SetFileName(str(plain))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(path))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    return path


@pytest.mark.parametrize("kind", "ui")
@pytest.mark.parametrize("bits", [2, 5, 7, 8, 9, 12, 15, 16])
def test_that_lossless_jpeg_of_every_depth_and_sign_keeps_its_values(
    tmp_path: Path, bits: int, kind: str
) -> None:
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1)) if kind == "i" else (0, 2**bits)
    stored = RANDOM.integers(low, high, (8, 10)).astype(f"{kind}{1 if bits <= 8 else 2}")
    frame = read_frame(lossless_jpeg(tmp_path / "a.dcm", stored, bits, "MONOCHROME2"))
    np.testing.assert_array_equal(frame.stored, stored)
    assert frame.stored.dtype == stored.dtype


@pytest.mark.parametrize("segments", [b"", NOT_TURNED, TURNED, JFIF])
def test_that_colours_in_lossless_jpeg_are_those_of_the_plain_file(
    tmp_path: Path, segments: bytes
) -> None:
    values = RANDOM.integers(0, 256, (16, 16, 3)).astype(np.uint8)
    for declared in ("RGB", "YBR_FULL"):
        path = lossless_jpeg(tmp_path / "a.dcm", values, 8, declared)
        dataset = pydicom.dcmread(path)
        code = next(pydicom.encaps.generate_frames(dataset.PixelData, number_of_frames=1))
        dataset.PixelData = encapsulate([code[:2] + segments + code[2:]])
        dataset.save_as(path)
        plain = read_frame(path.with_suffix(".plain"))
        np.testing.assert_array_equal(read_frame(path).stored, plain.stored)
