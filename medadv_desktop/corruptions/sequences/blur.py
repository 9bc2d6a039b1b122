"""Blur that grows or turns: motion, zoom, Gaussian."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import TYPE_CHECKING

import numpy as np

from medadv_desktop.corruptions.sequences.sequence import PerturbationSequence

if TYPE_CHECKING:
    from torch import Tensor


class MotionBlurSequence(PerturbationSequence):
    """One-sided Gaussian trail, radius 10 and σ 3 pixels at 224, at 4·(i − 30)°."""

    name = "motion-blur"
    title = "Motion blur"
    summary = "Trail of radius 10, σ 3, at 4·(i − 30)°"

    def unrolled(self, images: Tensor, rngs: list[np.random.Generator]) -> Iterator[Tensor]:  # noqa: ARG002
        from medadv_desktop.corruptions.batches import blur_scale_of
        from medadv_desktop.corruptions.filters import motion_blur

        scale = blur_scale_of(images)
        for i in count():
            yield motion_blur(images, 10 * scale, 3 * scale, 4 * (i - 30))


class ZoomBlurSequence(PerturbationSequence):
    """The mean of the image and its enlargements by 1 + 0.004·j, j = 1 … i."""

    name = "zoom-blur"
    title = "Zoom blur"
    summary = "Mean of the enlargements by 1 + 0.004·j, j up to i"

    def unrolled(self, images: Tensor, rngs: list[np.random.Generator]) -> Iterator[Tensor]:  # noqa: ARG002
        from medadv_desktop.corruptions.filters import zoomed

        total = images.clone()
        yield total.clone()
        for i in count(1):
            total = total + zoomed(images, 1 + 0.004 * i)
            yield total / (i + 1)


class GaussianBlurSequence(PerturbationSequence):
    """Gaussian of σ = 0.25 + 0.035·i pixels at 224, and no less in smaller images."""

    name = "gaussian-blur"
    title = "Gaussian blur"
    summary = "σ = 0.25 + 0.035·i"
    validation = True

    def unrolled(self, images: Tensor, rngs: list[np.random.Generator]) -> Iterator[Tensor]:  # noqa: ARG002
        from medadv_desktop.corruptions.batches import blur_scale_of
        from medadv_desktop.corruptions.filters import gaussian_blur

        scale = blur_scale_of(images, 1)
        for i in count():
            yield gaussian_blur(images, (0.25 + 0.035 * i) * scale)
