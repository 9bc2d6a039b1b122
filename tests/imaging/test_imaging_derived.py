"""An exported adversarial DICOM: equal pixels everywhere, a header that says what it is, no
patient, and no fault that the source did not have."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813
from imaging_samples import frame_of, shipped, write_dicom
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    UltrasoundImageStorage,
)

from medadv_desktop.errors import ExportError
from medadv_desktop.imaging.burned_mark import burn_mark
from medadv_desktop.imaging.deidentify import deidentify, replaced_uid
from medadv_desktop.imaging.derived import write_derived_dicom
from medadv_desktop.imaging.display import render
from medadv_desktop.imaging.export import write_png
from medadv_desktop.imaging.frame import (
    Frame,
    Instance,
    ModalityTransform,
    Photometric,
    Pose,
    Spacing,
)
from medadv_desktop.imaging.iod_rules import NEVER_SECONDARY, OF_MR_ACQUISITION
from medadv_desktop.imaging.phi import is_phi
from medadv_desktop.imaging.reading import read_frame
from medadv_desktop.imaging.scanning import scan
from medadv_desktop.jobs import CancelToken

ATTACK = "PGD, L-infinity, 4/255, 20 steps of 1/255, seed 7"
SOURCES = {
    "CR": "RG3_UNCI.dcm",
    "CT": "CT_small.dcm",
    "MR": "MR_small.dcm",
    "US": "US1_UNCI.dcm",
    "SC": "SC_rgb.dcm",
    "CT, big padding": "693_UNCI.dcm",
    "US, lossless JPEG": "JPGLosslessP14SV1_1s_1f_8b.dcm",
    "US, palette": "OBXXXX1A.dcm",
    "enhanced CT": "eCT_Supplemental.dcm",
    "modality table": "mlut_18.dcm",
    "VOI table": "vlut_04.dcm",
    "big endian": "MR_small_bigendian.dcm",
    "YBR cine": "examples_ybr_color.dcm",
    "NM in frames": "JPEG2000_UNC.dcm",
    "enhanced MR": "emri_small.dcm",
    "deflated": "image_dfl.dcm",
}

needs_dciodvfy = pytest.mark.skipif(
    shutil.which("dciodvfy") is None, reason="dciodvfy (dicom3tools) is not here"
)


def attacked(frame: Frame) -> np.ndarray:
    """Every stored value one up or down, inside of what the encoding holds and beside padding."""
    low, high = frame.value_range
    steps = np.random.default_rng(3).integers(-1, 2, frame.stored.shape)
    moved = np.clip(frame.stored.astype(np.int64) + steps, low, high)
    mask = frame.padding_mask()
    return np.where(False if mask is None else mask, frame.stored, moved).astype(frame.stored.dtype)


def quietly(path: Path) -> Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.dcmread(path)


@cache
def errors_of(path: Path) -> frozenset[str]:
    """What dciodvfy calls an error. A UID is told apart by what is wrong with it, not by its value
    or place: the new file names its source by the source's own."""
    run = subprocess.run(
        ["dciodvfy", "-new", str(path)],
        capture_output=True,
        text=True,
        check=False,
        errors="replace",
    )
    errors = (line for line in run.stderr.splitlines() if line.startswith("Error"))
    return frozenset(
        re.sub("<[^>]*>", "", line.partition("> - ")[2]) if "UID" in line else line
        for line in errors
    )


def errors_of_source(path: Path, folder: Path) -> frozenset[str]:
    dataset = quietly(path)
    if dataset.file_meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
        return errors_of(path)
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian  # dciodvfy cannot inflate
    dataset.save_as(folder / "inflated.dcm")
    return errors_of(folder / "inflated.dcm")


def outside(mark: tuple[int, int, int, int] | None, shape: tuple[int, ...]) -> np.ndarray:
    kept = np.ones(shape[:2], dtype=bool)
    if mark is not None:
        top, left, height, width = mark
        kept[top : top + height, left : left + width] = False
    return kept


@pytest.mark.parametrize("name", SOURCES.values(), ids=SOURCES)
@pytest.mark.parametrize("private", [True, False], ids=["de-identified", "as it is"])
def test_that_it_reopens_equal_here_and_in_pydicom_and_adds_no_error(
    tmp_path: Path, name: str, private: bool
) -> None:
    frame = read_frame(shipped(name))
    stored = attacked(frame)
    made = write_derived_dicom(frame, stored, tmp_path / "a.dcm", attack=ATTACK, deidentify=private)
    kept = outside(made.mark, stored.shape)
    assert 0 < (~kept).sum() < 0.45 * kept.size
    again = read_frame(made.path)
    np.testing.assert_array_equal(again.stored[kept], stored[kept])
    for field in ("photometric", "bits_stored", "modality", "windows", "voi_luts", "spacing",
                  "padding", "inverted_presentation"):  # fmt: skip
        assert getattr(again, field) == getattr(frame, field), field
    dataset = quietly(made.path)
    assert dataset.file_meta.TransferSyntaxUID.name == "Explicit VR Little Endian"
    assert dataset.BitsAllocated == 8 * stored.dtype.itemsize
    np.testing.assert_array_equal(dataset.pixel_array[kept], stored[kept])
    if shutil.which("dciodvfy"):
        assert errors_of(made.path) - errors_of_source(shipped(name), tmp_path) == frozenset()


@needs_dciodvfy
def test_that_every_class_of_image_that_pydicom_ships_is_exported_without_a_new_error(
    tmp_path: Path,
) -> None:
    smallest: dict[str, Instance] = {}
    for found in scan(
        [shipped("CT_small.dcm").parent, shipped("JPEG-LL.dcm").parent], CancelToken()
    ):
        if isinstance(found, Instance) and found.sop_class and found.bits_stored > 1:
            best = smallest.setdefault(found.sop_class, found)
            if found.size < best.size:
                smallest[found.sop_class] = found
    assert len(smallest) >= 9
    for found in smallest.values():
        frame = read_frame(found.path)
        made = write_derived_dicom(
            frame, attacked(frame), tmp_path / "a.dcm", attack=ATTACK, burn_in=False
        )
        errors_of.cache_clear()
        new = errors_of(made.path) - errors_of_source(found.path, tmp_path)
        assert new == frozenset(), found.path.name


@needs_dciodvfy
@pytest.mark.parametrize(
    "uid",
    sorted(NEVER_SECONDARY | {UltrasoundImageStorage, DigitalXRayImageStorageForPresentation}),
)
def test_that_classes_which_nobody_ships_get_no_new_error(tmp_path: Path, uid: str) -> None:
    path = write_dicom(
        tmp_path / "s.dcm", np.zeros((64, 96), np.uint16), bits_stored=12, SOPClassUID=uid,
        ImageType=["ORIGINAL", "PRIMARY", "AXIAL"], Modality="OT", PatientName="A^B",
        RescaleSlope=1, RescaleIntercept=0, RescaleType="US", PulseSequenceName="SE",
    )  # fmt: skip
    frame = read_frame(path)
    made = write_derived_dicom(frame, frame.stored, tmp_path / "a.dcm", attack=ATTACK)
    assert errors_of(made.path) - errors_of(path) == frozenset()


def test_that_a_derived_enhanced_mr_leaves_the_acquisition_to_its_source(tmp_path: Path) -> None:
    frame = read_frame(shipped("emri_small.dcm"), 4)
    made = write_derived_dicom(frame, frame.stored, tmp_path / "a.dcm", attack=ATTACK)
    source, out = quietly(shipped("emri_small.dcm")), quietly(made.path)
    assert "PulseSequenceName" in source
    assert not any(keyword in out for keyword in OF_MR_ACQUISITION)
    assert out.ImageType[:2] == ["DERIVED", "PRIMARY"]
    assert out.SourceImageSequence[0].ReferencedFrameNumber == 5
    assert any("acquired" in note for note in made.notes)


@needs_dciodvfy
def test_that_a_capture_of_a_raster_has_no_error_at_all(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", np.random.default_rng(0).integers(0, 65536, (80, 120), np.uint16))
    frame = read_frame(tmp_path / "a.png")
    made = write_derived_dicom(frame, frame.stored, tmp_path / "a.dcm", attack=ATTACK)
    assert errors_of(made.path) == frozenset()


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small.dcm", "RG3_UNCI.dcm", "US1_UNCI.dcm"])
def test_that_simpleitk_reads_equal_values(tmp_path: Path, name: str) -> None:
    frame = read_frame(shipped(name))
    stored = attacked(frame)
    path = tmp_path / "a.dcm"
    write_derived_dicom(frame, stored, path, attack=ATTACK, burn_in=False)
    theirs = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))[0]
    expected = stored * frame.modality.slope + frame.modality.intercept
    if frame.photometric is Photometric.MONOCHROME1:
        # SimpleITK turns MONOCHROME1 round silently: undo it.
        theirs = int(theirs.max()) + int(stored.min()) - theirs.astype(np.int64)
    np.testing.assert_array_equal(theirs, expected)


def test_that_it_says_what_it_is_and_where_it_came_from(tmp_path: Path) -> None:
    source = quietly(shipped("CT_small.dcm"))
    frame = read_frame(shipped("CT_small.dcm"))
    made = write_derived_dicom(
        frame, frame.stored, tmp_path / "a.dcm", attack=ATTACK, deidentify=False
    )
    dataset = quietly(made.path)
    assert list(dataset.ImageType[:2]) == ["DERIVED", "SECONDARY"]
    assert dataset.ImageType[2:] == source.ImageType[2:]
    assert "NOT FOR DIAGNOSIS" in dataset.DerivationDescription
    assert ATTACK in dataset.DerivationDescription
    assert "NOT FOR DIAGNOSIS" in dataset.SeriesDescription
    reference = dataset.SourceImageSequence[0]
    assert reference.ReferencedSOPInstanceUID == source.SOPInstanceUID
    assert reference.ReferencedSOPClassUID == dataset.SOPClassUID == source.SOPClassUID
    assert dataset.StudyInstanceUID == source.StudyInstanceUID == made.study_instance_uid
    assert dataset.SOPInstanceUID == made.sop_instance_uid != source.SOPInstanceUID
    assert dataset.SeriesInstanceUID == made.series_instance_uid != source.SeriesInstanceUID
    assert dataset.file_meta.MediaStorageSOPInstanceUID == made.sop_instance_uid
    assert dataset.PatientName == source.PatientName
    machine = dataset.ContributingEquipmentSequence[-1]
    assert machine.ManufacturerModelName == "MedAdv Desktop"
    assert machine.PurposeOfReferenceCodeSequence[0].CodeValue == "109103"


def test_that_it_is_deidentified_by_default(tmp_path: Path) -> None:
    item = Dataset()
    item.PatientID, item.ReferencedSOPInstanceUID = "SECRET-ID", "1.2.3.55"
    path = write_dicom(
        tmp_path / "s.dcm", np.arange(8000, dtype=np.uint16).reshape(80, 100),
        PatientName="SECRET^Name", PatientID="SECRET-ID", PatientBirthDate="19510213",
        InstitutionName="SECRET clinic", StudyDate="20190405", AcquisitionDate="20190405",
        StudyDescription="SECRET study", OperatorsName="SECRET^Op", DeviceSerialNumber="SECRET1",
        ImageComments="SECRET note", AccessionNumber="SECRET2", ReferencedImageSequence=[item],
        FrameOfReferenceUID="1.2.3.9",
    )  # fmt: skip
    dataset = pydicom.dcmread(path)
    block = dataset.private_block(0x0011, "SECRET MAKER", create=True)
    block.add_new(1, "LO", "SECRET private")
    dataset.add_new(0x60000010, "US", 80)
    dataset.add_new(0x60003000, "OW", b"SECRET")
    dataset.save_as(path)
    frame = read_frame(path)
    made = write_derived_dicom(frame, frame.stored, tmp_path / "a.dcm", attack=ATTACK)
    raw = made.path.read_bytes()
    for secret in (b"SECRET", b"19510213", b"20190405", b"1.2.3.4\0", b"1.2.3.55", b"1.2.3.9"):
        assert secret not in raw
    out = pydicom.dcmread(made.path)
    assert out.PatientIdentityRemoved == "YES"
    assert out.DeidentificationMethodCodeSequence[0].CodeValue == "113100"
    assert (out.PatientName, out.StudyDate) == ("", "")
    reference = out.SourceImageSequence[0].ReferencedSOPInstanceUID
    assert reference == replaced_uid(frame.provenance.sop_instance_uid)
    kept = {"DerivationDescription", "SeriesDescription", "SourceImageSequence",
            "ReferencedImageSequence",
            "ContributionDescription"}  # fmt: skip
    for element in out.iterall():
        if is_phi(int(element.tag)) and element.keyword not in kept and element.VR != "UI":
            assert element.is_empty or element.value in ("ANONYMIZED", "19000101"), element.keyword


def test_that_one_study_stays_one_study_and_series_are_new(tmp_path: Path) -> None:
    frame = read_frame(shipped("CT_small.dcm"))
    first, second = (
        write_derived_dicom(frame, frame.stored, tmp_path / name, attack=ATTACK) for name in "ab"
    )
    assert first.study_instance_uid == second.study_instance_uid
    assert first.study_instance_uid != frame.provenance.study_instance_uid
    assert first.series_instance_uid != second.series_instance_uid
    assert first.sop_instance_uid != second.sop_instance_uid


def test_that_replaced_uids_are_valid_and_those_of_dicom_stay() -> None:
    new = replaced_uid("1.2.3.4")
    assert pydicom.uid.UID(new).is_valid
    assert new == replaced_uid("1.2.3.4") != replaced_uid("1.2.3.5")
    assert replaced_uid("1.2.840.10008.1.4.1.1") == "1.2.840.10008.1.4.1.1"


def test_that_text_in_the_pixels_is_not_called_removed() -> None:
    dataset = Dataset()
    dataset.BurnedInAnnotation = "YES"
    deidentify(dataset)
    assert dataset.PatientIdentityRemoved == "NO"


@pytest.mark.parametrize("said", [None, "YES", "NO"])
def test_that_burned_in_identity_is_told(tmp_path: Path, said: str | None) -> None:
    elements = {"BurnedInAnnotation": said} if said else {}
    path = write_dicom(tmp_path / "s.dcm", np.zeros((60, 100), np.uint8), **elements)
    frame = read_frame(path)
    made = write_derived_dicom(frame, frame.stored, tmp_path / "a.dcm", attack=ATTACK)
    assert any("burned" in note for note in made.notes) == (said != "NO")
    out = pydicom.dcmread(made.path)
    assert out.get("BurnedInAnnotation") == said
    assert out.PatientIdentityRemoved == ("NO" if said == "YES" else "YES")


def test_that_a_frame_of_many_is_written_alone_with_its_own_groups(tmp_path: Path) -> None:
    def group(slope: str) -> Dataset:
        inner, outer = Dataset(), Dataset()
        inner.RescaleSlope, inner.RescaleIntercept, inner.RescaleType = slope, "0", "US"
        outer.PixelValueTransformationSequence = [inner]
        return outer

    stored = np.arange(2 * 60 * 100, dtype=np.uint16).reshape(120, 100)
    path = write_dicom(
        tmp_path / "m.dcm", stored, Rows=60, NumberOfFrames=2,
        PerFrameFunctionalGroupsSequence=[group("2"), group("3")],
    )  # fmt: skip
    frame = read_frame(path, 1)
    made = write_derived_dicom(frame, frame.stored, tmp_path / "a.dcm", attack=ATTACK)
    out = pydicom.dcmread(made.path)
    assert out.NumberOfFrames == 1
    assert "frame 2" in out.DerivationDescription
    assert read_frame(made.path).modality.slope == 3


@pytest.mark.parametrize(("offsets", "left"), [([0, 5, 10], "0"), ([40, 45, 50], "50")])
def test_that_a_plane_of_a_dose_is_written_at_its_own_place(
    tmp_path: Path, offsets: list[int], left: str
) -> None:
    # PS3.3 C.8.8.3.2: along the normal of the planes, here the y axis turned round.
    path = write_dicom(
        tmp_path / "d.dcm", np.zeros((12, 4), np.uint16), Rows=4, NumberOfFrames=3,
        ImagePositionPatient=[10, 20, 30], ImageOrientationPatient=[1, 0, 0, 0, 0, 1],
        GridFrameOffsetVector=offsets, DetectorVector=[7, 8, 9],
    )  # fmt: skip
    frame = read_frame(path, 2)
    made = write_derived_dicom(
        frame, frame.stored, tmp_path / "a.dcm", attack=ATTACK, burn_in=False
    )
    out = pydicom.dcmread(made.path)
    assert [float(v) for v in out.ImagePositionPatient] == [10, 10, 30]
    assert float(out.GridFrameOffsetVector) == float(left)
    assert out.DetectorVector == 9


def test_that_a_frame_of_a_multi_frame_class_is_referenced_by_its_number(tmp_path: Path) -> None:
    frame = read_frame(shipped("examples_ybr_color.dcm"), 3)
    made = write_derived_dicom(frame, frame.stored, tmp_path / "a.dcm", attack=ATTACK)
    assert pydicom.dcmread(made.path).SourceImageSequence[0].ReferencedFrameNumber == 4


def test_that_an_icon_and_extremes_of_the_old_pixels_are_gone(tmp_path: Path) -> None:
    path = write_dicom(
        tmp_path / "s.dcm", np.zeros((60, 100), np.uint16), IconImageSequence=[Dataset()],
        SmallestImagePixelValue=0, LargestImagePixelValue=7,
    )  # fmt: skip
    frame = read_frame(path)
    made = write_derived_dicom(
        frame, frame.stored, tmp_path / "a.dcm", attack=ATTACK, deidentify=False
    )
    out = pydicom.dcmread(made.path)
    for keyword in ("IconImageSequence", "SmallestImagePixelValue", "LargestImagePixelValue"):
        assert keyword not in out


def test_that_lossy_compression_stays_in_the_history(tmp_path: Path) -> None:
    frame = read_frame(shipped("SC_rgb_jpeg_dcmtk.dcm"))
    made = write_derived_dicom(frame, frame.stored, tmp_path / "a.dcm", attack=ATTACK)
    out = pydicom.dcmread(made.path)
    assert out.LossyImageCompression == "01"
    assert out.LossyImageCompressionMethod == "ISO_10918_1"
    assert float(out.LossyImageCompressionRatio) >= 1


@pytest.mark.parametrize("charset", [None, "ISO_IR 100", "ISO 2022 IR 87"])
def test_that_signs_of_the_attack_and_foreign_names_both_survive(
    tmp_path: Path, charset: str | None
) -> None:
    name = {None: "Doe^Jane", "ISO_IR 100": "Müller^Jürgen"}.get(charset, "Yamada=山田^太郎")
    elements: dict[str, Any] = {"SpecificCharacterSet": charset} if charset else {}
    if charset and "2022" in charset:
        elements["SpecificCharacterSet"] = ["", charset]
    path = write_dicom(
        tmp_path / "s.dcm", np.zeros((60, 100), np.uint16), PatientName=name, **elements
    )
    frame = read_frame(path)
    text = "PGD, L∞, ε = 4/255"
    made = write_derived_dicom(
        frame, frame.stored, tmp_path / "a.dcm", attack=text, deidentify=False
    )
    out = pydicom.dcmread(made.path)
    assert text in out.DerivationDescription
    assert str(out.PatientName) == name


def test_that_the_mark_is_there_by_default_and_can_be_left_out(tmp_path: Path) -> None:
    frame = read_frame(shipped("CT_small.dcm"))
    marked = write_derived_dicom(frame, frame.stored, tmp_path / "m.dcm", attack=ATTACK)
    plain = write_derived_dicom(
        frame, frame.stored, tmp_path / "p.dcm", attack=ATTACK, burn_in=False
    )
    assert marked.mark is not None
    assert plain.mark is None
    assert not np.array_equal(read_frame(marked.path).stored, frame.stored)
    np.testing.assert_array_equal(read_frame(plain.path).stored, frame.stored)
    assert "rows" in pydicom.dcmread(marked.path).DerivationDescription


@pytest.mark.parametrize("shape", [(64, 64), (100, 130), (512, 512), (2000, 1500)])
@pytest.mark.parametrize("kind", ["dark", "light", "falling", "padded", "colour", "constant"])
def test_that_the_mark_is_light_on_dark_at_either_polarity(
    shape: tuple[int, int], kind: str
) -> None:
    stored: Any = np.random.default_rng(0).integers(100, 900, shape).astype(np.uint16)
    fields: dict[str, Any] = {"bits_stored": 12}
    if kind == "light":
        fields["photometric"] = Photometric.MONOCHROME1
    if kind == "falling":
        fields["modality"] = ModalityTransform(-1, 0)
    if kind == "padded":
        stored[:3] = 0
        fields["padding"] = (0.0, 99.0)
    if kind == "colour":
        stored, fields = np.repeat(stored[..., None] // 4, 3, 2).astype(np.uint8), {}
    if kind == "constant":
        stored[:] = 7
    frame = frame_of(stored, **fields)
    marked, (top, left, height, width) = burn_mark(frame, stored)
    assert top >= 0 and left >= 0 and top + height == shape[0] and left + width <= shape[1]  # noqa: PT018
    box = (slice(top, top + height), slice(left, left + width))
    light = render(frame_of(marked, **fields))
    letters = light[box] if light.ndim == 2 else light[box][..., 0]
    levels = np.unique(letters)
    assert len(levels) == 2
    assert levels[1] - levels[0].astype(int) >= 200
    # Five bits by seven dots: letters cover well under half of the box, which is the dark part.
    assert 0.1 < (letters == levels[1]).mean() < 0.5
    rest = outside((top, left, height, width), shape)
    np.testing.assert_array_equal(marked[rest], stored[rest])
    mask = frame_of(marked, **fields).padding_mask()
    assert mask is None or not mask[box].any()


def test_that_an_image_too_small_for_the_words_is_refused_and_nothing_is_left(
    tmp_path: Path,
) -> None:
    frame = read_frame(write_dicom(tmp_path / "s.dcm", np.zeros((10, 10), np.uint8)))
    with pytest.raises(ExportError, match="too small"):
        write_derived_dicom(frame, frame.stored, tmp_path / "a.dcm", attack=ATTACK)
    assert [p.name for p in tmp_path.iterdir()] == ["s.dcm"]
    write_derived_dicom(frame, frame.stored, tmp_path / "a.dcm", attack=ATTACK, burn_in=False)


@pytest.mark.parametrize("wrong", ["shape", "type", "range"])
def test_that_values_that_do_not_fit_the_source_are_refused(tmp_path: Path, wrong: str) -> None:
    path = write_dicom(tmp_path / "s.dcm", np.zeros((60, 100), np.uint16), bits_stored=12)
    frame = read_frame(path)
    stored = {
        "shape": np.zeros((60, 99), np.uint16),
        "type": np.zeros((60, 100), np.int32),
        "range": np.full((60, 100), 4096, np.uint16),
    }[wrong]
    with pytest.raises(ExportError):
        write_derived_dicom(frame, stored, tmp_path / "a.dcm", attack=ATTACK)
    assert not (tmp_path / "a.dcm").exists()


def test_that_a_vanished_source_and_an_endless_text_are_refused(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "s.dcm", np.zeros((60, 100), np.uint16))
    frame = read_frame(path)
    with pytest.raises(ExportError, match="too long"):
        write_derived_dicom(frame, frame.stored, tmp_path / "a.dcm", attack="x" * 1024)
    path.unlink()
    with pytest.raises(ExportError, match="header"):
        write_derived_dicom(frame, frame.stored, tmp_path / "a.dcm", attack=ATTACK)
    assert list(tmp_path.iterdir()) == []


def test_that_a_raster_becomes_a_secondary_capture(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 100, 3), np.uint8)
    write_png(tmp_path / "a.png", pixels)
    frame = read_frame(tmp_path / "a.png")
    made = write_derived_dicom(frame, pixels, tmp_path / "a.dcm", attack=ATTACK, burn_in=False)
    out = pydicom.dcmread(made.path)
    assert out.SOPClassUID.name == "Secondary Capture Image Storage"
    np.testing.assert_array_equal(out.pixel_array, pixels)
    assert any("PNG" in note for note in made.notes)


def test_that_a_plane_cut_through_a_series_has_its_own_geometry(tmp_path: Path) -> None:
    source = read_frame(shipped("CT_small.dcm"))
    plane = dataclasses.replace(
        source,
        stored=np.ascontiguousarray(source.stored[20:120]),
        spacing=Spacing(5.0, 0.661468),
        pose=Pose((-158.5, -20.25, 90.0), (1, 0, 0, 0, 0, -1)),
        provenance=dataclasses.replace(source.provenance, sop_instance_uid="", frame=17),
    )
    made = write_derived_dicom(plane, plane.stored, tmp_path / "a.dcm", attack=ATTACK)
    out = pydicom.dcmread(made.path)
    assert [float(v) for v in out.ImagePositionPatient] == [-158.5, -20.25, 90]
    assert [float(v) for v in out.ImageOrientationPatient] == [1, 0, 0, 0, 0, -1]
    assert [float(v) for v in out.PixelSpacing] == [5, 0.661468]
    assert (out.Rows, out.Columns) == (100, 128)
    assert "SourceImageSequence" not in out
    assert "SliceLocation" not in out
    assert any("reformatted" in note for note in made.notes)
    if shutil.which("dciodvfy"):
        assert errors_of(made.path) - errors_of(shipped("CT_small.dcm")) == frozenset()


def test_that_single_bits_are_refused_with_a_way_out(tmp_path: Path) -> None:
    frame = read_frame(shipped("liver_1frame.dcm"))
    with pytest.raises(ExportError, match="one bit"):
        write_derived_dicom(frame, frame.stored, tmp_path / "a.dcm", attack=ATTACK)
