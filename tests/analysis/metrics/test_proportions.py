"""Intervals and tests of shares against published tables, scipy, and formulas turned round."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import binomtest

from medadv_desktop.analysis.metrics.operating import mean_of_rates
from medadv_desktop.analysis.metrics.proportions import (
    McNemar,
    Rate,
    independent_difference,
    mcnemar,
    paired_difference,
    wilson,
)

Z = 1.959963984540054


def pairs(both: int, only_first: int, only_second: int, neither: int) -> tuple[np.ndarray, ...]:
    first = [True] * (both + only_first) + [False] * (only_second + neither)
    second = [True] * both + [False] * only_first + [True] * only_second + [False] * neither
    return np.array(first, np.bool_), np.array(second, np.bool_)


# Newcombe, Statistics in Medicine 17:857-872, 1998, table I, method 3.
@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_that_wilson_intervals_are_the_published(count: int, of: int, low: float, high: float):
    assert wilson(count, of) == pytest.approx((low, high), abs=5e-5)


# Newcombe, Statistics in Medicine 17:873-890, 1998, table II, method 10.
@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        (Rate(56, 70), Rate(48, 80), 0.0524, 0.3339),
        (Rate(9, 10), Rate(3, 10), 0.1705, 0.8090),
        (Rate(6, 7), Rate(2, 7), 0.0582, 0.8062),
        (Rate(5, 56), Rate(0, 29), -0.0381, 0.1926),
        (Rate(0, 10), Rate(0, 20), -0.1611, 0.2775),
        (Rate(0, 10), Rate(0, 10), -0.2775, 0.2775),
        (Rate(10, 10), Rate(0, 20), 0.6791, 1.0),
        (Rate(10, 10), Rate(0, 10), 0.6075, 1.0),
    ],
)
def test_that_differences_of_independent_shares_are_newcombes(
    first: Rate, second: Rate, low: float, high: float
) -> None:
    found = independent_difference(first, second)
    assert found is not None
    assert found.value == pytest.approx(first.count / first.of - second.count / second.of)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


def test_that_there_is_no_difference_from_nothing() -> None:
    assert independent_difference(Rate(0, 0), Rate(1, 2)) is None
    nothing = np.zeros(0, np.bool_)
    assert paired_difference(nothing, nothing) is None
    assert mean_of_rates([Rate(1, 2), Rate(0, 0)]) is None


def refused_at(delta: float, b: int, c: int, n: int) -> float:
    """The score statistic of Tango with the likelihood made largest numerically."""

    def minus_log_likelihood(second: float) -> float:
        first = second + delta
        rest = 1 - first - second
        return -(b * math.log(first) + c * math.log(second) + (n - b - c) * math.log(rest))

    low, high = max(0.0, -delta) + 1e-12, (1 - delta) / 2 - 1e-12
    best = minimize_scalar(
        minus_log_likelihood, bounds=(low, high), method="bounded", options={"xatol": 1e-13}
    ).x
    return (b - c - n * delta) / math.sqrt(n * (2 * best + delta - delta**2))


# Bentur et al. 2009 and Cavo et al. 2012, as worked by Fagerland et al., Statistics in Medicine
# 33:2850-2875, 2014; and that of the documentation of the R package PropCIs.
@pytest.mark.parametrize("table", [(1, 1, 7, 12), (59, 6, 16, 80), (50, 40, 20, 50)])
def test_that_differences_of_pairs_are_those_the_score_test_does_not_refuse(
    table: tuple[int, int, int, int],
) -> None:
    _, b, c, _ = table
    n = sum(table)
    found = paired_difference(*pairs(*table))
    assert found is not None
    assert found.value == pytest.approx((b - c) / n)
    low = brentq(lambda d: refused_at(d, b, c, n) - Z, -0.9, found.value)
    high = brentq(lambda d: refused_at(d, b, c, n) + Z, found.value, 0.9)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-5)


def test_that_the_difference_of_pairs_is_the_published() -> None:
    found = paired_difference(*pairs(1, 1, 7, 12))
    assert found is not None
    assert (found.value, found.low, found.high) == pytest.approx((-0.286, -0.517, -0.026), abs=6e-4)


def test_that_equal_answers_still_leave_doubt_about_the_difference() -> None:
    same = np.ones(20, np.bool_)
    found = paired_difference(same, same)
    assert found is not None
    # Solved by hand: n·Δ² = z²·(Δ - Δ²) gives Δ = z²/(n + z²).
    assert found.high == pytest.approx(Z**2 / (20 + Z**2))
    assert found.low == pytest.approx(-(Z**2) / (20 + Z**2))


def test_that_a_total_difference_ends_at_one() -> None:
    found = paired_difference(np.ones(5, np.bool_), np.zeros(5, np.bool_))
    assert found is not None
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low is not None
    assert 0.1 < found.low < 0.6


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_that_differences_of_pairs_are_mirrored_and_hold_their_value(
    answers: list[tuple[bool, bool]],
) -> None:
    first, second = np.array(answers, np.bool_).T
    one, other = paired_difference(first, second), paired_difference(second, first)
    assert one is not None
    assert other is not None
    assert -1 <= one.low <= one.value <= one.high <= 1  # type: ignore[operator]
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low), abs=1e-9)  # type: ignore[operator]


def test_that_mcnemar_is_exact() -> None:
    # Agresti, Categorical Data Analysis, table 10.1 (approval of the Prime Minister).
    found = mcnemar(*pairs(794, 150, 86, 570))
    assert (found.only_first, found.only_second) == (150, 86)
    assert found.p == pytest.approx(3.716e-05, rel=1e-3)
    # Bentur et al.: twice the tail of one or fewer heads in eight.
    assert mcnemar(*pairs(1, 1, 7, 12)).p == pytest.approx(2 * (1 + 8) / 2**8)


def test_that_models_that_never_differ_give_no_evidence() -> None:
    same = np.array([True, False, True])
    assert mcnemar(same, same) == McNemar(0, 0, 1.0)
    with pytest.raises(ValueError, match="pairs"):
        mcnemar(same, same[:2])


@given(st.integers(0, 300), st.integers(1, 300))
def test_that_wilson_agrees_with_scipy_everywhere(count: int, of: int) -> None:
    count = min(count, of)
    expected = binomtest(count, of).proportion_ci(0.95, method="wilson")
    assert wilson(count, of) == pytest.approx((expected.low, expected.high), abs=1e-12)
