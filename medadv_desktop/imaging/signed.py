"""Signed values as colour: a perturbation for eyes."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

# Blue below zero, orange above, near-black at zero: calm beside images, told apart by every common
# form of colour vision. (position in [-1, 1], sRGB)
_STOPS = (
    (-1.0, (186, 228, 255)),
    (-0.55, (56, 148, 236)),
    (-0.15, (22, 52, 92)),
    (0.0, (16, 18, 22)),
    (0.15, (92, 46, 16)),
    (0.55, (240, 132, 42)),
    (1.0, (255, 226, 178)),
)
_LEVELS = 511


@cache
def diverging_lut() -> NDArray[np.uint8]:
    """511×3 uint8 sRGB; row 0 stands for −limit, row 255 for zero, row 510 for +limit."""
    positions = [stop for stop, _ in _STOPS]
    at = np.linspace(-1, 1, _LEVELS)
    channels = [np.interp(at, positions, [c[i] for _, c in _STOPS]) for i in range(3)]
    lut = np.stack(channels, axis=1).round().astype(np.uint8)
    lut.setflags(write=False)
    return lut


def render_signed(values: NDArray[np.floating], limit: float) -> NDArray[np.uint8]:
    """H×W signed values to H×W×3 colours; beyond ±limit the colour of the end is kept.

    Args:
        values: H×W, any unit.
        limit: the value of the scale's end, in the same unit, above 0.
    """
    place = np.clip(np.asarray(values, np.float64) / limit, -1, 1)
    return diverging_lut()[np.rint((place + 1) * (_LEVELS - 1) / 2).astype(np.intp)]
