"""Confusion matrices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Confusion:
    """How often what was said of what.

    Attributes:
        classes: K names.
        counts: single-label: K×K, true class by decided class; multi-label: K×2×2, for each
            finding absent and present by said absent and said present.
    """

    classes: tuple[str, ...]
    counts: NDArray[np.int64]

    @property
    def shares(self) -> NDArray[np.float64]:
        """As `counts`, each row over its sum; NaN where there are no such samples."""
        sums = self.counts.sum(axis=-1, keepdims=True)
        shares = np.full(self.counts.shape, np.nan)
        np.divide(self.counts, sums, out=shares, where=sums > 0)
        return shares


def confusion(
    classes: Sequence[str],
    truth: NDArray[np.bool_],
    decided: NDArray[np.bool_],
    *,
    multi_label: bool,
) -> Confusion:
    """Of N×K truths and decisions; single-label: one True in each row."""
    k = len(classes)
    if not multi_label:
        flat = truth.argmax(axis=1) * k + decided.argmax(axis=1)
        counts = np.bincount(flat, minlength=k * k).reshape(k, k)
        return Confusion(tuple(classes), counts.astype(np.int64))
    both = (truth & decided).sum(axis=0)
    missed, alarm = truth.sum(axis=0) - both, decided.sum(axis=0) - both
    rest = len(truth) - both - missed - alarm
    counts = np.stack([np.stack([rest, alarm], axis=1), np.stack([missed, both], axis=1)], axis=1)
    return Confusion(tuple(classes), counts.astype(np.int64))
