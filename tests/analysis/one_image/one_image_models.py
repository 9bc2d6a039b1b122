"""Tiny networks, some of them made by hand so that their responses are known."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from medadv_desktop.models.card import ModelCard, Preprocessing
from medadv_desktop.models.diagnostic import DiagnosticModel
from medadv_desktop.models.outputs import OutputReading

SIDE = 16


def diagnostic(
    network: nn.Module,
    classes: int = 3,
    *,
    channels: int = 1,
    multi_label: bool = False,
    side: int = SIDE,
    single: bool = False,
    white_box: bool = True,
) -> DiagnosticModel:
    """A network behind a card whose normalisation changes nothing."""
    card = ModelCard(
        id="tiny",
        name="Tiny",
        architecture="compact-resnet",
        task="multi-label" if multi_label else "single-label",
        classes=tuple(f"class {i}" for i in range(classes)),
        thresholds=(0.5,) * classes if multi_label else (),
        preprocessing=Preprocessing(height=side, width=side, channels=channels),
        weights="tiny.safetensors",
    )
    reading = OutputReading(single=single)
    return DiagnosticModel(network, card, reading=reading, white_box=white_box).double().eval()


def convolutional(classes: int = 3, *, seed: int = 0, smooth: bool = False) -> DiagnosticModel:
    """Convolutions, in-place activations, pooling over all places, a linear head."""

    def act() -> nn.Module:
        return nn.Softplus() if smooth else nn.ReLU(inplace=True)

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            act(),
            nn.Conv2d(4, 6, 3, stride=2, padding=1),
            act(),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Linear(24, classes),
        )
    return diagnostic(network, classes)


class LesionReader(nn.Module):
    """Looks at nothing but what is brighter than `border`: a phantom's lesion.

    `bright` gives max(x − border, 0); the logits are (0, its sum over the image).
    """

    def __init__(self, border: float = 0.5) -> None:
        super().__init__()
        self.bright = nn.Sequential(nn.Conv2d(1, 1, 1), nn.ReLU())
        with torch.no_grad():
            self.bright[0].weight.fill_(1)
            self.bright[0].bias.fill_(-border)

    def forward(self, x: Tensor) -> Tensor:
        amount = self.bright(x).sum(dim=(1, 2, 3))
        return torch.stack((torch.zeros_like(amount), amount), dim=1)


def random_images(count: int = 1, *, channels: int = 1, seed: int = 0, side: int = SIDE) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, channels, side, side, generator=generator, dtype=torch.float64)
