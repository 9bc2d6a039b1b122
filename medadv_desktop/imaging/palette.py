"""PALETTE COLOR to RGB by the tables of the file (DICOM PS3.3 C.7.6.3.1.5, C.7.9.2).

Our own, for pydicom's table look-up wraps indices above 255 in an 8-bit table and does not swap the
16-bit tables of a big-endian file.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.errors import ImageError
from medadv_desktop.imaging.dicom_header import DicomHeader, numbers_of

DISCRETE, LINEAR, INDIRECT = 0, 1, 2
"""The types of segments."""

COLORS = ("Red", "Green", "Blue")


def apply_palette(header: DicomHeader, indices: NDArray[np.generic]) -> NDArray[np.generic]:
    """Look colours up.

    Args:
        header: holds the tables.
        indices: H×W stored values.

    Returns:
        H×W×3, uint8 or uint16 as the table says. Values before the first entry take the first,
        values behind the last take the last.

    Raises:
        ImageError: there is no usable table.
    """
    descriptor = numbers_of(header.dataset, "RedPaletteColorLookupTableDescriptor", header.notes)
    if len(descriptor) != 3:
        raise _unusable(header, "is missing")
    entries = int(descriptor[0]) % 2**16 or 2**16
    first, bits = int(descriptor[1]), int(descriptor[2])
    if np.issubdtype(indices.dtype, np.signedinteger) and first >= 2**15:
        first -= 2**16
    if not 1 <= bits <= 16:
        raise _unusable(header, f"declares {bits} bits an entry")
    tables = [_table(header, color, entries, bits) for color in COLORS]
    places = np.clip(indices.astype(np.int64) - first, 0, entries - 1)
    return np.stack([table[places] for table in tables], axis=-1)


def _table(header: DicomHeader, color: str, entries: int, bits: int) -> NDArray[np.generic]:
    plain = header.dataset.get(f"{color}PaletteColorLookupTableData")
    segmented = header.dataset.get(f"Segmented{color}PaletteColorLookupTableData")
    wide = np.dtype("<u2" if header.little_endian else ">u2")
    if plain:
        # Tables of 8 bits are also found with one entry in each 16-bit word.
        table = _numbers(bytes(plain), wide if len(plain) >= 2 * entries else np.dtype("u1"))
    elif segmented:
        code = _numbers(bytes(segmented), wide if bits > 8 else np.dtype("u1"))
        table = np.array(expand_segments(code.tolist(), entries, bits > 8), dtype=np.uint16)
    else:
        raise _unusable(header, f"has no {color.lower()} values")
    if len(table) < entries:
        raise _unusable(header, f"holds {len(table)} of {entries} {color.lower()} values")
    return table[:entries].astype(np.uint8 if bits <= 8 else np.uint16)


def _numbers(data: bytes, kind: np.dtype[np.generic]) -> NDArray[np.generic]:
    return np.frombuffer(data, kind, count=len(data) // kind.itemsize)


def expand_segments(code: list[int], entries: int, wide: bool = True) -> list[int]:
    """The values of a segmented table (PS3.3 C.7.9.2), at most `entries` of them.

    Discrete segments list their values; a linear one runs from the value before it to its own; an
    indirect one repeats segments that stand at a given offset in bytes, but no indirect ones.

    Args:
        code: the segments, as words of 16 bits or as bytes.
        entries: how many values the descriptor promises.
        wide: they are words; tells how an offset is put together.

    Raises:
        ValueError: an unknown segment, one that points to nowhere or to an indirect one, or a
            linear one with nothing before it.
    """
    values: list[int] = []
    at = 0
    while at + 1 < len(code) and len(values) < entries:
        if code[at] != INDIRECT:
            at = _expand_one(code, at, values)
            continue
        parts = code[at + 2 : at + (4 if wide else 6)]
        step = 16 if wide else 8
        offset = sum(part << (step * place) for place, part in enumerate(parts))
        target = offset // 2 if wide else offset
        for _ in range(code[at + 1]):
            if target + 1 >= len(code) or len(values) >= entries:
                break
            target = _expand_one(code, target, values)
        at += 4 if wide else 6
    return values[:entries]


def _expand_one(code: list[int], at: int, values: list[int]) -> int:
    """Append the values of the segment at `at`, which is no indirect one; where it ends."""
    kind, length = code[at], code[at + 1]
    if kind == DISCRETE:
        values += code[at + 2 : at + 2 + length]
        return at + 2 + length
    if kind == LINEAR and values and at + 2 < len(code):
        start, end = values[-1], code[at + 2]
        values += [start + round((end - start) * (i + 1) / length) for i in range(length)]
        return at + 3
    raise ValueError(f"palette segment of type {kind} at entry {len(values)}")


def _unusable(header: DicomHeader, what: str) -> ImageError:
    return ImageError(
        f"its colour palette {what}",
        subject=header.path,
        remedy="Export the image again as RGB",
    )
