"""A small network and a batch to try objectives on."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from medadv_desktop.defenses.objectives.base_loss import BaseLoss, Criterion
from medadv_desktop.defenses.objectives.lesson import Draws, Lesson

SIDE = 6


class Tiny(nn.Module):
    """Convolution, batch norm, a smooth activation, pooling, a head: all that a network has."""

    def __init__(self, outputs: int = 3) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.head = nn.Linear(4, outputs)

    def forward(self, images: Tensor) -> Tensor:
        maps = torch.nn.functional.softplus(self.norm(self.convolution(images)))
        logits: Tensor = self.head(maps.mean((2, 3)) * 4)
        return logits


def lesson(
    *, multi_label: bool = False, seed: int = 0, batch: int = 0, dtype: torch.dtype = torch.float64
) -> Lesson:
    """Eight images of three classes or findings, a network in train mode."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = Tiny().to(dtype).train()
        images = torch.rand(8, 1, SIDE, SIDE, dtype=dtype)
        labels = torch.randint(0, 3, (8,))
        if multi_label:
            labels = torch.randint(0, 2, (8, 3)).to(dtype)
    return Lesson(
        network=network,
        images=images,
        labels=labels,
        multi_label=multi_label,
        criterion=Criterion(BaseLoss(), multi_label),
        draws=Draws(seed, batch, 0, 8, 8),
    )


def state(network: nn.Module) -> list[Tensor]:
    """Copies of all weights and statistics."""
    return [value.clone() for value in network.state_dict().values()]
