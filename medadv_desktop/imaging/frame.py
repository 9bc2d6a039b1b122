"""One frame of pixels with everything needed to interpret it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.imaging.lookup import ModalityLut, VoiLut


class Photometric(StrEnum):
    """How values become light (DICOM PS3.3 C.7.6.3.1.2), after decoding.

    Palette and YBR images are turned into RGB when they are read; `Frame.source_photometric` keeps
    what the file said.
    """

    MONOCHROME1 = "MONOCHROME1"
    MONOCHROME2 = "MONOCHROME2"
    RGB = "RGB"


class PixelSpace(StrEnum):
    """Where in the chain the pixels of a file stand.

    SOURCE: as acquired or exported by anybody. MODEL_INPUT: written by this program as the exact
    input of a model, so that preprocessing must not be applied to it again.
    """

    SOURCE = "source"
    MODEL_INPUT = "model-input"


@dataclass(frozen=True)
class Window:
    """A VOI window in modality values (DICOM PS3.3 C.11.2.1.2).

    `function` is LINEAR (the default of the standard), LINEAR_EXACT or SIGMOID.
    """

    center: float
    width: float
    function: str = "LINEAR"
    explanation: str = ""


Voi = Window | VoiLut
"""How modality values become light: a window, or a table of the file (DICOM PS3.3 C.11.2)."""


@dataclass(frozen=True)
class ModalityTransform:
    """Stored values to modality values (DICOM PS3.3 C.11.1).

    Either value × slope + intercept or, where the file has one, a table; the standard allows no
    file both, so beside a table slope and intercept are 1 and 0.

    Attributes:
        slope, intercept: of the linear form.
        units: the Rescale Type or Modality LUT Type: "HU" for CT, "" where the file does not say.
        lut: the table, None for the linear form.
    """

    slope: float = 1.0
    intercept: float = 0.0
    units: str = ""
    lut: ModalityLut | None = None

    def apply(self, stored: NDArray[np.generic]) -> NDArray[np.float64]:
        """Modality values, float64, of stored values of any shape."""
        if self.lut is not None:
            return self.lut.look_up(stored)
        return np.asarray(np.asarray(stored, np.float64) * self.slope + self.intercept)

    def extent(self, low: float, high: float) -> tuple[float, float]:
        """Smallest and largest modality value of the whole stored values from `low` to `high`."""
        if self.lut is None:
            ends = low * self.slope + self.intercept, high * self.slope + self.intercept
            return min(ends), max(ends)
        # Python's own slices end before 0; a stored value far outside takes the nearest entry.
        entries = len(self.lut.values)
        start = int(min(max(low - self.lut.first, 0), entries - 1))
        stop = int(min(max(high - self.lut.first, 0), entries - 1))
        part = self.lut.values[start : stop + 1]
        return float(part.min()), float(part.max())


@dataclass(frozen=True)
class Spacing:
    """Distance between the centres of neighbouring pixels, down and across, in millimetres.

    `calibrated` is False for a mere pixel aspect ratio, where only the quotient means anything.
    """

    row_mm: float
    column_mm: float
    calibrated: bool = True

    @property
    def aspect(self) -> float:
        """Height of a pixel over its width."""
        return self.row_mm / self.column_mm


@dataclass(frozen=True)
class Pose:
    """Where a plane lies in the patient (DICOM PS3.3 C.7.6.2.1.1), in millimetres, LPS.

    Attributes:
        position: the centre of the first pixel (Image Position (Patient)).
        orientation: unit vectors along a row, then down a column (Image Orientation (Patient)).
        frame_of_reference_uid: planes with equal UIDs share one coordinate system; "" unknown.
    """

    position: tuple[float, float, float]
    orientation: tuple[float, float, float, float, float, float]
    frame_of_reference_uid: str = ""

    @property
    def normal(self) -> tuple[float, float, float]:
        """The cross product of the row's and the column's direction."""
        a, b, c, d, e, f = self.orientation
        return b * f - c * e, c * d - a * f, a * e - b * d

    @property
    def depth_mm(self) -> float:
        """Distance of the plane from the origin along its normal."""
        return sum(n * p for n, p in zip(self.normal, self.position, strict=True))


@dataclass(frozen=True)
class Patient:
    """What a file says of the patient; every field is protected health information."""

    name: str = ""
    id: str = ""
    birth_date: str = ""
    sex: str = ""


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a frame comes from.

    Attributes:
        path: the file.
        frame: index in the file, from 0.
        sop_instance_uid, series_instance_uid, study_instance_uid: "" for a raster file.
        transfer_syntax: name of the encoding: "Explicit VR Little Endian", "PNG", ...
        modality: the DICOM modality ("CR", "CT", ...), "" where unknown.
    """

    path: Path
    frame: int = 0
    sop_instance_uid: str = ""
    series_instance_uid: str = ""
    study_instance_uid: str = ""
    transfer_syntax: str = ""
    modality: str = ""


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame, decoded and unpacked, with its way to modality values and to light.

    Attributes:
        stored: H×W (grey) or H×W×3 (RGB) integers or floats as they lie in the file, after
            unpacking, sign extension and colour conversion. Read-only.
        photometric: what the values mean.
        bits_stored: significant bits of a stored value.
        modality: stored to modality values.
        windows: VOI windows of the file, the file's own first choice first; may be empty.
        voi_luts: VOI look-up tables of the file in its order; alternatives to the windows.
        spacing: None where the file says nothing.
        padding: smallest and largest stored value that stand for "no pixel here", or None.
        inverted_presentation: Presentation LUT Shape is INVERSE.
        source_photometric: Photometric Interpretation, or raster mode, as in the file.
        space: whether the file holds a source image or a model's exact input.
        notes: what a user should know about how the file was read (dropped alpha, ...).
        pose: where the plane lies in the patient, None where the file does not say.
        patient_orientation: anatomical directions of the rows and of the columns as the file gives
            them ("L", "F"; Patient Orientation, PS3.3 C.7.6.1.1.1), or None.
    """

    stored: NDArray[np.generic]
    photometric: Photometric
    bits_stored: int
    provenance: Provenance
    modality: ModalityTransform = field(default_factory=ModalityTransform)
    windows: tuple[Window, ...] = ()
    spacing: Spacing | None = None
    padding: tuple[float, float] | None = None
    inverted_presentation: bool = False
    source_photometric: str = ""
    space: PixelSpace = PixelSpace.SOURCE
    notes: tuple[str, ...] = ()
    pose: Pose | None = None
    voi_luts: tuple[VoiLut, ...] = ()
    patient_orientation: tuple[str, str] | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.stored.shape[0], self.stored.shape[1]

    @property
    def is_color(self) -> bool:
        return self.photometric is Photometric.RGB

    @property
    def value_range(self) -> tuple[float, float]:
        """Smallest and largest stored value that the encoding can hold; data range for floats."""
        if np.issubdtype(self.stored.dtype, np.floating):
            finite = self.stored[np.isfinite(self.stored)]
            return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
        if np.issubdtype(self.stored.dtype, np.signedinteger):
            half = 2 ** (self.bits_stored - 1)
            return float(-half), float(half - 1)
        return 0.0, float(2**self.bits_stored - 1)

    def modality_values(self) -> NDArray[np.float64]:
        """Stored values through the modality transform, float64, same shape."""
        return self.modality.apply(self.stored)

    @property
    def voi_choices(self) -> tuple[Voi, ...]:
        """What the file offers for the eye: its windows, then its tables, each in its order."""
        return (*self.windows, *self.voi_luts)

    def padding_mask(self) -> NDArray[np.bool_] | None:
        """H×W, True where there is no pixel; None where the file names no padding value."""
        if self.padding is None or self.is_color:
            return None
        low, high = self.padding
        return np.asarray(np.greater_equal(self.stored, low) & np.less_equal(self.stored, high))


@dataclass(frozen=True, slots=True)
class Instance:
    """A file that holds pixels, known from its header alone.

    Attributes:
        size: height and width in pixels.
        frame_time_ms: time between frames of a cine.
        pose, spacing: of the (first) frame; None where the top level of the header is silent, as
            in enhanced multi-frame objects, whose frames each have their own.
        patient, study_date, study_time, accession_number: labels; protected health information.
        sop_class: the UID of the kind of object, "" for a raster file.
        acquisition_number, temporal_position: which of several passes over the same places.
        image_type: the values of Image Type ("ORIGINAL", "PRIMARY", "AXIAL", ...).
        notes: what a user should know before opening it (a copy of another file, ...).
    """

    provenance: Provenance
    size: tuple[int, int]
    frames: int
    photometric: str
    bits_stored: int
    series_description: str = ""
    study_description: str = ""
    instance_number: int | None = None
    frame_time_ms: float | None = None
    space: PixelSpace = PixelSpace.SOURCE
    pose: Pose | None = None
    spacing: Spacing | None = None
    patient: Patient | None = None
    study_date: str = ""
    study_time: str = ""
    accession_number: str = ""
    series_number: int | None = None
    sop_class: str = ""
    acquisition_number: int | None = None
    temporal_position: int | None = None
    image_type: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        return self.provenance.path


@dataclass(frozen=True)
class Unreadable:
    """A file that was looked at and not taken, with the reason.

    `skipped` is True for what is no image at all (a text file, a report), False for what should
    have been one and is broken.
    """

    path: Path
    reason: str
    skipped: bool


@dataclass(frozen=True)
class NonImage(Unreadable):
    """A DICOM object that holds no pixels: a report, a PDF, a plan, a presentation state.

    `sop_class` is the UID of its kind, `description` that kind in words. Its tags can be read
    (tags.py).
    """

    sop_class: str = ""
    description: str = ""
    provenance: Provenance | None = None
