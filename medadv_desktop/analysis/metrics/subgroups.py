"""The same figures for groups of patients: sex, age band, scanner, site, skin type."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.analysis.metrics.estimates import Estimate, Z
from medadv_desktop.analysis.metrics.proportions import Rate, independent_difference, rate

# With fewer, a group says next to nothing; it is shown, and flagged.
SMALL: Final = 10
# A column of more distinct values names patients, not groups of them.
MOST_GROUPS: Final = 100


@dataclass(frozen=True)
class GroupRate:
    """A share within a group.

    Attributes:
        name: value of the column; "" for samples of which it is not known.
        small: fewer than ten samples count towards the share.
    """

    name: str
    rate: Rate
    small: bool


@dataclass(frozen=True)
class Gap:
    """Between the groups with the largest and the smallest share.

    The interval is that of two groups named beforehand. These two were picked for being the
    farthest apart, so it is too narrow, the more so the more groups there are.
    """

    highest: str
    lowest: str
    difference: Estimate


@dataclass(frozen=True)
class GroupedRates:
    """A share for every group, by name, the unknown last.

    Attributes:
        gap: between groups that are known and not small; None with fewer than two of them.
    """

    groups: tuple[GroupRate, ...]
    gap: Gap | None


@dataclass(frozen=True)
class GroupMean:
    """The mean of a score within a group; `mean` is None of no finite scores."""

    name: str
    samples: int
    mean: Estimate | None
    small: bool


def rows_of_groups(names: Sequence[str]) -> dict[str, NDArray[np.intp]]:
    """Rows of each distinct name, names sorted, "" last."""
    numbers: dict[str, int] = {}
    codes = np.fromiter((numbers.setdefault(n, len(numbers)) for n in names), np.intp, len(names))
    order = np.argsort(codes, kind="stable")
    ends = np.cumsum(np.bincount(codes, minlength=len(numbers)))
    rows = dict(zip(numbers, np.split(order, ends[:-1]), strict=True)) if numbers else {}
    return {name: rows[name] for name in sorted(rows, key=lambda name: (name == "", name))}


def by_group(
    names: Sequence[str], hits: NDArray[np.bool_], among: NDArray[np.bool_] | None = None
) -> GroupedRates:
    """The share of True for each group of N samples.

    Args:
        names: N values of a column; "" where it is not known.
        among: N: those that count; None for all.
    """
    return grouped_rates(
        {
            name: rate(hits[rows] if among is None else hits[rows][among[rows]])
            for name, rows in rows_of_groups(names).items()
        }
    )


def grouped_rates(rates: dict[str, Rate]) -> GroupedRates:
    """From the shares themselves, in the order given."""
    groups = tuple(GroupRate(name, share, share.of < SMALL) for name, share in rates.items())
    return GroupedRates(groups, _gap([group for group in groups if group.name and not group.small]))


def _gap(groups: list[GroupRate]) -> Gap | None:
    if len(groups) < 2:
        return None
    ordered = sorted(groups, key=lambda group: group.rate.count / group.rate.of)
    difference = independent_difference(ordered[-1].rate, ordered[0].rate)
    assert difference is not None
    return Gap(ordered[-1].name, ordered[0].name, difference)


def means_by_group(names: Sequence[str], scores: NDArray[np.floating]) -> tuple[GroupMean, ...]:
    """The mean of N scores (a norm, SSIM, steps, time) for each group.

    Scores that are not finite (no perturbation, PSNR of equal images) do not count.
    """
    found = []
    for name, rows in rows_of_groups(names).items():
        own = np.asarray(scores[rows], np.float64)
        own = own[np.isfinite(own)]
        found.append(GroupMean(name, len(own), _mean(own), len(own) < SMALL))
    return tuple(found)


def _mean(values: NDArray[np.float64]) -> Estimate | None:
    if not len(values):
        return None
    value = float(values.mean())
    if len(values) < 2:
        return Estimate(value, None, None, "a single sample")
    half = Z * float(values.std(ddof=1)) / math.sqrt(len(values))
    return Estimate(value, value - half, value + half, "normal")
