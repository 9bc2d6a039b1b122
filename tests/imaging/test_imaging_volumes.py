"""Series as volumes and their planes; volume files. SimpleITK is the independent judge."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from imaging_samples import dataset_of, shipped, write_dicom
from pydicom.dataset import Dataset

from medadv_desktop.errors import ImageError
from medadv_desktop.imaging.frame import Frame, Instance
from medadv_desktop.imaging.reading import describe, open_instance, poses_of, read_frame
from medadv_desktop.imaging.series import Series, group
from medadv_desktop.imaging.volumes import Orthogonal, Plane, Volume, build_volume, orthogonal
from medadv_desktop.jobs import CancelToken, JobCancelled

RANDOM = np.random.default_rng(5)
CUBE = RANDOM.integers(-1000, 3000, (5, 6, 8)).astype(np.int16)


def write_stack(
    folder: Path,
    stored: np.ndarray,
    *,
    axes: tuple[float, ...] = (1, 0, 0, 0, 1, 0),
    origin: tuple[float, ...] = (0, 0, 0),
    step: tuple[float, ...] = (0, 0, 2.5),
    depths: tuple[float, ...] | None = None,
    **elements: object,
) -> Series:
    """Planes `depths` steps from the origin, written in reverse."""
    folder.mkdir(exist_ok=True)
    where = depths or tuple(range(len(stored)))
    for number in reversed(range(len(stored))):
        place = [o + where[number] * s for o, s in zip(origin, step, strict=True)]
        write_dicom(
            folder / f"{len(stored) - number}.dcm", stored[number], PixelSpacing=[1.5, 0.75],
            ImagePositionPatient=[f"{p:.10g}" for p in place],
            ImageOrientationPatient=[f"{a:.10g}" for a in axes],
            SOPInstanceUID=f"1.2.{number}", **elements,
        )  # fmt: skip
    instances = [open_instance(p) for p in sorted(folder.iterdir())]
    (study,) = group(instances)
    (series,) = study.series
    return series


def made(series: Series) -> tuple[Volume, Orthogonal]:
    volume = build_volume(series, CancelToken())
    return volume, orthogonal(volume)


def value_at(frame: Frame, row: int, column: int) -> tuple[tuple[float, ...], float]:
    """Where a pixel of a frame lies, by the equation of PS3.3 C.7.6.2.1.1, and its value."""
    assert frame.pose is not None
    assert frame.spacing is not None
    across, down = np.reshape(frame.pose.orientation, (2, 3))
    place = np.asarray(frame.pose.position)
    place = place + across * frame.spacing.column_mm * column + down * frame.spacing.row_mm * row
    return tuple(place), float(frame.stored[row, column])


def test_that_an_axial_stack_keeps_every_voxel(tmp_path: Path) -> None:
    volume, turned = made(write_stack(tmp_path, CUBE, origin=(10, -20, 30)))
    np.testing.assert_array_equal(volume.stored, CUBE)
    assert volume.spacing_mm == (2.5, 1.5, 0.75)
    np.testing.assert_array_equal(turned.stored, CUBE)
    assert turned.origin_mm == (10, -20, 30)
    assert [turned.count(p) for p in (Plane.AXIAL, Plane.CORONAL, Plane.SAGITTAL)] == [5, 6, 8]


def test_that_planes_are_shown_from_the_feet_and_with_the_head_up(tmp_path: Path) -> None:
    _, turned = made(write_stack(tmp_path, CUBE))
    axial, sagittal, coronal = (turned.frame(p, 2) for p in Plane)
    np.testing.assert_array_equal(axial.stored, CUBE[2])
    np.testing.assert_array_equal(sagittal.stored, CUBE[::-1, :, 2])
    np.testing.assert_array_equal(coronal.stored, CUBE[::-1, 2, :])
    assert axial.spacing is not None
    assert sagittal.spacing is not None
    assert coronal.spacing is not None
    assert axial.spacing.aspect == 1.5 / 0.75
    assert sagittal.spacing.aspect == 2.5 / 1.5
    assert coronal.spacing.aspect == 2.5 / 0.75


@pytest.mark.parametrize(
    ("axes", "step"),
    [
        ((1, 0, 0, 0, 1, 0), (0, 0, 2.5)),
        ((1, 0, 0, 0, 1, 0), (0, 0, -2.5)),
        ((0, 1, 0, 0, 0, -1), (2.5, 0, 0)),
        ((1, 0, 0, 0, 0, -1), (0, 2.5, 0)),
        ((-1, 0, 0, 0, 1, 0), (0, 0, 2.5)),
    ],
)
def test_that_each_voxel_stays_at_its_place_in_the_patient(
    tmp_path: Path, axes: tuple[float, ...], step: tuple[float, ...]
) -> None:
    series = write_stack(tmp_path, CUBE, axes=axes, step=step, origin=(10, 20, 30))
    known = {}
    for instance in series.instances:
        frame = read_frame(instance.path)
        for row in range(6):
            for column in range(8):
                place, value = value_at(frame, row, column)
                known[tuple(np.round(place, 4))] = value
    _, turned = made(series)
    for plane in Plane:
        for index in range(turned.count(plane)):
            frame = turned.frame(plane, index)
            for row in range(frame.shape[0]):
                for column in range(frame.shape[1]):
                    place, value = value_at(frame, row, column)
                    assert known[tuple(np.round(place, 4))] == value
    middle = turned.frame(Plane.CORONAL, 1)
    point, _ = value_at(middle, 0, 0)
    assert turned.index_at(Plane.CORONAL, (point[0], point[1], point[2])) == 1


def test_that_an_oblique_stack_is_resampled_as_simpleitk_would(tmp_path: Path) -> None:
    angle = math.radians(20)
    c, s = math.cos(angle), math.sin(angle)
    smooth = np.fromfunction(lambda z, y, x: 10 * z + 7 * y + 3 * x, (6, 8, 8)).astype(np.int16)
    axes = (1, 0, 0, 0, c, s)
    step = (0, -2 * s, 2 * c)
    series = write_stack(tmp_path, smooth, axes=axes, step=step)
    _, turned = made(series)
    assert any("oblique" in note and "linearly" in note for note in turned.notes)
    image = sitk.GetImageFromArray(smooth)
    image.SetSpacing((0.75, 1.5, 2.0))
    image.SetDirection((1, 0, 0, 0, c, -s, 0, s, c))
    hit = 0
    for k, j, i in np.ndindex(*turned.stored.shape):
        x, y, z = turned.origin_mm
        l = turned.spacing_mm
        point = (x + i * l[2], y + j * l[1], z + k * l[0])
        index = image.TransformPhysicalPointToContinuousIndex(point)
        if all(0 <= v <= n - 1 for v, n in zip(index, image.GetSize(), strict=True)):
            expected = 10 * index[2] + 7 * index[1] + 3 * index[0]
            assert abs(turned.stored[k, j, i] - expected) <= 1
            hit += 1
    assert hit > 50
    mask = turned.frame(Plane.AXIAL, 0).padding_mask()
    assert mask is not None
    assert mask.any()


def test_that_a_missing_slice_is_interpolated_with_a_note(tmp_path: Path) -> None:
    planes = np.stack([np.full((4, 4), v, np.int16) for v in (0, 10, 30, 40)])
    volume, turned = made(write_stack(tmp_path, planes, depths=(0, 1, 3, 4)))
    assert volume.stored[:, 0, 0].tolist() == [0, 10, 20, 30, 40]
    assert any("interpolated" in note for note in turned.notes)
    assert volume.instances == ()


def test_that_rounded_positions_are_no_gaps(tmp_path: Path) -> None:
    series = write_stack(tmp_path, CUBE, depths=(0, 1.001, 2, 2.999, 4))
    volume = build_volume(series, CancelToken())
    np.testing.assert_array_equal(volume.stored, CUBE)
    assert volume.notes == ()
    assert [frame for _, frame in volume.instances] == [0] * 5


def test_that_planes_scaled_differently_become_modality_values(tmp_path: Path) -> None:
    write_stack(tmp_path, CUBE[:3])
    for number, path in enumerate(sorted(tmp_path.iterdir())):
        place = [0, 0, number]
        write_dicom(path, CUBE[number], RescaleSlope=number + 1, RescaleIntercept=5,
                    ImagePositionPatient=place, ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
                    PixelSpacing=[1, 1])  # fmt: skip
    (study,) = group([open_instance(p) for p in sorted(tmp_path.iterdir())])
    volume = build_volume(study.series[0], CancelToken())
    assert volume.stored.dtype == np.float32
    for number in range(3):
        np.testing.assert_allclose(volume.stored[number], CUBE[number] * (number + 1.0) + 5)
    assert volume.template.modality.slope == 1


def test_that_one_pass_of_several_can_be_chosen(tmp_path: Path) -> None:
    for k in range(3):
        for t in range(2):
            write_dicom(
                tmp_path / f"{k}{t}", np.full((4, 4), 10 * k + t, np.uint8),
                ImagePositionPatient=[0, 0, k], ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
                PixelSpacing=[1, 1], TemporalPositionIdentifier=t + 1,
            )  # fmt: skip
    (study,) = group([open_instance(p) for p in tmp_path.iterdir()])
    for phase in range(2):
        volume = build_volume(study.series[0], CancelToken(), phase=phase)
        assert volume.stored[:, 0, 0].tolist() == [phase, 10 + phase, 20 + phase]


def test_that_what_is_no_volume_says_why(tmp_path: Path) -> None:
    single = open_instance(write_dicom(tmp_path / "a.dcm", CUBE[0]))
    with pytest.raises(ImageError, match="no position"):
        build_volume(group([single])[0].series[0], CancelToken())
    cine = open_instance(shipped("examples_ybr_color.dcm"))
    with pytest.raises(ImageError, match="no position"):
        build_volume(group([cine])[0].series[0], CancelToken())


def test_that_building_a_volume_can_be_cancelled(tmp_path: Path) -> None:
    series = write_stack(tmp_path, CUBE)
    token = CancelToken()
    with pytest.raises(JobCancelled):
        build_volume(series, token, emit=lambda _: token.cancel())


def test_that_enhanced_frames_each_have_their_place() -> None:
    poses = poses_of(shipped("eCT_Supplemental.dcm"))
    assert [p.position for p in poses if p] == [(99.5, -301.5, -159.0), (99.5, -301.5, -149.0)]
    instance = open_instance(shipped("eCT_Supplemental.dcm"))
    assert read_frame(instance.path, 1).pose == poses[1]
    volume = build_volume(group([instance])[0].series[0], CancelToken())
    assert volume.stored.shape == (2, 512, 512)
    assert volume.spacing_mm[0] == 10


def test_that_shared_orientation_and_own_position_are_joined(tmp_path: Path) -> None:
    dataset = dataset_of(np.zeros((6, 4), np.uint8))
    dataset.Rows, dataset.NumberOfFrames = 2, 3
    orientation = Dataset()
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared = Dataset()
    shared.PlaneOrientationSequence = [orientation]
    dataset.SharedFunctionalGroupsSequence = [shared]
    groups = []
    for z in (4, 2, 0):
        place = Dataset()
        place.ImagePositionPatient = [0, 0, z]
        own = Dataset()
        own.PlanePositionSequence = [place]
        groups.append(own)
    dataset.PerFrameFunctionalGroupsSequence = groups
    dataset.save_as(tmp_path / "e.dcm", enforce_file_format=True)
    poses = poses_of(tmp_path / "e.dcm")
    assert [p.depth_mm for p in poses if p] == [4, 2, 0]
    assert read_frame(tmp_path / "e.dcm", 1).pose == poses[1]


@pytest.mark.parametrize("suffix", ["nii", "nii.gz", "mha", "mhd", "nrrd", "nhdr"])
def test_that_volume_files_are_read_plane_by_plane(tmp_path: Path, suffix: str) -> None:
    image = sitk.GetImageFromArray(CUBE)
    image.SetSpacing((0.75, 1.5, 2.5))
    image.SetOrigin((10, 20, -30))
    image.SetDirection((0, 1, 0, 1, 0, 0, 0, 0, -1))
    path = tmp_path / f"v.{suffix}"
    sitk.WriteImage(image, str(path))
    instance = describe(path)
    assert isinstance(instance, Instance)
    assert (instance.frames, instance.size, instance.bits_stored) == (5, (6, 8), 16)
    for index in range(5):
        frame = read_frame(path, index)
        np.testing.assert_array_equal(frame.stored, CUBE[index])
        assert frame.pose is not None
        expected = image.TransformIndexToPhysicalPoint((0, 0, index))
        np.testing.assert_allclose(frame.pose.position, expected, atol=1e-5)
        assert frame.spacing is not None
        np.testing.assert_allclose((frame.spacing.row_mm, frame.spacing.column_mm), (1.5, 0.75))
    (study,) = group([instance])
    _, turned = made(study.series[0])
    expected_array = sitk.GetArrayFromImage(sitk.DICOMOrient(image, "LPS"))
    np.testing.assert_array_equal(turned.stored, expected_array)


@pytest.mark.parametrize("suffix", ["nii.gz", "mha", "nrrd", "tif"])
def test_that_values_of_every_type_are_those_of_simpleitk(tmp_path: Path, suffix: str) -> None:
    kinds = ["u1", "u2", "f4"]
    if suffix != "tif":
        kinds += ["i1", "i2", "u4", "i4", "u8", "i8", "f8"]
    for kind in kinds:
        path = tmp_path / f"{kind}.{suffix}"
        values = (RANDOM.random((3, 5, 4)) * 120 - (60 if kind[0] == "i" else 0)).astype(kind)
        sitk.WriteImage(sitk.GetImageFromArray(values), str(path))
        theirs = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
        planes = [read_frame(path, index).stored for index in range(open_instance(path).frames)]
        np.testing.assert_array_equal(planes, theirs)
        np.testing.assert_array_equal(planes, values)
        assert planes[0].dtype == np.dtype(kind)


@pytest.mark.parametrize("suffix", ["nii", "mha", "nrrd"])
def test_that_flat_timed_and_coloured_volume_files_are_those_of_simpleitk(
    tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"v.{suffix}"
    octets = RANDOM.integers(0, 256, (2, 3, 5, 4)).astype(np.uint8)
    for values, color in (
        (octets[0, 0], False), (octets, False), (np.moveaxis(octets, 1, -1).copy(), True),
    ):  # fmt: skip
        sitk.WriteImage(sitk.GetImageFromArray(values, isVector=color), str(path))
        theirs = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
        planes = theirs.reshape(-1, *theirs.shape[-3 if color else -2 :])
        assert open_instance(path).frames == len(planes)
        for index, plane in enumerate(planes):
            np.testing.assert_array_equal(read_frame(path, index).stored, plane)


def test_that_voxels_of_two_numbers_are_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "v.nrrd"
    sitk.WriteImage(sitk.GetImageFromArray(np.ones((2, 3, 4), np.complex64)), str(path))
    with pytest.raises(ImageError, match=r"NRRD \(pixels of type complex.*one real number"):
        read_frame(path)


def test_that_a_scaled_nifti_gives_scaled_values(tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(np.full((3, 4, 4), 7, np.int16))
    path = tmp_path / "s.nii"
    sitk.WriteImage(image, str(path))
    data = bytearray(path.read_bytes())
    data[112:120] = np.array([0.5, 10], "<f4").tobytes()  # scl_slope, scl_inter
    path.write_bytes(data)
    frame = read_frame(path, 1)
    assert frame.stored.dtype.kind == "f"
    assert (frame.stored == 13.5).all()


@pytest.mark.parametrize("cut", [100, 400, 500])
def test_that_a_cut_or_lying_volume_file_is_one_clear_error(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "v.nii"
    sitk.WriteImage(sitk.GetImageFromArray(CUBE), str(path))
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ImageError, match=r"v\.nii.*(cut off|not an image)"):
        read_frame(path, 4)
    huge = tmp_path / "h.mha"
    huge.write_text(
        "ObjectType = Image\nNDims = 3\nDimSize = 20000 20000 20000\nElementType = MET_SHORT\n"
        "ElementDataFile = LOCAL\n"
    )
    with pytest.raises(ImageError, match="above the"):
        read_frame(huge)
