"""Between pixels of a plane and points in the patient (DICOM PS3.3 C.7.6.2.1.1). No Qt."""

from __future__ import annotations

from collections.abc import Sequence

from medadv_desktop.imaging.frame import Frame

PointMm = tuple[float, float, float]


def point_at(frame: Frame, place: tuple[float, float]) -> PointMm | None:
    """The point in LPS millimetres at a place of a frame; None where the file does not tell.

    Args:
        place: row and column; (0, 0) is the outer corner of the first pixel, (0.5, 0.5) its centre,
            where the position of the plane lies.
    """
    pose, spacing = frame.pose, frame.spacing
    if pose is None or spacing is None or not spacing.calibrated:
        return None
    down, across = (place[0] - 0.5) * spacing.row_mm, (place[1] - 0.5) * spacing.column_mm
    row, column = pose.orientation[:3], pose.orientation[3:]
    x, y, z = (
        p + across * r + down * c for p, r, c in zip(pose.position, row, column, strict=True)
    )
    return x, y, z


def place_at(frame: Frame, point: PointMm) -> tuple[float, float] | None:
    """Row and column where a point stands, projected onto the plane of a frame.

    The inverse of `point_at`; None where the file does not tell.
    """
    pose, spacing = frame.pose, frame.spacing
    if pose is None or spacing is None or not spacing.calibrated:
        return None
    way = [a - b for a, b in zip(point, pose.position, strict=True)]
    across, down = _along(way, pose.orientation[:3]), _along(way, pose.orientation[3:])
    return down / spacing.row_mm + 0.5, across / spacing.column_mm + 0.5


def _along(way: Sequence[float], direction: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(way, direction, strict=True))
