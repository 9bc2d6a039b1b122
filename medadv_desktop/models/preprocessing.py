"""From stored values to model input, differentiably: an `InputPlan` carried out in torch."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from medadv_desktop.imaging.frame import Frame
from medadv_desktop.models.input_plan import InputPlan

# ITU-R BT.601, as in the conversions of Pillow and OpenCV.
_LUMA = (0.299, 0.587, 0.114)


class InputPath(nn.Module):
    """Stored values of one frame to model input.

    Grey scale (rescale slope and intercept, window, inversion), then geometry (bilinear with
    antialiasing, crop or black border), then channels. Every step has a gradient; beyond the
    window it is zero, as the network would never see a change there.
    """

    def __init__(self, plan: InputPlan, slope: float = 1.0, intercept: float = 0.0) -> None:
        super().__init__()
        self.plan = plan
        self.slope = slope
        self.intercept = intercept

    def forward(self, stored: Tensor) -> Tensor:
        """N×c×h×w stored values, floating point, to N×C×H×W in [0, 1]; c is 1 or 3."""
        plan = self.plan
        grey = (stored * self.slope + self.intercept - plan.low) / (plan.high - plan.low)
        grey = grey.clamp(0, 1)
        if plan.inverted:
            grey = 1 - grey
        if tuple(grey.shape[-2:]) != plan.resized:
            grey = F.interpolate(
                grey, plan.resized, mode="bilinear", align_corners=False, antialias=True
            ).clamp(0, 1)
        return _channels(_crop(grey, plan.crop), plan.channels)


def _crop(images: Tensor, crop: tuple[int, int, int, int]) -> Tensor:
    top, left, height, width = crop
    have_height, have_width = images.shape[-2:]
    if (top, left, height, width) == (0, 0, have_height, have_width):
        return images
    # Negative padding cuts; positive padding adds the black border.
    return F.pad(images, (-left, left + width - have_width, -top, top + height - have_height))


def _channels(images: Tensor, channels: int) -> Tensor:
    if images.shape[1] == channels:
        return images
    if channels == 3:
        return images.repeat(1, 3, 1, 1)
    luma = images.new_tensor(_LUMA).view(1, 3, 1, 1)
    return (images * luma).sum(dim=1, keepdim=True)


def stored_tensor(frame: Frame) -> Tensor:
    """The frame's stored values as 1×c×h×w float32, c = 1 (grey) or 3 (colour)."""
    values = torch.from_numpy(np.ascontiguousarray(frame.stored.astype(np.float32)))
    return values.permute(2, 0, 1)[None] if frame.is_color else values[None, None]


def model_input(frame: Frame, plan: InputPlan) -> Tensor:
    """1×C×H×W float32 in [0, 1], on the CPU."""
    path = InputPath(plan, frame.modality.slope, frame.modality.intercept)
    with torch.no_grad():
        result: Tensor = path(stored_tensor(frame))
    return result.contiguous()
