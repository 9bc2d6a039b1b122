"""The climb of APGD: one forward and one backward pass a step, like PGD's, with a memory.

Croce and Hein 2020, algorithm 1, and Croce and Hein 2021, algorithm 2, for l1. The checkpoints are
those of the authors' code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from medadv_desktop.attacks.attack import AttackResult
from medadv_desktop.attacks.gradient.apgd import APGD
from medadv_desktop.attacks.gradient.ascent import Found, warn_of_flatness
from medadv_desktop.attacks.landscape import Point
from medadv_desktop.attacks.norm_balls import NORM_BALLS, NormBall, free_gradient
from medadv_desktop.attacks.objectives import Targeted
from medadv_desktop.attacks.objectives.losses import past_borders, targeted_dlr
from medadv_desktop.attacks.session import Session

INERTIA = 0.25
"""Share of the last move in the next one (1 − α of algorithm 1)."""

RISING = 0.75
"""ρ: the share of steps since the checkpoint that must have raised the loss."""

FIRST_SHARE = 0.2
"""l1: of all entries, those of the first steps."""

Slopes = Callable[[Point, Tensor], tuple[Tensor, Tensor]]
"""Losses, n, and their slopes by the logits, n×K, of the images of `rows`."""


@dataclass(frozen=True)
class _Phase:
    """A climb in one ball."""

    radius: float
    steps: int


@dataclass(frozen=True, eq=False)
class _Climbers:
    """The samples that are climbing, n of them; every field has n rows.

    Attributes:
        rows: which samples of the batch.
        images, before: where they stand and stood, n×C×H×W.
        gradient: at `images`.
        loss: n float64, of the last step's image.
        best, best_gradient, best_loss: the best point since the start.
        step: n×1×1×1, its length.
        rises: steps since the checkpoint that raised the loss.
        checked: best loss at the last checkpoint; `halved`: the step was halved there.
        share, entries: l1, the share of entries that a step moves, and how many had moved.
    """

    rows: Tensor
    images: Tensor
    before: Tensor
    gradient: Tensor
    loss: Tensor
    best: Tensor
    best_gradient: Tensor
    best_loss: Tensor
    step: Tensor
    rises: Tensor
    checked: Tensor
    halved: Tensor
    share: Tensor
    entries: Tensor

    def only(self, kept: Tensor) -> _Climbers:
        """Those of the rows where `kept`, n bool."""
        if kept.all():
            return self
        return _Climbers(**{f.name: getattr(self, f.name)[kept] for f in fields(self)})


class _Search:
    """One run over one batch."""

    def __init__(self, session: Session, attack: APGD) -> None:
        self.session = session
        self.landscape = session.landscape
        self.originals = session.originals
        self.attack = attack
        self.sparse = attack.norm == "l1"
        self.phases = _phases(attack)
        self.flat = False
        self.done = 0
        self.total = 0
        self.taken = torch.zeros_like(session.rows)

    def run(self) -> tuple[Point, Found]:
        """The clean point, and what was found."""
        session, attack = self.session, self.attack
        clean = self.landscape.at(self.originals, session.rows)
        found = Found.on(clean)
        ways = list(self._ways(clean))
        self.total = attack.restarts * len(ways) * attack.steps
        for place in range(attack.restarts * len(ways)):
            session.token.check()
            self.done = place * attack.steps
            if found.success.all():
                break
            self._climb(found, ways[place % len(ways)], place)
        session.progress(self.total, self.total, found.success)
        found.steps = self.taken
        return clean, found

    def _ways(self, clean: Point) -> Iterator[Slopes]:
        """The losses to climb, one after the other."""
        attack, objective = self.attack, self.landscape.objective
        if attack.loss == "objective":
            yield lambda point, rows: (point.loss, point.slope)  # noqa: ARG005 - has it already
        elif attack.loss in ("margin", "shortfall", "dlr"):
            yield self._by_margin
        elif isinstance(objective, Targeted):
            yield self._towards(torch.full_like(self.landscape.labels, objective.target))
        else:
            borders = past_borders(
                clean.logits.detach(), self.landscape.labels, self.landscape.model.cutoffs
            )
            others = int(borders.isfinite().sum(1).max())
            nearest = borders.argsort(dim=1, descending=True, stable=True)
            for place in range(min(attack.targets, others)):
                yield self._towards(nearest[:, place])

    def _by_margin(self, point: Point, rows: Tensor) -> tuple[Tensor, Tensor]:
        logits = point.logits.detach().double().requires_grad_()
        landscape, objective = self.landscape, self.landscape.objective
        measure = objective.shortfall if self.attack.loss == "shortfall" else objective.margin
        loss = measure(logits, landscape.labels[rows], landscape.model.cutoffs)
        if self.attack.loss == "dlr":
            ordered = logits.sort(1, descending=True).values
            loss = loss / (ordered[:, 0] - ordered[:, 2]).clamp_min(1e-12)
        return _with_slope(loss, logits)

    def _towards(self, targets: Tensor) -> Slopes:
        """Eq. 7 for the class of each sample, N; or past the border of that class or finding."""
        by_ratio = self.attack.loss == "dlr-targeted"

        def slopes(point: Point, rows: Tensor) -> tuple[Tensor, Tensor]:
            logits = point.logits.detach().double().requires_grad_()
            labels, cutoffs = self.landscape.labels[rows], self.landscape.model.cutoffs
            if by_ratio:
                loss = targeted_dlr(logits, labels, targets[rows])
            else:
                borders = past_borders(logits, labels, cutoffs)
                loss = borders.gather(1, targets[rows, None])[:, 0]
            return _with_slope(loss, logits)

        return slopes

    def _climb(self, found: Found, way: Slopes, stream: int) -> None:
        rows = (~found.success).nonzero().flatten()
        first = NORM_BALLS[self.attack.norm](self.phases[0].radius)
        images = first.start(self.originals[rows], self.session.generators(rows, stream))
        for place, phase in enumerate(self.phases):
            ball = NORM_BALLS[self.attack.norm](phase.radius)
            inside = phase.radius <= self.attack.epsilon
            if place > 0:
                images = ball.project(images, self.originals[rows])
            rows, images = self._climb_in(ball, inside, phase, found, way, rows, images)
            if len(rows) == 0:
                return

    def _climb_in(
        self,
        ball: NormBall,
        inside: bool,
        phase: _Phase,
        found: Found,
        way: Slopes,
        rows: Tensor,
        images: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Rows that withstood, and their best images; what is not `inside` ε does not count."""
        climbers = self._placed(images, rows, way, ball, found if inside else None)
        checkpoints = _checkpoints(phase.steps, self.sparse)
        for step in range(phase.steps):
            self.session.token.check()
            if inside:
                climbers = climbers.only(~found.success[climbers.rows])
            if len(climbers.rows) == 0:
                break
            climbers = self._stepped(
                climbers, ball, way, found if inside else None, step, phase.steps
            )
            if step + 1 in checkpoints:
                span = step + 1 - checkpoints[step + 1]
                climbers = (self._sparser if self.sparse else self._halved)(climbers, ball, span)
            self._report(climbers, found)
        if inside:
            climbers = climbers.only(~found.success[climbers.rows])
        return climbers.rows, climbers.best

    def _placed(
        self, images: Tensor, rows: Tensor, way: Slopes, ball: NormBall, found: Found | None
    ) -> _Climbers:
        """At the start of a climb, looked at."""
        point, loss, gradient = self._look(images, rows, way)
        if found is not None:
            found.consider(point, rows)
        images = point.images.detach()
        entries = _changed(images, self.originals[rows])
        share = torch.full_like(loss, FIRST_SHARE)
        if ball.epsilon != self.phases[0].radius:
            share = entries / images[0].numel() / 1.5
        else:
            entries = torch.full_like(entries, images[0].numel())
        length = ball.epsilon if self.sparse else 2 * ball.epsilon
        return _Climbers(
            rows=rows,
            images=images,
            before=images,
            gradient=gradient,
            loss=loss,
            best=images,
            best_gradient=gradient,
            best_loss=loss,
            step=images.new_full((len(rows), 1, 1, 1), length),
            rises=torch.zeros_like(rows),
            checked=loss,
            halved=torch.ones_like(rows, dtype=torch.bool),
            share=share,
            entries=entries,
        )

    def _stepped(
        self,
        at: _Climbers,
        ball: NormBall,
        way: Slopes,
        found: Found | None,
        step: int,
        steps: int,
    ) -> _Climbers:
        originals = self.originals[at.rows]
        if self.sparse:
            direction = _sparse_direction(free_gradient(at.gradient, at.images), at.share)
            images = ball.project(at.images + at.step * direction, originals)
        else:
            direction = ball.direction(at.gradient)
            images = ball.project(at.images + at.step * direction, originals)
            if step > 0:
                kept = (1 - INERTIA) * (images - at.images) + INERTIA * (at.images - at.before)
                images = ball.project(at.images + kept, originals)
        last = step + 1 == steps  # nobody goes on from there
        point, loss, gradient = self._look(images, at.rows, way, climbing=not last)
        images = point.images.detach()
        self.taken[at.rows] += 1
        if found is not None:
            found.consider(point, at.rows)
        better = loss > at.best_loss
        wide = better[:, None, None, None]
        return replace(
            at,
            images=images,
            before=at.images,
            gradient=gradient,
            loss=loss,
            best=torch.where(wide, images, at.best),
            best_gradient=torch.where(wide, gradient, at.best_gradient),
            best_loss=torch.where(better, loss, at.best_loss),
            rises=at.rises + (loss > at.loss),
        )

    def _halved(self, at: _Climbers, ball: NormBall, span: int) -> _Climbers:  # noqa: ARG002
        """Conditions 1 and 2 of sec. 3.2: half the step, from the best point, where it stalls."""
        few = at.rises < RISING * span
        stuck = ~at.halved & (at.best_loss <= at.checked)
        halved = few | stuck
        wide = halved[:, None, None, None]
        return replace(
            at,
            images=torch.where(wide, at.best, at.images),
            before=torch.where(wide, at.best, at.before),
            gradient=torch.where(wide, at.best_gradient, at.gradient),
            step=torch.where(wide, at.step / 2, at.step),
            rises=torch.zeros_like(at.rises),
            checked=at.best_loss,
            halved=halved,
        )

    def _sparser(self, at: _Climbers, ball: NormBall, span: int) -> _Climbers:  # noqa: ARG002
        """Fewer entries a step where the best point gets sparser, else shorter steps."""
        entries = _changed(at.best, self.originals[at.rows])
        sparser = entries < 0.95 * at.entries
        wide = sparser[:, None, None, None]
        shorter = (at.step / 1.5).clamp_min(ball.epsilon / 10)
        return replace(
            at,
            images=torch.where(wide, at.best, at.images),
            gradient=torch.where(wide, at.best_gradient, at.gradient),
            step=torch.where(wide, torch.full_like(at.step, ball.epsilon), shorter),
            share=entries / at.images[0].numel() / 1.5,
            entries=entries,
        )

    def _look(
        self, images: Tensor, rows: Tensor, way: Slopes, *, climbing: bool = True
    ) -> tuple[Point, Tensor, Tensor]:
        """The point, its loss by `way` and the gradient of that, up to a factor per sample."""
        point = self.landscape.at(images, rows, climbing=climbing)
        loss, slope = way(point, rows)
        if not climbing:
            return point, loss, torch.zeros_like(images)
        largest = slope.abs().amax(1, keepdim=True)
        scaled = slope / torch.where(largest > 0, largest, 1)
        gradient = self.landscape.pulled_back(point, scaled, rows)
        self.flat = self.flat or warn_of_flatness(self.session, gradient)
        return point, loss, gradient

    def _report(self, climbers: _Climbers, found: Found) -> None:
        self.done += 1
        rows = climbers.rows
        moving = climbers.images if len(rows) and int(rows[0]) == 0 else found.adversarial
        self.session.report(self.done, self.total, moving, found.success)


def climb_adaptively(session: Session, attack: APGD) -> AttackResult:
    """Attack a batch by APGD."""
    clean, found = _Search(session, attack).run()
    return session.result(clean, found.adversarial, found.logits, found.success, found.steps)


def _phases(attack: APGD) -> list[_Phase]:
    """One ball, or for l1 three that shrink, with 30, 30 and 40 % of the steps."""
    if attack.norm != "l1":
        return [_Phase(attack.epsilon, attack.steps)]
    early = int(0.3 * attack.steps)
    spans = (early, early, attack.steps - 2 * early)
    radii = (3 * attack.epsilon, 2 * attack.epsilon, attack.epsilon)
    return [_Phase(r, s) for r, s in zip(radii, spans, strict=True) if s]


def _checkpoints(steps: int, sparse: bool) -> dict[int, int]:
    """The steps after which is looked back, and the one before: after 22 % of all, then in spans
    that shrink by 3 % to no less than 6 %; for l1 every 4 %.
    """
    span = max(int((0.04 if sparse else 0.22) * steps), 1)
    shrink = 0 if sparse else max(int(0.03 * steps), 1)
    least = max(int(0.06 * steps), 1)
    spans, step = {}, 0
    while step + span <= steps:
        spans[step + span] = step
        step += span
        span = max(span - shrink, least) if shrink else span
    return spans


def _with_slope(loss: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
    (slope,) = torch.autograd.grad(loss.sum(), logits)
    return loss.detach(), slope


def _changed(images: Tensor, originals: Tensor) -> Tensor:
    """n float64: entries that differ, channels counted each."""
    return (images != originals).sum((1, 2, 3)).double()


def _sparse_direction(gradient: Tensor, share: Tensor) -> Tensor:
    """Equal changes, of norm 1 in l1, to the `share` (n) of entries that matter most."""
    flat = gradient.flatten(1)
    entries = flat.shape[1]
    place = ((1 - share) * entries).clamp(0, entries - 1).long()
    least = flat.abs().sort(1).values.gather(1, place[:, None])
    signs = torch.where(flat.abs() >= least, flat, 0).sign()
    return (signs / signs.abs().sum(1, keepdim=True).clamp(min=1)).view_as(gradient)
