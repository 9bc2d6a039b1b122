"""Pixels ready to be painted, each with the part of the frame that it covers.

A picture is asked for at a reduction, the whole number of its pixels that share one on the screen,
and for the part in sight. A reduced source is averaged before the window, as film and monitors
blend light, so that dragging the window of a large radiograph costs what its screen area costs.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QImage

from medadv_desktop.gui.viewers.colormaps import signed_colors
from medadv_desktop.imaging.display import apply_voi, is_inverted, render
from medadv_desktop.imaging.frame import Frame, Voi
from medadv_desktop.models.input_plan import InputPlan

Region = tuple[float, float, float, float]
"""Top, left, height, width in frame pixels."""

Part = tuple[slice, slice]
"""Rows and columns of the reduced picture."""

WHOLE: Part = (slice(None), slice(None))

_LEVELS = 2**16


class Picture(Protocol):
    """Something a canvas can paint."""

    @property
    def region(self) -> Region:
        """The part of the frame that it covers."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in its own pixels."""

    def pixels(self, reduction: int, part: Part = WHOLE) -> NDArray[np.uint8]:
        """H×W or H×W×3 of a part of the picture, in reduced pixels."""


class SourcePicture:
    """A source frame through the window, or table, of the screen; of colour each channel."""

    def __init__(self, frame: Frame, voi: Voi, invert: bool = False) -> None:
        self._frame, self._voi, self._invert = frame, voi, invert

    @property
    def region(self) -> Region:
        return 0.0, 0.0, *map(float, self.size)

    @property
    def size(self) -> tuple[int, int]:
        return self._frame.shape

    def pixels(self, reduction: int, part: Part = WHOLE) -> NDArray[np.uint8]:
        small = reduced(self._frame, reduction)
        seen = dataclasses.replace(small, stored=small.stored[part])
        return render(seen, self._voi, self._invert)


class InputPicture:
    """A model input, C×H×W in [0, 1], through the same window as the source it came from."""

    def __init__(
        self,
        image: NDArray[np.float32],
        plan: InputPlan,
        frame: Frame,
        voi: Voi,
        invert: bool = False,
    ) -> None:
        self._image, self._plan, self._frame = image, plan, frame
        self._voi, self._invert = voi, invert

    @property
    def region(self) -> Region:
        return self._plan.region(self._frame.shape)

    @property
    def size(self) -> tuple[int, int]:
        return self._image.shape[1], self._image.shape[2]

    def pixels(self, reduction: int, part: Part = WHOLE) -> NDArray[np.uint8]:
        image = block_mean(np.moveaxis(self._image, 0, -1), reduction)[part]
        levels = np.rint(np.clip(image, 0, 1) * (_LEVELS - 1)).astype(np.uint16)
        light = input_table(self._plan, self._frame, self._voi, self._invert)[levels]
        return np.ascontiguousarray(light[..., 0] if light.shape[-1] == 1 else light)


class SignedPicture:
    """A perturbation, H×W signed, in the colours of signed values."""

    def __init__(self, values: NDArray[np.float32], region: Region, limit: float) -> None:
        self._values, self._region, self._limit = values, region, limit

    @property
    def region(self) -> Region:
        return self._region

    @property
    def size(self) -> tuple[int, int]:
        return self._values.shape

    def pixels(self, reduction: int, part: Part = WHOLE) -> NDArray[np.uint8]:
        # An average of signs would hide the very thing that is to be seen.
        return signed_colors(self._values[::reduction, ::reduction][part], self._limit)


def input_table(plan: InputPlan, frame: Frame, voi: Voi, invert: bool) -> NDArray[np.uint8]:
    """Light for each of 65536 model-input values from 0 to 1, as `render` lights the source."""
    values = np.linspace(0, 1, _LEVELS)
    standing = 1 - values if plan.inverted else values
    light = apply_voi(plan.modality_of(standing), voi)
    turned = invert ^ is_inverted(frame)
    return np.rint(255 - light if turned else light).astype(np.uint8)


@functools.lru_cache(maxsize=3)
def reduced(frame: Frame, reduction: int) -> Frame:
    """The frame with blocks of `reduction`² pixels averaged, its meaning unchanged."""
    if reduction <= 1:
        return frame
    stored = frame.stored
    small = block_mean(stored, reduction)
    if np.issubdtype(stored.dtype, np.integer):
        small = np.rint(small)
    small = small.astype(stored.dtype)
    mask = frame.padding_mask()
    if mask is not None and mask.any():  # nothing lies between "no pixel" and a pixel
        touched = block_mean(mask, reduction) > 0
        small[touched] = stored[::reduction, ::reduction][touched]
    return dataclasses.replace(frame, stored=small)


def block_mean(values: NDArray[np.generic], reduction: int) -> NDArray[np.generic]:
    """Means of blocks of `reduction`² along the first two axes, ceil(size / reduction) of them.

    Of large blocks 4×4 evenly spaced pixels are averaged: the cost is that of the result, and no
    screen shows the difference. A ragged rim repeats its last row or column.
    """
    if reduction <= 1:
        return values
    shape = tuple(-(-side // reduction) for side in values.shape[:2]) + values.shape[2:]
    rim = [(0, -side % reduction) for side in values.shape[:2]]
    if rim != [(0, 0), (0, 0)]:  # then views do, which are several times as fast as picking
        values = np.pad(values, [*rim, *[(0, 0)] * (values.ndim - 2)], mode="edge")
    offsets = np.unique(np.linspace(0, reduction - 1, min(reduction, 4)).round().astype(int))
    total = np.zeros(shape, np.float32 if values.dtype.itemsize <= 4 else np.float64)
    for down in offsets:
        for across in offsets:
            total += values[down::reduction, across::reduction]
    return np.asarray(total / len(offsets) ** 2)


def to_image(pixels: NDArray[np.uint8]) -> QImage:
    """A QImage that owns its memory, from H×W grey or H×W×3 RGB."""
    pixels = np.ascontiguousarray(pixels)
    height, width = pixels.shape[:2]
    grey = pixels.ndim == 2
    form = QImage.Format.Format_Grayscale8 if grey else QImage.Format.Format_RGB888
    line = width if grey else 3 * width
    return QImage(pixels.data, width, height, line, form).copy()
