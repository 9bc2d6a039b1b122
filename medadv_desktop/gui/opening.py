"""What happens off the GUI thread when files and folders are opened. No Qt in here."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from medadv_desktop.imaging.frame import Frame, Instance, NonImage, Unreadable
from medadv_desktop.jobs import CancelToken, Emit, JobCancelled, Partial

if TYPE_CHECKING:
    from medadv_desktop.imaging.series import Study

_PAUSE_SECONDS = 0.2
_FIRST_PAUSE_SECONDS = 0.05

Answer = Instance | Unreadable
"""What a scan says of a file; a `NonImage` is an `Unreadable`."""


@dataclass(frozen=True)
class ScanState:
    """What is open after a scan, or in its midst.

    Attributes:
        studies: everything, with what was open before.
        first: the first instance that this scan found, or None.
        found: number of instances of this scan.
        unreadable: files not taken, with those of earlier scans; objects without pixels, which
            stand in their studies, are not among them.
        news: what the scan said of files since the state before.
    """

    studies: tuple[Study, ...]
    first: Instance | None
    found: int
    unreadable: tuple[Unreadable, ...]
    news: tuple[Answer, ...]


def scan_paths(
    paths: Sequence[Path],
    opened: Sequence[Study],
    refused: Sequence[Unreadable],
    token: CancelToken,
    emit: Emit,
) -> ScanState:
    """Scan `paths` on top of what is open; emits a `Partial(ScanState)` a few times a second.

    Args:
        opened: the studies that are open.
        refused: the files that earlier scans did not take.

    Raises:
        JobCancelled: after a last `Partial` with all that was found.
    """
    from medadv_desktop.imaging.directories import MEDIA_STORAGE_DIRECTORY
    from medadv_desktop.imaging.scanning import scan

    collection = Collection(opened)
    unreadable = {item.path: item for item in refused}
    news: list[Answer] = []
    first: Instance | None = None
    found = 0

    def state() -> ScanState:
        taken = tuple(news)
        news.clear()
        return ScanState(collection.studies(), first, found, tuple(unreadable.values()), taken)

    due = time.monotonic() + _FIRST_PAUSE_SECONDS
    try:
        for item in scan(paths, token, emit):
            news.append(item)
            if isinstance(item, Instance):
                unreadable.pop(item.path, None)
                collection.add(item)
                first = first or item
                found += 1
            elif isinstance(item, NonImage) and item.sop_class != MEDIA_STORAGE_DIRECTORY:
                unreadable.pop(item.path, None)
                collection.add_object(item)
            else:
                unreadable[item.path] = item
            began = time.monotonic()
            if began >= due:
                emit(Partial(state()))
                # Grouping a large series takes a while: spend a tenth of the time on it.
                ended = time.monotonic()
                due = ended + max(_PAUSE_SECONDS, 10 * (ended - began))
    except JobCancelled:
        emit(Partial(state()))
        raise
    return state()


class Collection:
    """Instances as they come, grouped into studies and series.

    They are kept in parts, a series each; only the parts that something was added to since are
    grouped again, and a study in which nothing changed stays the same object.
    """

    def __init__(self, opened: Iterable[Study] = ()) -> None:
        self._parts: dict[_Key, dict[Path, Instance]] = {}
        self._grouped: dict[_Key, tuple[Study, ...]] = {}
        self._objects: dict[str, dict[Path, NonImage]] = {}
        self._where: dict[Path, _Key] = {}
        self._changed: set[_Key] = set()
        self._merged: dict[str, tuple[tuple[object, ...], Study]] = {}
        for study in opened:
            self._take(study)

    def add(self, instance: Instance) -> None:
        """Take in an instance; of two from the same file the later one stays."""
        key = _key(instance)
        before = self._where.get(instance.path, key)
        if before != key:
            del self._parts[before][instance.path]
            self._changed.add(before)
        self._where[instance.path] = key
        self._parts.setdefault(key, {})[instance.path] = instance
        self._changed.add(key)

    def add_object(self, item: NonImage) -> None:
        """Take in an object without pixels."""
        identity = item.provenance
        study = (identity.study_instance_uid if identity else "") or str(item.path.parent)
        self._objects.setdefault(study, {})[item.path] = item

    def studies(self) -> tuple[Study, ...]:
        """Everything, in the order in which the first instance of each came."""
        from medadv_desktop.imaging.series import group

        for key in self._changed:
            self._grouped[key] = group(self._parts[key].values())
        self._changed.clear()
        parts: dict[str, list[Study]] = {}
        for key in self._parts:
            for study in self._grouped[key]:
                parts.setdefault(study.uid, []).append(study)
        for uid, objects in self._objects.items():
            if uid not in parts:
                parts[uid] = list(group((), objects.values()))
        return tuple(self._merge(uid, members) for uid, members in parts.items())

    def _merge(self, uid: str, members: list[Study]) -> Study:
        """One study of its parts; the same object as long as these are the same."""
        objects = tuple(self._objects.get(uid, {}).values())
        series = tuple(s for study in members for s in study.series)
        made_of = (*series, *objects)
        before, merged = self._merged.get(uid, ((), None))
        same = len(before) == len(made_of) and all(map(_same, before, made_of))
        if merged is None or not same:
            merged = replace(members[0], series=series, non_images=objects)
            self._merged[uid] = made_of, merged
        return merged

    def _take(self, study: Study) -> None:
        by_key: dict[_Key, list[int]] = {}
        for index, series in enumerate(study.series):
            key = _key(series.instances[0])
            by_key.setdefault(key, []).append(index)
            part = self._parts.setdefault(key, {})
            for instance in series.instances:
                part[instance.path] = instance
                self._where[instance.path] = key
        for key, members in by_key.items():
            part_of = replace(study, series=tuple(study.series[i] for i in members), non_images=())
            self._grouped[key] = (*self._grouped.get(key, ()), part_of)
        for item in study.non_images:
            self.add_object(item)
        self._merged[study.uid] = (*study.series, *study.non_images), study


_Key = tuple[str, str]


def _key(instance: Instance) -> _Key:
    """What instances of one series have in common; a study never shares its first part."""
    identity = instance.provenance
    study = identity.study_instance_uid or str(instance.path.parent)
    return study, identity.series_instance_uid


def _same(first: object, second: object) -> bool:
    return first is second


def read(path: Path, index: int) -> Frame:
    """One frame of a file.

    Raises:
        ImageError: as `imaging.reading.read_frame`.
    """
    from medadv_desktop.imaging.reading import read_frame

    return read_frame(path, index)
