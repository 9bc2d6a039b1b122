"""Trees of tapering strands: retinal and pulmonary vessels, air bronchograms, hair."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from medadv_desktop.datasets.phantoms.textures import Points

_STEPS = 14


@dataclass(frozen=True, eq=False)
class Strands:
    """B curves of N points.

    Attributes:
        points: B×N×2 in unit coordinates.
        widths: B×N, in units of the side.
    """

    points: Points
    widths: Points

    def joined(self, other: Strands) -> Strands:
        """Both sets, which must have the same number of points for each curve."""
        return Strands(
            np.concatenate([self.points, other.points]), np.concatenate([self.widths, other.widths])
        )


def walk(
    rng: np.random.Generator,
    start: ArrayLike,
    heading: ArrayLike,
    length: ArrayLike,
    *,
    bend: ArrayLike = 0.0,
    wobble: float,
    steps: int = _STEPS,
) -> Points:
    """Curves that leave `start` (B×2) in direction `heading` (B, radians) for `length` (B).

    They turn by `bend` (B, radians) in all, and swing by about `wobble` radians on the way.
    """
    begin = np.atleast_2d(np.asarray(start, dtype=np.float64))
    count = len(begin)
    t = np.linspace(0, 1, steps)[None, :]
    swing = np.zeros((count, steps))
    for order in (1.0, 2.0, 3.5):
        phase, size = rng.uniform(0, 2 * np.pi, (count, 1)), rng.normal(0, wobble, (count, 1))
        swing += size * (np.sin(2 * np.pi * order * t + phase) - np.sin(phase))
    angle = np.reshape(heading, (-1, 1)) + np.reshape(bend, (-1, 1)) * t + swing
    step = np.broadcast_to(np.reshape(length, (-1, 1)) / (steps - 1), angle.shape)
    moves = np.stack([np.cos(angle) * step, np.sin(angle) * step], axis=-1)
    moves[:, 0] = 0.0
    return np.asarray(begin[:, None, :] + np.cumsum(moves, axis=1))


def taper(first: ArrayLike, last: ArrayLike, steps: int = _STEPS) -> Points:
    """Widths B×N that fall evenly from `first` (B) to `last` (B)."""
    a, b = np.reshape(first, (-1, 1)), np.reshape(last, (-1, 1))
    return np.asarray(a + (b - a) * np.linspace(0, 1, steps)[None, :])


def offshoots(
    rng: np.random.Generator,
    parents: Strands,
    per_parent: int,
    *,
    length: tuple[float, float],
    angle: tuple[float, float],
    thinner: float,
    wobble: float = 0.12,
) -> Strands:
    """`per_parent` branches of every parent, at even distances and on alternate sides.

    `length` and `angle` (radians off the parent) are ranges; a branch is `thinner` times as wide as
    its parent where it leaves.
    """
    count, steps = parents.widths.shape
    slots = (np.arange(per_parent) + rng.uniform(0.3, 0.9, (count, per_parent))) / per_parent
    at = np.clip((slots * (steps - 2)).astype(int), 1, steps - 2)
    rows = np.repeat(np.arange(count), per_parent)
    where = at.reshape(-1)
    start = parents.points[rows, where]
    ahead = parents.points[rows, where + 1] - parents.points[rows, where - 1]
    flip = rng.integers(0, 2, (count, 1))
    sides = np.where((np.arange(per_parent)[None, :] + flip) % 2, 1.0, -1.0).reshape(-1)
    total = count * per_parent
    heading = np.arctan2(ahead[:, 1], ahead[:, 0]) + sides * rng.uniform(*angle, total)
    width = parents.widths[rows, where] * thinner
    points = walk(
        rng,
        start,
        heading,
        rng.uniform(*length, total),
        bend=-sides * rng.uniform(0.0, 0.7, total),
        wobble=wobble,
        steps=steps,
    )
    return Strands(points, taper(width, width * 0.45, steps))
