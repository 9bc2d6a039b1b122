"""Dermoscopy: a naevus or a melanoma under the immersion microscope.

What tells them apart is what the ABCD rule and pattern analysis look at (Stolz et al. 1994;
Argenziano et al. 2003): asymmetry, abrupt and irregular border, number of colours, atypical
network, irregular dots, streaks, blue-white veil. Skin type, light, hair, bubbles and size are the
same lot for both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from medadv_desktop.datasets.phantoms.branching import taper, walk
from medadv_desktop.datasets.phantoms.sample import Picture, Sources
from medadv_desktop.datasets.phantoms.textures import (
    Field,
    Layer,
    Points,
    bump,
    darken,
    fractal,
    grid,
    mix,
    noise,
    plain,
    smoothstep,
    to_bytes,
)

CLASSES = ("naevus", "melanoma")

_SKINS = np.array([[0.90, 0.73, 0.66], [0.86, 0.67, 0.56], [0.80, 0.60, 0.47], [0.70, 0.50, 0.38]])
_BROWNS = np.array([[0.62, 0.42, 0.30], [0.52, 0.34, 0.23], [0.43, 0.27, 0.19]])
_BLACK = (0.13, 0.10, 0.10)
_DARKEST = (0.18, 0.11, 0.09)
_DARK_BROWN = (0.27, 0.16, 0.12)
_RED = (0.68, 0.33, 0.31)
_BLUE_GREY = (0.43, 0.47, 0.54)
_WHITE = (0.83, 0.74, 0.72)


@dataclass(frozen=True, eq=False)
class _Lesion:
    """Where the lesion lies.

    Attributes:
        centre: x, y.
        outline: N×2.
        depth: side×side, 0 in the centre, 1 on the border, more outside.
        cover: side×side, 0 to 1, how much pigment covers the skin.
    """

    centre: Points
    outline: Points
    depth: Field
    cover: Field


def paint(sources: Sources, labels: tuple[int, ...], side: int) -> Picture:
    """Draw the class `labels[0]`; the mask is the lesion, for a naevus as for a melanoma."""
    image = _skin(sources, side)
    lesion = _melanoma(sources, image) if labels[0] else _naevus(sources, image)
    grains = fractal(sources.texture, 28, 3, side, 0.8)
    darken(image, (0.05, 0.06, 0.06), grains * lesion.cover)
    _hair(sources.anatomy, image)
    _light(sources.anatomy, image)
    image += np.float32(0.010) * sources.grain.standard_normal(image.shape, dtype=np.float32)
    return Picture(to_bytes(image), lesion.depth < 1.0)


def _skin(sources: Sources, side: int) -> Field:
    rng = sources.anatomy
    position = rng.uniform(0, len(_SKINS) - 1)
    left = int(position)
    base = _SKINS[left] + (position - left) * (_SKINS[min(left + 1, 3)] - _SKINS[left])
    base = base * rng.uniform(0.975, 1.025, 3) * rng.uniform(0.90, 1.06)
    image = plain(base, side)
    texture = sources.texture
    mottling = fractal(texture, 3, 3, side)
    darken(image, (0.02, 0.05, 0.05), mottling)
    furrows = 1.0 - np.abs(fractal(texture, 34, 2, side, 0.6))
    darken(image, (0.025, 0.035, 0.04), smoothstep(0.45, 1.0, furrows))
    capillaries = smoothstep(0.80, 1.0, 1.0 - np.abs(fractal(texture, 9, 2, side)))
    darken(image, (0.01, 0.07, 0.06), capillaries * smoothstep(0.2, 1.6, mottling))
    return image


def _shape(
    centre: Points, radius: float, waves: Points, *, softness: float, ragged: Field
) -> _Lesion:
    """A lesion whose radius varies by `waves` (K rows: order, relative amplitude, phase)."""
    x, y = grid(len(ragged))
    turn = np.linspace(-np.pi, np.pi, 257)
    order, amplitude, phase = (column[:, None] for column in waves.T)
    reach = radius * (1 + np.sum(amplitude * np.cos(order * turn + phase), axis=0))
    dx, dy = x - np.float32(centre[0]), y - np.float32(centre[1])
    angle = np.arctan2(dy, dx)
    slot = np.uint16((angle + np.float32(np.pi)) * np.float32(1024 / (2 * np.pi)))
    fine = np.interp(np.linspace(-np.pi, np.pi, 1025), turn, reach).astype(np.float32)
    depth = np.hypot(dx, dy) / fine[slot] + ragged
    outline = np.stack([np.cos(turn), np.sin(turn)], 1) * reach[:, None] + centre
    cover = smoothstep(1.0 + softness, 1.0 - softness, depth)
    return _Lesion(centre, outline, depth, cover)


def _network(rng: np.random.Generator, side: int, period: float, warp: float) -> Field:
    """A honeycomb of dark lines, 0 to 1: three plane waves at 120°, bent by `warp` periods."""
    x, y = grid(side)
    bend = np.float32(warp * period)
    u, v = x + bend * noise(rng, 5, side), y + bend * noise(rng, 5, side)
    total = np.zeros((side, side), dtype=np.float32)
    turn = rng.uniform(0, np.pi)
    for angle in turn + np.array([0.0, 2.0, 4.0]) * np.pi / 3:
        wave = np.float32(2 * np.pi / period)
        total += np.cos(wave * (np.float32(np.cos(angle)) * u + np.float32(np.sin(angle)) * v))
    return total


def _naevus(sources: Sources, image: Field) -> _Lesion:
    rng, side = sources.lesion, image.shape[-1]
    waves = np.array(
        [
            [2, rng.uniform(0.03, 0.12), rng.uniform(0, 6.283)],
            [3, rng.uniform(0.0, 0.02), rng.uniform(0, 6.283)],
        ]
    )
    centre, radius = rng.uniform(0.45, 0.55, 2), rng.uniform(0.20, 0.31)
    ragged = np.float32(0.012) * noise(rng, 10, side)
    lesion = _shape(centre, radius, waves, softness=rng.uniform(0.10, 0.20), ragged=ragged)
    brown = _BROWNS[rng.integers(3)] * rng.uniform(0.97, 1.03, 3)
    mix(image, brown, lesion.cover * np.float32(rng.uniform(0.72, 0.92)))
    pigment = np.float32(0.10) * fractal(rng, 7, 3, side)
    darken(image, (0.7, 0.9, 1.0), pigment * lesion.cover)
    middle = smoothstep(0.9, 0.1, lesion.depth)
    darken(image, (0.22, 0.26, 0.28), middle * np.float32(rng.uniform(0.0, 1.0)))
    net = _network(rng, side, rng.uniform(0.025, 0.034), 0.45)
    globular = rng.uniform() < 0.3
    lines = smoothstep(0.8, 2.6, net) if globular else smoothstep(0.0, -1.3, net)
    strength = np.float32(rng.uniform(0.7, 1.0))
    fade = lesion.cover * smoothstep(-1.6, 0.4, noise(rng, 5, side))
    darken(image, (0.26, 0.33, 0.35), lines * fade * strength)
    return lesion


def _melanoma(sources: Sources, image: Field) -> _Lesion:
    rng, side = sources.lesion, image.shape[-1]
    order = np.arange(1, 9)
    amplitude = rng.uniform(0.5, 1.0, 8) * np.array(
        [0.09, 0.11, 0.10, 0.08, 0.07, 0.05, 0.04, 0.03]
    )
    waves = np.stack([order, amplitude, rng.uniform(0, 6.283, 8)], axis=1)
    centre, radius = rng.uniform(0.45, 0.55, 2), rng.uniform(0.22, 0.32)
    ragged = np.float32(0.05) * fractal(rng, 12, 2, side)
    lesion = _shape(centre, radius, waves, softness=0.035, ragged=ragged)
    brown = _BROWNS[rng.integers(3)] * rng.uniform(0.97, 1.03, 3)
    mix(image, brown, lesion.cover * np.float32(0.92))
    _patches(rng, image, lesion)
    _atypical_network(rng, image, lesion)
    _veil(rng, image, lesion)
    _dots_and_streaks(rng, image, lesion)
    return lesion


def _spot_in(rng: np.random.Generator, lesion: _Lesion, low: float, high: float) -> Points:
    """A point `low` to `high` of the way from the centre to a random place on the border."""
    border = lesion.outline[rng.integers(len(lesion.outline))]
    return np.asarray(lesion.centre + rng.uniform(low, high) * (border - lesion.centre))


def _patch(rng: np.random.Generator, lesion: _Lesion, size: float, reach: float) -> Field:
    side = lesion.cover.shape[0]
    x, y = grid(side)
    place = _spot_in(rng, lesion, 0.2, reach)
    hill = bump(x, y, place, size * rng.uniform(0.7, 1.3, 2))
    return (
        smoothstep(0.32, 0.66, hill + np.float32(0.17) * fractal(rng, 9, 4, side, 0.6))
        * lesion.cover
    )


def _patches(rng: np.random.Generator, image: Field, lesion: _Lesion) -> None:
    mix(image, _DARK_BROWN, _patch(rng, lesion, 0.13, 0.8) * np.float32(0.85))
    mix(image, _RED, _patch(rng, lesion, 0.08, 0.8) * np.float32(rng.uniform(0.5, 0.8)))
    mix(image, _BLACK, _patch(rng, lesion, 0.07, 0.7) * np.float32(0.9))
    if rng.uniform() < 0.5:
        mix(image, _WHITE, _patch(rng, lesion, 0.05, 0.6) * np.float32(0.4))


def _atypical_network(rng: np.random.Generator, image: Field, lesion: _Lesion) -> None:
    side = image.shape[-1]
    net = _network(rng, side, rng.uniform(0.028, 0.042), 1.0)
    lines = smoothstep(0.1, -1.0, net + np.float32(0.6) * noise(rng, 18, side))
    where = smoothstep(-0.3, 0.5, noise(rng, 4, side))
    darken(image, (0.34, 0.40, 0.40), lines * where * lesion.cover)


def _veil(rng: np.random.Generator, image: Field, lesion: _Lesion) -> None:
    haze = _patch(rng, lesion, rng.uniform(0.08, 0.11), 0.45)
    cloud = np.float32(0.8) + np.float32(0.22) * fractal(rng, 8, 3, image.shape[-1])
    mix(image, _BLUE_GREY, haze * np.clip(cloud, 0, 1.1) * np.float32(rng.uniform(0.65, 0.8)))


def _dots_and_streaks(rng: np.random.Generator, image: Field, lesion: _Lesion) -> None:
    layer = Layer(image.shape[-1])
    for _ in range(rng.integers(12, 28)):
        layer.disc(_spot_in(rng, lesion, 0.3, 0.97), rng.uniform(0.004, 0.011))
    first, count = rng.integers(257), rng.integers(8, 16)
    at = (first + np.arange(count) * 7 + rng.integers(0, 4, count)) % 257
    edge = lesion.outline[at]
    out = edge - lesion.centre
    heading = np.arctan2(out[:, 1], out[:, 0]) + rng.normal(0, 0.2, count)
    start = lesion.centre + out * rng.uniform(0.80, 0.9, (count, 1))
    reach = rng.uniform(0.035, 0.075, count)
    paths = walk(rng, start, heading, reach, bend=rng.normal(0, 0.4, count), wobble=0.1)
    layer.strands(paths, taper(rng.uniform(0.010, 0.016, count), 0.004 * np.ones(count)))
    mix(image, _DARKEST, layer.read(0.0028) * np.float32(0.75))


def _hair(rng: np.random.Generator, image: Field) -> None:
    """Terminal hairs across some images; drawn for all so that later numbers do not move."""
    hairy, many = rng.uniform() < 0.45, rng.integers(3, 15)
    start = rng.uniform(-0.1, 1.1, (15, 2))
    lean = rng.uniform(0, 2 * np.pi)
    heading = lean + rng.normal(0, 0.45, 15)
    reach, bend = rng.uniform(0.3, 0.9, 15), rng.normal(0, 0.7, 15)
    paths = walk(rng, start, heading, reach, bend=bend, wobble=0.06, steps=24)
    widths = taper(rng.uniform(0.005, 0.009, 15), 0.003 * np.ones(15), 24)
    shade = np.asarray(rng.uniform(0.08, 0.25) * np.array([1.0, 0.8, 0.7]))
    if not hairy:
        return
    layer = Layer(image.shape[-1]).strands(paths[:many], widths[:many])
    darken(image, (0.10, 0.12, 0.12), layer.read(0.006))
    mix(image, shade, layer.read(0.0008) * np.float32(0.85))


def _light(rng: np.random.Generator, image: Field) -> None:
    """Fall-off to the corners, colour of the lamp, a soft gleam and bubbles of the gel."""
    side = image.shape[-1]
    x, y = grid(side)
    far = (x - np.float32(0.5)) ** 2 + (y - np.float32(0.5)) ** 2
    image *= 1.02 - np.float32(rng.uniform(0.25, 0.65)) * far
    image *= np.float32(rng.uniform(0.98, 1.02, (3, 1, 1)))
    gleam = bump(x, y, rng.uniform(0.1, 0.9, 2), rng.uniform(0.10, 0.22, 2))
    mix(image, (1.0, 0.99, 0.97), gleam * np.float32(rng.uniform(0.0, 0.12)))
    bubbles, places = rng.integers(0, 6), rng.uniform(0.03, 0.97, (6, 2))
    sizes, tunnel = rng.uniform(0.006, 0.018, 6), rng.uniform()
    layer = Layer(side)
    for place, size in zip(places[:bubbles], sizes[:bubbles], strict=True):
        layer.disc(place, size, 0.5).disc(place, size * 0.72, 0.08)
        layer.disc(place - 0.35 * size, size * 0.25, 1.0)
    mix(image, (1.0, 1.0, 1.0), layer.read(0.0015) * np.float32(0.6))
    if tunnel < 0.25:
        mix(image, (0.02, 0.02, 0.02), smoothstep(0.53, 0.56, np.sqrt(far)))
