"""What is open: studies, what could not be opened, and which frame is looked at."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from medadv_desktop.imaging.frame import Instance, NonImage, Unreadable

if TYPE_CHECKING:  # scanning imports the DICOM library, which the first paint does not wait for
    from medadv_desktop.imaging.series import Series, Study


@dataclass(frozen=True)
class Position:
    """One frame of one instance."""

    instance: Instance
    frame: int = 0


@dataclass(frozen=True)
class Place:
    """Where an instance stands: index of its study, of its series in it, and its own in that."""

    study: int
    series: int
    instance: int


class StudyList(QObject):
    """Everything that was opened.

    Signals:
        changed: studies or unreadable files came or went.
        current_changed: another frame is looked at, or none.
        marked_changed: another file without an image is marked, or none.

    Attributes:
        labels: true labels of files, where they are known.
        marked: the object without pixels, or the file not opened, that is marked in the list.
    """

    changed = Signal()
    current_changed = Signal()
    marked_changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._studies: tuple[Study, ...] = ()
        self._unreadable: tuple[Unreadable, ...] = ()
        self._current: Position | None = None
        self._orders: dict[int, _Order] = {}
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
        self._orders.clear()
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

    def find(self, path: Path) -> Instance | NonImage | None:
        """What was opened from a file, None where nothing was, or it was closed."""
        for study in self._studies:
            for series in study.series:
                row = self._order(series).rows.get(path)
                if row is not None:
                    return series.instances[row]
            for item in study.non_images:
                if item.path == path:
                    return item
        return None

    def place_of(self, instance: Instance) -> Place | None:
        """Where an instance stands, None once it was closed."""
        uid, path = instance.provenance.series_instance_uid, instance.path
        for at, study in enumerate(self._studies):
            for number, series in enumerate(study.series):
                if series.instances[0].provenance.series_instance_uid != uid:
                    continue
                row = self._order(series).rows.get(path)
                if row is not None:
                    return Place(at, number, row)
        return None

    def series_of(self, instance: Instance) -> Series | None:
        """The series that holds an instance, and None once it was closed."""
        place = self.place_of(instance)
        return self._studies[place.study].series[place.series] if place else None

    def study_of(self, instance: Instance) -> Study | None:
        place = self.place_of(instance)
        return self._studies[place.study] if place else None

    def neighbour(self, step: int) -> Position | None:
        """The frame `step` frames on in the series, the first or last where it ends; None if it is
        the current one or nothing is open.
        """
        found = self.slice_place()
        if found is None or not step:
            return None
        index, count = found
        target = min(max(index + step, 0), count - 1)
        return None if target == index else self.slice_at(target)

    def slice_place(self) -> tuple[int, int] | None:
        """Index of the current frame among all those of its series, and how many these are."""
        if self._current is None:
            return None
        instance = self._current.instance
        series = self.series_of(instance)
        if series is None:
            return None
        order = self._order(series)
        return order.starts[order.rows[instance.path]] + self._current.frame, order.total

    def slice_at(self, index: int) -> Position | None:
        """A frame of the current series by its index among all of them; None if there is none."""
        series = self.series_of(self._current.instance) if self._current is not None else None
        if series is None:
            return None
        order = self._order(series)
        if not 0 <= index < order.total:
            return None
        row = bisect_right(order.starts, index) - 1
        return Position(series.instances[row], index - order.starts[row])

    def close(self, study: Study) -> None:
        """Forget a study, and what is looked at or marked if it is in there."""
        if self._current is not None and self.study_of(self._current.instance) is study:
            self.set_current(None)
        if any(item is self.marked for item in study.non_images):
            self.mark(None)
        self._studies = tuple(s for s in self._studies if s.uid != study.uid)
        self._orders.clear()
        self.changed.emit()

    def clear_unreadable(self) -> None:
        self._unreadable = ()
        self.mark(None)
        self.changed.emit()

    def clear(self) -> None:
        self.set_current(None)
        self._studies, self._unreadable = (), ()
        self._orders.clear()
        self.mark(None)
        self.changed.emit()

    def _order(self, series: Series) -> _Order:
        order = self._orders.get(id(series))
        if order is None:
            order = self._orders[id(series)] = _Order(series)
        return order


class _Order:
    """The instances of a series for looking up.

    Attributes:
        rows: index of each file.
        starts: how many frames stand before each instance.
        total: how many frames there are.
    """

    def __init__(self, series: Series) -> None:
        self.rows = {member.path: row for row, member in enumerate(series.instances)}
        ends = list(accumulate(member.frames for member in series.instances))
        self.starts = [0, *ends[:-1]]
        self.total = ends[-1]
