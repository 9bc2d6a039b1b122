"""Whether probabilities can be taken at their word."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.analysis.metrics.estimates import Estimate, Z
from medadv_desktop.analysis.metrics.proportions import Rate

BINS: Final = 15


@dataclass(frozen=True)
class Bin:
    """Probabilities in (low, high], the lowest bin with its 0.

    Attributes:
        mean: of the probabilities; None of an empty bin.
        happened: how often what they were of was so.
    """

    low: float
    high: float
    mean: float | None
    happened: Rate


@dataclass(frozen=True)
class Calibration:
    """Of probabilities and what came true.

    Attributes:
        brier: mean squared distance; 0 is perfect.
        ece: expected calibration error over `bins`: mean distance between what was said and what
            happened, weighted by the samples of a bin. It is too large by chance where bins hold
            few samples.
        bins: of equal width over [0, 1], for the reliability diagram.
    """

    brier: Estimate
    ece: float
    bins: tuple[Bin, ...]


def calibration(
    probabilities: NDArray[np.floating],
    truth: NDArray[np.bool_],
    *,
    multi_label: bool,
    bins: int = BINS,
) -> Calibration | None:
    """Of a whole model, N×K; None of no samples.

    Findings: all N·K probabilities taken together. Two classes: the probability of the second.
    More classes: of the one with the largest, whether it is the true one (Guo et al., ICML 2017);
    their Brier score is that of Brier, Monthly Weather Review 78:1-3, 1950: the sum over classes.
    """
    if not len(truth):
        return None
    given = np.asarray(probabilities, np.float64)
    if multi_label:
        # A sample counts once in the interval, with all its findings.
        squares = ((given - truth) ** 2).mean(axis=1)
        return _made(squares, given.ravel(), truth.ravel(), bins)
    if truth.shape[1] == 2:
        return calibration_of(given[:, 1], truth[:, 1], bins=bins)
    squares = ((given - truth) ** 2).sum(axis=1)
    top = given.argmax(axis=1)
    rows = np.arange(len(top))
    return _made(squares, given[rows, top], truth[rows, top], bins)


def calibration_of(
    probabilities: NDArray[np.floating], truth: NDArray[np.bool_], *, bins: int = BINS
) -> Calibration | None:
    """Of one class against the rest, or one finding, N; None of no samples."""
    if not len(truth):
        return None
    given = np.asarray(probabilities, np.float64)
    return _made((given - truth) ** 2, given, truth, bins)


def _made(
    squares: NDArray[np.float64],
    said: NDArray[np.float64],
    happened: NDArray[np.bool_],
    bins: int,
) -> Calibration:
    edges = np.linspace(0, 1, bins + 1)
    place = np.searchsorted(edges[1:-1], said)
    counts = np.bincount(place, minlength=bins)
    hits = np.bincount(place, weights=happened, minlength=bins)
    sums = np.bincount(place, weights=said, minlength=bins)
    found = tuple(
        Bin(
            float(edges[i]),
            float(edges[i + 1]),
            float(sums[i] / counts[i]) if counts[i] else None,
            Rate(int(hits[i]), int(counts[i])),
        )
        for i in range(bins)
    )
    return Calibration(_mean(squares), float(np.abs(sums - hits).sum() / len(said)), found)


def _mean(values: NDArray[np.float64]) -> Estimate:
    value = float(values.mean())
    if len(values) < 2:
        return Estimate(value, None, None, "a single sample")
    half = Z * float(values.std(ddof=1)) / math.sqrt(len(values))
    return Estimate(value, max(0.0, value - half), value + half, "normal")
