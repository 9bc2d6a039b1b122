"""The walk of the Boundary attack (boundary.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from medadv_desktop.attacks.attack import AttackResult
from medadv_desktop.attacks.decisions.asking import Decisions, first_found, to_the_boundary
from medadv_desktop.attacks.norm_balls import l2_norms
from medadv_desktop.attacks.scores.looking import Streams
from medadv_desktop.attacks.session import Session

if TYPE_CHECKING:
    from medadv_desktop.attacks.decisions.boundary import Boundary

CHECK_EVERY = 10
ADAPTATION = 1.5
CONVERGED = 1e-7
COARSE_HALVINGS = 4
"""For every first image found: a walk as slow as this one should begin at the nearest."""

HALVINGS = 10
"""For that one: the walk itself goes the rest of the way."""


def search(session: Session, attack: Boundary) -> AttackResult:
    """Attack the batch: one look per step at every sample, and every tenth step a second one."""
    decisions = Decisions(session, "l2", attack.queries)
    streams = Streams(session)
    rows = session.rows[~decisions.clean]
    rows = first_found(session, decisions, streams, rows, keep=HALVINGS, halvings=COARSE_HALVINGS)
    walk = _Walk(session, attack, decisions, streams, rows)
    steps = torch.zeros_like(decisions.clean, dtype=torch.int64)
    step = 0
    while True:
        rows = walk.going_on(rows)
        if len(rows) == 0:
            break
        session.token.check()
        step += 1
        walk.advance(rows, check=step % CHECK_EVERY == 0)
        steps[rows] += 1
        walk.report()
    limit = attack.queries
    session.progress(limit, limit, decisions.distance.isfinite())
    return decisions.result(steps, attack.epsilon)


class _Rate:
    """How often the last so many trials of each sample went well."""

    def __init__(self, samples: int, length: int, device: torch.device) -> None:
        self.length = length
        self.trials = torch.zeros(samples, dtype=torch.int64, device=device)
        self.ring = torch.zeros(samples, length, dtype=torch.bool, device=device)

    def add(self, rows: Tensor, well: Tensor) -> None:
        self.ring[rows, self.trials[rows] % self.length] = well
        self.trials[rows] += 1

    def outside(self, rows: Tensor, low: float, high: float) -> tuple[Tensor, Tensor]:
        """n bool twice: full and below `low`, full and above `high`; these begin anew."""
        full = self.trials[rows] >= self.length
        share = self.ring[rows].double().mean(1)
        below, above = full & (share < low), full & (share > high)
        self.trials[rows[below | above]] = 0
        return below, above


class _Walk:
    """Where each sample stands, and how far it steps."""

    def __init__(
        self,
        session: Session,
        attack: Boundary,
        decisions: Decisions,
        streams: Streams,
        rows: Tensor,
    ) -> None:
        self.session = session
        self.attack = attack
        self.decisions = decisions
        self.streams = streams
        self.images = session.originals.clone()
        nearest = decisions.nearest[rows]
        self.images[rows] = to_the_boundary(session, decisions, nearest, rows, HALVINGS)
        samples, device = len(session.originals), session.originals.device
        self.around = torch.full((samples,), attack.spherical_step).to(self.images)
        self.inwards = torch.full((samples,), attack.source_step).to(self.images)
        self.on_sphere = _Rate(samples, 100, device)
        self.whole = _Rate(samples, 30, device)

    def going_on(self, rows: Tensor) -> Tensor:
        """The rows with looks left whose steps have not become too short to matter."""
        return rows[(self.decisions.left(rows) >= 2) & (self.inwards[rows] >= CONVERGED)]

    def advance(self, rows: Tensor, *, check: bool) -> None:
        """One step of each row; with `check`, step lengths are adapted."""
        sphere, inside = self._proposals(rows)
        achieved = self.decisions.ask(inside, rows)
        closer = self.decisions.far(inside, rows) < self.decisions.far(self.images[rows], rows)
        kept = achieved & closer
        self.images[rows[kept]] = inside[kept]
        if check:
            self.on_sphere.add(rows, self.decisions.ask(sphere, rows))
            self.whole.add(rows, achieved)
            self._adapt(rows)

    def report(self) -> None:
        self.session.report(
            int(self.session.landscape.queries.max()),
            self.attack.queries,
            self.decisions.nearest,
            self.decisions.distance.isfinite(),
        )

    def _proposals(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """A point on the sphere through where a sample stands, and one a little inwards of it."""
        originals, images = self.session.originals[rows], self.images[rows]
        back = originals - images
        distance = _as_factor(l2_norms(back), images)
        unit = back / distance
        noise = self.streams.normal(rows, [1] * len(rows), images.shape[1:]).to(images)
        noise = noise - (noise * unit).sum((1, 2, 3), keepdim=True) * unit
        noise = noise / _as_factor(l2_norms(noise), images) * distance
        around = self.around[rows][:, None, None, None]
        sphere = originals + (around * noise - back) / (around**2 + 1).sqrt()
        sphere = sphere.clamp_(0, 1)
        inner = originals - sphere
        length = _as_factor(l2_norms(inner), images)
        # Clamping has brought the point off the sphere: the step makes up for it.
        step = self.inwards[rows][:, None, None, None] * distance + length - distance
        inside = sphere + (step.clamp(min=0) / length) * inner
        return sphere, inside.clamp_(0, 1)

    def _adapt(self, rows: Tensor) -> None:
        """Half of the points on the sphere should do, and every sixth or so step inwards."""
        curved, flat = self.on_sphere.outside(rows, 0.2, 0.5)
        change = torch.where(flat, ADAPTATION, torch.where(curved, 1 / ADAPTATION, 1.0))
        self.around[rows] *= change.to(self.around)
        self.inwards[rows] *= change.to(self.inwards)
        short, long = self.whole.outside(rows, 0.1, 0.25)
        change = torch.where(long, ADAPTATION, torch.where(short, 1 / ADAPTATION, 1.0))
        self.inwards[rows] *= change.to(self.inwards)


def _as_factor(lengths: Tensor, images: Tensor) -> Tensor:
    """n×1×1×1 in the images' type; never 0, for an image may coincide with its original."""
    tiny = torch.finfo(images.dtype).tiny
    return lengths.to(images).clamp(min=tiny)[:, None, None, None]
