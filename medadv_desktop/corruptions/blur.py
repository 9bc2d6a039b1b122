"""Blur: Gaussian, out of focus, moved, zoomed.

Lengths are in pixels at a shorter side of 224 and shrink and grow with it, down to a quarter
(Gaussian: a half).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from medadv_desktop.corruptions.corruption import IMAGENET_C, MEDMNIST_C, Corruption

if TYPE_CHECKING:
    from torch import Tensor


class GaussianBlur(Corruption):
    """Gaussian of σ = 0.8, 1.1, 1.4, 1.7, 2.0 pixels at 224: the σ = 0.3·((k−1)/2 − 1) + 0.8 that
    belong to the kernels of k = 3, 5, 7, 9, 11 pixels of MedMNIST-C (chest). At 112 pixels and
    below 0.4 to 1.0, as in CIFAR-C.
    """

    name = "gaussian-blur"
    title = "Gaussian blur"
    summary = "Soft all over: low resolution, smoothing"
    reference = MEDMNIST_C
    constants = (0.8, 1.1, 1.4, 1.7, 2.0)

    def corrupt(self, image: Tensor, rng: np.random.Generator) -> Tensor:  # noqa: ARG002
        from medadv_desktop.corruptions.batches import blur_scale_of
        from medadv_desktop.corruptions.filters import gaussian_blur

        return gaussian_blur(image, self.constant * blur_scale_of(image, 0.5))


class DefocusBlur(Corruption):
    """Mean over a disc of radius 4, 5, 6, 7, 8 pixels at 224, its border softened by a Gaussian of
    σ 0.1 to 0.5 (MedMNIST-C, dermoscopy).
    """

    name = "defocus-blur"
    title = "Defocus blur"
    summary = "Out of focus: every point becomes a disc"
    reference = MEDMNIST_C
    constants = ((4.0, 0.1), (5.0, 0.2), (6.0, 0.3), (7.0, 0.4), (8.0, 0.5))

    def corrupt(self, image: Tensor, rng: np.random.Generator) -> Tensor:  # noqa: ARG002
        from medadv_desktop.corruptions.batches import blur_scale_of
        from medadv_desktop.corruptions.filters import disc_blur

        radius, softness = (value * blur_scale_of(image) for value in self.constant_tuple)
        return disc_blur(image, radius, softness)


class MotionBlur(Corruption):
    """One-sided Gaussian trail: (radius, σ) = (10, 5), (15, 5), (15, 8), (15, 12), (20, 15) pixels
    at 224, twice the radius long, at an angle uniform in ±45° (MedMNIST-C, dermoscopy).
    """

    name = "motion-blur"
    title = "Motion blur"
    summary = "Camera or patient moved during the exposure"
    reference = MEDMNIST_C
    constants = ((10.0, 5.0), (15.0, 5.0), (15.0, 8.0), (15.0, 12.0), (20.0, 15.0))

    def corrupt(self, image: Tensor, rng: np.random.Generator) -> Tensor:
        from medadv_desktop.corruptions.batches import blur_scale_of
        from medadv_desktop.corruptions.filters import motion_blur

        radius, sigma = (value * blur_scale_of(image) for value in self.constant_tuple)
        return motion_blur(image, radius, sigma, rng.uniform(-45, 45))


class ZoomBlur(Corruption):
    """Mean of the image and its enlargements by 1, 1 + s, … up to 1.10, 1.15, 1.20, 1.24, 1.30 in
    steps s of 0.01, 0.01, 0.02, 0.02, 0.03 (ImageNet-C, MedMNIST-C dermoscopy).
    """

    name = "zoom-blur"
    title = "Zoom blur"
    summary = "Moved along the line of sight during the exposure"
    reference = IMAGENET_C
    constants = ((1.10, 0.01), (1.15, 0.01), (1.20, 0.02), (1.24, 0.02), (1.30, 0.03))

    def corrupt(self, image: Tensor, rng: np.random.Generator) -> Tensor:  # noqa: ARG002
        from medadv_desktop.corruptions.filters import zoomed

        largest, step = self.constant_tuple
        count = round((largest - 1) / step) + 1
        # The image itself and its enlargement by 1 are two of them.
        total = 2 * image
        for index in range(1, count):
            total = total + zoomed(image[None], 1 + index * step)[0]
        return total / (count + 1)
