"""Decoded frames kept at hand, up to a bound. No Qt in here; used from several threads."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path

from medadv_desktop.gui.opening import read
from medadv_desktop.imaging.frame import Frame

MEBIBYTE = 2**20
DEFAULT_BYTES = 1024 * MEBIBYTE

FrameKey = tuple[Path, int]
_Signature = tuple[int, int]


class FrameCache:
    """The frames used last, as many as fit. A file that was changed since is read anew.

    Args:
        capacity: bound on the pixels kept, in bytes.
        load: reads one frame of a file; may raise `ImageError`.
    """

    def __init__(
        self, capacity: int = DEFAULT_BYTES, load: Callable[[Path, int], Frame] = read
    ) -> None:
        self._capacity, self._load = capacity, load
        self._frames: OrderedDict[FrameKey, tuple[_Signature, Frame]] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    @property
    def capacity(self) -> int:
        return self._capacity

    @property
    def size(self) -> int:
        """Bytes of pixels kept."""
        return self._size

    def set_capacity(self, capacity: int) -> None:
        """Another bound, in bytes; what no longer fits goes at once."""
        with self._lock:
            self._capacity = capacity
            self._shrink()

    def get(self, path: Path, index: int) -> Frame | None:
        """The frame if it is at hand and its file is as it was, else None."""
        signature = _signature(path)
        with self._lock:
            entry = self._frames.get((path, index))
            if entry is None:
                return None
            if entry[0] != signature:
                self._drop((path, index))
                return None
            self._frames.move_to_end((path, index))
            return entry[1]

    def read(self, path: Path, index: int) -> Frame:
        """The frame, at hand or from its file; from then on it is at hand.

        Raises:
            ImageError: it cannot be read.
        """
        kept = self.get(path, index)
        if kept is not None:
            return kept
        # Before reading: a file that changes meanwhile is then read once more, never once too few.
        signature = _signature(path)
        frame = self._load(path, index)
        if signature is not None and frame.stored.nbytes <= self._capacity:
            with self._lock:
                self._drop((path, index))
                self._frames[path, index] = signature, frame
                self._size += frame.stored.nbytes
                self._shrink()
        return frame

    def __contains__(self, key: object) -> bool:
        """Whether a frame is kept, by path and index; its file is not asked."""
        return key in self._frames

    def clear(self) -> None:
        """Forget all frames."""
        with self._lock:
            self._frames.clear()
            self._size = 0

    def _shrink(self) -> None:
        while self._size > self._capacity:
            self._drop(next(iter(self._frames)))

    def _drop(self, key: FrameKey) -> None:
        entry = self._frames.pop(key, None)
        if entry is not None:
            self._size -= entry[1].stored.nbytes


def around(index: int, count: int, ahead: int, behind: int, forward: bool) -> Iterator[int]:
    """Indices near `index` in the order in which they will be wanted, itself left out.

    Two are taken on the side that is gone to for each one on the other.

    Args:
        count: there are so many.
        ahead, behind: how far to look on either side.
        forward: the way that is gone.
    """
    way = 1 if forward else -1
    near = [index + way * step for step in range(1, ahead + 1)]
    far = [index - way * step for step in range(1, behind + 1)]
    order: list[int] = []
    while near or far:
        order += near[:2] + far[:1]
        near, far = near[2:], far[1:]
    return (i for i in order if 0 <= i < count)


def _signature(path: Path) -> _Signature | None:
    """What changes with the content of a file; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
