"""The header of an ordinary DICOM file, read in one go for the scan of a folder.

pydicom's parser, which the rest of this room uses, takes some 0.7 ms a file. A scan wants thirty
elements of each of a hundred thousand files; so they are picked out of the first bytes here.
Whatever is not wholly plain, from a file without preamble to a text that is not ASCII, is left to
the thorough way (dicom_header.py), which alone decides what is wrong with a file: here nothing is
judged. Where both apply they agree, which a test shows for every file that pydicom ships.
"""

from __future__ import annotations

import io
import struct
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from pydicom import Dataset
from pydicom.config import IGNORE
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

from medadv_desktop.imaging.dicom_header import (
    IDENTITY_KEYWORDS,
    IMAGE_KEYWORDS,
    PIXEL_KEYWORDS,
    DicomHeader,
    PixelElement,
)

QUICK_BYTES = 2**15
"""How much of a file is looked at."""

_TAGS = {word: tag_for_keyword(word) or 0 for word in (*IDENTITY_KEYWORDS, *IMAGE_KEYWORDS)}
_VRS = {tag: dictionary_VR(tag) for tag in _TAGS.values()}
_EXPECTED = {tag: vr.encode() for tag, vr in _VRS.items()}
_PARSED = frozenset({"US", "IS", "DS", "UI", "CS", "LO", "SH", "PN", "DA", "TM"})
_SHORT = frozenset(b"AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US".split())
_LONG = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
_UNDEFINED = 0xFFFFFFFF
_TRANSFER_SYNTAX = 0x00020010
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_LAST = max(PIXEL_KEYWORDS)
_MAX_DEPTH = 16
_ESCAPE = b"\x1b"

# A keyword of another kind would need a parser of its own.
assert set(_VRS.values()) <= _PARSED


class _PeculiarError(Exception):
    """Something that only the thorough way can tell right from wrong."""


class _Elements:
    """The wanted elements, read like a `Dataset`: by keyword, converted when asked for."""

    def __init__(self, raw: dict[int, bytes], order: str) -> None:
        self._raw = raw
        self._order = order

    def __contains__(self, keyword: str) -> bool:
        return _TAGS.get(keyword) in self._raw

    def get(self, keyword: str, default: Any = None) -> Any:
        tag = _TAGS.get(keyword, 0)
        raw = self._raw.get(tag)
        if raw is None:
            return default
        if _VRS[tag] == "US":
            values = struct.unpack(f"{self._order}{len(raw) // 2}H", raw)
            return values[0] if len(values) == 1 else (list(values) or None)
        parts = [part.strip(" \0") for part in raw.decode("ascii").split("\\")]
        return parts[0] if len(parts) == 1 else parts


def quick_header(path: Path, head: bytes, size: int) -> DicomHeader | None:
    """A header from the first `QUICK_BYTES` of a file, with the elements that a scan wants.

    Args:
        path: the file, not opened here.
        head: its first bytes.
        size: bytes in the whole file.

    Returns:
        None where the thorough way is needed. The header's `file` holds `head` alone.
    """
    if head[128:132] != b"DICM":
        return None
    try:
        declared, at = _meta(head)
        known = _syntax(declared)
        if known is None:
            return None
        syntax, implicit, little = known
        raw, pixels = _body(head, size, at, implicit, little)
    except (_PeculiarError, struct.error):
        return None
    elements = cast(Dataset, _Elements(raw, "<" if little else ">"))
    return DicomHeader(path, io.BytesIO(head), elements, syntax, little, pixels)


@lru_cache(maxsize=64)
def _syntax(declared: str) -> tuple[UID, bool, bool] | None:
    uid = UID(declared, validation_mode=IGNORE)
    if not uid.is_transfer_syntax or uid.is_private or uid == DeflatedExplicitVRLittleEndian:
        return None
    return uid, uid.is_implicit_VR, uid.is_little_endian


def _meta(head: bytes) -> tuple[str, int]:
    """The transfer syntax and where the file meta information ends."""
    declared = ""
    at = 132
    while head[at : at + 2] == b"\x02\0":
        tag, _, start, length = _explicit(head, at, "<")
        if length == _UNDEFINED or start + length > len(head):
            raise _PeculiarError
        if tag == _TRANSFER_SYNTAX:
            declared = head[start : start + length].decode("latin-1").strip(" \0")
        at = start + length
    return declared, at


def _body(
    head: bytes, size: int, at: int, implicit: bool, little: bool
) -> tuple[dict[int, bytes], PixelElement]:
    """The wanted elements, and the pixels, that follow from offset `at`."""
    order = "<" if little else ">"
    read = _implicit if implicit else _explicit
    if implicit and head[at + 4 : at + 6] in _SHORT | _LONG:
        raise _PeculiarError  # said to be implicit, and is not
    raw: dict[int, bytes] = {}
    while True:
        tag, vr, start, length = read(head, at, order)
        if tag in PIXEL_KEYWORDS:
            encapsulated = length == _UNDEFINED
            left = max(size - start, 0)
            available = left if encapsulated else min(length, left)
            name = vr.decode("ascii")
            return raw, PixelElement(PIXEL_KEYWORDS[tag], name, start, available, encapsulated)
        if tag > _LAST:
            raise _PeculiarError
        if length == _UNDEFINED:
            at = _behind_sequence(head, start, vr, implicit, order, 0)
            continue
        at = start + length
        if at > len(head):
            raise _PeculiarError
        if tag in _VRS:
            value = head[start:at]
            _check(tag, vr, value, implicit)
            raw[tag] = value


def _explicit(head: bytes, at: int, order: str) -> tuple[int, bytes, int, int]:
    group, element, vr, length = _EXPLICIT[order].unpack_from(head, at)
    if vr in _SHORT:
        return group << 16 | element, vr, at + 8, length
    if vr in _LONG:
        return group << 16 | element, vr, at + 12, _WORD[order].unpack_from(head, at + 8)[0]
    raise _PeculiarError


def _implicit(head: bytes, at: int, order: str) -> tuple[int, bytes, int, int]:
    group, element, length = _IMPLICIT[order].unpack_from(head, at)
    return group << 16 | element, b"", at + 8, length


_EXPLICIT = {order: struct.Struct(f"{order}HH2sH") for order in "<>"}
_IMPLICIT = {order: struct.Struct(f"{order}HHI") for order in "<>"}
_WORD = {order: struct.Struct(f"{order}I") for order in "<>"}


def _behind_sequence(
    head: bytes, at: int, vr: bytes, implicit: bool, order: str, depth: int
) -> int:
    """Where a sequence of undefined length, whose first item begins at `at`, ends."""
    if depth > _MAX_DEPTH or vr not in (b"", b"SQ"):
        raise _PeculiarError
    while True:
        tag, _, start, length = _implicit(head, at, order)
        if tag == _SEQUENCE_END:
            return start
        if tag != _ITEM:
            raise _PeculiarError
        at = (
            start + length
            if length != _UNDEFINED
            else _behind_item(head, start, implicit, order, depth)
        )


def _behind_item(head: bytes, at: int, implicit: bool, order: str, depth: int) -> int:
    read = _implicit if implicit else _explicit
    while True:
        if _implicit(head, at, order)[0] == _ITEM_END:
            return at + 8
        _, vr, start, length = read(head, at, order)
        if length == _UNDEFINED:
            at = _behind_sequence(head, start, vr, implicit, order, depth + 1)
        else:
            at = start + length


def _check(tag: int, vr: bytes, value: bytes, implicit: bool) -> None:
    """Refuse a value that is not plainly what its element should hold."""
    if not implicit and vr != _EXPECTED[tag]:
        raise _PeculiarError
    kind = _VRS[tag]
    if kind == "US":
        if len(value) % 2:
            raise _PeculiarError
        return
    if not value.isascii() or _ESCAPE in value:
        raise _PeculiarError
    if kind == "IS":
        for part in value.split(b"\\"):
            digits = part.strip(b" \0")
            if digits and not digits.removeprefix(b"-").removeprefix(b"+").isdigit():
                raise _PeculiarError
