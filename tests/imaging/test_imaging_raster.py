"""Raster files of every mode against what was put into them."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from imaging_samples import png_bytes, png_chunk
from PIL import Image

from medadv_desktop.errors import ImageError
from medadv_desktop.imaging.frame import Photometric, PixelSpace
from medadv_desktop.imaging.reading import open_instance, read_frame

RANDOM = np.random.default_rng(11)
GREY8 = RANDOM.integers(0, 256, (6, 9)).astype(np.uint8)
GREY16 = RANDOM.integers(0, 65536, (6, 9)).astype(np.uint16)
RGB8 = RANDOM.integers(0, 256, (6, 9, 3)).astype(np.uint8)
RGB16 = RANDOM.integers(0, 65536, (6, 9, 3)).astype(np.uint16)


def saved(path: Path, pixels: np.ndarray, **options: object) -> Path:
    Image.fromarray(pixels).save(path, **options)
    return path


def tiff(path: Path, pixels: np.ndarray, orientation: int = 1, photometric: int = 1) -> Path:
    """An uncompressed little-endian TIFF of one strip, written by hand (TIFF 6.0)."""
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    depth = 8 * pixels.dtype.itemsize
    height, width = pixels.shape[:2]
    data = pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()
    kind = {"u": 1, "i": 2, "f": 3}[pixels.dtype.kind]
    tags = [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, channels, depth), (259, 3, 1, 1),
        (262, 3, 1, 2 if channels == 3 else photometric), (273, 4, 1, 0), (274, 3, 1, orientation),
        (277, 3, 1, channels), (278, 4, 1, height), (279, 4, 1, len(data)),
        (339, 3, channels, kind),
    ]  # fmt: skip
    extra_at = 8 + 2 + 12 * len(tags) + 4
    extra = b""
    entries = b""
    data_at = extra_at + 12
    for tag, type_, count, value in tags:
        if type_ == 3 and count == 3:
            entries += struct.pack("<HHII", tag, type_, count, extra_at + len(extra))
            extra += struct.pack("<HHH", value, value, value)
        else:
            entries += struct.pack("<HHII", tag, type_, count, data_at if tag == 273 else value)
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + b"\0\0\0\0"
    path.write_bytes(head + extra.ljust(12, b"\0") + data)
    return path


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif"])
@pytest.mark.parametrize("pixels", [GREY8, RGB8], ids=["grey", "colour"])
def test_that_eight_bit_pixels_come_back_as_they_were(
    tmp_path: Path, suffix: str, pixels: np.ndarray
) -> None:
    frame = read_frame(saved(tmp_path / f"a.{suffix}", pixels))
    np.testing.assert_array_equal(frame.stored, pixels)
    assert frame.stored.dtype == np.uint8
    assert frame.bits_stored == 8
    assert frame.spacing is None
    assert frame.photometric is (Photometric.RGB if pixels.ndim == 3 else Photometric.MONOCHROME2)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_that_sixteen_bit_grey_keeps_its_bits(tmp_path: Path, suffix: str) -> None:
    frame = read_frame(saved(tmp_path / f"a.{suffix}", GREY16))
    np.testing.assert_array_equal(frame.stored, GREY16)
    assert (frame.stored.dtype, frame.bits_stored) == (np.uint16, 16)


def test_that_sixteen_bit_colour_keeps_its_bits(tmp_path: Path) -> None:
    png = tmp_path / "a.png"
    png.write_bytes(png_bytes(9, 6, 16, 2, RGB16.astype(">u2").tobytes()))
    for path in (png, tiff(tmp_path / "a.tif", RGB16)):
        frame = read_frame(path)
        np.testing.assert_array_equal(frame.stored, RGB16)
        assert frame.bits_stored == open_instance(path).bits_stored == 16


def test_that_every_page_of_a_sixteen_bit_colour_tiff_is_its_own_frame(tmp_path: Path) -> None:
    pages = RANDOM.integers(0, 65536, (3, 6, 9, 3)).astype(np.uint16)
    path = tmp_path / "a.tif"
    sitk.WriteImage(sitk.GetImageFromArray(pages, isVector=True), str(path))
    assert open_instance(path).frames == 3
    for index, page in enumerate(pages):
        np.testing.assert_array_equal(read_frame(path, index).stored, page)


def test_that_pages_of_a_tiff_are_frames(tmp_path: Path) -> None:
    pages = [Image.fromarray(GREY8), Image.fromarray(255 - GREY8)]
    path = tmp_path / "a.tif"
    pages[0].save(path, save_all=True, append_images=pages[1:])
    assert open_instance(path).frames == 2
    np.testing.assert_array_equal(read_frame(path, 1).stored, 255 - GREY8)
    assert read_frame(path, 1).provenance.frame == 1


@pytest.mark.parametrize("kind", ["u2", "i2", "u4", "i4", "f4"])
def test_that_a_tiff_keeps_values_of_every_kind(tmp_path: Path, kind: str) -> None:
    bits = np.frombuffer(RANDOM.bytes(6 * 9 * np.dtype(kind).itemsize), kind).reshape(6, 9)
    values = np.where(np.isfinite(bits), bits, 0).astype(kind)
    np.testing.assert_array_equal(read_frame(tiff(tmp_path / "a.tif", values)).stored, values)


def test_that_a_tiff_with_white_as_zero_is_light_where_values_are_low(tmp_path: Path) -> None:
    deep = read_frame(tiff(tmp_path / "16.tif", GREY16, photometric=0))
    assert deep.photometric is Photometric.MONOCHROME1
    np.testing.assert_array_equal(deep.stored, GREY16)
    plain = read_frame(tiff(tmp_path / "8.tif", GREY8, photometric=0))
    assert plain.photometric is Photometric.MONOCHROME2
    np.testing.assert_array_equal(plain.stored, 255 - GREY8)


UPRIGHT = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
    8: lambda a: np.rot90(a, 1),
}


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_that_an_orientation_is_honoured(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    deep = tmp_path / "deep.png"
    body = png_chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0"))
    deep.write_bytes(png_bytes(9, 6, 16, 2, RGB16.astype(">u2").tobytes(), body))
    for path, pixels in (
        (saved(tmp_path / "a.png", RGB8, exif=exif), RGB8),
        (tiff(tmp_path / "a.tif", RGB8, orientation), RGB8),
        (deep, RGB16),
    ):
        frame = read_frame(path)
        np.testing.assert_array_equal(frame.stored, UPRIGHT[orientation](pixels))
        assert open_instance(path).size == frame.shape


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_that_a_turned_tiff_of_deep_colour_is_upright(tmp_path: Path, orientation: int) -> None:
    path = tiff(tmp_path / "a.tif", RGB16, orientation)
    np.testing.assert_array_equal(read_frame(path).stored, UPRIGHT[orientation](RGB16))


def test_that_a_jpeg_is_read_as_its_decoder_gives_it(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.jpg", np.full((16, 16, 3), (200, 60, 30), np.uint8), quality=95)
    frame = read_frame(path)
    assert np.abs(frame.stored.astype(int) - (200, 60, 30)).max() <= 3
    assert frame.provenance.transfer_syntax == "JPEG"


def test_that_palettes_become_colours(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1], [1, 0]], np.uint8), "P")
    image.putpalette([255, 0, 0, 0, 0, 255] + [0] * 762)
    image.save(tmp_path / "p.png")
    frame = read_frame(tmp_path / "p.png")
    assert frame.stored.tolist() == [[[255, 0, 0], [0, 0, 255]], [[0, 0, 255], [255, 0, 0]]]
    assert frame.source_photometric == "P"


def test_that_one_bit_images_hold_zeros_and_ones(tmp_path: Path) -> None:
    Image.fromarray(GREY8 > 100).save(tmp_path / "b.png")
    frame = read_frame(tmp_path / "b.png")
    np.testing.assert_array_equal(frame.stored, GREY8 > 100)
    assert frame.bits_stored == 1


@pytest.mark.parametrize("pixels", [GREY8, RGB8], ids=["grey", "colour"])
def test_that_an_opaque_alpha_channel_is_left_out_with_a_note(
    tmp_path: Path, pixels: np.ndarray
) -> None:
    image = Image.fromarray(pixels)
    image.putalpha(255)
    image.save(tmp_path / "a.png")
    frame = read_frame(tmp_path / "a.png")
    np.testing.assert_array_equal(frame.stored, pixels)
    assert any("opaque" in note for note in frame.notes)


def test_that_transparent_pixels_are_composited_over_black_with_a_note(tmp_path: Path) -> None:
    pixels = np.array([[[200, 100, 40, 255], [200, 100, 40, 51], [9, 9, 9, 0]]], np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    frame = read_frame(tmp_path / "a.png")
    assert frame.stored.tolist() == [[[200, 100, 40], [40, 20, 8], [0, 0, 0]]]
    assert any("transparent" in note for note in frame.notes)


def test_that_deep_alpha_is_composited_at_its_own_depth(tmp_path: Path) -> None:
    pixels = np.array([[[60000, 30000, 10, 65535], [60000, 30000, 10, 13107]]], ">u2")
    grey = np.array([[[60000, 65535], [60000, 13107]]], ">u2")
    path = tmp_path / "a.png"
    path.write_bytes(png_bytes(2, 1, 16, 6, pixels.tobytes()))
    assert read_frame(path).stored.tolist() == [[[60000, 30000, 10], [12000, 6000, 2]]]
    path.write_bytes(png_bytes(2, 1, 16, 4, grey.tobytes()))
    frame = read_frame(path)
    assert frame.stored.tolist() == [[60000, 12000]]
    assert frame.photometric is Photometric.MONOCHROME2


def test_that_a_transparent_key_colour_is_composited(tmp_path: Path) -> None:
    path = saved(tmp_path / "k.png", np.array([[7, 9]], np.uint8), transparency=7)
    assert read_frame(path).stored.tolist() == [[0, 9]]


def test_that_cmyk_is_turned_into_rgb_with_a_note(tmp_path: Path) -> None:
    Image.new("CMYK", (4, 3), (0, 255, 255, 0)).save(tmp_path / "c.tif")
    frame = read_frame(tmp_path / "c.tif")
    assert frame.stored[0, 0].tolist() == [255, 0, 0]
    assert any("CMYK" in note for note in frame.notes)


def test_that_resolution_tags_are_no_spacing(tmp_path: Path) -> None:
    assert read_frame(saved(tmp_path / "a.png", GREY8, dpi=(300, 300))).spacing is None


def test_that_a_model_input_is_marked_by_its_text(tmp_path: Path) -> None:
    text = png_chunk(b"tEXt", b"medadv-space\0model-input")
    path = tmp_path / "m.png"
    path.write_bytes(png_bytes(9, 6, 8, 0, GREY8.tobytes(), text))
    assert open_instance(path).space is PixelSpace.MODEL_INPUT
    assert read_frame(path).space is PixelSpace.MODEL_INPUT
    assert read_frame(saved(tmp_path / "s.png", GREY8)).space is PixelSpace.SOURCE


def test_that_an_image_of_a_hundred_million_pixels_is_opened_with_a_note(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    path.write_bytes(png_bytes(10000, 10000, 1, 0, b""))
    assert open_instance(path).size == (10000, 10000)
    buffer = io.BytesIO()
    Image.new("1", (10000, 10000)).save(buffer, "PNG")
    path.write_bytes(buffer.getvalue())
    frame = read_frame(path)
    assert frame.shape == (10000, 10000)
    assert any("decompression bomb" in note for note in frame.notes)


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate"])
def test_that_what_libtiff_says_of_broken_data_is_the_error_and_not_on_the_terminal(
    tmp_path: Path, compression: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.tif"
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    Image.fromarray(pixels).save(path, compression=compression)
    assert read_frame(path).stored.shape == (64, 64)
    data = bytearray(path.read_bytes())
    data[40:140] = b"\x00\x01\xfe\x55" * 25
    path.write_bytes(data)
    with pytest.raises(ImageError, match=r"cannot be decoded \(.*(Decode|code)"):
        read_frame(path)
    assert capfd.readouterr() == ("", "")


def test_that_compressed_pages_are_those_of_an_uncompressed_file(tmp_path: Path) -> None:
    pictures = {
        mode: Image.fromarray(np.random.default_rng(1).integers(0, 256, (20, 30, 3), np.uint8))
        .convert("RGB").convert(mode)
        for mode in ("1", "L", "P", "RGB", "RGBA", "CMYK", "F", "I")
    }  # fmt: skip
    for mode, picture in pictures.items():
        pages = [picture, picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)]
        for name, how in (("plain", "raw"), ("packed", "tiff_adobe_deflate")):
            pages[0].save(
                tmp_path / f"{name}.tif", compression=how, save_all=True, append_images=pages[1:]
            )
        for index in (0, 1):
            one, other = (read_frame(tmp_path / f"{n}.tif", index) for n in ("plain", "packed"))
            np.testing.assert_array_equal(one.stored, other.stored, err_msg=mode)
            assert one.notes == other.notes
