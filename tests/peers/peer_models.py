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


def spots(classes: int) -> Tensor:
    """classes×12×12: a bright spot at one place for each."""
    y, x = torch.meshgrid(*[torch.arange(SIDE, dtype=torch.float64)] * 2, indexing="ij")
    return torch.stack([(-((y - v) ** 2 + (x - u) ** 2) / 8).exp() for v, u in CENTRES[:classes]])


def blobs(
    count: int, seed: int, *, classes: int = 5, findings: bool = False
) -> tuple[Tensor, Tensor]:
    """A bright spot in noise, whose place is the class; or spots at some places, the findings."""
    generator = torch.Generator().manual_seed(seed)
    shape = (count, classes) if findings else (count,)
    labels = torch.randint(0, 2 if findings else classes, shape, generator=generator)
    noise = torch.rand(count, 1, SIDE, SIDE, generator=generator, dtype=torch.float64)
    strength = 0.1 + 0.25 * torch.rand(count, 1, 1, 1, generator=generator, dtype=torch.float64)
    where = labels.double() if findings else F.one_hot(labels, classes).double()
    bright = torch.einsum("nk,kyx->nyx", where, spots(classes))[:, None]
    return 0.2 + 0.4 * noise + (strength * bright).clamp(max=0.4), labels


def trained_network(*, classes: int = 5, findings: bool = False) -> DiagnosticModel:
    """Float64, in eval mode; well under a second of training."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = nn.Sequential(
            nn.Conv2d(1, 8, 3),
            nn.ReLU(),
            nn.Conv2d(8, 12, 3, stride=2),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(192, classes),
        ).double()
    thresholds = (0.5,) * classes if findings else ()
    model = DiagnosticModel(network, card_of(classes, thresholds=thresholds, channels=1, side=SIDE))
    images, labels = blobs(512, 1, classes=classes, findings=findings)
    targets = labels.double() if findings else labels
    loss = F.binary_cross_entropy_with_logits if findings else F.cross_entropy
    optimizer = torch.optim.Adam(network.parameters(), lr=4e-3)
    for step in range(60):
        rows = slice(step % 4 * 128, (step % 4 + 1) * 128)
        optimizer.zero_grad()
        loss(model(images[rows]), targets[rows]).backward()
        optimizer.step()
    model.eval().requires_grad_(False)
    return model


def train() -> Trained:
    """Train on 512 images; each sample lies at a distance of its own from the border."""
    model = trained_network()
    images, labels = blobs(96, 2)
    right = (decided(model, images) == labels).nonzero().flatten()[:64]
    assert len(right) == 64
    return Trained(model, images[right].contiguous(), labels[right])
