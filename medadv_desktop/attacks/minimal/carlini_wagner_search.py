"""Carlini and Wagner's optimisations. Every sample has its own clock, constant and round."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from medadv_desktop.attacks.attack import AttackResult
from medadv_desktop.attacks.landscape import Point
from medadv_desktop.attacks.minimal.carlini_wagner import CarliniWagnerL2, CarliniWagnerLinf
from medadv_desktop.attacks.minimal.constant_search import (
    ConstantSearch,
    Stagnation,
    through_all_rounds,
)
from medadv_desktop.attacks.minimal.margins import margin_at
from medadv_desktop.attacks.minimal.nearest import Nearest, within_budget
from medadv_desktop.attacks.minimal.row_adam import RowAdam
from medadv_desktop.attacks.norm_balls import l2_norms, linf_norms
from medadv_desktop.attacks.session import Session

_INSIDE = {"l2": 0.999999, "linf": 1 - 1 / 256}
"""Pixels of 0 and 1 are drawn in by this factor, where tanh is not yet flat. For L2 the authors'
number; L∞ costs nothing for coming in by half a grey level, and lets those pixels move sooner."""


def to_line(images: Tensor, norm: Literal["l2", "linf"]) -> Tensor:
    """[0, 1] to the whole line."""
    return torch.atanh((2 * images - 1) * _INSIDE[norm])


def to_images(variables: Tensor) -> Tensor:
    """The whole line to [0, 1]."""
    return variables.tanh().mul_(0.5).add_(0.5)


@dataclass(frozen=True, eq=False)
class _Look:
    """What one look at n images tells.

    Attributes:
        hinge: n float64: max(κ − margin, 0).
        reached: n bool: the goal is reached with the confidence asked for.
        gradient: n×C×H×W: of constant·hinge, with respect to the images.
    """

    point: Point
    hinge: Tensor
    reached: Tensor
    gradient: Tensor


def _look(
    session: Session, images: Tensor, rows: Tensor, constant: Tensor, confidence: float
) -> _Look:
    point = session.landscape.at(images, rows, climbing=True)
    margin = margin_at(session.landscape, point, rows)
    hinge = (confidence - margin.value).clamp_min(0)
    weight = torch.where(hinge > 0, constant, 0)[:, None]
    gradient = session.landscape.pulled_back(point, -weight * margin.slope, rows)
    return _Look(point, hinge, point.achieved & (margin.value >= confidence), gradient)


class _Euclidean:
    """The samples that the L2 attack is still at work on.

    Attributes:
        rows: n places in the batch.
        origin: n×C×H×W: the variables of the originals; `start`: the images that these stand for.
        variables: n×C×H×W: w of the paper.
    """

    def __init__(self, session: Session, attack: CarliniWagnerL2, clean: Point) -> None:
        self.session, self.attack = session, attack
        self.rows = session.rows[~clean.achieved]
        self.origin = to_line(session.originals[self.rows], "l2")
        self.start, self.variables = to_images(self.origin), self.origin.clone()
        self.adam = RowAdam(self.origin, attack.step_size)
        self.constants = ConstantSearch(clean.loss, attack.initial_constant, attack.constants)
        self.stagnation = Stagnation(clean.loss, attack.steps)
        self.hit = torch.zeros_like(clean.achieved)

    def step(self, found: Nearest) -> None:
        """One step of Adam; ended rounds begin anew, and samples without rounds leave."""
        attack, rows = self.attack, self.rows
        constant = self.constants.value[rows]
        images = to_images(self.variables)
        look = _look(self.session, images, rows, constant, attack.confidence)
        found.steps[rows] += 1
        found.consider(
            look.point, rows, l2_norms(images - self.session.originals[rows]), look.reached
        )
        self.hit[rows] |= look.reached
        moved = images - self.start
        loss = l2_norms(moved).square() + constant * look.hinge
        stuck = self.stagnation.of(rows, self.adam.clock, loss)
        slope = 0.5 * (1 - self.variables.tanh().square())
        self.variables -= self.adam.step((look.gradient + 2 * moved) * slope)
        over = self.adam.clock >= attack.steps
        if attack.abort_early:
            over |= stuck
        if over.any():
            self._next_round(over)

    def _next_round(self, over: Tensor) -> None:
        ended = self.rows[over]
        more = self.constants.settle(ended, self.hit[ended])
        self.stagnation.forget(ended)
        self.hit[ended] = False
        self.adam.restart(over)
        self.variables = torch.where(over[:, None, None, None], self.origin, self.variables)
        stay = ~over
        stay[over] = more
        if not stay.all():
            self.rows, self.variables = self.rows[stay], self.variables[stay]
            self.origin, self.start = self.origin[stay], self.start[stay]
            self.adam.keep(stay)


def search_l2(session: Session, attack: CarliniWagnerL2) -> AttackResult:
    """Run the L2 attack on a batch."""
    clean = session.landscape.at(session.originals, session.rows)
    found = Nearest.before(clean)
    at_work = _Euclidean(session, attack, clean)
    through_all_rounds(session, at_work, found, attack.steps * attack.constants)
    return found.result(session, within_budget(found.distance, attack.epsilon))


class _Largest:
    """The samples that the L∞ attack is still at work on.

    Attributes:
        rows: n places in the batch.
        variables: n×C×H×W: w of the paper; `anchor`: those of the last try that succeeded, which
            a failed one goes back to.
        constant, allowance: n float64: c and τ of the paper.
    """

    def __init__(self, session: Session, attack: CarliniWagnerLinf, clean: Point) -> None:
        self.session, self.attack = session, attack
        self.rows = session.rows[~clean.achieved]
        self.originals = session.originals[self.rows]
        self.variables = to_line(self.originals, "linf")
        self.anchor = self.variables.clone()
        self.adam = RowAdam(self.variables, attack.step_size)
        self.stagnation = Stagnation(clean.loss, attack.steps)
        self.constant = torch.full_like(clean.loss[self.rows], attack.initial_constant)
        self.allowance = torch.ones_like(self.constant)

    def step(self, found: Nearest) -> None:
        """One step of Adam; where a try is over, the next begins, or the sample leaves."""
        attack, rows = self.attack, self.rows
        images = to_images(self.variables)
        look = _look(self.session, images, rows, self.constant, attack.confidence)
        found.steps[rows] += 1
        moved = images - self.originals
        largest = linf_norms(moved).double()
        found.consider(look.point, rows, largest, look.reached)
        excess = moved.abs() - self.allowance.to(moved)[:, None, None, None]
        penalty = excess.clamp_min(0).sum((1, 2, 3), dtype=torch.float64)
        loss = self.constant * look.hinge + penalty
        won = look.reached & (penalty < 1e-4 * self.constant)
        lost = ~won & (self.adam.clock + 1 >= attack.steps)
        stuck = self.stagnation.of(rows, self.adam.clock, loss)
        if attack.abort_early:
            lost |= ~won & stuck
        self.anchor = torch.where(won[:, None, None, None], self.variables, self.anchor)
        slope = 0.5 * (1 - self.variables.tanh().square())
        gradient = (look.gradient + torch.where(excess > 0, moved.sign(), 0)) * slope
        size = (0.1 * self.allowance / attack.step_size).clamp_max(1).to(moved)
        self.variables = self.variables - size[:, None, None, None] * self.adam.step(gradient)
        if (won | lost).any():
            self._next_try(won, lost, largest)

    def _next_try(self, won: Tensor, lost: Tensor, largest: Tensor) -> None:
        attack, over = self.attack, won | lost
        smaller = attack.shrink * torch.minimum(self.allowance, largest)
        self.allowance = torch.where(won, smaller, self.allowance)
        self.constant = torch.where(lost, 2 * self.constant, self.constant)
        self.variables = torch.where(over[:, None, None, None], self.anchor, self.variables)
        self.adam.restart(over)
        self.stagnation.forget(self.rows[over])
        stay = self.allowance >= attack.smallest_allowance
        stay &= self.constant <= attack.largest_constant
        if not stay.all():
            self.rows, self.originals = self.rows[stay], self.originals[stay]
            self.variables, self.anchor = self.variables[stay], self.anchor[stay]
            self.constant, self.allowance = self.constant[stay], self.allowance[stay]
            self.adam.keep(stay)


def search_linf(session: Session, attack: CarliniWagnerLinf) -> AttackResult:
    """Run the L∞ attack on a batch."""
    clean = session.landscape.at(session.originals, session.rows)
    found = Nearest.before(clean)
    at_work = _Largest(session, attack, clean)
    total = max(len(at_work.rows), 1)
    while len(at_work.rows):
        session.token.check()
        at_work.step(found)
        session.report(total - len(at_work.rows), total, found.adversarial, found.success)
    session.progress(total, total, found.success)
    return found.result(session, within_budget(found.distance, attack.epsilon))
