"""DICOM files as instances and frames."""

from __future__ import annotations

from pathlib import Path

from medadv_desktop.errors import ImageError
from medadv_desktop.imaging.dicom_header import (
    FRAME_KEYWORDS,
    IDENTITY_KEYWORDS,
    IMAGE_KEYWORDS,
    BoundedFile,
    DicomHeader,
    read_header,
)
from medadv_desktop.imaging.dicom_meaning import (
    Places,
    frame_time_of,
    modality_of,
    padding_of,
    spacing_of,
    windows_of,
)
from medadv_desktop.imaging.dicom_pixels import check_length, decode_frame, layout_of
from medadv_desktop.imaging.frame import Frame, Instance, ModalityTransform, Photometric, Provenance
from medadv_desktop.imaging.noting import noting


def open_dicom(path: Path) -> Instance:
    """What a DICOM file holds, from its header.

    Raises:
        NoPixelsError: it holds no pixels.
        ImageError: its header is broken, or its first frame is not all there.
    """
    with noting(), BoundedFile(path) as file:
        header = read_header(path, file, (*IDENTITY_KEYWORDS, *IMAGE_KEYWORDS))
        layout = layout_of(header)
        check_length(header, layout)
        return Instance(
            provenance=_provenance(header, 0),
            size=(layout.rows, layout.columns),
            frames=layout.frames,
            photometric=layout.photometric,
            bits_stored=layout.bits_stored,
            series_description=header.text("SeriesDescription"),
            study_description=header.text("StudyDescription"),
            instance_number=header.integer("InstanceNumber"),
            frame_time_ms=frame_time_of(header.dataset),
        )


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
        stored, photometric, bits = decode_frame(header, layout, index)
        stored.flags.writeable = False
        return Frame(
            stored=stored,
            photometric=photometric,
            bits_stored=bits,
            provenance=_provenance(header, index),
            modality=modality,
            windows=windows_of(places, notes) if is_grey else (),
            spacing=spacing_of(places, notes),
            padding=padding_of(header.dataset, bits, layout.signed, notes) if is_grey else None,
            inverted_presentation=_is_inverse(header, photometric),
            source_photometric=layout.photometric,
            notes=(*notes, *warned),
        )


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
        series_instance_uid=header.text("SeriesInstanceUID"),
        study_instance_uid=header.text("StudyInstanceUID"),
        transfer_syntax=header.transfer_syntax.name,
        modality=header.text("Modality"),
    )
