"""Colour of 16 bits a channel in TIFF files, in whatever layout, without loss.

Pillow decodes every layout and compression of TIFF but cuts such colour to 8 bits; grey of 16 bits
it keeps. And bit for bit a colour image is a grey one: three times as wide where the channels of a
pixel stand together, or one for each plane where they stand apart. So the page is written again in
memory as such grey images, with its compressed strips or tiles as they are. What does not carry
over is horizontal differencing (TIFF 6.0, section 14), whose stride is the channels of a pixel: the
sums that Pillow makes with a stride of one are undone and made again.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from medadv_desktop.imaging.decoding import decode_tiff

_WIDTH, _LENGTH, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_FILL_ORDER, _STRIP_OFFSETS, _ROWS_PER_STRIP, _STRIP_COUNTS = 266, 273, 278, 279
_SAMPLES, _PLANAR, _PREDICTOR = 277, 284, 317
_TILE_WIDTH, _TILE_LENGTH, _TILE_OFFSETS, _TILE_COUNTS = 322, 323, 324, 325
_SHORT, _LONG = 3, 4
_HORIZONTAL = 2
_SEPARATE = 2
_MIN_IS_BLACK = 1


def decode_deep_tiff(path: Path, tags: Any, byte_order: str, channels: int) -> NDArray[np.generic]:
    """Decode one page.

    Args:
        path: the file.
        tags: the directory of the page, as Pillow's `tag_v2`.
        byte_order: "<" or ">".
        channels: samples of a pixel, alpha included.

    Returns:
        H×W×channels uint16, as it lies in the file: its orientation is not applied.

    Raises:
        ValueError: the directory lacks an element or contradicts itself.
        DecodingError: its data is broken.
    """
    rows, columns = int(tags[_LENGTH]), int(tags[_WIDTH])
    tiled = _TILE_OFFSETS in tags
    offsets, counts = (
        _listed(tags, tag)
        for tag in ((_TILE_OFFSETS, _TILE_COUNTS) if tiled else (_STRIP_OFFSETS, _STRIP_COUNTS))
    )
    if not offsets or len(offsets) != len(counts):
        raise ValueError("its directory does not say where its pixels are")
    pieces = _pieces(path, offsets, counts)
    if tags.get(_PLANAR) == _SEPARATE:
        if len(pieces) % channels:
            raise ValueError(f"{len(pieces)} pieces cannot be {channels} planes")
        each = len(pieces) // channels
        planes = [
            _grey(tags, byte_order, rows, columns, 1, pieces[k * each : (k + 1) * each])
            for k in range(channels)
        ]
        return np.stack(planes, axis=-1)
    flat = _grey(tags, byte_order, rows, columns, channels, pieces)
    if tags.get(_PREDICTOR) == _HORIZONTAL:
        wide = int(tags[_TILE_WIDTH]) * channels if tiled else flat.shape[1]
        flat = _summed_again(flat, wide, channels)
    return flat.reshape(rows, columns, channels)


def _pieces(path: Path, offsets: Sequence[int], counts: Sequence[int]) -> list[bytes]:
    size = path.stat().st_size
    pieces = []
    with path.open("rb") as file:
        for offset, count in zip(offsets, counts, strict=True):
            if offset + count > size:
                raise ValueError("it is cut off inside its pixels")
            file.seek(offset)
            pieces.append(file.read(count))
    return pieces


def _listed(tags: Any, tag: int) -> list[int]:
    return [int(v) for v in np.atleast_1d(tags.get(tag, ()))]


def _grey(
    tags: Any, byte_order: str, rows: int, columns: int, stretch: int, pieces: list[bytes]
) -> NDArray[np.generic]:
    """The pieces decoded as one grey image of 16 bits, `stretch` times as wide as the page."""
    entries: dict[int, tuple[int, list[int]]] = {
        _WIDTH: (_LONG, [columns * stretch]),
        _LENGTH: (_LONG, [rows]),
        _BITS: (_SHORT, [16]),
        _COMPRESSION: (_SHORT, [int(tags.get(_COMPRESSION, 1))]),
        _PHOTOMETRIC: (_SHORT, [_MIN_IS_BLACK]),
        _FILL_ORDER: (_SHORT, [int(tags.get(_FILL_ORDER, 1))]),
        _SAMPLES: (_SHORT, [1]),
        _PREDICTOR: (_SHORT, [int(tags.get(_PREDICTOR, 1))]),
    }
    where, lengths = _STRIP_OFFSETS, _STRIP_COUNTS
    if _TILE_OFFSETS in tags:
        where, lengths = _TILE_OFFSETS, _TILE_COUNTS
        entries[_TILE_WIDTH] = _LONG, [int(tags[_TILE_WIDTH]) * stretch]
        entries[_TILE_LENGTH] = _LONG, [int(tags[_TILE_LENGTH])]
    else:
        entries[_ROWS_PER_STRIP] = _LONG, [min(int(tags.get(_ROWS_PER_STRIP, rows)), rows)]
    starts, at = [], 8
    for piece in pieces:
        starts.append(at)
        at += len(piece)
    entries[where] = _LONG, starts
    entries[lengths] = _LONG, [len(piece) for piece in pieces]
    whole = _tiff(entries, pieces, byte_order)
    mode, size, data, _ = decode_tiff(whole, 0, rows * columns * stretch * 2)
    values = np.asarray(Image.frombytes(mode, size, data))
    return values.astype(values.dtype.newbyteorder("="), copy=False).astype(np.uint16, copy=False)


def _tiff(entries: dict[int, tuple[int, list[int]]], pieces: list[bytes], byte_order: str) -> bytes:
    """A TIFF of one page: header, pieces, long lists, directory."""
    mark = b"II*\0" if byte_order == "<" else b"MM\0*"
    body = b"".join(pieces)
    lists = b""
    directory = struct.pack(f"{byte_order}H", len(entries))
    base = 8 + len(body)
    base += base % 2
    for tag, (kind, values) in sorted(entries.items()):
        code = "H" if kind == _SHORT else "I"
        data = struct.pack(f"{byte_order}{len(values)}{code}", *values)
        if len(data) > 4:
            place = struct.pack(f"{byte_order}I", base + len(lists))
            lists += data
        else:
            place = data.ljust(4, b"\0")
        directory += struct.pack(f"{byte_order}HHI", tag, kind, len(values)) + place
    start = base + len(lists)
    head = mark + struct.pack(f"{byte_order}I", start)
    return head + body.ljust(base - 8, b"\0") + lists + directory + b"\0\0\0\0"


def _summed_again(flat: NDArray[np.generic], wide: int, channels: int) -> NDArray[np.generic]:
    """Rows summed with a stride of one, piece by piece `wide`, summed with one of `channels`."""
    made = np.empty_like(flat)
    for start in range(0, flat.shape[1], wide):
        part = flat[:, start : start + wide]
        steps = np.diff(part, axis=1, prepend=np.zeros((len(part), 1), part.dtype))
        pixels = steps.reshape(len(part), -1, channels)
        made[:, start : start + wide] = np.cumsum(pixels, axis=1, dtype=np.uint16).reshape(
            len(part), -1
        )
    return made
