"""What spoils a fundus photograph: light from one side, a hazy lens.

Degradations after Shen et al., IEEE TMI 2021 (Cofe-Net): light transmission disturbance, and blur.
The black surround of the field stays black.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.corruptions.corruption import Corruption

if TYPE_CHECKING:
    from torch import Tensor

_COFE_NET = "after Shen et al. 2021 (Cofe-Net), constants of this program"
_VEIL = (0.86, 0.80, 0.68)
_SURROUND = 0.04


def _plane(image: Tensor) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """x and y of the pixels from the centre, in units of half the shorter side."""
    height, width = image.shape[-2:]
    half = min(height, width) / 2
    x, y = np.meshgrid(np.arange(width) + 0.5 - width / 2, np.arange(height) + 0.5 - height / 2)
    return x / half, y / half


class UnevenLight(Corruption):
    """x·(1 − a + 1.35·a·L), a = 0.2, 0.35, 0.5, 0.65, 0.8; L a Gaussian spot of height 1 and σ 0.9
    halves of the shorter side, its centre 0.7 halves off in a direction of chance.
    """

    name = "uneven-light"
    title = "Uneven light"
    summary = "Bright on one side, dark on the other"
    reference = _COFE_NET
    modalities = ("fundus",)
    constants = (0.2, 0.35, 0.5, 0.65, 0.8)

    def corrupt(self, image: Tensor, rng: np.random.Generator) -> Tensor:
        from medadv_desktop.corruptions.batches import drawn

        x, y = _plane(image)
        angle = rng.uniform(0, 2 * np.pi)
        square = (x - 0.7 * np.cos(angle)) ** 2 + (y - 0.7 * np.sin(angle)) ** 2
        light = np.exp(-0.5 * square / 0.9**2)
        return image * drawn(1 - self.constant + 1.35 * self.constant * light, image)


class Haze(Corruption):
    """(1 − t)·blurred + t·veil within the field: t = a·(0.75 + 0.25·cloud), cloud in [0, 1];
    (a, σ of the blur in pixels at 224) = (0.15, 0.4), (0.27, 0.8), (0.4, 1.2), (0.52, 1.6),
    (0.65, 2.0). The veil is half the field's mean colour, half a yellowish white.
    """

    name = "haze"
    title = "Haze"
    summary = "A cloudy lens: pale, soft, without contrast"
    reference = _COFE_NET
    modalities = ("fundus",)
    constants = ((0.15, 0.4), (0.27, 0.8), (0.4, 1.2), (0.52, 1.6), (0.65, 2.0))

    def corrupt(self, image: Tensor, rng: np.random.Generator) -> Tensor:
        from medadv_desktop.corruptions.batches import blur_scale_of, drawn, luma
        from medadv_desktop.corruptions.filters import gaussian_blur

        amount, sigma = self.constant_tuple
        scale = blur_scale_of(image)
        bright = gaussian_blur(image.amax(0, keepdim=True), 2 * scale)
        field = ((bright - _SURROUND) / _SURROUND).clamp(0, 1)
        x, y = _plane(image)
        (fx, fy), phase = rng.uniform(-2.5, 2.5, (2, 3)), rng.uniform(0, 2 * np.pi, 3)
        waves = sum(np.cos(a * x + b * y + p) for a, b, p in zip(fx, fy, phase, strict=True))
        cloud = (waves + 3) / 6
        veil = drawn(np.array(_VEIL)[:, None, None], image)
        if image.shape[0] == 1:
            veil = luma(veil)
        weight = field.sum().clamp(min=1e-6)
        mean = (image * field).sum((1, 2), keepdim=True) / weight
        veil = (veil + mean) / 2
        through = drawn(amount * (0.75 + 0.25 * cloud), image) * field
        return (1 - through) * gaussian_blur(image, sigma * scale) + through * veil
