"""Chest radiographs with any of six findings, as 12-bit stored values.

The image is composed as attenuation, in units where air outside the patient is 0 and the heart
about 1; then comes the film curve. Drawing a finding never moves the anatomy, except that the heart
of cardiomegaly is larger.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.datasets.phantoms.branching import Strands, offshoots, taper, walk
from medadv_desktop.datasets.phantoms.sample import Mask, Picture, Sources
from medadv_desktop.datasets.phantoms.textures import (
    Field,
    Layer,
    Points,
    blob,
    bump,
    fractal,
    grid,
    noise,
    smooth_curve,
    smoothstep,
)
from medadv_desktop.datasets.phantoms.thorax import LEFT, RIGHT, Thorax, thorax

FINDINGS = ("cardiomegaly", "effusion", "nodule", "mass", "pneumothorax", "consolidation")

NORMAL_RATIO, ENLARGED_RATIO = (0.40, 0.46), (0.575, 0.65)
"""Cardio-thoracic ratio without and with cardiomegaly."""

_GREAT_VESSELS_END = 0.39
_FOCAL = ("nodule", "mass", "consolidation")
# Where a focal finding may sit: (share of the half width, y), for each lung.
_ZONES = {"upper": (0.52, 0.240), "middle": (0.69, 0.415), "lower": (0.66, 0.590)}


@dataclass(frozen=True)
class _Plan:
    """Which lung bears which finding, and where the focal ones are: finding to (side, zone)."""

    effusion: int
    pneumothorax: int
    focal: dict[str, tuple[int, str]]


@dataclass(frozen=True, eq=False)
class _Organs:
    """Coverage of the image by each, side×side, 0 to 1. Lungs: right, left."""

    flesh: Field
    lungs: tuple[Field, Field]
    heart: Field
    abdomen: Field


def paint(sources: Sources, labels: tuple[int, ...], side: int) -> Picture:
    """Draw the findings of `labels` (0 or 1, in the order of `FINDINGS`)."""
    shown = dict(zip(FINDINGS, (bool(v) for v in labels), strict=True))
    body = thorax(sources.anatomy, ENLARGED_RATIO if shown["cardiomegaly"] else NORMAL_RATIO)
    plan = _plan(sources.lesion, shown)
    organs = _organs(body, side)
    covers: dict[str, Field] = {}
    if shown["cardiomegaly"]:
        covers["cardiomegaly"] = organs.heart * (grid(side)[1] > _GREAT_VESSELS_END)

    density = _soft_tissue(sources, body, organs)
    density += _bones(body, organs)
    markings = [_markings(body, lung, side) for lung in (RIGHT, LEFT)]
    if shown["pneumothorax"]:
        air, line = _pneumothorax(sources.lesion, body, plan.pneumothorax, organs)
        covers["pneumothorax"] = air
        markings[plan.pneumothorax] *= 1.0 - air
        density += np.float32(0.12) * line - np.float32(0.13) * air
    density += (markings[RIGHT] + markings[LEFT]) * (1.0 - organs.heart)
    covers |= _focal(sources.lesion, body, plan, organs, density)
    if shown["effusion"]:
        covers["effusion"] = _effusion(sources.lesion, body, plan.effusion, organs, density)
    density += _marker(body, side)

    pixels = _expose(sources, density)
    masks = tuple((name, _mask(covers.get(name), side)) for name in FINDINGS)
    return Picture(pixels, np.logical_or.reduce([m for _, m in masks]), masks)


def _organs(body: Thorax, side: int) -> _Organs:
    lungs = [Layer(side).polygon(outline).read(0.0025) for outline in body.lungs]
    heart = Layer(side).polygon(body.heart).read(0.0035)
    heart *= smoothstep(0.0, 0.22, grid(side)[1])  # the vessels of the neck fade into its flesh
    abdomen = Layer(side).polygon(body.domes[RIGHT]).polygon(body.domes[LEFT]).read(0.003)
    flesh = Layer(side).polygon(body.body).read(0.004)
    return _Organs(flesh, (lungs[RIGHT], lungs[LEFT]), heart, abdomen)


def _mask(cover: Field | None, side: int) -> Mask:
    return np.zeros((side, side), dtype=np.bool_) if cover is None else cover > 0.5


def _plan(rng: np.random.Generator, shown: dict[str, bool]) -> _Plan:
    """Give every finding a place of its own, so that none hides another."""
    air, fluid = int(rng.integers(2)), int(rng.integers(2))
    zones = [(lung, zone) for lung in (RIGHT, LEFT) for zone in _ZONES]
    zones.remove((LEFT, "lower"))
    crowded = all(shown[finding] for finding in _FOCAL)
    if shown["pneumothorax"]:
        if crowded:  # only the right lung has room for three, and only without fluid
            air = fluid = LEFT
        zones = [z for z in zones if z[0] != air]
    if shown["effusion"]:
        zones = [z for z in zones if z != (fluid, "lower")]
    focal: dict[str, tuple[int, str]] = {}
    for finding in _FOCAL:
        if shown[finding]:
            focal[finding] = zones.pop(int(rng.integers(len(zones))))
    return _Plan(fluid, air, focal)


def _soft_tissue(sources: Sources, body: Thorax, organs: _Organs) -> Field:
    """Everything but bones and the markings of the lungs."""
    rng, side = sources.anatomy, len(organs.heart)
    x, y = grid(side)
    flesh, heart, abdomen = organs.flesh, organs.heart, organs.abdomen
    depth = np.float32(0.62) + np.float32(0.10) * y
    density = flesh * depth
    aerated = np.maximum(*organs.lungs)
    deep = [Layer(side).polygon(outline).read(0.035) for outline in body.lungs]
    darkness = np.float32(rng.uniform(0.30, 0.34))
    density -= aerated * (darkness + np.float32(0.12) * np.maximum(deep[0], deep[1]) ** 2)
    density += abdomen * flesh * np.float32(0.17) * (1.0 - aerated)
    uncovered = 1.0 - np.float32(0.8) * abdomen
    density += heart * (np.float32(0.20) + aerated * np.float32(0.33)) * uncovered
    spine = np.exp(-0.5 * ((x - np.float32(body.midline)) / np.float32(0.034)) ** 2)
    discs = np.float32(0.5) + np.float32(0.5) * np.cos(y * np.float32(2 * np.pi / 0.052))
    density += spine * flesh * (np.float32(0.09) - np.float32(0.035) * discs**3)
    density += _airways(body, side)
    bubble_at = (body.midline + rng.uniform(0.13, 0.19), rng.uniform(0.80, 0.83))
    bubble = blob(rng, bubble_at, rng.uniform(0.035, 0.050), 0.06, stretch=1.5)
    density -= np.float32(0.20) * Layer(side).polygon(bubble).read(0.004) * abdomen
    density += flesh * np.float32(0.018) * fractal(sources.texture, 3, 4, side)
    return density


def _airways(body: Thorax, side: int) -> Field:
    """Trachea and main bronchi: dark bands in the mediastinum."""
    m = body.midline
    trachea = np.array([(m + 0.002, -0.05), (m + 0.003, 0.15), (m - 0.004, 0.345)])
    layer = Layer(side).stroke(smooth_curve(trachea, False), 0.036)
    for end in ((m - 0.052, 0.38), (m + 0.058, 0.39)):
        layer.stroke(np.linspace((m - 0.004, 0.335), end, 8), np.linspace(0.028, 0.018, 8))
    return np.asarray(np.float32(-0.21) * layer.read(0.005))


def _markings(body: Thorax, lung: int, side: int) -> Field:
    """Vessels of one lung and its hilum, cut at the pleura."""
    strands = body.vessels[lung]
    x, y = grid(side)
    tree = Layer(side).strands(strands.points, strands.widths).read(0.0022)
    inner = Layer(side).polygon(body.lungs[lung]).read(0.012)
    hilum = bump(x, y, body.hila[lung], (0.022, 0.045))
    return np.asarray((np.float32(0.115) * tree + np.float32(0.11) * hilum) * inner**2)


def _bones(body: Thorax, organs: _Organs) -> Field:
    """Ribs, clavicles and scapulae: a faint body with a denser cortex."""
    side = len(organs.heart)
    hidden = np.maximum(np.float32(0.55) * organs.heart, np.float32(0.75) * organs.abdomen)
    back = _band(side, body.ribs, body.rib_width, 0.0018)
    front = _band(side, body.front_ribs, body.rib_width * 1.05, 0.0026)
    collar = _band(side, body.clavicles, 0.030, 0.0016)
    blades = Layer(side)
    for outline in body.scapulae:
        blades.polygon(outline, 0.6)
        blades.stroke(np.concatenate([outline, outline[:1]]), 0.006, 1.0)
    shade = np.float32(0.15) * back + np.float32(0.075) * front + np.float32(0.16) * collar
    shade = shade * (1.0 - hidden) + np.float32(0.07) * blades.read(0.003)
    return np.asarray(shade * organs.flesh)


def _band(side: int, lines: Points, width: float, softness: float) -> Field:
    steps = lines.shape[1]
    ends = np.minimum(np.arange(steps), np.arange(steps)[::-1]) / (0.18 * steps)
    widths = np.broadcast_to(width * np.minimum(0.25 + ends, 1.0), lines.shape[:2])
    layer = Layer(side).strands(lines, widths, 1.0).strands(lines, widths * 0.72, 0.62)
    return layer.read(softness)


def _pneumothorax(
    rng: np.random.Generator, body: Thorax, lung: int, organs: _Organs
) -> tuple[Field, Field]:
    """The air outside the collapsed lung, and the thin visceral pleural line."""
    side, chest = len(organs.heart), organs.lungs[lung] * (1.0 - organs.heart)
    outline = body.lungs[lung]
    hilum = body.hila[lung]
    shrink = rng.uniform(0.66, 0.76)
    anchor = hilum + np.array([0.0, 0.16])
    rest = anchor + (outline - anchor) * np.array([shrink, shrink * 1.02])
    medial = np.sign(outline[:, 0] - anchor[0]) != np.sign(hilum[0] - body.midline)
    rest[medial, 0] = outline[medial, 0]
    low = np.clip((outline[:, 1:] - 0.62) / 0.15, 0.0, 1.0)
    rest = rest * (1 - low) + outline * low
    inner = Layer(side).polygon(rest).read(0.0012)
    line = Layer(side).stroke(np.concatenate([rest, rest[:1]]), 0.0055).read(0.0008)
    return (1.0 - inner) * chest, line * chest


def _focal(
    rng: np.random.Generator, body: Thorax, plan: _Plan, organs: _Organs, density: Field
) -> dict[str, Field]:
    """Add nodule, mass and consolidation to `density`, in place; returns where they are."""
    side, covers = len(density), {}
    for finding, (lung, zone) in plan.focal.items():
        share, down = _ZONES[zone]
        air_filled = organs.lungs[lung] * (1.0 - organs.heart)
        outward = -1.0 if lung == RIGHT else 1.0
        at = np.array([body.midline + outward * share * body.half_width, down])
        at = at + rng.uniform(-1, 1, 2) * np.array([0.030, 0.015])
        if finding == "nodule":
            cover = Layer(side).polygon(blob(rng, at, rng.uniform(0.023, 0.030), 0.04)).read(0.003)
            density += np.float32(rng.uniform(0.24, 0.30)) * cover
        elif finding == "mass":
            cover = _mass(rng, at, side) * air_filled
            density += np.float32(rng.uniform(0.27, 0.34)) * cover
        else:
            cover, air = _consolidation(rng, body.hila[lung], at, air_filled)
            density += cover * (np.float32(0.25) - np.float32(0.17) * air)
        covers[finding] = cover
    return covers


def _mass(rng: np.random.Generator, at: Points, side: int) -> Field:
    """A large lobulated opacity: a body with three or four lobes."""
    radius = rng.uniform(0.054, 0.068)
    layer = Layer(side).polygon(blob(rng, at, radius, 0.08))
    lobes, first = int(rng.integers(3, 5)), rng.uniform(0, 6.283)
    for lobe in range(lobes):
        turn = first + 2 * np.pi * lobe / lobes + rng.normal(0, 0.2)
        place = at + 0.62 * radius * np.array([np.cos(turn), np.sin(turn)])
        layer.polygon(blob(rng, place, radius * rng.uniform(0.42, 0.58), 0.08))
    return layer.read(0.004)


def _consolidation(
    rng: np.random.Generator, hilum: Points, at: Points, lung: Field
) -> tuple[Field, Field]:
    """Patchy lobar clouding with soft edges, and the air bronchograms that cross it."""
    side = len(lung)
    x, y = grid(side)
    hill = bump(x, y, at, rng.uniform(0.075, 0.095, 2))
    patchy = np.float32(0.20) * fractal(rng, 12, 3, side, 0.7)
    cover = smoothstep(0.28, 0.72, hill + patchy * np.sqrt(hill)) * lung
    heading = np.arctan2(*(at - hilum)[::-1])
    start = hilum + 0.35 * (at - hilum)
    stem = Strands(walk(rng, start, heading, 0.20, bend=0.1, wobble=0.1), taper(0.013, 0.006))
    tubes = stem.joined(
        offshoots(rng, stem, 5, length=(0.05, 0.10), angle=(0.4, 0.8), thinner=0.75)
    )
    return cover, Layer(side).strands(tubes.points, tubes.widths).read(0.0015)


def _effusion(
    rng: np.random.Generator, body: Thorax, lung: int, organs: _Organs, density: Field
) -> Field:
    """Fluid: a white base whose upper edge climbs along the chest wall (the meniscus).

    Added to `density` in place; returns where it is.
    """
    side = len(density)
    outward = -1.0 if lung == RIGHT else 1.0
    level, climb = rng.uniform(0.66, 0.70), rng.uniform(0.11, 0.16)
    share = np.linspace(0.0, 1.06, 24)
    edge_y = level + 0.02 - climb * np.clip((share - 0.35) / 0.65, 0, 1.2) ** 2.2
    edge = np.stack([body.midline + outward * body.half_width * share, edge_y], axis=1)
    corners = [(edge[-1, 0], 0.95), (body.midline, 0.95)]
    fluid = Layer(side).polygon(np.concatenate([edge, corners])).read(0.010)
    # A little beyond the lung's soft rim, or a dark seam would stay along wall and diaphragm.
    within = np.minimum(np.float32(2.5) * organs.lungs[lung], 1.0)
    cover = fluid * within * (1.0 - organs.heart)
    white = np.float32(0.77) + np.float32(0.12) * grid(side)[1]
    density += cover * (white - density)
    return np.asarray(cover)


def _marker(body: Thorax, side: int) -> Field:
    """The lead letter L at the patient's left."""
    x, y = body.midline + 0.455, 0.045
    letter = np.array([(x - 0.012, y - 0.02), (x - 0.012, y + 0.02), (x + 0.012, y + 0.02)])
    layer = Layer(side)
    layer.stroke(np.linspace(letter[0], letter[1], 4), 0.007)
    layer.stroke(np.linspace(letter[1] - (0.0035, 0), letter[2], 4), 0.007)
    return np.asarray(np.float32(0.9) * layer.read())


def _expose(sources: Sources, density: Field) -> NDArray[np.uint16]:
    """Film curve, uneven exposure, quantum noise (stronger where fewer photons arrive), 12 bits."""
    rng, side = sources.anatomy, density.shape[0]
    x, y = grid(side)
    tilt = rng.normal(0, 0.035, 2)
    density = density * np.float32(rng.uniform(0.94, 1.06)) + np.float32(rng.uniform(-0.02, 0.02))
    density += np.float32(tilt[0]) * (x - 0.5) + np.float32(tilt[1]) * (y - 0.5)
    light = 1.0 / (1.0 + np.exp(np.float32(-4.2) * (density - np.float32(0.56))))
    light = (light - 0.07) / 0.86
    light += np.float32(0.006) * noise(sources.texture, 60, side)
    light += np.float32(0.011) * sources.grain.standard_normal(light.shape, dtype=np.float32)
    stored = np.asarray(np.clip(light * 3700.0 + 120.0, 0.0, 4095.0) + np.float32(0.5))
    return stored.astype(np.uint16)
