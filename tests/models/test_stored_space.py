"""A perturbation of the model input, carried back to stored values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from medadv_desktop.errors import ModelError
from medadv_desktop.imaging.frame import (
    Frame,
    ModalityTransform,
    Photometric,
    Provenance,
    Window,
)
from medadv_desktop.imaging.lookup import ModalityLut, VoiLut
from medadv_desktop.models.card import Preprocessing
from medadv_desktop.models.input_plan import InputPlan, plan_input
from medadv_desktop.models.preprocessing import model_input
from medadv_desktop.models.stored_space import carried_back, perturbed_stored

RANDOM = np.random.default_rng(8)


def frame_of(stored: np.ndarray, **fields: Any) -> Frame:
    fields.setdefault(
        "photometric", Photometric.RGB if stored.ndim == 3 else Photometric.MONOCHROME2
    )
    fields.setdefault("bits_stored", 8 * stored.dtype.itemsize)
    return Frame(stored=stored, provenance=Provenance(Path("x")), **fields)


def plan_of(frame: Frame, **preprocessing: Any) -> InputPlan:
    height, width = frame.shape
    return plan_input(
        Preprocessing(**{"height": height, "width": width, "channels": 1} | preprocessing), frame
    )


def test_that_on_the_same_grid_delta_is_the_window_span_over_the_slope() -> None:
    stored = RANDOM.integers(500, 1500, (16, 16)).astype(np.int16)
    frame = frame_of(stored, modality=ModalityTransform(2, -1024))
    plan = plan_of(frame, window="fixed", low=-200, high=300)
    delta = RANDOM.uniform(-0.05, 0.05, (1, 16, 16))
    expected = stored + np.rint(delta[0] * 500 / 2)
    np.testing.assert_array_equal(perturbed_stored(frame, plan, delta), expected)


def test_that_nothing_changes_without_a_perturbation() -> None:
    for fields in ({}, {"voi_luts": (VoiLut(np.arange(256, dtype=np.uint16), 0, 8),)}):
        frame = frame_of(RANDOM.integers(0, 256, (20, 24)).astype(np.uint8), **fields)
        plan = plan_of(frame, window="file", height=8, width=8)
        result = carried_back(frame, plan, np.zeros((1, 8, 8)))
        np.testing.assert_array_equal(result.stored, frame.stored)
        assert (result.clipped, result.rounded_away, result.beyond_window) == (0, 0, 0)


@pytest.mark.parametrize("size", [(8, 10), (40, 50)])
def test_that_delta_is_resampled_as_torch_does(size: tuple[int, int]) -> None:
    frame = frame_of(np.full((20, 25), 30000, np.uint16))
    plan = plan_of(frame, height=size[0], width=size[1])
    delta = RANDOM.uniform(-0.2, 0.2, (1, *size))
    moved = F.interpolate(
        torch.from_numpy(delta)[None], (20, 25), mode="bilinear", align_corners=False,
        antialias=True,
    )[0, 0].numpy()  # fmt: skip
    np.testing.assert_allclose(
        perturbed_stored(frame, plan, delta).astype(float) - 30000, moved * 65535, atol=0.51
    )


def test_that_only_the_part_that_the_model_saw_is_changed() -> None:
    frame = frame_of(np.full((40, 60), 100, np.uint8))
    plan = plan_of(frame, resize="crop", resize_side=20, height=16, width=16)
    changed = perturbed_stored(frame, plan, np.full((1, 16, 16), 0.1)) != 100
    top, left, height, width = (round(v) for v in plan.region(frame.shape))
    expected = np.zeros((40, 60), bool)
    expected[top : top + height, left : left + width] = True
    np.testing.assert_array_equal(changed, expected)


def test_that_borders_beyond_the_frame_are_dropped() -> None:
    frame = frame_of(np.full((10, 20), 100, np.uint8))
    plan = plan_of(frame, resize="pad", height=20, width=20)
    delta = np.full((1, 20, 20), 0.9)
    delta[0, 5:15] = 0.1
    result = perturbed_stored(frame, plan, delta)
    np.testing.assert_array_equal(result, np.full((10, 20), 100 + round(25.5)))


def test_that_a_brighter_input_is_a_lower_value_of_monochrome1() -> None:
    frame = frame_of(np.full((8, 8), 100, np.uint8), photometric=Photometric.MONOCHROME1)
    result = perturbed_stored(frame, plan_of(frame), np.full((1, 8, 8), 20 / 255))
    assert set(result.ravel().tolist()) == {80}


def test_that_three_channels_of_a_grey_frame_are_averaged_and_colours_kept_apart() -> None:
    delta = np.stack([np.full((8, 8), v / 255) for v in (3, 6, 12)])
    grey = frame_of(np.full((8, 8), 100, np.uint8))
    assert perturbed_stored(grey, plan_of(grey, channels=3), delta)[0, 0] == 107
    colour = frame_of(np.full((8, 8, 3), 100, np.uint8))
    assert perturbed_stored(colour, plan_of(colour, channels=3), delta)[0, 0].tolist() == [
        103, 106, 112,
    ]  # fmt: skip
    assert perturbed_stored(colour, plan_of(colour), delta[:1])[0, 0].tolist() == [103] * 3


def test_that_values_are_clipped_to_the_bit_depth_and_counted() -> None:
    stored = np.array([[0, 2048, 4095, 4000]] * 8, np.uint16)
    frame = frame_of(stored.repeat(2, 1), bits_stored=12)
    result = carried_back(frame, plan_of(frame), np.full((1, 8, 8), 0.1))
    assert result.stored.max() == 4095
    assert result.clipped == 2 * 2 * 8
    assert "clipped" in result.description


def test_that_what_is_too_small_or_unseen_is_counted() -> None:
    frame = frame_of(np.full((8, 8), 100, np.uint8))
    small = carried_back(frame, plan_of(frame), np.full((1, 8, 8), 0.3 / 255))
    assert (small.rounded_away, small.description.count("rounded away")) == (64, 1)
    stored = np.full((8, 8), 100, np.uint8)
    stored[0] = 250
    far = frame_of(stored)
    result = carried_back(
        far, plan_of(far, window="fixed", low=50, high=150), np.full((1, 8, 8), 0.03)
    )
    assert result.beyond_window == 8


def test_that_padding_stays_and_no_pixel_becomes_padding() -> None:
    stored = np.array([[0, 5, 11, 40]] * 8, np.uint8).repeat(2, 1)
    frame = frame_of(stored, padding=(6.0, 10.0))
    stored[0] = 8
    result = carried_back(frame, plan_of(frame), np.full((1, 8, 8), 3 / 255))
    assert set(result.stored[0].tolist()) == {8}
    assert result.stored[1].tolist() == [3, 3, 5, 5, 14, 14, 43, 43]
    assert result.kept_from_padding == 14
    down = carried_back(frame, plan_of(frame), np.full((1, 8, 8), -3 / 255))
    assert down.stored[1].tolist() == [0, 0, 2, 2, 11, 11, 37, 37]


@pytest.mark.parametrize("rising", [True, False])
@pytest.mark.parametrize("curve", ["table", "sigmoid", "line"])
def test_that_curves_are_inverted_where_they_rise_or_fall(rising: bool, curve: str) -> None:
    ramp = np.linspace(0, 60000, 4096).astype(np.uint16)
    lut = ModalityLut(ramp if rising else ramp[::-1], 0, 16)
    square = (65535 * np.linspace(0, 1, 60001) ** 2).astype(np.uint16)
    fields: dict[str, Any] = {
        "table": {"voi_luts": (VoiLut(square, 0, 16),)},
        "sigmoid": {"windows": (Window(30000, 40000, "SIGMOID"),)},
        "line": {"windows": (Window(30000, 60000),)},
    }[curve]
    stored = RANDOM.integers(1200, 2900, (12, 12)).astype(np.uint16)
    frame = frame_of(stored, bits_stored=12, modality=ModalityTransform(lut=lut), **fields)
    plan = plan_of(frame, window="file")
    delta = RANDOM.uniform(-0.05, 0.05, (1, 12, 12))
    before = model_input(frame, plan)[0].numpy()
    changed = frame_of(
        perturbed_stored(frame, plan, delta), bits_stored=12, modality=frame.modality, **fields
    )
    after = model_input(changed, plan)[0].numpy()
    # Half a stored value is at most about 1/2000 of any of these curves.
    np.testing.assert_allclose(after - before, delta, atol=5e-4)


def test_that_float_values_are_not_rounded() -> None:
    frame = frame_of(np.linspace(0, 1, 64).reshape(8, 8))
    result = perturbed_stored(frame, plan_of(frame), np.full((1, 8, 8), 0.001))
    np.testing.assert_allclose(result, frame.stored + 0.001, atol=1e-12)


def test_that_a_wrong_shape_or_a_table_that_turns_back_is_refused() -> None:
    frame = frame_of(np.zeros((8, 8), np.uint8))
    with pytest.raises(ModelError, match="shape"):
        carried_back(frame, plan_of(frame), np.zeros((1, 8, 9)))
    lut = ModalityLut(np.array([0, 9, 3], np.uint16), 0, 8)
    turning = frame_of(np.ones((8, 8), np.uint8), modality=ModalityTransform(lut=lut))
    with pytest.raises(ModelError, match="turns back"):
        carried_back(turning, plan_of(turning), np.full((1, 8, 8), 0.1))
