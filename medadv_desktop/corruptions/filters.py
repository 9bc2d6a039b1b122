"""Blurs and warps of images, N×C×H×W or C×H×W, made of additions and products alone.

So a sample comes out the same, to the bit, in whatever batch it is. Lengths are in pixels of the
image at hand. Beyond the border stands its nearest pixel for blurs, its mirror image for warps.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from functools import reduce

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

_TRUNCATE = 4.0
_SUPERSAMPLED = 16


def padded(images: Tensor, down: int, across: int) -> Tensor:
    """With the border's pixels repeated, `down` rows and `across` columns on either side."""
    batch = images if images.ndim == 4 else images[None]
    wide = F.pad(batch, (across, across, down, down), mode="replicate")
    return wide if images.ndim == 4 else wide[0]


def gaussian_blur(images: Tensor, sigma: float) -> Tensor:
    """A Gaussian of standard deviation `sigma`, cut at 4 σ."""
    reach = max(1, math.ceil(_TRUNCATE * sigma))
    places = np.arange(-reach, reach + 1)
    weights = np.exp(-0.5 * (places / sigma) ** 2)
    weights /= weights.sum()
    for axis in (-2, -1):
        size = images.shape[axis]
        wide = padded(images, reach if axis == -2 else 0, reach if axis == -1 else 0)
        parts = (
            float(w) * wide.narrow(axis, start, size)
            for start, w in enumerate(weights)
            if w > 1e-12
        )
        images = _sum(parts)
    return images


def motion_blur(images: Tensor, length: float, sigma: float, angle_degrees: float) -> Tensor:
    """Drawn out to one side, as ImageMagick's MotionBlurImage, which ImageNet-C and -P use.

    out(p) = Σ k_i in(p + o_i), i = 0 … 2·`length`, k_i ∝ exp(−i²/2σ²); o_i is i pixels in direction
    (cos, sin) of the angle, x to the right and y down, rounded to whole pixels.
    """
    steps = np.arange(max(1, round(2 * length)) + 1)
    weights = np.exp(-0.5 * (steps / sigma) ** 2)
    weights /= weights.sum()
    angle = math.radians(angle_degrees)
    across = np.ceil(steps * math.cos(angle) - 0.5).astype(int)
    down = np.ceil(steps * math.sin(angle) - 0.5).astype(int)
    H, W = images.shape[-2:]
    reach = len(steps) - 1
    wide = padded(images, reach, reach)
    return _sum(
        float(w) * wide[..., reach + dy : reach + dy + H, reach + dx : reach + dx + W]
        for w, dy, dx in zip(weights, down, across, strict=True)
    )


def disc_blur(image: Tensor, radius: float, softness: float = 0.0) -> Tensor:
    """C×H×W averaged over a disc; `softness` is the σ by which the disc itself is blurred.

    A pixel weighs as much as the disc covers of it. Through the Fourier transform, in float64.
    """
    kernel = torch.from_numpy(_disc(radius))
    if softness:
        kernel = gaussian_blur(F.pad(kernel, (2, 2, 2, 2))[None], softness)[0]
    reach = kernel.shape[0] // 2
    wide = padded(image, reach, reach).double()
    size = wide.shape[-2:]
    spectrum = torch.fft.rfft2(wide) * torch.fft.rfft2(kernel.to(wide), size)
    blurred: Tensor = torch.fft.irfft2(spectrum, size)[..., 2 * reach :, 2 * reach :]
    return blurred.to(image)


def _disc(radius: float) -> NDArray[np.float64]:
    reach = max(1, math.ceil(radius - 0.5))
    side = (2 * reach + 1) * _SUPERSAMPLED
    places = (np.arange(side) + 0.5) / _SUPERSAMPLED - (reach + 0.5)
    inside = places[:, None] ** 2 + places[None, :] ** 2 <= radius**2
    blocks = inside.reshape(2 * reach + 1, _SUPERSAMPLED, 2 * reach + 1, _SUPERSAMPLED)
    kernel = blocks.mean((1, 3))
    return np.asarray(kernel / kernel.sum())


def warped(images: Tensor, inverse: NDArray[np.float64], *, mirrored: bool = True) -> Tensor:
    """N×C×H×W seen through a projective map, bilinear.

    Args:
        inverse: 3×3, leads (x, y, 1) of the result to the place in `images` it shows, both in
            pixels from the centre of the image, x to the right and y down.
        mirrored: beyond the border stands the mirror image; else black.
    """
    H, W = images.shape[-2:]
    x = np.arange(W) + 0.5 - W / 2
    y = np.arange(H) + 0.5 - H / 2
    grid = np.stack([*np.meshgrid(x, y), np.ones((H, W))], -1) @ inverse.T
    seen = grid[..., :2] / grid[..., 2:] / np.array([W / 2, H / 2])
    places = torch.from_numpy(seen).to(images)[None].expand(len(images), -1, -1, -1)
    beyond = "reflection" if mirrored else "zeros"
    return F.grid_sample(images, places, "bilinear", beyond, align_corners=False)


def zoomed(images: Tensor, factor: float) -> Tensor:
    """Enlarged about the centre by `factor`, ≥ 1, and cut to size."""
    return warped(images, np.diag([1 / factor, 1 / factor, 1.0]))


def shifted(images: Tensor, across: float) -> Tensor:
    """Content moved to the right by `across` pixels (left where negative), the border mirrored.

    A fraction of a pixel mixes its two neighbours; whole numbers move exactly.
    """
    whole = math.floor(across)
    part = across - whole
    moved = _moved(images, whole)
    return moved if part == 0 else (1 - part) * moved + part * _moved(images, whole + 1)


def _moved(images: Tensor, across: int) -> Tensor:
    W = images.shape[-1]
    place = (torch.arange(W, device=images.device) - across) % (2 * W)
    return images.index_select(-1, torch.where(place < W, place, 2 * W - 1 - place))


def _sum(parts: Iterable[Tensor]) -> Tensor:
    return reduce(operator.add, parts)
