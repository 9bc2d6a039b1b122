"""Shares of counts: intervals, differences, and the paired test between two models.

Fagerland, Lydersen and Laake, Statistics in Medicine 33:2850-2875, 2014, compare what is used here
for pairs with its alternatives.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.analysis.metrics.estimates import Estimate, Z


@dataclass(frozen=True)
class Rate:
    """`count` of `of` samples, and the 95 % interval of Wilson for the share.

    Wilson, Journal of the American Statistical Association 22:209-212, 1927. `value`, `low` and
    `high` are None where there are no samples.
    """

    count: int
    of: int

    @property
    def value(self) -> float | None:
        return self.count / self.of if self.of else None

    @property
    def low(self) -> float | None:
        return None if (bounds := wilson(self.count, self.of)) is None else bounds[0]

    @property
    def high(self) -> float | None:
        return None if (bounds := wilson(self.count, self.of)) is None else bounds[1]

    def __str__(self) -> str:
        if self.value is None:
            return "no samples"
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}] ({self.count} of {self.of})"


def rate(hits: NDArray[np.bool_]) -> Rate:
    """The share of True among N."""
    return Rate(int(np.count_nonzero(hits)), len(hits))


def wilson(count: int, of: int) -> tuple[float, float] | None:
    """The 95 % score interval of a share; None of nothing."""
    if not of:
        return None
    share, z2 = count / of, Z**2
    middle = (share + z2 / (2 * of)) / (1 + z2 / of)
    half = Z / (1 + z2 / of) * math.sqrt(share * (1 - share) / of + z2 / (4 * of**2))
    # At the ends rounding would step over them.
    return (0.0 if count == 0 else middle - half), (1.0 if count == of else middle + half)


def independent_difference(first: Rate, second: Rate) -> Estimate | None:
    """Share of `first` minus share of `second`, of different samples; None where one has none.

    Newcombe, Statistics in Medicine 17:873-890, 1998, method 10: the Wilson intervals, squared and
    added.
    """
    if not first.of or not second.of:
        return None
    return square_and_add([(1.0, first), (-1.0, second)], "Newcombe")


def square_and_add(weighted: list[tuple[float, Rate]], method: str = "Wilson added") -> Estimate:
    """Σ weight·share of independent shares: distances to the Wilson bounds, squared and added.

    Zou and Donner, Statistics in Medicine 27:1693-1702, 2008. Every rate has samples.
    """
    value = down = up = 0.0
    for weight, share in weighted:
        own, bounds = share.count / share.of, wilson(share.count, share.of)
        assert bounds is not None
        low, high = bounds if weight > 0 else bounds[::-1]
        value += weight * own
        down += (weight * (own - low)) ** 2
        up += (weight * (high - own)) ** 2
    return Estimate(value, value - math.sqrt(down), value + math.sqrt(up), method)


def paired_difference(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> Estimate | None:
    """Share of True in `first` minus that in `second`, of the same N samples; None of nothing.

    Tango, Statistics in Medicine 17:891-908, 1998: the differences that the score test, which is
    McNemar's at 0, does not refuse.
    """
    only_first, only_second = _discordant(first, second)
    return _tango(only_first, only_second, len(first)) if len(first) else None


def _tango(only_first: int, only_second: int, of: int) -> Estimate:
    """Equations 12 to 15 of Tango."""

    def score(delta: float) -> float:
        a, c = 2 * of, -only_second * delta * (1 - delta)
        b = -only_first - only_second + (2 * of - only_first + only_second) * delta
        other = (math.sqrt(max(b * b - 4 * a * c, 0.0)) - b) / (2 * a)
        variance = of * (2 * other + delta * (1 - delta))
        distance = only_first - only_second - of * delta
        if variance <= 0:
            return math.copysign(math.inf, distance) if distance else 0.0
        return distance / math.sqrt(variance)

    value = (only_first - only_second) / of
    low = -1.0 if value == -1 else crossing(lambda delta: score(delta) > Z, -1.0, value)
    high = 1.0 if value == 1 else crossing(lambda delta: score(delta) > -Z, value, 1.0)
    return Estimate(value, low, high, "Tango")


def crossing(before: Callable[[float], bool], low: float, high: float) -> float:
    """Where in [low, high] `before` turns from True to False, to the last bit."""
    while low < (middle := (low + high) / 2) < high:
        if before(middle):
            low = middle
        else:
            high = middle
    return middle


@dataclass(frozen=True)
class McNemar:
    """Which of two answers to the same samples is right more often.

    Attributes:
        only_first, only_second: samples on which it alone is right.
        p: of the exact test, two-sided, that both are equally often alone; 1 where none ever is.
    """

    only_first: int
    only_second: int
    p: float


def mcnemar(first_right: NDArray[np.bool_], second_right: NDArray[np.bool_]) -> McNemar:
    """The exact test over N samples. McNemar, Psychometrika 12:153-157, 1947; exact form: binomial
    over the discordant pairs.
    """
    from scipy.stats import binomtest

    only_first, only_second = _discordant(first_right, second_right)
    discordant = only_first + only_second
    p = float(binomtest(only_first, discordant).pvalue) if discordant else 1.0
    return McNemar(only_first, only_second, p)


def _discordant(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> tuple[int, int]:
    if first.shape != second.shape:
        raise ValueError(f"pairs have as many firsts as seconds, not {len(first)}, {len(second)}")
    return int(np.count_nonzero(first & ~second)), int(np.count_nonzero(second & ~first))
