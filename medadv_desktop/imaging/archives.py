"""ZIP archives, unpacked into a private folder that goes when the program ends.

An archive is as hostile as any file: names that lead out of the folder, links, and a gigabyte
packed into a megabyte are refused, each with its reason, and the rest is taken.
"""

from __future__ import annotations

import atexit
import re
import shutil
import stat
import tempfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from medadv_desktop.imaging.frame import Unreadable
from medadv_desktop.jobs import CancelToken

MAX_ENTRIES = 200_000
MAX_DEPTH = 3
"""Archives within archives."""

FREE_SHARE = 0.5
"""Of the free room on the disk, how much an archive may fill."""

ALWAYS_ALLOWED_BYTES = 2 * 2**30
MAX_RATIO = 100
"""Unpacked over packed size, above `ALWAYS_ALLOWED_BYTES`. Scans reach 2 to 10."""

_CHUNK = 2**20
_ZIP = b"PK\x03\x04"
_UNSAFE = re.compile(r'[<>:"|?*\\\x00-\x1f]')
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?$")

_lock = threading.Lock()
_root: Path | None = None


class Budget:
    """How many bytes an archive, with all those within it, may still unpack to."""

    def __init__(self, archive: Path) -> None:
        size = archive.stat().st_size
        room = int(shutil.disk_usage(_private_root()).free * FREE_SHARE)
        self.left = min(max(ALWAYS_ALLOWED_BYTES, MAX_RATIO * size), room)


def is_archive(path: Path) -> bool:
    """Whether a file is a ZIP archive by its content, and called one (a .docx is a ZIP as well)."""
    if path.suffix.lower() not in (".zip", ""):
        return False
    try:
        with path.open("rb") as file:
            return file.read(4) == _ZIP
    except OSError:
        return False


def unpack(
    archive: Path, token: CancelToken, budget: Budget | None = None
) -> Iterator[Path | Unreadable]:
    """Unpack an archive file by file; each is yielded as soon as it lies on the disk.

    Args:
        archive: a ZIP file.
        token: checked before each entry and each megabyte.
        budget: of the archive that this one was found in.

    Yields:
        the path of each unpacked file, or an entry that was not unpacked, with the reason.

    Raises:
        JobCancelled: the token was cancelled.
    """
    try:
        budget = budget or Budget(archive)
        target = Path(tempfile.mkdtemp(dir=_private_root())) / (archive.stem or "archive")
        with zipfile.ZipFile(archive) as opened:
            entries = [e for e in opened.infolist() if not e.is_dir()]
            if len(entries) > MAX_ENTRIES:
                yield Unreadable(archive, f"holds more than {MAX_ENTRIES:,} files", skipped=False)
                return
            for entry in entries:
                token.check()
                yield _unpacked(archive, opened, entry, target, budget, token)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        reason = f"is a ZIP archive that cannot be read ({' '.join(str(error).split())[:200]})"
        yield Unreadable(archive, reason, skipped=False)


def remove_unpacked() -> None:
    """Delete everything that was unpacked. Also done when the program ends."""
    global _root
    with _lock:
        root, _root = _root, None
    if root is not None:
        shutil.rmtree(root, ignore_errors=True)


atexit.register(remove_unpacked)


def _private_root() -> Path:
    global _root  # noqa: PLW0603
    with _lock:
        if _root is None:
            _root = Path(tempfile.mkdtemp(prefix="medadv-unpacked-"))
        return _root


def _unpacked(
    archive: Path,
    opened: zipfile.ZipFile,
    entry: zipfile.ZipInfo,
    target: Path,
    budget: Budget,
    token: CancelToken,
) -> Path | Unreadable:
    shown = archive / _UNSAFE.sub("_", entry.filename.lstrip("/"))
    place = _place(entry.filename, target)
    if place is None:
        return Unreadable(shown, "would be written outside of its folder", skipped=False)
    if stat.S_ISLNK(entry.external_attr >> 16):
        return Unreadable(shown, "is a link inside an archive", skipped=True)
    if entry.flag_bits & 1:
        return Unreadable(shown, "is encrypted", skipped=False)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        number = 1
        while place.exists():
            number += 1
            place = place.with_name(f"{place.stem} ({number}){place.suffix}")
        whole = _copy(opened, entry, place, budget, token)
    except Exception as error:  # zlib, lzma, bz2 and zipfile each have their own for broken data
        place.unlink(missing_ok=True)
        reason = f"cannot be unpacked ({' '.join(str(error).split())[:200]})"
        return Unreadable(shown, reason, skipped=False)
    if not whole:
        place.unlink(missing_ok=True)
        return Unreadable(
            shown, "is not unpacked: the archive grows beyond what it may", skipped=False
        )
    return place


def _copy(
    opened: zipfile.ZipFile,
    entry: zipfile.ZipInfo,
    place: Path,
    budget: Budget,
    token: CancelToken,
) -> bool:
    """Whether the entry fitted into the budget. Counted as it comes: a declared size may lie."""
    if entry.file_size > budget.left:
        return False
    with opened.open(entry) as source, place.open("xb") as file:
        while data := source.read(_CHUNK):
            token.check()
            budget.left -= len(data)
            if budget.left < 0:
                return False
            file.write(data)
    return True


def _place(name: str, target: Path) -> Path | None:
    """Where an entry is unpacked to; None where its name leads out of the folder."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or parts[0] == "/" or ".." in parts or re.match(r"[A-Za-z]:", name):
        return None
    safe = [_UNSAFE.sub("_", part).rstrip(". ") or "_" for part in parts]
    return target.joinpath(*(f"_{p}" if _RESERVED.match(p) else p for p in safe))
