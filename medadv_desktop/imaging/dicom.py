"""DICOM files as instances and frames."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from sys import intern
from typing import TypeVar

from pydicom import Dataset

from medadv_desktop.errors import ImageError
from medadv_desktop.imaging.dicom_geometry import pose_of, poses_per_frame
from medadv_desktop.imaging.dicom_header import (
    FRAME_KEYWORDS,
    IDENTITY_KEYWORDS,
    IMAGE_KEYWORDS,
    BoundedFile,
    DicomHeader,
    WithoutPixelsError,
    read_header,
    sop_class_name,
    text_of,
)
from medadv_desktop.imaging.dicom_meaning import (
    Places,
    frame_time_of,
    modality_of,
    padding_of,
    patient_orientation_of,
    spacing_of,
    voi_luts_of,
    windows_of,
)
from medadv_desktop.imaging.dicom_pixels import check_length, decode_frame, layout_of
from medadv_desktop.imaging.dicom_quick import quick_header
from medadv_desktop.imaging.frame import (
    Frame,
    Instance,
    ModalityTransform,
    NonImage,
    Patient,
    Photometric,
    Pose,
    Provenance,
)
from medadv_desktop.imaging.noting import noting

Shared = TypeVar("Shared")

PATIENT_KEYWORDS = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex")


def open_dicom(path: Path, head: bytes = b"", size: int = 0) -> Instance:
    """What a DICOM file holds, from its header.

    Args:
        path: the file.
        head: its first bytes, if they are at hand: an ordinary file is not opened then.
        size: bytes in the whole file, with `head`.

    Raises:
        NoPixelsError: it holds no pixels.
        ImageError: its header is broken, or its first frame is not all there.
    """
    if quick := quick_header(path, head, size):
        return _instance(quick)
    with noting(), BoundedFile(path) as file:
        return _instance(read_header(path, file, (*IDENTITY_KEYWORDS, *IMAGE_KEYWORDS)))


def _instance(header: DicomHeader) -> Instance:
    layout = layout_of(header)
    check_length(header, layout)
    places = Places(header.dataset, 0)
    return Instance(
        provenance=_provenance(header, 0),
        size=(layout.rows, layout.columns),
        frames=layout.frames,
        photometric=layout.photometric,
        bits_stored=layout.bits_stored,
        series_description=intern(header.text("SeriesDescription")),
        study_description=intern(header.text("StudyDescription")),
        instance_number=header.integer("InstanceNumber"),
        frame_time_ms=frame_time_of(header.dataset),
        pose=pose_of(places, header.notes),
        spacing=_shared(spacing_of(places, header.notes)),
        patient=_shared(Patient(*(header.text(word) for word in PATIENT_KEYWORDS))),
        study_date=intern(header.text("StudyDate")),
        study_time=intern(header.text("StudyTime")),
        accession_number=intern(header.text("AccessionNumber")),
        series_number=header.integer("SeriesNumber"),
        sop_class=intern(header.text("SOPClassUID")),
        acquisition_number=header.integer("AcquisitionNumber"),
        temporal_position=header.integer("TemporalPositionIdentifier"),
        image_type=_shared(tuple(filter(None, header.text("ImageType").split("\\")))),
    )


def non_image(path: Path, error: WithoutPixelsError) -> NonImage:
    """What is known of an object without pixels, from the attempt to open it."""
    with noting():
        dataset = error.dataset or Dataset()
        return NonImage(
            path=path,
            reason=error.reason,
            skipped=True,
            sop_class=error.sop_class,
            description=sop_class_name(error.sop_class),
            provenance=Provenance(
                path=path,
                sop_instance_uid=text_of(dataset, "SOPInstanceUID"),
                series_instance_uid=text_of(dataset, "SeriesInstanceUID"),
                study_instance_uid=text_of(dataset, "StudyInstanceUID"),
                modality=text_of(dataset, "Modality"),
            ),
        )


def pixel_digest(path: Path) -> bytes:
    """A digest of the pixel data as it lies in the file, which is read piece by piece.

    Raises:
        ImageError, OSError: as `open_dicom`.
    """
    with noting(), BoundedFile(path) as file:
        header = read_header(path, file, ())
        header.file.seek(header.pixels.offset)
        left = header.pixels.available
        digest = hashlib.blake2b()
        while left > 0 and (data := header.file.read(min(left, 2**20))):
            digest.update(data)
            left -= len(data)
        return digest.digest()


@lru_cache(maxsize=4096)
def _shared(value: Shared) -> Shared:
    """One object for all equal values: a hundred thousand instances have few patients."""
    return value


def read_dicom(path: Path, index: int) -> Frame:
    """Decode frame `index` of a DICOM file, and no other.

    Raises:
        NoPixelsError, ImageError: as `open_dicom`; also where there is no such frame, the values
            need what this version does not apply, or the codestream contradicts the header.
    """
    keywords = (*IDENTITY_KEYWORDS, *IMAGE_KEYWORDS, *FRAME_KEYWORDS)
    with noting() as warned, BoundedFile(path) as file:
        header = read_header(path, file, keywords)
        layout = layout_of(header)
        check_index(path, index, layout.frames)
        places = Places(header.dataset, index)
        notes = header.notes
        is_grey = layout.photometric.startswith("MONOCHROME")
        modality = modality_of(places, path, notes) if is_grey else ModalityTransform()
        if is_grey and "RedPaletteColorLookupTableDescriptor" in header.dataset:
            notes.append("A supplemental palette (PS3.3 C.7.6.19) is not applied: shown in grey")
        stored, photometric, bits = decode_frame(header, layout, index)
        stored.flags.writeable = False
        return Frame(
            stored=stored,
            photometric=photometric,
            bits_stored=bits,
            provenance=_provenance(header, index),
            modality=modality,
            windows=windows_of(places, notes) if is_grey else (),
            voi_luts=voi_luts_of(places, modality, bits, notes) if is_grey else (),
            patient_orientation=patient_orientation_of(header.dataset),
            spacing=spacing_of(places, notes),
            padding=padding_of(header.dataset, bits, layout.signed, notes) if is_grey else None,
            inverted_presentation=_is_inverse(header, photometric),
            source_photometric=layout.photometric,
            pose=pose_of(places, notes),
            notes=(*notes, *warned),
        )


def poses_of_frames(path: Path) -> tuple[Pose | None, ...]:
    """Where each frame lies, from the functional groups or the top level of the header.

    Raises:
        NoPixelsError, ImageError: as `open_dicom`.
    """
    with noting(), BoundedFile(path) as file:
        header = read_header(path, file, (*IDENTITY_KEYWORDS, *IMAGE_KEYWORDS, *FRAME_KEYWORDS))
        layout = layout_of(header)
        check_length(header, layout)
        poses = poses_per_frame(header.dataset)[: layout.frames]
        if not poses and layout.frames == 1:
            return (pose_of(Places(header.dataset, 0), []),)
        # Frames of a classic multi-frame object share what the top level says: that is no stack.
        return (*poses, *(None,) * (layout.frames - len(poses)))


def check_index(path: Path, index: int, frames: int) -> None:
    """Raise `ImageError` unless there is a frame `index`."""
    if not 0 <= index < frames:
        raise ImageError(
            f"has no frame {index}",
            subject=path,
            remedy=f"Frames go from 0 to {frames - 1}" if frames > 1 else "Its one frame is 0",
        )


def _is_inverse(header: DicomHeader, photometric: Photometric) -> bool:
    shape = header.text("PresentationLUTShape").upper()
    return shape == "INVERSE" and photometric is not Photometric.RGB


def _provenance(header: DicomHeader, frame: int) -> Provenance:
    return Provenance(
        path=header.path,
        frame=frame,
        sop_instance_uid=header.text("SOPInstanceUID"),
        series_instance_uid=intern(header.text("SeriesInstanceUID")),
        study_instance_uid=intern(header.text("StudyInstanceUID")),
        transfer_syntax=header.transfer_syntax.name,
        modality=intern(header.text("Modality")),
    )
