"""Robust accuracy over the budget: measured at some budgets, or exactly from smallest budgets."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.analysis.metrics.proportions import Rate

QUANTILES: Final = (0.1, 0.25, 0.5, 0.75, 0.9)


@dataclass(frozen=True)
class CurvePoint:
    """Robust accuracy at one budget."""

    epsilon: float
    robust: Rate


@dataclass(frozen=True)
class RobustCurve:
    """Robust accuracy over ε.

    Attributes:
        points: by rising ε.
        area: under it, over the range of ε it spans: a mean robust accuracy, 0 to 1. None of
            fewer than two budgets.
        rises: pairs of neighbouring budgets between which robust accuracy rises. It cannot, under
            a good attack: what does not fit at the larger budget is the attack.
    """

    points: tuple[CurvePoint, ...]
    area: float | None
    rises: tuple[tuple[float, float], ...]


def curve_from_rates(rates: Iterable[tuple[float, Rate]]) -> RobustCurve:
    """From cells at several ε; clean accuracy stands at ε = 0 where it is given.

    The area is that of the trapezoids. Budgets without samples are no points.

    Raises:
        ValueError: two rates at one ε.
    """
    points = [CurvePoint(float(e), r) for e, r in sorted(rates, key=lambda it: it[0]) if r.of]
    budgets = [point.epsilon for point in points]
    if len(set(budgets)) < len(budgets):
        raise ValueError("a curve has one robust accuracy at each ε")
    values = [point.robust.count / point.robust.of for point in points]
    steps = list(zip(budgets, budgets[1:], values, values[1:], strict=False))
    area = None
    if steps:
        under = sum((b - a) * (u + v) / 2 for a, b, u, v in steps)
        area = under / (budgets[-1] - budgets[0])
    rises = tuple((a, b) for a, b, u, v in steps if v > u)
    return RobustCurve(tuple(points), area, rises)


@dataclass(frozen=True)
class Quantile:
    """The ε at which a share of all samples has fallen; None beyond what was searched.

    `low` and `high` are order statistics, as of Conover, Practical Nonparametric Statistics, 3.2.
    """

    share: float
    epsilon: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class SmallestBudgets:
    """The distribution of the smallest ε at which an attack reached its goal.

    Attributes:
        fallen: samples with one, of all; those wrong without an attack have 0.
        searched_to: the largest ε that was tried.
        quantiles: over all samples.
        area: under the exact curve from 0 to `searched_to`, over that range.
        points: the exact curve: robust accuracy at ε and up to the next point; thinned for drawing,
            and exact where it stands.
    """

    fallen: Rate
    searched_to: float
    quantiles: tuple[Quantile, ...]
    area: float
    points: tuple[CurvePoint, ...]

    @property
    def median(self) -> float | None:
        """The ε at which half of all samples have fallen; None beyond what was searched."""
        return next(q.epsilon for q in self.quantiles if q.share == 0.5)


def smallest_budgets(
    epsilons: NDArray[np.floating], searched_to: float | None = None, points: int = 200
) -> SmallestBudgets | None:
    """From each sample's smallest ε; None of no samples, or if it is unknown how far was searched.

    Args:
        epsilons: N; 0 for one that is wrong without an attack, ∞ where none was enough. A sample
            is robust at ε while its own is larger.
        searched_to: the largest ε that was tried; None takes the largest finite one.

    Raises:
        ValueError: an ε is negative, not a number, or beyond `searched_to`.
    """
    ordered = np.sort(np.asarray(epsilons, np.float64))
    finite = ordered[np.isfinite(ordered)]
    if not len(ordered) or (searched_to is None and not len(finite)):
        return None
    limit = float(finite[-1]) if searched_to is None else searched_to
    # A store that keeps single precision may round past the end.
    beyond = len(finite) and finite[-1] > limit * (1 + 1e-6)
    if np.isnan(ordered[-1]) or ordered[0] < 0 or beyond:
        raise ValueError("smallest budgets are 0 or more, within what was searched, or ∞")
    n = len(ordered)
    area = float(np.minimum(ordered, limit).mean()) / limit if limit else 1 - len(finite) / n
    return SmallestBudgets(
        Rate(len(finite), n),
        limit,
        tuple(_quantile(ordered, share) for share in QUANTILES),
        area,
        _steps(ordered, limit, points),
    )


def _quantile(ordered: NDArray[np.float64], share: float) -> Quantile:
    from scipy.stats import binom

    n = len(ordered)

    def at(rank: float) -> float | None:
        """The rank-th smallest, from 1."""
        if not 1 <= rank <= n:
            return None
        value = float(ordered[int(rank) - 1])
        return value if math.isfinite(value) else None

    low = at(max(1, binom.ppf(0.025, n, share)))
    high = at(binom.ppf(0.975, n, share) + 1)
    return Quantile(share, at(math.ceil(share * n)), low, high)


def _steps(ordered: NDArray[np.float64], limit: float, points: int) -> tuple[CurvePoint, ...]:
    n = len(ordered)
    at = np.unique(np.concatenate(([0.0], ordered[np.isfinite(ordered)], [limit])))
    if len(at) > points:
        at = at[np.unique(np.linspace(0, len(at) - 1, points).round().astype(int))]
    left = n - np.searchsorted(ordered, at, side="right")
    return tuple(
        CurvePoint(float(e), Rate(int(count), n)) for e, count in zip(at, left, strict=True)
    )
