"""What was measured: lines, angles and regions drawn on frames, with undo."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QCoreApplication, QObject, Signal
from PySide6.QtGui import QUndoCommand, QUndoStack

from medadv_desktop.imaging.measuring import Ellipse, Point, Rectangle, Region

Kind = Literal["distance", "angle", "rectangle", "ellipse"]

FrameKey = tuple[Path, int]
"""The frame that a measurement lies on: file, and index in it."""

POINTS = {"distance": 2, "angle": 3, "rectangle": 2, "ellipse": 2}
"""How many points each kind is drawn by."""

_ids = itertools.count(1)


@dataclass(frozen=True)
class Measurement:
    """One line, angle or region.

    Attributes:
        id: unique in the program; also its number in lists.
        kind: what is drawn.
        frame: where it lies.
        points: in frame pixels (as in `Camera`): the two ends of a line; an end, the vertex and the
            other end of an angle; two opposite corners of a region.
    """

    id: int
    kind: Kind
    frame: FrameKey
    points: tuple[Point, ...]

    @property
    def region(self) -> Region | None:
        """The region, None for lines and angles."""
        if self.kind not in ("rectangle", "ellipse"):
            return None
        (top, left), (bottom, right) = self.points
        shape = Rectangle if self.kind == "rectangle" else Ellipse
        return shape(min(top, bottom), min(left, right), abs(bottom - top), abs(right - left))

    @property
    def handles(self) -> tuple[Point, ...]:
        """Where it can be taken hold of: the points; of a region all four corners."""
        if self.region is None:
            return self.points
        (a, b), (c, d) = self.points
        return (a, b), (c, d), (a, d), (c, b)

    def with_handle(self, index: int, to: Point) -> Measurement:
        """The same with one of `handles` moved; of a region the opposite corner stays."""
        points = list(self.points)
        if self.region is not None and index >= 2:
            rows = (to[0], points[1][0]) if index == 2 else (points[0][0], to[0])
            columns = (points[0][1], to[1]) if index == 2 else (to[1], points[1][1])
            points = list(zip(rows, columns, strict=True))
        else:
            points[index] = to
        return replace(self, points=tuple(points))

    def moved(self, down: float, across: float) -> Measurement:
        """The same, so many pixels further."""
        return replace(self, points=tuple((r + down, c + across) for r, c in self.points))


def new_measurement(kind: Kind, frame: FrameKey, points: tuple[Point, ...]) -> Measurement:
    """A measurement with a number that no other has."""
    return Measurement(next(_ids), kind, frame, points)


class Measurements(QObject):
    """Everything measured, on all frames. Adding, moving and deleting can be undone.

    Signals:
        changed: one came, went or moved.
        selected_changed: another is selected.

    Attributes:
        undo: what was done.
        selected: the id of the one selected, None without.
    """

    changed = Signal()
    selected_changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._items: dict[int, Measurement] = {}
        self.undo = QUndoStack(self)
        self.selected: int | None = None

    def on(self, frame: FrameKey | None) -> tuple[Measurement, ...]:
        """Those of a frame, oldest first."""
        return tuple(m for m in self._items.values() if m.frame == frame)

    def get(self, number: int | None) -> Measurement | None:
        return self._items.get(number) if number is not None else None

    def select(self, number: int | None) -> None:
        if number != self.selected:
            self.selected = number
            self.selected_changed.emit()

    def add(self, measurement: Measurement) -> None:
        """Take in a new one and select it."""
        self.undo.push(_Change(self, _text("Measure"), None, measurement))

    def delete(self, number: int) -> None:
        if (measurement := self.get(number)) is not None:
            self.undo.push(_Change(self, _text("Delete measurement"), measurement, None))

    def delete_all(self, frame: FrameKey) -> None:
        """Delete those of a frame, as one step of undo."""
        found = self.on(frame)
        if found:
            self.undo.beginMacro(_text("Delete measurements"))
            for measurement in found:
                self.delete(measurement.id)
            self.undo.endMacro()

    def preview(self, measurement: Measurement) -> None:
        """Show one where it is dragged to, which is no step of undo yet."""
        self.put(measurement.id, measurement)

    def move(self, before: Measurement, after: Measurement) -> None:
        """Put one elsewhere, or where its preview already is."""
        if before != after:
            self.undo.push(_Change(self, _text("Move measurement"), before, after))

    def put(self, number: int, measurement: Measurement | None) -> None:
        """Set or remove one without undo: what the steps of undo are made of."""
        if measurement is None:
            self._items.pop(number, None)
            if self.selected == number:
                self.select(None)
        else:
            self._items[number] = measurement
            self._items = dict(sorted(self._items.items()))
        self.changed.emit()


class _Change(QUndoCommand):
    """One measurement from a state to another; None where it is not there."""

    def __init__(
        self,
        owner: Measurements,
        text: str,
        before: Measurement | None,
        after: Measurement | None,
    ) -> None:
        super().__init__(text)
        self._owner, self._before, self._after = owner, before, after
        known = after or before
        assert known is not None
        self._id = known.id

    def redo(self) -> None:
        self._owner.put(self._id, self._after)
        if self._after is not None:
            self._owner.select(self._id)

    def undo(self) -> None:
        self._owner.put(self._id, self._before)
        if self._before is not None:
            self._owner.select(self._id)


def _text(text: str) -> str:
    return QCoreApplication.translate("Measurements", text)
