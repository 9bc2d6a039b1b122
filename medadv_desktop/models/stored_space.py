"""A perturbation of the model input, carried back to the stored values of the source. No torch.

The way there is not one to one: the model sees a resampled, windowed part of the frame. What is
written is the perturbation, spread over the pixels it came from and in their units; whether the
written image still deceives the model is for the caller to find out, by predicting it again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.errors import ModelError
from medadv_desktop.imaging.frame import Frame
from medadv_desktop.models.input_plan import InputPlan


@dataclass(frozen=True, eq=False)
class CarriedBack:
    """Attacked stored values, and what was lost on the way.

    Attributes:
        stored: of the frame's shape and type.
        resampled: heights and widths of the model's grid and of the pixels it came from.
        clipped: values that the bit depth cut off.
        rounded_away: values that were to change by less than half a step and did not.
        beyond_window: values that change where the model sees none of it, for they lie and stay
            outside of its grey scale.
        kept_from_padding: values that had to stop short of the padding value.
    """

    stored: NDArray[np.generic]
    resampled: tuple[tuple[int, int], tuple[int, int]]
    clipped: int
    rounded_away: int
    beyond_window: int
    kept_from_padding: int

    @property
    def description(self) -> str:
        """For Derivation Description and reports, one or two sentences."""
        (height, width), (rows, columns) = self.resampled
        text = (
            f"Perturbation of a model input of {height} x {width} pixels, resampled bilinearly to "
            f"{rows} x {columns} pixels, added to the stored values and rounded."
        )
        losses = [
            f"{count} {what}"
            for count, what in (
                (self.clipped, "clipped to the bit depth"),
                (self.rounded_away, "rounded away"),
                (self.beyond_window, "beyond the model's grey scale"),
                (self.kept_from_padding, "kept from the padding value"),
            )
            if count
        ]
        return f"{text} Values {', '.join(losses)}." if losses else text


def perturbed_stored(
    frame: Frame, plan: InputPlan, delta: NDArray[np.floating]
) -> NDArray[np.generic]:
    """The stored values of `carried_back`."""
    return carried_back(frame, plan, delta).stored


def carried_back(frame: Frame, plan: InputPlan, delta: NDArray[np.floating]) -> CarriedBack:
    """Add a perturbation of the model input to the frame's stored values.

    δ is turned where the plan inverts, resampled bilinearly from the model's grid into the part of
    the frame that the model saw (averaged where the model's grid is the finer one), brought from
    the grey scale [0, 1] into modality values and from there into stored ones, added, rounded to
    whole values and clipped to the bit depth. Where grey scale or modality transform is a table or
    a sigmoid, the value is looked for that the curve maps to the perturbed grey value. Padding
    pixels stay as they are, and no pixel becomes one. A grey frame under a model of three channels
    takes their mean; a colour frame under a grey model takes δ in all three.

    Args:
        frame: the source.
        plan: how it became the model input.
        delta: C×H×W, adversarial minus original model input.

    Raises:
        ModelError: δ is not of the plan's shape, or a modality table turns back on itself, so that
            no stored value belongs to a modality value.
    """
    change = np.asarray(delta, dtype=np.float64)
    if change.shape != (plan.channels, *plan.crop[2:]):
        raise ModelError(
            f"a perturbation of shape {change.shape} is not of a model input of "
            f"{(plan.channels, *plan.crop[2:])}",
            subject=frame.provenance.path,
        )
    moved = _on_the_frame(change, frame, plan)
    stored = frame.stored.astype(np.float64)
    mask = frame.padding_mask()
    if mask is not None:
        moved = np.where(mask, 0.0, moved)
    wanted = np.where(moved == 0, stored, stored + _in_stored_units(stored, moved, frame, plan))
    rounded = np.rint(wanted) if frame.stored.dtype.kind in "iu" else wanted
    low, high = frame.value_range if frame.stored.dtype.kind in "iu" else (-np.inf, np.inf)
    kept = np.clip(rounded, low, high)
    beside = _beside_padding(kept, stored, frame, mask)
    return CarriedBack(
        stored=beside.astype(frame.stored.dtype),
        resampled=_grids(frame, plan),
        clipped=int((rounded != kept).sum()),
        rounded_away=int(((moved != 0) & (rounded == stored)).sum()),
        beyond_window=_unseen(stored, kept, frame, plan),
        kept_from_padding=int((beside != kept).sum()),
    )


def _on_the_frame(delta: NDArray[np.float64], frame: Frame, plan: InputPlan) -> NDArray[np.float64]:
    """δ in the grey scale before inversion, H×W or H×W×3 of the frame, 0 where none was seen."""
    if plan.inverted:
        delta = -delta
    if not frame.is_color:
        delta = delta.mean(axis=0, keepdims=True)
    top, left, height, width = plan.region(frame.shape)
    down = _weights(frame.shape[0], top, height, delta.shape[1])
    across = _weights(frame.shape[1], left, width, delta.shape[2])
    moved = np.stack([down @ channel @ across.T for channel in delta], axis=-1)
    if not frame.is_color:
        return np.asarray(moved[..., 0])
    return np.broadcast_to(moved, frame.stored.shape)


def _weights(size: int, start: float, extent: float, count: int) -> NDArray[np.float64]:
    """size×count weights of a triangle filter: pixels of the frame from pixels of the model.

    Rows sum to 1 within the extent and are 0 outside of it.
    """
    place = (np.arange(size) + 0.5 - start) * count / extent
    support = max(count / extent, 1.0)
    distance = np.abs(place[:, None] - (np.arange(count) + 0.5)[None])
    weights = np.clip(1 - distance / support, 0, None)
    inside = (place >= 0) & (place <= count)
    total = weights.sum(axis=1)
    weights[~inside] = 0
    weights[inside] /= total[inside, None]
    return weights


def _in_stored_units(
    stored: NDArray[np.float64], moved: NDArray[np.float64], frame: Frame, plan: InputPlan
) -> NDArray[np.float64]:
    """What has to be added to stored values so that their grey values move by `moved`."""
    by = frame.modality
    span = plan.high - plan.low
    if plan.curve is None and by.lut is None:
        return moved * (span / by.slope)
    modality = by.apply(stored)
    if plan.curve is None:
        change = moved * span
    else:
        grey = plan.grey(modality)
        change = plan.modality_of(np.clip(grey + moved, 0, 1)) - plan.modality_of(grey)
    if by.lut is None:
        return change / by.slope
    if not by.lut.is_monotonic:
        raise ModelError(
            "its modality table turns back on itself: a perturbation cannot be carried back",
            subject=frame.provenance.path,
            remedy="Export the model input as PNG or NPZ instead",
        )
    return by.lut.input_of(modality + change) - by.lut.input_of(modality)


def _beside_padding(
    values: NDArray[np.float64],
    stored: NDArray[np.float64],
    frame: Frame,
    mask: NDArray[np.bool_] | None,
) -> NDArray[np.float64]:
    """Values that would now read as padding, put beside it, on the side they came from."""
    if mask is None or frame.padding is None:
        return values
    low, high = frame.padding
    fallen = (values >= low) & (values <= high) & ~mask
    whole = frame.stored.dtype.kind in "iu"
    sides = np.where(stored < low, low - 1, high + 1) if whole else stored
    return np.where(fallen, sides, values)


def _unseen(
    stored: NDArray[np.float64], changed: NDArray[np.float64], frame: Frame, plan: InputPlan
) -> int:
    before, after = (plan.grey(frame.modality.apply(v)) for v in (stored, changed))
    return int(((stored != changed) & (before == after)).sum())


def _grids(frame: Frame, plan: InputPlan) -> tuple[tuple[int, int], tuple[int, int]]:
    top, left, height, width = plan.region(frame.shape)
    bottom, right = min(top + height, frame.shape[0]), min(left + width, frame.shape[1])
    return plan.crop[2:], (round(bottom - max(top, 0)), round(right - max(left, 0)))
