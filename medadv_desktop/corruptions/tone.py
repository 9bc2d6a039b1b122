"""Tone: brightness, contrast, gamma, up and down."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from medadv_desktop.corruptions.corruption import MEDMNIST_C, Corruption

if TYPE_CHECKING:
    from torch import Tensor


class _Brightness(Corruption):
    reference = MEDMNIST_C

    def corrupt(self, image: Tensor, rng: np.random.Generator) -> Tensor:  # noqa: ARG002
        return self.constant * image


class BrightnessUp(_Brightness):
    """f·x, f = 1.1, 1.2, 1.3, 1.4, 1.5 (MedMNIST-C, dermoscopy and chest)."""

    name = "brightness-up"
    title = "Brighter"
    summary = "Every value multiplied: over-exposed"
    constants = (1.1, 1.2, 1.3, 1.4, 1.5)


class BrightnessDown(_Brightness):
    """f·x, f = 0.9, 0.8, 0.7, 0.6, 0.5 (MedMNIST-C, dermoscopy, fundus and chest)."""

    name = "brightness-down"
    title = "Darker"
    summary = "Every value multiplied: under-exposed"
    constants = (0.9, 0.8, 0.7, 0.6, 0.5)


class _Contrast(Corruption):
    reference = MEDMNIST_C

    def corrupt(self, image: Tensor, rng: np.random.Generator) -> Tensor:  # noqa: ARG002
        from medadv_desktop.corruptions.batches import luma

        mean = luma(image).double().mean().to(image)
        return mean + self.constant * (image - mean)


class ContrastUp(_Contrast):
    """m + f·(x − m), m the mean luma, f = 1.1, 1.2, 1.3, 1.4, 1.6 (MedMNIST-C, chest)."""

    name = "contrast-up"
    title = "More contrast"
    summary = "Away from the mean grey"
    constants = (1.1, 1.2, 1.3, 1.4, 1.6)


class ContrastDown(_Contrast):
    """m + f·(x − m), m the mean luma, f = 0.9, 0.8, 0.7, 0.6, 0.4 (MedMNIST-C, chest)."""

    name = "contrast-down"
    title = "Less contrast"
    summary = "Towards the mean grey: a flat picture"
    constants = (0.9, 0.8, 0.7, 0.6, 0.4)


class _Gamma(Corruption):
    reference = MEDMNIST_C

    def corrupt(self, image: Tensor, rng: np.random.Generator) -> Tensor:  # noqa: ARG002
        return image**self.constant


class GammaUp(_Gamma):
    """x^γ, γ = 1.1, 1.2, 1.3, 1.4, 1.6 (MedMNIST-C, chest): mid-greys darker."""

    name = "gamma-up"
    title = "Gamma up"
    summary = "Mid-greys darker, black and white as they are: another grey curve"
    constants = (1.1, 1.2, 1.3, 1.4, 1.6)


class GammaDown(_Gamma):
    """x^γ, γ = 0.9, 0.8, 0.7, 0.6, 0.4 (MedMNIST-C, chest): mid-greys brighter."""

    name = "gamma-down"
    title = "Gamma down"
    summary = "Mid-greys brighter, black and white as they are: another grey curve"
    constants = (0.9, 0.8, 0.7, 0.6, 0.4)
