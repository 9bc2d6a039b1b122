"""From stored values to model input, differentiably: an `InputPlan` carried out in torch."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from medadv_desktop.imaging.frame import Frame
from medadv_desktop.imaging.lookup import LookupTable, ModalityLut, VoiLut
from medadv_desktop.models.input_plan import InputPlan
from medadv_desktop.models.tracing import CALLING

# ITU-R BT.601, as in the conversions of Pillow and OpenCV.
_LUMA = (0.299, 0.587, 0.114)


class InputPath(nn.Module):
    """Stored values of one frame to model input.

    Grey scale (rescale or modality table, window or VOI table, inversion, padding), then geometry
    (bilinear with antialiasing, crop or black border), then channels.

    Every step has a gradient with respect to the stored values. Beyond the window it is zero, as
    the network would never see a change there, and so it is at padding pixels, which are black
    whatever they hold. Tables are interpolated linearly between their whole inputs; at an entry the
    gradient is the step to the next one (at the last: from the one before), beyond the ends zero.

    Args:
        plan: what to do.
        slope, intercept: of the modality transform, where it is linear.
        lut: the modality table, where there is one.
        padding: h×w, True at the pixels of the frame that are none.
    """

    _padding: Tensor | None
    _modality: Tensor | None
    _voi: Tensor | None

    def __init__(
        self,
        plan: InputPlan,
        slope: float = 1.0,
        intercept: float = 0.0,
        *,
        lut: ModalityLut | None = None,
        padding: NDArray[np.bool_] | None = None,
    ) -> None:
        super().__init__()
        self.plan = plan
        self.slope = slope
        self.intercept = intercept
        self._first = lut.first if lut is not None else 0
        self.register_buffer("_modality", _entries(lut), persistent=False)
        voi = plan.curve if isinstance(plan.curve, VoiLut) else None
        self.register_buffer("_voi", _entries(voi), persistent=False)
        mask = None if padding is None or not padding.any() else torch.from_numpy(padding.copy())
        self.register_buffer("_padding", mask, persistent=False)

    def forward(self, stored: Tensor) -> Tensor:
        """N×c×h×w stored values, floating point, to N×C×H×W in [0, 1]; c is 1 or 3."""
        plan = self.plan
        grey = self._grey(stored)
        if plan.inverted:
            grey = 1 - grey
        if self._padding is not None:
            grey = grey.masked_fill(self._padding, 0)
        if tuple(grey.shape[-2:]) != plan.resized:
            grey = F.interpolate(
                grey, plan.resized, mode="bilinear", align_corners=False, antialias=True
            )
            grey = _held(grey, 0, 1)
        return _channels(_crop(grey, plan.crop), plan.channels)

    def _grey(self, stored: Tensor) -> Tensor:
        plan = self.plan
        if self._modality is not None:
            values = _look_up(self._modality, stored - self._first)
        else:
            values = stored * self.slope + self.intercept
        if isinstance(plan.curve, VoiLut):
            assert self._voi is not None
            return _look_up(self._voi, values - plan.curve.first) / plan.curve.top
        if plan.curve is not None:
            return torch.sigmoid(4 * (values - plan.curve.center) / plan.curve.width)
        return _held((values - plan.low) / (plan.high - plan.low), 0, 1)


def input_path(frame: Frame, plan: InputPlan) -> InputPath:
    """The path of a frame: its plan, its modality transform and its padding."""
    by = frame.modality
    return InputPath(plan, by.slope, by.intercept, lut=by.lut, padding=frame.padding_mask())


def _entries(table: LookupTable | None) -> Tensor | None:
    return None if table is None else torch.from_numpy(table.values.astype(np.float64))


def _held(values: Tensor, low: float, high: float) -> Tensor:
    """Values held within bounds, with a gradient on the bounds themselves.

    There `torch.clamp` has one in some releases and none in others; black and white pixels, which
    lie on them, can be changed inwards.
    """
    held = values.detach().clamp(low, high)
    return torch.where(held == values, values, held)


def _look_up(entries: Tensor, place: Tensor) -> Tensor:
    """Entries at places counted from the first, linear between, the ends held beyond."""
    last = len(entries) - 1
    entries = entries.to(place)
    if last == 0:
        return place * 0 + entries[0]
    inside = _held(place, 0, last)
    below = inside.detach().floor().clamp(max=last - 1).long()
    return entries[below] + (inside - below) * (entries[below + 1] - entries[below])


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
    """The frame's stored values as 1×c×h×w, c = 1 (grey) or 3 (colour).

    float32, or float64 where float32 cannot hold every value exactly.
    """
    wide = frame.stored.dtype.itemsize > 2 and frame.stored.dtype != np.float32
    values = torch.from_numpy(
        np.ascontiguousarray(frame.stored.astype(np.float64 if wide else np.float32))
    )
    return values.permute(2, 0, 1)[None] if frame.is_color else values[None, None]


def model_input(frame: Frame, plan: InputPlan) -> Tensor:
    """1×C×H×W float32 in [0, 1], on the CPU. Safe to call from any thread."""
    with CALLING, torch.no_grad():
        result: Tensor = input_path(frame, plan)(stored_tensor(frame))
    return result.float().contiguous()
