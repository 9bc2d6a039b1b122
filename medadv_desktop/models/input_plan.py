"""How one frame becomes one model's input: grey values, geometry, channels. No torch.

The plan is shown in the window, quoted in results, and executed, differentiably, by
`preprocessing.InputPath`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.errors import ModelError
from medadv_desktop.imaging.display import is_inverted
from medadv_desktop.imaging.frame import Frame, PixelSpace, Voi, Window
from medadv_desktop.imaging.lookup import VoiLut
from medadv_desktop.imaging.windowing import percentiles, pixels_of
from medadv_desktop.models.card import Preprocessing

_LEAST_GREY = 1e-6
"""How near to 0 and 1 a grey value of a sigmoid is still led back to a modality value."""


@dataclass(frozen=True)
class InputPlan:
    """Frame to model input, every number spelt out.

    Attributes:
        low, high: modality values that become 0 and 1 (for colour: stored values). Values beyond
            are clipped, as the network would never have seen them. With a curve: between which it
            does most of its work, `low` being the darker end.
        inverted: 0 and 1 are swapped afterwards (MONOCHROME1): larger is always brighter.
        resized: height and width after resizing the whole frame.
        crop: top, left, height, width cut from the resized frame; negative top or left and sizes
            beyond it mean black borders.
        channels: of the model input, 1 or 3.
        identity: the file already holds a model input: its values over their maximum, no more.
        notes: decisions a user should know of.
        curve: a SIGMOID window or a VOI LUT of the file, which the modality values go through
            instead of the straight line from `low` to `high`; None for the line.
        grey_source: where the grey scale comes from, in words.
        units: of the modality values, "" where unknown.
    """

    low: float
    high: float
    inverted: bool
    resized: tuple[int, int]
    crop: tuple[int, int, int, int]
    channels: int
    identity: bool = False
    notes: tuple[str, ...] = ()
    curve: Voi | None = None
    grey_source: str = field(default="", compare=False)
    units: str = field(default="", compare=False)

    def region(self, frame_shape: tuple[int, int]) -> tuple[float, float, float, float]:
        """The part of the frame that the model sees: top, left, height, width in frame pixels."""
        down = frame_shape[0] / self.resized[0]
        across = frame_shape[1] / self.resized[1]
        top, left, height, width = self.crop
        return top * down, left * across, height * down, width * across

    def grey(self, values: NDArray[np.generic]) -> NDArray[np.float64]:
        """Grey values in [0, 1], before inversion, of modality values of any shape."""
        x = np.asarray(values, np.float64)
        if isinstance(self.curve, VoiLut):
            return self.curve.look_up(x) / self.curve.top
        if self.curve is not None:
            exponent = np.clip(-4 * (x - self.curve.center) / self.curve.width, -700, 700)
            return np.asarray(1 / (1 + np.exp(exponent)))
        return np.clip((x - self.low) / (self.high - self.low), 0, 1)

    def modality_of(self, grey: NDArray[np.generic]) -> NDArray[np.float64]:
        """Modality values that stand behind grey values in [0, 1], before inversion.

        The inverse of `grey`; of a VOI LUT as `LookupTable.input_of`.
        """
        y = np.asarray(grey, np.float64)
        if isinstance(self.curve, VoiLut):
            return self.curve.input_of(y * self.curve.top)
        if self.curve is not None:
            y = np.clip(y, _LEAST_GREY, 1 - _LEAST_GREY)
            return np.asarray(self.curve.center + self.curve.width / 4 * np.log(y / (1 - y)))
        return np.asarray(self.low + y * (self.high - self.low))

    def to_modality(self, value: float) -> float:
        """The modality value that stands behind a model-input value in [0, 1]."""
        return float(self.modality_of(np.array(1 - value if self.inverted else value)))

    def to_input(self, window: Window) -> tuple[float, float]:
        """The model-input values that a window shows as black and white (before inversion)."""
        if self.curve is not None:
            ends = window.center - window.width / 2, window.center + window.width / 2
            black, white = self.grey(np.array(ends))
            return float(black), float(white)
        span = self.high - self.low
        low = (window.center - window.width / 2 - self.low) / span
        return low, low + window.width / span

    def padding(self, frame: Frame) -> NDArray[np.bool_]:
        """Where the model input is no picture, or not only: H×W, True there.

        These are the pixels that the resampling mixed at least one padding pixel of the frame into,
        and the black borders beyond the frame. A norm of a perturbation leaves them out.
        """
        top, left, height, width = self.crop
        mask = frame.padding_mask()
        touched = np.zeros(self.resized, dtype=np.bool_)
        if mask is not None and mask.any():
            touched = _touched(_touched(mask, self.resized[0]).T, self.resized[1]).T
        inside = np.ones((height, width), dtype=np.bool_)
        rows = slice(max(-top, 0), min(self.resized[0] - top, height))
        columns = slice(max(-left, 0), min(self.resized[1] - left, width))
        inside[rows, columns] = touched[
            top + rows.start : top + rows.stop, left + columns.start : left + columns.stop
        ]
        return inside

    def describe(self) -> tuple[tuple[str, str], ...]:
        """The plan in words, as label and value, in the order in which it is carried out."""
        if self.identity:
            return (("Input", "as saved: the file holds a model input"),)
        units = f" {self.units}" if self.units else ""
        span = f"{self.low:g} to {self.high:g}{units}"
        scale = {
            type(None): f"{span} become 0 to 1, clipped beyond",
            Window: f"sigmoid, steep from {span}",
            VoiLut: f"table of the file, at work from {span}",
        }[type(self.curve)]
        top, left, height, width = self.crop
        return (
            ("Grey scale", self.grey_source or "as given"),
            ("Values", scale),
            (
                "Inversion",
                "yes: the smallest value is white in the file" if self.inverted else "no",
            ),
            ("Padding", "black"),
            ("Resize", f"{self.resized[0]} × {self.resized[1]}, bilinear with antialiasing"),
            ("Crop", f"{height} × {width} from row {top}, column {left}"),
            ("Channels", str(self.channels)),
        )


def plan_input(preprocessing: Preprocessing, frame: Frame) -> InputPlan:
    """Work out the plan of a frame for a model.

    Raises:
        ModelError: the frame's values give no grey scale (constant under a percentile window, not
            finite), or a saved model input has another size than this model's.
    """
    if frame.space is PixelSpace.MODEL_INPUT:
        return _as_it_is(preprocessing, frame)
    scale = _grey_scale(preprocessing, frame)
    aspect = frame.spacing.aspect if frame.spacing is not None else 1.0
    resized, crop = geometry(preprocessing, frame.shape, aspect)
    notes = scale.notes
    if preprocessing.resize != "stretch" and not math.isclose(aspect, 1.0, rel_tol=1e-3):
        notes = (
            *notes,
            f"pixels are {aspect:.3g} times as high as wide: true proportions are kept",
        )
    mask = frame.padding_mask()
    if mask is not None and mask.any():
        notes = (*notes, f"{int(mask.sum())} padding pixels are black to the model")
    if frame.is_color and preprocessing.channels == 1:
        notes = (*notes, "colour is reduced to luma (ITU-R BT.601) for a grey model")
    return InputPlan(
        low=scale.low,
        high=scale.high,
        inverted=is_inverted(frame),
        resized=resized,
        crop=crop,
        channels=preprocessing.channels,
        notes=notes,
        curve=scale.curve,
        grey_source=scale.source,
        units=frame.modality.units,
    )


def _as_it_is(preprocessing: Preprocessing, frame: Frame) -> InputPlan:
    expected = (preprocessing.height, preprocessing.width)
    if frame.shape != expected:
        raise ModelError(
            f"holds a model input of {frame.shape[0]}×{frame.shape[1]} pixels, but this model "
            f"takes {expected[0]}×{expected[1]}",
            subject=frame.provenance.path,
            remedy="Use the model it was made for, or the original image",
        )
    low, high = frame.value_range
    return InputPlan(
        low=low,
        high=high,
        inverted=False,
        resized=expected,
        crop=(0, 0, *expected),
        channels=preprocessing.channels,
        identity=True,
        notes=("the file holds a model input: it is used as it is",),
    )


@dataclass(frozen=True)
class _GreyScale:
    low: float
    high: float
    source: str
    notes: tuple[str, ...] = ()
    curve: Voi | None = None


def _grey_scale(preprocessing: Preprocessing, frame: Frame) -> _GreyScale:
    full = frame.modality.extent(*frame.value_range)
    if frame.is_color:
        return _GreyScale(*full, "all that the encoding can hold")
    match preprocessing.window:
        case "full-range":
            return _GreyScale(*full, "all that the encoding can hold")
        case "fixed":
            return _GreyScale(preprocessing.low, preprocessing.high, "fixed by the model")
        case "percentile":
            low, high = preprocessing.low, preprocessing.high
            words = f"percentiles {low:g} and {high:g} of the image"
            return _GreyScale(*_percentiles(frame, low, high), words)
        case "file":
            if frame.voi_choices:
                return _of_the_file(frame.voi_choices[0])
            if frame.bits_stored <= 8:
                return _GreyScale(*full, "all that the encoding can hold")
            low, high = _percentiles(frame, 0, 100)
            note = f"the file names no window: smallest to largest value ({low:g} to {high:g}) used"
            return _GreyScale(low, high, "smallest to largest value of the image", (note,))


def _of_the_file(voi: Voi) -> _GreyScale:
    """The file's own window or table as a grey scale.

    LINEAR and LINEAR_EXACT are straight lines with ends. SIGMOID and tables are carried out as they
    are: a model trained on what was displayed has seen them. A table is interpolated linearly, so
    its gradient is the difference of neighbouring entries.
    """
    name = f" “{voi.explanation}”" if voi.explanation else ""
    if isinstance(voi, VoiLut):
        note = (
            "the file's VOI table is applied, interpolated linearly: a change of the input has no "
            "single size in modality values"
        )
        notes = (note,) if voi.is_monotonic else (note, "the VOI table turns back on itself")
        return _GreyScale(*_working_part(voi), f"the file's table{name}", notes, voi)
    low, high = _window_bounds(voi)
    if voi.function == "SIGMOID":
        return _GreyScale(low, high, f"the file's sigmoid window{name}", (), voi)
    if voi.function == "LINEAR" and voi.width <= 1:
        note = "the file's window is a threshold; a ramp of half a unit stands for it"
        return _GreyScale(low, high, f"the file's window{name}", (note,))
    return _GreyScale(low, high, f"the file's window{name}")


def _working_part(table: VoiLut) -> tuple[float, float]:
    """Inputs between which the entries change, that of the darker end first."""
    steps = np.flatnonzero(np.diff(table.values.astype(np.int64)))
    if not steps.size:
        return float(table.first), float(table.last + 1)
    start, stop = table.first + int(steps[0]), table.first + int(steps[-1]) + 1
    rises = int(table.values[0]) <= int(table.values[-1])
    return (float(start), float(stop)) if rises else (float(stop), float(start))


def _window_bounds(window: Window) -> tuple[float, float]:
    """Black and white of a window; LINEAR ends as in DICOM PS3.3 C.11.2.1.2.1."""
    if window.function == "LINEAR":
        middle = window.center - 0.5
        # Note 3 there: a width of 1 is a threshold, white from the centre on for whole numbers.
        half = (window.width - 1) / 2
        return (middle - half, middle + half) if half > 0 else (middle, middle + 0.5)
    return window.center - window.width / 2, window.center + window.width / 2


def _percentiles(frame: Frame, low: float, high: float) -> tuple[float, float]:
    if not pixels_of(frame).size:
        raise ModelError("has no finite pixel values", subject=frame.provenance.path)
    bottom, top = percentiles(frame, low, high)
    if not bottom < top:
        raise ModelError(
            f"is constant ({bottom:g}), so it has no grey scale for the model",
            subject=frame.provenance.path,
            remedy="Choose another image",
        )
    return bottom, top


def _touched(mask: NDArray[np.bool_], size: int) -> NDArray[np.bool_]:
    """Which of `size` rows the bilinear resampling with antialiasing mixes a True row pixel into.

    Each output pixel is a weighted mean of the inputs whose centres lie nearer than its support:
    one pixel of the coarser grid. (A hair less, for a weight of rounding errors is none.)
    """
    have = mask.shape[0]
    if have == size:
        return mask
    scale = have / size
    support = max(scale, 1.0) * (1 - 1e-9)
    centre = (np.arange(size) + 0.5) * scale
    first = np.clip(np.floor(centre - support - 0.5).astype(int) + 1, 0, have)
    last = np.clip(np.ceil(centre + support - 0.5).astype(int), 0, have)
    before = np.vstack([np.zeros((1, mask.shape[1]), np.int64), np.cumsum(mask, axis=0)])
    return np.asarray(before[last] > before[first])


def geometry(
    preprocessing: Preprocessing, shape: tuple[int, int], aspect: float
) -> tuple[tuple[int, int], tuple[int, int, int, int]]:
    """Size after resizing, and the crop; proportions are those of the body, not of the grid."""
    height, width = preprocessing.height, preprocessing.width
    if preprocessing.resize == "stretch":
        return (height, width), (0, 0, height, width)
    true = (shape[0] * aspect, float(shape[1]))
    if preprocessing.resize == "crop":
        side = preprocessing.resize_side
        scale = side / min(true) if side else max(height / true[0], width / true[1])
        resized = (
            max(round(true[0] * scale), height),
            max(round(true[1] * scale), width),
        )
    else:
        scale = min(height / true[0], width / true[1])
        resized = (
            min(max(round(true[0] * scale), 1), height),
            min(max(round(true[1] * scale), 1), width),
        )
    top = _half(resized[0] - height)
    left = _half(resized[1] - width)
    return resized, (top, left, height, width)


def _half(excess: int) -> int:
    """Half of what is to be cut (negative: added), rounded as torchvision's centre crop does."""
    return round(excess / 2.0) if excess >= 0 else -(-excess // 2)
