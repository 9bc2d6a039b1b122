"""The random search of the Square Attack (square.py)."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from medadv_desktop.attacks.attack import AttackResult
from medadv_desktop.attacks.norm_balls import NORM_BALLS, l2_norms
from medadv_desktop.attacks.scores.looking import Best, Streams
from medadv_desktop.attacks.session import Session

if TYPE_CHECKING:
    from medadv_desktop.attacks.scores.square import Square

SCHEDULE = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
"""Of 10000 iterations, those after which p is halved (sec. 5.1 of the paper)."""

BLOCK = 64
"""Iterations whose random numbers are drawn at once."""


def search(session: Session, attack: Square) -> AttackResult:
    """Attack the batch: one look per iteration at every sample that still stands."""
    rows = session.rows
    clean = session.landscape.at(session.originals, rows)
    best = Best.of(clean)
    rows = best.standing(rows)
    squares = SQUARES[attack.norm](session, attack.epsilon)
    streams = Streams(session)
    total = attack.queries - 1
    drawn = session.originals.new_empty(len(best.success), BLOCK, squares.draws, dtype=torch.double)
    for iteration in range(total):
        session.token.check()
        if len(rows) == 0:
            break
        if iteration == 0:
            images = squares.first(rows, streams)
        else:
            place = (iteration - 1) % BLOCK
            if place == 0:
                drawn[rows] = streams.uniform(rows, BLOCK, squares.draws)
            share = covered(attack.p, iteration - 1, total - 1)
            images = squares.moved(best.adversarial[rows], rows, share, drawn[rows, place])
        point = session.landscape.at(images, rows)
        # The search starts from the first squares even where the image itself is of larger loss.
        improved = point.achieved | (point.loss > best.loss[rows]) | (iteration == 0)
        best.take(point, rows, improved)
        best.steps[rows] += 1
        rows = best.standing(rows)
        session.report(iteration + 1, total, best.adversarial, best.success)
    session.progress(total, total, best.success)
    best.take(clean, session.rows, ~best.success & (clean.loss > best.loss))
    return session.result(clean, best.adversarial, best.logits, best.success, best.steps)


def covered(p: float, iteration: int, iterations: int) -> float:
    """The share of the image that squares cover at an iteration, counted from 0."""
    at = iteration * 10000 // max(iterations, 1)
    return float(p / 2 ** sum(at > bound for bound in SCHEDULE))


class Squares(ABC):
    """How images move, in one norm.

    Attributes:
        draws: how many uniform numbers a move of one sample takes.
    """

    draws: int

    def __init__(self, session: Session, epsilon: float) -> None:
        self.originals = session.originals
        self.epsilon = epsilon
        self.channels, self.height, self.width = session.originals.shape[1:]

    @abstractmethod
    def first(self, rows: Tensor, streams: Streams) -> Tensor:
        """n×C×H×W: where the search starts."""

    @abstractmethod
    def moved(self, images: Tensor, rows: Tensor, share: float, drawn: Tensor) -> Tensor:
        """`images` with a square of that share of the image changed.

        Args:
            images: n×C×H×W, to be written to.
            drawn: n×draws uniform numbers.
        """

    def side(self, share: float) -> int:
        """Of a square that covers the share of the image."""
        side = round(math.sqrt(share * self.height * self.width))
        return max(1, min(side, self.height, self.width))

    def corners(self, drawn: Tensor, side: int) -> tuple[Tensor, Tensor]:
        """n top rows and n left columns, uniform over all places, from n×2 uniform numbers."""
        top = (drawn[:, 0] * (self.height - side + 1)).long()
        left = (drawn[:, 1] * (self.width - side + 1)).long()
        return top, left

    def window(self, samples: Tensor, top: Tensor, left: Tensor, side: int) -> tuple[Tensor, ...]:
        """The index of the n×C×side×side values of squares of `samples` (n)."""
        span = torch.arange(side, device=top.device)
        channel = torch.arange(self.channels, device=top.device)[None, :, None, None]
        down, across = (top[:, None] + span)[:, None, :, None], (left[:, None] + span)
        return samples[:, None, None, None], channel, down, across[:, None, None, :]


class LinfSquares(Squares):
    """Algorithm 2: a square becomes x ± ε, one random sign for each channel."""

    def __init__(self, session: Session, epsilon: float) -> None:
        super().__init__(session, epsilon)
        ball = NORM_BALLS["linf"](epsilon)
        self.low = ball.project(torch.zeros_like(self.originals), self.originals)
        self.high = ball.project(torch.ones_like(self.originals), self.originals)
        self.draws = 3 + self.channels

    def first(self, rows: Tensor, streams: Streams) -> Tensor:
        """Vertical stripes of ±ε (sec. 3.3)."""
        up = streams.uniform(rows, self.channels, 1, self.width) < 0.5
        return torch.where(up, self.high[rows], self.low[rows])

    def moved(self, images: Tensor, rows: Tensor, share: float, drawn: Tensor) -> Tensor:
        side = self.side(share)
        corners = self.corners(drawn, side)
        own = torch.arange(len(rows), device=rows.device)
        here, there = self.window(own, *corners, side), self.window(rows, *corners, side)
        now, high, low = images[here], self.high[there], self.low[there]
        up = drawn[:, 3:] < 0.5
        same = (torch.where(up[:, :, None, None], high, low) == now).flatten(1).all(1)
        # Signs that change nothing are turned in a random choice of channels, of at least one:
        # as if drawn again until something changes.
        choice = 1 + (drawn[:, 2] * (2**self.channels - 1)).long()
        bits = torch.arange(self.channels, device=choice.device)
        turned = ((choice[:, None] >> bits) & 1).bool() & same[:, None]
        images[here] = torch.where((up ^ turned)[:, :, None, None], high, low)
        return images


class L2Squares(Squares):
    """Algorithm 3: mass of two windows goes into one of them, in the shape η of eq. 2."""

    def __init__(self, session: Session, epsilon: float) -> None:
        super().__init__(session, epsilon)
        self.ball = NORM_BALLS["l2"](epsilon)
        self.draws = 5 + self.channels

    def first(self, rows: Tensor, streams: Streams) -> Tensor:
        """Tiles η over the image, five to its height, with random signs (sec. 3.4)."""
        side = max(1, min(self.height, self.width) // 5)
        down, across = self.height // side, self.width // side
        numbers = streams.uniform(rows, down * across, 1 + self.channels)
        shape = bump(side).to(self.originals)
        lying = torch.where(numbers[..., 0, None, None] < 0.5, shape, shape.T)
        signs = torch.where(numbers[..., 1:] < 0.5, -1.0, 1.0).to(self.originals)
        tiles = signs[..., None, None] * lying[:, :, None]
        grid = tiles.view(len(rows), down, across, self.channels, side, side)
        filled = grid.permute(0, 3, 1, 4, 2, 5).reshape(len(rows), self.channels, down * side, -1)
        top, left = (self.height - down * side) // 2, (self.width - across * side) // 2
        delta = torch.zeros_like(self.originals[rows])
        delta[:, :, top : top + down * side, left : left + across * side] = filled
        return self._within_budget(delta, rows)

    def moved(self, images: Tensor, rows: Tensor, share: float, drawn: Tensor) -> Tensor:
        side = self._odd(max(3, self.side(share)))
        delta = images - self.originals[rows]
        own = torch.arange(len(rows), device=rows.device)
        into = self.window(own, *self.corners(drawn, side), side)
        other = self.window(own, *self.corners(drawn[:, 2:], side), side)
        unused = (self.epsilon**2 - l2_norms(delta) ** 2).clamp(min=0)
        old = delta[into]
        delta[into] = 0
        # Of each channel, what lies in the two windows together.
        mass = (old.double() ** 2).sum((2, 3)) + (delta[other].double() ** 2).sum((2, 3))
        delta[other] = 0
        available = (unused[:, None] / self.channels + mass).sqrt()
        shape = bump(side).to(delta)
        shape = torch.where(drawn[:, 4, None, None] < 0.5, shape, shape.T)[:, None]
        signs = torch.where(drawn[:, 5:] < 0.5, -1.0, 1.0).to(delta)[:, :, None, None]
        new = unit(signs * shape + unit(old))
        delta[into] = new * available[:, :, None, None].to(delta)
        return self._within_budget(delta, rows)

    def _odd(self, side: int) -> int:
        largest = min(self.height, self.width)
        return min(side | 1, largest - (largest + 1) % 2)

    def _within_budget(self, delta: Tensor, rows: Tensor) -> Tensor:
        length = l2_norms(delta)
        scale = (self.epsilon / torch.where(length > 0, length, 1)).to(delta)
        originals = self.originals[rows]
        return self.ball.project(originals + delta * scale[:, None, None, None], originals)


SQUARES: dict[str, type[Squares]] = {"linf": LinfSquares, "l2": L2Squares}


def unit(windows: Tensor) -> Tensor:
    """n×C×s×s, each channel of each window divided by its Euclidean length; 0 stays 0."""
    length = torch.linalg.vector_norm(windows, dim=(2, 3), keepdim=True)
    return windows / torch.where(length > 0, length, 1)


def bump(side: int) -> Tensor:
    """side×side float64 of length 1: η of eq. 2, two opposite peaks, one above the other."""
    upper = side // 2
    return torch.cat([_peak(upper, side), -_peak(side - upper, side)]) / math.sqrt(2)


def _peak(rows: int, columns: int) -> Tensor:
    """rows×columns of length 1: rectangles around the middle, Σ 1/(k+1)² over those that reach."""
    peak = torch.zeros(rows, columns, dtype=torch.float64)
    middle, centre = rows // 2, columns // 2
    for k in range(max(rows, columns) // 2 + 1):
        down = slice(max(middle - k, 0), min(middle + k + 1, rows))
        peak[down, max(centre - k, 0) : min(centre + k + 1, columns)] += 1 / (k + 1) ** 2
    return unit(peak[None, None])[0, 0]
