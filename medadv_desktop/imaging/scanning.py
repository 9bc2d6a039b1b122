"""Folders, discs and archives searched for what can be opened."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from medadv_desktop.errors import ImageError
from medadv_desktop.imaging.archives import MAX_DEPTH, Budget, is_archive, unpack
from medadv_desktop.imaging.directories import MEDIA_STORAGE_DIRECTORY, files_of
from medadv_desktop.imaging.frame import Instance, NonImage, Unreadable
from medadv_desktop.imaging.reading import describe, naming, same_pixels
from medadv_desktop.imaging.series import natural_key
from medadv_desktop.jobs import CancelToken, Emit, Progress, silent


def scan(
    paths: Sequence[Path | str], token: CancelToken, emit: Emit = silent
) -> Iterator[Instance | NonImage | Unreadable]:
    """Look at files and, recursively, at folders; yield each file's answer as soon as it is known.

    Nothing stops the scan but the token: what cannot be read, is hidden, or is a link back to a
    folder already scanned is yielded with its reason. The order is natural (2 before 10), the files
    of a folder before its folders. ZIP archives are unpacked (archives.py); a DICOMDIR that is
    named itself leads to the files it lists. An instance whose SOP Instance UID came before says in
    its notes whether it is a copy.

    Args:
        paths: files, folders, archives, DICOMDIR files.
        token: checked before each file and folder.
        emit: gets a `Progress` for each file; its total is 0, for it is not known beforehand.

    Raises:
        JobCancelled: the token was cancelled.
    """
    walk = _Scan(token, emit)
    for path in paths:
        yield from walk.at(Path(path))


class _Scan:
    """What a scan remembers: folders it was in, files counted, instances met."""

    def __init__(self, token: CancelToken, emit: Emit) -> None:
        self._token = token
        self._emit = emit
        self._folders: set[tuple[int, int]] = set()
        self._done = 0
        self._instances: dict[str, Path] = {}

    def at(self, path: Path) -> Iterator[Instance | NonImage | Unreadable]:
        """Everything at and under a path that somebody named."""
        self._token.check()
        if path.is_dir():
            for found in self._walk(path):
                yield from self._answers(found)
            return
        for answer in self._answers(path):
            yield answer
            if isinstance(answer, NonImage) and answer.sop_class == MEDIA_STORAGE_DIRECTORY:
                yield from self._listed(answer.path)

    def _answers(
        self, found: Path | Unreadable, budget: Budget | None = None, depth: int = 0
    ) -> Iterator[Instance | NonImage | Unreadable]:
        self._token.check()
        if isinstance(found, Unreadable):
            yield found
            return
        self._done += 1
        self._emit(Progress(self._done, 0, str(found)))
        answer = describe(found)
        if isinstance(answer, Unreadable) and is_archive(found):
            if depth >= MAX_DEPTH:
                yield Unreadable(found, "is an archive too deep inside of others", skipped=False)
                return
            try:
                budget = budget or Budget(found)
            except OSError as error:
                yield Unreadable(found, f"cannot be unpacked ({_cause(error)})", skipped=False)
                return
            for inner in unpack(found, self._token, budget):
                yield from self._answers(inner, budget, depth + 1)
            return
        yield self._compared(answer) if isinstance(answer, Instance) else answer

    def _listed(self, directory: Path) -> Iterator[Instance | NonImage | Unreadable]:
        try:
            with naming(directory):
                found = list(files_of(directory))
        except ImageError as error:
            yield Unreadable(directory, error.reason, skipped=False)
            return
        for item in found:
            yield from self._answers(item)

    def _compared(self, instance: Instance) -> Instance:
        """The instance, with a note where another file has its UID."""
        uid = instance.provenance.sop_instance_uid
        other = self._instances.setdefault(uid, instance.path) if uid else instance.path
        if other == instance.path:
            return instance
        try:
            if other.samefile(instance.path):
                return instance
            same = same_pixels(other, instance.path)
        except (OSError, ImageError):
            said = f"Has the SOP Instance UID of {other.name}; their pixels could not be compared"
        else:
            said = f"Has the SOP Instance UID of {other.name} and other pixels"
            if same:
                said = f"Is a copy of {other.name}: same SOP Instance UID, same pixels"
        return replace(instance, notes=(*instance.notes, said))

    def _walk(self, folder: Path) -> Iterator[Path | Unreadable]:
        """The files in and under a folder, and what is not opened, with the reason."""
        self._token.check()
        try:
            status = folder.stat()
            with os.scandir(folder) as entries:
                found = [(natural_key(e.name), e.name, _is_folder(e)) for e in entries]
        except OSError as error:
            reason = f"the folder cannot be read ({_cause(error)})"
            yield Unreadable(folder, reason, skipped=False)
            return
        # Windows gives 0 for the inode where the file system has none.
        identity = (status.st_dev, status.st_ino)
        if identity in self._folders and status.st_ino:
            yield Unreadable(folder, "is a folder that was already scanned", skipped=True)
            return
        self._folders.add(identity)
        found.sort()
        folders: list[Path] = []
        for _, name, is_folder in found:
            child = folder / name
            if name.startswith("."):
                yield Unreadable(child, "is hidden", skipped=True)
            elif name.upper() == "DICOMDIR":
                reason = "is the index of a disc; its images are scanned"
                yield Unreadable(child, reason, skipped=True)
            elif is_folder:
                folders.append(child)
            else:
                yield child
        for child in folders:
            yield from self._walk(child)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _cause(error: OSError) -> str:
    return "no permission" if isinstance(error, PermissionError) else str(error.strerror or error)
