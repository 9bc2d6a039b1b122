"""Where a frame of a DICOM file lies in the patient."""

from __future__ import annotations

import math

from pydicom import Dataset

from medadv_desktop.imaging.dicom_header import in_words, items_of, numbers_of, text_of
from medadv_desktop.imaging.dicom_meaning import Places
from medadv_desktop.imaging.frame import Pose

GEOMETRY_KEYWORDS = ("ImagePositionPatient", "ImageOrientationPatient", "FrameOfReferenceUID")

_UNIT_TOLERANCE = 0.01
"""Writers round direction cosines to as few as three digits."""


def pose_of(places: Places, notes: list[str]) -> Pose | None:
    """Image Position and Orientation (Patient) of one frame (PS3.3 C.7.6.2.1.1, C.7.6.16.2.3-4).

    Returns:
        None where the file is silent, or says what is no place: not three finite numbers, or
        directions that are no pair of perpendicular unit vectors. The latter is noted.
    """
    positions = places.first_with("PlanePositionSequence", "ImagePositionPatient")
    directions = places.first_with("PlaneOrientationSequence", "ImageOrientationPatient")
    return _pose(positions, directions, places.dataset, notes)


def poses_per_frame(dataset: Dataset) -> tuple[Pose | None, ...]:
    """The poses of all frames that have a functional group of their own; () where none has.

    The same as `pose_of` for each of them, without going through all groups for every frame.
    """
    shared = items_of(dataset, "SharedFunctionalGroupsSequence")[:1]

    def nearest(group: Dataset, macro: str, keyword: str) -> Dataset:
        inner = (item for place in (group, *shared) for item in items_of(place, macro)[:1])
        return next((item for item in inner if keyword in item), dataset)

    return tuple(
        _pose(
            nearest(group, "PlanePositionSequence", "ImagePositionPatient"),
            nearest(group, "PlaneOrientationSequence", "ImageOrientationPatient"),
            dataset,
            [],
        )
        for group in items_of(dataset, "PerFrameFunctionalGroupsSequence")
    )


def _pose(
    positions: Dataset, directions: Dataset, dataset: Dataset, notes: list[str]
) -> Pose | None:
    position = numbers_of(positions, "ImagePositionPatient", notes)
    orientation = numbers_of(directions, "ImageOrientationPatient", notes)
    if not position or not orientation:
        return None
    if len(position) != 3 or not all(map(math.isfinite, position)):
        notes.append(f"{in_words('ImagePositionPatient')} is no position and is ignored")
        return None
    if not _are_axes(orientation):
        notes.append(f"{in_words('ImageOrientationPatient')} is no orientation and is ignored")
        return None
    a, b, c, d, e, f = orientation
    x, y, z = position
    return Pose((x, y, z), (a, b, c, d, e, f), text_of(dataset, "FrameOfReferenceUID"))


def _are_axes(values: tuple[float, ...]) -> bool:
    if len(values) != 6 or not all(map(math.isfinite, values)):
        return False
    row, column = values[:3], values[3:]
    lengths = math.hypot(*row), math.hypot(*column)
    dot = sum(r * c for r, c in zip(row, column, strict=True))
    return all(abs(n - 1) < _UNIT_TOLERANCE for n in lengths) and abs(dot) < _UNIT_TOLERANCE
