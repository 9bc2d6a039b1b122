"""The one loop behind every attack that climbs the gradient of the loss.

Each step is one forward and one backward pass over the samples that are still in the batch. Success
is read from the step's own forward pass, so a result is what the model said of exactly that image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from medadv_desktop.attacks.attack import AttackResult
from medadv_desktop.attacks.bounded import Norm
from medadv_desktop.attacks.gradient.expectation import Expectation
from medadv_desktop.attacks.landscape import Landscape, Point
from medadv_desktop.attacks.norm_balls import NORM_BALLS, NormBall
from medadv_desktop.attacks.session import Session


@dataclass(frozen=True)
class Ascent:
    """How to climb.

    Attributes:
        norm, epsilon, step_size: ball and step, in units of the [0, 1] grey scale.
        steps, restarts: `steps` for each of `restarts` tries.
        random_start: from a uniform point of the ball, else from the image itself.
        stop_when_beaten: a sample leaves when the objective is achieved.
        keep: of the images met by a sample that never achieves it, the one of largest loss (the
            clean one included), or the last one.
        decay: μ of the momentum that gradients are gathered in; None for none.
        draws: looks that a step averages over, for networks that draw random numbers.
    """

    norm: Norm
    epsilon: float
    step_size: float
    steps: int
    random_start: bool
    restarts: int
    stop_when_beaten: bool
    keep: Literal["best", "last"]
    decay: float | None = None
    draws: int = 1


@dataclass(eq=False)
class Found:
    """The result so far, for all N samples: the one thing that a search changes."""

    adversarial: Tensor
    logits: Tensor
    loss: Tensor
    success: Tensor
    steps: Tensor

    @classmethod
    def on(cls, clean: Point) -> Found:
        """Nothing yet but the clean images, which may achieve the objective already."""
        return cls(
            adversarial=clean.images.detach().clone(),
            logits=clean.logits.detach().clone(),
            loss=clean.loss.clone(),
            success=clean.achieved.clone(),
            steps=torch.zeros_like(clean.achieved, dtype=torch.int64),
        )

    def consider(self, point: Point, rows: Tensor) -> None:
        """Keep the point where it achieves the objective for the first time, or is worse."""
        had = self.success[rows]
        better = (point.achieved & ~had) | (
            (point.achieved == had) & (point.loss > self.loss[rows])
        )
        taken = rows[better]
        self.adversarial[taken] = point.images.detach()[better]
        self.logits[taken] = point.logits.detach()[better]
        self.loss[taken] = point.loss[better]
        self.success[taken] = point.achieved[better]


class _Search:
    """One run of the loop over one batch."""

    def __init__(self, session: Session, ascent: Ascent) -> None:
        self.session = session
        self.landscape: Landscape | Expectation = session.landscape
        if ascent.draws > 1:
            self.landscape = Expectation(session, ascent.draws)
        self.originals = session.originals
        self.ascent = ascent
        self.ball: NormBall = NORM_BALLS[ascent.norm](ascent.epsilon)
        self.flat = False

    def run(self) -> tuple[Point, Found]:
        """The clean point, and what was found."""
        ascent, session = self.ascent, self.session
        rows = session.rows
        clean = self.landscape.at(self.originals, rows, climbing=not ascent.random_start)
        found = Found.on(clean)
        if not ascent.stop_when_beaten:
            found.success.fill_(False)
        if ascent.keep == "last":
            found.loss.fill_(-torch.inf)
        point = clean
        for restart in range(ascent.restarts):
            if ascent.random_start:
                rows = rows[self._staying(found, rows)]
                if len(rows) == 0:
                    break
                point = self._random_point(rows, restart)
                if ascent.keep == "best":
                    found.consider(point, rows)
            self._climb(point, rows, found, restart)
        total = ascent.steps * ascent.restarts
        session.progress(total, total, found.success)
        return clean, found

    def _random_point(self, rows: Tensor, restart: int) -> Point:
        generators = self.session.generators(rows, restart)
        start = self.ball.start(self.originals[rows], generators)
        return self.landscape.at(start, rows, climbing=True)

    def _climb(self, point: Point, rows: Tensor, found: Found, restart: int) -> None:
        ascent = self.ascent
        momentum = None if ascent.decay is None else torch.zeros_like(self.originals)
        for step in range(1, ascent.steps + 1):
            self.session.token.check()
            stay = self._staying(found, rows)
            if not stay.any():
                return
            gradient = self.landscape.gradient(point, rows)
            self.flat = self.flat or warn_of_flatness(self.session, gradient)
            rows, images, gradient = rows[stay], point.images.detach()[stay], gradient[stay]
            if momentum is not None:
                gradient = self._gathered(gradient, momentum, rows)
            moved = images + self.ball.step(gradient, images, ascent.step_size)
            images = self.ball.project(moved, self.originals[rows])
            last = step == ascent.steps
            point = self.landscape.at(images, rows, climbing=not last)
            found.steps[rows] += 1
            if last or ascent.keep == "best":
                found.consider(point, rows)
            self._report(restart, step, point, rows, found)

    def _gathered(self, gradient: Tensor, momentum: Tensor, rows: Tensor) -> Tensor:
        """g ← μ·g + ∇L / mean |∇L|, kept in `momentum`, N×C×H×W (Dong et al. 2018, eq. 6)."""
        assert self.ascent.decay is not None
        length = gradient.abs().mean((1, 2, 3), keepdim=True)
        fresh = gradient / torch.where(length > 0, length, 1)
        gathered = fresh + momentum[rows] * self.ascent.decay
        momentum[rows] = gathered
        return gathered

    def _staying(self, found: Found, rows: Tensor) -> Tensor:
        beaten = found.success[rows]
        return ~beaten if self.ascent.stop_when_beaten else torch.ones_like(beaten)

    def _report(self, restart: int, step: int, point: Point, rows: Tensor, found: Found) -> None:
        done, total = restart * self.ascent.steps + step, self.ascent.steps * self.ascent.restarts
        # The first sample as it moves, also where an earlier image of it was of larger loss.
        moving = point.images if int(rows[0]) == 0 else found.adversarial
        self.session.report(done, total, moving, found.success)


def ascend(session: Session, ascent: Ascent) -> AttackResult:
    """Attack a batch by gradient ascent on the loss."""
    clean, found = _Search(session, ascent).run()
    return session.result(clean, found.adversarial, found.logits, found.success, found.steps)


def warn_of_flatness(session: Session, gradient: Tensor) -> bool:
    """Tell of samples whose gradient, n×…, is zero; whether there were any."""
    flat = (gradient == 0).flatten(1).all(1)
    if flat.any():
        session.warn(
            f"the gradient is zero for {int(flat.sum())} of {len(flat)} samples: there the "
            "attack sees no direction, and its failure is no proof of robustness"
        )
    return bool(flat.any())
