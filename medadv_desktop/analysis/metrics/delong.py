"""The area under the ROC curve and how each sample pulls at it, in O(N log N).

DeLong, DeLong and Clarke-Pearson, Biometrics 44:837-845, 1988, by way of ranks as in Sun and Xu,
IEEE Signal Processing Letters 21:1389-1393, 2014. A sample that stands for several decisions (one
for each class) pulls with all of them at once: Obuchowski, Biometrics 53:567-578, 1997.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Pulls:
    """An area and its dependence on the N samples.

    Attributes:
        area: ties count half.
        pulls: N; their squares add up to DeLong's variance of the area, and the products of the
            pulls of two models on the same samples to the covariance.
        positives, negatives: samples that have at least one of the kind.
    """

    area: float
    pulls: NDArray[np.float64]
    positives: int
    negatives: int

    @property
    def deviation(self) -> float:
        return math.sqrt(float(self.pulls @ self.pulls))


def pulls(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> Pulls | None:
    """Of N scores, or of N×J taken together (micro); None with one kind alone.

    Raises:
        ValueError: a score is not a number.
    """
    if positive.all() or not positive.any():
        return None
    flat, kind = np.ascontiguousarray(scores).ravel(), np.ascontiguousarray(positive).ravel()
    placed = _placements(flat, kind)
    own = int(np.count_nonzero(kind))
    area = float(placed.sum(where=kind)) / own
    placed -= area
    np.multiply(placed, 1 / own, out=placed, where=kind)
    np.multiply(placed, 1 / (len(kind) - own), out=placed, where=~kind)
    if positive.ndim == 1:
        table, signs, few = placed[:, None], kind[:, None], (own, len(kind) - own)
    else:
        table, signs = placed.reshape(positive.shape), positive
        few = int(positive.any(axis=1).sum()), int((~positive).any(axis=1).sum())
    pulling = np.zeros(len(positive))
    for column, sign in zip(table.T, signs.T, strict=True):
        pulling += column * np.where(sign, _unbiased(few[0]), _unbiased(few[1]))
    return Pulls(area, pulling, *few)


def _unbiased(count: int) -> float:
    return math.sqrt(count / (count - 1)) if count > 1 else 1.0


def _placements(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> NDArray[np.float64]:
    """For each of N samples, the share of the other kind that stands on the right side of it."""
    steps = climb(scores, positive)
    m, n = steps.positives[-1], steps.negatives[-1]
    # Halfway through those of the same score.
    beaten = _halfway(steps.negatives) / n
    above = _halfway(steps.positives)
    above /= -m
    above += 1
    placed = np.empty(len(scores))
    if len(beaten) < len(scores):
        sizes = np.diff(steps.positives + steps.negatives, prepend=0)
        beaten, above = np.repeat(beaten, sizes), np.repeat(above, sizes)
    placed[steps.order] = np.where(positive[steps.order], beaten, above)
    return placed


def _halfway(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    middle = counts.astype(np.float64)
    middle[1:] += counts[:-1]
    middle /= 2
    return middle


@dataclass(frozen=True, eq=False)
class Climb:
    """Samples by rising score.

    Attributes:
        order: N places that sort them.
        thresholds: the G different scores.
        positives, negatives: how many have that score or less.
    """

    order: NDArray[np.intp]
    thresholds: NDArray[np.float64]
    positives: NDArray[np.int64]
    negatives: NDArray[np.int64]


def climb(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> Climb:
    """Of N ≥ 1 scores.

    Raises:
        ValueError: a score is not a number.
    """
    if np.isnan(scores).any():
        raise ValueError("a score that is not a number has no place among the others")
    order = np.argsort(scores)
    ascending = scores[order]
    last = np.flatnonzero(ascending[1:] != ascending[:-1])
    last = np.append(last, len(ascending) - 1)
    positives = np.cumsum(positive[order], dtype=np.int64)[last]
    return Climb(order, ascending[last], positives, last + 1 - positives)
