"""Changes of training images: the same for seed and step, whatever parts a batch is cut into."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from medadv_desktop.defenses.objectives.lesson import Draws
from medadv_desktop.seeds import sample_seed
from medadv_desktop.training.recipe import Augmentation


def augmented(images: Tensor, ids: Sequence[int], settings: Augmentation, draws: Draws) -> Tensor:
    """n×C×H×W in [0, 1], changed as the settings say.

    Geometry by bilinear interpolation with black outside, then grey values, then corruptions.

    Args:
        ids: n places in the training set; corruptions draw from each sample's own generator.
    """
    images = _flipped(images, settings, draws)
    if settings.rotate or settings.shift or settings.scale:
        images = _moved(images, settings, draws)
    if settings.brightness or settings.contrast:
        images = _toned(images, settings, draws)
    if settings.corruptions and settings.corrupted:
        images = _corrupted(images, ids, settings, draws)
    return images


def _flipped(images: Tensor, settings: Augmentation, draws: Draws) -> Tensor:
    for wanted, axis, name in (
        (settings.flip_horizontal, 3, "flip-h"),
        (settings.flip_vertical, 2, "flip-v"),
    ):
        if wanted:
            chosen = draws.uniform(images.new_empty((len(images), 1, 1, 1)), name) < 0
            images = torch.where(chosen, images.flip(axis), images)
    return images


def _moved(images: Tensor, settings: Augmentation, draws: Draws) -> Tensor:
    turn, right, down, size = draws.uniform(images.new_empty((len(images), 4)), "geometry").T
    angle = turn * math.radians(settings.rotate)
    factor = 1 / (1 + size * settings.scale)
    height, width = images.shape[2:]
    cos, sin = angle.cos() * factor, angle.sin() * factor
    # Coordinates run from −1 to 1 along each side: an oblong image would be sheared without this.
    rows = (
        torch.stack([cos, -sin * height / width, 2 * settings.shift * right], 1),
        torch.stack([sin * width / height, cos, 2 * settings.shift * down], 1),
    )
    grid = F.affine_grid(torch.stack(rows, 1), list(images.shape), align_corners=False)
    moved: Tensor = F.grid_sample(images, grid, align_corners=False).clamp_(0, 1)
    return moved


def _toned(images: Tensor, settings: Augmentation, draws: Draws) -> Tensor:
    drawn = draws.uniform(images.new_empty((len(images), 2)), "tone")
    lift, stretch = drawn.T[:, :, None, None, None]
    middle = images.mean((1, 2, 3), keepdim=True)
    stretched = (images - middle) * (1 + settings.contrast * stretch) + middle
    toned: Tensor = (stretched + settings.brightness * lift).clamp_(0, 1)
    return toned


def _corrupted(images: Tensor, ids: Sequence[int], settings: Augmentation, draws: Draws) -> Tensor:
    from medadv_desktop.corruptions.registry import CORRUPTIONS

    result = images.clone()
    for row, place in enumerate(ids):
        rng = np.random.default_rng(sample_seed(draws.seed, int(place), draws.batch, "corrupted"))
        if rng.random() >= settings.corrupted:
            continue
        kind = CORRUPTIONS[settings.corruptions[rng.integers(len(settings.corruptions))]]
        severity = int(rng.integers(1, settings.severity, endpoint=True))
        made = kind(severity=severity)
        result[row] = made.corrupt(images[row], rng).clamp(0, 1)
    return result
