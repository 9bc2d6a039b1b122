"""Tiny diagnostic models made by hand for the tests of the attacks."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from medadv_desktop.models.card import ModelCard, Preprocessing
from medadv_desktop.models.diagnostic import DiagnosticModel

SIDE = 8


def card_of(
    classes: int, *, thresholds: tuple[float, ...] = (), channels: int = 3, side: int = SIDE
) -> ModelCard:
    """A card for tests; with thresholds, of a multi-label model."""
    return ModelCard(
        id="tiny",
        name="Tiny",
        architecture="compact-resnet",
        task="multi-label" if thresholds else "single-label",
        classes=tuple(f"class {i}" for i in range(classes)),
        thresholds=thresholds,
        preprocessing=Preprocessing(height=side, width=side, channels=channels),
        mean=(0.5,),
        std=(0.25,),
        weights="tiny.safetensors",
    )


def convolutional(
    classes: int = 3,
    *,
    thresholds: tuple[float, ...] = (),
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
    smooth: bool = False,
) -> DiagnosticModel:
    """Convolution, batch norm with statistics of its own, in-place ReLU, dropout, linear head."""
    activation: nn.Module = nn.Tanh() if smooth else nn.ReLU(inplace=True)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1),
            nn.BatchNorm2d(8),
            activation,
            nn.Conv2d(8, 6, 3, stride=2),
            nn.Flatten(),
            nn.Dropout(0.5),
            nn.Linear(54, classes),
        )
        normalisation = network[1]
        assert isinstance(normalisation, nn.BatchNorm2d)
        normalisation.running_mean = torch.randn(8) / 4
        normalisation.running_var = torch.rand(8) + 0.5
    model = DiagnosticModel(network, card_of(classes, thresholds=thresholds))
    return model.to(dtype).eval()


def linear(
    weights: Tensor, bias: Tensor, *, thresholds: tuple[float, ...] = (), channels: int = 1
) -> DiagnosticModel:
    """logits = weights · image + bias: K×(C·8·8) and K, on the [0, 1] scale of the image."""
    head = nn.Linear(weights.shape[1], weights.shape[0]).to(weights)
    with torch.no_grad():
        head.weight.copy_(weights)
        head.bias.copy_(bias)
    card = card_of(len(weights), thresholds=thresholds, channels=channels)
    plain = ModelCard(**card.model_dump() | {"mean": (0.0,), "std": (1.0,)})
    return DiagnosticModel(nn.Sequential(nn.Flatten(), head), plain).eval()


def random_images(
    count: int, *, channels: int = 3, seed: int = 1, dtype: torch.dtype = torch.float64
) -> Tensor:
    """Uniform in [0, 1], with some pixels at the two ends."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(count, channels, SIDE, SIDE, generator=generator, dtype=dtype)
    return (1.2 * images - 0.1).clamp(0, 1)


def decided(model: DiagnosticModel, images: Tensor) -> Tensor:
    """The clean decisions, as labels."""
    with torch.no_grad():
        return model.decisions(model(images))
