"""What a DICOM header says about one frame's values: modality, windows, tables, spacing, padding.

Each element is looked for where the standard puts it: for enhanced multi-frame objects first in the
functional groups of the frame, then in the shared ones (PS3.3 C.7.6.16), else at the top level.
Broken values are dropped with a note; none is guessed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pydicom import Dataset

from medadv_desktop.errors import ImageError
from medadv_desktop.imaging.dicom_header import in_words, items_of, numbers_of, text_of
from medadv_desktop.imaging.dicom_tables import read_table
from medadv_desktop.imaging.frame import ModalityTransform, Spacing, Window
from medadv_desktop.imaging.lookup import ModalityLut, VoiLut

FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")


@dataclass(frozen=True, eq=False)
class Places:
    """The data sets in which an element of one frame may stand, the nearest first."""

    dataset: Dataset
    frame: int

    def of(self, macro: str) -> tuple[Dataset, ...]:
        """Where to look for the elements of a functional group macro."""
        per_frame = items_of(self.dataset, "PerFrameFunctionalGroupsSequence")
        groups = per_frame[self.frame : self.frame + 1]
        groups += items_of(self.dataset, "SharedFunctionalGroupsSequence")[:1]
        inner = [item for group in groups for item in items_of(group, macro)[:1]]
        return (*inner, self.dataset)

    def first_with(self, macro: str, *keywords: str) -> Dataset:
        """The nearest data set that holds one of `keywords`; the top level where none does."""
        return next((d for d in self.of(macro) if any(k in d for k in keywords)), self.dataset)


def modality_of(places: Places, path: object, notes: list[str]) -> ModalityTransform:
    """Rescale slope and intercept, or the table of the file (PS3.3 C.11.1).

    Slope and intercept may each be given without the other. Where a file breaks the rule and has
    both forms, the table stands, for only a table can say what the other two cannot.

    Raises:
        ImageError: the table cannot be read; without it the values mean nothing.
    """
    where = places.first_with(
        "PixelValueTransformationSequence", "RescaleSlope", "RescaleIntercept"
    )
    tables = items_of(places.dataset, "ModalityLUTSequence")
    if tables:
        if len(tables) > 1:
            notes.append("The file has several modality tables; the first is applied")
        if "RescaleSlope" in where or "RescaleIntercept" in where:
            notes.append("Rescale values beside a Modality LUT are ignored")
        lut = read_table(
            ModalityLut, tables[0], places.dataset, is_signed(places.dataset), path, notes
        )
        units = text_of(tables[0], "ModalityLUTType")
        return ModalityTransform(units="" if units == "US" else units, lut=lut)
    slope = _finite(where, "RescaleSlope", notes, default=1.0)
    intercept = _finite(where, "RescaleIntercept", notes, default=0.0)
    if slope == 0:
        notes.append("A Rescale Slope of 0 would make all values equal and is ignored")
        slope = 1.0
    units = text_of(where, "RescaleType")
    rescaled = "RescaleSlope" in where or "RescaleIntercept" in where
    if not units and rescaled and text_of(places.dataset, "Modality") == "CT":
        units = "HU"
    return ModalityTransform(slope, intercept, "" if units == "US" else units)


def windows_of(places: Places, notes: list[str]) -> tuple[Window, ...]:
    """The VOI windows of a frame (PS3.3 C.11.2), the file's first choice first."""
    where = places.first_with("FrameVOILUTSequence", "WindowCenter", "WindowWidth")
    centers = numbers_of(where, "WindowCenter", notes)
    widths = numbers_of(where, "WindowWidth", notes)
    if len(centers) != len(widths):
        notes.append(
            f"The file gives {len(centers)} window centres and {len(widths)} widths; what has no "
            "partner is ignored"
        )
    function = text_of(where, "VOILUTFunction").upper() or "LINEAR"
    if function not in FUNCTIONS:
        notes.append(f"The VOI LUT Function {function} is unknown; windows are read as LINEAR")
        function = "LINEAR"
    names = text_of(where, "WindowCenterWidthExplanation").split("\\")
    names += [""] * len(centers)
    windows = (
        _window(center, width, function, name, notes)
        for center, width, name in zip(centers, widths, names, strict=False)
    )
    return tuple(window for window in windows if window is not None)


def voi_luts_of(
    places: Places, modality: ModalityTransform, bits_stored: int, notes: list[str]
) -> tuple[VoiLut, ...]:
    """The VOI tables of a frame (PS3.3 C.11.2.1.1); a broken one is dropped with a note.

    Args:
        modality: what the tables come behind: it decides whether their first input is signed.
        bits_stored: significant bits of a stored value.
    """
    where = places.first_with("FrameVOILUTSequence", "VOILUTSequence")
    signed = _feeds_signed(places.dataset, modality, bits_stored)
    found = []
    for item in items_of(where, "VOILUTSequence"):
        try:
            found.append(read_table(VoiLut, item, places.dataset, signed, "", notes))
        except ImageError as error:
            notes.append(f"A VOI LUT of the file is ignored: {error.reason}")
    return tuple(found)


def patient_orientation_of(dataset: Dataset) -> tuple[str, str] | None:
    """Directions of rows and columns (Patient Orientation), None unless both are given."""
    rows, _, columns = text_of(dataset, "PatientOrientation").upper().partition("\\")
    return (rows, columns) if rows and columns and "\\" not in columns else None


def is_signed(dataset: Dataset) -> bool:
    """Whether stored values are two's complement (Pixel Representation)."""
    return numbers_of(dataset, "PixelRepresentation", [])[:1] == (1.0,)


def _feeds_signed(dataset: Dataset, modality: ModalityTransform, bits_stored: int) -> bool:
    """Whether the input of a VOI table may be below zero, so that its descriptor is signed.

    PS3.3 C.11.2.1.1: as Pixel Representation where nothing comes before the table, signed where the
    output of the rescale may be.
    """
    signed = is_signed(dataset)
    if modality.lut is not None:
        return False
    low = -(2 ** (bits_stored - 1)) if signed else 0
    high = 2 ** (bits_stored - 1) - 1 if signed else 2**bits_stored - 1
    return modality.extent(low, high)[0] < 0


def _window(
    center: float, width: float, function: str, name: str, notes: list[str]
) -> Window | None:
    if not (math.isfinite(center) and math.isfinite(width)) or width <= 0:
        notes.append(f"A window of centre {center:g} and width {width:g} is ignored")
        return None
    if function == "LINEAR" and width < 1:
        notes.append(
            f"A LINEAR window needs a width of at least 1; the one of {width:g} is read as "
            "LINEAR_EXACT"
        )
        function = "LINEAR_EXACT"
    return Window(center, width, function, name.strip())


def spacing_of(places: Places, notes: list[str]) -> Spacing | None:
    """Pixel spacing (PS3.3 10.7.1.3), in the order of trust; None where the file is silent."""
    measures = places.first_with("PixelMeasuresSequence", "PixelSpacing")
    for where, keyword in (
        (measures, "PixelSpacing"),
        (places.dataset, "ImagerPixelSpacing"),
        (places.dataset, "NominalScannedPixelSpacing"),
        (places.dataset, "PixelAspectRatio"),
    ):
        values = numbers_of(where, keyword, notes)
        if not values:
            continue
        if len(values) != 2 or not all(math.isfinite(v) and v > 0 for v in values):
            notes.append(f"{in_words(keyword)} {_listed(values)} is no spacing and is ignored")
            continue
        if keyword == "ImagerPixelSpacing":
            notes.append("Distances are those at the detector: magnification is not corrected")
        return Spacing(*values, calibrated=keyword != "PixelAspectRatio")
    return None


def padding_of(
    dataset: Dataset, bits_stored: int, signed: bool, notes: list[str]
) -> tuple[float, float] | None:
    """Smallest and largest stored value that is no pixel (PS3.3 C.7.5.1.1.2), or None.

    The value is cut to the stored bits in the same way as the pixels are: writers often give it as
    if it were unsigned, or with the bits above set. Float images have elements of their own.
    """
    for kind in ("Float", "DoubleFloat"):
        values = numbers_of(dataset, f"{kind}PixelPaddingValue", notes)
        limits = numbers_of(dataset, f"{kind}PixelPaddingRangeLimit", notes) or values
        if values and math.isfinite(values[0]) and math.isfinite(limits[0]):
            return min(values[0], limits[0]), max(values[0], limits[0])
    values = numbers_of(dataset, "PixelPaddingValue", notes)
    if not values:
        return None
    limits = numbers_of(dataset, "PixelPaddingRangeLimit", notes) or values
    ends = [_cut(end, bits_stored, signed) for end in (values[0], limits[0])]
    if None in ends:
        notes.append(f"Pixel Padding Value {_listed(values)} is no whole number and is ignored")
        return None
    whole = [float(end) for end in ends if end is not None]
    return min(whole), max(whole)


def frame_time_of(dataset: Dataset) -> float | None:
    """Milliseconds between the frames of a cine (PS3.3 C.7.6.5), None where the file is silent."""
    unheard: list[str] = []
    time = numbers_of(dataset, "FrameTime", unheard)
    steps = numbers_of(dataset, "FrameTimeVector", unheard)[1:]
    rate = numbers_of(dataset, "CineRate", unheard)
    rate = rate or numbers_of(dataset, "RecommendedDisplayFrameRate", unheard)
    candidates = (
        time[0] if time else 0.0,
        sum(steps) / len(steps) if steps else 0.0,
        1000.0 / rate[0] if rate and rate[0] else 0.0,
    )
    return next((c for c in candidates if math.isfinite(c) and c > 0), None)


def _finite(dataset: Dataset, keyword: str, notes: list[str], default: float) -> float:
    values = numbers_of(dataset, keyword, notes)
    if not values:
        return default
    if not math.isfinite(values[0]):
        notes.append(f"{in_words(keyword)} {values[0]:g} is ignored")
        return default
    return values[0]


def _cut(value: float, bits: int, signed: bool) -> int | None:
    if not math.isfinite(value) or not float(value).is_integer():
        return None
    low_bits = int(value) % (1 << bits)
    return low_bits - (1 << bits) if signed and low_bits >> (bits - 1) else low_bits


def _listed(values: Sequence[float]) -> str:
    return " \\ ".join(f"{v:g}" for v in values)
