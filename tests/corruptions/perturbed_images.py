"""Small images for the tests of this room."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch

from medadv_desktop.datasets.phantoms import phantom

DOMAINS = ("dermoscopy", "fundus", "radiograph")


@lru_cache(maxsize=16)
def _phantom(domain: str, index: int, side: int) -> np.ndarray:
    pixels = phantom(domain, 2, index, side).pixels
    if pixels.ndim == 2:
        return np.repeat(pixels[None] / 4095, 3, 0).astype(np.float32)
    return (pixels.transpose(2, 0, 1) / 255).astype(np.float32)


def phantoms(domain: str = "dermoscopy", count: int = 1, side: int = 64) -> torch.Tensor:
    """N×3×side×side in [0, 1]."""
    return torch.from_numpy(np.stack([_phantom(domain, k, side) for k in range(count)]))


def flat(value: float, side: int = 128, channels: int = 1) -> torch.Tensor:
    """1×C×side×side of one value."""
    return torch.full((1, channels, side, side), value)


def dot(side: int, x: int, y: int) -> torch.Tensor:
    """1×1×side×side, 1 at one pixel."""
    image = torch.zeros(1, 1, side, side)
    image[0, 0, y, x] = 1
    return image


def blob(side: int, x: float, y: float, sigma: float = 3.0) -> torch.Tensor:
    """1×1×side×side, a Gaussian about a place in pixels from the centre."""
    places = torch.arange(side, dtype=torch.float64) + 0.5 - side / 2
    square = (places[None, :] - x) ** 2 + (places[:, None] - y) ** 2
    return torch.exp(-square / (2 * sigma**2))[None, None].float()


def centroid(image: torch.Tensor) -> tuple[float, float]:
    """Centre of mass of H×W, in pixels from the centre: x, y."""
    H, W = image.shape
    mass = image.double() / image.double().sum()
    x = torch.arange(W, dtype=torch.float64) + 0.5 - W / 2
    y = torch.arange(H, dtype=torch.float64) + 0.5 - H / 2
    return float((mass.sum(0) * x).sum()), float((mass.sum(1) * y).sum())
