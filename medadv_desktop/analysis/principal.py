"""Mean, covariance and principal components of features that are read in pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.errors import AnalysisError

CHUNK: Final = 4096

Check = Callable[[], None]
"""Called between pieces; raises JobCancelled where a stop was asked for."""


class SomeRows:
    """Some rows of an N×D array on disk, read when they are sliced."""

    def __init__(self, whole: NDArray[np.float32], rows: NDArray[np.int64]) -> None:
        self._whole, self._rows = whole, rows
        self.shape = len(rows), whole.shape[1]

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, wanted: slice | NDArray[np.int64]) -> NDArray[np.float32]:
        return self._whole[self._rows[wanted]]


Features = NDArray[np.floating] | SomeRows
"""N×D, in memory or not."""


def unchecked() -> None:
    """A check that never stops anything."""


@dataclass(frozen=True, eq=False)
class Principal:
    """A linear projection onto principal components (Pearson 1901; Hotelling 1933).

    Attributes:
        mean: D float64. axes: D×P float64, orthonormal columns, largest variance first; each with
            its largest entry positive, so that signs do not depend on the library.
        explained: P, shares of the total variance.
    """

    mean: NDArray[np.float64]
    axes: NDArray[np.float64]
    explained: NDArray[np.float64]

    def project(
        self, features: NDArray[np.floating], check: Check = unchecked
    ) -> NDArray[np.float32]:
        """N×D, also a memory map, to N×P float32; piece by piece."""
        found = np.empty((len(features), self.axes.shape[1]), np.float32)
        for first, part in pieces(features, check):
            found[first : first + len(part)] = (part - self.mean) @ self.axes
        return found


def drawn(count: int, most: int, seed: int) -> NDArray[np.int64]:
    """Indices of at most `most` of `count` samples, rising; the same for the same seed."""
    if count <= most:
        return np.arange(count)
    chosen = np.random.default_rng(seed).choice(count, most, replace=False)
    return np.sort(chosen).astype(np.int64)


def pieces(
    features: Features, check: Check = unchecked
) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Place of the first, and n×D float64, of `CHUNK` rows at a time."""
    for first in range(0, len(features), CHUNK):
        check()
        yield first, np.asarray(features[first : first + CHUNK], np.float64)


def principal(
    parts: tuple[NDArray[np.floating], ...], dimensions: int, check: Check = unchecked
) -> Principal:
    """Principal components of the rows of several N×D arrays together.

    Memory: one piece and D×D, whatever the number of rows.

    Raises:
        AnalysisError: fewer than two rows, values that are not finite, or rows that are all alike.
    """
    count = sum(len(part) for part in parts)
    if count < 2:
        raise AnalysisError("fewer than two samples have no principal components")
    width = parts[0].shape[1]
    total = np.zeros(width)
    for part in parts:
        for _, rows in pieces(part, check):
            total += rows.sum(axis=0)
    mean = total / count
    if not np.isfinite(mean).all():
        raise AnalysisError("features are not finite", remedy="Choose another layer or precision")
    scatter = np.zeros((width, width))
    for part in parts:
        for _, rows in pieces(part, check):
            centred = rows - mean
            scatter += centred.T @ centred
    values, vectors = np.linalg.eigh(scatter / (count - 1))
    values, vectors = np.maximum(values[::-1], 0), vectors[:, ::-1]
    if values.sum() == 0:
        raise AnalysisError("the features of all samples are alike", remedy="Choose another layer")
    kept = min(dimensions, width, count - 1)
    axes = vectors[:, :kept]
    largest = axes[np.abs(axes).argmax(axis=0), np.arange(kept)]
    return Principal(mean, axes * np.where(largest < 0, -1, 1), values[:kept] / values.sum())
