"""The files that a DICOMDIR, the index of a disc, names (PS3.3 Annex F, PS3.10 8.6)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from medadv_desktop.imaging.dicom_header import items_of, read_everything, text_of
from medadv_desktop.imaging.frame import Unreadable
from medadv_desktop.imaging.noting import noting

MEDIA_STORAGE_DIRECTORY = "1.2.840.10008.1.3.10"


def files_of(path: Path) -> Iterator[Path | Unreadable]:
    """The files that a DICOMDIR refers to, in its order, each once.

    Discs are written in capitals and mounted in small letters: case, a trailing point and a version
    number (";1") do not count.

    Yields:
        their paths, or what is named and is not there, or lies outside of the disc.

    Raises:
        ImageError, OSError: the DICOMDIR cannot be read.
        Exception: whatever pydicom raises for one that is broken.
    """
    with noting():
        records = items_of(read_everything(path)[1], "DirectoryRecordSequence")
        names = [text_of(record, "ReferencedFileID") for record in records]
    listings: dict[Path, dict[str, Path]] = {}
    for name in dict.fromkeys(filter(None, names)):
        parts = [part for part in name.split("\\") if part]
        if ".." in parts or any("/" in part or ":" in part for part in parts):
            reason = "is named in the DICOMDIR and lies outside of the disc"
            yield Unreadable(path.parent / "_".join(parts).replace("/", "_"), reason, skipped=False)
            continue
        place: Path | None = path.parent
        for part in parts:
            if place is not None:
                place = _listing(place, listings).get(_plain(part))
        if place is None:
            missing = path.parent.joinpath(*parts)
            yield Unreadable(missing, "is named in the DICOMDIR and missing", skipped=False)
        else:
            yield place


def _plain(name: str) -> str:
    return name.partition(";")[0].rstrip(".").casefold()


def _listing(folder: Path, listings: dict[Path, dict[str, Path]]) -> dict[str, Path]:
    if folder not in listings:
        try:
            listings[folder] = {_plain(child.name): child for child in folder.iterdir()}
        except OSError:  # no folder, or one that may not be read: nothing is in it
            listings[folder] = {}
    return listings[folder]
