"""Noise: Gaussian, shot, impulse, speckle. A grey image in three channels stays grey."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from medadv_desktop.corruptions.corruption import MEDMNIST_C, Corruption

if TYPE_CHECKING:
    from torch import Tensor


class GaussianNoise(Corruption):
    """x + N(0, σ²), σ = 0.04, 0.08, 0.12, 0.18, 0.26 (MedMNIST-C, dermoscopy and chest)."""

    name = "gaussian-noise"
    title = "Gaussian noise"
    summary = "Normal noise of the same strength everywhere: amplifier noise"
    reference = MEDMNIST_C
    constants = (0.04, 0.08, 0.12, 0.18, 0.26)

    def corrupt(self, image: Tensor, rng: np.random.Generator) -> Tensor:
        from medadv_desktop.corruptions.batches import drawn, plane_shape

        noise = rng.standard_normal(plane_shape(image), dtype=np.float32)
        return image + self.constant * drawn(noise, image)


class ShotNoise(Corruption):
    """Poisson(c·x)/c, c = 60, 25, 18, 10, 5 photons at white (MedMNIST-C, dermoscopy and chest)."""

    name = "shot-noise"
    title = "Shot noise"
    summary = "Poisson noise: few photons reach the sensor"
    reference = MEDMNIST_C
    constants = (60.0, 25.0, 18.0, 10.0, 5.0)

    def corrupt(self, image: Tensor, rng: np.random.Generator) -> Tensor:
        from medadv_desktop.corruptions.batches import drawn, plane_shape

        planes = plane_shape(image)[0]
        rate = self.constant * image[:planes].double().cpu().numpy()
        return drawn(rng.poisson(rate) / self.constant, image).expand_as(image)


class ImpulseNoise(Corruption):
    """A share of values becomes 0 or 1, half each: 0.01, 0.03, 0.06, 0.09, 0.17 (MedMNIST-C,
    dermoscopy and chest).
    """

    name = "impulse-noise"
    title = "Impulse noise"
    summary = "Salt and pepper: dead and hot pixels, faults of transmission"
    reference = MEDMNIST_C
    constants = (0.01, 0.03, 0.06, 0.09, 0.17)

    def corrupt(self, image: Tensor, rng: np.random.Generator) -> Tensor:
        from medadv_desktop.corruptions.batches import drawn, plane_shape

        lot = drawn(rng.random(plane_shape(image)), image.double())
        salt = drawn(rng.random(plane_shape(image)) < 0.5, image)
        hit = (lot < self.constant).expand_as(image)
        return salt.expand_as(image).where(hit, image)


class SpeckleNoise(Corruption):
    """x + x·N(0, σ²), σ = 0.05, 0.15, 0.2, 0.35, 0.45 (MedMNIST-C, dermoscopy and chest)."""

    name = "speckle-noise"
    title = "Speckle noise"
    summary = "Noise that grows with brightness: uneven gain"
    reference = MEDMNIST_C
    constants = (0.05, 0.15, 0.2, 0.35, 0.45)

    def corrupt(self, image: Tensor, rng: np.random.Generator) -> Tensor:
        from medadv_desktop.corruptions.batches import drawn, plane_shape

        noise = rng.standard_normal(plane_shape(image), dtype=np.float32)
        return image + image * (self.constant * drawn(noise, image))
