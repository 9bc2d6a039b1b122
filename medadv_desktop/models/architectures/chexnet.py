"""CheXNet (Rajpurkar et al., 2017, arXiv 1711.05225): DenseNet-121 with one output per finding.

The paper's final sigmoid is left out: a diagnostic model gives logits.
"""

from __future__ import annotations

from torch import nn

from medadv_desktop.models.architectures.torchvision_models import torchvision_network
from medadv_desktop.models.card import ModelCard

# The order of the published label vectors of ChestX-ray14 (Wang et al., CVPR 2017).
FINDINGS = (
    "Atelectasis",
    "Cardiomegaly",
    "Effusion",
    "Infiltration",
    "Mass",
    "Nodule",
    "Pneumonia",
    "Pneumothorax",
    "Consolidation",
    "Edema",
    "Emphysema",
    "Fibrosis",
    "Pleural_Thickening",
    "Hernia",
)


def build(card: ModelCard) -> nn.Module:
    """No options beyond those of torchvision's `densenet121`."""
    return torchvision_network("densenet121", card)
