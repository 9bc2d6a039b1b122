"""Robust accuracy over ε, smallest budgets and transfer, by hand and by counting."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from medadv_desktop.analysis.metrics.proportions import Rate
from medadv_desktop.analysis.metrics.robust_curve import curve_from_rates, smallest_budgets
from medadv_desktop.analysis.metrics.transfer_matrix import Transfer, transfer_matrix


def test_that_the_area_of_cells_is_that_of_trapezoids_over_their_range() -> None:
    found = curve_from_rates([(4.0, Rate(2, 10)), (0.0, Rate(9, 10)), (1.0, Rate(5, 10))])
    assert [point.epsilon for point in found.points] == [0.0, 1.0, 4.0]
    assert found.area == pytest.approx((0.7 * 1 + 0.35 * 3) / 4)
    assert found.rises == ()


def test_that_robust_accuracy_that_rises_with_the_budget_is_told() -> None:
    found = curve_from_rates([(1.0, Rate(5, 10)), (2.0, Rate(6, 10)), (3.0, Rate(1, 10))])
    assert found.rises == ((1.0, 2.0),)


def test_that_one_budget_has_no_area_and_none_two_values() -> None:
    assert curve_from_rates([(1.0, Rate(5, 10)), (2.0, Rate(0, 0))]).area is None
    assert curve_from_rates([]).points == ()
    with pytest.raises(ValueError, match="each ε"):
        curve_from_rates([(1.0, Rate(1, 2)), (1.0, Rate(1, 3))])


def test_that_smallest_budgets_make_the_exact_curve() -> None:
    found = smallest_budgets(np.array([0.0, 2.0, 1.0, math.inf, 2.0]), searched_to=4.0)
    assert found is not None
    steps = [(point.epsilon, point.robust.count) for point in found.points]
    # At the budget that suffices a sample has fallen.
    assert steps == [(0.0, 4), (1.0, 3), (2.0, 1), (4.0, 1)]
    assert found.fallen == Rate(4, 5)
    assert found.area == pytest.approx((1 * 4 + 1 * 3 + 2 * 1) / 5 / 4)
    assert found.median == 2.0


def test_that_a_quantile_beyond_what_was_searched_is_none() -> None:
    found = smallest_budgets(np.array([1.0, math.inf, math.inf]), searched_to=3.0)
    assert found is not None
    assert found.median is None
    assert found.quantiles[0].epsilon == 1.0
    assert found.quantiles[-1].high is None


def test_that_quantiles_have_intervals_of_order_statistics() -> None:
    found = smallest_budgets(np.arange(1, 101) / 10)
    assert found is not None
    middle = next(q for q in found.quantiles if q.share == 0.5)
    # The textbook's ranks for the median of 100: 40 and 61.
    assert (middle.epsilon, middle.low, middle.high) == pytest.approx((5.0, 4.0, 6.1))
    assert binom.cdf(60, 100, 0.5) - binom.cdf(39, 100, 0.5) >= 0.95


@pytest.mark.parametrize("epsilons", [[-0.1, 1], [math.nan, 1], [0.5, 3.0]])
def test_that_budgets_that_make_no_sense_are_refused(epsilons: list[float]) -> None:
    with pytest.raises(ValueError, match="smallest budgets"):
        smallest_budgets(np.array(epsilons), searched_to=2.0)


def test_that_no_samples_and_no_known_range_have_no_distribution() -> None:
    assert smallest_budgets(np.zeros(0)) is None
    assert smallest_budgets(np.array([math.inf])) is None


def test_that_a_model_that_is_always_wrong_has_no_area() -> None:
    found = smallest_budgets(np.zeros(4))
    assert found is not None
    assert (found.area, found.median) == (0.0, 0.0)


@given(st.lists(st.integers(0, 40) | st.just(math.inf), min_size=1, max_size=60), st.integers(2, 9))
def test_that_thinned_curves_are_exact_where_they_stand(budgets: list[float], points: int) -> None:
    values = np.array(budgets, np.float64)
    found = smallest_budgets(values, searched_to=40.0, points=points)
    assert found is not None
    assert len(found.points) <= max(points, 2)
    for point in found.points:
        assert point.robust.count == (values > point.epsilon).sum()
    grid = np.arange(40 * 4) / 4
    assert found.area == pytest.approx(np.mean([(values > e).mean() for e in grid]), abs=1e-9)


def test_that_transfer_is_placed_by_model_and_judge() -> None:
    found = transfer_matrix(
        [
            Transfer("a", "a", Rate(1, 10), Rate(8, 9)),
            Transfer("a", "b", Rate(5, 10), Rate(3, 8)),
            Transfer("b", "b", Rate(2, 10), Rate(6, 8)),
        ]
    )
    assert (found.crafted_on, found.judged_by) == (("a", "b"), ("a", "b"))
    assert found.robust == ((Rate(1, 10), Rate(5, 10)), (None, Rate(2, 10)))
    assert found.success[0][1] == Rate(3, 8)
    with pytest.raises(ValueError, match="twice"):
        transfer_matrix([Transfer("a", "a", Rate(1, 2), Rate(1, 2))] * 2)
