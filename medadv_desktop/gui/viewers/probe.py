"""What is known of the point under the cursor, from file to model. No Qt."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.imaging.frame import Frame
from medadv_desktop.models.input_plan import InputPlan


@dataclass(frozen=True)
class ProbeReading:
    """One point, in every space that has it.

    Attributes:
        row, column: pixel of the source frame, from 0.
        stored: value(s) as in the file: one, or R, G, B.
        modality: after rescale; None for colour.
        units: of the modality value ("HU"), "" where unknown.
        padding: the file says that there is no pixel here.
        model_row, model_column: pixel of the model input, None outside of what the model sees.
        original, adversarial: model-input value(s) there in [0, 1], one for each channel, empty
            where there is none.
    """

    row: int
    column: int
    stored: tuple[float, ...]
    modality: float | None
    units: str
    padding: bool = False
    model_row: int | None = None
    model_column: int | None = None
    original: tuple[float, ...] = ()
    adversarial: tuple[float, ...] = ()

    @property
    def delta_255(self) -> tuple[float, ...]:
        """Adversarial minus original for each channel, in 1/255 of the grey scale."""
        pairs = zip(self.original, self.adversarial, strict=False)
        return tuple((after - before) * 255 for before, after in pairs)


def read_probe(
    frame: Frame,
    point: tuple[float, float],
    plan: InputPlan | None = None,
    original: NDArray[np.float32] | None = None,
    adversarial: NDArray[np.float32] | None = None,
) -> ProbeReading | None:
    """Read a point.

    Args:
        frame: the source.
        point: row and column in frame pixels; (0, 0) is the outer corner of the first pixel.
        plan: how the frame became the model input.
        original, adversarial: C×H×W model inputs.

    Returns:
        the reading, or None where the point lies outside of the frame.
    """
    row, column = math.floor(point[0]), math.floor(point[1])
    height, width = frame.shape
    if not (0 <= row < height and 0 <= column < width):
        return None
    stored = tuple(float(v) for v in np.atleast_1d(frame.stored[row, column]))
    modality = None
    if not frame.is_color:
        modality = float(frame.modality.apply(frame.stored[row, column]))
    padding = False
    if frame.padding is not None and not frame.is_color:
        padding = frame.padding[0] <= stored[0] <= frame.padding[1]
    reading = ProbeReading(row, column, stored, modality, frame.modality.units, padding)
    if plan is None or original is None:
        return reading
    at = model_pixel(plan, frame.shape, original.shape[-2:], point)
    if at is None:
        return reading
    return ProbeReading(
        row=row,
        column=column,
        stored=stored,
        modality=modality,
        units=frame.modality.units,
        padding=padding,
        model_row=at[0],
        model_column=at[1],
        original=_values(original, at),
        adversarial=() if adversarial is None else _values(adversarial, at),
    )


def model_pixel(
    plan: InputPlan,
    frame_shape: tuple[int, int],
    input_shape: tuple[int, ...],
    point: tuple[float, float],
) -> tuple[int, int] | None:
    """Row and column of the model input at a point of the frame, None outside of it."""
    top, left, height, width = plan.region(frame_shape)
    row = math.floor((point[0] - top) / height * input_shape[0])
    column = math.floor((point[1] - left) / width * input_shape[1])
    if 0 <= row < input_shape[0] and 0 <= column < input_shape[1]:
        return row, column
    return None


def _values(image: NDArray[np.float32], at: tuple[int, int]) -> tuple[float, ...]:
    return tuple(float(v) for v in image[:, at[0], at[1]])
