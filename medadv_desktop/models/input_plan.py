"""How one frame becomes one model's input: grey values, geometry, channels. No torch.

The plan is shown in the window, quoted in results, and executed, differentiably, by
`preprocessing.InputPath`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from medadv_desktop.errors import ModelError
from medadv_desktop.imaging.frame import Frame, Photometric, PixelSpace, Window
from medadv_desktop.models.card import Preprocessing


@dataclass(frozen=True)
class InputPlan:
    """Frame to model input, every number spelt out.

    Attributes:
        low, high: modality values that become 0 and 1 (for colour: stored values). Values beyond
            are clipped, as the network would never have seen them.
        inverted: 0 and 1 are swapped afterwards (MONOCHROME1): larger is always brighter.
        resized: height and width after resizing the whole frame.
        crop: top, left, height, width cut from the resized frame; negative top or left and sizes
            beyond it mean black borders.
        channels: of the model input, 1 or 3.
        identity: the file already holds a model input: its values over their maximum, no more.
        notes: decisions a user should know of.
    """

    low: float
    high: float
    inverted: bool
    resized: tuple[int, int]
    crop: tuple[int, int, int, int]
    channels: int
    identity: bool = False
    notes: tuple[str, ...] = ()

    def region(self, frame_shape: tuple[int, int]) -> tuple[float, float, float, float]:
        """The part of the frame that the model sees: top, left, height, width in frame pixels."""
        down = frame_shape[0] / self.resized[0]
        across = frame_shape[1] / self.resized[1]
        top, left, height, width = self.crop
        return top * down, left * across, height * down, width * across

    def to_modality(self, value: float) -> float:
        """The modality value that stands behind a model-input value in [0, 1]."""
        value = 1 - value if self.inverted else value
        return self.low + value * (self.high - self.low)

    def to_input(self, window: Window) -> tuple[float, float]:
        """The model-input values that a window shows as black and white (before inversion)."""
        span = self.high - self.low
        low = (window.center - window.width / 2 - self.low) / span
        return low, low + window.width / span


def plan_input(preprocessing: Preprocessing, frame: Frame) -> InputPlan:
    """Work out the plan of a frame for a model.

    Raises:
        ModelError: the frame's values give no grey scale (constant under a percentile window, not
            finite), or a saved model input has another size than this model's.
    """
    if frame.space is PixelSpace.MODEL_INPUT:
        return _as_it_is(preprocessing, frame)
    low, high, notes = _grey_scale(preprocessing, frame)
    resized, crop = _geometry(preprocessing, frame.shape)
    if frame.is_color and preprocessing.channels == 1:
        notes = (*notes, "colour is reduced to luma (ITU-R BT.601) for a grey model")
    # A DX image says both, and means one inversion (DICOM PS3.3 C.8.11.3.1.2).
    darker_first = frame.photometric is Photometric.MONOCHROME1 or frame.inverted_presentation
    return InputPlan(
        low=low,
        high=high,
        inverted=darker_first,
        resized=resized,
        crop=crop,
        channels=preprocessing.channels,
        notes=notes,
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


def _grey_scale(preprocessing: Preprocessing, frame: Frame) -> tuple[float, float, tuple[str, ...]]:
    if frame.is_color:
        return (*_full_range(frame), ())
    match preprocessing.window:
        case "full-range":
            return (*_full_range(frame), ())
        case "fixed":
            return preprocessing.low, preprocessing.high, ()
        case "percentile":
            return (*_percentiles(frame, preprocessing.low, preprocessing.high), ())
        case "file":
            if frame.windows:
                return (*_window_bounds(frame.windows[0]), ())
            if frame.bits_stored <= 8:
                return (*_full_range(frame), ())
            low, high = _percentiles(frame, 0, 100)
            note = f"the file names no window: smallest to largest value ({low:g} to {high:g}) used"
            return low, high, (note,)


def _full_range(frame: Frame) -> tuple[float, float]:
    ends = [v * frame.modality.slope + frame.modality.intercept for v in frame.value_range]
    return min(ends), max(ends)


def _window_bounds(window: Window) -> tuple[float, float]:
    """Black and white of a window; LINEAR ends as in DICOM PS3.3 C.11.2.1.2.1."""
    if window.function == "LINEAR" and window.width > 1:
        middle = window.center - 0.5
        return middle - (window.width - 1) / 2, middle + (window.width - 1) / 2
    return window.center - window.width / 2, window.center + window.width / 2


def _percentiles(frame: Frame, low: float, high: float) -> tuple[float, float]:
    values = frame.modality_values()
    mask = frame.padding_mask()
    if mask is not None:
        values = values[~mask]
    values = values[np.isfinite(values)]
    if values.size == 0:
        raise ModelError("has no finite pixel values", subject=frame.provenance.path)
    bottom, top = (float(v) for v in np.percentile(values, (low, high)))
    if not bottom < top:
        raise ModelError(
            f"is constant ({bottom:g}), so it has no grey scale for the model",
            subject=frame.provenance.path,
            remedy="Choose another image",
        )
    return bottom, top


def _geometry(
    preprocessing: Preprocessing, shape: tuple[int, int]
) -> tuple[tuple[int, int], tuple[int, int, int, int]]:
    height, width = preprocessing.height, preprocessing.width
    if preprocessing.resize == "stretch":
        return (height, width), (0, 0, height, width)
    if preprocessing.resize == "crop":
        side = preprocessing.resize_side
        scale = side / min(shape) if side else max(height / shape[0], width / shape[1])
        resized = (
            max(round(shape[0] * scale), height),
            max(round(shape[1] * scale), width),
        )
    else:
        scale = min(height / shape[0], width / shape[1])
        resized = (
            min(max(round(shape[0] * scale), 1), height),
            min(max(round(shape[1] * scale), 1), width),
        )
    top = _half(resized[0] - height)
    left = _half(resized[1] - width)
    return resized, (top, left, height, width)


def _half(excess: int) -> int:
    """Half of what is to be cut (negative: added), rounded as torchvision's centre crop does."""
    return round(excess / 2.0) if excess >= 0 else -(-excess // 2)
