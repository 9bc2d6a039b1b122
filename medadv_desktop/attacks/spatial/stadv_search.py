"""Bilinear sampling along a flow, its smoothness, and the optimisation of stAdv."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from medadv_desktop.attacks.attack import AttackResult
from medadv_desktop.attacks.landscape import Point
from medadv_desktop.attacks.minimal.margins import margin_at
from medadv_desktop.attacks.minimal.row_adam import RowAdam
from medadv_desktop.attacks.session import Session
from medadv_desktop.attacks.spatial.stadv import SpatialAttack


def warped(images: Tensor, flow: Tensor) -> Tensor:
    """Sample images along a flow, bilinearly: pixel (i, j) comes from (i + flow₀, j + flow₁).

    Args:
        images: n×C×H×W.
        flow: n×2×H×W in pixels, down and right; places outside are clamped to the border.

    Differentiable in the flow. A flow of zero gives the image itself, to the bit.
    """
    height, width = images.shape[2:]
    down = torch.arange(height, device=images.device).to(images)[:, None]
    right = torch.arange(width, device=images.device).to(images)
    row = (flow[:, 0] + down).clamp(0, height - 1)
    column = (flow[:, 1] + right).clamp(0, width - 1)
    top = row.detach().floor().clamp(max=max(height - 2, 0))
    left = column.detach().floor().clamp(max=max(width - 2, 0))
    lower, further = (row - top)[:, None], (column - left)[:, None]
    next_row, next_column = (top + 1).clamp(max=height - 1), (left + 1).clamp(max=width - 1)
    flat = images.flatten(2)

    def taken(r: Tensor, c: Tensor) -> Tensor:
        place = (r * width + c).long().flatten(1)[:, None].expand(-1, flat.shape[1], -1)
        return flat.gather(2, place).view_as(images)

    upper_edge = torch.lerp(taken(top, left), taken(top, next_column), further)
    lower_edge = torch.lerp(taken(next_row, left), taken(next_row, next_column), further)
    return torch.lerp(upper_edge, lower_edge, lower)


def roughness(flow: Tensor) -> Tensor:
    """n: √(Δu² + Δv²) over all pairs of neighbours, each counted from both sides (eq. 4)."""
    total = flow.new_zeros(len(flow))
    for axis in (2, 3):
        square = flow.diff(dim=axis).square().sum(1)
        # The root has no slope at 0, where neighbours move together.
        length = torch.where(square > 0, square, 1).sqrt() * (square > 0)
        total = total + 2 * length.sum((1, 2))
    return total


@dataclass(eq=False)
class _Smoothest:
    """The result so far, for all N samples.

    Attributes:
        score: N float64: where the goal is reached, the roughness of the flow, else −margin.
    """

    adversarial: Tensor
    logits: Tensor
    score: Tensor
    success: Tensor
    steps: Tensor

    @classmethod
    def on(cls, clean: Point) -> _Smoothest:
        """The clean images; one that reaches the goal is the smoothest there is."""
        return cls(
            adversarial=clean.images.detach().clone(),
            logits=clean.logits.detach().clone(),
            score=torch.where(clean.achieved, 0, torch.inf).double(),
            success=clean.achieved.clone(),
            steps=torch.zeros_like(clean.achieved, dtype=torch.int64),
        )

    def consider(self, point: Point, rows: Tensor, rough: Tensor, margin: Tensor) -> None:
        """A success before a failure; then the smoother flow, or the larger margin."""
        score = torch.where(point.achieved, rough.double(), -margin)
        had = self.success[rows]
        better = (point.achieved & ~had) | ((point.achieved == had) & (score < self.score[rows]))
        taken = rows[better]
        self.adversarial[taken] = point.images.detach()[better]
        self.logits[taken] = point.logits.detach()[better]
        self.score[taken] = score[better]
        self.success[taken] = point.achieved[better]


def search(session: Session, attack: SpatialAttack) -> AttackResult:
    """Run stAdv on a batch."""
    landscape, rows = session.landscape, session.rows
    point = clean = landscape.at(session.originals, rows, climbing=True)
    found = _Smoothest.on(clean)
    flow = torch.zeros_like(session.originals[:, :1]).repeat(1, 2, 1, 1)
    adam = RowAdam(flow, attack.step_size)
    for step in range(1, attack.steps + 1):
        session.token.check()
        stay = ~(found.success[rows] & attack.stop_when_beaten)
        if not stay.any():
            break
        gradient = _slope(session, attack, point, flow, rows)
        if not stay.all():
            rows, flow, gradient = rows[stay], flow[stay], gradient[stay]
            adam.keep(stay)
        flow = _held(flow - adam.step(gradient), attack.max_displacement)
        images = warped(session.originals[rows], flow).clamp_(0, 1)
        point = landscape.at(images, rows, climbing=step < attack.steps)
        found.steps[rows] += 1
        found.consider(point, rows, roughness(flow), margin_at(landscape, point, rows).value)
        first = images if int(rows[0]) == 0 else found.adversarial
        session.report(step, attack.steps, first, found.success)
    session.progress(attack.steps, attack.steps, found.success)
    return session.result(clean, found.adversarial, found.logits, found.success, found.steps)


def _slope(
    session: Session, attack: SpatialAttack, point: Point, flow: Tensor, rows: Tensor
) -> Tensor:
    """n×2×H×W: ∂(L_adv + τ·L_flow)/∂flow."""
    margin = margin_at(session.landscape, point, rows)
    pushing = (margin.value < attack.confidence) | ~point.achieved
    slope = torch.where(pushing[:, None], -margin.slope, 0)
    pulled = session.landscape.pulled_back(point, slope, rows)
    flow = flow.detach().requires_grad_()
    shifted, rough = warped(session.originals[rows], flow), roughness(flow)
    weights = torch.full_like(rough, attack.smoothness)
    (gradient,) = torch.autograd.grad([shifted, rough], flow, [pulled, weights])
    return gradient


def _held(flow: Tensor, longest: float) -> Tensor:
    """Every displacement at most `longest` pixels."""
    length = torch.linalg.vector_norm(flow, dim=1, keepdim=True)
    return flow * torch.where(length > longest, longest / length, 1)
