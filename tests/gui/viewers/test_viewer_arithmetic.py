"""Probe, camera, colours and pixels, without a widget."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from viewer_cases import color_frame, grey_frame, plan_for

from medadv_desktop.gui.state.view import Camera
from medadv_desktop.gui.viewers.camera import Projection, fitting
from medadv_desktop.gui.viewers.colormaps import STEPS, signed_colors, signed_table
from medadv_desktop.gui.viewers.perturbation import color_limit
from medadv_desktop.gui.viewers.pictures import (
    InputPicture,
    SourcePicture,
    block_mean,
    input_table,
    reduced,
)
from medadv_desktop.gui.viewers.probe import model_pixel, read_probe
from medadv_desktop.gui.viewers.showing import dragged_window, one_channel, own_window
from medadv_desktop.imaging.display import render
from medadv_desktop.imaging.frame import Photometric, Window
from medadv_desktop.models.input_plan import InputPlan


def test_that_the_probe_reads_every_space_at_a_point():
    frame, plan = grey_frame(), plan_for(grey_frame())
    original = np.zeros((1, 20, 20), np.float32)
    adversarial = original.copy()
    original[0, 6, 5], adversarial[0, 6, 5] = 0.5, 0.5 + 4 / 255
    # 40 rows to 20 and 60 columns to 20: row 12.9 lies in 6, column 17.2 in 5.
    reading = read_probe(frame, (12.9, 17.2), plan, original, adversarial)
    assert (reading.row, reading.column) == (12, 17)
    assert reading.stored == (137.0,)
    assert reading.modality == 2 * 137 - 100
    assert reading.units == "HU"
    assert (reading.model_row, reading.model_column) == (6, 5)
    assert reading.original == (0.5,)
    assert reading.delta_255 == pytest.approx((4.0,), abs=1e-4)


def test_that_the_probe_knows_nothing_outside_the_frame():
    assert read_probe(grey_frame(), (-0.1, 3)) is None
    assert read_probe(grey_frame(), (40.0, 3)) is None


def test_that_the_probe_gives_no_model_value_outside_of_what_the_model_sees():
    frame = grey_frame()
    plan = plan_for(frame, crop=True)
    image = np.ones((1, 20, 20), np.float32)
    # 40×60 cropped to the middle 40×40: columns 10 to 50.
    assert plan.region(frame.shape) == (0, 10, 40, 40)
    assert read_probe(frame, (5, 9.9), plan, image).original == ()
    assert read_probe(frame, (5, 10.1), plan, image).model_column == 0
    assert read_probe(frame, (5, 49.9), plan, image).model_column == 19
    assert read_probe(frame, (5, 50.1), plan, image).model_row is None


def test_that_the_probe_tells_colour_channel_by_channel():
    reading = read_probe(color_frame(), (5.5, 7.5))
    assert reading.stored == (10.0, 20.0, 30.0)
    assert reading.modality is None


def test_that_the_probe_says_where_there_is_no_pixel():
    frame = grey_frame(padding=(0.0, 5.0))
    assert read_probe(frame, (0, 5)).padding
    assert not read_probe(frame, (0, 6)).padding


def test_that_padded_borders_belong_to_the_model_input():
    # A wide image in a square with bars: half of the height is bars.
    plan = InputPlan(0, 1, False, (10, 20), (-5, 0, 20, 20), 1)
    assert model_pixel(plan, (40, 80), (20, 20), (0.5, 0.5)) == (5, 0)
    assert model_pixel(plan, (40, 80), (20, 20), (-19.9, 0.5)) == (0, 0)


@given(
    row=st.floats(0, 2000),
    column=st.floats(0, 2000),
    scale=st.floats(0.05, 20),
    aspect=st.floats(0.2, 5),
    x=st.floats(0, 800),
    y=st.floats(0, 600),
    factor=st.floats(0.5, 2),
)
@settings(max_examples=60, deadline=None)
def test_that_zooming_keeps_the_point_under_the_cursor(row, column, scale, aspect, x, y, factor):
    before = Projection(Camera(row, column, scale), 800, 600, aspect)
    after = Projection(before.zoomed(factor, x, y), 800, 600, aspect)
    assert after.column(x) == pytest.approx(before.column(x), rel=1e-6, abs=1e-6)
    assert after.row(y) == pytest.approx(before.row(y), rel=1e-6, abs=1e-6)
    assert before.x(before.column(x)) == pytest.approx(x, abs=1e-6)
    assert before.y(before.row(y)) == pytest.approx(y, abs=1e-6)


@pytest.mark.parametrize(("aspect", "scale"), [(1.0, 5.0), (2.0, 2.5), (0.5, 5.0)])
def test_that_a_fitted_frame_touches_the_canvas_on_its_tight_side(aspect, scale):
    # 40×60 on 300×200 (rows × aspect): across 5, down 200 / (40 × aspect).
    camera = fitting((40, 60), aspect, 300, 200)
    assert camera == Camera(20, 30, scale)


def test_that_zero_is_neutral_and_signs_are_told_apart():
    limit = 4 / 255
    neutral, above, below, little = signed_colors(np.array([0, limit, -limit, 1e-9]), limit)
    assert tuple(neutral) == tuple(signed_table()[STEPS])
    assert max(neutral) < 30
    assert int(above[0]) > int(above[2]) + 80  # orange: red over blue
    assert int(below[2]) > int(below[0]) + 80  # blue: blue over red
    assert tuple(little) != tuple(neutral)


def test_that_both_signs_are_equally_strong():
    table = signed_table().astype(float)
    luma = table @ (0.2126, 0.7152, 0.0722)
    assert np.all(np.diff(luma[STEPS:]) > -0.5)
    assert np.all(np.diff(luma[: STEPS + 1]) < 0.5)
    assert luma[0] == pytest.approx(luma[-1], rel=0.15)


def test_that_what_lies_beyond_the_limit_takes_the_end_colour():
    colors = signed_colors(np.array([1.0, 5.0, -5.0]), 1.0)
    assert tuple(colors[0]) == tuple(colors[1]) == tuple(signed_table()[-1])
    assert tuple(colors[2]) == tuple(signed_table()[0])


@pytest.mark.parametrize(
    ("largest", "amplification", "limit_255"),
    [(4 / 255, 1, 4.0), (4 / 255, 4, 1.0), (17.31 / 255, 1, 17.4), (0.0, 1, 1.0)],
)
def test_that_the_colour_scale_ends_at_the_largest_change(largest, amplification, limit_255):
    assert color_limit(largest, amplification) * 255 == pytest.approx(limit_255)


def test_that_float32_rounding_does_not_move_the_end_of_the_scale():
    adversarial = np.float32(0.7) + np.float32(4 / 255)
    assert color_limit(float(adversarial - np.float32(0.7)), 1) * 255 == pytest.approx(4.0)


def test_that_channels_of_a_perturbation_are_chosen_signed():
    delta = np.array([[[0.1]], [[-0.3]], [[0.05]]], np.float32)
    assert one_channel(delta, "mean")[0, 0] == pytest.approx(-0.05)
    assert one_channel(delta, "largest")[0, 0] == pytest.approx(-0.3)
    assert one_channel(delta, "2")[0, 0] == pytest.approx(0.05)
    assert one_channel(delta[:1], "2")[0, 0] == pytest.approx(0.1)


@pytest.mark.parametrize("photometric", [Photometric.MONOCHROME1, Photometric.MONOCHROME2])
@pytest.mark.parametrize("invert", [False, True])
@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_that_source_and_model_input_are_lit_alike(photometric, invert, function):
    """A model input that is the frame itself must look as the frame does, in any window."""
    frame, window = grey_frame(photometric=photometric), Window(350.0, 600.0, function)
    plan = plan_for(frame)
    values = (frame.modality_values() - plan.low) / (plan.high - plan.low)
    values = (1 - values if plan.inverted else values).astype(np.float32)
    shown = InputPicture(values[None], plan, frame, window, invert).pixels(1)
    expected = render(frame, window, invert)
    assert np.abs(shown.astype(int) - expected.astype(int)).max() <= 4
    assert np.corrcoef(shown.ravel(), expected.ravel())[0, 1] > 0.999


def test_that_a_larger_model_input_is_brighter_for_monochrome1_too():
    frame = grey_frame(photometric=Photometric.MONOCHROME1)
    table = input_table(plan_for(frame), frame, Window(4000.0, 8190.0), invert=False)
    assert np.all(np.diff(table.astype(int)) >= 0)
    assert table[-1] > table[0] + 200


def test_that_colour_inputs_are_shown_as_they_are_through_their_own_window():
    image = np.array([0.0, 0.5, 1.0], np.float32).reshape(3, 1, 1)
    frame = color_frame()
    shown = InputPicture(image, plan_for(frame), frame, own_window(frame)).pixels(1)
    assert shown.tolist() == [[[0, 128, 255]]]


def test_that_blocks_are_averaged_and_a_ragged_rim_repeated():
    values = np.array([[0, 2, 10], [4, 6, 30]], np.uint16)
    assert block_mean(values, 2).tolist() == [[3.0, 20.0]]
    assert block_mean(values, 1) is values


def test_that_a_reduced_frame_means_the_same():
    frame = grey_frame(np.full((40, 60), 1000, np.uint16))
    small = reduced(frame, 4)
    assert small.shape == (10, 15)
    assert small.stored.dtype == np.uint16
    assert small.modality_values().mean() == 1900.0


def test_that_padding_is_not_mixed_with_pixels_when_reduced():
    stored = np.full((8, 8), 1000, np.uint16)
    stored[:, :3] = 0
    small = reduced(grey_frame(stored, padding=(0.0, 0.0)), 2)
    assert set(np.unique(small.stored)) == {0, 1000}


def test_that_parts_and_reductions_show_what_render_shows():
    frame, window = grey_frame(), Window(350.0, 600.0)
    part = (slice(3, 9), slice(10, 30))
    shown = SourcePicture(frame, window).pixels(1, part)
    assert np.array_equal(shown, render(frame, window)[part])


def test_that_a_drag_to_the_right_widens_and_one_up_brightens():
    own = Window(350.0, 900.0)
    assert dragged_window(own, own, 10, 0, inverted=False) == Window(350.0, 930.0)
    up = dragged_window(own, own, 0, -10, inverted=False)
    assert up == Window(320.0, 900.0)  # a lower centre makes everything brighter
    assert dragged_window(own, own, 0, -10, inverted=True) == Window(380.0, 900.0)
    assert dragged_window(own, own, -5000, 0, inverted=False).width == 1.0
