"""Inception v3 (Szegedy et al., CVPR 2016), 299×299, as torchvision builds it.

The auxiliary head is kept where the checkpoint has it; it plays no part in evaluation.
"""

from __future__ import annotations

from torch import nn

from medadv_desktop.models.architectures.torchvision_models import (
    TRAINING_ONLY,
    torchvision_network,
)
from medadv_desktop.models.card import ModelCard

__all__ = ["TRAINING_ONLY", "build"]


def build(card: ModelCard) -> nn.Module:
    """Options: `aux_logits` (bool), `transform_input` (bool: torchvision's ImageNet weights)."""
    return torchvision_network("inception_v3", card)
