"""Correlation of what a model says, on matrices made by hand and against numpy."""

from __future__ import annotations

import numpy as np
import pytest

from medadv_desktop.analysis.label_correlation import clustered, correlation, label_correlation
from medadv_desktop.errors import AnalysisError

NAMES = ("effusion", "nodule", "mass")


def test_that_phi_is_that_of_the_four_counts() -> None:
    # n11 = 30, n10 = 10, n01 = 20, n00 = 40.
    first = np.repeat([1, 1, 0, 0], [30, 10, 20, 40])
    second = np.repeat([1, 0, 1, 0], [30, 10, 20, 40])
    phi = (30 * 40 - 10 * 20) / np.sqrt(40 * 60 * 50 * 50)
    assert correlation(np.stack([first, second], 1))[0, 1] == pytest.approx(phi, abs=1e-12)


def test_that_correlations_are_those_of_numpy() -> None:
    values = np.random.default_rng(0).uniform(size=(50, 6))
    values[:, 3] = 1 - values[:, 0]
    assert np.allclose(correlation(values), np.corrcoef(values, rowvar=False), atol=1e-12)


def test_that_a_constant_finding_is_undefined_and_never_zero() -> None:
    clean = np.array([[0, 1, 1], [1, 1, 0], [0, 1, 1], [1, 1, 0]])
    found = label_correlation(NAMES, clean, clean, clean)
    k = found.findings.index("nodule")
    assert found.clean[k] == (None, None, None)
    assert all(row[k] is None for row in found.difference)
    assert found.constant_clean == ("nodule",)
    assert (found.undefined, found.pairs) == (2, 3)
    assert found.distance == 0.0
    assert all(chart.text(k, k) == "–" for chart in found.charts())


def test_that_nothing_but_constants_has_no_distance() -> None:
    ones = np.ones((4, 3), int)
    found = label_correlation(NAMES, ones, ones, ones)
    assert found.distance is None
    assert found.undefined == found.pairs == 3


def test_that_the_distance_is_the_frobenius_norm_of_the_difference() -> None:
    rng = np.random.default_rng(1)
    clean, changed = rng.integers(0, 2, (2, 40, 3))
    found = label_correlation(NAMES, clean, clean, changed)
    expected = np.linalg.norm(np.corrcoef(changed, rowvar=False) - np.corrcoef(clean, rowvar=False))
    assert found.distance == pytest.approx(expected, abs=1e-12)
    difference = np.array(found.difference, float)
    assert np.linalg.norm(difference) == pytest.approx(expected, abs=1e-12)


def test_that_pairs_which_occur_under_attack_alone_are_named_with_their_counts() -> None:
    labels = np.array([[1, 1, 0], [0, 0, 1], [1, 0, 0], [0, 0, 1]])
    clean = np.array([[1, 1, 0], [0, 0, 1], [1, 0, 1], [0, 0, 1]])
    changed = np.array([[1, 1, 1], [0, 1, 1], [1, 0, 1], [0, 0, 1]])
    found = label_correlation(NAMES, labels, clean, changed)
    pairs = {(p.first, p.second): (p.clean, p.adversarial) for p in found.impossible}
    assert pairs == {("effusion", "mass"): (1, 2), ("nodule", "mass"): (0, 2)}
    assert {p.expected for p in found.impossible} == {2 * 2 / 4, 1 * 2 / 4}


def test_that_alike_findings_stand_together() -> None:
    matrix = np.eye(4)
    matrix[0, 2] = matrix[2, 0] = matrix[1, 3] = matrix[3, 1] = 0.9
    order = clustered(matrix)
    assert {frozenset(order[:2]), frozenset(order[2:])} == {frozenset({0, 2}), frozenset({1, 3})}


def test_that_one_finding_or_one_image_is_refused() -> None:
    one = np.ones((4, 1), int)
    with pytest.raises(AnalysisError, match="at least two"):
        label_correlation(("mass",), one, one, one)
    with pytest.raises(AnalysisError, match="too few"):
        label_correlation(NAMES, np.ones((1, 3)), np.ones((1, 3)), np.ones((1, 3)))
