"""The generators: U-Net and ResNet, from an image in [0, 1] to a perturbation in (−1, 1).

After Poursaeed et al. 2018 (sec. 3.1; the ResNet generator of Johnson et al. 2016) with instance
normalisation in place of batch normalisation, so that what an image gets does not depend on its
company. Images of any size: they are padded to what the network needs, and cut again.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from medadv_desktop.attacks.gap.recipe import GapRecipe
from medadv_desktop.attacks.norm_balls import l2_norms, linf_norms

_LEAST_SIDE = 4  # of the smallest maps: instance normalisation needs more than one pixel


class UNet(nn.Module):
    """Encoder and decoder with skip connections, `levels` halvings, widths doubling up to ×8."""

    def __init__(self, channels: int, width: int, levels: int) -> None:
        super().__init__()
        widths = [width * min(2**level, 8) for level in range(levels + 1)]
        self.first = _convolved(channels, widths[0])
        self.down = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(before, after, 4, stride=2, padding=1),
                nn.InstanceNorm2d(after, affine=True),
                nn.LeakyReLU(0.2),
            )
            for before, after in itertools.pairwise(widths)
        )
        self.up = nn.ModuleList(
            _convolved(widths[level + 1] + widths[level], widths[level])
            for level in reversed(range(levels))
        )
        self.last = nn.Conv2d(widths[0], channels, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.first(images)
        skipped = []
        for halve in self.down:
            skipped.append(maps)
            maps = halve(maps)
        for widen in self.up:
            maps = F.interpolate(maps, scale_factor=2.0, mode="nearest")
            maps = widen(torch.cat((maps, skipped.pop()), dim=1))
        raw: Tensor = self.last(maps)
        return raw


class ResNetGenerator(nn.Module):
    """Two halvings, six residual blocks, two doublings."""

    def __init__(self, channels: int, width: int, levels: int, blocks: int = 6) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(levels + 1)]
        layers: list[nn.Module] = [_convolved(channels, widths[0], size=7)]
        for before, after in itertools.pairwise(widths):
            layers += [
                nn.Conv2d(before, after, 3, stride=2, padding=1),
                nn.InstanceNorm2d(after, affine=True),
                nn.ReLU(),
            ]
        layers += [_Residual(widths[-1]) for _ in range(blocks)]
        for level in reversed(range(levels)):
            layers += [
                nn.Upsample(scale_factor=2.0, mode="nearest"),
                _convolved(widths[level + 1], widths[level]),
            ]
        layers.append(nn.Conv2d(widths[0], channels, 7, padding=3))
        self.layers = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        raw: Tensor = self.layers(images)
        return raw


class Generator(nn.Module):
    """Images N×C×H×W in [0, 1] to perturbations δ of norm at most ε: all of it differentiable.

    A universal generator looks at a fixed pattern, drawn from the recipe's seed, instead of the
    image; its one δ is handed to every image.
    """

    pattern: Tensor

    def __init__(self, recipe: GapRecipe, shape: tuple[int, int, int]) -> None:
        super().__init__()
        channels, height, width = shape
        self.recipe = recipe
        self.levels = _levels(min(height, width), 2 if recipe.network == "resnet" else 4)
        kind = ResNetGenerator if recipe.network == "resnet" else UNet
        self.network = kind(channels, recipe.width, self.levels)
        drawn = torch.rand(
            (1, *shape), generator=torch.Generator().manual_seed(recipe.seed), dtype=torch.float32
        )
        self.register_buffer("pattern", drawn if recipe.form == "universal" else None)

    def forward(self, images: Tensor) -> Tensor:
        seen = images if self.recipe.form == "image-dependent" else self.pattern
        raw = torch.tanh(self._padded(2 * seen - 1)).to(images)
        return within(raw, self.recipe.norm, self.recipe.epsilon).expand_as(images)

    def _padded(self, images: Tensor) -> Tensor:
        step = 2**self.levels
        height, width = images.shape[2:]
        below, right = -height % step, -width % step
        raw: Tensor = self.network(F.pad(images, (0, right, 0, below), mode="replicate"))
        return raw[:, :, :height, :width]


def within(raw: Tensor, norm: str, epsilon: float) -> Tensor:
    """Each sample scaled down to norm ε where it is larger; inside autograd.

    (The published code of Xu et al. scales through `.data`, so that its generator never learns of
    the budget.)
    """
    length = (linf_norms(raw) if norm == "linf" else l2_norms(raw)).to(raw)
    scale = epsilon / length.clamp_min(epsilon)
    return raw * scale[:, None, None, None]


def _levels(side: int, most: int) -> int:
    levels = 0
    while levels < most and side // 2 ** (levels + 1) >= _LEAST_SIDE:
        levels += 1
    return levels


def _convolved(before: int, after: int, size: int = 3) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, size, padding=size // 2),
        nn.InstanceNorm2d(after, affine=True),
        nn.ReLU(),
    )


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _convolved(width, width),
            nn.Conv2d(width, width, 3, padding=1),
            nn.InstanceNorm2d(width, affine=True),
        )

    def forward(self, maps: Tensor) -> Tensor:
        changed: Tensor = maps + self.body(maps)
        return changed
