"""Decisions at the operating threshold, and confusion, against scikit-learn and draws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import (
    balanced_accuracy_score,
    confusion_matrix,
    f1_score,
    multilabel_confusion_matrix,
    precision_score,
    recall_score,
)

from medadv_desktop.analysis.metrics.confusion import confusion
from medadv_desktop.analysis.metrics.operating import (
    Operating,
    f1_of,
    macro_f1,
    mean_of_rates,
    operating,
)
from medadv_desktop.analysis.metrics.proportions import Rate

Z = 1.959963984540054


def decisions(seed: int, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    truth = generator.random(shape) < 0.4
    return truth, truth ^ (generator.random(shape) < 0.25)


def test_that_figures_at_the_threshold_are_those_of_scikit_learn() -> None:
    truth, decided = decisions(0, (90,))
    found = operating(truth, decided)
    assert found.sensitivity.value == pytest.approx(recall_score(truth, decided))
    assert found.specificity.value == pytest.approx(recall_score(~truth, ~decided))
    assert found.ppv.value == pytest.approx(precision_score(truth, decided))
    assert found.npv.value == pytest.approx(precision_score(~truth, ~decided))
    assert found.f1 is not None
    assert found.f1.value == pytest.approx(f1_score(truth, decided))
    assert found.balanced_accuracy is not None
    expected = balanced_accuracy_score(truth, decided)
    assert found.balanced_accuracy.value == pytest.approx(expected)


def test_that_the_interval_of_f1_fits_samples_drawn_again() -> None:
    counts = np.array([120, 40, 30, 210])
    found = f1_of(*counts[:3])
    drawn = np.random.default_rng(0).multinomial(400, counts / 400, 20_000)
    values = 2 * drawn[:, 0] / (2 * drawn[:, 0] + drawn[:, 1] + drawn[:, 2])
    assert found is not None
    assert (found.low, found.high) == pytest.approx(np.quantile(values, [0.025, 0.975]), abs=0.006)


def test_that_perfect_and_useless_f1_still_leave_doubt() -> None:
    perfect, useless = f1_of(10, 0, 0), f1_of(0, 3, 7)
    assert perfect is not None
    assert useless is not None
    # Wilson of 10 of 10: n/(n + z²); and 2s/(1 + s) of it.
    share = 10 / (10 + Z**2)
    assert (perfect.low, perfect.high) == pytest.approx((2 * share / (1 + share), 1.0))
    assert useless.low == 0
    assert useless.high == pytest.approx(2 * (1 - share) / (2 - share))
    assert f1_of(0, 0, 0) is None


def test_that_the_interval_of_balanced_accuracy_fits_samples_drawn_again() -> None:
    found = Operating(80, 30, 20, 170).balanced_accuracy
    generator = np.random.default_rng(0)
    drawn = generator.binomial(100, 0.8, 20_000) / 200
    drawn = drawn + generator.binomial(200, 0.85, 20_000) / 400
    assert found is not None
    assert (found.low, found.high) == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.006)
    assert Operating(3, 0, 2, 0).balanced_accuracy is None


@pytest.mark.parametrize("k", [3, 5])
def test_that_macro_f1_and_balanced_accuracy_are_those_of_scikit_learn(k: int) -> None:
    generator = np.random.default_rng(k)
    truth, said = generator.integers(0, k, (2, 150))
    said = np.where(generator.random(150) < 0.6, truth, said)
    tables = truth[:, None] == np.arange(k), said[:, None] == np.arange(k)
    found = macro_f1(*tables)
    assert found is not None
    assert found.value == pytest.approx(f1_score(truth, said, average="macro"))
    balanced = mean_of_rates(
        [Rate(int((said[truth == c] == c).sum()), int((truth == c).sum())) for c in range(k)]
    )
    assert balanced is not None
    assert balanced.value == pytest.approx(balanced_accuracy_score(truth, said))


def test_that_the_interval_of_macro_f1_takes_a_sample_as_one() -> None:
    truth, decided = decisions(3, (300, 3))
    found = macro_f1(truth, decided)
    generator = np.random.default_rng(0)
    drawn = []
    for _ in range(400):
        rows = generator.integers(0, 300, 300)
        t, d = truth[rows], decided[rows]
        drawn.append(np.mean(2 * (t & d).sum(0) / (t.sum(0) + d.sum(0))))
    assert found is not None
    assert found.high is not None
    assert (found.high - found.value) / Z == pytest.approx(np.std(drawn), rel=0.12)


def test_that_perfect_macro_f1_claims_no_interval() -> None:
    truth = np.eye(3, dtype=np.bool_)
    found = macro_f1(truth, truth)
    assert found is not None
    assert (found.value, found.low, found.high) == (1.0, None, None)
    assert "no interval" in str(found)
    assert macro_f1(np.zeros((4, 2), np.bool_), np.zeros((4, 2), np.bool_)) is None


def test_that_confusion_is_that_of_scikit_learn() -> None:
    generator = np.random.default_rng(1)
    truth, said = generator.integers(0, 3, (2, 70))
    one_hot = [labels[:, None] == np.arange(4) for labels in (truth, said)]
    found = confusion("abcd", *one_hot, multi_label=False)
    np.testing.assert_array_equal(found.counts, confusion_matrix(truth, said, labels=range(4)))
    np.testing.assert_allclose(
        found.shares[:3],
        confusion_matrix(truth, said, labels=range(4), normalize="true")[:3],
    )
    # No sample of the fourth: no share, and not a share of 0.
    assert np.isnan(found.shares[3]).all()


def test_that_confusion_of_findings_is_that_of_scikit_learn() -> None:
    truth, decided = decisions(2, (50, 3))
    found = confusion("abc", truth, decided, multi_label=True)
    np.testing.assert_array_equal(found.counts, multilabel_confusion_matrix(truth, decided))
    assert found.counts.shape == (3, 2, 2)


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40), st.integers(0, 40))
def test_that_intervals_hold_their_value_within_0_and_1(tp: int, fp: int, fn: int, tn: int) -> None:
    found = Operating(tp, fp, fn, tn)
    for estimate in (found.f1, found.balanced_accuracy):
        if estimate is not None:
            low, high = estimate.low, estimate.high
            assert low is not None
            assert high is not None
            assert -1e-12 <= low <= estimate.value + 1e-12 <= high + 2e-12 <= 1 + 4e-12
