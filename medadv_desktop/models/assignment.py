"""The cheapest one-to-one assignment (the Hungarian method, Kuhn 1955; here in Munkres' O(n³))."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def best_assignment(costs: NDArray[np.float64]) -> NDArray[np.intp]:
    """For each row of an n×n matrix its column, so that the sum of costs is smallest.

    Rows are added one by one; each finds the shortest augmenting path by reduced costs.
    """
    size = len(costs)
    rows, columns = np.zeros(size + 1), np.zeros(size + 1)  # potentials; the last is a dummy
    row_of = np.full(size + 1, -1)
    for row in range(size):
        row_of[size] = row
        column, least = size, np.full(size, np.inf)
        previous = np.full(size, size)
        done = np.zeros(size + 1, dtype=bool)
        while row_of[column] >= 0:
            done[column] = True
            current = row_of[column]
            reduced = costs[current] - rows[current] - columns[:size]
            better = ~done[:size] & (reduced < least)
            least[better], previous[better] = reduced[better], column
            following = int(np.where(done[:size], np.inf, least).argmin())
            step = least[following]
            rows[row_of[done]] += step
            columns[done] -= step
            least[~done[:size]] -= step
            column = following
        while column != size:
            row_of[column] = row_of[previous[column]]
            column = int(previous[column])
    result = np.empty(size, dtype=np.intp)
    result[row_of[:size]] = np.arange(size)
    return result
