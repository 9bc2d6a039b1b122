"""Colour tables: signed about zero, and from little to much. No Qt."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Blue against orange is told apart by every common kind of colour blindness. Zero is dark, so that
# an untouched place looks as quiet as the surround of the images.
_NEGATIVE = ((14, 17, 21), (18, 54, 108), (40, 106, 190), (92, 172, 250))
_POSITIVE = ((14, 17, 21), (106, 44, 12), (190, 92, 26), (255, 158, 76))

# Corner points of "inferno" (Smith and van der Walt, CC0): perceptually even, dark at zero.
_HEAT = (
    (0, 0, 4),
    (31, 12, 72),
    (85, 15, 109),
    (136, 34, 106),
    (186, 54, 85),
    (227, 89, 51),
    (249, 140, 10),
    (249, 201, 50),
    (252, 255, 164),
)

STEPS = 255
"""Entries of the signed table on each side of zero."""


def signed_table() -> NDArray[np.uint8]:
    """511×3 RGB: entry 0 is the negative limit, `STEPS` is zero, 510 the positive limit."""
    negative = _ramp(_NEGATIVE, STEPS + 1)
    positive = _ramp(_POSITIVE, STEPS + 1)
    return np.concatenate([negative[:0:-1], positive])


def heat_table() -> NDArray[np.uint8]:
    """256×3 RGB, dark to light."""
    return _ramp(_HEAT, 256)


def signed_colors(values: NDArray[np.floating], limit: float) -> NDArray[np.uint8]:
    """Colours of signed values.

    Args:
        values: any shape.
        limit: above 0: ± limit takes the outermost colours, and so does everything beyond.

    Returns:
        shape of `values` × 3, RGB. Exactly zero is the neutral colour; a value other than zero
        never is, however small, so that a change of a single pixel is not lost.
    """
    steps = np.clip(np.asarray(values, np.float64) / limit, -1, 1) * STEPS
    index = np.where(steps > 0, np.ceil(steps), np.floor(steps)).astype(np.intp) + STEPS
    return signed_table()[index]


def heat_colors(values: NDArray[np.floating], low: float, high: float) -> NDArray[np.uint8]:
    """Colours of values from `low` to `high`; shape of `values` × 3, RGB."""
    span = (high - low) or 1.0
    index = np.rint(np.clip((values - low) / span, 0, 1) * 255).astype(np.intp)
    return heat_table()[index]


def _ramp(corners: tuple[tuple[int, int, int], ...], count: int) -> NDArray[np.uint8]:
    points = np.asarray(corners, np.float64)
    at = np.linspace(0, len(points) - 1, count)
    columns = [np.interp(at, np.arange(len(points)), points[:, c]) for c in range(3)]
    return np.rint(np.stack(columns, axis=1)).astype(np.uint8)
