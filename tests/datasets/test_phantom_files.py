"""Phantoms on disk, read back by Pillow, pydicom and SimpleITK."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813 - its own idiom
from PIL import Image

from medadv_desktop.datasets.phantoms import phantom, write_phantom
from medadv_desktop.errors import ExportError, SettingsError


@pytest.mark.parametrize("domain", ["dermoscopy", "fundus"])
def test_that_a_colour_phantom_reads_back_from_its_png(domain, tmp_path):
    sample = phantom(domain, 1, 7, 64, labels=[1])
    path = write_phantom(sample, tmp_path / "new" / "folder")
    assert path.name == f"{domain}-s1-00007.png"
    with Image.open(path) as image:
        assert image.mode == "RGB"
        np.testing.assert_array_equal(np.asarray(image), sample.pixels)
        shows = {"dermoscopy": "melanoma", "fundus": "grade 1"}[domain]
        assert image.info["Description"] == f"Phantom, {domain}. Shows: {shows}"


def test_that_a_radiograph_is_a_real_dicom_object(tmp_path):
    sample = phantom("radiograph", 1, 7, 86, labels=(0, 0, 1, 0, 1, 0))
    path = write_phantom(sample, tmp_path)
    assert path.name == "radiograph-s1-00007.dcm"
    read = pydicom.dcmread(path)
    np.testing.assert_array_equal(read.pixel_array, sample.pixels)
    assert read.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
    assert read.SOPClassUID == "1.2.840.10008.5.1.4.1.1.1.1"
    assert read.file_meta.MediaStorageSOPInstanceUID == read.SOPInstanceUID
    expected = {
        "Modality": "DX",
        "PatientName": "Phantom^Radiograph",
        "PatientID": "PHANTOM-1-00007",
        "SeriesDescription": "Phantom chest PA",
        "BodyPartExamined": "CHEST",
        "ViewPosition": "PA",
        "PhotometricInterpretation": "MONOCHROME2",
        "PresentationLUTShape": "IDENTITY",
        "BitsAllocated": 16,
        "BitsStored": 12,
        "HighBit": 11,
        "PixelRepresentation": 0,
        "SamplesPerPixel": 1,
        "Rows": 86,
        "Columns": 86,
        "ImageComments": "Shows: nodule, pneumothorax",
    }
    assert {name: getattr(read, name) for name in expected} == expected
    assert [float(v) for v in read.PixelSpacing] == [5.0, 5.0]
    assert [float(v) for v in read.ImagerPixelSpacing] == [5.0, 5.0]
    for element in read.iterall():
        assert element.VR != "UN"


def test_that_the_window_of_the_file_shows_all_twelve_bits(tmp_path):
    read = pydicom.dcmread(write_phantom(phantom("radiograph", 1, 1, 64), tmp_path))
    centre, width = float(read.WindowCenter), float(read.WindowWidth)
    # PS3.3 C.11.2.1.2.1: black at and below the first value, white above the second.
    assert centre - 0.5 - (width - 1) / 2 == 0
    assert centre - 0.5 + (width - 1) / 2 == 4095


def test_that_simpleitk_reads_the_same_pixels_and_spacing(tmp_path):
    sample = phantom("radiograph", 2, 3, 86)
    image = sitk.ReadImage(str(write_phantom(sample, tmp_path)))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image)[0], sample.pixels)
    assert image.GetSpacing()[:2] == (5.0, 5.0)


def test_that_monochrome1_holds_the_inverted_values(tmp_path):
    sample = phantom("radiograph", 2, 3, 64)
    read = pydicom.dcmread(write_phantom(sample, tmp_path, monochrome1=True))
    assert (read.PhotometricInterpretation, read.PresentationLUTShape) == ("MONOCHROME1", "INVERSE")
    np.testing.assert_array_equal(read.pixel_array.astype(int), 4095 - sample.pixels.astype(int))


def test_that_the_display_shows_monochrome1_and_monochrome2_alike(tmp_path):
    from medadv_desktop.imaging.display import render
    from medadv_desktop.imaging.reading import read_frame

    sample = phantom("radiograph", 2, 3, 64)
    light = [
        render(read_frame(write_phantom(sample, tmp_path / str(flag), monochrome1=flag)))
        for flag in (False, True)
    ]
    expected = sample.pixels / 4095 * 255
    for shown in light:
        assert np.abs(shown.astype(float) - expected).max() <= 1


def test_that_files_and_uids_are_the_same_every_time_and_differ_between_phantoms(tmp_path):
    sample = phantom("radiograph", 1, 0, 64, labels=(0,) * 6)
    first, again = (write_phantom(sample, tmp_path / name) for name in "ab")
    assert first.read_bytes() == again.read_bytes()
    base = pydicom.dcmread(first)
    ill = phantom("radiograph", 1, 0, 64, labels=(1,) * 6)
    other = phantom("radiograph", 1, 1, 64)
    later, stranger = (
        pydicom.dcmread(write_phantom(s, tmp_path / n)) for s, n in ((ill, "c"), (other, "d"))
    )
    assert base.StudyInstanceUID == later.StudyInstanceUID
    assert base.SeriesInstanceUID != later.SeriesInstanceUID
    assert base.StudyInstanceUID != stranger.StudyInstanceUID
    assert len({base.SOPInstanceUID, later.SOPInstanceUID, stranger.SOPInstanceUID}) == 3


def test_that_a_colour_phantom_has_no_monochrome1(tmp_path):
    with pytest.raises(SettingsError) as refusal:
        write_phantom(phantom("fundus", 1, 1, 64), tmp_path, monochrome1=True)
    assert refusal.value.subject == "monochrome1"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("domain", ["fundus", "radiograph"])
def test_that_a_folder_that_is_a_file_is_a_clear_error(domain, tmp_path):
    occupied = tmp_path / "occupied"
    occupied.write_text("in the way")
    with pytest.raises(ExportError):
        write_phantom(phantom(domain, 1, 1, 64), occupied)
    assert occupied.read_text() == "in the way"


def test_that_a_radiograph_passes_the_checks_of_its_kind(tmp_path):
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy is not installed (Debian's dicom3tools)")
    path = write_phantom(phantom("radiograph", 5, 0, 64), tmp_path)
    done = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
    said = (done.stdout + done.stderr).splitlines()
    assert [line for line in said if line.startswith("Error")] == []
