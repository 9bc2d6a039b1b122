"""Where the frames of encapsulated pixel data lie (PS3.5 A.4), found without reading them.

The heads of the fragments are walked through once; for the last files looked at the result is kept,
so that stepping through a long cine does not walk again for every frame.
"""

from __future__ import annotations

import itertools
import struct
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

MAX_FRAGMENTS = 2_000_000
KEPT_FILES = 8

_ITEM = b"\xfe\xff\x00\xe0"
_HEAD = struct.Struct("<4sI")
_END_OF_CODE = b"\xff\xd9"


@dataclass(frozen=True)
class Fragments:
    """The fragments of one pixel data element.

    Attributes:
        offsets: of each fragment's value, from the start of the file.
        lengths: of each fragment's value.
        table: the Basic Offset Table, () where it is empty.
    """

    offsets: tuple[int, ...]
    lengths: tuple[int, ...]
    table: tuple[int, ...]


class _Kept:
    """The fragments of the files last looked at."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: OrderedDict[tuple[object, ...], Fragments] = OrderedDict()

    def get(self, key: tuple[object, ...]) -> Fragments | None:
        with self._lock:
            found = self._found.get(key)
            if found is not None:
                self._found.move_to_end(key)
            return found

    def put(self, key: tuple[object, ...], fragments: Fragments) -> None:
        with self._lock:
            self._found[key] = fragments
            while len(self._found) > KEPT_FILES:
                self._found.popitem(last=False)


_kept = _Kept()


def fragments_of(path: Path, file: BinaryIO, offset: int) -> Fragments:
    """Walk through the items that begin at `offset`.

    Raises:
        ValueError: they are broken from the start. What is cut off or broken behind the first
            fragment ends the walk.
    """
    status = path.stat()
    key = (str(path), status.st_size, status.st_mtime_ns, offset)
    found = _kept.get(key)
    if found is None:
        found = _walk(file, offset)
        _kept.put(key, found)
    return found


def frame_code(
    file: BinaryIO,
    fragments: Fragments,
    index: int,
    frames: int,
    extended: tuple[bytes, bytes] | None = None,
) -> bytes:
    """The bitstream of one frame, its fragments joined.

    Frames are told apart by the extended or the basic offset table, where it fits the fragments;
    else by their number; else by the end markers in the data.

    Raises:
        ValueError: the fragments cannot be shared out to the frames, or the frame is not there.
    """
    if extended is not None and (code := _by_extended(file, fragments, index, frames, extended)):
        return code
    starts = _starts(file, fragments, frames)
    if index >= len(starts):
        raise ValueError(f"frame {index} is missing from its compressed data")
    stop = starts[index + 1] if index + 1 < len(starts) else len(fragments.offsets)
    parts = []
    for number in range(starts[index], stop):
        file.seek(fragments.offsets[number])
        parts.append(file.read(fragments.lengths[number]))
    return b"".join(parts)


def _walk(file: BinaryIO, offset: int) -> Fragments:
    file.seek(offset)
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size or not head.startswith(_ITEM):
        raise ValueError("its compressed data does not begin with an offset table")
    size = _HEAD.unpack(head)[1]
    data = file.read(size)
    table = struct.unpack(f"<{len(data) // 4}I", data[: len(data) // 4 * 4])
    at = offset + _HEAD.size + size
    end = file.seek(0, 2)
    offsets: list[int] = []
    lengths: list[int] = []
    while at + _HEAD.size <= end and len(offsets) < MAX_FRAGMENTS:
        file.seek(at)
        tag, length = _HEAD.unpack(file.read(_HEAD.size))
        if tag != _ITEM or length == 0xFFFFFFFF:
            break
        at += _HEAD.size
        offsets.append(at)
        lengths.append(min(length, end - at))
        at += length
    if not offsets:
        raise ValueError("its compressed data holds no fragment")
    return Fragments(tuple(offsets), tuple(lengths), table)


def _by_extended(
    file: BinaryIO, fragments: Fragments, index: int, frames: int, extended: tuple[bytes, bytes]
) -> bytes | None:
    """By the Extended Offset Table, in which each frame has one fragment (PS3.3 C.7.6.3.1.8)."""
    offsets, lengths = (struct.unpack(f"<{len(t) // 8}Q", t[: len(t) // 8 * 8]) for t in extended)
    if len(offsets) != frames or len(lengths) != frames:
        return None
    base = fragments.offsets[0] - _HEAD.size
    start = base + offsets[index] + _HEAD.size
    if start not in fragments.offsets:
        return None
    file.seek(start)
    return file.read(min(lengths[index], fragments.lengths[fragments.offsets.index(start)]))


def _starts(file: BinaryIO, fragments: Fragments, frames: int) -> list[int]:
    """The number of the first fragment of each frame."""
    count = len(fragments.offsets)
    if frames == 1:
        return [0]
    base = fragments.offsets[0] - _HEAD.size
    if len(fragments.table) == frames:
        numbers = {at - _HEAD.size - base: n for n, at in enumerate(fragments.offsets)}
        starts = [numbers.get(at, -1) for at in fragments.table]
        if starts[0] == 0 and all(a < b for a, b in itertools.pairwise(starts)):
            return starts
    if count == frames:
        return list(range(count))
    if count < frames:  # cut off: those that are there, are there
        return list(range(count))
    starts = [0]
    for number in range(count - 1):
        length = fragments.lengths[number]
        file.seek(fragments.offsets[number] + max(length - 10, 0))
        if _END_OF_CODE in file.read(min(length, 10)):
            starts.append(number + 1)
    if len(starts) != frames:
        raise ValueError(f"{count} fragments cannot be shared out to {frames} frames")
    return starts
