"""How often each modality value occurs in a frame: what a draggable window is drawn over."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.imaging.frame import Frame
from medadv_desktop.imaging.windowing import code_counts, pixels_of

MAX_BINS = 512


@dataclass(frozen=True, eq=False)
class Histogram:
    """Counts of modality values (of colour: stored values, all channels together).

    Attributes:
        edges: B+1 float64, rising, in modality values; a bin holds its lower edge and not its
            upper one, except the last, which holds both.
        counts: B int64.
        excluded: pixels left out: padding, and values that are not finite.
    """

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    excluded: int = 0

    @property
    def total(self) -> int:
        """Values counted."""
        return int(self.counts.sum())


def histogram(
    frame: Frame, bins: int = MAX_BINS, span: tuple[float, float] | None = None
) -> Histogram:
    """The histogram of a frame, padding left out.

    Where stored values are whole numbers, every bin holds the modality values of the same number of
    them (one, where the span allows), so that no comb appears; else there are `bins` equal bins.

    Args:
        bins: at most so many, at least 1.
        span: lowest and highest modality value to count; None takes those that occur. What lies
            beyond is not counted.
    """
    stored = pixels_of(frame)
    excluded = frame.stored.size - stored.size
    if stored.dtype.kind in "iu" and stored.dtype.itemsize <= 2:
        codes, weights = code_counts(stored)
        values = frame.modality.apply(codes)
    else:
        values, weights = frame.modality.apply(stored), None
    if span is None:
        span = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    edges = _edges(*span, bins, _step(frame))
    counts, _ = np.histogram(values, edges, weights=weights)
    return Histogram(edges, counts.astype(np.int64), excluded)


def _step(frame: Frame) -> float | None:
    """Distance between the modality values of neighbouring stored values; None where any occurs."""
    if frame.stored.dtype.kind == "f":
        return None
    return 1.0 if frame.modality.lut is not None else abs(frame.modality.slope)


def _edges(low: float, high: float, bins: int, step: float | None) -> NDArray[np.float64]:
    if step is not None:
        steps = math.ceil(round((high - low) / step, 6)) + 1
        each = math.ceil(steps / bins)
        count = math.ceil(steps / each)
        return np.asarray(low + step * (each * np.arange(count + 1) - 0.5), dtype=np.float64)
    if not low < high:
        margin = max(abs(low) * 1e-6, 0.5)
        low, high = low - margin, high + margin
    return np.linspace(low, high, bins + 1)
