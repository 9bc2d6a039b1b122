"""Folders searched for what can be opened, and what was found put into studies and series."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from medadv_desktop.imaging.frame import Instance, Unreadable
from medadv_desktop.imaging.reading import describe
from medadv_desktop.jobs import CancelToken, Emit, Progress, silent

RASTER_SERIES = "Images"


@dataclass(frozen=True)
class Series:
    """Instances that belong together, in their order.

    `uid` is the Series Instance UID, or for raster files a name made of their folder.
    """

    uid: str
    description: str
    modality: str
    instances: tuple[Instance, ...]


@dataclass(frozen=True)
class Study:
    """What one examination, or one folder of raster files, holds.

    `uid` is the Study Instance UID, or for raster files the path of their folder.
    """

    uid: str
    description: str
    series: tuple[Series, ...]


def scan(
    paths: Sequence[Path | str], token: CancelToken, emit: Emit = silent
) -> Iterator[Instance | Unreadable]:
    """Look at files and, recursively, at folders; yield each file's answer as soon as it is known.

    Nothing stops the scan but the token: what cannot be read, is hidden, or is a link back to a
    folder already scanned is yielded with its reason. The order is natural (2 before 10), the files
    of a folder before its folders.

    Args:
        paths: files and folders.
        token: checked before each file and folder.
        emit: gets a `Progress` for each file; its total is 0, for it is not known beforehand.

    Raises:
        JobCancelled: the token was cancelled.
    """
    seen: set[tuple[int, int]] = set()
    done = 0
    for path in paths:
        for found in _walk(Path(path), token, seen):
            token.check()
            if isinstance(found, Unreadable):
                yield found
                continue
            done += 1
            emit(Progress(done, 0, str(found)))
            yield describe(found)


def group(instances: Iterable[Instance]) -> tuple[Study, ...]:
    """Instances as studies and series.

    DICOM instances are grouped by their UIDs; raster files of one folder make one study with one
    series. Studies and series stand in the order in which their first instance came, instances by
    instance number, then by name.
    """
    studies: dict[str, dict[str, list[Instance]]] = {}
    for instance in instances:
        study, series = _keys(instance)
        studies.setdefault(study, {}).setdefault(series, []).append(instance)
    return tuple(
        Study(
            uid=uid,
            description=_study_name(next(iter(parts.values()))[0]),
            series=tuple(_series(key, members) for key, members in parts.items()),
        )
        for uid, parts in studies.items()
    )


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """A sort key that puts "slice 2" before "slice 10", whatever the case of its letters."""
    return tuple(
        (0, int(part), "") if part.isdecimal() else (1, 0, part)
        for part in re.split(r"(\d+)", name.casefold())
        if part
    )


def _walk(
    path: Path, token: CancelToken, seen: set[tuple[int, int]]
) -> Iterator[Path | Unreadable]:
    """The files at and under `path` that are to be opened, and what is not, with the reason."""
    token.check()
    if not path.is_dir():
        yield path
        return
    try:
        status = path.stat()
        with os.scandir(path) as entries:
            names = sorted((entry.name for entry in entries), key=lambda n: (natural_key(n), n))
    except OSError as error:
        yield Unreadable(path, f"the folder cannot be read ({_cause(error)})", skipped=False)
        return
    # Windows gives 0 for the inode where the file system has none.
    identity = (status.st_dev, status.st_ino)
    if identity in seen and status.st_ino:
        yield Unreadable(path, "is a folder that was already scanned", skipped=True)
        return
    seen.add(identity)
    folders: list[Path] = []
    for name in names:
        child = path / name
        if name.startswith("."):
            yield Unreadable(child, "is hidden", skipped=True)
        elif name.upper() == "DICOMDIR":
            yield Unreadable(child, "is the index of a disc; its images are scanned", skipped=True)
        elif child.is_dir():
            folders.append(child)
        else:
            yield child
    for folder in folders:
        yield from _walk(folder, token, seen)


def _cause(error: OSError) -> str:
    return "no permission" if isinstance(error, PermissionError) else str(error.strerror or error)


def _is_raster(instance: Instance) -> bool:
    identity = instance.provenance
    return not (identity.sop_instance_uid or identity.series_instance_uid or identity.modality)


def _keys(instance: Instance) -> tuple[str, str]:
    identity = instance.provenance
    folder = str(instance.path.parent)
    if _is_raster(instance):
        return identity.study_instance_uid or folder, f"{folder}/{RASTER_SERIES}"
    study = identity.study_instance_uid or folder
    return study, identity.series_instance_uid or f"{study}/{instance.series_description}"


def _study_name(first: Instance) -> str:
    return first.study_description or (first.path.parent.name if _is_raster(first) else "")


def _series(uid: str, members: list[Instance]) -> Series:
    first = members[0]
    name = first.series_description or (RASTER_SERIES if _is_raster(first) else "")
    ordered = sorted(members, key=_place)
    return Series(uid, name, first.provenance.modality, tuple(ordered))


def _place(instance: Instance) -> tuple[bool, int, tuple[tuple[int, int, str], ...], str]:
    number = instance.instance_number
    name = instance.path.name
    return number is None, number or 0, natural_key(name), str(instance.path)
