"""Fundus photographs: a 45° field about the macula, retinopathy grades 0 to 3.

The grades are Messidor's (Decencière et al. 2014): 0 no sign; 1 one to five microaneurysms; 2 six
to fourteen, or fewer than five haemorrhages, without neovascularisation; 3 fifteen or more, or five
haemorrhages or more, or neovascularisation. Here they are kept well apart, and microaneurysms are
drawn twice their natural size, so that they outlive 224 pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from medadv_desktop.datasets.phantoms.branching import Strands, offshoots, taper, walk
from medadv_desktop.datasets.phantoms.sample import Mask, Picture, Sources
from medadv_desktop.datasets.phantoms.textures import (
    Field,
    Layer,
    Points,
    blob,
    bump,
    darken,
    fractal,
    grid,
    mix,
    plain,
    smoothstep,
    to_bytes,
)

CLASSES = ("grade 0", "grade 1", "grade 2", "grade 3")

_FIELD_RADIUS = 0.475
_STEPS = 36


@dataclass(frozen=True)
class _Signs:
    """How many of each sign a grade shows: (fewest, most)."""

    microaneurysms: tuple[int, int]
    haemorrhages: tuple[int, int]
    exudate_clusters: tuple[int, int]
    new_vessels: bool


_SIGNS = (
    _Signs((0, 0), (0, 0), (0, 0), False),
    _Signs((3, 5), (0, 0), (0, 0), False),
    _Signs((8, 13), (2, 4), (0, 0), False),
    _Signs((18, 28), (6, 11), (2, 4), True),
)


@dataclass(frozen=True, eq=False)
class _Eye:
    """The landmarks: centres in unit coordinates; `temporal` is −1 (to the left) or 1."""

    disc: Points
    disc_radius: float
    fovea: Points
    temporal: float
    arteries: Strands
    veins: Strands


def paint(sources: Sources, labels: tuple[int, ...], side: int) -> Picture:
    """Draw grade `labels[0]`; the mask holds every sign of retinopathy."""
    eye = _eye(sources.anatomy)
    image = _background(sources, eye, side)
    _draw_vessels(image, eye)
    mask = _draw_signs(sources.lesion, image, eye, _SIGNS[labels[0]])
    _camera(sources, image)
    return Picture(to_bytes(image), mask)


def _eye(rng: np.random.Generator) -> _Eye:
    temporal = 1.0 if rng.uniform() < 0.5 else -1.0
    fovea = np.array([0.5 + temporal * rng.uniform(0.02, 0.08), rng.uniform(0.49, 0.53)])
    disc = fovea + np.array([-temporal * rng.uniform(0.30, 0.33), rng.uniform(-0.05, -0.01)])
    radius = rng.uniform(0.052, 0.062)
    veins = _tree(rng, disc, temporal, rng.uniform(0.0145, 0.0165), 0.012)
    arteries = _tree(rng, disc, temporal, rng.uniform(0.0105, 0.012), -0.012)
    return _Eye(disc, radius, fovea, temporal, arteries, veins)


def _tree(
    rng: np.random.Generator, disc: Points, temporal: float, width: float, shift: float
) -> Strands:
    """Two temporal arcades around the macula, two nasal trunks, and their branches."""
    trunks = np.stack(
        [
            _trunk(rng, disc, (temporal * way, up), shift, nasal)
            for way, nasal in ((1.0, False), (-1.0, True))
            for up in (-1.0, 1.0)
        ]
    )
    first = width * np.array([1.0, 1.0, 0.66, 0.66])
    trunk = Strands(trunks, taper(first, first * 0.25, _STEPS))
    large, small = (Strands(trunk.points[i : i + 2], trunk.widths[i : i + 2]) for i in (0, 2))
    branches = offshoots(rng, large, 7, length=(0.10, 0.22), angle=(0.35, 0.85), thinner=0.56)
    nasal = offshoots(rng, small, 4, length=(0.08, 0.16), angle=(0.3, 0.7), thinner=0.62)
    branches = branches.joined(nasal)
    twigs = offshoots(rng, branches, 2, length=(0.04, 0.09), angle=(0.35, 0.8), thinner=0.62)
    return trunk.joined(branches).joined(twigs)


def _trunk(
    rng: np.random.Generator, disc: Points, towards: tuple[float, float], shift: float, nasal: bool
) -> Points:
    """One trunk from the disc, `towards` (±1 across, ±1 down), `shift`ed off its neighbour."""
    way, up = towards
    jitter = rng.normal(0, 0.012, (3, 2))
    if nasal:
        control = np.array([[0.03, 0.07], [0.10, 0.17], [0.24, 0.30]])
    else:
        control = np.array([[-0.01, 0.14], [0.13, 0.30], [0.60, 0.20 + rng.uniform(-0.03, 0.06)]])
    control = (control + jitter + shift) * np.array([way, up])
    p1, p2, p3 = disc + control
    t = np.linspace(0, 1, _STEPS)[:, None]
    path = (1 - t) ** 3 * disc + 3 * (1 - t) ** 2 * t * p1 + 3 * (1 - t) * t**2 * p2 + t**3 * p3
    phase = rng.uniform(0, 6.283, 2)
    swing = np.sin(2 * np.pi * 3.2 * t + phase[0]) + 0.6 * np.sin(2 * np.pi * 6.1 * t + phase[1])
    return np.asarray(path + 0.0045 * t**0.5 * swing * np.array([0.4 * way, 1.0]))


def _background(sources: Sources, eye: _Eye, side: int) -> Field:
    rng, texture = sources.anatomy, sources.texture
    x, y = grid(side)
    base = np.array([0.80, 0.40, 0.19]) * rng.uniform([0.93, 0.86, 0.75], [1.07, 1.14, 1.25])
    image = plain(base, side)
    darken(image, (0.05, 0.09, 0.12), fractal(texture, 4, 3, side))
    choroid = smoothstep(0.35, 1.0, 1.0 - np.abs(fractal(texture, 12, 2, side)))
    strength = np.float32(rng.uniform(0.3, 1.0))
    mix(image, base * np.array([1.10, 1.22, 1.25]), choroid * np.float32(0.38) * strength)
    darken(image, (0.05, 0.10, 0.10), smoothstep(0.2, 1.4, fractal(texture, 40, 1, side)) * 0.6)
    darken(image, (0.30, 0.46, 0.50), bump(x, y, eye.fovea, 0.060))
    darken(image, (0.14, 0.22, 0.20), bump(x, y, eye.fovea, 0.022))
    glow = bump(x, y, eye.disc, 0.15)
    mix(image, (0.93, 0.62, 0.35), glow * np.float32(0.28))
    _draw_disc(rng, image, eye)
    return image


def _draw_disc(rng: np.random.Generator, image: Field, eye: _Eye) -> None:
    x, y = grid(image.shape[-1])
    dx = (x - np.float32(eye.disc[0])) / np.float32(eye.disc_radius * 0.93)
    dy = (y - np.float32(eye.disc[1])) / np.float32(eye.disc_radius * 1.06)
    far = np.hypot(dx, dy)
    darken(image, (0.16, 0.22, 0.24), smoothstep(1.32, 1.06, far) * smoothstep(0.9, 1.1, far))
    mix(image, (0.97, 0.78, 0.50), smoothstep(1.10, 0.92, far) * np.float32(0.93))
    cup_size = rng.uniform(0.38, 0.58)
    cup = np.hypot(dx - np.float32(0.12 * eye.temporal), dy) / np.float32(cup_size)
    mix(image, (1.0, 0.93, 0.74), smoothstep(1.25, 0.7, cup) * np.float32(0.85))


def _draw_vessels(image: Field, eye: _Eye) -> None:
    side = image.shape[-1]
    x, y = grid(side)
    open_retina = 1.0 - np.exp(
        -((((x - eye.fovea[0]) ** 2 + (y - eye.fovea[1]) ** 2) / 0.065**2) ** 2)
    )
    free = np.asarray(open_retina, dtype=np.float32)
    for strands, absorption, reflex in (
        (eye.arteries, (0.22, 0.48, 0.42), 0.60),
        (eye.veins, (0.40, 0.64, 0.56), 0.86),
    ):
        layer = Layer(side).strands(strands.points, strands.widths)
        layer.strands(strands.points[:4], strands.widths[:4] * 0.30, reflex)
        darken(image, absorption, layer.read(0.0012) * free)


def _places(
    rng: np.random.Generator, eye: _Eye, count: int, clearance: float, taken: Points
) -> Points:
    """`count` points in the field, clear of vessels, disc, fovea, rim and the points `taken`."""
    tries = rng.uniform(0.08, 0.92, (200, 2))
    inside = np.hypot(*(tries - 0.5).T) < _FIELD_RADIUS - 0.04 - clearance
    inside &= np.hypot(*(tries - eye.disc).T) > eye.disc_radius * 1.5 + clearance
    inside &= np.hypot(*(tries - eye.fovea).T) < 0.36
    tries = tries[inside]
    vessels = np.concatenate([s.points[:, ::4].reshape(-1, 2) for s in (eye.arteries, eye.veins)])
    gap = np.full(len(tries), np.inf)
    for part in np.array_split(vessels, 8):
        dx, dy = (tries[:, None, axis] - part[None, :, axis] for axis in (0, 1))
        gap = np.minimum(gap, (dx * dx + dy * dy).min(axis=1))
    order = np.argsort(-np.minimum(np.sqrt(gap), clearance + 0.006), kind="stable")
    chosen: list[Points] = []
    for candidate in tries[order]:
        if len(chosen) == count:
            break
        others = [*taken, *chosen]
        if all(np.hypot(*(candidate - p)) > 2.2 * clearance + 0.012 for p in others):
            chosen.append(candidate)
    return np.reshape(chosen, (-1, 2))


def _draw_signs(rng: np.random.Generator, image: Field, eye: _Eye, signs: _Signs) -> Mask:
    side = image.shape[-1]
    blots = _places(rng, eye, _count(rng, signs.haemorrhages), 0.024, np.empty((0, 2)))
    dots = _places(rng, eye, _count(rng, signs.microaneurysms), 0.010, blots)
    red, small = Layer(side), Layer(side)
    for place in blots:
        flame = rng.uniform() < 0.35
        stretch, angle = (rng.uniform(1.8, 2.6), rng.uniform(-0.5, 0.5)) if flame else (1.2, 0.0)
        red.polygon(blob(rng, place, rng.uniform(0.016, 0.025), 0.14, stretch=stretch, angle=angle))
    for place in dots:
        small.disc(place, rng.uniform(0.0075, 0.0095))
    yellow = Layer(side)
    for _ in range(_count(rng, signs.exudate_clusters)):
        _exudates(rng, yellow, eye)
    red_cover, small_cover = red.read(0.002), small.read(0.0016)
    yellow_cover = yellow.read(0.0012)
    fine_cover = _new_vessels(rng, side, eye) if signs.new_vessels else np.zeros_like(red_cover)
    mix(image, (1.0, 0.90, 0.48), yellow_cover * np.float32(0.92))
    mix(image, (0.40, 0.05, 0.05), red_cover * np.float32(0.88))
    mix(image, (0.42, 0.05, 0.04), small_cover * np.float32(0.90))
    darken(image, (0.36, 0.72, 0.62), fine_cover)
    covers = (red_cover, small_cover, yellow_cover, fine_cover)
    return np.asarray(np.maximum.reduce(covers) > np.float32(0.35))


def _count(rng: np.random.Generator, limits: tuple[int, int]) -> int:
    return int(rng.integers(limits[0], limits[1] + 1))


def _exudates(rng: np.random.Generator, layer: Layer, eye: _Eye) -> None:
    """Hard exudates: yellow grains, many on part of a ring (circinate) by the macula."""
    turn, far = rng.uniform(0, 2 * np.pi), rng.uniform(0.10, 0.20)
    centre = eye.fovea + far * np.array([np.cos(turn) * 1.1, np.sin(turn)])
    ring, first = rng.uniform(0.02, 0.04), rng.uniform(0, 2 * np.pi)
    for _ in range(rng.integers(12, 24)):
        angle = first + rng.uniform(0, 4.2)
        spread = ring * rng.uniform(0.75, 1.25)
        place = centre + spread * np.array([np.cos(angle), np.sin(angle)])
        layer.polygon(blob(rng, place, rng.uniform(0.004, 0.0095), 0.2))


def _new_vessels(rng: np.random.Generator, side: int, eye: _Eye) -> Field:
    """Neovascularisation of the disc: a fan of fine, looping vessels."""
    count = int(rng.integers(14, 20))
    fan = rng.uniform(0, 2 * np.pi)
    start = eye.disc + rng.normal(0, 0.35 * eye.disc_radius, (count, 2))
    heading = fan + rng.uniform(-1.6, 1.6, count)
    length, bend = (
        rng.uniform(0.10, 0.20, count),
        rng.choice([-1, 1], count) * rng.uniform(1, 4, count),
    )
    stems = Strands(
        walk(rng, start, heading, length, bend=bend, wobble=0.5),
        taper(0.0050 * np.ones(count), 0.0035),
    )
    twigs = offshoots(rng, stems, 2, length=(0.03, 0.06), angle=(0.5, 1.4), thinner=0.9, wobble=0.4)
    tangle = stems.joined(twigs)
    return Layer(side).strands(tangle.points, tangle.widths).read(0.0006)


def _camera(sources: Sources, image: Field) -> None:
    """Uneven flash, the round field stop on black, sensor grain."""
    rng, side = sources.anatomy, image.shape[-1]
    x, y = grid(side)
    far = np.hypot(x - np.float32(0.5), y - np.float32(0.5)) / np.float32(_FIELD_RADIUS)
    tilt = rng.normal(0, 0.10, 2)
    light = 1.06 - np.float32(rng.uniform(0.22, 0.38)) * far**2
    light += np.float32(tilt[0]) * (x - 0.5) + np.float32(tilt[1]) * (y - 0.5)
    image *= light * np.float32(rng.uniform(0.88, 1.08))
    haze = smoothstep(0.82, 1.0, far) * np.float32(rng.uniform(0.0, 0.10))
    mix(image, (0.75, 0.55, 0.40), haze)
    image += np.float32(0.010) * sources.grain.standard_normal(image.shape, dtype=np.float32)
    image *= smoothstep(1.004, 0.990, far)
    image += np.float32(0.012)
