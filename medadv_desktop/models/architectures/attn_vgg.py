"""AttnVGG: VGG16-BN with two attention blocks (Yan, Kawahara, Hamarneh, IPMI 2019).

"Melanoma Recognition via Visual Attention". The attention maps can be read as the layers
`attn1.map` (after pool3) and `attn2.map` (after pool4). Layers carry the names of the published
checkpoints.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from medadv_desktop.models.card import ModelCard

# VGG16, configuration D of Simonyan and Zisserman (ICLR 2015): channels of each block's layers.
_BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


class SoftmaxOverPlaces(nn.Module):
    """Softmax over the h×w places of an N×1×h×w map."""

    def forward(self, scores: Tensor) -> Tensor:
        return scores.flatten(1).softmax(dim=1).view_as(scores)


class AttentionBlock(nn.Module):
    """Weighs local features by their agreement with global ones (section 2, equation 1).

    Args:
        local_channels, global_channels: of the two inputs.
        hidden: channels in which they are compared.
        normalised: the map sums to one over its places, and the features are summed; else each
            place has its own sigmoid, and they are averaged.
    """

    def __init__(
        self, local_channels: int, global_channels: int, hidden: int = 256, normalised: bool = False
    ) -> None:
        super().__init__()
        self.normalised = normalised
        self.W_l = nn.Conv2d(local_channels, hidden, 1, bias=False)
        self.W_g = nn.Conv2d(global_channels, hidden, 1, bias=False)
        self.phi = nn.Conv2d(hidden, 1, 1)
        self.map: nn.Module = SoftmaxOverPlaces() if normalised else nn.Sigmoid()

    def forward(self, local: Tensor, whole: Tensor) -> tuple[Tensor, Tensor]:
        """N×c×h×w and N×C×H×W to the map, N×1×h×w, and the weighed features, N×c."""
        context = F.interpolate(
            self.W_g(whole), size=local.shape[-2:], mode="bilinear", align_corners=False
        )
        attention: Tensor = self.map(self.phi(F.relu(self.W_l(local) + context)))
        weighed = attention * local
        pooled = weighed.sum(dim=(2, 3)) if self.normalised else weighed.mean(dim=(2, 3))
        return attention, pooled


class AttnVGG(nn.Module):
    """VGG16-BN features, attention after pool3 and pool4, one linear head on 512+512+256 values.

    Args:
        channels: of the input.
        classes: number of logits.
        normalised: see `AttentionBlock`.

    Attributes:
        response_layer: whose maps class-activation maps weigh; what runs last are attention maps.
    """

    response_layer = "pool5"

    def __init__(self, channels: int, classes: int, normalised: bool = False) -> None:
        super().__init__()
        widths = (channels, *(block[-1] for block in _BLOCKS))
        self.conv_block1 = _block(widths[0], _BLOCKS[0])
        self.conv_block2 = _block(widths[1], _BLOCKS[1])
        self.conv_block3 = _block(widths[2], _BLOCKS[2])
        self.conv_block4 = _block(widths[3], _BLOCKS[3])
        self.conv_block5 = _block(widths[4], _BLOCKS[4])
        self.pool1 = nn.MaxPool2d(2)
        self.pool2 = nn.MaxPool2d(2)
        self.pool3 = nn.MaxPool2d(2)
        self.pool4 = nn.MaxPool2d(2)
        self.pool5 = nn.MaxPool2d(2)
        self.attn1 = AttentionBlock(256, 512, normalised=normalised)
        self.attn2 = AttentionBlock(512, 512, normalised=normalised)
        self.classify = nn.Linear(512 + 512 + 256, classes)

    def forward(self, x: Tensor) -> Tensor:
        """N×C×H×W, normalised, to N×K logits."""
        x = self.pool2(self.conv_block2(self.pool1(self.conv_block1(x))))
        pool3 = self.pool3(self.conv_block3(x))
        pool4 = self.pool4(self.conv_block4(pool3))
        pool5 = self.pool5(self.conv_block5(pool4))
        _, first = self.attn1(pool3, pool5)
        _, second = self.attn2(pool4, pool5)
        whole = pool5.mean(dim=(2, 3))
        logits: Tensor = self.classify(torch.cat((whole, first, second), dim=1))
        return logits


def _block(inputs: int, outputs: tuple[int, ...]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in outputs:
        layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
        inputs = width
    return nn.Sequential(*layers)


def build(card: ModelCard) -> nn.Module:
    """Option `normalised` (bool): attention maps that sum to one."""
    options = dict(card.architecture_options)
    normalised = bool(options.pop("normalised", False))
    if options:
        raise TypeError(f"unknown: {', '.join(options)}; known: normalised")
    return AttnVGG(card.preprocessing.channels, card.output_count, normalised)
