"""Brier and calibration error against scikit-learn, by hand, and by their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from medadv_desktop.analysis.metrics.calibration import calibration, calibration_of


def test_that_a_single_probability_is_binned_and_scored_as_by_scikit_learn() -> None:
    generator = np.random.default_rng(0)
    said = generator.random(200)
    truth = generator.random(200) < said**1.5
    found = calibration_of(said, truth)
    assert found is not None
    assert found.brier.value == pytest.approx(brier_score_loss(truth, said))
    happened, mean = calibration_curve(truth, said, n_bins=15)
    filled = [entry for entry in found.bins if entry.happened.of]
    assert [b.happened.value for b in filled] == pytest.approx(happened)
    assert [b.mean for b in filled] == pytest.approx(mean)
    weights = np.array([b.happened.of for b in filled]) / 200
    assert found.ece == pytest.approx((weights * abs(happened - mean)).sum())


def test_that_bins_close_above_and_the_lowest_holds_zero() -> None:
    found = calibration_of(np.array([0.0, 0.5, 0.5000001, 1.0]), np.ones(4, np.bool_), bins=2)
    assert found is not None
    assert [entry.happened.of for entry in found.bins] == [2, 2]
    assert (found.bins[0].low, found.bins[0].high) == (0.0, 0.5)


def test_that_an_empty_bin_has_no_mean() -> None:
    found = calibration_of(np.array([0.01, 0.02]), np.array([False, True]))
    assert found is not None
    assert found.bins[7].mean is None
    assert found.bins[7].happened.value is None


def test_that_more_classes_are_judged_by_their_largest_probability() -> None:
    said = np.array([[0.7, 0.2, 0.1], [0.4, 0.5, 0.1], [0.6, 0.3, 0.1], [0.1, 0.1, 0.8]])
    truth = np.eye(3, dtype=np.bool_)[[0, 0, 0, 2]]
    found = calibration(said, truth, multi_label=False, bins=1)
    assert found is not None
    # Three of four right at a mean confidence of 0.65.
    assert found.ece == pytest.approx(0.75 - 0.65)
    expected = (
        0.09 + 0.04 + 0.01 + 0.36 + 0.25 + 0.01 + 0.16 + 0.09 + 0.01 + 0.01 + 0.01 + 0.04
    ) / 4
    assert found.brier.value == pytest.approx(expected)
    each = [brier_score_loss(truth[:, k], said[:, k]) for k in range(3)]
    assert found.brier.value == pytest.approx(sum(each))


def test_that_two_classes_are_judged_by_the_second() -> None:
    generator = np.random.default_rng(2)
    second = generator.random(40)
    truth = generator.random(40) < 0.5
    both = calibration(
        np.stack([1 - second, second], axis=1),
        np.stack([~truth, truth], axis=1),
        multi_label=False,
    )
    assert both == calibration_of(second, truth)


def test_that_findings_are_judged_together_and_a_sample_counts_once() -> None:
    generator = np.random.default_rng(3)
    said, truth = generator.random((50, 4)), generator.random((50, 4)) < 0.3
    found = calibration(said, truth, multi_label=True)
    flat = calibration_of(said.ravel(), truth.ravel())
    assert found is not None
    assert flat is not None
    assert (found.ece, found.bins) == (flat.ece, flat.bins)
    assert found.brier.value == pytest.approx(np.mean((said - truth) ** 2))
    means = ((said - truth) ** 2).mean(axis=1)
    half = 1.959963984540054 * means.std(ddof=1) / np.sqrt(50)
    assert found.brier.high == pytest.approx(found.brier.value + half)


def test_that_nothing_has_no_calibration_and_one_sample_no_interval() -> None:
    assert calibration(np.zeros((0, 3)), np.zeros((0, 3), np.bool_), multi_label=False) is None
    assert calibration_of(np.zeros(0), np.zeros(0, np.bool_)) is None
    found = calibration_of(np.array([0.3]), np.array([True]))
    assert found is not None
    assert (found.brier.value, found.brier.low) == (pytest.approx(0.49), None)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=40))
def test_that_every_sample_lies_in_the_bin_that_its_probability_names(
    samples: list[tuple[float, bool]],
) -> None:
    said, truth = np.array([s for s, _ in samples]), np.array([t for _, t in samples])
    found = calibration_of(said, truth)
    assert found is not None
    assert sum(entry.happened.of for entry in found.bins) == len(samples)
    assert 0 <= found.ece <= 1
    for entry in found.bins:
        if entry.mean is not None:
            assert entry.low - 1e-12 <= entry.mean <= entry.high + 1e-12
