"""An attacked image as a DICOM object: a new instance that says what it is, what was done and from
which instance it came (PS3.3 C.7.6.1.1.2 to C.7.6.1.1.4, C.12.1; PS3.15 E).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom import Dataset, FileMetaDataset
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    EnhancedMRColorImageStorage,
    EnhancedMRImageStorage,
    ExplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLSNearLossless,
    SecondaryCaptureImageStorage,
    generate_uid,
)

from medadv_desktop import __version__
from medadv_desktop.errors import ExportError, ImageError
from medadv_desktop.files import replacing
from medadv_desktop.imaging.burned_mark import burn_mark
from medadv_desktop.imaging.deidentify import deidentify as take_identity_out
from medadv_desktop.imaging.deidentify import replaced_uid
from medadv_desktop.imaging.frame import Frame
from medadv_desktop.imaging.iod_rules import (
    NAMES_REFERENCED_SERIES,
    NEVER_SECONDARY,
    OF_MR_ACQUISITION,
    SINGLE_FRAME,
)
from medadv_desktop.imaging.noting import noting
from medadv_desktop.imaging.one_frame import keep_one_frame
from medadv_desktop.imaging.reading import HEAD_BYTES, Kind, read_frame, sniff

SERIES_DESCRIPTION = "ADVERSARIAL - NOT FOR DIAGNOSIS"
SERIES_NUMBER = 9901
"""Behind what a scanner counts up to, so that a browser lists the series last."""

MAX_DERIVATION = 1024
"""Characters of an ST element (PS3.5 6.2)."""

_SURELY_LOSSY = {
    JPEGBaseline8Bit: "ISO_10918_1",
    JPEGExtended12Bit: "ISO_10918_1",
    JPEGLSNearLossless: "ISO_14495_1",
}
_ENHANCED_MR = (EnhancedMRImageStorage, EnhancedMRColorImageStorage)
_PERHAPS_LOSSY = (JPEG2000, HTJ2K)

# What describes the source's pixels and not the new ones, or shows them.
_OF_THE_OLD_PIXELS = (
    "IconImageSequence", "SmallestImagePixelValue", "LargestImagePixelValue",
    "SmallestPixelValueInSeries", "LargestPixelValueInSeries", "PixelDataProviderURL",
    "ExtendedOffsetTable", "ExtendedOffsetTableLengths", "DataSetTrailingPadding",
    "DigitalSignaturesSequence", "MACParametersSequence", "PixelData", "FloatPixelData",
    "DoubleFloatPixelData", "InConcatenationNumber", "InConcatenationTotalNumber",
    "ConcatenationUID", "SOPInstanceUIDOfConcatenationSource", "ConcatenationFrameOffsetNumber",
)  # fmt: skip
_OF_PALETTES = tuple(
    f"{kind}{color}PaletteColorLookupTable{part}"
    for color in ("Red", "Green", "Blue")
    for kind, part in (("", "Descriptor"), ("", "Data"), ("Segmented", "Data"))
)
_OF_ONE_SLICE = (
    "SOPInstanceUID", "SliceLocation", "SpacingBetweenSlices", "PatientOrientation",
    "SourceImageSequence", "ReferencedImageSequence",
)  # fmt: skip
_EMPTY_BY_TYPE_2 = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime",
    "ReferringPhysicianName", "StudyID", "AccessionNumber", "Manufacturer", "PatientOrientation",
    "Laterality",
)  # fmt: skip


@dataclass(frozen=True)
class DerivedDicom:
    """What was written.

    Attributes:
        path: the file.
        sop_instance_uid, series_instance_uid, study_instance_uid: its own.
        mark: the burned-in warning: top, left, height, width in pixels; None without.
        notes: what a user should know of the file.
    """

    path: Path
    sop_instance_uid: str
    series_instance_uid: str
    study_instance_uid: str
    mark: tuple[int, int, int, int] | None
    notes: tuple[str, ...]


def write_derived_dicom(
    frame: Frame,
    stored: NDArray[np.generic],
    path: Path,
    *,
    attack: str,
    burn_in: bool = True,
    deidentify: bool = True,
) -> DerivedDicom:
    """Write attacked stored values as a new DICOM instance derived from the frame's file.

    A DICOM source keeps its SOP class, its meaning of values (rescale, tables, windows, padding,
    photometric interpretation, bit depth) and its place in the patient; of a multi-frame object the
    one frame is kept, and a plane cut through a series gets its own geometry. A raster becomes a
    Secondary Capture. Palette and YBR sources become RGB, as `frame.stored` is; where a palette
    gave them 16 bits, which other classes of colour images may not have, they become a Secondary
    Capture too.

    Image Type is DERIVED\\SECONDARY; of classes that the standard forbids to be SECONDARY
    (iod_rules.py), DERIVED\\PRIMARY. Instance and series are always new; the study's UID stays, or
    with de-identification is replaced, the same one always by the same one. Encoding is Explicit VR
    Little Endian. Burned In Annotation, which speaks of text that identifies the patient and not of
    this mark, stays as the source has it, and so does a history of lossy compression.

    The file is read back before it takes its name.

    Args:
        frame: the source.
        stored: attacked values, of the shape and type of `frame.stored`, each one the source's bit
            depth can hold.
        path: replaced if it exists.
        attack: what was done and with which budget, for Derivation Description; it is written as it
            is, so it must not name the patient.
        burn_in: write "ADVERSARIAL – NOT FOR DIAGNOSIS" into the pixels.
        deidentify: apply the Basic Application Level Confidentiality Profile (PS3.15) to the
            header.

    Raises:
        ExportError: the values do not fit the frame, the source's header is gone or broken, the
            image is too small for the mark, or the file cannot be written.
    """
    path = Path(path)
    _check_values(frame, stored, path)
    mark = None
    if burn_in:
        stored, mark = burn_mark(frame, stored)
    # What pydicom warns of are the source's own irregular values, which are kept as they are.
    with noting():
        dataset, notes = _source_header(frame)
        source = _reference(dataset, frame)
        if deidentify:
            take_identity_out(dataset)
            notes += _of_burned_in_text(dataset)
        if frame.is_color and frame.source_photometric == "PALETTE COLOR" and stored.itemsize > 1:
            _call_secondary_capture(dataset)
            notes.append("The palette's colours have 16 bits: written as a Secondary Capture")
        _describe(dataset, frame, source, attack, mark, deidentify)
        _set_pixels(dataset, frame, stored)
        _write(dataset, stored, frame, path)
    return DerivedDicom(
        path=path,
        sop_instance_uid=str(dataset.SOPInstanceUID),
        series_instance_uid=str(dataset.SeriesInstanceUID),
        study_instance_uid=str(dataset.StudyInstanceUID),
        mark=mark,
        notes=tuple(notes),
    )


def _of_burned_in_text(dataset: Dataset) -> list[str]:
    """What de-identifying the header leaves to be looked at in the pixels."""
    said = dataset.get("BurnedInAnnotation")
    if said == "NO":
        return []
    if said == "YES":
        return [
            "The source says that text which identifies the patient is burned into its pixels; "
            "only the header was de-identified"
        ]
    return [
        "The source does not say whether text is burned into its pixels: look before handing the "
        "file on, for only the header was de-identified"
    ]


def _check_values(frame: Frame, stored: NDArray[np.generic], path: Path) -> None:
    if stored.shape != frame.stored.shape or stored.dtype != frame.stored.dtype:
        raise ExportError(
            f"{stored.dtype} values of shape {stored.shape} do not fit the source, which has "
            f"{frame.stored.dtype} of shape {frame.stored.shape}",
            subject=path,
        )
    if frame.bits_stored == 1:
        raise ExportError(
            "pixels of one bit cannot be written as a derived image",
            subject=path,
            remedy="Export the arrays as NPZ, or the image as PNG",
        )
    low, high = frame.value_range
    if stored.dtype.kind != "f" and (stored.min() < low or stored.max() > high):
        raise ExportError(
            f"values from {stored.min()} to {stored.max()} do not fit {frame.bits_stored} bits",
            subject=path,
        )


def _source_header(frame: Frame) -> tuple[Dataset, list[str]]:
    """The header to derive from, without what speaks of the old pixels, and notes on it."""
    source = frame.provenance.path
    try:
        with source.open("rb") as file:
            kind = sniff(file.read(HEAD_BYTES), source.stat().st_size)
        if kind is not Kind.DICOM:
            what = frame.provenance.transfer_syntax or "raster"
            return _secondary_capture(frame), [f"A Secondary Capture was made of a {what} image"]
        # The frame was read from it, so it is DICOM, with or without preamble.
        dataset = pydicom.dcmread(source, stop_before_pixels=True, force=True)
        notes = _keep_lossy_history(dataset, frame)
        own_uid = str(dataset.get("SOPInstanceUID") or "").strip(" \0")
        reformatted = own_uid != frame.provenance.sop_instance_uid
        _prepare(dataset, 0 if reformatted else frame.provenance.frame)
        if dataset.SOPClassUID in _ENHANCED_MR and _drop(dataset, OF_MR_ACQUISITION):
            notes.append("How the enhanced MR was acquired is left to its source to say")
        if reformatted:
            _move_to_plane(dataset, frame)
            notes.append("The image is a reformatted plane: it names its series, and no one source")
        return dataset, notes
    except ExportError:
        raise
    except OSError as error:
        raise ExportError(
            f"its header cannot be read again ({error.strerror or error})",
            subject=source,
            remedy="Put the file back where it was, or export a PNG",
        ) from None
    except Exception as error:  # whatever pydicom raises for malformed elements
        raise ExportError(
            f"its header cannot be written again ({error})",
            subject=source,
            remedy="Export the image as PNG or NPZ",
        ) from error


def _secondary_capture(frame: Frame) -> Dataset:
    """A header for a raster: its meaning of values and its spacing, and nothing else."""
    if frame.stored.dtype.kind == "f":
        raise ExportError(
            "values with fractions cannot be written as a Secondary Capture",
            subject=frame.provenance.path,
            remedy="Export the arrays as NPZ",
        )
    dataset = Dataset()
    for keyword in _EMPTY_BY_TYPE_2:
        setattr(dataset, keyword, None)
    by = frame.modality
    if (by.slope, by.intercept) != (1, 0):
        dataset.RescaleSlope, dataset.RescaleIntercept = _decimal(by.slope), _decimal(by.intercept)
        dataset.RescaleType = by.units or "US"
    if frame.spacing is not None and frame.spacing.calibrated:
        dataset.PixelSpacing = [
            _decimal(v) for v in (frame.spacing.row_mm, frame.spacing.column_mm)
        ]
    if frame.windows:
        dataset.WindowCenter = [_decimal(w.center) for w in frame.windows]
        dataset.WindowWidth = [_decimal(w.width) for w in frame.windows]
    _call_secondary_capture(dataset)
    dataset.StudyInstanceUID = generate_uid(prefix=None)
    dataset.Modality = "OT"
    dataset.InstanceNumber = 1
    return dataset


def _call_secondary_capture(dataset: Dataset) -> None:
    dataset.SOPClassUID = SecondaryCaptureImageStorage
    dataset.ConversionType = "WSD"


def _prepare(dataset: Dataset, index: int) -> None:
    """Make a header ready for other pixels in another encoding, in place."""
    if not dataset.get("SOPClassUID"):
        _call_secondary_capture(dataset)
    if not dataset.get("StudyInstanceUID"):
        dataset.StudyInstanceUID = generate_uid(prefix=None)
    _drop(dataset, _OF_THE_OLD_PIXELS)
    for tag in [t for t in dataset if t.tag.group % 2 == 0 and 0x6000 <= t.tag.group <= 0x60FF]:
        # An overlay in the unused bits of the old pixels has gone with them.
        if (tag.tag.group, 0x3000) not in dataset:
            del dataset[tag.tag]
    keep_one_frame(dataset, index)
    swapped = dataset.original_encoding[1] is False
    _settle_words(dataset, swapped)


def _move_to_plane(dataset: Dataset, frame: Frame) -> None:
    """Give the header of one slice the geometry of a plane cut through its whole series.

    Raises:
        ExportError: the header keeps geometry in functional groups, which describe frames.
    """
    if "SharedFunctionalGroupsSequence" in dataset or frame.pose is None or frame.spacing is None:
        raise ExportError(
            "a plane reformatted from this kind of image cannot be written as DICOM",
            subject=frame.provenance.path,
            remedy="Export it as PNG or NPZ, or attack one of the original slices",
        )
    _drop(dataset, _OF_ONE_SLICE)
    if "SliceThickness" in dataset:
        dataset.SliceThickness = None
    dataset.ImagePositionPatient = [_decimal(v) for v in frame.pose.position]
    dataset.ImageOrientationPatient = [_decimal(v) for v in frame.pose.orientation]
    dataset.PixelSpacing = [_decimal(frame.spacing.row_mm), _decimal(frame.spacing.column_mm)]


def _settle_words(dataset: Dataset, swapped: bool) -> None:
    """Bring elements of words into little-endian order and into a length that explicit VR holds.

    pydicom hands their bytes through as they lie in the file.
    """
    sizes = {"OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8}
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                _settle_words(item, swapped)
        elif swapped and element.VR in sizes and isinstance(element.value, bytes):
            size = sizes[element.VR]
            usable = len(element.value) // size * size
            words = np.frombuffer(element.value[:usable], f">u{size}")
            element.value = words.astype(f"<u{size}").tobytes() + element.value[usable:]
        elif element.keyword == "LUTData" and element.VR == "US":
            data = np.atleast_1d(np.asarray(element.value, dtype=np.int64)).astype("<u2").tobytes()
            dataset.add_new(element.tag, "OW", data)


def _keep_lossy_history(dataset: Dataset, frame: Frame) -> list[str]:
    """Say that the source was compressed with loss, where its encoding tells and its header not."""
    syntax = dataset.file_meta.get("TransferSyntaxUID") if hasattr(dataset, "file_meta") else None
    if dataset.get("LossyImageCompression") == "01":
        return []
    if syntax in _SURELY_LOSSY:
        raw = frame.stored.nbytes * int(dataset.get("NumberOfFrames") or 1)
        ratio = max(raw / frame.provenance.path.stat().st_size, 1.0)
        dataset.LossyImageCompression = "01"
        dataset.LossyImageCompressionRatio = f"{ratio:.2f}"
        dataset.LossyImageCompressionMethod = _SURELY_LOSSY[syntax]
        return ["The source's encoding is lossy, which its header did not say; the new one does"]
    if syntax in _PERHAPS_LOSSY and "LossyImageCompression" not in dataset:
        return ["The source may have been compressed with loss; neither file says"]
    return []


def _reference(dataset: Dataset, frame: Frame) -> Dataset | None:
    """The source as an item of Source Image Sequence, None where it has no UID."""
    if not dataset.get("SOPInstanceUID"):
        return None
    item = Dataset()
    item.ReferencedSOPClassUID = dataset.SOPClassUID
    item.ReferencedSOPInstanceUID = dataset.SOPInstanceUID
    if "NumberOfFrames" in dataset and dataset.SOPClassUID not in SINGLE_FRAME:
        item.ReferencedFrameNumber = frame.provenance.frame + 1
    item.PurposeOfReferenceCodeSequence = [
        _code("121322", "Source image for image processing operation")
    ]
    return item


def _describe(
    dataset: Dataset,
    frame: Frame,
    source: Dataset | None,
    attack: str,
    mark: tuple[int, int, int, int] | None,
    deidentified: bool,
) -> None:
    """Say what the new instance is and how it came to be, in place."""
    dataset.SOPInstanceUID = generate_uid(prefix=None)
    dataset.SeriesInstanceUID = generate_uid(prefix=None)
    dataset.SeriesNumber = SERIES_NUMBER
    dataset.SeriesDescription = SERIES_DESCRIPTION
    _set_image_type(dataset)
    if source is not None:
        if deidentified:
            source.ReferencedSOPInstanceUID = replaced_uid(source.ReferencedSOPInstanceUID)
        dataset.SourceImageSequence = [source]
        if dataset.SOPClassUID in NAMES_REFERENCED_SERIES:
            dataset.ReferencedSeriesSequence = [_series_of(frame, source, deidentified)]
    description = derivation_text(attack, mark, frame)
    dataset.DerivationDescription = description
    now = datetime.now()
    machine = Dataset()
    machine.Manufacturer = "MedAdv Desktop"
    machine.ManufacturerModelName = "MedAdv Desktop"
    machine.SoftwareVersions = __version__
    machine.ContributionDescription = "Adversarial perturbation of the pixels"
    machine.PurposeOfReferenceCodeSequence = [_code("109103", "Modifying Equipment")]
    if not deidentified:
        # When a header without times was made would be the one time in it.
        dataset.InstanceCreationDate = f"{now:%Y%m%d}"
        dataset.InstanceCreationTime = f"{now:%H%M%S}"
        machine.ContributionDateTime = f"{now:%Y%m%d%H%M%S}"
    before = list(dataset.get("ContributingEquipmentSequence") or [])
    dataset.ContributingEquipmentSequence = [*before, machine]
    if not description.isascii():
        _use_utf8(dataset)


def _series_of(frame: Frame, source: Dataset, deidentified: bool) -> Dataset:
    """The source once more, as an item of Referenced Series Sequence (PS3.3 C.12.2)."""
    instance, series = Dataset(), Dataset()
    instance.ReferencedSOPClassUID = source.ReferencedSOPClassUID
    instance.ReferencedSOPInstanceUID = source.ReferencedSOPInstanceUID
    uid = frame.provenance.series_instance_uid
    series.SeriesInstanceUID = replaced_uid(uid) if deidentified else uid
    series.ReferencedInstanceSequence = [instance]
    return series


def _set_image_type(dataset: Dataset) -> None:
    value = "PRIMARY" if dataset.SOPClassUID in NEVER_SECONDARY else "SECONDARY"
    old = [*(dataset.get("ImageType") or [])]
    dataset.ImageType = ["DERIVED", value, *old[2:]]
    for groups in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        for group in dataset.get(groups) or []:
            # MR and CT Image Frame Type: what the whole says, its one frame says.
            types = (
                e.value[0] for e in group if e.VR == "SQ" and e.value and "FrameType" in e.keyword
            )
            for item in types:
                if "FrameType" in item:
                    item.FrameType = ["DERIVED", *list(item.FrameType)[1:]]


def derivation_text(attack: str, mark: tuple[int, int, int, int] | None, frame: Frame) -> str:
    """Derivation Description: the warning, attack, frame, mark and changes of representation.

    Raises:
        ExportError: it is longer than the element may be.
    """
    parts = ["ADVERSARIAL - NOT FOR DIAGNOSIS.", attack.strip().rstrip(".") + "."]
    if frame.provenance.frame > 0:
        parts.append(f"Made from frame {frame.provenance.frame + 1} of the source.")
    if mark is not None:
        top, left, height, width = mark
        parts.append(
            f"Warning burned into rows {top + 1} to {top + height}, columns {left + 1} to "
            f"{left + width}."
        )
    if frame.is_color and frame.source_photometric not in ("", "RGB"):
        parts.append(f"Colours converted from {frame.source_photometric} to RGB.")
    text = " ".join(parts)
    if len(text) > MAX_DERIVATION:
        raise ExportError(
            f"the description of the attack is too long ({len(text)} characters with the warning)",
            subject="attack",
            remedy=f"Allowed: {MAX_DERIVATION} characters in all",
        )
    return text


def _use_utf8(dataset: Dataset) -> None:
    """Let every text be written as UTF-8, in which the description's signs exist."""
    dataset.decode()
    stack = [dataset]
    while stack:
        current = stack.pop()
        if current is not dataset and "SpecificCharacterSet" in current:
            del current.SpecificCharacterSet
        stack += [item for element in current if element.VR == "SQ" for item in element.value]
    dataset.SpecificCharacterSet = "ISO_IR 192"


def _set_pixels(dataset: Dataset, frame: Frame, stored: NDArray[np.generic]) -> None:
    height, width = frame.shape
    dataset.Rows, dataset.Columns = height, width
    dataset.SamplesPerPixel = 3 if frame.is_color else 1
    dataset.PhotometricInterpretation = str(frame.photometric)
    if frame.is_color:
        dataset.PlanarConfiguration = 0
        _drop(dataset, _OF_PALETTES)
    elif "PlanarConfiguration" in dataset:
        del dataset.PlanarConfiguration
    dataset.BitsAllocated = 8 * stored.dtype.itemsize
    data = np.ascontiguousarray(stored, dtype=stored.dtype.newbyteorder("<")).tobytes()
    if stored.dtype.kind == "f":
        _drop(dataset, ("BitsStored", "HighBit", "PixelRepresentation"))
        kind = "FloatPixelData" if stored.dtype.itemsize == 4 else "DoubleFloatPixelData"
        setattr(dataset, kind, data)
        return
    dataset.BitsStored = frame.bits_stored
    dataset.HighBit = frame.bits_stored - 1
    dataset.PixelRepresentation = int(stored.dtype.kind == "i")
    dataset.add_new(
        "PixelData", "OB" if stored.dtype.itemsize == 1 else "OW", data + b"\0" * (len(data) % 2)
    )


def _write(dataset: Dataset, stored: NDArray[np.generic], frame: Frame, path: Path) -> None:
    # A plain data set, for one that remembers its encoding refuses to change its byte order.
    dataset = Dataset(dataset)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.preamble = b"\0" * 128
    with replacing(path) as temporary:
        try:
            dataset.save_as(
                temporary, implicit_vr=False, little_endian=True, enforce_file_format=True
            )
            again = read_frame(temporary)
        except OSError:
            raise
        except ImageError as error:
            raise ExportError(f"could not be read back ({error.reason})", subject=path) from error
        except Exception as error:  # whatever pydicom raises for elements it cannot write
            raise ExportError(
                f"the source's header cannot be written again ({error})",
                subject=path,
                remedy="Export the image as PNG or NPZ",
            ) from error
        if not (
            np.array_equal(again.stored, stored, equal_nan=stored.dtype.kind == "f")
            and again.photometric is frame.photometric
            and again.modality == frame.modality
        ):
            raise ExportError(
                "did not read back equal",
                subject=path,
                remedy="Export the image as PNG or NPZ, and report this file's kind",
            )


def _drop(dataset: Dataset, keywords: Iterable[str]) -> bool:
    """Whether any of the elements was there to be taken out."""
    there = [keyword for keyword in keywords if keyword in dataset]
    for keyword in there:
        del dataset[keyword]
    return bool(there)


def _code(value: str, meaning: str) -> Any:
    item = Dataset()
    item.CodeValue = value
    item.CodingSchemeDesignator = "DCM"
    item.CodeMeaning = meaning
    return item


def _decimal(value: float) -> str:
    """A number as a decimal string (PS3.5 6.2), as exact as its 16 characters allow."""
    return min((f"{value:.{digits}g}" for digits in range(17, 8, -1)), key=lambda t: len(t) > 16)
