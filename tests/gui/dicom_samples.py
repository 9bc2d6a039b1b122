"""Small DICOM files made by pydicom alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    BasicTextSRStorage,
    CTImageStorage,
    ExplicitVRLittleEndian,
    MediaStorageDirectoryStorage,
    generate_uid,
)

PATIENT = "Nobody^Nemo"
SIDE = 96


def ct_slice(
    path: Path, *, depth: float, number: int, study: str, series: str, description: str = "Thorax"
) -> Path:
    """An axial CT slice of 96×96 pixels at a depth in millimetres."""
    dataset = _header(CTImageStorage, study, series)
    dataset.Modality = "CT"
    dataset.SeriesDescription = description
    dataset.StudyDescription = "Follow-up"
    dataset.SeriesNumber = 4
    dataset.InstanceNumber = number
    dataset.ImagePositionPatient = [0, 0, depth]
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.PixelSpacing = [1, 1]
    dataset.Rows = dataset.Columns = SIDE
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    dataset.RescaleSlope, dataset.RescaleIntercept = 1, -1024
    dataset.WindowCenter, dataset.WindowWidth = 40, 400
    pixels = np.random.default_rng(number).integers(900, 1200, (SIDE, SIDE), dtype=np.uint16)
    dataset.PixelData = pixels.tobytes()
    dataset.save_as(path, enforce_file_format=True)
    return path


def report(path: Path, study: str) -> Path:
    """A structured report: an object without pixels."""
    dataset = _header(BasicTextSRStorage, study, generate_uid())
    dataset.Modality = "SR"
    item = Dataset()
    item.ValueType = "TEXT"
    item.TextValue = "Nothing to be seen"
    dataset.ValueType = "CONTAINER"
    dataset.ContentSequence = [item]
    block = dataset.private_block(0x0011, "MEDADV TEST", create=True)
    block.add_new(0x01, "LO", "house made")
    dataset.save_as(path, enforce_file_format=True)
    return path


def disc(folder: Path, files: list[Path]) -> Path:
    """A DICOMDIR beside files in the same folder, with a record for each."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = Dataset()
    dataset.file_meta = meta
    records = []
    for file in files:
        record = Dataset()
        record.DirectoryRecordType = "IMAGE"
        record.ReferencedFileID = [file.name]
        records.append(record)
    dataset.FileSetID = "TEST"
    dataset.DirectoryRecordSequence = records
    path = folder / "DICOMDIR"
    dataset.save_as(path, enforce_file_format=True)
    return path


def _header(sop_class: str, study: str, series: str) -> Dataset:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = sop_class
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = generate_uid()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, series
    dataset.PatientName, dataset.PatientID = PATIENT, "4711"
    dataset.PatientBirthDate, dataset.PatientSex = "19700101", "O"
    dataset.StudyDate, dataset.StudyTime = "20240229", "101112"
    return dataset
