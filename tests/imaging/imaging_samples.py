"""Small files made by hand for the tests of the imaging room."""

from __future__ import annotations

import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

from medadv_desktop.imaging.frame import Frame, Photometric, Provenance


def shipped(name: str) -> Path:
    """A file that pydicom or pydicom-data ships."""
    path = get_testdata_file(name, download=False)
    assert path is not None, name
    return Path(str(path))


def dataset_of(stored: np.ndarray, bits_stored: int | None = None) -> Dataset:
    """`stored` as an uncompressed little-endian DICOM data set."""
    color = stored.ndim == 3
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.SOPClassUID = SecondaryCaptureImageStorage
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID
    dataset.StudyInstanceUID = "1.2.3"
    dataset.SeriesInstanceUID = "1.2.3.4"
    dataset.Modality = "OT"
    dataset.Rows, dataset.Columns = stored.shape[:2]
    dataset.SamplesPerPixel = 3 if color else 1
    dataset.PhotometricInterpretation = "RGB" if color else "MONOCHROME2"
    if color:
        dataset.PlanarConfiguration = 0
    dataset.BitsAllocated = 8 * stored.dtype.itemsize
    dataset.BitsStored = bits_stored or dataset.BitsAllocated
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(stored.dtype.kind == "i")
    data = stored.astype(stored.dtype.newbyteorder("<")).tobytes()
    dataset.PixelData = data + b"\0" * (len(data) % 2)
    dataset["PixelData"].VR = "OB" if stored.dtype.itemsize == 1 else "OW"
    return dataset


def write_dicom(
    path: Path, stored: np.ndarray, *, bits_stored: int | None = None, **elements: Any
) -> Path:
    """`stored` as an uncompressed little-endian DICOM; `elements` overrule, None leaves out."""
    dataset = dataset_of(stored, bits_stored)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for keyword, value in elements.items():
            if value is None:
                del dataset[keyword]
            else:
                setattr(dataset, keyword, value)
        dataset.save_as(path, enforce_file_format=True)
    return path


def frame_of(stored: np.ndarray, **fields: Any) -> Frame:
    """A frame that never was a file."""
    color = stored.ndim == 3
    fields.setdefault("photometric", Photometric.RGB if color else Photometric.MONOCHROME2)
    fields.setdefault("bits_stored", 8 * stored.dtype.itemsize)
    return Frame(stored=stored, provenance=Provenance(Path("made")), **fields)


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_bytes(
    width: int, height: int, depth: int, color_type: int, rows: bytes, *extra: bytes
) -> bytes:
    """A PNG from its unfiltered rows, without any library."""
    header = struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, 0)
    stride = len(rows) // height if rows else 0
    lines = b"".join(
        b"\0" + rows[i * stride : (i + 1) * stride] for i in range(height if rows else 0)
    )
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            png_chunk(b"IHDR", header),
            *extra,
            png_chunk(b"IDAT", zlib.compress(lines)),
            png_chunk(b"IEND", b""),
        )
    )


def pydicom_frame(path: Path, index: int) -> np.ndarray:
    """What pydicom decodes, in native byte order."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        array = pydicom.pixels.pixel_array(path, index=index)
    return array.astype(array.dtype.newbyteorder("="))
