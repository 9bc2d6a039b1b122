"""The path from stored values to model input with tables, curves, padding and oblong pixels."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from medadv_desktop.imaging.display import apply_voi, render
from medadv_desktop.imaging.frame import (
    Frame,
    ModalityTransform,
    Photometric,
    Provenance,
    Spacing,
    Window,
)
from medadv_desktop.imaging.lookup import ModalityLut, VoiLut
from medadv_desktop.models.card import Preprocessing
from medadv_desktop.models.input_plan import plan_input
from medadv_desktop.models.preprocessing import input_path, model_input, stored_tensor

RANDOM = np.random.default_rng(4)
FALLING = ModalityLut(np.linspace(4000, 5, 300).astype(np.uint16), -20, 12)
CURVED = VoiLut((255 * (np.arange(200) / 199) ** 2).astype(np.uint16), 40, 8, "NORMAL")


def frame_of(stored: np.ndarray, **fields: Any) -> Frame:
    fields.setdefault("photometric", Photometric.MONOCHROME2)
    fields.setdefault("bits_stored", 8 * stored.dtype.itemsize)
    return Frame(stored=stored, provenance=Provenance(Path("x")), **fields)


def through(frame: Frame, **preprocessing: Any) -> np.ndarray:
    height, width = frame.shape
    settings = Preprocessing(**{"height": height, "width": width, "channels": 1} | preprocessing)
    return model_input(frame, plan_input(settings, frame))[0, 0].numpy()


def some(low: int, high: int, shape: tuple[int, int] = (12, 14)) -> np.ndarray:
    return RANDOM.integers(low, high, shape).astype(np.int16)


def test_that_a_modality_table_comes_before_a_fixed_window() -> None:
    stored = some(-60, 400)
    frame = frame_of(stored, modality=ModalityTransform(lut=FALLING))
    entries = FALLING.values.astype(float)[np.clip(stored + 20, 0, 299)]
    expected = np.clip((entries - 100) / 3000, 0, 1)
    np.testing.assert_allclose(
        through(frame, window="fixed", low=100, high=3100), expected, atol=1e-6
    )


def test_that_a_full_range_over_a_table_is_that_of_its_entries() -> None:
    frame = frame_of(some(0, 200), modality=ModalityTransform(lut=FALLING))
    plan = plan_input(Preprocessing(height=12, width=14, channels=1), frame)
    assert (plan.low, plan.high) == (5, 4000)


def test_that_the_files_voi_table_is_what_the_model_sees_too() -> None:
    stored = some(0, 300)
    frame = frame_of(stored, voi_luts=(CURVED,))
    expected = CURVED.values.astype(float)[np.clip(stored - 40, 0, 199)] / 255
    np.testing.assert_allclose(through(frame, window="file"), expected, atol=1e-6)
    plan = plan_input(Preprocessing(window="file", height=12, width=14, channels=1), frame)
    assert any("table" in note for note in plan.notes)
    assert dict(plan.describe())["Grey scale"] == "the file's table “NORMAL”"


def test_that_a_window_of_the_file_is_preferred_to_its_table_as_on_the_screen() -> None:
    frame = frame_of(some(0, 300), voi_luts=(CURVED,), windows=(Window(100, 50),))
    shown = render(frame) / 255
    np.testing.assert_allclose(through(frame, window="file"), shown, atol=0.51 / 255)


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_that_every_function_of_a_file_window_reaches_the_model(function: str) -> None:
    stored = some(-300, 600)
    window = Window(120, 333, function)
    frame = frame_of(stored, windows=(window,))
    if function == "SIGMOID":
        expected = [1 / (1 + math.exp(-4 * (x - 120) / 333)) for x in stored.ravel().tolist()]
    else:
        c, w = (119.5, 332) if function == "LINEAR" else (120, 333)
        expected = [min(max((x - c) / w + 0.5, 0), 1) for x in stored.ravel().tolist()]
    np.testing.assert_allclose(through(frame, window="file").ravel(), expected, atol=1e-6)


def test_that_a_threshold_window_stays_one_for_whole_values() -> None:
    frame = frame_of(np.array([[-1, 0, 1] * 4] * 8, np.int16), windows=(Window(0, 1),))
    assert through(frame, window="file")[0, :3].tolist() == [0, 1, 1]


@pytest.mark.parametrize("curve", ["line", "table", "sigmoid"])
@pytest.mark.parametrize("modality", ["linear", "table"])
@pytest.mark.parametrize("inverted", [False, True])
def test_that_the_whole_way_is_differentiable(curve: str, modality: str, inverted: bool) -> None:
    # Between whole inputs, where tables have no corners.
    stored = RANDOM.integers(0, 180, (9, 11)).astype(np.float64) + 0.4
    by = ModalityTransform(lut=FALLING) if modality == "table" else ModalityTransform(1.7, -3)
    top = 4000 if modality == "table" else 310
    wide = VoiLut((np.arange(0, 5000) // 20).astype(np.uint16), -10, 8)
    windows = {"line": (Window(top / 2, top),), "sigmoid": (Window(top / 2, top, "SIGMOID"),)}
    frame = frame_of(
        stored.astype(np.float64), modality=by, windows=windows.get(curve, ()),
        voi_luts=(wide,) if curve == "table" else (), bits_stored=16,
        photometric=Photometric.MONOCHROME1 if inverted else Photometric.MONOCHROME2,
        padding=(20.4, 25.4),
    )  # fmt: skip
    plan = plan_input(Preprocessing(window="file", height=8, width=8, channels=1), frame)
    values = torch.tensor(stored)[None, None].requires_grad_()
    assert torch.autograd.gradcheck(input_path(frame, plan), (values,), eps=1e-5, atol=1e-6)


def test_that_a_tables_gradient_is_the_step_to_the_next_entry() -> None:
    table = VoiLut(np.array([0, 10, 40, 255], np.uint16), 5, 8)
    frame = frame_of(np.full((8, 8), 6, np.int16), voi_luts=(table,))
    plan = plan_input(Preprocessing(window="file", height=8, width=8, channels=1), frame)
    places = torch.full((1, 1, 8, 8), 6.0, dtype=torch.float64)
    places[0, 0, 0] = torch.tensor([4.0, 5.0, 5.5, 6.0, 6.9, 7.0, 8.0, 8.5])
    places.requires_grad_()
    input_path(frame, plan)(places).sum().backward()
    assert places.grad is not None
    steps = (places.grad[0, 0, 0] * 255).tolist()
    assert steps == pytest.approx([0, 10, 10, 30, 30, 215, 215, 0])


def test_that_black_and_white_pixels_have_a_gradient_and_clipped_ones_none() -> None:
    frame = frame_of(np.array([[0, 50, 255, 256]] * 4, np.int16).repeat(2, 0).repeat(2, 1))
    plan = plan_input(
        Preprocessing(window="fixed", low=0, high=255, height=8, width=8, channels=1), frame
    )
    values = stored_tensor(frame).requires_grad_()
    input_path(frame, plan)(values).sum().backward()
    assert values.grad is not None
    assert (values.grad[0, 0, 0, ::2] * 255).tolist() == pytest.approx([1, 1, 1, 0])


def test_that_padding_is_black_to_the_model_and_has_no_gradient() -> None:
    stored = some(10, 200)
    stored[:3] = 0
    frame = frame_of(stored, padding=(0.0, 0.0), photometric=Photometric.MONOCHROME1)
    plan = plan_input(
        Preprocessing(window="fixed", low=0, high=255, height=12, width=14, channels=1), frame
    )
    values = stored_tensor(frame).requires_grad_()
    result = input_path(frame, plan)(values)
    assert result[0, 0, :3].abs().max() == 0
    result.sum().backward()
    assert values.grad is not None
    assert values.grad[0, 0, :3].abs().max() == 0
    assert values.grad[0, 0, 3:].abs().min() > 0
    assert any("42 padding pixels" in note for note in plan.notes)


@pytest.mark.parametrize("size", [(12, 14), (8, 8), (9, 31), (40, 36)])
@pytest.mark.parametrize("resize", ["stretch", "crop", "pad"])
def test_that_padding_is_found_wherever_resampling_mixes_it_in(
    size: tuple[int, int], resize: str
) -> None:
    stored = some(10, 200, (23, 31))
    stored[RANDOM.random(stored.shape) < 0.01] = 0
    stored[:4, :5] = 0
    frame = frame_of(stored, padding=(0.0, 0.0))
    plan = plan_input(
        Preprocessing(resize=resize, height=size[0], width=size[1], channels=1), frame
    )
    mask = torch.from_numpy((stored == 0).astype(np.float64))[None, None]
    if plan.resized != frame.shape:
        mask = F.interpolate(
            mask, plan.resized, mode="bilinear", align_corners=False, antialias=True
        )
    top, left, height, width = plan.crop
    have = mask.shape[-2:]
    borders = (-left, left + width - have[1], -top, top + height - have[0])
    expected = F.pad(mask, borders, value=1.0)[0, 0].numpy() > 1e-12
    np.testing.assert_array_equal(plan.padding(frame), expected)


def test_that_a_frame_without_padding_has_none() -> None:
    frame = frame_of(some(0, 9))
    plan = plan_input(Preprocessing(height=8, width=8, channels=1), frame)
    assert not plan.padding(frame).any()


def test_that_oblong_pixels_keep_their_proportions_in_a_crop_and_in_borders() -> None:
    # 50 × 100 pixels, each twice as high as wide: a square of 100 × 100.
    frame = frame_of(some(0, 99, (50, 100)), spacing=Spacing(2, 1))
    crop = plan_input(Preprocessing(resize="crop", height=40, width=40, channels=1), frame)
    assert (crop.resized, crop.crop) == ((40, 40), (0, 0, 40, 40))
    assert crop.region(frame.shape) == (0, 0, 50, 100)
    pad = plan_input(Preprocessing(resize="pad", height=40, width=40, channels=1), frame)
    assert (pad.resized, pad.crop) == ((40, 40), (0, 0, 40, 40))
    side = plan_input(
        Preprocessing(resize="crop", resize_side=60, height=40, width=40, channels=1), frame
    )
    assert (side.resized, side.crop) == ((60, 60), (10, 10, 40, 40))
    assert any("proportions" in note for note in crop.notes)


def test_that_stretching_ignores_the_shape_of_pixels_as_trained_models_do() -> None:
    frame = frame_of(some(0, 99, (50, 100)), spacing=Spacing(2, 1))
    plan = plan_input(Preprocessing(height=40, width=40, channels=1), frame)
    assert plan.resized == (40, 40)
    assert plan.notes == ()


@pytest.mark.parametrize(
    "voi",
    [Window(100, 301, "LINEAR"), Window(100, 300, "SIGMOID"), CURVED],
    ids=["linear", "sigmoid", "table"],
)
def test_that_grey_and_modality_values_lead_to_each_other(voi: Any) -> None:
    fields = {"voi_luts": (voi,)} if isinstance(voi, VoiLut) else {"windows": (voi,)}
    frame = frame_of(some(0, 300), **fields)
    plan = plan_input(Preprocessing(window="file", height=8, width=8, channels=1), frame)
    grey = np.linspace(0.02, 0.98, 25)
    np.testing.assert_allclose(plan.grey(plan.modality_of(grey)), grey, atol=1e-6)
    np.testing.assert_allclose(
        plan.grey(plan.modality_of(grey)), apply_voi(plan.modality_of(grey), voi) / 255, atol=1e-6
    )
    assert plan.to_modality(0.5) == pytest.approx(float(plan.modality_of(np.array(0.5))))


def test_that_wide_integers_lose_nothing_on_the_way() -> None:
    stored = np.array([[2**31 + v for v in range(8)]] * 8, np.uint32)
    frame = frame_of(stored)
    result = through(frame, window="fixed", low=2**31, high=2**31 + 7)
    np.testing.assert_allclose(result[0], np.arange(8) / 7, atol=1e-6)


def test_that_a_plan_describes_itself_in_order() -> None:
    frame = frame_of(
        some(0, 2000), modality=ModalityTransform(1, -1024, "HU"),
        windows=(Window(40, 400, "LINEAR", "SOFT"),), photometric=Photometric.MONOCHROME1,
    )  # fmt: skip
    settings = Preprocessing(
        window="file", resize="crop", resize_side=20, height=16, width=16, channels=3
    )
    words = plan_input(settings, frame).describe()
    assert [label for label, _ in words] == [
        "Grey scale", "Values", "Inversion", "Padding", "Resize", "Crop", "Channels",
    ]  # fmt: skip
    said = dict(words)
    assert said["Grey scale"] == "the file's window “SOFT”"
    assert said["Values"] == "-160 to 239 HU become 0 to 1, clipped beyond"
    assert said["Inversion"].startswith("yes")
    assert said["Resize"].startswith("20 × 23")
    assert said["Crop"] == "16 × 16 from row 2, column 4"
    assert said["Channels"] == "3"
