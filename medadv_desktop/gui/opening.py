"""What happens off the GUI thread when files and folders are opened. No Qt in here."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from medadv_desktop.imaging.frame import Frame, Instance, Unreadable
from medadv_desktop.jobs import CancelToken, Emit, JobCancelled, Partial

if TYPE_CHECKING:
    from medadv_desktop.imaging.scanning import Study

_PAUSE_SECONDS = 0.2


@dataclass(frozen=True)
class ScanState:
    """What is open after a scan, or in its midst.

    Attributes:
        studies: everything, with what was open before.
        first: the first instance that this scan found, or None.
        found: number of instances of this scan.
        unreadable: what this scan did not take.
    """

    studies: tuple[Study, ...]
    first: Instance | None
    found: int
    unreadable: tuple[Unreadable, ...]


def scan_paths(
    paths: Sequence[Path], opened: Sequence[Instance], token: CancelToken, emit: Emit
) -> ScanState:
    """Scan `paths` on top of what is `opened`; emits a `Partial(ScanState)` a few times a second.

    Raises:
        JobCancelled: after a last `Partial` with all that was found.
    """
    from medadv_desktop.imaging.scanning import group, scan

    instances = {instance.path: instance for instance in opened}
    unreadable: list[Unreadable] = []
    first: Instance | None = None
    found = 0

    def state() -> ScanState:
        return ScanState(group(instances.values()), first, found, tuple(unreadable))

    due = time.monotonic() + _PAUSE_SECONDS / 4
    try:
        for item in scan(paths, token, emit):
            if isinstance(item, Unreadable):
                unreadable.append(item)
            else:
                instances[item.path] = item
                first = first or item
                found += 1
            began = time.monotonic()
            if began >= due:
                emit(Partial(state()))
                # Grouping ten thousand files takes a while: spend a tenth of the time on it.
                ended = time.monotonic()
                due = ended + max(_PAUSE_SECONDS, 10 * (ended - began))
    except JobCancelled:
        emit(Partial(state()))
        raise
    return state()


def read(path: Path, index: int) -> Frame:
    """One frame of a file.

    Raises:
        ImageError: as `imaging.reading.read_frame`.
    """
    from medadv_desktop.imaging.reading import read_frame

    return read_frame(path, index)
