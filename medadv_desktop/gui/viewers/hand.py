"""The hand that draws, takes hold of and moves measurements on a canvas."""

from __future__ import annotations

from PySide6.QtCore import QPointF

from medadv_desktop.gui.state.case import Case
from medadv_desktop.gui.state.measurements import POINTS, Measurement, new_measurement
from medadv_desktop.gui.state.view import ViewState
from medadv_desktop.gui.viewers import marks
from medadv_desktop.gui.viewers.camera import Projection
from medadv_desktop.gui.viewers.showing import frame_key
from medadv_desktop.imaging.measuring import Point

_STEADY = 3.0
"""Pixels of the screen within which a press and its release are one click."""


class Hand:
    """Points are set by dragging from one to the next or by clicking each; a third by a click.

    Attributes:
        draft: what is being drawn, not measured yet for anybody else.
    """

    def __init__(self, case: Case, view: ViewState) -> None:
        self._case, self._view = case, view
        self.draft: Measurement | None = None
        self._set: list[Point] = []
        self._pressed: QPointF | None = None
        self._clicking = False
        self._held: Measurement | None = None
        self._handle: int | None = None
        self._from: Point = (0.0, 0.0)

    @property
    def holds(self) -> bool:
        """Something is drawn or moved."""
        return self.draft is not None or self._held is not None

    def press(self, at: QPointF, projection: Projection) -> bool:
        """The left button goes down; False where it is none of the hand's business."""
        if self.draft is not None:
            self._pressed, self._clicking = at, True
            return True
        if self._take(at, projection):
            return True
        if self._view.tool == "window":
            self._view.measurements.select(None)
            return False
        self._begin(self._point(at, projection))
        self._pressed, self._clicking = at, False
        return True

    def move(self, at: QPointF, projection: Projection) -> None:
        """The cursor moves, with the button down or not."""
        point = self._point(at, projection)
        if self.draft is not None:
            self.follow(point)
        elif self._held is not None:
            self._view.measurements.preview(self._dragged(point))

    def release(self, at: QPointF, projection: Projection) -> None:
        """The left button comes up."""
        point = self._point(at, projection)
        if self._held is not None:
            before, after = self._held, self._dragged(point)
            self._held = None
            self._view.measurements.move(before, after)
        elif self.draft is not None and self._pressed is not None:
            way = at - self._pressed
            self._pressed = None
            if self._clicking or abs(way.x()) + abs(way.y()) > _STEADY:
                self.place(point)

    def place(self, point: Point) -> None:
        """Set the next point of what is drawn, or begin with it (keyboard)."""
        if self.draft is None:
            if self._view.tool != "window":
                self._begin(point)
            return
        self._set.append(point)
        self.follow(point)
        if len(self._set) < POINTS[self.draft.kind]:
            return
        drawn, self.draft = self.draft, None
        self._set.clear()
        if _has_size(drawn):
            self._view.measurements.add(drawn)
        else:
            self._view.measurements.changed.emit()

    def cancel(self) -> None:
        """Forget what is drawn, or put back what is moved."""
        self._set.clear()
        self._pressed = None
        if self._held is not None:
            held, self._held = self._held, None
            self._view.measurements.preview(held)
        if self.draft is not None:
            self.draft = None
            self._view.measurements.changed.emit()

    def reaches(self, at: QPointF, projection: Projection) -> bool:
        """Whether a press here would take hold of something."""
        return self._found(at, projection) is not None

    def _take(self, at: QPointF, projection: Projection) -> bool:
        found = self._found(at, projection)
        if found is None:
            return False
        self._held, self._handle = found
        self._from = self._point(at, projection)
        self._view.measurements.select(self._held.id)
        return True

    def _found(self, at: QPointF, projection: Projection) -> tuple[Measurement, int | None] | None:
        if "measurements" not in self._view.overlays:
            return None
        drawn = self._view.measurements.on(frame_key(self._case.frame))
        for measurement in reversed(drawn):
            handle = marks.handle_at(measurement, projection, at)
            if handle is not None or marks.touches(measurement, projection, at):
                return measurement, handle
        return None

    def _begin(self, point: Point) -> None:
        kind, key = self._view.tool, frame_key(self._case.frame)
        if key is None:
            return
        self._set = [point]
        # What is drawn has to be seen.
        self._view.set_overlay("measurements", True)
        self._view.measurements.select(None)
        self.draft = new_measurement(kind, key, (point,) * POINTS[kind])
        self._view.measurements.changed.emit()

    def follow(self, point: Point) -> None:
        """What is drawn ends here, for now."""
        draft = self.draft
        rest = POINTS[draft.kind] - len(self._set)
        points = (*self._set, *((point,) * rest))
        self.draft = Measurement(draft.id, draft.kind, draft.frame, points)
        self._view.measurements.changed.emit()

    def _dragged(self, point: Point) -> Measurement:
        held = self._held
        if self._handle is not None:
            return held.with_handle(self._handle, point)
        return held.moved(point[0] - self._from[0], point[1] - self._from[1])

    def _point(self, at: QPointF, projection: Projection) -> Point:
        rows, columns = self._case.frame.shape
        row, column = projection.row(at.y()), projection.column(at.x())
        return min(max(row, 0.0), float(rows)), min(max(column, 0.0), float(columns))


def _has_size(measurement: Measurement) -> bool:
    """Whether it is more than a point, a region more than a line."""
    if measurement.region is not None:
        return measurement.region.height > 0 and measurement.region.width > 0
    first, second, *_ = measurement.points
    return first != second and measurement.points[-1] != measurement.points[-2]
