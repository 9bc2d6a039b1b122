"""How alike two images look: SSIM and PSNR, batch-wise on tensors."""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor

# Wang, Bovik, Sheikh and Simoncelli, IEEE Transactions on Image Processing 13:600-612, 2004.
_WINDOW: Final = 11
_SIGMA: Final = 1.5
_C1: Final = 0.01**2
_C2: Final = 0.03**2
# Planes at a time, so that what is shifted and summed stays in the processor's cache.
_PLANE_PIXELS: Final = 150_000


def ssim(first: Tensor, second: Tensor) -> Tensor:
    """Structural similarity of each pair of images, the mean over their channels.

    Wang et al. 2004, equation 13, with their Gaussian window (11 pixels, σ 1.5), K1 = 0.01,
    K2 = 0.03, over all places where the window fits; data range 1.

    Args:
        first, second: N×C×H×W floating, in [0, 1].

    Returns:
        N float64 on the same device: 1 for equal images, NaN for images smaller than the window.

    Raises:
        ValueError: the shapes differ.
    """
    _check(first, second)
    n, c, h, w = first.shape
    if min(h, w) < _WINDOW or not c:
        return torch.full((n,), math.nan, dtype=torch.float64, device=first.device)
    planes = [_precise(batch).reshape(n * c, h, w) for batch in (first, second)]
    size = max(1, _PLANE_PIXELS // (h * w)) if first.device.type == "cpu" else max(1, n * c)
    parts = zip(*(torch.split(batch, size) for batch in planes), strict=True)
    with torch.no_grad():
        return torch.cat([_ssim(a, b) for a, b in parts]).reshape(n, c).mean(dim=1)


def ssim_map(first: Tensor, second: Tensor) -> Tensor:
    """The structural similarity of each place: what `ssim` takes the mean of.

    Args:
        first, second: as `ssim`.

    Returns:
        N×C×(H−10)×(W−10), one value for each place where the window fits, float64 for float64 and
        float32 else; no place at all for images smaller than the window.

    Raises:
        ValueError: the shapes differ.
    """
    _check(first, second)
    n, c, h, w = first.shape
    if min(h, w) < _WINDOW:
        return _precise(first).new_empty((n, c, 0, 0))
    with torch.no_grad():
        places = _similarities(*(_precise(batch).reshape(n * c, h, w) for batch in (first, second)))
    return places.reshape(n, c, *places.shape[1:])


def _ssim(a: Tensor, b: Tensor) -> Tensor:
    """P float64 of P×H×W."""
    return _similarities(a, b).mean(dim=(1, 2), dtype=torch.float64)


def _similarities(a: Tensor, b: Tensor) -> Tensor:
    """P×h×w of P×H×W: equation 13 at each place."""
    mean_a, mean_b = _blurred(a), _blurred(b)
    product, squares = mean_a * mean_b, mean_a.square().add_(mean_b.square())
    covariance = _blurred(a * b).sub_(product)
    variances = _blurred(a.square().addcmul_(b, b)).sub_(squares)
    upper = product.mul_(2).add_(_C1).mul_(covariance.mul_(2).add_(_C2))
    lower = squares.add_(_C1).mul_(variances.add_(_C2))
    return upper.div_(lower)


def _blurred(planes: Tensor) -> Tensor:
    """Weighted by the window, where it fits."""
    for dim in (1, 2):
        size = planes.shape[dim] - _WINDOW + 1
        result = planes.narrow(dim, 0, size) * _WEIGHTS[0]
        for i in range(1, _WINDOW):
            result.add_(planes.narrow(dim, i, size), alpha=_WEIGHTS[i])
        planes = result
    return planes


def _gaussian() -> tuple[float, ...]:
    middle = _WINDOW // 2
    raw = [math.exp(-((i - middle) ** 2) / (2 * _SIGMA**2)) for i in range(_WINDOW)]
    return tuple(value / sum(raw) for value in raw)


_WEIGHTS: Final = _gaussian()


def psnr(first: Tensor, second: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of each pair of images in decibels, the peak being 1.

    Args:
        first, second: N×C×H×W floating, in [0, 1].

    Returns:
        N float64 on the same device; ∞ for equal images.

    Raises:
        ValueError: the shapes differ.
    """
    _check(first, second)
    with torch.no_grad():
        first, second = _precise(first), _precise(second)
        mean_square = (first - second).square_().flatten(1).mean(dim=1, dtype=torch.float64)
        # -10·log10(0) is ∞, as it should be.
        return -10 * mean_square.log10()


def _precise(images: Tensor) -> Tensor:
    """Half precision cannot hold what variances are differences of."""
    images = images.detach()
    return images if images.dtype == torch.float64 else images.float()


def _check(first: Tensor, second: Tensor) -> None:
    if first.shape != second.shape or first.ndim != 4:
        shapes = f"{tuple(first.shape)} and {tuple(second.shape)}"
        raise ValueError(f"images of one shape N×C×H×W are compared, not {shapes}")
