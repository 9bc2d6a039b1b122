"""Instances put in order in space, and what is said about their order."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from imaging_samples import shipped, write_dicom

from medadv_desktop.imaging.frame import Instance, NonImage, Pose, Provenance
from medadv_desktop.imaging.scanning import scan
from medadv_desktop.imaging.series import Series, group
from medadv_desktop.jobs import CancelToken

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)


def instance(name: str, **fields: object) -> Instance:
    place = fields.pop("place", None)
    axes = fields.pop("axes", AXIAL)
    pose = None if place is None else Pose(place, axes)
    identity = Provenance(
        Path(name),
        sop_instance_uid=str(fields.pop("uid", name)),
        series_instance_uid=str(fields.pop("series", "1.2")),
        study_instance_uid="1",
        modality="CT",
    )
    fields.setdefault("size", (8, 8))
    fields.setdefault("frames", 1)
    return Instance(
        provenance=identity, photometric="MONOCHROME2", bits_stored=12, pose=pose, **fields
    )


def stack(*depths: float) -> list[Instance]:
    return [instance(f"{n}", place=(0.0, 0.0, z)) for n, z in enumerate(depths)]


def only(instances: list[Instance]) -> Series:
    (study,) = group(instances)
    (series,) = study.series
    return series


def names(series: Series) -> list[str]:
    return [i.path.name for i in series.instances]


def test_that_slices_stand_by_position_along_the_normal_not_by_number() -> None:
    members = [
        instance("c", place=(0.0, 0.0, 5.0), instance_number=1),
        instance("a", place=(0.0, 0.0, -5.0), instance_number=2),
        instance("b", place=(0.0, 0.0, 0.0), instance_number=3),
    ]
    series = only(members)
    assert names(series) == ["a", "b", "c"]
    assert series.spacing_mm == 5.0
    assert series.notes == ()


def test_that_the_normal_of_an_oblique_stack_is_its_own() -> None:
    s = math.sqrt(0.5)
    axes = (1.0, 0.0, 0.0, 0.0, s, s)  # the normal is (0, -s, s)
    members = [instance(str(k), place=(9.0 - k, -k * s, k * s), axes=axes) for k in (2, 0, 1)]
    series = only(members)
    assert names(series) == ["0", "1", "2"]
    assert math.isclose(series.spacing_mm or 0, 1.0)


def test_that_without_positions_the_number_counts_then_the_name() -> None:
    by_number = [instance("a", instance_number=10), instance("b", instance_number=9)]
    assert names(only(by_number)) == ["b", "a"]
    assert names(only([instance("im10"), instance("im9")])) == ["im9", "im10"]


def test_that_one_missing_position_makes_the_number_count_with_a_note() -> None:
    members = [instance(str(n), place=(0.0, 0.0, -n), instance_number=n) for n in (1.0, 2.0, 3.0)]
    members.append(instance("4", instance_number=4))
    series = only(members)
    assert names(series)[-1] == "4"
    assert series.notes == ("1 of 4 images have no position: sorted by instance number",)


def test_that_a_gap_is_told_with_the_number_of_missing_slices() -> None:
    series = only(stack(0, 2, 4, 10, 12, 14))
    assert len(series.notes) == 1
    assert "about 2 missing" in series.notes[0]
    assert "2 mm" in series.notes[0]


def test_that_uneven_spacing_is_told() -> None:
    assert any("unevenly spaced: 2 to 2.5 mm" in note for note in only(stack(0, 2, 4.5, 6.5)).notes)
    assert only(stack(0, 2, 4.0001, 6)).notes == ()


def test_that_doubled_and_repeated_places_are_told() -> None:
    assert "1 images lie at the place of another" in only(stack(0, 1, 1, 2)).notes[0]
    assert "Each of 3 places was taken 2 times" in only(stack(0, 1, 2, 0, 1, 2)).notes[0]


def test_that_passes_over_the_same_places_stand_in_their_order() -> None:
    members = [
        instance(f"{z}{t}", place=(0.0, 0.0, float(z)), temporal_position=t)
        for t in (2, 1)
        for z in (0, 1)
    ]
    assert names(only(members)) == ["01", "02", "11", "12"]


def test_that_shared_sop_instance_uids_are_told() -> None:
    members = [instance("a", uid="7"), instance("b", uid="7"), instance("c")]
    assert only(members).notes[0].startswith("2 files share")


def test_that_one_uid_with_two_orientations_or_sizes_is_parted() -> None:
    members = [
        *stack(0, 1, 2),
        instance("scout", place=(0.0, 0.0, 0.0), axes=SAGITTAL),
        instance("large", place=(0.0, 0.0, 0.0), size=(16, 16)),
    ]
    (study,) = group(members)
    assert [len(s.instances) for s in study.series] == [3, 1, 1]
    assert len({s.uid for s in study.series}) == 3
    assert study.series[0].uid == "1.2"
    assert all("Part" in s.notes[0] for s in study.series)


def test_that_directions_within_a_degree_are_one_orientation() -> None:
    tilted = (math.cos(0.01), math.sin(0.01), 0.0, -math.sin(0.01), math.cos(0.01), 0.0)
    members = [*stack(0, 1), instance("t", place=(0.0, 0.0, 2.0), axes=tilted)]
    assert len(only(members).instances) == 3


def test_that_frames_are_scrolled_in_order() -> None:
    series = only([instance("a", frames=2, instance_number=2), instance("b", instance_number=1)])
    assert [(i.path.name, k) for i, k in series.slices] == [("b", 0), ("a", 0), ("a", 1)]


def test_that_reports_are_listed_with_their_study(tmp_path: Path) -> None:
    (tmp_path / "sr.dcm").write_bytes(shipped("test-SR.dcm").read_bytes())
    grey = np.zeros((4, 4), np.uint8)
    found = list(scan([tmp_path, write_dicom(tmp_path / "a.dcm", grey)], CancelToken()))
    reports = [f for f in found if isinstance(f, NonImage)]
    assert [r.description for r in reports] == ["Comprehensive SR"]
    assert reports[0].provenance is not None
    images = [f for f in found if isinstance(f, Instance)]
    studies = group(images, reports)
    assert {len(s.non_images) for s in studies} == {0, 1}
    assert studies[-1].uid == reports[0].provenance.study_instance_uid


def test_that_labels_come_with_the_instance(tmp_path: Path) -> None:
    path = write_dicom(
        tmp_path / "a.dcm", np.zeros((4, 4), np.uint8), PatientName="A^B", PatientID="7",
        PatientSex="F", StudyDate="20260102", SeriesNumber=3, AccessionNumber="X",
        PixelSpacing=[2, 1],
        ImagePositionPatient=[1, 2, 3], ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
        FrameOfReferenceUID="1.9", ImageType=["ORIGINAL", "PRIMARY"], AcquisitionNumber=4,
    )  # fmt: skip
    (found,) = scan([path], CancelToken())
    assert isinstance(found, Instance)
    assert found.pose == Pose((1, 2, 3), (1, 0, 0, 0, 1, 0), "1.9")
    assert found.patient is not None
    assert (found.patient.name, found.patient.id, found.patient.sex) == ("A^B", "7", "F")
    assert (found.study_date, found.series_number, found.accession_number) == ("20260102", 3, "X")
    assert found.spacing is not None
    assert found.spacing.row_mm == 2
    assert found.image_type == ("ORIGINAL", "PRIMARY")
    assert found.acquisition_number == 4
    (study,) = group([found])
    assert (study.patient, study.date) == (found.patient, "20260102")
