"""Phantoms as files: PNG for the colour domains, a real DICOM object for the radiograph."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    generate_uid,
)

from medadv_desktop.datasets.phantoms.catalogue import DOMAINS
from medadv_desktop.datasets.phantoms.sample import PhantomSample
from medadv_desktop.datasets.phantoms.thorax import SIDE_MM
from medadv_desktop.errors import SettingsError
from medadv_desktop.files import write_atomically
from medadv_desktop.imaging.export import write_png

BITS_STORED = 12
_LARGEST = 2**BITS_STORED - 1
# Centre and width of LINEAR (PS3.3 C.11.2.1.2.1) that show 0 to 4095 in full.
_WINDOW = (2048.0, 4096.0)
_DATE, _TIME = "20210101", "120000"


def write_phantom(sample: PhantomSample, folder: Path | str, *, monochrome1: bool = False) -> Path:
    """Write a phantom into `folder`, which is made if need be, and return the file's path.

    The name tells domain, seed and index: ``radiograph-s1-00007.dcm``. Colour phantoms become 8-bit
    RGB PNG files with what they show in the text chunk "Description". A radiograph becomes a
    Digital X-Ray Image for Presentation (PS3.3 A.26), Explicit VR Little Endian, 12 bits stored of
    16, with window, spacing and UIDs that depend on seed, index, size and labels alone.

    Args:
        monochrome1: radiograph only: store the values inverted, as MONOCHROME1.

    Raises:
        SettingsError: `monochrome1` for a colour phantom.
        ExportError: the file could not be written; nothing is left behind.
    """
    grey = sample.pixels.ndim == 2
    if monochrome1 and not grey:
        raise SettingsError(
            f"a {sample.domain} phantom has colours",
            subject="monochrome1",
            remedy="Use it for the radiograph alone",
        )
    name = f"{sample.domain}-s{sample.seed}-{sample.index:05d}"
    path = Path(folder) / f"{name}{'.dcm' if grey else '.png'}"
    if grey:
        encoded = io.BytesIO()
        radiograph_dataset(sample, monochrome1).save_as(encoded, enforce_file_format=True)
        write_atomically(path, encoded.getvalue())
    else:
        note = f"Phantom, {sample.domain}. Shows: {shown(sample)}"
        write_png(path, sample.pixels, text={"Description": note})
    return path


def shown(sample: PhantomSample) -> str:
    """What a phantom shows, in words: its class, or its findings."""
    classes = DOMAINS[sample.domain].classes
    if DOMAINS[sample.domain].task == "single-label":
        return classes[sample.labels[0]]
    present = [name for name, label in zip(classes, sample.labels, strict=True) if label]
    return ", ".join(present) or "no finding"


def radiograph_dataset(sample: PhantomSample, monochrome1: bool = False) -> FileDataset:
    """The DICOM object of a radiograph phantom, with its file meta information."""
    labels = "".join(map(str, sample.labels))
    side = sample.pixels.shape[0]
    patient = f"radiograph-{sample.seed}-{sample.index}"
    image = f"{patient}-{side}-{labels}-{int(monochrome1)}"

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    meta.MediaStorageSOPInstanceUID = _uid("instance", image)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)

    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = meta.MediaStorageSOPClassUID
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    dataset.StudyInstanceUID = _uid("study", patient)
    dataset.SeriesInstanceUID = _uid("series", f"{patient}-{labels}")
    dataset.PatientName = "Phantom^Radiograph"
    dataset.PatientID = f"PHANTOM-{sample.seed}-{sample.index:05d}"
    dataset.PatientBirthDate = ""
    dataset.PatientSex = "O"
    dataset.StudyDate = dataset.SeriesDate = dataset.AcquisitionDate = dataset.ContentDate = _DATE
    dataset.StudyTime = dataset.SeriesTime = dataset.AcquisitionTime = dataset.ContentTime = _TIME
    dataset.AccessionNumber = dataset.ReferringPhysicianName = ""
    dataset.StudyID = "1"
    dataset.StudyDescription = "Phantom chest"
    dataset.SeriesDescription = "Phantom chest PA"
    dataset.SeriesNumber = 1
    dataset.InstanceNumber = 1
    _describe(dataset, shown(sample))
    _add_pixels(dataset, np.asarray(sample.pixels), monochrome1)
    return dataset


def _describe(dataset: FileDataset, findings: str) -> None:
    """Series, equipment, anatomy and DX Image attributes (PS3.3 C.8.11)."""
    dataset.Modality = "DX"
    dataset.Manufacturer = "MedAdv Desktop"
    dataset.ManufacturerModelName = "Radiograph phantom"
    dataset.PresentationIntentType = "FOR PRESENTATION"
    dataset.ImageType = ["DERIVED", "PRIMARY", ""]
    dataset.DerivationDescription = "Computed phantom, not a patient"
    dataset.ImageComments = f"Shows: {findings}"
    dataset.BodyPartExamined = "CHEST"
    dataset.AnatomicRegionSequence = _code("816094009", "Chest")
    dataset.ViewPosition = "PA"
    # Type 2: of a computed image there is neither a detector nor a positioner to name.
    dataset.DetectorType = dataset.PositionerType = ""
    dataset.ViewCodeSequence = _code("272479007", "postero-anterior")
    dataset.AcquisitionContextSequence = Sequence()
    dataset.ImageLaterality = "U"
    dataset.PatientOrientation = ["L", "F"]
    dataset.BurnedInAnnotation = "NO"


def _add_pixels(dataset: FileDataset, pixels: NDArray[np.generic], monochrome1: bool) -> None:
    """Image Pixel, VOI LUT and spacing attributes (PS3.3 C.7.6.3, C.11.2, 10.7)."""
    height, width = pixels.shape
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME1" if monochrome1 else "MONOCHROME2"
    dataset.PresentationLUTShape = "INVERSE" if monochrome1 else "IDENTITY"
    dataset.Rows, dataset.Columns = height, width
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, BITS_STORED, BITS_STORED - 1
    dataset.PixelRepresentation = 0
    dataset.PixelIntensityRelationship = "LOG"
    dataset.PixelIntensityRelationshipSign = 1 if monochrome1 else -1
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = "0", "1", "US"
    dataset.LossyImageCompression = "00"
    dataset.WindowCenter, dataset.WindowWidth = _WINDOW
    dataset.WindowCenterWidthExplanation = "Full range"
    spacing = f"{SIDE_MM / height:.6g}"
    dataset.ImagerPixelSpacing = [spacing, spacing]
    dataset.PixelSpacing = [spacing, spacing]
    dataset.PixelSpacingCalibrationType = "GEOMETRY"
    dataset.PixelSpacingCalibrationDescription = "Exact by construction"
    stored = pixels.astype(np.int64)
    dataset.PixelData = (_LARGEST - stored if monochrome1 else stored).astype("<u2").tobytes()


def _uid(level: str, identity: str) -> UID:
    return UID(generate_uid(entropy_srcs=["MedAdv Desktop phantom", level, identity]))


def _code(value: str, meaning: str) -> Sequence:
    """A code sequence of one SNOMED CT concept (PS3.3 8.8)."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "SCT", meaning
    return Sequence([item])
