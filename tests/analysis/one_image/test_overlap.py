"""How far maps agree, on cases counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from medadv_desktop.analysis.response.masks import mask_on_input
from medadv_desktop.analysis.response.overlap import inside, overlap, region
from medadv_desktop.errors import AnalysisError
from medadv_desktop.models.input_plan import InputPlan


def ramp() -> np.ndarray:
    return np.arange(100, dtype=np.float32).reshape(10, 10)


def test_that_the_region_is_the_strongest_fifth_of_the_image() -> None:
    assert (region(ramp()) == (ramp() >= 80)).all()
    assert (region(-ramp()) == (ramp() >= 80)).all()


def test_that_equal_pixels_are_in_the_region_together_and_silent_ones_never() -> None:
    few = np.zeros((10, 10))
    few[0, :3] = 1
    assert region(few).sum() == 3
    assert region(np.ones((10, 10))).all()
    assert not region(np.zeros((10, 10))).any()


def test_that_regions_are_compared_by_intersection_over_union() -> None:
    first, second = np.zeros((10, 10)), np.zeros((10, 10))
    first[:2], second[1:3] = 1, 1
    assert overlap(first, second).iou == pytest.approx(10 / 30)
    assert overlap(ramp(), ramp()).iou == 1


def test_that_the_rank_correlation_is_scipys() -> None:
    generator = np.random.default_rng(0)
    first, second = generator.integers(0, 9, (2, 8, 8)).astype(np.float64)
    found = overlap(first, second).rank_correlation
    assert found == pytest.approx(spearmanr(first.ravel(), second.ravel()).statistic)
    assert overlap(ramp(), ramp() ** 3).rank_correlation == pytest.approx(1)
    assert overlap(ramp(), -ramp()).rank_correlation == pytest.approx(-1)


def test_that_a_map_without_response_has_undefined_figures_not_zeros() -> None:
    found = overlap(ramp(), np.zeros((10, 10)))
    assert (found.iou, found.rank_correlation) == (None, None)
    none = inside(np.zeros((10, 10)), ramp() > 50)
    assert (none.share, none.region_share, none.peak) == (None, None, None)
    assert none.area == pytest.approx(0.49)


def test_that_the_share_inside_counts_strength() -> None:
    values = np.zeros((4, 4))
    values[0, 0], values[0, 1], values[3, 3] = 2.0, 1.0, -1.0
    mask = np.zeros((4, 4), np.bool_)
    mask[0] = True
    found = inside(values, mask)
    assert found.share == pytest.approx(3 / 4)
    assert found.region_share == pytest.approx(2 / 3)
    assert found.peak
    assert found.area == 0.25


def test_that_maps_and_masks_of_another_size_are_refused() -> None:
    with pytest.raises(AnalysisError, match="10×10 and 5×5"):
        overlap(ramp(), np.ones((5, 5)))
    with pytest.raises(AnalysisError, match="5×5 does not belong"):
        inside(ramp(), np.ones((5, 5), np.bool_))
    with pytest.raises(AnalysisError, match="empty"):
        inside(ramp(), np.zeros((10, 10), np.bool_))
    with pytest.raises(AnalysisError, match="no share"):
        region(ramp(), 0)


def test_that_a_mask_takes_the_way_of_the_image() -> None:
    plan = InputPlan(0, 1, False, resized=(8, 16), crop=(0, 4, 8, 8), channels=1)
    mask = np.zeros((16, 32), np.bool_)
    mask[4:8, 12:20] = True
    expected = np.zeros((8, 8), np.bool_)
    expected[2:4, 2:6] = True
    assert (mask_on_input(mask, plan, (16, 32)) == expected).all()
    assert (mask_on_input(expected, plan, (16, 32)) == expected).all()
    with pytest.raises(AnalysisError, match="9×9 does not belong"):
        mask_on_input(np.ones((9, 9), np.bool_), plan, (16, 32))


def test_that_borders_beside_the_image_are_outside_of_every_mask() -> None:
    plan = InputPlan(0, 1, False, resized=(4, 8), crop=(-2, 0, 8, 8), channels=1)
    found = mask_on_input(np.ones((4, 8), np.bool_), plan, (4, 8))
    assert (found == np.repeat([False, True, False], [2, 4, 2])[:, None]).all()
