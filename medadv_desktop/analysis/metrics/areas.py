"""Areas under ROC curves with intervals, the test between two models, and the curve to draw."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.analysis.metrics.delong import Pulls, climb, pulls
from medadv_desktop.analysis.metrics.estimates import Estimate, Z
from medadv_desktop.analysis.metrics.proportions import crossing

Average = Literal["macro", "micro"]

# With fewer of a kind DeLong's interval is too narrow (Newcombe 2006; Qin and Hotilovac 2008).
FEW: Final = 10
# What two thousand resamples cost grows with it: about a second.
_BOOTSTRAP_CELLS: Final = 50_000
_CELLS_AT_ONCE: Final = 1_000_000


@dataclass(frozen=True)
class Draw:
    """The bootstrap, which gives averages of areas their interval where few samples are of a kind.

    Attributes:
        resamples: 0 leaves these intervals to DeLong.
        seed: the same samples in the same order give the same interval.
    """

    resamples: int = 2000
    seed: int = 0

    def fits(self, fewest: int, decisions: int) -> bool:
        """Whether it is called for: too few for DeLong, and not too many for its cost."""
        return fewest < FEW and self.resamples > 0 and decisions <= _BOOTSTRAP_CELLS


DRAW: Final = Draw()


@dataclass(frozen=True)
class Areas:
    """Under the ROC curves of K classes, each against the rest, or of K findings.

    Attributes:
        macro: mean over the classes that have one; of two classes, that of the second.
        micro: of all decisions taken together; of two classes, that of the second.
        classes: one by one; None where all samples are of one kind.
    """

    macro: Estimate | None
    micro: Estimate | None
    classes: tuple[Estimate | None, ...]


def areas(
    scores: NDArray[np.float64],
    truth: NDArray[np.bool_],
    *,
    two_classes: bool = False,
    draw: Draw = DRAW,
) -> Areas:
    """Areas with 95 % intervals.

    Args:
        scores, truth: N×K.
        two_classes: the two columns are a class and the rest, so that the second says it all.
        draw: how averages of few are drawn again.
    """
    columns = range(truth.shape[1])
    found = [pulls(scores[:, k], truth[:, k]) for k in columns]
    single = tuple(None if own is None else interval(own) for own in found)
    if two_classes:
        return Areas(single[1], single[1], single)
    known = [k for k in columns if found[k] is not None]
    macro = _macro(scores[:, known], truth[:, known], [own for own in found if own], draw)
    return Areas(macro, _micro(scores, truth, draw), single)


def interval(own: Pulls) -> Estimate:
    """The interval of one area: DeLong's, or Newcombe's where that cannot hold.

    Newcombe's is used with fewer than `FEW` of a kind, and where positives and negatives are
    apart or the wrong way round altogether: there DeLong's has no width.
    """
    if min(own.positives, own.negatives) < FEW or own.deviation == 0:
        low, high = newcombe(own.area, own.positives, own.negatives)
        return Estimate(own.area, low, high, "Newcombe")
    return _around(own.area, own.deviation)


def newcombe(area: float, positives: int, negatives: int) -> tuple[float, float]:
    """Newcombe, Statistics in Medicine 25:559-573, 2006, method 5.

    The areas θ within 1.96 deviations of the one found, by the variance of Hanley and McNeil
    with both numbers in its factors replaced by N* = (m + n)/2 - 1.
    """
    even = (positives + negatives) / 2 - 1

    def apart(theta: float) -> bool:
        factor = 1 + even * (1 - theta) / (2 - theta) + even * theta / (1 + theta)
        variance = theta * (1 - theta) * factor / (positives * negatives)
        return abs(theta - area) > Z * math.sqrt(variance)

    low = 0.0 if area == 0 else crossing(apart, 0.0, area)
    return low, 1.0 if area == 1 else crossing(lambda theta: not apart(theta), area, 1.0)


def _macro(
    scores: NDArray[np.float64], truth: NDArray[np.bool_], found: list[Pulls], draw: Draw
) -> Estimate | None:
    if not found:
        return None
    value = sum(own.area for own in found) / len(found)
    together = np.zeros(len(truth))
    for own in found:
        together += own.pulls
    deviation = float(np.linalg.norm(together)) / len(found)
    if deviation == 0:
        # As if the classes moved together: no interval of theirs is wider.
        ends = [newcombe(own.area, own.positives, own.negatives) for own in found]
        low, high = (sum(side) / len(ends) for side in zip(*ends, strict=True))
        return Estimate(value, low, high, "Newcombe")
    if draw.fits(min(min(own.positives, own.negatives) for own in found), truth.size):
        return _bootstrap(value, [(scores[:, [k]], truth[:, [k]]) for k in range(len(found))], draw)
    return _around(value, deviation)


def _micro(scores: NDArray[np.float64], truth: NDArray[np.bool_], draw: Draw) -> Estimate | None:
    own = pulls(scores, truth)
    if own is None:
        return None
    if own.deviation > 0 and draw.fits(min(own.positives, own.negatives), truth.size):
        return _bootstrap(own.area, [(scores, truth)], draw)
    return interval(own)


def _around(value: float, deviation: float) -> Estimate:
    """On the scale of log odds, where areas near 1 are spread evenly: Pepe, The Statistical
    Evaluation of Medical Tests, 2003, 5.2.5. Untransformed, intervals near 1 are much too narrow:
    docs/metrics.md has the shares.
    """
    middle, half = math.log(value / (1 - value)), Z * deviation / (value * (1 - value))
    low, high = (1 / (1 + math.exp(-odds)) for odds in (middle - half, middle + half))
    return Estimate(value, low, high, "DeLong")


def _bootstrap(
    value: float, parts: Sequence[tuple[NDArray[np.float64], NDArray[np.bool_]]], draw: Draw
) -> Estimate:
    """Percentiles over samples drawn again, of the mean of the areas of `parts`, each of N×J.

    A part without one of the kinds in a draw is left out of that draw's mean, as it would be.
    """
    n = len(parts[0][0])
    generator = np.random.default_rng(draw.seed)
    drawn = []
    at_once = max(1, _CELLS_AT_ONCE // sum(truth.size for _, truth in parts))
    for start in range(0, draw.resamples, at_once):
        size = min(at_once, draw.resamples - start)
        rows = generator.integers(0, n, (size, n)) + n * np.arange(size)[:, None]
        times = np.bincount(rows.ravel(), minlength=size * n).reshape(size, n)
        each = np.stack([_weighted_areas(scores, truth, times) for scores, truth in parts])
        known = np.isfinite(each)
        count = known.sum(axis=0)
        drawn.append(np.where(known, each, 0).sum(axis=0)[count > 0] / count[count > 0])
    values = np.concatenate(drawn)
    if not len(values):
        return Estimate(value, None, None, "no draw held both kinds")
    low, high = np.quantile(values, [0.025, 0.975])
    return Estimate(value, float(low), float(high), "bootstrap")


def _weighted_areas(
    scores: NDArray[np.float64], truth: NDArray[np.bool_], times: NDArray[np.int64]
) -> NDArray[np.float64]:
    """R: area of N×J where sample i counts `times[r, i]` times; NaN with one kind alone."""
    order = np.argsort(scores, axis=None)
    ascending = scores.ravel()[order]
    starts = np.flatnonzero(np.append(True, ascending[1:] != ascending[:-1]))
    kind, weight = truth.ravel()[order], times[:, order // scores.shape[1]]
    positives = np.add.reduceat(np.where(kind, weight, 0), starts, axis=1).astype(np.float64)
    negatives = np.add.reduceat(np.where(kind, 0, weight), starts, axis=1).astype(np.float64)
    beaten = (positives * (np.cumsum(negatives, axis=1) - negatives / 2)).sum(axis=1)
    pairs = positives.sum(axis=1) * negatives.sum(axis=1)
    found = np.full(len(times), np.nan)
    np.divide(beaten, pairs, out=found, where=pairs > 0)
    return found


@dataclass(frozen=True)
class AreaComparison:
    """Two models on the same samples.

    Attributes:
        first, second: their areas.
        difference: first minus second, with DeLong's interval for pairs.
        p: two-sided, of no difference; None where the samples leave no spread to judge by.
        few: of one kind there are fewer than ten samples: take p and interval as a hint.
    """

    first: float
    second: float
    difference: Estimate
    p: float | None
    few: bool


def compare_areas(
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    truth: NDArray[np.bool_],
    average: Average = "macro",
) -> AreaComparison | None:
    """DeLong's test between two models' scores for the same samples; None without an area.

    Args:
        first, second, truth: N, or N×K of which the average is compared. Of a model with two
            classes give the column of the second.
    """
    if truth.ndim == 1:
        first, second, truth = first[:, None], second[:, None], truth[:, None]
    columns = range(truth.shape[1])
    groups = [[k] for k in columns] if average == "macro" else [list(columns)]
    pairs = []
    for group in groups:
        one, other = (pulls(scores[:, group], truth[:, group]) for scores in (first, second))
        if one is not None and other is not None:
            pairs.append((one, other))
    if not pairs:
        return None
    one_area = sum(one.area for one, _ in pairs) / len(pairs)
    other_area = sum(other.area for _, other in pairs) / len(pairs)
    value = one_area - other_area
    apart = sum((one.pulls - other.pulls for one, other in pairs), np.zeros(len(truth)))
    deviation = float(np.linalg.norm(apart)) / len(pairs)
    few = min(min(one.positives, one.negatives) for one, _ in pairs) < FEW
    if deviation == 0:
        nothing = Estimate(value, None, None, "no spread to judge by")
        return AreaComparison(one_area, other_area, nothing, None if value else 1.0, few)
    ends = max(-1.0, value - Z * deviation), min(1.0, value + Z * deviation)
    p = math.erfc(abs(value) / deviation / math.sqrt(2))
    return AreaComparison(one_area, other_area, Estimate(value, *ends, "DeLong"), p, few)


@dataclass(frozen=True)
class RocCurve:
    """Points of a ROC curve from (0, 0) to (1, 1).

    Attributes:
        false_positive_rate, true_positive_rate: of those whose score is the threshold or more.
        thresholds: on the scores; None for the first, which nothing reaches.
    """

    false_positive_rate: tuple[float, ...]
    true_positive_rate: tuple[float, ...]
    thresholds: tuple[float | None, ...]


def roc_curve(
    scores: NDArray[np.float64], positive: NDArray[np.bool_], points: int = 200
) -> RocCurve | None:
    """Of N scores, at most `points` of its corners, evenly along it; None with one kind alone."""
    if positive.all() or not positive.any():
        return None
    steps = climb(np.asarray(scores, np.float64), positive)
    # From the highest score down, the decision that nothing is positive first.
    up = 1 - np.append(steps.positives[::-1], 0) / steps.positives[-1]
    across = 1 - np.append(steps.negatives[::-1], 0) / steps.negatives[-1]
    thresholds = steps.thresholds[::-1]
    if len(across) > points:
        kept = np.searchsorted(across + up, np.linspace(0, 2, points))
        kept = np.unique(np.minimum(kept, len(up) - 1))
        across, up, thresholds = across[kept], up[kept], thresholds[kept[1:] - 1]
    return RocCurve(tuple(across.tolist()), tuple(up.tolist()), (None, *thresholds.tolist()))
