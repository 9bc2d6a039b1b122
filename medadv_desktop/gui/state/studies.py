"""What is open: studies, what could not be opened, and which frame is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from medadv_desktop.imaging.frame import Instance, Unreadable

if TYPE_CHECKING:  # scanning imports the DICOM library, which the first paint does not wait for
    from medadv_desktop.imaging.scanning import Series, Study


@dataclass(frozen=True)
class Position:
    """One frame of one instance."""

    instance: Instance
    frame: int = 0


class StudyList(QObject):
    """Everything that was opened.

    Signals:
        changed: studies or unreadable files came or went.
        current_changed: another frame is looked at, or none.
        marked_changed: another file of those not opened is marked, or none.

    Attributes:
        labels: true labels of files, where they are known.
        marked: the unreadable file that is marked in the list, if one is.
    """

    changed = Signal()
    current_changed = Signal()
    marked_changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._studies: tuple[Study, ...] = ()
        self._unreadable: tuple[Unreadable, ...] = ()
        self._current: Position | None = None
        self.labels: dict[Path, tuple[int, ...]] = {}
        self.marked: Unreadable | None = None

    @property
    def studies(self) -> tuple[Study, ...]:
        return self._studies

    @property
    def unreadable(self) -> tuple[Unreadable, ...]:
        """Files that were looked at and not taken, broken ones and others."""
        return self._unreadable

    @property
    def current(self) -> Position | None:
        return self._current

    @property
    def empty(self) -> bool:
        return not self._studies and not self._unreadable

    def instances(self) -> tuple[Instance, ...]:
        return tuple(i for study in self._studies for s in study.series for i in s.instances)

    def set(self, studies: tuple[Study, ...], unreadable: tuple[Unreadable, ...]) -> None:
        """Take over the state of a scan."""
        self._studies, self._unreadable = studies, unreadable
        self.changed.emit()

    def add_labels(self, labels: Mapping[Path, tuple[int, ...]]) -> None:
        self.labels.update(labels)

    def mark(self, file: Unreadable | None) -> None:
        if file is not self.marked:
            self.marked = file
            self.marked_changed.emit()

    def set_current(self, position: Position | None) -> None:
        if position != self._current:
            self._current = position
            self.current_changed.emit()

    def series_of(self, instance: Instance) -> Series | None:
        """The series that holds an instance, and None once it was closed."""
        path = instance.path
        for study in self._studies:
            for series in study.series:
                if any(member.path == path for member in series.instances):
                    return series
        return None

    def study_of(self, instance: Instance) -> Study | None:
        for study in self._studies:
            if any(m.path == instance.path for s in study.series for m in s.instances):
                return study
        return None

    def neighbour(self, step: int) -> Position | None:
        """The frame `step` frames on in the series, the first or last where it ends; None if it is
        the current one or nothing is open.
        """
        if self._current is None or not step:
            return None
        series = self.series_of(self._current.instance)
        if series is None:
            return None
        members = series.instances
        paths = [m.path for m in members]
        place = paths.index(self._current.instance.path)
        before = sum(m.frames for m in members[:place])
        total = sum(m.frames for m in members)
        target = min(max(before + self._current.frame + step, 0), total - 1)
        for member in members:
            if target < member.frames:
                found = Position(member, target)
                return None if found == self._current else found
            target -= member.frames
        return None

    def close(self, study: Study) -> None:
        """Forget a study, and what is looked at if it is in there."""
        gone = {i.path for s in study.series for i in s.instances}
        if self._current is not None and self._current.instance.path in gone:
            self.set_current(None)
        self._studies = tuple(s for s in self._studies if s.uid != study.uid)
        self.changed.emit()

    def clear_unreadable(self) -> None:
        self._unreadable, self.marked = (), None
        self.changed.emit()

    def clear(self) -> None:
        self.set_current(None)
        self._studies, self._unreadable, self.marked = (), (), None
        self.changed.emit()
