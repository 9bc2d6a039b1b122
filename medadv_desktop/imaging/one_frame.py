"""The header of a multi-frame object, cut down to one of its frames."""

from __future__ import annotations

from collections.abc import Sequence

from pydicom import Dataset

from medadv_desktop.imaging.dicom_geometry import pose_of
from medadv_desktop.imaging.dicom_header import numbers_of
from medadv_desktop.imaging.dicom_meaning import Places

_OF_FRAMES = (
    "EnergyWindowVector", "DetectorVector", "PhaseVector", "RotationVector", "RRIntervalVector",
    "TimeSlotVector", "SliceVector", "AngularViewVector", "TimeSliceVector", "FrameLabelVector",
)  # fmt: skip
"""Elements of one value for each frame (PS3.3 C.8.4.8)."""


def keep_one_frame(dataset: Dataset, index: int) -> None:
    """Leave of everything that a header says of each frame what it says of frame `index`, in place.

    Image Position (Patient) of an RT dose, whose frames lie at the offsets of a vector (PS3.3
    C.8.8.3.2), is moved to the frame.
    """
    if "NumberOfFrames" in dataset:
        dataset.NumberOfFrames = 1
    groups = dataset.get("PerFrameFunctionalGroupsSequence")
    if groups:
        dataset.PerFrameFunctionalGroupsSequence = [groups[min(index, len(groups) - 1)]]
    if "FrameTimeVector" in dataset:
        dataset.FrameTimeVector = [0]
    for keyword in _OF_FRAMES:
        value = dataset.get(keyword)
        if isinstance(value, Sequence) and not isinstance(value, str) and index < len(value):
            setattr(dataset, keyword, [value[index]])
    _move_to_dose_plane(dataset, index)


def _move_to_dose_plane(dataset: Dataset, index: int) -> None:
    offsets = numbers_of(dataset, "GridFrameOffsetVector", [])
    if index >= len(offsets):
        return
    pose = pose_of(Places(dataset, 0), [])
    if index and pose is not None:
        along = offsets[index] - offsets[0]
        dataset.ImagePositionPatient = [
            f"{p + along * n:.10g}" for p, n in zip(pose.position, pose.normal, strict=True)
        ]
    # The first value is 0, or where the first plane lies.
    dataset.GridFrameOffsetVector = [f"{offsets[index]:.10g}" if offsets[0] else "0"]
