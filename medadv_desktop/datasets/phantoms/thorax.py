"""The healthy thorax in a postero-anterior chest radiograph: where everything lies.

Seen as on the light box: the patient's right is on the left of the image. Lengths are in units of
the side of the image; with the pixel spacing that is written, a side is 43 cm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from medadv_desktop.datasets.phantoms.branching import Strands, offshoots, taper, walk
from medadv_desktop.datasets.phantoms.textures import Points, smooth_curve

SIDE_MM = 430.0
RIGHT, LEFT = 0, 1

_STEPS = 18


@dataclass(frozen=True, eq=False)
class Thorax:
    """The outlines of one patient. Closed outlines are K×2.

    Attributes:
        midline: x of the spine.
        half_width: from the midline to the inner chest wall above the diaphragm.
        body: outline of the soft tissues.
        lungs: right lung, left lung.
        domes: the two halves of the diaphragm with the abdomen below.
        heart: heart and great vessels together.
        heart_width, chest_width: what the cardio-thoracic ratio is made of.
        ribs, rib_width: posterior ribs as centre lines, B×N×2.
        front_ribs: anterior ribs.
        clavicles: two centre lines.
        scapulae: two outlines.
        vessels: of both lungs, right first; hila: two points.
    """

    midline: float
    half_width: float
    body: Points
    lungs: tuple[Points, Points]
    domes: tuple[Points, Points]
    heart: Points
    heart_width: float
    chest_width: float
    ribs: Points
    rib_width: float
    front_ribs: Points
    clavicles: Points
    scapulae: tuple[Points, Points]
    vessels: tuple[Strands, Strands]
    hila: tuple[Points, Points]


def thorax(rng: np.random.Generator, ratio: tuple[float, float]) -> Thorax:
    """Draw a patient; the cardio-thoracic ratio is even within the normal or the given limits.

    Exactly the same numbers are taken from `rng` whatever the limits are.
    """
    midline = 0.5 + rng.normal(0, 0.008)
    half = rng.uniform(0.345, 0.385)
    top = rng.uniform(0.085, 0.115)
    base = rng.uniform(0.665, 0.72)
    lungs = tuple(_lung(rng, (midline, half), top, base, side) for side in (RIGHT, LEFT))
    domes = tuple(_dome(midline, half, base, side) for side in (RIGHT, LEFT))
    width = (ratio[0] + rng.uniform() * (ratio[1] - ratio[0])) * 2 * half
    hila = (np.array([midline - 0.085, 0.405]), np.array([midline + 0.090, 0.385]))
    return Thorax(
        midline=midline,
        half_width=half,
        body=_body(rng, midline, half),
        lungs=(lungs[0], lungs[1]),
        domes=(domes[0], domes[1]),
        heart=_heart(rng, midline, width, base),
        heart_width=width,
        chest_width=2 * half,
        ribs=_ribs(rng, midline, half, top),
        rib_width=rng.uniform(0.020, 0.025),
        front_ribs=_front_ribs(rng, midline, half, top),
        clavicles=_clavicles(rng, midline, half),
        scapulae=(_scapula(midline, half, RIGHT), _scapula(midline, half, LEFT)),
        vessels=(_vessels(rng, hila[0], RIGHT), _vessels(rng, hila[1], LEFT)),
        hila=hila,
    )


def _outward(side: int) -> float:
    return -1.0 if side == RIGHT else 1.0


def _place(midline: float, half: float, side: int, control: Points) -> Points:
    """Control points given as (share of the half width, y) on one side of the body."""
    return np.stack([midline + _outward(side) * half * control[:, 0], control[:, 1]], axis=1)


def _lung(
    rng: np.random.Generator, frame: tuple[float, float], top: float, base: float, side: int
) -> Points:
    """`frame` is midline and half width; `top` the apex, `base` the right dome, both as y."""
    midline, half = frame
    drop = 0.0 if side == RIGHT else 0.022
    dome = base + drop
    angle = dome + 0.105 + rng.uniform(-0.01, 0.01)
    tall = angle - top
    wall = [(0.40, 0.0), (0.62, 0.075), (0.80, 0.22), (0.92, 0.42), (0.98, 0.65), (1.0, 0.85)]
    control = [(share, top + tall * down) for share, down in wall]
    control += [(0.995, angle), (0.995, angle)]
    control += [(0.86, dome + 0.040), (0.66, dome + 0.006), (0.45, dome), (0.24, dome + 0.03)]
    control += [(0.15, dome + 0.045), (0.10, dome - 0.10)]
    control += [(0.13, 0.45), (0.12, 0.30), (0.15, top + 0.08), (0.26, top + 0.012)]
    return smooth_curve(_place(midline, half, side, np.array(control)), closed=True)


def _dome(midline: float, half: float, base: float, side: int) -> Points:
    dome = base + (0.0 if side == RIGHT else 0.022)
    edge = [(1.12, dome + 0.14), (0.995, dome + 0.105), (0.86, dome + 0.040), (0.66, dome + 0.006)]
    edge += [(0.45, dome), (0.24, dome + 0.03), (0.0, dome + 0.06)]
    upper = smooth_curve(_place(midline, half, side, np.array(edge)), closed=False)
    lower = _place(midline, half, side, np.array([(0.0, 1.1), (1.6, 1.1), (1.6, dome + 0.2)]))
    return np.concatenate([upper, lower])


def _body(rng: np.random.Generator, midline: float, half: float) -> Points:
    slope, flesh = rng.uniform(-0.015, 0.02), rng.uniform(0.055, 0.085)
    sides = []
    for side in (RIGHT, LEFT):
        control = np.array(
            [
                (0.36, -0.1),
                (0.37, -0.03),
                (0.47, 0.030 + slope),
                (0.80, 0.062 + slope),
                (1.13, 0.105 + slope),
                (1.36, 0.20),
                (1.50, 0.42),
            ]
        )
        outer = _place(midline, half, side, control)
        reach = _outward(side) * (half + flesh)
        below = np.array(
            [
                (midline + reach * 1.09, 0.40),
                (midline + reach * 1.02, 0.45),
                (midline + reach * 0.99, 0.62),
                (midline + reach * 1.0, 0.85),
                (midline + reach * 1.0, 1.1),
            ]
        )
        sides.append(smooth_curve(np.concatenate([outer, below]), closed=False))
    return np.concatenate([sides[0], sides[1][::-1]])


def _heart(rng: np.random.Generator, midline: float, width: float, base: float) -> Points:
    """Clockwise from the superior vena cava's side: atrium, apex, trunk, aortic knob."""
    share = rng.uniform(0.29, 0.34)
    r, l = width * share, width * (1 - share)
    knob = rng.uniform(0.074, 0.090)
    low = base + 0.055
    control = [(-0.060, -0.05), (-0.062, 0.12), (-0.060, 0.24), (-0.058, 0.38)]
    control += [(-0.55 * r - 0.030, 0.47), (-0.97 * r, base - 0.13), (-r, base - 0.07)]
    control += [(-0.96 * r, base), (-0.88 * r, low), (0.30 * l, low + 0.035)]
    control += [(0.80 * l, low + 0.015), (0.985 * l, base + 0.005), (l, base - 0.035)]
    control += [(0.93 * l, base - 0.10), (0.50 * l + 0.040, 0.485), (0.25 * l + 0.052, 0.41)]
    control += [(0.066, 0.365), (knob, 0.325), (knob, 0.285), (0.068, 0.245)]
    control += [(0.068, 0.12), (0.070, -0.05)]
    return smooth_curve(np.array(control) + np.array([midline, 0.0]), closed=True)


def _ribs(rng: np.random.Generator, midline: float, half: float, top: float) -> Points:
    """Posterior ribs 1 to 10: up and out of the spine, over the arch, down along the wall."""
    gap, t = rng.uniform(0.058, 0.064), np.linspace(0, 1, _STEPS)
    lines = []
    for number in range(11):
        wide = half * min(1.02, 0.46 + 0.125 * number - 0.0072 * number**2)
        start = top + 0.015 + gap * number
        rise, fall = 0.020 + 0.001 * number, 0.060 + 0.0125 * number
        across = np.sin(0.5 * np.pi * t) ** 0.9
        down = start - rise * np.sin(np.pi * np.minimum(t * 1.6, 1.0)) + fall * t**2.4
        for side in (RIGHT, LEFT):
            x = midline + _outward(side) * (0.030 + (wide - 0.030) * across)
            lines.append(np.stack([x, down + 0.002 * rng.normal()], axis=1))
    return np.array(lines)


def _front_ribs(rng: np.random.Generator, midline: float, half: float, top: float) -> Points:
    """Anterior ribs 2 to 7: from the wall down and inward, ending at the cartilage."""
    gap, t = rng.uniform(0.066, 0.072), np.linspace(0, 1, _STEPS)
    lines = []
    for number in range(6):
        wide = half * min(1.0, 0.72 + 0.10 * number)
        start = top + 0.075 + gap * number
        inner = half * (0.34 + 0.055 * number)
        x_share = np.cos(0.5 * np.pi * t)
        down = start + (0.105 + 0.008 * number) * t**0.75
        for side in (RIGHT, LEFT):
            x = midline + _outward(side) * (inner + (wide - inner) * x_share)
            lines.append(np.stack([x, down + 0.002 * rng.normal()], axis=1))
    return np.array(lines)


def _clavicles(rng: np.random.Generator, midline: float, half: float) -> Points:
    lift = rng.uniform(-0.015, 0.015)
    lines = []
    for side in (RIGHT, LEFT):
        control = np.array(
            [
                (0.10, 0.205),
                (0.30, 0.178),
                (0.58, 0.155 + lift),
                (0.85, 0.128 + lift),
                (1.10, 0.122 + lift),
                (1.22, 0.140 + lift),
            ]
        )
        lines.append(smooth_curve(_place(midline, half, side, control), closed=False))
    return np.array(lines)


def _scapula(midline: float, half: float, side: int) -> Points:
    control = np.array(
        [
            (0.80, 0.17),
            (0.83, 0.25),
            (0.90, 0.36),
            (0.98, 0.44),
            (1.05, 0.42),
            (1.10, 0.30),
            (1.20, 0.20),
            (1.12, 0.15),
        ]
    )
    return smooth_curve(_place(midline, half, side, control), closed=True)


def _vessels(rng: np.random.Generator, hilum: Points, side: int) -> Strands:
    """Pulmonary vessels: a fan from the hilum, the lower ones wider, then two generations."""
    count = 11
    fan = np.linspace(-1.35, 1.40, count) + rng.normal(0, 0.06, count)
    heading = fan if side == LEFT else np.pi - fan
    low = (fan + 1.35) / 2.75
    start = hilum + np.stack([np.zeros(count), 0.06 * (low - 0.4)], axis=1)
    turn = rng.normal(0, 0.25, count)
    points = walk(
        rng, start, heading, rng.uniform(0.20, 0.29, count), bend=turn, wobble=0.10, steps=_STEPS
    )
    first = (0.009 + 0.006 * low) * rng.uniform(0.8, 1.1, count)
    stems = Strands(points, taper(first, 0.0025 * np.ones(count), _STEPS))
    branches = offshoots(
        rng, stems, 4, length=(0.05, 0.10), angle=(0.3, 0.7), thinner=0.66, wobble=0.18
    )
    twigs = offshoots(
        rng, branches, 1, length=(0.03, 0.05), angle=(0.4, 0.8), thinner=0.7, wobble=0.2
    )
    return stems.joined(branches).joined(twigs)
