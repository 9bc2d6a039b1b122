"""A small network that has learned something, for what can be told of no other."""

from __future__ import annotations

import functools
from typing import NamedTuple

import torch
from attack_models import card_of, decided
from torch import Tensor, nn
from torch.nn import functional as F

from medadv_desktop.models.diagnostic import DiagnosticModel


class Trained(NamedTuple):
    """A model in float64, N×3×8×8 images and N labels."""

    model: DiagnosticModel
    images: Tensor
    labels: Tensor


def faint_pattern(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Noise with a faint pattern of bright and dark blocks, or its negative: the two classes."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(2, (count,), generator=generator)
    blocks = torch.tensor([[1.0, -1, 1, 1], [-1, -1, 1, -1], [1, 1, -1, 1], [-1, 1, -1, -1]])
    pattern = blocks.double().repeat_interleave(2, 0).repeat_interleave(2, 1)
    noise = torch.rand(count, 3, 8, 8, generator=generator, dtype=torch.float64) - 0.5
    noise = noise - (noise * pattern).mean((1, 2, 3), keepdim=True) * pattern
    strength = 0.002 + 0.018 * torch.rand(count, 1, 1, 1, generator=generator, dtype=torch.float64)
    sign = (2.0 * labels - 1)[:, None, None, None]
    return (0.5 + 0.5 * noise + sign * strength * pattern), labels


@functools.cache
def trained() -> Trained:
    """A network of two classes, and 96 images that it decides rightly; do not write to them."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1), nn.Tanh(), nn.Flatten(), nn.Linear(256, 2)
        ).double()
    model = DiagnosticModel(network, card_of(2))
    images, labels = faint_pattern(512, 1)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for step in range(160):
        rows = slice(step % 4 * 128, (step % 4 + 1) * 128)
        optimizer.zero_grad()
        F.cross_entropy(model(images[rows]), labels[rows]).backward()
        optimizer.step()
    model.eval().requires_grad_(False)
    images, labels = faint_pattern(192, 2)
    right = (decided(model, images) == labels).nonzero().flatten()[:96]
    assert len(right) == 96
    return Trained(model, images[right].contiguous(), labels[right])
