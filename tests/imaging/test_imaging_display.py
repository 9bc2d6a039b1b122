"""The display pipeline against the formulas of DICOM PS3.3 C.11, evaluated by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imaging_samples import frame_of, shipped

from medadv_desktop.errors import SettingsError
from medadv_desktop.imaging.display import (
    apply_window,
    default_window,
    render,
    window_between,
)
from medadv_desktop.imaging.frame import ModalityTransform, Photometric, Window
from medadv_desktop.imaging.reading import read_frame

QUICK = settings(max_examples=150, deadline=None)
centers = st.floats(-5000, 5000)
widths = st.floats(1, 10000)
values = st.lists(st.floats(-20000, 20000), min_size=1, max_size=20)


def by_the_standard(x: float, c: float, w: float, function: str) -> float:
    """C.11.2.1.2.1, C.11.2.1.3.1 and C.11.2.1.3.2 with y from 0 to 255, in the standard's words."""
    if function == "SIGMOID":
        return 255 / (1 + math.exp(max(min(-4 * (x - c) / w, 700), -700)))
    if function == "LINEAR":
        if x <= c - 0.5 - (w - 1) / 2:
            return 0.0
        if x > c - 0.5 + (w - 1) / 2:
            return 255.0
        return ((x - (c - 0.5)) / (w - 1) + 0.5) * 255
    if x <= c - w / 2:
        return 0.0
    if x > c + w / 2:
        return 255.0
    return ((x - c) / w + 0.5) * 255


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_that_every_voi_function_is_the_formula_of_the_standard(function: str) -> None:
    @QUICK
    @given(values, centers, widths)
    def agrees(xs: list[float], c: float, w: float) -> None:
        expected = [by_the_standard(x, c, w, function) for x in xs]
        np.testing.assert_allclose(
            apply_window(np.array(xs), Window(c, w, function)), expected, atol=1e-6
        )

    agrees()


def test_that_a_linear_window_maps_the_example_of_the_standard() -> None:
    # C.11.2.1.2.1, note 4: centre 2048, width 4096 is the identity for 12-bit values.
    x = np.arange(4096)
    y = apply_window(x, Window(2048, 4096))
    np.testing.assert_allclose(y, x * 255 / 4095, atol=1e-9)


def test_that_a_linear_window_of_width_one_is_a_threshold() -> None:
    # note 3: for centre 0 and width 1, below 0 is black and from 0 on is white.
    assert apply_window(np.array([-1, 0, 1]), Window(0, 1)).tolist() == [0, 255, 255]


@pytest.mark.parametrize(
    "window",
    [
        Window(0, 0),
        Window(0, -5),
        Window(0, 0.5),
        Window(0, 0, "LINEAR_EXACT"),
        Window(0, math.nan),
        Window(math.inf, 10),
        Window(0, 10, "CUBIC"),
    ],
)
def test_that_a_window_without_meaning_is_refused(window: Window) -> None:
    with pytest.raises(SettingsError):
        apply_window(np.zeros(3), window)


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2"])
@pytest.mark.parametrize("slope", [1.0, -0.5, 2.5])
def test_that_the_table_for_large_frames_equals_the_formula_for_every_value(
    dtype: str, slope: float
) -> None:
    kind = np.dtype(dtype)
    info = np.iinfo(kind)
    every = np.arange(info.min, info.max + 1, dtype=np.int64).astype(kind)
    stored = np.resize(every, (260, 256))
    window = Window(info.max / 3, (int(info.max) - int(info.min)) / 2)
    frame = frame_of(stored, modality=ModalityTransform(slope, 7.0), padding=(3.0, 5.0))
    x = stored.astype(np.float64) * slope + 7.0
    c, w = window.center - 0.5, window.width - 1
    expected = np.rint(np.clip(((x - c) / w + 0.5) * 255, 0, 255))
    expected[(stored >= 3) & (stored <= 5)] = 0
    assert stored.size > 2**16
    np.testing.assert_array_equal(render(frame, window), expected)
    np.testing.assert_array_equal(
        render(frame, window, invert=True),
        np.where((stored >= 3) & (stored <= 5), 0, 255 - expected),
    )


def test_that_big_endian_and_strided_values_render_as_their_plain_copies() -> None:
    plain = np.random.default_rng(1).integers(-3000, 3000, (300, 400)).astype(np.int16)
    window = Window(0, 4000)
    expected = render(frame_of(plain), window)
    np.testing.assert_array_equal(render(frame_of(plain.astype(">i2")), window), expected)
    wide = np.repeat(plain, 2, axis=1)[:, ::2]
    np.testing.assert_array_equal(render(frame_of(wide), window), expected)


def test_that_low_values_are_light_in_monochrome1_and_dark_in_monochrome2() -> None:
    ramp = np.array([[0, 128, 255]], np.uint8)
    assert render(frame_of(ramp)).tolist() == [[0, 128, 255]]
    inverted = frame_of(ramp, photometric=Photometric.MONOCHROME1)
    assert render(inverted).tolist() == [[255, 127, 0]]


def test_that_monochrome1_with_an_inverse_presentation_is_inverted_once() -> None:
    # The DX module (C.8.11.3) demands INVERSE beside MONOCHROME1: one inversion said twice.
    ramp = np.array([[0, 255]], np.uint8)
    both = frame_of(ramp, photometric=Photometric.MONOCHROME1, inverted_presentation=True)
    inverse = frame_of(ramp, inverted_presentation=True)
    assert render(both).tolist() == [[255, 0]]
    assert render(inverse).tolist() == [[255, 0]]
    assert render(both, invert=True).tolist() == [[0, 255]]


def test_that_padding_is_black_and_takes_no_part_in_the_first_window() -> None:
    stored = np.array([[-2000, -2000, 100], [200, 300, 400]], np.int16)
    frame = frame_of(stored, padding=(-2000.0, -2000.0), photometric=Photometric.MONOCHROME1)
    assert default_window(frame) == Window(250.5, 301)
    assert render(frame).tolist() == [[0, 0, 255], [170, 85, 0]]


def test_that_the_first_window_is_the_files_own_first() -> None:
    chosen = Window(40, 400, "LINEAR", "SOFT")
    frame = frame_of(np.zeros((2, 2), np.int16), windows=(chosen, Window(300, 2000)))
    assert default_window(frame) is chosen


def test_that_eight_bit_values_without_a_window_are_shown_as_they_are() -> None:
    stored = np.arange(10, 200, dtype=np.uint8).reshape(1, -1)
    np.testing.assert_array_equal(render(frame_of(stored)), stored)


def test_that_twelve_bit_values_without_a_window_span_black_to_white() -> None:
    stored = np.array([[100, 1100, 2100]], np.uint16)
    assert render(frame_of(stored, bits_stored=12)).tolist() == [[0, 128, 255]]


def test_that_a_constant_frame_renders_without_complaint() -> None:
    for stored in (np.full((4, 4), 700, np.int16), np.full((4, 4), 0.25)):
        assert render(frame_of(stored)).shape == (4, 4)


def test_that_values_that_are_no_numbers_are_black_and_do_not_move_the_window() -> None:
    stored = np.array([[np.nan, 0.0, 0.5, 1.0, np.inf]])
    assert default_window(frame_of(stored)) == Window(0.5, 1.0, "LINEAR_EXACT")
    assert render(frame_of(stored)).tolist() == [[0, 0, 128, 255, 0]]


@QUICK
@given(st.integers(-30000, 30000), st.integers(0, 60000))
def test_that_a_window_between_two_whole_values_ends_exactly_there(low: int, span: int) -> None:
    window = window_between(low, low + span)
    ends = apply_window(np.array([low, low + span]), window)
    assert ends[0] == pytest.approx(0, abs=1e-9)
    if span:
        assert ends[1] == pytest.approx(255)


def test_that_colour_passes_through_and_deep_colour_is_scaled() -> None:
    eight = np.random.default_rng(2).integers(0, 256, (5, 6, 3)).astype(np.uint8)
    np.testing.assert_array_equal(render(frame_of(eight)), eight)
    np.testing.assert_array_equal(render(frame_of(eight), invert=True), 255 - eight)
    np.testing.assert_array_equal(render(frame_of(eight.astype(np.uint16) * 257)), eight)


def test_that_rendering_leaves_the_frame_alone() -> None:
    frame = read_frame(shipped("CT_small.dcm"))
    before = frame.stored.copy()
    image = render(frame)
    image[:] = 0
    np.testing.assert_array_equal(frame.stored, before)
    assert not frame.stored.flags.writeable


def test_that_a_real_monochrome1_radiograph_is_windowed_and_then_inverted() -> None:
    frame = read_frame(shipped("RG1_UNCI.dcm"))
    image = render(frame)
    assert frame.photometric is Photometric.MONOCHROME1
    window = frame.windows[0]
    x, c, w = frame.stored.astype(float), window.center - 0.5, window.width - 1
    expected = 255 - np.rint(np.clip(((x - c) / w + 0.5) * 255, 0, 255))
    np.testing.assert_array_equal(image, expected)
