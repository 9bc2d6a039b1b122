"""Features in the plane and their figures, on clouds whose separation is planted."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from sklearn.metrics import silhouette_score

from medadv_desktop.analysis.embedding import (
    EmbeddingSettings,
    lay_out,
    probe_across,
    separation,
    silhouette,
)
from medadv_desktop.analysis.principal import principal
from medadv_desktop.errors import AnalysisError
from medadv_desktop.jobs import CancelToken, JobCancelled, Progress

SHORT = EmbeddingSettings(iterations=250, perplexity=10)


def clouds(apart: float, count: int = 30, width: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Two standard Gaussian clouds `apart` from each other along the first axis."""
    values = np.random.default_rng(0).normal(size=(2 * count, width))
    classes = np.repeat([0, 1], count)
    values[:, 0] += apart * classes
    return values, classes


def test_that_a_layout_depends_on_features_and_seed_alone() -> None:
    values, _ = clouds(5)
    first = lay_out(values, SHORT)
    np.random.seed(3)  # what ran before must not matter
    assert np.array_equal(first.points, lay_out(values, SHORT).points)


def test_that_planted_clouds_stay_apart_in_the_picture() -> None:
    values, classes = clouds(20)
    for method in ("tsne", "pca"):
        settings = EmbeddingSettings(method=method, iterations=250, perplexity=10)
        axes = principal((values,), 4)
        points = lay_out(axes.project(values), settings).points
        assert silhouette_score(points, classes) > 0.5


def test_that_too_few_points_for_the_perplexity_are_refused_with_one_that_fits() -> None:
    values, _ = clouds(5, count=15)
    with pytest.raises(AnalysisError, match="Lower it to 9"):
        lay_out(values, EmbeddingSettings(perplexity=10))
    lay_out(values, EmbeddingSettings(perplexity=9, iterations=250))
    assert lay_out(values, EmbeddingSettings(iterations=250)).perplexity == 6
    with pytest.raises(AnalysisError, match="too few"):
        lay_out(values[:2], EmbeddingSettings(method="pca"))


def test_that_a_cancel_stops_the_layout_and_gives_standard_output_back() -> None:
    token = CancelToken()
    before, seen = sys.stdout, []

    def cancel(event: object) -> None:
        seen.append(event)
        token.cancel()

    with pytest.raises(JobCancelled):
        lay_out(clouds(5)[0], SHORT, emit=cancel, token=token)
    assert sys.stdout is before
    assert seen == [Progress(50, 250, "laying out points")]


def test_that_figures_see_a_planted_separation_and_its_absence() -> None:
    values, classes = clouds(8)
    apart = separation(values, classes, ("a", "b"))
    assert apart.probe == 1.0
    assert apart.silhouette == pytest.approx(silhouette_score(values, classes))
    first, second = values[classes == 0], values[classes == 1]
    spread = np.sqrt((first.var(0).sum() + second.var(0).sum()) / 2)
    expected = np.linalg.norm(first.mean(0) - second.mean(0)) / spread
    assert apart.distance == pytest.approx(expected)
    mixed = separation(clouds(0)[0], classes, ("a", "b"))
    assert mixed.silhouette < 0.1
    assert mixed.probe < 0.7
    assert mixed.chance == 0.5


def test_that_a_probe_of_clean_features_is_wrong_where_classes_changed_places() -> None:
    values, classes = clouds(8)
    swapped = np.concatenate((values[classes == 1], values[classes == 0]))
    assert probe_across(values, values, classes) == 1.0
    assert probe_across(values, swapped, classes) == 0.0


def test_that_few_samples_in_many_dimensions_are_told_apart() -> None:
    values, classes = clouds(30, count=8, width=64)
    flat = principal((values,), 50).project(values)
    assert separation(flat, classes, ("a", "b")).probe == 1.0


def test_that_one_class_has_no_figures_and_says_why() -> None:
    values, classes = clouds(5)
    found = separation(values, np.zeros_like(classes), ("a", "b"))
    assert (found.silhouette, found.probe, found.chance, found.distance) == (None,) * 4
    assert found.counts == (60, 0)
    assert "one class" in found.reasons[0]
    lone = np.zeros_like(classes)
    lone[0] = 1
    assert separation(values, lone, ("a", "b")).probe is None
    assert silhouette(np.zeros((5, 2)), np.array([0, 0, 1, 1, 1])) is None


def test_that_components_read_in_pieces_are_those_of_the_whole() -> None:
    values = np.random.default_rng(0).normal(size=(5000, 5)) * [5, 3, 2, 1, 0.5]
    before = values.copy()
    found = principal((values[:1000], values[1000:]), 3)
    assert np.array_equal(values, before)
    variances = np.sort(np.linalg.eigvalsh(np.cov(values, rowvar=False)))[::-1]
    assert np.allclose(found.explained, variances[:3] / variances.sum())
    projected = found.project(values)
    assert np.allclose(projected.var(0, ddof=1), variances[:3], rtol=1e-5)
    with pytest.raises(AnalysisError, match="alike"):
        principal((np.ones((5, 3)),), 2)
    with pytest.raises(AnalysisError, match="finite"):
        principal((np.full((5, 3), np.nan),), 2)
