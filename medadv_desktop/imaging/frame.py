"""One frame of pixels with everything needed to interpret it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


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


@dataclass(frozen=True)
class ModalityTransform:
    """Stored values to modality values: value × slope + intercept (DICOM PS3.3 C.11.1).

    `units` is the Rescale Type: "HU" for CT, "" where the file does not say.
    """

    slope: float = 1.0
    intercept: float = 0.0
    units: str = ""


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
        spacing: None where the file says nothing.
        padding: smallest and largest stored value that stand for "no pixel here", or None.
        inverted_presentation: Presentation LUT Shape is INVERSE.
        source_photometric: Photometric Interpretation, or raster mode, as in the file.
        space: whether the file holds a source image or a model's exact input.
        notes: what a user should know about how the file was read (dropped alpha, ...).
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
        values = self.stored.astype(np.float64)
        return np.asarray(values * self.modality.slope + self.modality.intercept)

    def padding_mask(self) -> NDArray[np.bool_] | None:
        """H×W, True where there is no pixel; None where the file names no padding value."""
        if self.padding is None or self.is_color:
            return None
        low, high = self.padding
        return np.asarray(np.greater_equal(self.stored, low) & np.less_equal(self.stored, high))


@dataclass(frozen=True)
class Instance:
    """A file that holds pixels, known from its header alone.

    `size` is height and width in pixels; `frame_time_ms` the time between frames of a cine.
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
