"""Measurements on the screen: how they are painted, and what of them lies under the cursor."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSizeF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

from medadv_desktop.gui.state.measurements import Measurement
from medadv_desktop.gui.theme import Theme, font
from medadv_desktop.gui.viewers.camera import Projection

_HANDLE = 3.5
_REACH_HANDLE, _REACH_LINE = 8.0, 5.0
_ELLIPSE_STEPS = 60
_SHADOW = QColor(0, 0, 0, 170)
PLATE = QColor(8, 10, 13, 165)
"""Behind texts: they are readable over white bone too."""


def outline(measurement: Measurement, projection: Projection) -> QPolygonF:
    """What is drawn, in pixels of the screen; closed for regions."""
    region = measurement.region
    if region is None:
        return QPolygonF([_at(projection, *p) for p in measurement.points])
    top, left = region.top, region.left
    bottom, right = top + region.height, left + region.width
    if measurement.kind == "rectangle":
        corners = ((top, left), (top, right), (bottom, right), (bottom, left), (top, left))
        return QPolygonF([_at(projection, *p) for p in corners])
    row, column = (top + bottom) / 2, (left + right) / 2
    turns = (2 * math.pi * i / _ELLIPSE_STEPS for i in range(_ELLIPSE_STEPS + 1))
    down, across = region.height / 2, region.width / 2
    return QPolygonF(
        [_at(projection, row + down * math.sin(t), column + across * math.cos(t)) for t in turns]
    )


def handle_at(measurement: Measurement, projection: Projection, at: QPointF) -> int | None:
    """The nearest handle within reach of a point of the screen."""
    near = [
        (_length(_at(projection, *handle) - at), index)
        for index, handle in enumerate(measurement.handles)
    ]
    distance, index = min(near)
    return index if distance <= _REACH_HANDLE else None


def touches(measurement: Measurement, projection: Projection, at: QPointF) -> bool:
    """Whether a point of the screen lies on the line. The inside of a region is left to others."""
    line = outline(measurement, projection)
    pairs = ((line[i], line[i + 1]) for i in range(len(line) - 1))
    return any(_from_segment(at, a, b) <= _REACH_LINE for a, b in pairs)


def paint(
    painter: QPainter,
    projection: Projection,
    measurement: Measurement,
    lines: tuple[str, ...],
    theme: Theme,
    selected: bool,
    taken: list[QRectF],
) -> None:
    """The line, handles where it is selected, and its figures beside it.

    `taken` are the places of figures that are painted already; these join them.
    """
    shape = outline(measurement, projection)
    color = theme.color("measure")
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for ink, width in ((_SHADOW, 3.4), (color, 1.8 if selected else 1.3)):
        painter.setPen(QPen(ink, width))
        painter.drawPolyline(shape)
    if selected:
        painter.setPen(QPen(_SHADOW, 1))
        painter.setBrush(color)
        for handle in measurement.handles:
            painter.drawEllipse(_at(projection, *handle), _HANDLE, _HANDLE)
    elif measurement.region is None:
        for point in measurement.points:
            end = _at(projection, *point)
            painter.setPen(QPen(color, 1.3))
            painter.drawLine(end - QPointF(3, 3), end + QPointF(3, 3))
            painter.drawLine(end - QPointF(3, -3), end + QPointF(3, -3))
    if lines:
        _paint_lines(painter, projection, shape.boundingRect(), lines, color, taken)


def _paint_lines(
    painter: QPainter,
    projection: Projection,
    beside: QRectF,
    lines: tuple[str, ...],
    color: QColor,
    taken: list[QRectF],
) -> None:
    painter.setFont(font("small"))
    text = "\n".join(lines)
    everywhere = QRectF(0, 0, 4000, 4000)
    flags = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop
    box = painter.boundingRect(everywhere, flags, text).adjusted(-4, -1, 4, 1)
    box = placed(box.size(), beside, QSizeF(projection.width, projection.height), taken)
    taken.append(box)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(PLATE)
    painter.drawRoundedRect(box, 3, 3)
    painter.setPen(color)
    painter.drawText(box.adjusted(4, 1, 0, 0), flags, text)


def placed(size: QSizeF, beside: QRectF, within: QSizeF, taken: Sequence[QRectF] = ()) -> QRectF:
    """A box beside a shape: right, below, above or left of it.

    The first of these that covers the least of the shape and of what is taken, once it is moved to
    where all of it is in sight.
    """
    places = (
        QPointF(beside.right() + 8, beside.top()),
        QPointF(beside.left(), beside.bottom() + 6),
        QPointF(beside.left(), beside.top() - 6 - size.height()),
        QPointF(beside.left() - 8 - size.width(), beside.top()),
    )
    boxes = []
    for place in places:
        x = max(min(place.x(), within.width() - size.width() - 2), 2.0)
        y = max(min(place.y(), within.height() - size.height() - 2), 2.0)
        boxes.append(QRectF(QPointF(x, y), size))

    def covered(box: QRectF) -> float:
        shape = beside.adjusted(-4, -4, 4, 4)  # a line is covered as well
        common = (box.intersected(other) for other in (shape, *taken))
        return sum(part.width() * part.height() for part in common)

    return min(boxes, key=covered)


def _at(projection: Projection, row: float, column: float) -> QPointF:
    return QPointF(projection.x(column), projection.y(row))


def _length(way: QPointF) -> float:
    return math.hypot(way.x(), way.y())


def _from_segment(at: QPointF, start: QPointF, end: QPointF) -> float:
    way, to = end - start, at - start
    square = way.x() ** 2 + way.y() ** 2
    share = (to.x() * way.x() + to.y() * way.y()) / square if square else 0.0
    share = min(max(share, 0.0), 1.0)
    return _length(to - way * share)
