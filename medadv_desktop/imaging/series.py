"""Instances put into studies and series, and the images of a series in their order in space."""

from __future__ import annotations

import itertools
import re
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from medadv_desktop.imaging.frame import Instance, NonImage, Patient, Pose

RASTER_SERIES = "Images"

VOLUME_FORMATS = frozenset({"NIfTI", "MetaImage", "NRRD"})
"""Names in `Provenance.transfer_syntax` of files that hold a whole volume."""

SAME_DIRECTION = 0.9998
"""Cosine of 1.1°: planes closer than that are parallel, whatever rounding wrote their vectors."""

SAME_PLACE_MM = 1e-3
GAP = 1.5
"""A step of more than so many usual ones means that a slice is missing."""

UNEVEN = 0.02
"""Share of the usual step by which a step may differ."""


@dataclass(frozen=True)
class Series:
    """Instances that belong together, in their order.

    Attributes:
        uid: the Series Instance UID, or for raster files a name made of their folder. Where one UID
            covers several orientations or sizes, the second part and those after it are told apart
            by " (2)" and so on behind the UID: it is unique within the study.
        number: Series Number, None where unknown.
        spacing_mm: the usual distance between neighbouring planes, None where there is none.
        notes: gaps, duplicates, mixed spacing, missing positions: what a user should know.
    """

    uid: str
    description: str
    modality: str
    instances: tuple[Instance, ...]
    number: int | None = None
    spacing_mm: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def slices(self) -> tuple[tuple[Instance, int], ...]:
        """Every frame of every instance in the order of scrolling: instance, index of the frame."""
        return tuple((i, frame) for i in self.instances for frame in range(i.frames))


@dataclass(frozen=True)
class Study:
    """What one examination, or one folder of raster files, holds.

    Attributes:
        uid: the Study Instance UID, or for raster files the path of their folder.
        patient: None for raster files; protected health information, like `date` (YYYYMMDD).
        non_images: the objects without pixels that belong to it.
    """

    uid: str
    description: str
    series: tuple[Series, ...]
    patient: Patient | None = None
    date: str = ""
    non_images: tuple[NonImage, ...] = ()


def group(instances: Iterable[Instance], non_images: Iterable[NonImage] = ()) -> tuple[Study, ...]:
    """Instances as studies and series.

    DICOM instances are grouped by their UIDs, then by orientation and size; raster files of one
    folder make one study with one series, a volume file is a series of its own. Studies and series
    stand in the order in which their first instance came; instances by their position along the
    normal of their planes, where that is unknown by instance number, then by name.
    """
    studies: dict[str, dict[str, list[Instance]]] = {}
    for instance in instances:
        study, series = _keys(instance)
        studies.setdefault(study, {}).setdefault(series, []).append(instance)
    others: dict[str, list[NonImage]] = {}
    for item in non_images:
        uid = item.provenance.study_instance_uid if item.provenance else ""
        others.setdefault(uid or str(item.path.parent), []).append(item)
    for uid in others:
        studies.setdefault(uid, {})
    return tuple(_study(uid, parts, tuple(others.get(uid, ()))) for uid, parts in studies.items())


def order(instances: Sequence[Instance]) -> tuple[tuple[Instance, ...], tuple[str, ...]]:
    """Instances of one part of a series in their order, and what is noteworthy about it.

    The order is by position along the normal where every instance has one, else by instance number,
    else by name.
    """
    poses = [i.pose for i in instances]
    known = [p for p in poses if p is not None]
    notes = _copies(instances)
    if len(known) < len(poses) or not known:
        if known:
            missing = len(poses) - len(known)
            notes.append(
                f"{missing} of {len(poses)} images have no position: sorted by instance number"
            )
        return tuple(sorted(instances, key=_place)), tuple(notes)
    reference = known[0]
    depths = {id(i): _depth(i.pose, reference) for i in instances if i.pose is not None}
    ordered = sorted(instances, key=lambda i: (round(depths[id(i)], 3), _pass(i), _place(i)))
    if len(ordered) > 1:
        notes += _steps([depths[id(i)] for i in ordered])
    return tuple(ordered), tuple(notes)


def step_mm(instances: Sequence[Instance]) -> float | None:
    """The usual distance between the planes of ordered instances, None where there is none."""
    poses = [i.pose for i in instances]
    if len(poses) < 2 or any(p is None for p in poses):
        return None
    known = [p for p in poses if p is not None]
    steps = _distinct_steps([_depth(p, known[0]) for p in known])
    return statistics.median(steps) if steps else None


def parallel(first: Pose, second: Pose) -> bool:
    """Whether two planes have the same axes, both within about a degree."""
    a, b = first.orientation, second.orientation
    row = sum(x * y for x, y in zip(a[:3], b[:3], strict=True))
    column = sum(x * y for x, y in zip(a[3:], b[3:], strict=True))
    return row > SAME_DIRECTION and column > SAME_DIRECTION


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """A sort key that puts "slice 2" before "slice 10", whatever the case of its letters."""
    return tuple(
        (0, int(part), "") if part.isdecimal() else (1, 0, part)
        for part in re.split(r"(\d+)", name.casefold())
        if part
    )


def _depth(pose: Pose, reference: Pose) -> float:
    """By one normal for all: their own ones differ in the last digits."""
    return sum(n * p for n, p in zip(reference.normal, pose.position, strict=True))


def _pass(instance: Instance) -> tuple[int, int]:
    return instance.temporal_position or 0, instance.acquisition_number or 0


def _distinct_steps(depths: Sequence[float]) -> list[float]:
    steps = (b - a for a, b in itertools.pairwise(depths))
    return [s for s in steps if s > SAME_PLACE_MM]


def _steps(depths: Sequence[float]) -> list[str]:
    """Notes on gaps, repeated places and uneven spacing of sorted depths."""
    notes = []
    steps = _distinct_steps(depths)
    repeated = len(depths) - 1 - len(steps)
    if repeated:
        places = len(steps) + 1
        if len(depths) % places == 0 and places > 1:
            notes.append(f"Each of {places} places was taken {len(depths) // places} times")
        else:
            notes.append(f"{repeated} images lie at the place of another one")
    if not steps:
        return notes
    usual = statistics.median(steps)
    gaps = [s for s in steps if s > GAP * usual]
    even = [s for s in steps if s <= GAP * usual]
    if gaps:
        missing = sum(round(s / usual) - 1 for s in gaps)
        notes.append(
            f"There {'is a gap' if len(gaps) == 1 else f'are {len(gaps)} gaps'} between the slices:"
            f" about {max(missing, 1)} missing (the usual step is {usual:.4g} mm)"
        )
    if even and max(even) - min(even) > UNEVEN * usual:
        notes.append(f"The slices are unevenly spaced: {min(even):.4g} to {max(even):.4g} mm")
    return notes


def _copies(instances: Sequence[Instance]) -> list[str]:
    uids = Counter(i.provenance.sop_instance_uid for i in instances)
    shared = sum(n for uid, n in uids.items() if uid and n > 1)
    return [f"{shared} files share their SOP Instance UID with another one"] if shared else []


def _is_raster(instance: Instance) -> bool:
    identity = instance.provenance
    return not (identity.sop_instance_uid or identity.series_instance_uid or identity.modality)


def _keys(instance: Instance) -> tuple[str, str]:
    identity = instance.provenance
    folder = str(instance.path.parent)
    if identity.transfer_syntax in VOLUME_FORMATS:
        return folder, str(instance.path)
    if _is_raster(instance):
        return identity.study_instance_uid or folder, f"{folder}/{RASTER_SERIES}"
    study = identity.study_instance_uid or folder
    return study, identity.series_instance_uid or f"{study}/{instance.series_description}"


def _study(uid: str, parts: dict[str, list[Instance]], others: tuple[NonImage, ...]) -> Study:
    series = tuple(s for key, members in parts.items() for s in _series(key, members))
    first = next(iter(next(iter(parts.values()))), None) if parts else None
    if first is None:
        return Study(uid, "", (), non_images=others)
    name = first.study_description or (first.path.parent.name if _is_raster(first) else "")
    return Study(uid, name, series, first.patient, first.study_date, others)


def _series(uid: str, members: list[Instance]) -> list[Series]:
    """The parts of a series; nearly always one."""
    raster = _is_raster(members[0])
    parts = [members] if raster else _parts(members)
    made = []
    for index, part in enumerate(parts):
        ordered, notes = order(part)
        first = ordered[0]
        fallback = first.path.name if first.provenance.transfer_syntax in VOLUME_FORMATS else ""
        name = first.series_description or fallback or (RASTER_SERIES if raster else "")
        if len(parts) > 1:
            notes = (f"Part {index + 1} of {len(parts)}: the planes or sizes differ", *notes)
        made.append(
            Series(
                uid=uid if index == 0 else f"{uid} ({index + 1})",
                description=name,
                modality=first.provenance.modality,
                instances=ordered,
                number=first.series_number,
                spacing_mm=step_mm(ordered),
                notes=notes,
            )
        )
    return made


def _parts(members: list[Instance]) -> list[list[Instance]]:
    """Members by size and orientation; those without a position go with the rest of their size."""
    parts: list[tuple[tuple[int, int], Pose | None, list[Instance]]] = []
    homeless: list[Instance] = []
    for member in members:
        if member.pose is None:
            homeless.append(member)
            continue
        for size, pose, part in parts:
            if size == member.size and pose is not None and parallel(pose, member.pose):
                part.append(member)
                break
        else:
            parts.append((member.size, member.pose, [member]))
    for member in homeless:
        fitting = [part for size, _, part in parts if size == member.size]
        if fitting:
            max(fitting, key=len).append(member)
        else:
            parts.append((member.size, None, [member]))
    return [part for _, _, part in parts]


def _place(instance: Instance) -> tuple[bool, int, tuple[tuple[int, int, str], ...], str]:
    number = instance.instance_number
    name = instance.path.name
    return number is None, number or 0, natural_key(name), str(instance.path)
