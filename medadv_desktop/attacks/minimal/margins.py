"""The margin of an objective at a point, with its slope: what minimal attacks push past zero."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from medadv_desktop.attacks.landscape import Landscape, Point


@dataclass(frozen=True, eq=False)
class Margin:
    """How far n points lie past the border of the goal.

    Attributes:
        value: n float64, in logits; negative: not reached.
        slope: n×K float64: ∂value/∂logits.
    """

    value: Tensor
    slope: Tensor


def margin_at(landscape: Landscape, point: Point, rows: Tensor) -> Margin:
    """The objective's margin (`Objective.margin`) at a point, taken in float64."""
    wide = point.logits.detach().double()
    labels = landscape.labels[rows]
    with torch.enable_grad():
        wide.requires_grad_()
        value = landscape.objective.margin(wide, labels, landscape.model.cutoffs)
        (slope,) = torch.autograd.grad(value.sum(), wide)
    return Margin(value.detach(), slope)
