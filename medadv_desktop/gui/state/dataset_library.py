"""The data sets that were imported: where they lie, how they are read, what is known of them.

The list is one JSON file in the program's data folder. It holds no image and no label, and to take
an entry off it deletes nothing else.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from PySide6.QtCore import QObject, Signal

from medadv_desktop.datasets.options import DatasetOptions
from medadv_desktop.errors import DatasetError, ExportError
from medadv_desktop.files import write_atomically

VERSION = 1
KIND = "medadv-dataset-library"


def now() -> datetime:
    """The time, to the second, in UTC."""
    return datetime.now(UTC).replace(microsecond=0)


class _Stored(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StoredCount(_Stored):
    """Samples of a class: in all, and by split."""

    name: str
    samples: int
    by_split: tuple[tuple[str, int], ...] = ()


class StoredSplit(_Stored):
    """Samples and patients of a split; the name "" stands for samples in none."""

    name: str
    samples: int
    patients: int = 0


class StoredFingerprint(_Stored):
    """The fingerprint of the samples, and when it was computed."""

    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    samples: int
    missing: int
    computed: datetime

    @property
    def short(self) -> str:
        return self.sha256[:12]


class StoredLook(_Stored):
    """What the last look-over found: how many images were opened, problems by kind."""

    when: datetime
    looked_at: int
    compared: bool
    problems: tuple[tuple[str, int], ...] = ()


class DatasetEntry(_Stored):
    """One data set of the library.

    Attributes:
        id: never changes.
        name: as the user calls it.
        path: the folder, table or archive.
        options: how it is read.
        split: values of `SplitSettings` by which splits are assigned anew; None leaves those of
            the files.
        subset: values of `Subset`: which of its samples are used; {} for all. Both are plain here,
            for their classes import the DICOM library, which the first paint does not wait for.
        samples: how many these are.
        matches: by model, (class of the set, class of the model) as the user has matched them
            beyond equal names.
    """

    id: str = Field(default_factory=lambda: uuid.uuid4().hex)
    name: str = Field(min_length=1)
    path: Path
    options: DatasetOptions = DatasetOptions()
    split: dict[str, Any] | None = None
    subset: dict[str, Any] = {}
    layout: str
    task: str
    samples: int
    counts: tuple[StoredCount, ...]
    splits: tuple[StoredSplit, ...] = ()
    patients: int = 0
    added: datetime = Field(default_factory=now)
    fingerprint: StoredFingerprint | None = None
    look: StoredLook | None = None
    matches: dict[str, dict[str, str]] = {}

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(count.name for count in self.counts)


def library_path() -> Path:
    """Where the list is kept."""
    return Path(platformdirs.user_data_dir("MedAdv Desktop", appauthor=False)) / "datasets.json"


def read_library(path: Path) -> tuple[DatasetEntry, ...]:
    """The entries of a list; () where there is no file.

    Raises:
        DatasetError: damaged, of another program, or of a version that this one does not know.
    """
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise DatasetError(
            f"the list of data sets cannot be read ({error.strerror})",
            subject=path,
            remedy="Check its permissions",
        ) from None
    except ValueError:
        raise _damaged(path, "it is no JSON") from None
    if not isinstance(content, dict) or content.get("kind") != KIND:
        raise _damaged(path, "it is no list of data sets")
    version = content.get("version")
    if version != VERSION:
        raise DatasetError(
            f"the list of data sets is of version {version}, and this program knows {VERSION}",
            subject=path,
            remedy="Use the program that wrote it, or start a new list: the old file is kept",
        )
    try:
        return tuple(DatasetEntry.model_validate(e) for e in content["entries"])
    except (ValidationError, KeyError, TypeError) as error:
        raise _damaged(path, str(error).splitlines()[0]) from None


def write_library(path: Path, entries: tuple[DatasetEntry, ...]) -> None:
    """Write a list, whole or not at all.

    Raises:
        ExportError: the file cannot be written.
    """
    content = {
        "kind": KIND,
        "version": VERSION,
        "entries": [entry.model_dump(mode="json") for entry in entries],
    }
    write_atomically(path, json.dumps(content, indent=1, ensure_ascii=False).encode())


def _damaged(path: Path, why: str) -> DatasetError:
    return DatasetError(
        f"the list of data sets is damaged: {why}",
        subject=path,
        remedy="Start a new list: the old file is kept under another name",
    )


class DatasetLibrary(QObject):
    """The list, kept on disk with every change.

    A list that cannot be read is never written over: `refusal` says why, and `start_anew` puts the
    old file aside.

    Signals:
        changed: entries came, went or changed, or what is missing did.
        current_changed: another entry is looked at, or none.
        write_failed: the list could not be written; the error in words.

    Attributes:
        entries: in the order in which they were added.
        refusal: why the list could not be read, "" if it could.
        missing: by id, why the data cannot be reached now.
    """

    changed = Signal()
    current_changed = Signal()
    write_failed = Signal(str)

    def __init__(self, path: Path | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._path = path
        self.entries: tuple[DatasetEntry, ...] = ()
        self.refusal = ""
        self.missing: dict[str, str] = {}
        self._current = ""

    @property
    def path(self) -> Path:
        return self._path or library_path()

    @property
    def current(self) -> DatasetEntry | None:
        """The entry that is looked at."""
        return self.find(self._current)

    def find(self, entry_id: str) -> DatasetEntry | None:
        return next((e for e in self.entries if e.id == entry_id), None)

    def set_current(self, entry_id: str) -> None:
        """Look at an entry, "" for none."""
        if entry_id != self._current:
            self._current = entry_id
            self.current_changed.emit()

    def take(self, entries: tuple[DatasetEntry, ...]) -> None:
        """What was read from disk; what was added meanwhile stays."""
        read = {entry.id for entry in entries}
        self.entries = (*entries, *(e for e in self.entries if e.id not in read))
        self.refusal = ""
        self.changed.emit()
        if self.current is None and self.entries:
            self.set_current(self.entries[0].id)

    def refuse(self, reason: str) -> None:
        """The list on disk cannot be read."""
        self.refusal = reason
        self.changed.emit()

    def start_anew(self) -> Path:
        """Put the file that cannot be read aside, and keep a new list; the name it has now.

        Raises:
            ExportError: it cannot be renamed.
        """
        aside = self.path.with_name(f"{self.path.stem}-{now():%Y%m%d-%H%M%S}.json")
        try:
            self.path.rename(aside)
        except OSError as error:
            raise ExportError(
                f"cannot be renamed ({error.strerror})",
                subject=self.path,
                remedy="Move it away by hand",
            ) from None
        self.refusal = ""
        self._write()
        self.changed.emit()
        return aside

    def add(self, entry: DatasetEntry) -> None:
        """Put an entry at the end, and look at it."""
        self._set((*self.entries, entry))
        self.set_current(entry.id)

    def update(self, entry_id: str, **values: object) -> None:
        """Change fields of an entry; nothing where it was removed meanwhile."""
        if self.find(entry_id) is not None:
            self._set(
                tuple(e.model_copy(update=values) if e.id == entry_id else e for e in self.entries)
            )

    def remove(self, entry_id: str) -> None:
        """Take an entry off the list. Its data stays where it is."""
        at = next((i for i, e in enumerate(self.entries) if e.id == entry_id), None)
        if at is None:
            return
        rest = tuple(e for e in self.entries if e.id != entry_id)
        neighbour = rest[min(at, len(rest) - 1)].id if rest else ""
        self._set(rest)
        if self._current == entry_id:
            self.set_current(neighbour)

    def set_missing(self, missing: Mapping[str, str]) -> None:
        """Which entries cannot be reached, and why."""
        if dict(missing) != self.missing:
            self.missing = dict(missing)
            self.changed.emit()

    def _set(self, entries: tuple[DatasetEntry, ...]) -> None:
        self.entries = entries
        self._write()
        self.changed.emit()

    def _write(self) -> None:
        if self.refusal:
            self.write_failed.emit(self.refusal)
            return
        try:
            write_library(self.path, self.entries)
        except ExportError as error:
            self.write_failed.emit(str(error))
