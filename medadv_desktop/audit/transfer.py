"""A perturbation crafted on one model's input, carried over to another's."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from medadv_desktop.models.input_plan import InputPlan


def transferred(
    delta: torch.Tensor, source: InputPlan, target: InputPlan, frame_shape: tuple[int, int]
) -> tuple[torch.Tensor, tuple[str, ...]]:
    """δ as the other model's input would show it: same place in the frame, same grey values.

    Where both plans are the same it is returned as it is. Otherwise it is resampled bilinearly in
    frame coordinates (nothing outside the region the first model saw) and rescaled by the ratio of
    the two grey scales.

    Args:
        delta: 1×C×H×W, on the input of the model with the plan `source`.
        target: plan of the other model, for the same frame.
        frame_shape: height and width of the frame.

    Returns:
        1×C'×H'×W' and the notes that a reader of the result needs.
    """
    if source == target:
        return delta, ()
    height, width = target.crop[2:]
    rows = _coordinates(height, target, source, frame_shape, axis=0)
    columns = _coordinates(width, target, source, frame_shape, axis=1)
    grid = torch.stack(torch.meshgrid(rows, columns, indexing="ij")[::-1], dim=-1)
    grid = grid.to(delta)[None]
    moved = F.grid_sample(delta, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    moved = moved * ((source.high - source.low) / (target.high - target.low))
    if source.inverted != target.inverted:
        moved = -moved
    if moved.shape[1] != target.channels:
        moved = moved.mean(dim=1, keepdim=True).repeat(1, target.channels, 1, 1)
    return moved, (
        "it prepares its input differently: the perturbation was resampled to it, which can weaken "
        "it",
    )


def _coordinates(
    count: int, target: InputPlan, source: InputPlan, frame_shape: tuple[int, int], axis: int
) -> torch.Tensor:
    """Centres of the target's pixels along one axis, in the source's [-1, 1]."""
    start, extent = target.region(frame_shape)[axis], target.region(frame_shape)[axis + 2]
    in_frame = start + (torch.arange(count, dtype=torch.float64) + 0.5) * extent / count
    start, extent = source.region(frame_shape)[axis], source.region(frame_shape)[axis + 2]
    return (in_frame - start) / extent * 2 - 1
