"""Areas and their intervals against scikit-learn, loops over all pairs, and resampling by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import norm
from sklearn.metrics import auc, roc_auc_score
from sklearn.metrics import roc_curve as all_corners

from medadv_desktop.analysis.metrics.areas import (
    Draw,
    areas,
    compare_areas,
    newcombe,
    roc_curve,
)
from medadv_desktop.analysis.metrics.delong import pulls

Z = 1.959963984540054


def placed(scores: np.ndarray, positive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """V10 and V01 of DeLong et al., equations 4 and 5, pair by pair."""
    upper, lower = scores[positive][:, None], scores[~positive][None, :]
    won = (upper > lower) + 0.5 * (upper == lower)
    return won.mean(axis=1), won.mean(axis=0)


def delong_covariance(scores: list[np.ndarray], positive: np.ndarray) -> np.ndarray:
    parts = [placed(each, positive) for each in scores]
    v10, v01 = np.stack([p[0] for p in parts]), np.stack([p[1] for p in parts])
    return np.atleast_2d(np.cov(v10)) / v10.shape[1] + np.atleast_2d(np.cov(v01)) / v01.shape[1]


def some(seed: int, n: int = 60, levels: int = 12) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    positive = generator.random(n) < 0.45
    first = np.round((generator.normal(size=n) + positive) * levels / 6)
    second = np.round((generator.normal(size=n) + 0.5 * positive + first / levels) * levels / 6)
    return first, second, positive


@pytest.mark.parametrize("seed", range(3))
def test_that_intervals_are_those_of_delong_also_with_ties(seed: int) -> None:
    scores, _, positive = some(seed)
    found = areas(scores[:, None], positive[:, None]).classes[0]
    assert found is not None
    assert found.method == "DeLong"
    assert found.value == pytest.approx(roc_auc_score(positive, scores))
    half = Z * math.sqrt(delong_covariance([scores], positive)[0, 0])
    # Symmetric in log odds, with the slope of the transformation at the area.
    middle, slope = logit(found.value), 1 / (found.value * (1 - found.value))
    assert found.low == pytest.approx(expit(middle - slope * half))
    assert found.high == pytest.approx(expit(middle + slope * half))


@pytest.mark.parametrize("seed", range(3))
def test_that_two_models_are_compared_by_delongs_test(seed: int) -> None:
    first, second, positive = some(seed)
    found = compare_areas(first, second, positive)
    assert found is not None
    covariance = delong_covariance([first, second], positive)
    deviation = math.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    difference = roc_auc_score(positive, first) - roc_auc_score(positive, second)
    assert found.difference.value == pytest.approx(difference)
    assert found.p == pytest.approx(2 * norm.sf(abs(difference) / deviation))
    assert found.difference.low == pytest.approx(difference - Z * deviation)
    assert not found.few


def test_that_a_model_compared_with_itself_gives_no_evidence() -> None:
    first, _, positive = some(1)
    found = compare_areas(first, first * 2 + 1, positive)
    assert found is not None
    assert (found.difference.value, found.difference.low, found.p) == (0.0, None, 1.0)
    assert compare_areas(first, first, np.ones(len(first), np.bool_)) is None


def multi_label(seed: int, n: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    own = generator.normal(size=(n, 1))
    truth = generator.normal(size=(n, k)) + own > 0.5
    return generator.normal(size=(n, k)) + truth + 0.5 * own, truth


def test_that_averages_are_those_of_scikit_learn() -> None:
    scores, truth = multi_label(0, 80, 4)
    found = areas(scores, truth)
    assert found.macro is not None
    assert found.micro is not None
    assert found.macro.value == pytest.approx(roc_auc_score(truth, scores, average="macro"))
    assert found.micro.value == pytest.approx(roc_auc_score(truth, scores, average="micro"))


@pytest.mark.parametrize("average", ["macro", "micro"])
def test_that_intervals_of_averages_take_a_sample_as_one(average: str) -> None:
    """Against samples drawn again, each with all its findings, and scored by scikit-learn."""
    scores, truth = multi_label(3, 250, 3)
    found = getattr(areas(scores, truth), average)
    generator = np.random.default_rng(0)
    drawn = []
    for _ in range(250):
        rows = generator.integers(0, 250, 250)
        drawn.append(roc_auc_score(truth[rows], scores[rows], average=average))
    assert found.method == "DeLong"
    slope = 1 / (found.value * (1 - found.value))
    deviation = (logit(found.high) - logit(found.low)) / 2 / Z / slope
    assert deviation == pytest.approx(np.std(drawn), rel=0.15)


def test_that_averages_of_few_are_drawn_again_the_same_way_each_time() -> None:
    scores, truth = multi_label(1, 30, 3)
    truth[:, 2] = False
    truth[:4, 2] = True
    found = areas(scores, truth, draw=Draw(seed=5))
    assert found.macro is not None
    assert found.macro.method == "bootstrap"
    assert found == areas(scores, truth, draw=Draw(seed=5))
    assert found != areas(scores, truth, draw=Draw(seed=6))
    without = areas(scores, truth, draw=Draw(resamples=0)).macro
    assert without is not None
    assert without.method == "DeLong"
    generator = np.random.default_rng(2)
    drawn = []
    while len(drawn) < 1000:
        rows = generator.integers(0, 30, 30)
        own = truth[rows]
        known = [k for k in range(3) if own[:, k].any() and not own[:, k].all()]
        drawn.append(np.mean([placed(scores[rows, k], own[:, k])[0].mean() for k in known]))
    assert (found.macro.low, found.macro.high) == pytest.approx(
        tuple(np.quantile(drawn, [0.025, 0.975])), abs=0.03
    )


def test_that_the_mean_of_two_classes_is_the_second() -> None:
    scores, _, positive = some(2)
    both = np.stack([-scores, scores], axis=1)
    found = areas(both, np.stack([~positive, positive], axis=1), two_classes=True)
    assert found.macro == found.micro == found.classes[1]


def test_that_a_class_without_samples_has_no_area_and_no_part_in_the_mean() -> None:
    scores, truth = multi_label(4, 60, 3)
    truth[:, 1] = False
    found = areas(scores, truth)
    assert found.classes[1] is None
    assert found.macro is not None
    expected = roc_auc_score(truth[:, [0, 2]], scores[:, [0, 2]], average="macro")
    assert found.macro.value == pytest.approx(expected)
    assert areas(scores, np.zeros_like(truth)).macro is None
    assert areas(scores, np.zeros_like(truth)).micro is None


@pytest.mark.parametrize(("area", "m", "n"), [(1.0, 20, 30), (0.0, 5, 5), (0.8, 6, 40)])
def test_that_areas_of_few_have_newcombes_interval(area: float, m: int, n: int) -> None:
    def distance(theta: float) -> float:
        even = (m + n) / 2 - 1
        factor = 1 + even * (1 - theta) / (2 - theta) + even * theta / (1 + theta)
        return (theta - area) ** 2 - Z**2 * theta * (1 - theta) * factor / (m * n)

    low, high = newcombe(area, m, n)
    assert low == pytest.approx(0 if area == 0 else brentq(distance, 1e-9, area - 1e-9), abs=1e-8)
    expected = 1 if area == 1 else brentq(distance, area + 1e-9, 1 - 1e-12)
    assert high == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("k", [1, 3])
def test_that_classes_that_are_apart_altogether_still_leave_doubt(k: int) -> None:
    truth = np.tile(np.arange(40)[:, None] >= 20, (1, k))
    found = areas(np.tile(np.arange(40.0)[:, None], (1, k)), truth)
    for estimate in (found.macro, found.micro, *found.classes):
        assert estimate is not None
        assert (estimate.value, estimate.high, estimate.method) == (1.0, 1.0, "Newcombe")
        assert estimate.low is not None
        assert 0.8 < estimate.low < 0.95


def test_that_a_score_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="not a number"):
        pulls(np.array([0.1, np.nan]), np.array([True, False]))


@given(
    st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2, max_size=40),
    st.integers(1, 5),
)
def test_that_areas_keep_to_order_alone_and_mirror(
    samples: list[tuple[int, bool]], scale: int
) -> None:
    scores = np.array([s for s, _ in samples], np.float64)
    positive = np.array([p for _, p in samples])
    found = pulls(scores, positive)
    assert (found is None) == (positive.all() or not positive.any())
    if found is None:
        return
    stretched, mirrored = pulls(np.exp(scores * scale), positive), pulls(-scores, positive)
    assert stretched is not None
    assert mirrored is not None
    assert stretched.area == pytest.approx(found.area)
    assert stretched.deviation == pytest.approx(found.deviation)
    assert mirrored.area == pytest.approx(1 - found.area)
    assert mirrored.deviation == pytest.approx(found.deviation, abs=1e-9)
    assert found.pulls.sum() == pytest.approx(0, abs=1e-9)
    own = areas(scores[:, None], positive[:, None]).macro
    assert own is not None
    assert 0 <= own.low <= own.value <= own.high <= 1  # type: ignore[operator]


def test_that_a_long_roc_curve_is_thinned_to_its_own_corners() -> None:
    generator = np.random.default_rng(0)
    positive = generator.random(4000) < 0.4
    scores = generator.normal(size=4000) + positive
    found = roc_curve(scores, positive)
    assert found is not None
    across, up = np.array(found.false_positive_rate), np.array(found.true_positive_rate)
    assert 100 < len(across) <= 200
    assert (across[0], up[0], across[-1], up[-1]) == (0, 0, 1, 1)
    corners = np.stack(all_corners(positive, scores, drop_intermediate=False)[:2], axis=1)
    for corner in np.stack([across, up], axis=1):
        assert np.abs(corners - corner).sum(axis=1).min() < 1e-12
    assert auc(across, up) == pytest.approx(roc_auc_score(positive, scores), abs=2e-3)
    assert found.thresholds[0] is None
    for x, y, threshold in list(zip(across, up, found.thresholds, strict=True))[1::40]:
        assert x == pytest.approx((scores[~positive] >= threshold).mean())
        assert y == pytest.approx((scores[positive] >= threshold).mean())


def test_that_a_short_roc_curve_is_whole() -> None:
    found = roc_curve(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True]))
    assert found is not None
    # The example of scikit-learn's documentation.
    assert found.false_positive_rate == (0.0, 0.0, 0.5, 0.5, 1.0)
    assert found.true_positive_rate == (0.0, 0.5, 0.5, 1.0, 1.0)
    assert roc_curve(np.zeros(3), np.zeros(3, np.bool_)) is None
