"""A small model that has learned something, for comparisons of attacks on trained networks."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from attack_models import card_of, decided
from torch import Tensor, nn
from torch.nn import functional as F

from medadv_desktop.models.diagnostic import DiagnosticModel

SIDE = 12
CENTRES = ((3, 3), (3, 8), (8, 3), (8, 8), (5.5, 5.5))


@dataclass(frozen=True)
class Trained:
    """A model and 64 images that it has not seen, all of which it decides rightly.

    Attributes:
        model: float64, in eval mode, five classes, 1×12×12.
        images, labels: 64×1×12×12 float64 and 64 int64.
    """

    model: DiagnosticModel
    images: Tensor
    labels: Tensor


def blobs(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """A bright spot at one of five places in noise; the place is the class."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, len(CENTRES), (count,), generator=generator)
    noise = torch.rand(count, 1, SIDE, SIDE, generator=generator, dtype=torch.float64)
    y, x = torch.meshgrid(*[torch.arange(SIDE, dtype=torch.float64)] * 2, indexing="ij")
    spots = torch.stack([(-((y - v) ** 2 + (x - u) ** 2) / 8).exp() for v, u in CENTRES])
    strength = 0.1 + 0.25 * torch.rand(count, 1, 1, 1, generator=generator, dtype=torch.float64)
    return 0.2 + 0.4 * noise + strength * spots[labels][:, None], labels


def train() -> Trained:
    """Train on 512 images; each sample lies at a distance of its own from the border."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = nn.Sequential(
            nn.Conv2d(1, 8, 3),
            nn.ReLU(),
            nn.Conv2d(8, 12, 3, stride=2),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(192, 5),
        ).double()
    model = DiagnosticModel(network, card_of(5, channels=1, side=SIDE))
    images, labels = blobs(512, 1)
    optimizer = torch.optim.Adam(network.parameters(), lr=4e-3)
    for step in range(60):
        rows = slice(step % 4 * 128, (step % 4 + 1) * 128)
        optimizer.zero_grad()
        F.cross_entropy(model(images[rows]), labels[rows]).backward()
        optimizer.step()
    model.eval().requires_grad_(False)
    images, labels = blobs(96, 2)
    right = (decided(model, images) == labels).nonzero().flatten()[:64]
    assert len(right) == 64
    return Trained(model, images[right].contiguous(), labels[right])
