"""What spoils a radiograph: collimators in the picture, the lines of the grid, too low a dose.

Brighter is denser, as in every model input. The same happens to all channels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from medadv_desktop.corruptions.corruption import OURS, Corruption

if TYPE_CHECKING:
    from torch import Tensor

_OPTICAL_RANGE = 1.5
"""Decades of exposure between the blackest and the whitest value."""


class Collimation(Corruption):
    """Black outside a rectangle: each border cut by U(0.5, 1) times 0.04, 0.07, 0.10, 0.14, 0.18 of
    its length, turned by up to 2.5°, with a penumbra of 0.012 of the shorter side (ours).
    """

    name = "collimation"
    title = "Collimation"
    summary = "The collimator's shutters cut into the picture"
    reference = OURS
    modalities = ("radiograph",)
    constants = (0.04, 0.07, 0.10, 0.14, 0.18)

    def corrupt(self, image: Tensor, rng: np.random.Generator) -> Tensor:
        from medadv_desktop.corruptions.batches import drawn

        height, width = image.shape[-2:]
        side = min(height, width)
        x, y = np.meshgrid(np.arange(width) + 0.5 - width / 2, np.arange(height) + 0.5 - height / 2)
        turn = np.deg2rad(rng.uniform(-2.5, 2.5))
        u, v = np.cos(turn) * x + np.sin(turn) * y, np.cos(turn) * y - np.sin(turn) * x
        left, right, top, bottom = self.constant * rng.uniform(0.5, 1, 4)
        inside = np.minimum.reduce(
            [
                u + width * (0.5 - left), width * (0.5 - right) - u,
                v + height * (0.5 - top), height * (0.5 - bottom) - v,
            ]
        )  # fmt: skip
        light = np.clip(inside / (0.012 * side) + 0.5, 0, 1)
        return image * drawn(light, image)


class GridLines(Corruption):
    """x·(1 + a·sin(2πu/p + φ)), a = 0.03, 0.06, 0.10, 0.15, 0.22; p the shorter side over
    U(40, 70), 2.5 pixels at least; upright or lying, turned by up to 2° (ours).
    """

    name = "grid-lines"
    title = "Grid lines"
    summary = "The anti-scatter grid shows as fine stripes"
    reference = OURS
    modalities = ("radiograph",)
    constants = (0.03, 0.06, 0.10, 0.15, 0.22)

    def corrupt(self, image: Tensor, rng: np.random.Generator) -> Tensor:
        from medadv_desktop.corruptions.batches import drawn

        height, width = image.shape[-2:]
        x, y = np.meshgrid(np.arange(width), np.arange(height))
        period = max(min(height, width) / rng.uniform(40, 70), 2.5)
        turn = np.deg2rad(rng.uniform(-2, 2)) + np.pi / 2 * rng.integers(2)
        u = np.cos(turn) * x + np.sin(turn) * y
        stripes = np.sin(2 * np.pi * u / period + rng.uniform(0, 2 * np.pi))
        return image * drawn(1 + self.constant * stripes, image)


class LowDose(Corruption):
    """Quantum noise of N₀ = 5000, 2000, 1000, 500, 200 photons a pixel in air (ours).

    A value x lets N = N₀·10^(−1.5·x) photons through; counted are n ~ Poisson(N), shown is
    −log₁₀(max(n, ½)/N₀)/1.5: dense regions, where few photons arrive, are the noisiest.
    """

    name = "low-dose"
    title = "Low dose"
    summary = "Quantum noise, worst where the body is dense"
    reference = OURS
    modalities = ("radiograph",)
    constants = (5000.0, 2000.0, 1000.0, 500.0, 200.0)

    def corrupt(self, image: Tensor, rng: np.random.Generator) -> Tensor:
        from medadv_desktop.corruptions.batches import drawn, plane_shape

        planes = plane_shape(image)[0]
        passed = self.constant * 10 ** (-_OPTICAL_RANGE * image[:planes].double().cpu().numpy())
        counted = np.maximum(rng.poisson(passed), 0.5)
        shown = -np.log10(counted / self.constant) / _OPTICAL_RANGE
        return drawn(shown, image).expand_as(image)
