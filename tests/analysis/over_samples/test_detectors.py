"""Detectors against other libraries, and on planted cases."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import median_filter
from sklearn.covariance import LedoitWolf
from sklearn.metrics import roc_auc_score

from medadv_desktop.analysis.detectors import (
    WARNING,
    detection,
    fit_gaussians,
    intrinsic_dimensionality,
    roc_chart,
)
from medadv_desktop.analysis.squeezing import fewer_bits, median
from medadv_desktop.errors import AnalysisError


def test_that_the_covariance_is_shrunk_as_by_ledoit_and_wolf() -> None:
    values = np.random.default_rng(0).normal(size=(30, 8)) @ np.diag(np.arange(1, 9))
    own = fit_gaussians(values, np.zeros(30, int))
    peer = LedoitWolf().fit(values)
    assert own.shrinkage == pytest.approx(peer.shrinkage_)
    assert np.allclose(own.scores(values), peer.mahalanobis(values))


def test_that_the_nearest_class_counts() -> None:
    rng = np.random.default_rng(0)
    classes = np.repeat([2, 5], 200)
    values = rng.normal(size=(400, 3)) + np.where(classes == 5, 100, 0)[:, None]
    found = fit_gaussians(values, classes)
    scores = found.scores(np.array([[0.0] * 3, [100.0] * 3, [50.0] * 3]))
    assert (scores[:2] < 0.5).all()
    assert scores[2] > 1000


def test_that_intrinsic_dimensionality_is_that_of_the_space_the_points_fill() -> None:
    rng = np.random.default_rng(0)
    for dimensions in (1, 2, 4):
        space = np.zeros((4000, 6))
        space[:, :dimensions] = rng.uniform(-1, 1, (4000, dimensions))
        points = np.zeros((200, 6))
        points[:, :dimensions] = rng.uniform(-0.5, 0.5, (200, dimensions))
        found = intrinsic_dimensionality(points, space, 20)
        # The harmonic mean of the estimates is the maximum-likelihood one for all points.
        assert 1 / (1 / found).mean() == pytest.approx(dimensions, rel=0.15)
    with pytest.raises(AnalysisError, match="too few"):
        intrinsic_dimensionality(points, space[:10], 20)


def test_that_points_equally_far_from_all_have_no_finite_dimension_and_no_nan() -> None:
    found = intrinsic_dimensionality(np.zeros((1, 2)), np.array([[1.0, 0], [0, 1], [-1, 0]]), 3)
    assert found[0] == np.finfo(np.float64).max


def test_that_the_area_is_that_of_scikit_learn_and_a_chart_warns() -> None:
    rng = np.random.default_rng(0)
    clean, adversarial = rng.normal(size=40), rng.normal(1.0, size=30)
    found = detection("some", clean, adversarial)
    truth = np.repeat([0, 1], [40, 30])
    assert found.area == pytest.approx(roc_auc_score(truth, np.concatenate((clean, adversarial))))
    # 5 % of 40 are 2: the third highest clean score is the threshold.
    assert found.at_five_percent == np.mean(adversarial > np.sort(clean)[-3])
    assert WARNING in roc_chart([found]).caption
    assert detection("some", clean, adversarial[:0]).area is None
    with pytest.raises(AnalysisError, match="finite"):
        detection("some", clean, np.array([np.nan]))


def test_that_images_are_squeezed_as_by_scipy() -> None:
    image = torch.rand(2, 3, 9, 8, generator=torch.Generator().manual_seed(0))
    expected = median_filter(image.numpy(), (1, 1, 3, 3), mode="mirror")
    assert np.array_equal(median(image).numpy(), expected)
    assert set((fewer_bits(image, 2) * 3).flatten().tolist()) <= {0.0, 1.0, 2.0, 3.0}
    assert (fewer_bits(image, 3) - image).abs().max() <= 0.5 / 7 + 1e-6
