"""Smoothing filters before the model."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from medadv_desktop.defenses.inference.procedure import InferenceDefence

if TYPE_CHECKING:
    from torch import Tensor


class MedianFilter(InferenceDefence):
    """The median of each k×k neighbourhood, borders mirrored; slopes pass to the median pixels.

    Xu, Evans, Qi: Feature Squeezing, NDSS 2018, sec. III-B.
    """

    name = "median"
    title = "Median filter"
    advice = (
        "Replaces every pixel by the median around it: strong against changes of single pixels, "
        "weak against those spread over the image, and it blurs small findings."
    )
    reference = "Xu et al., NDSS 2018 (arXiv 1704.01155)"

    size: Literal[3, 5, 7] = Field(3, description="Side of the neighbourhood, in pixels")

    def changed(self, images: Tensor) -> Tensor:
        from torch.nn import functional as F

        edge = self.size // 2
        padded = F.pad(images, (edge,) * 4, mode="reflect")
        patches = padded.unfold(2, self.size, 1).unfold(3, self.size, 1)
        return patches.flatten(4).median(4).values


class GaussianFilter(InferenceDefence):
    """Convolution with a Gaussian of σ pixels, cut off at 3σ, borders mirrored."""

    name = "gaussian-filter"
    title = "Gaussian filter"
    advice = (
        "Blurs the image a little. Takes away high frequencies, where many perturbations live, and "
        "is no obstacle to an attack that knows of it."
    )
    reference = ""

    sigma: float = Field(
        0.8, gt=0, le=10, title="σ", description="Width", json_schema_extra={"unit": "pixels"}
    )

    def changed(self, images: Tensor) -> Tensor:
        import torch
        from torch.nn import functional as F

        edge = min(max(1, math.ceil(3 * self.sigma)), min(images.shape[2:]) - 1)
        steps = torch.arange(-edge, edge + 1, dtype=images.dtype, device=images.device)
        kernel = torch.exp(-0.5 * (steps / self.sigma) ** 2)
        kernel = (kernel / kernel.sum()).expand(images.shape[1], 1, -1)
        padded = F.pad(images, (edge,) * 4, mode="reflect")
        groups = images.shape[1]
        down = F.conv2d(padded, kernel[:, :, :, None], groups=groups)
        return F.conv2d(down, kernel[:, :, None, :], groups=groups)
