"""Light, snow and drops. Snow and drops lie on a canvas of 224 pixels, enlarged to the image."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.corruptions.corruption import REFERENCE_SIDE
from medadv_desktop.corruptions.sequences.sequence import PerturbationSequence

if TYPE_CHECKING:
    from torch import Tensor

_RIM = 0.25 * 0.69 * 255
_WATER = np.array([175, 238, 238]) / 255


class Brightness(PerturbationSequence):
    """V + 0.02·(i − 15), held in [0, 1], V the value of HSV, so hue and saturation stay."""

    name = "brightness"
    title = "Brightness"
    summary = "0.02·(i − 15) added to the value (HSV)"

    def unrolled(self, images: Tensor, rngs: list[np.random.Generator]) -> Iterator[Tensor]:  # noqa: ARG002
        value = images.amax(1, keepdim=True)
        # Hue and saturation are the ratios of the channels; black has none and becomes grey.
        ratio = (images / value).where(value > 0, 1)
        for i in count():
            yield ratio * (value + 0.02 * (i - 15)).clamp(0, 1)


class Snow(PerturbationSequence):
    """0.85·x + 0.15·max(x, 1.5·luma + 0.5) + s + s turned by 180°.

    The layer s is N(0.05, 0.3²), enlarged three times, 0 where below 0.5, and drawn out at
    4·i − 150 degrees (radius 14, σ 4).
    """

    name = "snow"
    title = "Snow"
    summary = "Flakes whose fall turns by 4° a frame"

    def unrolled(self, images: Tensor, rngs: list[np.random.Generator]) -> Iterator[Tensor]:
        import torch
        import torch.nn.functional as F

        from medadv_desktop.corruptions.batches import drawn, luma
        from medadv_desktop.corruptions.filters import motion_blur

        height, width = _canvas(images)
        cells = (-(-height // 3), -(-width // 3))
        coarse = torch.stack([drawn(rng.normal(0.05, 0.3, (1, *cells)), images) for rng in rngs])
        fine = F.interpolate(
            coarse, (3 * cells[0], 3 * cells[1]), mode="bilinear", align_corners=True
        )
        top, left = (3 * cells[0] - height) // 2, (3 * cells[1] - width) // 2
        fine = fine[..., top : top + height, left : left + width]
        flakes = fine.clamp(0, 1).where(fine >= 0.5, 0)
        pale = 0.85 * images + 0.15 * images.maximum(1.5 * luma(images) + 0.5)
        for i in count():
            falling = _fitted(motion_blur(flakes, 14, 4, 4 * i - 150), images)
            yield pale + falling + falling.flip(-2, -1)


class Spatter(PerturbationSequence):
    """x + 0.6·m·(pale turquoise), m ∝ drops · relief, at most 1.

    Drops are N(0.65, 0.27²), blurred with σ 3.7 and 0 where below 0.69; every frame they run down
    by about a pixel and a half. The relief is made of the distance to their border, as in
    ImageNet-P; the border is where they sink below 44 of 255 instead of Canny's.
    """

    name = "spatter"
    title = "Spatter"
    summary = "Drops of water that run down"
    validation = True

    def unrolled(self, images: Tensor, rngs: list[np.random.Generator]) -> Iterator[Tensor]:
        import torch
        from scipy.ndimage import convolve1d

        from medadv_desktop.corruptions.batches import drawn, luma

        water = drawn(_WATER[:, None, None], images)
        if images.shape[1] == 1:
            water = luma(water)
        drops = [_drops(rng, *_canvas(images)) for rng in rngs]
        while True:
            cover = torch.stack([drawn(_relief(layer)[None], images) for layer in drops])
            yield images + 0.6 * _fitted(cover, images) * water
            # Of the rows from one below to two above: mostly of the latter, so drops move down.
            weights = [0.0, 0.05, 0.1, 0.15, 0.7]
            drops = [
                convolve1d(layer, weights, axis=0, mode="constant", origin=0) for layer in drops
            ]


def _canvas(images: Tensor) -> tuple[int, int]:
    height, width = images.shape[-2:]
    side = min(height, width)
    return round(REFERENCE_SIDE * height / side), round(REFERENCE_SIDE * width / side)


def _fitted(layers: Tensor, images: Tensor) -> Tensor:
    """Layers of the canvas, N×1×h×w, at the size of the images."""
    import torch.nn.functional as F

    size = tuple(images.shape[-2:])
    if tuple(layers.shape[-2:]) == size:
        return layers
    return F.interpolate(layers, size, mode="bilinear", align_corners=False, antialias=True)


def _drops(rng: np.random.Generator, height: int, width: int) -> NDArray[np.float64]:
    from scipy.ndimage import gaussian_filter

    layer = gaussian_filter(rng.normal(0.65, 0.27, (height, width)), 3.7, mode="nearest")
    return np.asarray(np.where(layer < 0.69, 0, layer))


def _relief(drops: NDArray[np.float64]) -> NDArray[np.float64]:
    """How strongly the water shows, 0 to 1."""
    from scipy.ndimage import binary_erosion, correlate, distance_transform_edt, uniform_filter

    octets = np.floor(255 * drops)
    inside = octets > _RIM
    border = inside & ~binary_erosion(inside)
    if not border.any():
        return np.zeros_like(drops)
    distance = np.minimum(distance_transform_edt(~border), 20)
    distance = _equalised(uniform_filter(distance, 3, mode="mirror").astype(np.uint8))
    light = np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]])
    relief = np.clip(correlate(distance, light, mode="mirror"), 0, 255)
    shown = octets * uniform_filter(relief, 3, mode="mirror")
    return np.asarray(shown / shown.max() if shown.max() > 0 else shown)


def _equalised(octets: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Values spread so that each is about as frequent, 0 to 255."""
    counts = np.bincount(octets.ravel(), minlength=256)
    first = counts[octets.min()]
    if first == octets.size:
        return octets.astype(np.float64)
    spread = (np.cumsum(counts) - first) * 255 / (octets.size - first)
    return np.asarray(np.round(spread.clip(min=0))[octets])
