"""Areas under the ROC curve by ranks. No torch.

Mann and Whitney: the area is the probability that a positive sample scores higher than a negative
one, ties counting half. Hanley and McNeil, Radiology 143:29-36, 1982.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def roc_area(scores: NDArray[np.floating], positive: NDArray[np.bool_]) -> float | None:
    """The area of N scores for N samples that are positive or not; None with one kind alone."""
    if positive.all() or not positive.any():
        return None
    return float(roc_areas(np.asarray(scores, np.float64)[:, None], positive[:, None])[0, 0])


def roc_areas(scores: NDArray[np.float64], truth: NDArray[np.generic]) -> NDArray[np.float64]:
    """K×J: area of each of N×K scores for each of N×J 0/1 labels; ½ where undefined."""
    ranked = np.stack([ranks(column) for column in scores.T])
    positives = truth.sum(axis=0).astype(float)
    negatives = len(truth) - positives
    with np.errstate(invalid="ignore", divide="ignore"):
        sums = ranked @ truth.astype(float)
        areas = (sums - positives * (positives + 1) / 2) / (positives * negatives)
    return np.where(np.isfinite(areas), areas, 0.5)


def ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 1; equal values share their mean."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranked: NDArray[np.float64] = (last - (counts - 1) / 2)[inverse]
    return ranked
