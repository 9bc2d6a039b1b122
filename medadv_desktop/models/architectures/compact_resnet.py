"""A small residual network, enough for phantoms, quick enough for a CPU."""

from __future__ import annotations

from torch import Tensor, nn

from medadv_desktop.models.card import ModelCard


class Block(nn.Module):
    """Two 3×3 convolutions around a shortcut (He et al., CVPR 2016, basic block)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU()
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.norm1(self.conv1(x)))
        result: Tensor = self.relu(self.norm2(self.conv2(out)) + self.shortcut(x))
        return result


class CompactResNet(nn.Module):
    """A stem to a quarter of the side, three stages, global average pooling, one linear head.

    Args:
        channels: of the input.
        classes: number of logits.
        width: channels after the stem; the stages have 1, 2 and 4 times as many.
    """

    def __init__(self, channels: int, classes: int, width: int = 32) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(channels, width // 2, 3, 2, 1, bias=False),
            nn.BatchNorm2d(width // 2),
            nn.ReLU(),
            nn.Conv2d(width // 2, width, 3, 2, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
        )
        self.stage1 = Block(width, width, 2)
        self.stage2 = Block(width, 2 * width, 2)
        self.stage3 = Block(2 * width, 4 * width, 2)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.head = nn.Linear(4 * width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """N×C×H×W, normalised, to N×K logits."""
        x = self.stage3(self.stage2(self.stage1(self.stem(x))))
        logits: Tensor = self.head(self.flatten(self.pool(x)))
        return logits


def build(card: ModelCard) -> nn.Module:
    """The network of a card; option `width` (int)."""
    options = dict(card.architecture_options)
    width = int(options.pop("width", 32))
    if options:
        raise TypeError(f"unknown: {', '.join(options)}; known: width")
    return CompactResNet(card.preprocessing.channels, card.output_count, width)
