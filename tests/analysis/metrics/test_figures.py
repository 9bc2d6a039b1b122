"""Rates, intervals and areas against other libraries and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, recall_score, roc_auc_score

from medadv_desktop.analysis.metrics.figures import Judged, figures, log_odds
from medadv_desktop.analysis.metrics.proportions import Rate, wilson
from medadv_desktop.models.roc import roc_area


@pytest.mark.parametrize(("count", "of"), [(0, 7), (7, 7), (3, 10), (1, 1), (512, 1000)])
def test_that_intervals_are_those_of_scipy(count: int, of: int) -> None:
    expected = binomtest(count, of).proportion_ci(0.95, method="wilson")
    assert wilson(count, of) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_that_nothing_has_no_rate() -> None:
    rate = Rate(0, 0)
    assert (rate.value, rate.low, rate.high) == (None, None, None)
    assert str(rate) == "no samples"


def test_that_areas_are_those_of_scikit_learn_also_with_ties() -> None:
    generator = np.random.default_rng(3)
    scores = generator.integers(0, 6, 50) / 5
    positive = generator.random(50) < 0.4
    assert roc_area(scores, positive) == pytest.approx(roc_auc_score(positive, scores))
    assert roc_area(scores, np.ones(50, np.bool_)) is None


def one_hot(labels: list[int], classes: int) -> np.ndarray:
    return np.array(labels)[:, None] == np.arange(classes)


def test_that_single_label_figures_follow_their_definitions() -> None:
    truth = [0, 0, 0, 1, 1, 2]
    before = [0, 0, 1, 1, 1, 0]
    after = [0, 1, 0, 2, 1, 2]
    scores = np.random.default_rng(0).dirichlet(np.ones(3), 6)
    moved = np.random.default_rng(1).dirichlet(np.ones(3), 6)
    found = figures(
        "abc",
        Judged(one_hot(truth, 3), one_hot(before, 3), scores),
        Judged(one_hot(truth, 3), one_hot(after, 3), moved),
        np.array([True, True, False]),
    )
    assert found.clean_accuracy == Rate(4, 6)
    # Samples 2 and 5 were wrong before: after the attack they are right, and still not robust.
    assert found.robust_accuracy == Rate(2, 6)
    assert found.attack_success_rate == Rate(2, 4)
    assert found.fooling_rate == Rate(4, 6)
    assert found.goal_rate == Rate(2, 3)
    expected = roc_auc_score(truth, scores, multi_class="ovr", average="macro")
    assert found.area == pytest.approx(expected)
    expected = roc_auc_score(truth, moved, multi_class="ovr", average="macro")
    assert found.robust_area == pytest.approx(expected)
    a = found.classes[0]
    assert (a.name, a.positives) == ("a", 3)
    assert (a.accuracy, a.sensitivity, a.specificity) == (Rate(4, 6), Rate(2, 3), Rate(2, 3))
    assert (a.robust_sensitivity, a.robust_specificity) == (Rate(1, 3), Rate(2, 3))
    assert a.fooling_rate == Rate(3, 6)


def test_that_two_classes_have_the_area_of_the_second() -> None:
    truth, scores = [0, 1, 0, 1, 1], np.random.default_rng(5).dirichlet(np.ones(2), 5)
    decided = scores.argmax(axis=1)
    found = figures("ab", Judged(one_hot(truth, 2), one_hot(list(decided), 2), scores))
    assert found.area == pytest.approx(roc_auc_score(truth, scores[:, 1]))
    assert found.robust_accuracy is None
    assert found.classes[1].robust_area is None


def test_that_multi_label_figures_are_those_of_scikit_learn() -> None:
    generator = np.random.default_rng(2)
    truth, decided = generator.random((2, 40, 4)) < 0.3
    scores = generator.random((40, 4))
    found = figures("abcd", Judged(truth, decided, scores))
    assert found.clean_accuracy.value == pytest.approx(accuracy_score(truth, decided))
    assert found.area == pytest.approx(roc_auc_score(truth, scores, average="macro"))
    for k, entry in enumerate(found.classes):
        assert entry.accuracy.value == pytest.approx(accuracy_score(truth[:, k], decided[:, k]))
        assert entry.sensitivity.value == pytest.approx(recall_score(truth[:, k], decided[:, k]))
        expected = recall_score(~truth[:, k], ~decided[:, k])
        assert entry.specificity.value == pytest.approx(expected)


def test_that_a_finding_without_positives_has_no_area_and_no_sensitivity() -> None:
    truth = np.array([[0, 1], [0, 0], [0, 1]], np.bool_)
    scores = np.array([[0.1, 0.9], [0.2, 0.3], [0.3, 0.2]])
    found = figures("ab", Judged(truth, truth, scores))
    assert found.classes[0].area is None
    assert found.classes[0].sensitivity.value is None
    assert found.area == pytest.approx(0.5)


def test_that_log_odds_are_those_of_the_softmax_and_never_round_together() -> None:
    logits = np.random.default_rng(4).normal(0, 3, (20, 4))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = np.log(probabilities / (1 - probabilities))
    np.testing.assert_allclose(log_odds(logits), expected, rtol=1e-9)
    sure = log_odds(np.array([[0.0, 60.0], [0.0, 61.0]]))
    assert sure.tolist() == [[-60.0, 60.0], [-61.0, 61.0]]
