"""A series as a volume, and its axial, sagittal and coronal planes at their right aspect.

Pixels come by the same path as any other frame (`read_frame`); SimpleITK is handed the finished
array for geometry alone.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.errors import ImageError
from medadv_desktop.imaging.bounds import MAX_VOLUME_BYTES
from medadv_desktop.imaging.frame import (
    Frame,
    Instance,
    ModalityTransform,
    Photometric,
    Pose,
    Provenance,
    Spacing,
)
from medadv_desktop.imaging.reading import poses_of, read_frame
from medadv_desktop.imaging.series import SAME_PLACE_MM, UNEVEN, Series, parallel
from medadv_desktop.jobs import CancelToken, Emit, Progress, silent

ALIGNED = 0.9998
"""Cosine between an axis of the volume and one of the patient from which they count as one."""


class Plane(StrEnum):
    """The anatomical planes."""

    AXIAL = "axial"
    SAGITTAL = "sagittal"
    CORONAL = "coronal"


@dataclass(frozen=True, eq=False)
class Volume:
    """Parallel planes, evenly spaced, of one series.

    Attributes:
        stored: Z×H×W or Z×H×W×3, plane by plane in the direction of the normal. Read-only.
        template: a frame of the series; how its values are to be understood.
        pose: of the first plane.
        step_mm: from the centre of one plane to the next, in LPS; a gantry tilt makes it lean.
        spacing: of the pixels in a plane.
        instances: the instance and frame of each plane; empty where planes were interpolated.
        notes: what was done to make it one volume.
    """

    stored: NDArray[np.generic]
    template: Frame
    pose: Pose
    step_mm: tuple[float, float, float]
    spacing: Spacing
    instances: tuple[tuple[Instance, int], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between planes, rows and columns."""
        return math.hypot(*self.step_mm), self.spacing.row_mm, self.spacing.column_mm


@dataclass(frozen=True, eq=False)
class Orthogonal:
    """A volume on the axes of the patient: S×P×L, from feet to head, front to back, right to left.

    Attributes:
        stored: S×P×L or S×P×L×3. Read-only.
        origin_mm: the centre of voxel (0, 0, 0) as x, y, z in LPS.
        spacing_mm: between voxels along S, P and L.
    """

    stored: NDArray[np.generic]
    template: Frame
    origin_mm: tuple[float, float, float]
    spacing_mm: tuple[float, float, float]
    notes: tuple[str, ...] = ()

    def count(self, plane: Plane) -> int:
        """How many planes there are of a kind."""
        return int(self.stored.shape[_AXIS[plane]])

    def frame(self, plane: Plane, index: int) -> Frame:
        """One plane as a frame, in radiological view: the patient's left, or back, is on the right.

        Axial planes are counted from the feet, sagittal ones from the patient's right, coronal ones
        from the front.

        Raises:
            ImageError: there is no such plane.
        """
        if not 0 <= index < self.count(plane):
            raise ImageError(
                f"has no {plane} plane {index}",
                subject=self.template.provenance.path,
                remedy=f"Planes go from 0 to {self.count(plane) - 1}",
            )
        s, p, l = self.spacing_mm
        x, y, z = self.origin_mm
        top = z + (self.stored.shape[0] - 1) * s
        if plane is Plane.AXIAL:
            values, spacing = self.stored[index], Spacing(p, l)
            pose = Pose((x, y, z + index * s), (1, 0, 0, 0, 1, 0), self._frame_of_reference)
        elif plane is Plane.SAGITTAL:
            values, spacing = self.stored[::-1, :, index], Spacing(s, p)
            pose = Pose((x + index * l, y, top), (0, 1, 0, 0, 0, -1), self._frame_of_reference)
        else:
            values, spacing = self.stored[::-1, index], Spacing(s, l)
            pose = Pose((x, y + index * p, top), (1, 0, 0, 0, 0, -1), self._frame_of_reference)
        stored = np.ascontiguousarray(values)
        stored.flags.writeable = False
        return replace(
            self.template,
            stored=stored,
            spacing=spacing,
            pose=pose,
            patient_orientation=None,
            provenance=replace(self.template.provenance, frame=index, sop_instance_uid=""),
            notes=(*self.notes, f"Reformatted: {plane} plane {index + 1} of {self.count(plane)}"),
        )

    def index_at(self, plane: Plane, point_mm: tuple[float, float, float]) -> int:
        """The plane nearest to a point in LPS; the first or last one where it lies outside."""
        axis = _AXIS[plane]
        along = (point_mm[2 - axis] - self.origin_mm[2 - axis]) / self.spacing_mm[axis]
        return min(max(round(along), 0), self.count(plane) - 1)

    @property
    def _frame_of_reference(self) -> str:
        pose = self.template.pose
        return pose.frame_of_reference_uid if pose else ""


_AXIS = {Plane.AXIAL: 0, Plane.CORONAL: 1, Plane.SAGITTAL: 2}


@dataclass(frozen=True)
class _Place:
    instance: Instance
    frame: int
    pose: Pose
    depth: float


def build_volume(series: Series, token: CancelToken, emit: Emit = silent, phase: int = 0) -> Volume:
    """Read all planes of a series, or one of its passes, into one array.

    Args:
        series: at least two parallel planes with positions.
        token: checked before each plane.
        emit: gets a `Progress` for each plane.
        phase: which pass, where every place was taken several times.

    Raises:
        ImageError: planes without positions or not parallel, of differing sizes, too large; or one
            of them cannot be read.
        JobCancelled: the token was cancelled.
    """
    places, notes = _places(series, phase)
    frames: list[Frame] = []
    for number, place in enumerate(places):
        token.check()
        frames.append(read_frame(place.instance.path, place.frame))
        if number == 0:
            _check_size(frames[0], len(places))
        elif frames[0].stored.shape != frames[-1].stored.shape:
            raise _no_volume(series, "its images differ in size")
        emit(Progress(number + 1, len(places), str(place.instance.path)))
    template, stored = _stacked(frames, notes)
    spacing = template.spacing
    if spacing is None or not spacing.calibrated:
        spacing = Spacing(1.0, 1.0)
        notes.append("The file gives no pixel spacing; 1 mm is assumed")
    sources = tuple((p.instance, p.frame) for p in places)
    depths = [p.depth for p in places]
    first, last = places[0].pose, places[-1].pose
    count = _planes_needed(depths)
    if count != len(places) or _is_uneven(depths):
        usual = (depths[-1] - depths[0]) / (count - 1)
        notes.append(
            f"The planes are not evenly spaced; values between them are interpolated every "
            f"{usual:.4g} mm"
        )
        stored, sources = _even(stored, depths, count, template), ()
    share = 1 / (count - 1)
    x, y, z = ((b - a) * share for a, b in zip(first.position, last.position, strict=True))
    stored.flags.writeable = False
    return Volume(stored, template, first, (x, y, z), spacing, sources, tuple(notes))


def orthogonal(volume: Volume) -> Orthogonal:
    """A volume turned onto the axes of the patient.

    Where its own axes are those of the patient to within a degree, voxels are only put in another
    order. An oblique or tilted volume is resampled, to the spacing of its finest axis' neighbours:
    linearly, or by the nearest voxel where it has colours or padding.

    Raises:
        ImageError: the result would be too large.
    """
    import SimpleITK as sitk  # noqa: N813 - the name everybody gives it; late, for it is large

    untyped: Any = sitk
    image = _to_image(untyped, volume)
    notes = list(volume.notes)
    template = volume.template
    if _is_aligned(volume):
        # Exactly on the axes, lest the last digits of the cosines lean the planes.
        image = untyped.DICOMOrient(image, "LPS")
    else:
        image, template = _resampled(untyped, image, volume, notes)
    stored = np.array(untyped.GetArrayViewFromImage(image))
    stored.flags.writeable = False
    x, y, z = image.GetOrigin()
    l, p, s = image.GetSpacing()
    return Orthogonal(stored, template, (x, y, z), (s, p, l), tuple(notes))


def _places(series: Series, phase: int) -> tuple[list[_Place], list[str]]:
    """The planes of one pass in their order."""
    found: list[tuple[Instance, int, Pose]] = []
    for instance in series.instances:
        poses = (instance.pose,) if instance.frames == 1 else poses_of(instance.path)
        for frame, pose in enumerate(poses):
            if pose is None:
                raise _no_volume(series, f"{instance.path.name} has no position in the patient")
            found.append((instance, frame, pose))
    if len(found) < 2:
        raise _no_volume(series, "it is a single image")
    reference = found[0][2]
    if not all(parallel(reference, pose) for _, _, pose in found):
        raise _no_volume(series, "its planes are not parallel")
    places = [
        _Place(i, f, pose, sum(n * c for n, c in zip(reference.normal, pose.position, strict=True)))
        for i, f, pose in found
    ]
    places.sort(key=lambda p: p.depth)  # stable: passes stay in their order
    stacks: list[list[_Place]] = []
    for place in places:
        if stacks and place.depth - stacks[-1][0].depth <= SAME_PLACE_MM:
            stacks[-1].append(place)
        else:
            stacks.append([place])
    if len(stacks) < 2:
        raise _no_volume(series, "all its images lie in one plane")
    deepest = max(map(len, stacks))
    notes = []
    if deepest > 1:
        notes.append(f"Of up to {deepest} images at each place, number {phase + 1} is taken")
    return [stack[min(phase, len(stack) - 1)] for stack in stacks], notes


def _stacked(frames: Sequence[Frame], notes: list[str]) -> tuple[Frame, NDArray[np.generic]]:
    """The frames as one array, in modality values where their transforms differ."""
    template = frames[len(frames) // 2]
    same = all(f.modality == template.modality for f in frames)
    if same and len({(f.stored.dtype, f.photometric) for f in frames}) == 1:
        return template, np.stack([f.stored for f in frames])
    if any(f.is_color for f in frames):
        return template, np.stack([f.stored for f in frames])
    notes.append("The planes are scaled differently: values are modality values as 32-bit floats")
    template = replace(
        template,
        modality=ModalityTransform(units=template.modality.units),
        bits_stored=32,
        padding=None,
    )
    return template, np.stack([f.modality_values().astype(np.float32) for f in frames])


def _planes_needed(depths: Sequence[float]) -> int:
    """How many planes at the usual distance reach from the first to the last."""
    usual = statistics.median(b - a for a, b in pairwise(depths))
    return max(2, round((depths[-1] - depths[0]) / usual) + 1)


def _is_uneven(depths: Sequence[float]) -> bool:
    ideal = np.linspace(depths[0], depths[-1], len(depths))
    return bool(np.abs(np.asarray(depths) - ideal).max() > UNEVEN * (ideal[1] - ideal[0]))


def _even(
    stored: NDArray[np.generic], depths: Sequence[float], count: int, template: Frame
) -> NDArray[np.generic]:
    """`count` planes at equal distances, between those that are there."""
    _check_size(template, count)
    at = np.asarray(depths)
    wanted = np.linspace(at[0], at[-1], count)
    above = np.clip(np.searchsorted(at, wanted), 1, len(at) - 1)
    share = (wanted - at[above - 1]) / (at[above] - at[above - 1])
    if template.padding is not None or template.is_color:  # mixing would make up values
        return stored[np.where(share < 0.5, above - 1, above)]
    made = np.empty((count, *stored.shape[1:]), stored.dtype)
    whole = np.issubdtype(stored.dtype, np.integer)
    for k in range(count):
        low, high = (stored[i].astype(np.float64) for i in (above[k] - 1, above[k]))
        mixed = low + share[k] * (high - low)
        made[k] = np.rint(mixed) if whole else mixed
    return made


def _axes(volume: Volume) -> NDArray[np.float64]:
    """3×3, the direction of a row, of a column and from plane to plane as columns."""
    step = np.asarray(volume.step_mm) / math.hypot(*volume.step_mm)
    row, column = np.reshape(volume.pose.orientation, (2, 3))
    row, column = row / np.linalg.norm(row), column / np.linalg.norm(column)
    axes = np.stack([row, column, step], axis=1)
    if not _is_aligned(volume):
        return axes
    # Rounded to the axes of the patient, which they are to within a degree.
    return np.asarray(np.rint(axes))


def _is_aligned(volume: Volume) -> bool:
    step = np.asarray(volume.step_mm) / math.hypot(*volume.step_mm)
    row, column = np.reshape(volume.pose.orientation, (2, 3))
    return all(np.abs(axis).max() > ALIGNED for axis in (row, column, step))


def _to_image(untyped: Any, volume: Volume) -> Any:
    values = volume.stored
    if values.dtype in (np.bool_, np.float16):
        values = values.astype(np.float32)
    image = untyped.GetImageFromArray(values, isVector=values.ndim == 4)
    through, down, across = volume.spacing_mm
    image.SetSpacing((across, down, through))
    image.SetOrigin(volume.pose.position)
    image.SetDirection(_axes(volume).flatten().tolist())
    return image


def _resampled(untyped: Any, image: Any, volume: Volume, notes: list[str]) -> tuple[Any, Frame]:
    """The image on the axes of the patient, and the template with what fills its outside."""
    size = np.asarray(image.GetSize())
    corners = [
        image.TransformContinuousIndexToPhysicalPoint([float(c) for c in corner])
        for corner in np.array(np.meshgrid(*((-0.5, n - 0.5) for n in size))).reshape(3, -1).T
    ]
    low, high = np.min(corners, axis=0), np.max(corners, axis=0)
    # Each axis of the patient is sampled as finely as the axis of the volume next to it.
    axes = np.abs(_axes(volume))
    spacing = np.asarray(image.GetSpacing())[axes.argmax(axis=1)]
    count = np.maximum(np.ceil((high - low) / spacing - 1e-6).astype(int), 1)
    item = volume.stored.dtype.itemsize * (3 if volume.stored.ndim == 4 else 1)
    if int(np.prod(count, dtype=object)) * item > MAX_VOLUME_BYTES:
        raise ImageError(
            "is too large to be turned onto the axes of the patient",
            subject=volume.template.provenance.path,
            remedy="Look at it in the planes it was taken in",
        )
    template, outside = _with_outside(volume)
    exact = volume.template.padding is not None or volume.template.is_color
    resample = untyped.ResampleImageFilter()
    resample.SetInterpolator(untyped.sitkNearestNeighbor if exact else untyped.sitkLinear)
    resample.SetOutputSpacing(spacing.tolist())
    resample.SetOutputOrigin((low + spacing / 2).tolist())
    resample.SetOutputDirection(np.eye(3).flatten().tolist())
    resample.SetSize(count.tolist())
    resample.SetDefaultPixelValue(outside)
    how = "by the nearest voxel" if exact else "linearly"
    notes.append(f"The volume is oblique: it is resampled {how} onto the axes of the patient")
    return resample.Execute(image), template


def _with_outside(volume: Volume) -> tuple[Frame, float]:
    """A value for what lies outside the volume, and the template that names it as padding."""
    template = volume.template
    if template.padding is not None:
        return template, template.padding[0]
    if template.photometric is Photometric.RGB:
        return template, 0.0
    low, high = float(volume.stored.min()), float(volume.stored.max())
    if np.issubdtype(volume.stored.dtype, np.floating):
        return replace(template, padding=(low - 1, low - 1)), low - 1
    limits: Any = np.iinfo(volume.stored.dtype.str)
    for value in (low - 1, high + 1):
        if limits.min <= value <= limits.max:
            return replace(template, padding=(value, value)), value
    return template, low


def _check_size(frame: Frame, planes: int) -> None:
    size = frame.stored.nbytes * planes
    if size > MAX_VOLUME_BYTES:
        raise ImageError(
            f"has {planes} planes of {frame.stored.nbytes / 2**20:.1f} MiB, above the limit of "
            f"{MAX_VOLUME_BYTES // 2**20} MiB for a volume",
            subject=frame.provenance.path,
            remedy="Look at it in the planes it was taken in",
        )


def _no_volume(series: Series, why: str) -> ImageError:
    provenance: Provenance | None = series.instances[0].provenance if series.instances else None
    return ImageError(
        f"cannot be made a volume: {why}",
        subject=provenance.path if provenance else series.description,
        remedy="Look at it in the planes it was taken in",
    )
