"""From stored values to what an eye sees: the grey-scale chain of DICOM PS3.3 C.11 in numpy.

The order is padding, modality transform, VOI window or table, presentation. Everything here is
pure; a model never sees these values, it has its own path from modality values.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.errors import SettingsError
from medadv_desktop.imaging.frame import Frame, Photometric, Voi, Window
from medadv_desktop.imaging.lookup import VoiLut

WHITE = 255.0

MAX_DIRECT = 2**16
"""Pixels up to which the chain is evaluated for each one, without a table."""


def default_voi(frame: Frame) -> Voi:
    """What a frame is first shown through: its own first window, its own first table, or else
    `default_window`.

    A file that has both windows and tables offers them as equals (PS3.3 C.11.2); the window comes
    first, for it can be dragged.
    """
    return next(iter(frame.voi_choices), None) or default_window(frame)


def default_window(frame: Frame) -> Window:
    """The window a frame is first shown with, where it is shown through a window.

    The file's own first window; else, for colour and for values of up to 8 bits, the whole range
    they can take (such a file is shown as it lies there); else the smallest to the largest modality
    value of the frame. Padding and values that are not finite take no part.

    Returns:
        a window in modality values (for colour: stored values). LINEAR for whole numbers,
        LINEAR_EXACT otherwise.
    """
    if frame.windows:
        return frame.windows[0]
    if frame.is_color or (frame.bits_stored <= 8 and not _is_float(frame.stored)):
        return window_between(*frame.modality.extent(*frame.value_range))
    return window_between(*modality_extent(frame), whole=is_whole(frame))


def modality_extent(frame: Frame) -> tuple[float, float]:
    """Smallest and largest modality value of the pixels, padding and not-finite values left out.

    Where no pixel is left: of what the encoding can hold.
    """
    low, high = _stored_extent(frame)
    if frame.modality.lut is None or low == high:
        return frame.modality.extent(low, high)
    mask = frame.padding_mask()
    stored = frame.stored if mask is None or mask.all() else frame.stored[~mask]
    values = frame.modality.apply(np.unique(stored))
    return float(values.min()), float(values.max())


def window_between(low: float, high: float, *, whole: bool = True) -> Window:
    """The window that shows `low` as black, `high` as white and everything between.

    Args:
        low, high: modality values, `low` at most `high`.
        whole: the values are whole numbers, so that the standard's LINEAR function (whose width
            counts values, not the distance between them) says exactly this; else LINEAR_EXACT.
    """
    if whole and float(low).is_integer() and float(high).is_integer():
        return Window((low + high + 1) / 2, high - low + 1, "LINEAR")
    return Window((low + high) / 2, (high - low) or 1.0, "LINEAR_EXACT")


def apply_window(values: NDArray[np.generic], window: Window) -> NDArray[np.float64]:
    """Modality values through a VOI window (DICOM PS3.3 C.11.2.1.2 and C.11.2.1.3).

    Args:
        values: modality values of any shape and numeric type.
        window: LINEAR (C.11.2.1.2.1), LINEAR_EXACT (C.11.2.1.3.2) or SIGMOID (C.11.2.1.3.1).

    Returns:
        float64 of the same shape, 0 (black) to 255 (white). What is not a number becomes 0.

    Raises:
        SettingsError: the width is not above 0 (below 1 for LINEAR), a number is not finite, or the
            function is unknown.
    """
    check_window(window)
    x = np.asarray(values, dtype=np.float64)
    center, width = window.center, window.width
    if window.function == "SIGMOID":
        exponent = np.clip(-4.0 * (x - center) / width, -700.0, 700.0)
        return np.nan_to_num(WHITE / (1.0 + np.exp(exponent)), nan=0.0)
    if window.function == "LINEAR":
        center, width = center - 0.5, width - 1.0
    # Infinities, and the bare threshold of a LINEAR width of 1, are settled by the two ends below.
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        between = ((x - center) / np.float64(width) + 0.5) * WHITE
    y = np.where(x > center + width / 2, WHITE, np.where(x <= center - width / 2, 0.0, between))
    return np.asarray(np.nan_to_num(np.clip(y, 0.0, WHITE), nan=0.0))


def check_window(window: Window) -> None:
    """Raise `SettingsError` if `window` cannot be applied."""
    narrowest = 1.0 if window.function == "LINEAR" else 0.0
    if window.function not in ("LINEAR", "LINEAR_EXACT", "SIGMOID"):
        raise SettingsError(
            f"{window.function!r} is no VOI function",
            subject="window",
            remedy="Allowed: LINEAR, LINEAR_EXACT, SIGMOID",
        )
    if not (math.isfinite(window.center) and math.isfinite(window.width)):
        raise SettingsError("centre and width must be finite numbers", subject="window")
    if window.width < narrowest or window.width <= 0:
        raise SettingsError(
            f"a width of {window.width:g} is refused",
            subject="window",
            remedy="Allowed: from 1 for LINEAR, above 0 for the other functions",
        )


def apply_voi(values: NDArray[np.generic], voi: Voi) -> NDArray[np.float64]:
    """Modality values through a window or a table (PS3.3 C.11.2.1), 0 (black) to 255 (white).

    The table is stretched from 0 … 2**bits − 1 to 0 … 255. What is not a number becomes 0.

    Raises:
        SettingsError: as `apply_window`.
    """
    if isinstance(voi, VoiLut):
        return np.nan_to_num(voi.look_up(values) * (WHITE / voi.top), nan=0.0)
    return apply_window(values, voi)


def render(frame: Frame, voi: Voi | None = None, invert: bool = False) -> NDArray[np.uint8]:
    """What a screen shows of a frame.

    Args:
        frame: any frame.
        voi: in modality values, for colour in stored values and for each channel alike; None takes
            `default_voi`, which leaves colour as it is.
        invert: black for white, on top of what the file says.

    Returns:
        H×W (grey) or H×W×3 (colour) uint8, contiguous. Padding is black whatever the rest does.

    Raises:
        SettingsError: as `apply_window`.
    """
    voi = voi or default_voi(frame)
    stored = frame.stored
    if not frame.is_color:
        invert ^= is_inverted(frame)
    if stored.dtype.kind in "iu" and stored.dtype.itemsize <= 2 and stored.size > MAX_DIRECT:
        # One table entry for each value that can occur is cheaper than the chain for each pixel.
        unsigned = np.dtype(f"u{stored.dtype.itemsize}")
        every = np.arange(2 ** (8 * unsigned.itemsize), dtype=unsigned)
        table = _light(every.view(stored.dtype.newbyteorder("=")), frame, voi, invert)
        codes = np.ascontiguousarray(stored, dtype=stored.dtype.newbyteorder("="))
        if unsigned.itemsize == 1:  # a string's way of looking up is five times as fast
            light = bytearray(codes.view(unsigned)).translate(table.tobytes())
            return np.frombuffer(light, np.uint8).reshape(stored.shape)
        return table.take(codes.view(unsigned), mode="clip")
    return _light(stored, frame, voi, invert)


def is_inverted(frame: Frame) -> bool:
    """Whether the smallest value is meant to be white.

    MONOCHROME1 says so (PS3.3 C.7.6.3.1.2), and so does Presentation LUT Shape INVERSE. Both
    together are one inversion, not two: the DX Image module (C.8.11.3) demands INVERSE beside
    MONOCHROME1 and IDENTITY beside MONOCHROME2 as two ways to say the same thing.
    """
    return frame.photometric is Photometric.MONOCHROME1 or frame.inverted_presentation


def is_whole(frame: Frame) -> bool:
    """Whether every modality value of the frame is a whole number."""
    if _is_float(frame.stored):
        return False
    by = frame.modality
    return by.lut is not None or (float(by.slope).is_integer() and float(by.intercept).is_integer())


def _light(stored: NDArray[np.generic], frame: Frame, voi: Voi, invert: bool) -> NDArray[np.uint8]:
    light = np.rint(apply_voi(frame.modality.apply(stored), voi)).astype(np.uint8)
    if invert:
        light = np.subtract(255, light, dtype=np.uint8)
    if frame.padding is not None and not frame.is_color:
        low, high = frame.padding
        light[np.greater_equal(stored, low) & np.less_equal(stored, high)] = 0
    if _is_float(stored):
        light[~np.isfinite(stored)] = 0
    return light


def _stored_extent(frame: Frame) -> tuple[float, float]:
    """Smallest and largest stored value that is a pixel; the encoding's range where none is."""
    mask = frame.padding_mask()
    stored = frame.stored if mask is None or not mask.any() else frame.stored[~mask]
    if _is_float(stored):
        stored = stored[np.isfinite(stored.astype(np.float64))]
    if not stored.size:
        return frame.value_range
    return float(stored.min()), float(stored.max())


def _is_float(stored: NDArray[np.generic]) -> bool:
    return bool(np.issubdtype(stored.dtype, np.floating))
