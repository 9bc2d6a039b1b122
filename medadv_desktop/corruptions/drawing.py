"""Things drawn over an image, as colour and cover: hairs, a ruler, bubbles. numpy and Pillow.

Unit coordinates: x to the right, y down, in units of the shorter side. Every shape is drawn several
times too large and averaged down, so its borders are smooth.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Points = NDArray[np.float64]
Colour = tuple[float, float, float]


class Overlay:
    """A transparent sheet of H×W pixels to draw on, each shape over those before."""

    def __init__(self, height: int, width: int) -> None:
        self.side = min(height, width)
        self.size = (height, width)
        self._times = 4 if self.side <= 512 else 2
        large = (width * self._times, height * self._times)
        self._colour = Image.new("RGB", large)
        self._cover = Image.new("L", large)

    def polygon(self, points: Points, colour: Colour, cover: float = 1.0) -> None:
        """Fill a polygon, N×2. What lies below it is replaced, not mixed."""
        corners = [(x, y) for x, y in (points * (self.side * self._times)).tolist()]
        painted = tuple(round(255 * value * cover) for value in colour)
        ImageDraw.Draw(self._colour).polygon(corners, fill=painted)
        ImageDraw.Draw(self._cover).polygon(corners, fill=round(255 * cover))

    def ellipse(self, x: float, y: float, radius: float, colour: Colour, cover: float) -> None:
        """Fill a circle."""
        turn = np.linspace(0, 2 * np.pi, 48, endpoint=False)
        circle = np.stack([x + radius * np.cos(turn), y + radius * np.sin(turn)], -1)
        self.polygon(circle, colour, cover)

    def finished(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Colour times cover, 3×H×W, and cover, H×W, in [0, 1]."""
        colour = np.asarray(self._colour.reduce(self._times), np.float64) / 255
        cover = np.asarray(self._cover.reduce(self._times), np.float64) / 255
        return colour.transpose(2, 0, 1), cover


def ribbon(line: Points, widths: Points) -> Points:
    """The outline, 2N×2, of a line of N points that is `widths` wide (N)."""
    ahead = np.gradient(line, axis=0)
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    aside = np.stack([-ahead[:, 1], ahead[:, 0]], -1) * widths[:, None] / 2
    return np.concatenate([line + aside, (line - aside)[::-1]])


def draw_hairs(overlay: Overlay, rng: np.random.Generator, count: int) -> None:
    """`count` hairs: long, bent, tapering, dark brown, the thick ones with a gloss along them."""
    height, width = (length / overlay.side for length in overlay.size)
    t = np.linspace(0, 1, 40)
    for _ in range(count):
        start = rng.uniform(-0.1, 1.1, 2) * (width, height)
        heading, bend, swing, phase = (
            rng.uniform(0, 2 * np.pi), rng.normal(0, 0.9), rng.normal(0, 0.12), rng.uniform(0, 6.3),
        )  # fmt: skip
        length, thick = rng.uniform(0.5, 1.3), rng.uniform(0.004, 0.0105)
        dark, warm = rng.uniform(0.07, 0.28), rng.uniform(0.5, 0.8)
        angle = heading + bend * t + swing * np.sin(5 * t + phase)
        steps = np.stack([np.cos(angle), np.sin(angle)], -1) * length / len(t)
        line = start + np.cumsum(steps, axis=0)
        widths = thick * (1 - 0.8 * t**1.5) * np.minimum(1, 0.5 + 5 * t)
        overlay.polygon(ribbon(line, widths), (dark, dark * warm, dark * warm * 0.8), 0.93)
        if thick > 0.0075:
            gloss = dark + 0.16
            colour = (gloss, gloss * 0.85, gloss * 0.75)
            overlay.polygon(ribbon(line[3:24], 0.3 * widths[3:24]), colour, 0.9)


def draw_bubbles(overlay: Overlay, rng: np.random.Generator, count: int) -> None:
    """`count` bubbles in the immersion fluid: a dark rim, a pale inside, a gleam."""
    height, width = (length / overlay.side for length in overlay.size)
    for _ in range(count):
        x, y = rng.uniform(0, 1, 2) * (width, height)
        radius = 0.012 + 0.045 * rng.beta(1.2, 3.0)
        overlay.ellipse(x, y, radius, (0.25, 0.18, 0.16), 0.55)
        overlay.ellipse(x, y, 0.84 * radius, (0.96, 0.93, 0.92), 0.3)
        overlay.ellipse(x - 0.4 * radius, y - 0.4 * radius, 0.2 * radius, (1.0, 1.0, 1.0), 0.9)


_SEGMENTS: dict[str, tuple[tuple[float, float], tuple[float, float]]] = {
    "a": ((0, 0), (1, 0)), "b": ((1, 0), (1, 1)), "c": ((1, 1), (1, 2)), "d": ((0, 2), (1, 2)),
    "e": ((0, 1), (0, 2)), "f": ((0, 0), (0, 1)), "g": ((0, 1), (1, 1)),
}  # fmt: skip
_DIGITS = ("abcdef", "bc", "abged", "abgcd", "fgbc", "afgcd", "afgedc", "abc", "abcdefg", "abcdfg")


def draw_ruler(overlay: Overlay, rng: np.random.Generator, depth: float, opacity: float) -> None:
    """A millimetre scale along one border: a pale strip, ticks, longer fifths and tenths, numbers.

    Args:
        depth: of the strip, in units of the shorter side; `opacity`: of the strip.
    """
    height, width = (length / overlay.side for length in overlay.size)
    border, tilt = int(rng.integers(4)), rng.normal(0, 0.025)
    unit, start = rng.uniform(0.04, 0.055), rng.uniform(0, 0.05)
    along = width if border % 2 == 0 else height
    across = height if border % 2 == 0 else width

    def placed(points: object) -> Points:
        """From (along the border, inwards) to the image, tilted a little."""
        s, inwards = np.asarray(points, np.float64).T
        inwards = inwards + tilt * (s - along / 2)
        turned = (
            (s, across - inwards),
            (inwards, s),
            (along - s, inwards),
            (across - inwards, along - s),
        )
        return np.stack(turned[border], -1)

    def stroke(a: tuple[float, float], b: tuple[float, float], thick: float) -> None:
        line = placed([a, b])
        overlay.polygon(ribbon(line, np.full(2, thick)), (0.05, 0.05, 0.06), 0.92)

    strip = [(-0.2, -0.5), (along + 0.2, -0.5), (along + 0.2, depth), (-0.2, depth)]
    overlay.polygon(placed(strip), (0.93, 0.94, 0.92), opacity)
    thick = 0.0055
    for tick in range(int(along / unit) + 2):
        s = start + tick * unit
        reach = 0.55 if tick % 10 == 0 else 0.42 if tick % 5 == 0 else 0.28
        stroke((s, depth), (s, depth * (1 - reach)), thick)
        if tick % 5 == 0:
            size = 0.15 * depth
            for place, digit in enumerate(str(tick)):
                left = s + size * (1.6 * place - 0.5)
                for segment in _DIGITS[int(digit)]:
                    a, b = _SEGMENTS[segment]
                    top = depth * 0.38
                    stroke(
                        (left + size * a[0], top - size * a[1]),
                        (left + size * b[0], top - size * b[1]),
                        thick * 0.8,
                    )
