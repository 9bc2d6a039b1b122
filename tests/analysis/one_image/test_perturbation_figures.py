"""What a perturbation is: norms, spectrum, structure, and whether a display would show it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from skimage.metrics import structural_similarity

from medadv_desktop.analysis.perturbation.figures import perturbation
from medadv_desktop.analysis.perturbation.gsdf import jnd_index_of, luminance_of
from medadv_desktop.analysis.perturbation.spectrum import radial_spectrum
from medadv_desktop.analysis.perturbation.visibility import Display, displayed, visibility
from medadv_desktop.errors import AnalysisError, SettingsError
from medadv_desktop.imaging.frame import Window
from medadv_desktop.models.input_plan import InputPlan
from medadv_desktop.settings import parse

# DICOM PS3.14, table B-1.
TABLE = {
    1: 0.0500,
    2: 0.0547,
    3: 0.0594,
    4: 0.0643,
    5: 0.0696,
    6: 0.0750,
    7: 0.0807,
    8: 0.0866,
    9: 0.0927,
    10: 0.0991,
    1022: 3967.5470,
    1023: 3993.4040,
}


def pair(channels: int = 3, side: int = 24) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    first = generator.random((channels, side, side))
    second = np.clip(first + 0.05 * generator.standard_normal(first.shape), 0, 1)
    return first, second


def test_that_luminances_are_those_of_the_standards_table() -> None:
    # The last two are Barten's levels, which the formula meets to five digits.
    found = luminance_of(np.array(list(TABLE), np.float64))
    np.testing.assert_allclose(found, list(TABLE.values()), rtol=2.5e-5, atol=5.1e-5)


def test_that_the_middle_of_the_range_is_what_another_implementation_gives() -> None:
    # colour-science 0.3.11, eotf_DICOMGSDF(512) and oetf_DICOMGSDF(130.065284012159790).
    assert float(luminance_of(512)) == pytest.approx(130.0652840, abs=1e-7)
    assert float(jnd_index_of(130.065284012159790)) == pytest.approx(511.9964806, abs=1e-7)


def test_that_the_two_directions_of_the_display_function_agree() -> None:
    index = np.linspace(1, 1023, 500)
    assert np.abs(jnd_index_of(luminance_of(index)) - index).max() < 0.1
    assert (np.diff(luminance_of(index)) > 0).all()


@pytest.mark.parametrize(("index", "luminance"), [(0.5, 0.04), (1024, 4000), (math.nan, math.nan)])
def test_that_nothing_is_said_beyond_the_display_function(index: float, luminance: float) -> None:
    with pytest.raises(AnalysisError, match="not defined there"):
        luminance_of(index)
    with pytest.raises(AnalysisError, match="not defined there"):
        jnd_index_of(np.array([1.0, luminance]))


def test_that_a_step_of_the_index_is_where_visibility_begins() -> None:
    display = Display()
    span = float(jnd_index_of(500.0) - jnd_index_of(0.5))
    assert display.steps == pytest.approx(span)
    before = np.full((2, 2), 100.0)
    after = before + 255 / span * np.array([[0.0, 0.9], [-1.5, 3.0]])
    found = visibility(before, after, display)
    np.testing.assert_allclose(found.jnds, [[0, 0.9], [-1.5, 3]], atol=1e-9)
    np.testing.assert_allclose(found.excess, [[0, 0], [0.5, 2]], atol=1e-9)
    assert found.visible_share == 0.5
    assert found.largest == pytest.approx(3)
    assert found.mean == pytest.approx(5.4 / 4)


def test_that_a_change_of_one_step_is_one_index_of_luminance() -> None:
    # The same by way of the luminances that the display gives the two values.
    display = Display(luminance_min=1, luminance_max=350)
    low, high = (float(jnd_index_of(v)) for v in (1.0, 350.0))
    values = np.array([[60.0, 61.0]])
    light = luminance_of(low + values / 255 * (high - low))
    steps = float(np.diff(jnd_index_of(light))[0, 0])
    found = visibility(values[:, :1], values[:, 1:], display)
    assert found.jnds[0, 0] == pytest.approx(steps, abs=0.05)


def test_that_padding_does_not_count_and_nothing_to_count_is_undefined() -> None:
    before, after = np.zeros((2, 2)), np.full((2, 2), 50.0)
    half = visibility(before, after, padding=np.array([[True, True], [False, False]]))
    assert (half.counted, half.visible_share) == (2, 1.0)
    assert not half.jnds[0].any()
    none = visibility(before, after, padding=np.ones((2, 2), np.bool_))
    assert (none.visible_share, none.largest, none.mean) == (None, None, None)


def test_that_a_display_of_few_levels_hides_what_lies_between_them() -> None:
    before, after = np.full((1, 1), 100.0), np.full((1, 1), 100.4)
    assert visibility(before, after, Display(bits=8)).jnds[0, 0] == 0
    assert visibility(before, after).jnds[0, 0] > 1


def test_that_a_display_without_range_is_refused() -> None:
    with pytest.raises(SettingsError, match="below luminance_max"):
        parse(Display, {"luminance_min": 500, "luminance_max": 1})
    with pytest.raises(AnalysisError, match="0 to 255"):
        visibility(np.zeros((1, 1)), np.full((1, 1), 256.0))


@pytest.mark.parametrize("inverted", [False, True])
def test_that_a_narrow_window_stretches_a_perturbation_and_hides_it_beyond(inverted: bool) -> None:
    plan = InputPlan(-1000, 1000, inverted, resized=(1, 3), crop=(0, 0, 1, 3), channels=3)
    grey = np.array([[0.5, 0.55, 0.9]])  # 0, 100 and 800 HU before inversion
    image = np.broadcast_to(1 - grey if inverted else grey, (3, 1, 3))
    shown = displayed(plan, image, Window(100, 400, "LINEAR_EXACT"))
    expected = np.array([[0.25, 0.5, 1.0]]) * 255
    np.testing.assert_allclose(shown, 255 - expected if inverted else expected, atol=1e-9)


def test_that_a_colour_image_is_shown_as_its_luma() -> None:
    plan = InputPlan(0, 255, False, resized=(1, 1), crop=(0, 0, 1, 1), channels=3)
    image = np.array([1.0, 0.5, 0.0]).reshape(3, 1, 1)
    shown = displayed(plan, image, Window(127.5, 255, "LINEAR_EXACT"), color=True)
    assert shown[0, 0] == pytest.approx(255 * (0.299 + 0.5 * 0.587))
    grey = displayed(plan, image, Window(127.5, 255, "LINEAR_EXACT"))
    assert grey[0, 0] == pytest.approx(127.5)


def test_that_the_rings_hold_all_of_the_power() -> None:
    delta = np.random.default_rng(1).standard_normal((2, 12, 20))
    found = radial_spectrum(delta)
    assert found.power.sum() == pytest.approx((delta**2).sum())
    assert found.frequencies[1] == pytest.approx(1 / 12)


def test_that_a_wave_lies_in_the_ring_of_its_frequency() -> None:
    rows = np.arange(32)
    wave = np.broadcast_to(np.cos(2 * np.pi * rows * 4 / 32)[:, None], (1, 32, 32))
    found = radial_spectrum(wave)
    assert found.frequencies[found.power.argmax()] == 4 / 32
    assert found.centroid == pytest.approx(4 / 32)
    assert radial_spectrum(np.zeros((1, 8, 8))).centroid is None


def test_that_the_ssim_map_is_that_of_scikit_image() -> None:
    first, second = pair()
    mean, full = structural_similarity(
        first, second, channel_axis=0, data_range=1, gaussian_weights=True, sigma=1.5,
        use_sample_covariance=False, full=True,
    )  # fmt: skip
    found = perturbation(first, second)
    np.testing.assert_allclose(found.ssim_map, full[:, 5:-5, 5:-5].mean(axis=0), atol=1e-9)
    assert found.ssim == pytest.approx(mean, abs=1e-9)


def test_that_norms_are_of_all_and_of_each_channel() -> None:
    first = np.zeros((2, 12, 12))
    second = first.copy()
    second[0, 0, 0], second[1, 0, 0], second[1, 3, 4] = 0.3, -0.4, 0.5
    found = perturbation(first, second)
    assert (found.norms.linf, found.norms.l0) == (0.5, 2)
    assert found.norms.l2 == pytest.approx(math.sqrt(0.5))
    assert found.norms.l1 == pytest.approx(1.2)
    assert [n.linf for n in found.channel_norms] == [0.3, 0.5]
    assert (found.strongest[0, 0], found.strongest[3, 4]) == (-0.4, 0.5)
    padding = np.zeros((12, 12), np.bool_)
    padding[3, 4] = True
    assert perturbation(first, second, padding).norms.linf == 0.4


def test_that_equal_and_tiny_images_have_defined_or_absent_figures() -> None:
    first, _ = pair()
    same = perturbation(first, first)
    assert (same.norms.l2, same.ssim, same.psnr) == (0, 1, math.inf)
    tiny = perturbation(*pair(side=8))
    assert (tiny.ssim, tiny.ssim_map) == (None, None)
    with pytest.raises(AnalysisError, match="one shape"):
        perturbation(first, first[:1])
