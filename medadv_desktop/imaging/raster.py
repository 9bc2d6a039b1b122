"""PNG, JPEG, BMP and TIFF files as instances and frames.

Pillow reads them, save for colour of 16 bits a channel, which it would silently cut to 8: of that,
PNG is left to SimpleITK, which is imported only then, and TIFF to deep_tiff.py.
"""

from __future__ import annotations

import io
import logging
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from medadv_desktop.errors import ImageError
from medadv_desktop.imaging.bounds import check_size
from medadv_desktop.imaging.decoding import decode_tiff
from medadv_desktop.imaging.deep_tiff import decode_deep_tiff
from medadv_desktop.imaging.frame import Frame, Instance, Photometric, PixelSpace, Provenance
from medadv_desktop.imaging.noting import noting

# Without a handler of its own, what Pillow logs of broken files would go to the terminal.
logging.getLogger("PIL").addHandler(logging.NullHandler())

FORMATS = ("PNG", "JPEG", "BMP", "TIFF")

SPACE_KEY = "medadv-space"
"""The PNG text that marks a file of ours whose pixels are a model's exact input."""

ORIENTATION = 0x0112
BITS_PER_SAMPLE = 258
PHOTOMETRIC_TAG = 262
SAMPLES_PER_PIXEL = 277
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB_COLORS = 0, 1, 2
IMAGE_WIDTH, IMAGE_LENGTH = 256, 257
SAMPLE_FORMAT, UNSIGNED = 339, 1
CHANNEL_AXIS = 2
RGBA = 6
"""The colour type of PNG."""


@dataclass(frozen=True)
class _Header:
    """What can be told of an opened raster without decoding it.

    `size` is rows and columns as they lie in the file, `orientation` the Exif code (1 is upright).
    """

    mode: str
    format: str
    size: tuple[int, int]
    frames: int
    bits: int
    deep_color: bool
    deep_grey_alpha: bool
    white_is_zero: bool
    unsigned: bool
    orientation: int
    space: PixelSpace

    @property
    def upright_size(self) -> tuple[int, int]:
        return self.size[::-1] if self.orientation >= 5 else self.size


def open_raster(path: Path) -> Instance:
    """What a raster file holds, from its header.

    Raises:
        ImageError: its header is broken or declares more pixels than the limits allow.
    """
    with noting(), _opened(path) as (_, header):
        return Instance(
            provenance=_provenance(path, 0, header),
            size=header.upright_size,
            frames=header.frames,
            photometric=header.mode,
            bits_stored=header.bits,
            space=header.space,
        )


def read_raster(path: Path, index: int) -> Frame:
    """Decode page `index` of a raster file.

    Alpha is composited over black, CMYK and other colour models are turned into RGB, each with a
    note. Resolution tags are no spacing: they describe prints, not patients.

    Raises:
        ImageError: as `open_raster`; also where the data is cut off or there is no such page.
    """
    notes: list[str] = []
    with noting() as warned, _opened(path) as (image, header):
        if not 0 <= index < header.frames:
            last = header.frames - 1
            raise ImageError(
                f"has no frame {index}",
                subject=path,
                remedy=f"Frames go from 0 to {last}" if last else "Its one frame is 0",
            )
        if index:
            image.seek(index)
        page = _header(path, image) if index else header
        values = _values(path, image, page, notes)
        if page.format != "TIFF":  # both libraries turn those upright by themselves
            values = _upright(values, page.orientation)
        values = _without_alpha(values, 2**page.bits - 1, notes)
        stored = np.ascontiguousarray(values)
        stored.flags.writeable = False
        return Frame(
            stored=stored,
            photometric=_photometric(stored, page),
            bits_stored=page.bits,
            provenance=_provenance(path, index, header),
            source_photometric=page.mode,
            space=header.space,
            notes=(*notes, *warned),
        )


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Image.Image, _Header]]:
    try:
        with path.open("rb") as file:
            _check_png_size(path, file.read(24))
            with Image.open(file, formats=FORMATS) as image:
                yield image, _header(path, image)
    except UnidentifiedImageError:
        raise ImageError(
            "cannot be decoded: its header is broken",
            subject=path,
            remedy="Copy the file again from where it came",
        ) from None
    except Image.DecompressionBombError as error:
        raise ImageError(
            f"declares more pixels than one image may have ({str(error).rstrip('.')})",
            subject=path,
            remedy="Cut the image into tiles or scale it down with another program",
        ) from None


def _check_png_size(path: Path, head: bytes) -> None:
    """Name the size of a PNG bomb, of which Pillow tells the number of pixels alone."""
    if head[12:16] == b"IHDR":
        width, height = (int.from_bytes(head[at : at + 4], "big") for at in (16, 20))
        check_size(path, height, width, 1, 1)


def _header(path: Path, image: Image.Image) -> _Header:
    tags: Any = getattr(image, "tag_v2", {})
    # Pillow's own size of a TIFF is already upright; the one of the others is not.
    columns, rows = tags.get(IMAGE_WIDTH, image.width), tags.get(IMAGE_LENGTH, image.height)
    bits_each = _bits_of_samples(image)
    bits = _significant_bits(image, bits_each)
    channels = len(image.getbands())
    check_size(path, rows, columns, channels, max(1, -(-bits // 8)))
    is_model_input = image.info.get(SPACE_KEY) == PixelSpace.MODEL_INPUT
    # JPEGs with further pictures inside (previews, stereo pairs) hold one that counts.
    paged = image.format in ("TIFF", "PNG")
    return _Header(
        mode=image.mode,
        format="JPEG" if image.format == "MPO" else str(image.format),
        size=(rows, columns),
        frames=int(getattr(image, "n_frames", 1)) if paged else 1,
        bits=bits,
        deep_color=channels > 1 and bits > 8,
        deep_grey_alpha=_raw_mode(image).startswith("LA;16"),
        white_is_zero=tags.get(PHOTOMETRIC_TAG) == WHITE_IS_ZERO,
        unsigned=UNSIGNED in np.atleast_1d(tags.get(SAMPLE_FORMAT, UNSIGNED)),
        orientation=_orientation(image),
        space=PixelSpace.MODEL_INPUT if is_model_input else PixelSpace.SOURCE,
    )


def _orientation(image: Image.Image) -> int:
    """The Exif orientation, 1 where there is none.

    By the method of the base class: that of PNG decodes all pixels to look behind them.
    """
    code = Image.Image.getexif(image).get(ORIENTATION, 1)
    return code if code in range(1, 9) else 1


def _bits_of_samples(image: Image.Image) -> int:
    """Bits of one sample in the file, which Pillow's mode does not always tell."""
    if image.format == "TIFF":
        tags: Any = getattr(image, "tag_v2", {})
        return int(max(np.atleast_1d(tags.get(BITS_PER_SAMPLE, 1))))
    return 16 if image.format == "PNG" and ";16" in _raw_mode(image) else 8


def _raw_mode(image: Image.Image) -> str:
    """How Pillow finds the pixels in the file; its own mode has fewer bits at times."""
    tiles: Any = getattr(image, "tile", None)
    return str(tiles[0][3]) if tiles else ""


def _significant_bits(image: Image.Image, bits_each: int) -> int:
    if image.mode == "1":
        return 1
    if image.mode == "F":
        return 32
    if image.mode == "I":
        return 16 if image.format == "PNG" else 32
    if image.mode.startswith("I;16"):
        return bits_each if 8 < bits_each <= 16 else 16
    return 16 if bits_each == 16 and len(image.getbands()) > 1 else 8


def _values(
    path: Path, image: Image.Image, header: _Header, notes: list[str]
) -> NDArray[np.generic]:
    if header.deep_grey_alpha:
        return _deep_grey_alpha(path)
    if header.deep_color:
        if header.format == "TIFF":
            return _deep_tiff(path, image, header)
        return _deep_png(path, header)
    return _plain(path, image, header, notes)


def _plain(
    path: Path, image: Image.Image, header: _Header, notes: list[str]
) -> NDArray[np.generic]:
    """Pixels by Pillow as H×W or H×W×C, with alpha, if any, as the last channel."""
    image = _loaded(path, image)
    if image.mode in ("P", "PA"):
        image = image.convert("RGBA" if _has_transparency(image) else "RGB")
    elif image.mode in ("L", "RGB") and "transparency" in image.info:
        image = image.convert("LA" if image.mode == "L" else "RGBA")
    elif image.mode == "1":
        return np.asarray(image).astype(np.uint8)
    elif image.mode == "I":
        integers = np.asarray(image)
        if header.bits <= 16:
            return integers.astype(np.uint16)
        return integers.view(np.uint32) if header.unsigned else integers
    elif image.mode not in ("L", "LA", "RGB", "RGBA", "F") and image.mode[:4] != "I;16":
        notes.append(f"{image.mode} colours are turned into RGB without a colour profile")
        image = image.convert("RGB")
    values = np.asarray(image)
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def _loaded(path: Path, image: Image.Image) -> Image.Image:
    """The image with its pixels.

    Compressed TIFF is left to a child process: libtiff writes to the terminal what is wrong with
    it, and hands the pixels over all the same.
    """
    if image.format != "TIFF" or not getattr(image, "use_load_libtiff", False):
        image.load()
        return image
    size = image.width * image.height * len(image.getbands()) * 4
    mode, shape, data, palette = decode_tiff(path, image.tell(), size)
    made = Image.frombytes(mode, shape, data)
    if palette:
        made.putpalette(palette)
    return made


def _has_transparency(image: Image.Image) -> bool:
    return image.mode == "PA" or "transparency" in image.info


def _deep_grey_alpha(path: Path) -> NDArray[np.generic]:
    """Pixels of a PNG of 16-bit grey with alpha, H×W×2, which neither library reads.

    Byte for byte such an image is one of 8-bit RGBA, filters included (ISO/IEC 15948, 9.2: they
    work on bytes a pixel apart). So its header is made to say that, and Pillow decodes the bytes.
    """
    data = path.read_bytes()
    header = data[12:24] + bytes((8, RGBA)) + data[26:29]
    disguised = data[:12] + header + zlib.crc32(header).to_bytes(4, "big") + data[33:]
    with Image.open(io.BytesIO(disguised), formats=("PNG",)) as image:
        octets = np.asarray(image)
    return octets.view(">u2").astype(np.uint16)


def _deep_png(path: Path, header: _Header) -> NDArray[np.generic]:
    """Pixels of a PNG of 16 bits a channel by SimpleITK, H×W×C."""
    import SimpleITK as sitk  # noqa: N813 - the name everybody gives it; late, for it is large

    untyped: Any = sitk
    untyped.ProcessObject.GlobalWarningDisplayOff()  # it writes to the terminal; we check instead
    reader = untyped.ImageFileReader()
    reader.SetImageIO("PNGImageIO")
    reader.SetFileName(str(path))
    values: NDArray[np.generic] = sitk.GetArrayFromImage(reader.Execute())
    if values.dtype != np.uint16 or values.shape[:2] != header.size:
        raise _too_deep(path)
    return values


def _deep_tiff(path: Path, image: Image.Image, header: _Header) -> NDArray[np.generic]:
    """Pixels of a TIFF page of 16 bits a channel, upright, H×W×C."""
    tags: Any = getattr(image, "tag_v2", {})
    bits = set(np.atleast_1d(tags.get(BITS_PER_SAMPLE, 1)).tolist())
    colors = tags.get(PHOTOMETRIC_TAG)
    if bits != {16} or colors not in (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB_COLORS):
        raise _too_deep(path)
    if not header.unsigned:
        raise _too_deep(path)
    order = "<" if tags.prefix == b"II" else ">"
    values = decode_deep_tiff(path, tags, order, int(tags.get(SAMPLES_PER_PIXEL, 1)))
    return _upright(values, header.orientation)


def _too_deep(path: Path) -> ImageError:
    return ImageError(
        "holds colour of more than 8 bits a channel in a form that cannot be read without loss",
        subject=path,
        remedy="Save it as RGB of 16 bits a channel, as TIFF or PNG",
    )


def _upright(values: NDArray[np.generic], orientation: int) -> NDArray[np.generic]:
    """Undo an Exif orientation (CIPA DC-008, tag 0112)."""
    if orientation >= 5:
        values = values.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        values = values[::-1]
    if orientation in (2, 3, 6, 7):
        values = values[:, ::-1]
    return values


def _without_alpha(values: NDArray[np.generic], full: int, notes: list[str]) -> NDArray[np.generic]:
    """Colour (or grey) without its alpha channel, over black where it is not opaque."""
    channels = values.shape[CHANNEL_AXIS] if values.ndim > CHANNEL_AXIS else 1
    if channels not in (2, 4):
        return values
    color, alpha = values[..., :-1], values[..., -1:]
    if (alpha == full).all():
        notes.append("The alpha channel is opaque everywhere and is left out")
    else:
        notes.append("The image is transparent in places; it is shown over black")
        mixed = np.rint(color.astype(np.float64) * alpha.astype(np.float64) / full)
        color = mixed.astype(values.dtype)
    return color[..., 0] if channels == 2 else color


def _photometric(stored: NDArray[np.generic], header: _Header) -> Photometric:
    if stored.ndim > CHANNEL_AXIS:
        return Photometric.RGB
    # Pillow turns white-is-zero round by itself in pages of up to 8 bits, and only in those.
    if header.white_is_zero and header.mode not in ("1", "L"):
        return Photometric.MONOCHROME1
    return Photometric.MONOCHROME2


def _provenance(path: Path, frame: int, header: _Header) -> Provenance:
    return Provenance(path=path, frame=frame, transfer_syntax=header.format)
