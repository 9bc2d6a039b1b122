"""The search for the constant that weighs reaching the goal against staying near: per sample.

Carlini and Wagner: Towards evaluating the robustness of neural networks, IEEE S&P 2017, sec. V-C:
tenfold while the goal is not reached, then bisection. Every sample goes through its own rounds, so
none waits for another, and results do not depend on the batch.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from medadv_desktop.attacks.minimal.nearest import Nearest
from medadv_desktop.attacks.session import Session


class ConstantSearch:
    """Constants of N samples.

    Args:
        like: N, for device.
        initial: first constant.
        rounds: constants that each sample tries.

    Attributes:
        value: N float64: the constant of the sample's present round.
    """

    def __init__(self, like: Tensor, initial: float, rounds: int) -> None:
        self.value = torch.full_like(like, initial, dtype=torch.float64)
        self.rounds = rounds
        self._low = torch.zeros_like(self.value)
        self._high = torch.full_like(self.value, torch.inf)
        self._round = torch.zeros_like(self.value, dtype=torch.int64)

    def settle(self, rows: Tensor, reached: Tensor) -> Tensor:
        """End a round of `rows`; `reached`: whether the goal was, within it.

        Returns:
            bool for each row: it has rounds left.
        """
        value = self.value[rows]
        high = torch.where(reached, value, self._high[rows])
        low = torch.where(reached, self._low[rows], value)
        self._high[rows], self._low[rows] = high, low
        self.value[rows] = torch.where(high.isinf(), value * 10, (low + high) / 2)
        self._round[rows] += 1
        return self._round[rows] < self.rounds


class Stagnation:
    """Tells samples whose lowest loss has stopped to fall: no progress in a fifth of a round.

    The lowest, and not the loss of the moment as in the authors' codes, for with momentum it goes
    up and down.

    Args:
        like: N, for device.
        steps: of a round.
    """

    def __init__(self, like: Tensor, steps: int) -> None:
        self._patience = -(-steps // 5)
        self._lowest = torch.full_like(like, torch.inf, dtype=torch.float64)
        self._since = torch.zeros_like(like, dtype=torch.int64)

    def of(self, rows: Tensor, step: Tensor, loss: Tensor) -> Tensor:
        """n bool: no progress any more. `step`: n, of the sample's round, from 0."""
        progress = loss <= 0.9999 * self._lowest[rows]
        self._lowest[rows] = torch.where(progress, loss, self._lowest[rows])
        self._since[rows] = torch.where(progress, step, self._since[rows])
        return step - self._since[rows] >= self._patience

    def forget(self, rows: Tensor) -> None:
        """A new round begins for `rows`."""
        self._lowest[rows] = torch.inf
        self._since[rows] = 0


class AtWork(Protocol):
    """Samples that still have rounds left.

    Attributes:
        rows: their places in the batch.
    """

    rows: Tensor

    def step(self, found: Nearest) -> None:
        """Step each of them, and let go those whose rounds are over."""


def through_all_rounds(session: Session, at_work: AtWork, found: Nearest, total: int) -> None:
    """Step until no sample has a round left.

    Args:
        total: steps at most.

    Raises:
        JobCancelled: the token was cancelled.
    """
    step = 0
    while len(at_work.rows):
        session.token.check()
        step += 1
        at_work.step(found)
        session.report(step, total, found.adversarial, found.success)
    session.progress(total, total, found.success)
