"""Distances, angles, areas and statistics on a frame, or on any array that covers the same pixels.

Points are (row, column) in pixels of the frame; (0, 0) is the outer corner of the first pixel and
(0.5, 0.5) its centre. Where a file gives no spacing, lengths are in pixels; where it gives only the
shape of its pixels, in widths of one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.imaging.frame import Frame, Spacing

Point = tuple[float, float]


@dataclass(frozen=True)
class Measure:
    """A number and its unit: "mm", "mm²", "px", "px²", "°"."""

    value: float
    unit: str


@dataclass(frozen=True)
class Rectangle:
    """Top, left, height and width in pixels; height and width from 0."""

    top: float
    left: float
    height: float
    width: float

    def mask(self, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """H×W, True for pixels whose centre lies inside or on the edge."""
        rows, columns = _centres(shape)
        return np.asarray(
            (rows >= self.top)
            & (rows <= self.top + self.height)
            & (columns >= self.left)
            & (columns <= self.left + self.width)
        )

    @property
    def area_pixels(self) -> float:
        """Area in pixels, as drawn."""
        return self.height * self.width


@dataclass(frozen=True)
class Ellipse:
    """The ellipse in the rectangle of the same four numbers, its axes along rows and columns."""

    top: float
    left: float
    height: float
    width: float

    def mask(self, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """H×W, True for pixels whose centre lies inside or on the edge."""
        if self.height <= 0 or self.width <= 0:
            return np.zeros(shape, dtype=np.bool_)
        rows, columns = _centres(shape)
        with np.errstate(over="ignore"):  # an ellipse of no breadth holds nothing
            down = (rows - self.top - self.height / 2) / (self.height / 2)
            across = (columns - self.left - self.width / 2) / (self.width / 2)
            return np.asarray(down**2 + across**2 <= 1)

    @property
    def area_pixels(self) -> float:
        """Area in pixels, as drawn."""
        return math.pi / 4 * self.height * self.width


Region = Rectangle | Ellipse


@dataclass(frozen=True)
class RegionStatistics:
    """What lies in a region.

    Attributes:
        pixels: how many were counted: centres inside, no padding, finite (of colour: luma).
        mean, deviation, minimum, maximum: of their values, NaN where none was counted;
            `deviation` is the standard deviation of the population, √mean((x − mean)²).
        area: of the region as drawn, in mm² or px².
        units: of the values: "HU", "" where unknown.
    """

    pixels: int
    mean: float
    deviation: float
    minimum: float
    maximum: float
    area: Measure
    units: str = ""


def distance(start: Point, end: Point, spacing: Spacing | None) -> Measure:
    """Length of a straight line, in mm where the frame is calibrated, else in pixels."""
    (row_size, column_size), unit = _pixel(spacing)
    length = math.hypot((end[0] - start[0]) * row_size, (end[1] - start[1]) * column_size)
    return Measure(length, unit)


def angle(first: Point, vertex: Point, second: Point, spacing: Spacing | None) -> Measure:
    """The angle at `vertex` between the lines to the two points, 0 to 180°, on the true shape.

    NaN where a line has no length.
    """
    (row_size, column_size), _ = _pixel(spacing)
    arms = [((p[0] - vertex[0]) * row_size, (p[1] - vertex[1]) * column_size)
            for p in (first, second)]  # fmt: skip
    if (0.0, 0.0) in arms:
        return Measure(math.nan, "°")
    (a, b), (c, d) = arms
    return Measure(math.degrees(math.atan2(abs(a * d - b * c), a * c + b * d)), "°")


def area(region: Region, spacing: Spacing | None) -> Measure:
    """Area of a region as drawn, in mm² where the frame is calibrated, else in square pixels."""
    (row_size, column_size), unit = _pixel(spacing)
    return Measure(region.area_pixels * row_size * column_size, f"{unit}²")


def region_statistics(
    values: NDArray[np.generic],
    region: Region,
    spacing: Spacing | None,
    *,
    padding: NDArray[np.bool_] | None = None,
    units: str = "",
) -> RegionStatistics:
    """Statistics of an array on the frame's own pixels, such as an adversarial image.

    Args:
        values: H×W.
        region: in pixels of the array.
        spacing: of the frame.
        padding: H×W, True where there is no pixel.
        units: of the values.
    """
    # Only the rows and columns that the region touches: it is dragged over large radiographs.
    rows = _touched(region.top, region.height, values.shape[0])
    columns = _touched(region.left, region.width, values.shape[1])
    shifted = type(region)(
        region.top - rows.start, region.left - columns.start, region.height, region.width
    )
    part = np.asarray(values[rows, columns], dtype=np.float64)
    counted = shifted.mask((part.shape[0], part.shape[1])) & np.isfinite(part)
    if padding is not None:
        counted &= ~padding[rows, columns]
    inside = part[counted]
    if not inside.size:
        none = math.nan
        return RegionStatistics(0, none, none, none, none, area(region, spacing), units)
    return RegionStatistics(
        pixels=int(inside.size),
        mean=float(inside.mean()),
        deviation=float(inside.std()),
        minimum=float(inside.min()),
        maximum=float(inside.max()),
        area=area(region, spacing),
        units=units,
    )


def frame_statistics(frame: Frame, region: Region) -> RegionStatistics:
    """Statistics of a frame in modality values; of colour, of the luma (ITU-R BT.601).

    Padding takes no part.
    """
    rows = _touched(region.top, region.height, frame.shape[0])
    columns = _touched(region.left, region.width, frame.shape[1])
    shifted = type(region)(
        region.top - rows.start, region.left - columns.start, region.height, region.width
    )
    part = frame.stored[rows, columns]
    values = (
        part @ np.array((0.299, 0.587, 0.114)) if frame.is_color else frame.modality.apply(part)
    )
    padding = None
    if frame.padding is not None and not frame.is_color:
        low, high = frame.padding
        padding = np.greater_equal(part, low) & np.less_equal(part, high)
    return region_statistics(
        values, shifted, frame.spacing, padding=padding, units=frame.modality.units
    )


def scale_bar(mm_per_pixel: float, longest_pixels: float) -> tuple[float, str] | None:
    """A round length for a scale bar.

    Args:
        mm_per_pixel: millimetres that a pixel of the screen shows, above 0.
        longest_pixels: room on the screen.

    Returns:
        the longest of 1, 2, 5 × 10ⁿ millimetres that fits, and its label ("5 cm", "2 mm",
        "50 µm"); None where nothing fits.
    """
    room = mm_per_pixel * longest_pixels
    if not (math.isfinite(room) and room > 0):
        return None
    decade = 10.0 ** math.floor(math.log10(room))
    # A hair of tolerance, so that a room of exactly 0.2 mm holds 0.2 mm.
    length = max(n * decade for n in (0.5, 1, 2, 5) if n * decade <= room * (1 + 1e-9))
    return length, _length_label(length)


def letters_of(direction: tuple[float, float, float]) -> str:
    """Anatomical letters of a direction in the patient, the strongest first: "L", "AL", "HPR".

    Axes are those of the patient (PS3.3 C.7.6.2.1.1): +x to the left, +y to the back, +z to the
    head. A component below 1/1000 of the length is left out.
    """
    length = math.sqrt(sum(d * d for d in direction))
    if not (math.isfinite(length) and length > 0):
        return ""
    pairs = zip(direction, ("LR", "PA", "HF"), strict=True)
    ranked = sorted(pairs, key=lambda pair: -abs(pair[0]))
    return "".join(
        letters[0] if part > 0 else letters[1]
        for part, letters in ranked
        if abs(part) / length > 1e-3
    )


@dataclass(frozen=True)
class EdgeLetters:
    """Anatomical letters at the four edges of an image; "" where nothing is known."""

    left: str = ""
    right: str = ""
    top: str = ""
    bottom: str = ""


def edge_letters(frame: Frame) -> EdgeLetters:
    """Letters for the edges of a frame.

    From Image Orientation (Patient) where the file gives it, else from Patient Orientation
    (PS3.3 C.7.6.1.1.1): the first direction is where rows point to, the right edge, the second
    where columns point to, the bottom edge.
    """
    if frame.pose is not None:
        a, b, c, d, e, f = frame.pose.orientation
        right, bottom = letters_of((a, b, c)), letters_of((d, e, f))
    elif frame.patient_orientation is not None:
        right, bottom = frame.patient_orientation
    else:
        return EdgeLetters()
    return EdgeLetters(opposite(right), right, opposite(bottom), bottom)


_ANIMAL = (
    ("LE", "RT"), ("D", "V"), ("CR", "CD"), ("RO", "CD"), ("M", "L"), ("PR", "DI"), ("PA", "PL"),
)  # fmt: skip
_HUMAN = str.maketrans("APRLHF", "PALRFH")


def opposite(letters: str) -> str:
    """Letters of the opposite direction: "AL" to "PR"; "" where they are not known.

    The six letters of humans in any combination, and single terms of animals (PS3.3 C.7.6.1.1.1).
    """
    pairs = [pair for pair in ("AP", "RL", "HF") if set(pair) & set(letters)]
    if letters and len(pairs) == len(letters) and set(letters) <= set("APRLHF"):
        return letters.translate(_HUMAN)
    for one, other in _ANIMAL:
        if letters in (one, other):
            return other if letters == one else one
    return ""


def _length_label(mm: float) -> str:
    if mm >= 10:
        return f"{mm / 10:g} cm"
    if mm >= 0.1:
        return f"{mm:g} mm"
    return f"{mm * 1000:g} µm"


def _pixel(spacing: Spacing | None) -> tuple[tuple[float, float], str]:
    """Height and width of a pixel, and their unit."""
    if spacing is None:
        return (1.0, 1.0), "px"
    if not spacing.calibrated:
        return (spacing.aspect, 1.0), "px"
    return (spacing.row_mm, spacing.column_mm), "mm"


def _centres(shape: tuple[int, int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rows, columns = (np.arange(side, dtype=np.float64) + 0.5 for side in shape)
    return rows[:, None], columns[None]


def _touched(start: float, extent: float, size: int) -> slice:
    """The pixels along an axis that an extent may touch, within 0 … size."""
    first = min(max(math.floor(start), 0), size)
    return slice(first, min(max(math.ceil(start + extent) + 1, first), size))
