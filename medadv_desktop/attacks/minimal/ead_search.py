"""The elastic-net attack's optimisation. Every sample has its own clock, constant and round."""

from __future__ import annotations

import torch
from torch import Tensor

from medadv_desktop.attacks.attack import AttackResult
from medadv_desktop.attacks.landscape import Point
from medadv_desktop.attacks.minimal.constant_search import (
    ConstantSearch,
    Stagnation,
    through_all_rounds,
)
from medadv_desktop.attacks.minimal.ead import ElasticNet
from medadv_desktop.attacks.minimal.margins import margin_at
from medadv_desktop.attacks.minimal.nearest import Nearest, within_budget
from medadv_desktop.attacks.norm_balls import l1_norms, l2_norms
from medadv_desktop.attacks.session import Session


def shrunk(moved: Tensor, originals: Tensor, beta: float) -> Tensor:
    """S_β of the paper, eq. 5: changes drawn in by β, those within it undone; within [0, 1]."""
    delta = moved - originals
    outside = delta.abs() > beta
    return torch.where(outside, (moved - beta * delta.sign()).clamp(0, 1), originals)


class _Optimisation:
    """The samples still at work, and where they are.

    Attributes:
        rows: n places in the batch.
        now: n×C×H×W: x of the paper; `ahead`: its y, where the gradient is taken.
        clock: n: steps of the present round.
    """

    def __init__(self, session: Session, attack: ElasticNet, clean: Point) -> None:
        self.session, self.attack = session, attack
        self.landscape = session.landscape
        self.rows = session.rows[~clean.achieved]
        self.originals = session.originals[self.rows]
        self.now, self.ahead = self.originals.clone(), self.originals.clone()
        self.clock = torch.zeros_like(self.rows)
        self.constants = ConstantSearch(clean.loss, attack.initial_constant, attack.constants)
        self.stagnation = Stagnation(clean.loss, attack.steps)
        self.hit = torch.zeros_like(clean.achieved)

    def step(self, found: Nearest) -> None:
        """One gradient at y, one look at the new x; ended rounds begin anew."""
        attack, rows = self.attack, self.rows
        loss, gradient = self._at_y()
        left = (1 - self.clock.double() / attack.steps).sqrt()
        size = (attack.step_size * left).to(gradient)[:, None, None, None]
        before = self.now
        self.now = shrunk(self.ahead - size * gradient, self.originals, attack.beta)
        self.ahead = self.now
        if attack.momentum:
            clock = self.clock.to(gradient)[:, None, None, None]
            self.ahead = self.now + clock / (clock + 3) * (self.now - before)
        found.steps[rows] += 1
        self._consider(found)
        over = self.clock + 1 >= attack.steps
        if attack.abort_early:
            over |= self.stagnation.of(rows, self.clock, loss)
        self.clock += 1
        if over.any():
            self._next_round(over)

    def _at_y(self) -> tuple[Tensor, Tensor]:
        """n: the whole loss at y; n×C×H×W: the gradient of its smooth part, c·hinge + ‖δ‖₂²."""
        constant, delta = self.constants.value[self.rows], self.ahead - self.originals
        point = self.landscape.at(self.ahead, self.rows, climbing=True)
        margin = margin_at(self.landscape, point, self.rows)
        hinge = (self.attack.confidence - margin.value).clamp_min(0)
        weight = torch.where(hinge > 0, constant, 0)[:, None]
        gradient = self.landscape.pulled_back(point, -weight * margin.slope, self.rows)
        elastic = l2_norms(delta).square() + self.attack.beta * l1_norms(delta)
        return constant * hinge + elastic, gradient + 2 * delta

    def _consider(self, found: Nearest) -> None:
        point = self.landscape.at(self.now, self.rows)
        delta = self.now - self.originals
        distance = l1_norms(delta)
        if self.attack.decision == "elastic-net":
            distance = self.attack.beta * distance + l2_norms(delta).square()
        margin = margin_at(self.landscape, point, self.rows)
        reached = point.achieved & (margin.value >= self.attack.confidence)
        found.consider(point, self.rows, distance, reached)
        self.hit[self.rows] |= reached

    def _next_round(self, over: Tensor) -> None:
        ended = self.rows[over]
        more = self.constants.settle(ended, self.hit[ended])
        self.stagnation.forget(ended)
        self.hit[ended] = False
        keep = over[:, None, None, None]
        self.now = torch.where(keep, self.originals, self.now)
        self.ahead = torch.where(keep, self.originals, self.ahead)
        self.clock[over] = 0
        stay = ~over
        stay[over] = more
        if not stay.all():
            self.rows, self.clock = self.rows[stay], self.clock[stay]
            self.originals = self.originals[stay]
            self.now, self.ahead = self.now[stay], self.ahead[stay]


def search(session: Session, attack: ElasticNet) -> AttackResult:
    """Run the attack on a batch."""
    clean = session.landscape.at(session.originals, session.rows)
    found = Nearest.before(clean)
    at_work = _Optimisation(session, attack, clean)
    through_all_rounds(session, at_work, found, attack.steps * attack.constants)
    lengths = l1_norms(found.adversarial - session.originals)
    return found.result(session, within_budget(lengths, attack.epsilon))
