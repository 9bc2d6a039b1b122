"""The walk of HopSkipJump (hopskipjump.py)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from medadv_desktop.attacks.attack import AttackResult
from medadv_desktop.attacks.decisions.asking import Decisions, first_found, to_the_boundary
from medadv_desktop.attacks.norm_balls import NORM_BALLS, l2_norms
from medadv_desktop.attacks.scores.looking import Streams, at_once
from medadv_desktop.attacks.session import Session

if TYPE_CHECKING:
    from medadv_desktop.attacks.decisions.hopskipjump import HopSkipJump

MOST_HALVINGS = 25
"""Of a step, and of a bisection: beyond it float32 images do not differ any more."""

FIRST_RADIUS = 0.1
"""Around the first image (published code of the authors)."""

COARSENESS = 16
"""The least radius in units of the number format's spacing, for each pixel."""


def search(session: Session, attack: HopSkipJump) -> AttackResult:
    """Attack the batch: samples that still have queries walk in step."""
    walk = _Walk(session, attack)
    rows = walk.begin()
    steps = torch.zeros_like(walk.decisions.clean, dtype=torch.int64)
    step = 0
    while len(rows):
        session.token.check()
        step += 1
        rows = walk.advance(rows, step)
        steps[rows] += 1
        rows = walk.going_on(rows)
        walk.report()
    limit = attack.queries
    session.progress(limit, limit, walk.decisions.distance.isfinite())
    return walk.decisions.result(steps, attack.epsilon)


class _Walk:
    """Where each sample stands: always on an image that achieves the objective."""

    def __init__(self, session: Session, attack: HopSkipJump) -> None:
        self.session = session
        self.attack = attack
        self.ball = NORM_BALLS[attack.norm](1)
        self.streams = Streams(session)
        self.decisions = Decisions(session, attack.norm, attack.queries)
        self.images = session.originals.clone()
        values = session.originals[0].numel()
        # θ of sec. III-C: how near to the boundary, as a share of the distance.
        self.theta = values**-1.5 if attack.norm == "l2" else values**-2.0
        self.halvings = min(MOST_HALVINGS, math.ceil(-math.log2(self.theta)))

    def begin(self) -> Tensor:
        """Find a first image of each sample on the boundary; the rows that have one."""
        rows = self.session.rows[~self.decisions.clean]
        rows = first_found(self.session, self.decisions, self.streams, rows, keep=self.halvings)
        self.images[rows] = self._bisected(self.decisions.nearest[rows], rows)
        self.report()
        return self.going_on(rows)

    def going_on(self, rows: Tensor) -> Tensor:
        """The rows with enough looks left for an estimate, a step and a bisection."""
        return rows[self.decisions.left(rows) >= self.halvings + 4]

    def advance(self, rows: Tensor, step: int) -> Tensor:
        """One iteration; the rows that took it."""
        images = self.images[rows]
        distance = self.decisions.far(images, rows)
        counts = self._counts(rows, step)
        normal = self._normal(images, rows, counts, self._radius(distance, step))
        length = distance / math.sqrt(step)
        moved, done = self._stepped(images, rows, self.ball.direction(normal), length)
        self.images[rows[done]] = self._bisected(moved[done], rows[done])
        return rows

    def report(self) -> None:
        limit = self.attack.queries
        decisions = self.decisions
        self.session.report(
            int(self.session.landscape.queries.max()),
            limit,
            decisions.nearest,
            decisions.distance.isfinite(),
        )

    def _counts(self, rows: Tensor, step: int) -> list[int]:
        """Samples of the estimate: as the paper says, or as the looks left allow."""
        wanted = int(self.attack.samples * math.sqrt(step))
        room = self.decisions.left(rows) - self.halvings - 2
        return [int(n) for n in room.clamp(max=wanted).tolist()]

    def _radius(self, distance: Tensor, step: int) -> Tensor:
        """δ of sec. III-C, in l2; no smaller than the number format can tell apart."""
        values = self.session.originals[0].numel()
        spacing = torch.finfo(self.session.originals.dtype).eps
        least = COARSENESS * spacing * math.sqrt(values)
        if step == 1:
            return torch.full_like(distance, FIRST_RADIUS)
        scale = math.sqrt(values) if self.attack.norm == "l2" else float(values)
        radius: Tensor = scale * self.theta * distance
        return radius.clamp(min=least)

    def _normal(self, images: Tensor, rows: Tensor, counts: list[int], radius: Tensor) -> Tensor:
        """Σ (φ_b − mean φ) u_b over the samples, φ = ±1 (eq. 16): n×C×H×W, up to a factor."""
        most = at_once(len(rows), images.shape[1:])
        plain, weighted = torch.zeros_like(images), torch.zeros_like(images)
        total = torch.zeros(len(rows)).to(images)
        for first in range(0, max(counts), most):
            now = [max(0, min(most, count - first)) for count in counts]
            owner = torch.arange(len(rows)).repeat_interleave(torch.tensor(now)).to(rows.device)
            offset, answers = self._around(images, rows, now, owner, radius.to(images))
            plain.index_add_(0, owner, offset)
            weighted.index_add_(0, owner, answers[:, None, None, None] * offset)
            total.index_add_(0, owner, answers)
        mean = total / torch.tensor(counts).to(total)
        # Where all answers are alike their mean is no base line (published code of the authors).
        base = torch.where(mean.abs() == 1, 0, mean)
        return weighted - base[:, None, None, None] * plain

    def _around(
        self, images: Tensor, rows: Tensor, counts: list[int], owner: Tensor, radius: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Random neighbours at a radius: Σcounts offsets, in units of it, and answers, ±1."""
        noise = self.streams.normal(rows, counts, images.shape[1:]).to(images)
        if self.attack.norm == "linf":
            # As if uniform in [−1, 1]: the normal distribution function of normal numbers.
            noise = torch.erf(noise / math.sqrt(2))
        noise /= l2_norms(noise).to(noise)[:, None, None, None]
        scale = radius[owner][:, None, None, None]
        near = (images[owner] + scale * noise).clamp_(0, 1)
        achieved = self.decisions.ask(near, rows[owner])
        return (near - images[owner]) / scale, torch.where(achieved, 1.0, -1.0).to(images)

    def _stepped(
        self, images: Tensor, rows: Tensor, direction: Tensor, length: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Go, halving the length until the objective is achieved: images, and n bool where it is.

        Leaves enough looks for the bisection.
        """
        moved, done = images.clone(), torch.zeros(len(rows), dtype=torch.bool, device=rows.device)
        length = length.to(images)
        for _ in range(MOST_HALVINGS):
            room = self.decisions.left(rows) > self.halvings
            active = (~done & room).nonzero()[:, 0]
            if len(active) == 0:
                break
            way = length[active, None, None, None] * direction[active]
            tried = (images[active] + way).clamp_(0, 1)
            achieved = self.decisions.ask(tried, rows[active])
            moved[active[achieved]] = tried[achieved]
            done[active[achieved]] = True
            length = length / 2
        return moved, done

    def _bisected(self, images: Tensor, rows: Tensor) -> Tensor:
        return to_the_boundary(self.session, self.decisions, images, rows, self.halvings)
