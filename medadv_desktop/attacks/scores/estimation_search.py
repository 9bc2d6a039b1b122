"""The ascent of NES and SPSA (estimation.py)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from medadv_desktop.attacks.attack import AttackResult
from medadv_desktop.attacks.norm_balls import NORM_BALLS, NormBall
from medadv_desktop.attacks.scores.looking import Best, Streams, at_once
from medadv_desktop.attacks.session import Session

if TYPE_CHECKING:
    from medadv_desktop.attacks.scores.estimation import EstimatedAscent

Stride = Callable[[Tensor, Tensor, int], Tensor]
"""From the estimated slopes, n×C×H×W, their rows and the step from 1 to the way of a step."""

ADAM = (0.9, 0.999, 1e-12)
"""β₁, β₂ and the divisor's floor: lower than usual, for slopes of confident models are tiny."""


def search(session: Session, attack: EstimatedAscent) -> AttackResult:
    """Attack the batch: each step looks at the pairs, then at where it leads."""
    rows = session.rows
    clean = session.landscape.at(session.originals, rows)
    best = Best.of(clean)
    rows = best.standing(rows)
    ball = NORM_BALLS[attack.norm](attack.epsilon)
    stride = attack.stride(session, ball)
    streams, walk = Streams(session), session.originals.clone()
    for step in range(1, attack.steps + 1):
        session.token.check()
        if len(rows) == 0:
            break
        slope = estimate(session, attack, streams, walk[rows], rows)
        moved = walk[rows] + attack.effective_step_size * stride(slope, rows, step)
        walk[rows] = ball.project(moved, session.originals[rows])
        best.consider(session.landscape.at(walk[rows], rows), rows)
        best.steps[rows] += 1
        rows = best.standing(rows)
        session.report(step, attack.steps, best.adversarial, best.success)
    session.progress(attack.steps, attack.steps, best.success)
    return session.result(clean, best.adversarial, best.logits, best.success, best.steps)


def estimate(
    session: Session, attack: EstimatedAscent, streams: Streams, images: Tensor, rows: Tensor
) -> Tensor:
    """n×C×H×W: mean over the pairs of (L(x⁺) − L(x⁻)) / 2σ · (x⁺ − x⁻) / 2σ.

    x± = x ± σu, held within [0, 1]: there x⁺ − x⁻ is shorter than 2σu, and says so.
    """
    sigma, shape = attack.sigma, images.shape[1:]
    draw = streams.normal if attack.noise == "normal" else streams.signs
    most = at_once(2 * len(rows), shape)
    slope = torch.zeros_like(images)
    for first in range(0, attack.pairs, most):
        session.token.check()
        many = min(most, attack.pairs - first)
        noise = draw(rows, [many] * len(rows), shape).view(len(rows), many, *shape)
        offset = sigma * noise.to(images)
        plus = (images[:, None] + offset).clamp_(0, 1)
        minus = (images[:, None] - offset).clamp_(0, 1)
        both = torch.cat([plus, minus]).flatten(0, 1)
        owners = rows.repeat_interleave(many).repeat(2)
        rise, fall = session.landscape.at(both, owners).loss.view(2, len(rows), many)
        weights = ((rise - fall) / (2 * sigma)).to(images)
        slope += torch.einsum("nk,nkchw->nchw", weights, (plus - minus) / (2 * sigma))
    return slope / attack.pairs


class MeanDirection:
    """The direction of a running mean of slopes."""

    def __init__(self, session: Session, ball: NormBall, momentum: float) -> None:
        self.mean = torch.zeros_like(session.originals)
        self.ball = ball
        self.momentum = momentum

    def __call__(self, slope: Tensor, rows: Tensor, step: int) -> Tensor:
        del step
        self.mean[rows] = self.momentum * self.mean[rows] + (1 - self.momentum) * slope
        return self.ball.direction(self.mean[rows])


class Adam:
    """Kingma and Ba, ICLR 2015, algorithm 1, upwards; in l2 scaled to length 1."""

    def __init__(self, session: Session, ball: NormBall, *, of_length_one: bool) -> None:
        self.first = torch.zeros_like(session.originals)
        self.second = torch.zeros_like(session.originals)
        self.ball = ball
        self.of_length_one = of_length_one

    def __call__(self, slope: Tensor, rows: Tensor, step: int) -> Tensor:
        early, late, floor = ADAM
        self.first[rows] = early * self.first[rows] + (1 - early) * slope
        self.second[rows] = late * self.second[rows] + (1 - late) * slope**2
        mean = self.first[rows] / (1 - early**step)
        spread = (self.second[rows] / (1 - late**step)).sqrt()
        stride = mean / (spread + floor)
        return self.ball.direction(stride) if self.of_length_one else stride
