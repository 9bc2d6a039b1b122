"""Feature squeezing: how far a model's answer moves when fine detail is taken from the image."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from medadv_desktop.models.diagnostic import DiagnosticModel

BITS: Final = 5
WINDOW: Final = 3


def fewer_bits(images: Tensor, bits: int = BITS) -> Tensor:
    """N×C×H×W in [0, 1] rounded to 2^bits levels, 0 and 1 among them."""
    levels = 2**bits - 1
    found: Tensor = (images * levels).round() / levels
    return found


def median(images: Tensor, window: int = WINDOW) -> Tensor:
    """N×C×H×W, each pixel the median of the window×window around it (odd), mirrored at borders."""
    reach = window // 2
    padded = functional.pad(images, (reach, reach, reach, reach), mode="reflect")
    parts = padded.unfold(2, window, 1).unfold(3, window, 1)
    return parts.flatten(4).median(dim=4).values


def squeezing_scores(model: DiagnosticModel, images: Tensor, logits: Tensor) -> Tensor:
    """N float64: the larger of ‖p(x) − p(squeezed x)‖₁ over both squeezers.

    Xu, Evans and Qi, NDSS 2018, equation 1 and joint detection by the maximum. The probabilities
    of a multi-label model are its findings' own.

    Args:
        images: N×C×H×W in [0, 1] on the model's device. logits: N×K, the model's answer to them.
    """
    before = model.probabilities(logits.double())
    scores = []
    with torch.no_grad():
        for squeezed in (fewer_bits(images), median(images)):
            after = model.probabilities(model(squeezed).double())
            scores.append((before - after).abs().sum(dim=1))
    return torch.stack(scores).amax(dim=0)
