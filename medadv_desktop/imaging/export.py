"""Pixels and arrays written so that they read back exactly, or not at all.

Files appear under their name only when they are whole.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.errors import ExportError
from medadv_desktop.files import write_atomically

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, RGB = 0, 2
FILTER_UP = 2
NO_TEXT: Mapping[str, str] = {}


def write_png(path: Path, pixels: NDArray[np.generic], text: Mapping[str, str] = NO_TEXT) -> None:
    """Write an image as PNG (ISO/IEC 15948), 8 or 16 bits a channel, without loss.

    Our own encoder, for Pillow cannot write colour of 16 bits.

    Args:
        path: replaced if it exists.
        pixels: H×W (grey) or H×W×3 (RGB), uint8 or uint16.
        text: keywords of 1 to 79 Latin-1 characters, and their texts.

    Raises:
        ExportError: the array or a keyword cannot be a PNG's, or the file cannot be written.
    """
    path = Path(path)
    grey = pixels.ndim == 2
    is_color = pixels.ndim == 3 and pixels.shape[2] == 3
    if (
        pixels.dtype.newbyteorder("=") not in (np.uint8, np.uint16)
        or not (grey or is_color)
        or not pixels.size
    ):
        raise ExportError(
            f"{pixels.dtype} pixels of shape {pixels.shape} are no PNG image",
            subject=path,
            remedy="Give H×W or H×W×3 values of uint8 or uint16",
        )
    height, width = pixels.shape[:2]
    depth = 8 * pixels.dtype.itemsize
    head = struct.pack(">IIBBBBB", width, height, depth, GREY if grey else RGB, 0, 0, 0)
    chunks = [_chunk(b"IHDR", head)]
    chunks += [_text_chunk(path, keyword, value) for keyword, value in text.items()]
    chunks += [_chunk(b"IDAT", zlib.compress(_filtered(pixels), 6)), _chunk(b"IEND", b"")]
    write_atomically(path, PNG_SIGNATURE + b"".join(chunks))


def write_arrays(path: Path, **arrays: NDArray[np.generic]) -> None:
    """Write named arrays as a compressed NPZ, exactly as they are.

    Raises:
        ExportError: the file cannot be written, or an array holds Python objects.
    """
    path = Path(path)
    for name, array in arrays.items():
        if np.asarray(array).dtype.hasobject:
            raise ExportError(f"array {name!r} holds Python objects", subject=path)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    write_atomically(path, buffer.getvalue())


def _filtered(pixels: NDArray[np.generic]) -> bytes:
    """Rows as the differences to the row above (filter 2), most significant byte first."""
    rows = np.ascontiguousarray(pixels, dtype=pixels.dtype.newbyteorder(">"))
    octets = rows.view(np.uint8).reshape(rows.shape[0], -1)
    lines = np.empty((octets.shape[0], octets.shape[1] + 1), np.uint8)
    lines[:, 0] = FILTER_UP
    lines[0, 1:] = octets[0]
    np.subtract(octets[1:], octets[:-1], out=lines[1:, 1:])
    return lines.tobytes()


def _text_chunk(path: Path, keyword: str, value: str) -> bytes:
    try:
        name = keyword.encode("latin-1")
    except UnicodeEncodeError:
        name = b""
    if not 1 <= len(name) <= 79 or "\0" in keyword + value:
        raise ExportError(f"{keyword!r} cannot be the keyword of a PNG text", subject=path)
    try:
        return _chunk(b"tEXt", name + b"\0" + value.encode("latin-1"))
    except UnicodeEncodeError:
        return _chunk(b"iTXt", name + b"\0\0\0\0\0" + value.encode())


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
