"""Drawing in unit coordinates: x to the right and y down, 0 to 1 across a square image.

Every random number is drawn on a grid, or for a vertex, that knows nothing of the image's size: the
same phantom at 224 and at 1024 pixels shows the same anatomy. Arrays are float32.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFilter

Field = NDArray[np.float32]
Points = NDArray[np.float64]

_CANVAS = 640
_BICUBIC_SPREAD = 0.74


@lru_cache(maxsize=4)
def grid(side: int) -> tuple[Field, Field]:
    """x and y of the pixel centres, each side×side, read-only."""
    centres = (np.arange(side, dtype=np.float32) + np.float32(0.5)) / np.float32(side)
    x, y = np.meshgrid(centres, centres)
    x.setflags(write=False)
    y.setflags(write=False)
    return x, y


def smoothstep(low: float, high: float, values: NDArray[np.floating]) -> Field:
    """0 below `low`, 1 above `high`, 3t²−2t³ between; falling where low > high."""
    t = np.clip((values - np.float32(low)) / np.float32(high - low), 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t), dtype=np.float32)


def bump(x: Field, y: Field, centre: ArrayLike, radius: ArrayLike) -> Field:
    """A Gaussian of height 1; `radius` is its standard deviation, one number or (x, y)."""
    cx, cy = np.asarray(centre, dtype=np.float32)
    rx, ry = np.broadcast_to(np.asarray(radius, dtype=np.float32), 2)
    return np.asarray(np.exp(-0.5 * (((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2)))


def noise(rng: np.random.Generator, cells: int, side: int) -> Field:
    """Smooth noise of mean 0 and standard deviation about 1, features 1/cells of the side."""
    values = rng.standard_normal((cells + 4, cells + 4), dtype=np.float32)
    image = Image.fromarray(values)
    box = (2, 2, cells + 2, cells + 2)
    smooth = image.resize((side, side), Image.Resampling.BICUBIC, box=box)
    return np.asarray(smooth, dtype=np.float32) / np.float32(_BICUBIC_SPREAD)


def fractal(
    rng: np.random.Generator, cells: int, octaves: int, side: int, persistence: float = 0.5
) -> Field:
    """Octaves of `noise`, each twice as fine and `persistence` as strong; deviation about 1."""
    weights = persistence ** np.arange(octaves)
    total = np.zeros((side, side), dtype=np.float32)
    for octave, weight in enumerate(weights):
        total += np.float32(weight) * noise(rng, cells * 2**octave, side)
    return np.asarray(total / np.float32(np.sqrt(np.sum(weights**2))))


def plain(colour: ArrayLike, side: int) -> Field:
    """An image of one colour (3 numbers): 3 planes of side×side."""
    image = np.empty((3, side, side), dtype=np.float32)
    image[:] = _planes(colour)
    return image


def mix(image: Field, colour: ArrayLike, alpha: Field) -> None:
    """Lay `colour` (3 numbers) over the 3×H×W `image`, in place, by `alpha` H×W."""
    image += alpha * (_planes(colour) - image)


def darken(image: Field, absorption: ArrayLike, alpha: Field) -> None:
    """Multiply the 3×H×W `image`, in place, by 1 − absorption·alpha, absorption being 3 numbers."""
    image *= 1.0 - alpha * _planes(absorption)


def to_bytes(image: Field) -> NDArray[np.uint8]:
    """3×H×W from 0 to 1 as H×W×3 from 0 to 255, rounded.

    A colour beyond white or black saturates, as in a sensor.
    """
    rounded = np.asarray(np.clip(image, 0.0, 1.0) * np.float32(255) + np.float32(0.5))
    return np.ascontiguousarray(rounded.astype(np.uint8).transpose(1, 2, 0))


def _planes(colour: ArrayLike) -> Field:
    return np.asarray(colour, dtype=np.float32).reshape(3, 1, 1)


def smooth_curve(control: ArrayLike, closed: bool, steps: int = 8) -> Points:
    """Catmull–Rom curve through N×2 control points; a point given twice stays a corner."""
    knots = np.asarray(control, dtype=np.float64)
    if closed:
        padded = np.concatenate([knots[-1:], knots, knots[:2]])
    else:
        padded = np.concatenate([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])
    p0, p1, p2, p3 = (padded[i : len(padded) - 3 + i, None, :] for i in range(4))
    t = (np.arange(steps) / steps)[None, :, None]
    curve = 0.5 * (
        2 * p1
        + (p2 - p0) * t
        + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2
        + (3 * p1 - p0 - 3 * p2 + p3) * t**3
    )
    points = curve.reshape(-1, 2)
    return points if closed else np.concatenate([points, knots[-1:]])


def blob(
    rng: np.random.Generator,
    centre: ArrayLike,
    radius: float,
    roughness: float,
    *,
    stretch: float = 1.0,
    angle: float = 0.0,
) -> Points:
    """A closed irregular outline about `centre`, mean radius `radius`.

    `roughness` is the relative deviation of the radius, `stretch` the long axis over the short one,
    `angle` the direction of the long axis in radians.
    """
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    order = np.arange(2, 7)[:, None]
    amplitude = roughness * rng.uniform(0.3, 1.0, (5, 1)) / order**0.5
    shape = 1.0 + np.sum(amplitude * np.cos(order * turn + rng.uniform(0, 6.283, (5, 1))), axis=0)
    long, short = radius * shape * stretch**0.5, radius * shape / stretch**0.5
    u, v = long * np.cos(turn), short * np.sin(turn)
    c, s = np.cos(angle), np.sin(angle)
    return np.asarray(np.stack([u * c - v * s, u * s + v * c], axis=1) + np.asarray(centre))


class Layer:
    """Shapes drawn with smooth edges, over-sampled, read out as coverage from 0 to 1.

    A later shape covers an earlier one where they overlap.
    """

    def __init__(self, side: int) -> None:
        self._side = side
        self._over = min(max(2, -(-_CANVAS // side)), 4)
        self._image = Image.new("L", (side * self._over, side * self._over))
        self._draw = ImageDraw.Draw(self._image)

    def polygon(self, points: ArrayLike, value: float = 1.0) -> Layer:
        """Fill the outline N×2."""
        self._draw.polygon(self._place(points), fill=round(255 * value))
        return self

    def disc(self, centre: ArrayLike, radius: float, value: float = 1.0) -> Layer:
        """Fill a circle."""
        cx, cy = self._place(centre)
        r = radius * self._side * self._over
        self._draw.ellipse((cx - r, cy - r, cx + r, cy + r), fill=round(255 * value))
        return self

    def strands(self, points: Points, widths: Points, value: float = 1.0) -> Layer:
        """Draw B curves of N points, B×N×2, with the widths B×N."""
        along = np.gradient(points, axis=1)
        length = np.maximum(np.hypot(along[..., 0], along[..., 1]), 1e-9)
        normal = np.stack([-along[..., 1], along[..., 0]], axis=-1) / length[..., None]
        half = normal * (widths[..., None] / 2)
        outlines = np.concatenate([points + half, (points - half)[:, ::-1]], axis=1)
        scaled = outlines.reshape(len(points), -1) * (self._side * self._over) - 0.5
        for outline in scaled.tolist():
            self._draw.polygon(outline, fill=round(255 * value))
        return self

    def stroke(self, points: Points, width: ArrayLike, value: float = 1.0) -> Layer:
        """Draw one curve N×2 of one width, or of N widths."""
        return self.strands(points[None], np.broadcast_to(width, len(points))[None], value)

    def read(self, sigma: float = 0.0) -> Field:
        """The coverage side×side; blurred by a Gaussian of `sigma` in units of the side."""
        image = self._image.reduce(self._over)
        if sigma > 0:
            image = image.filter(ImageFilter.GaussianBlur(sigma * self._side))
        return np.asarray(image, dtype=np.float32) / np.float32(255)

    def _place(self, points: ArrayLike) -> list[float]:
        scaled = np.asarray(points, dtype=np.float64) * (self._side * self._over) - 0.5
        flat: list[float] = scaled.ravel().tolist()
        return flat
