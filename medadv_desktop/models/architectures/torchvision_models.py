"""The classification networks of torchvision, by its own names, with a head for the card's classes.

Source: torchvision.models; each docstring there names the paper.
"""

from __future__ import annotations

from torch import nn
from torchvision import models

from medadv_desktop.models.card import ModelCard

# Heads that only training uses; a checkpoint may come without them, or with another class count.
TRAINING_ONLY = ("AuxLogits", "aux1", "aux2")
_WITH_INITIALISATION = ("inception_v3", "googlenet")


def build(card: ModelCard) -> nn.Module:
    """The network named by `card.architecture`; its options are torchvision's own arguments.

    Raises:
        TypeError: an option that the network does not take.
    """
    return torchvision_network(card.architecture, card)


def torchvision_network(name: str, card: ModelCard) -> nn.Module:
    """torchvision's network `name`, for the channels and outputs of a card, with random weights.

    Raises:
        TypeError: an option that the network does not take.
        ValueError: an option out of its range.
    """
    options = dict(card.architecture_options)
    if name in _WITH_INITIALISATION:
        # Theirs draws every weight from a truncated normal: seconds for numbers that nobody uses.
        options.setdefault("init_weights", False)
        options.setdefault("aux_logits", True)
        options.setdefault("transform_input", False)
    network: nn.Module = models.get_model(
        name, weights=None, num_classes=card.output_count, **options
    )
    if card.preprocessing.channels != 3:
        _replace_first_convolution(network, card.preprocessing.channels)
    return network


def _replace_first_convolution(network: nn.Module, channels: int) -> None:
    name, first = next((name, m) for name, m in network.named_modules() if isinstance(m, nn.Conv2d))
    parent, _, own = name.rpartition(".")
    replacement = nn.Conv2d(
        channels,
        first.out_channels,
        first.kernel_size,  # type: ignore[arg-type]
        first.stride,  # type: ignore[arg-type]
        first.padding,  # type: ignore[arg-type]
        bias=first.bias is not None,
    )
    setattr(network.get_submodule(parent), own, replacement)
