"""From a frame to the model input, against formulas, torchvision and Pillow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms.v2 import functional as tv

from medadv_desktop.errors import ModelError
from medadv_desktop.imaging.frame import (
    Frame,
    ModalityTransform,
    Photometric,
    PixelSpace,
    Provenance,
    Window,
)
from medadv_desktop.models.card import Preprocessing
from medadv_desktop.models.input_plan import plan_input
from medadv_desktop.models.preprocessing import InputPath, model_input, stored_tensor


def frame_of(stored: np.ndarray, **fields: Any) -> Frame:
    fields.setdefault(
        "photometric", Photometric.RGB if stored.ndim == 3 else Photometric.MONOCHROME2
    )
    fields.setdefault("bits_stored", 8 * stored.dtype.itemsize)
    return Frame(stored=stored, provenance=Provenance(Path("x")), **fields)


def through(frame: Frame, **preprocessing: Any) -> np.ndarray:
    settings = Preprocessing(**preprocessing)
    return model_input(frame, plan_input(settings, frame))[0].numpy()


def noise(height: int, width: int, *channels: int, seed: int = 0) -> np.ndarray:
    size = (height, width, *channels)
    return np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8)


def test_that_the_full_range_of_eight_bits_is_divided_by_255() -> None:
    stored = noise(16, 16)
    result = through(frame_of(stored), height=16, width=16, channels=1)
    np.testing.assert_allclose(result[0], stored / 255, atol=1e-7)


def test_that_a_ct_window_of_the_file_follows_the_linear_function_of_the_standard() -> None:
    stored = np.arange(0, 2048, 8, dtype=np.int16).reshape(16, 16)
    frame = frame_of(
        stored,
        modality=ModalityTransform(1, -1024, "HU"),
        windows=(Window(40, 400),),
    )
    result = through(frame, window="file", height=16, width=16, channels=1)[0]
    hounsfield = stored.astype(float) - 1024
    # PS3.3 C.11.2.1.2.1: ((x - (c - 0.5)) / (w - 1) + 0.5), with output range 0 to 1.
    expected = ((hounsfield - 39.5) / 399 + 0.5).clip(0, 1)
    np.testing.assert_allclose(result, expected, atol=1e-6)


def test_that_a_fixed_window_is_in_modality_values_with_a_negative_slope_too() -> None:
    stored = np.array([[0, 10], [20, 30]], np.uint8).repeat(8, 0).repeat(8, 1)
    frame = frame_of(stored, modality=ModalityTransform(-2, 100))
    result = through(frame, window="fixed", low=40, high=100, height=16, width=16, channels=1)[0]
    np.testing.assert_allclose(result[::8, ::8], [[1, 40 / 60], [20 / 60, 0]], atol=1e-6)


def test_that_larger_input_is_brighter_for_monochrome1() -> None:
    stored = noise(16, 16)
    plain = through(frame_of(stored), height=16, width=16, channels=1)
    turned = through(
        frame_of(stored, photometric=Photometric.MONOCHROME1), height=16, width=16, channels=1
    )
    np.testing.assert_allclose(plain + turned, 1, atol=1e-6)


def test_that_inverse_presentation_of_monochrome1_is_one_inversion_not_two() -> None:
    stored = noise(16, 16)
    once = frame_of(stored, photometric=Photometric.MONOCHROME1)
    both = frame_of(stored, photometric=Photometric.MONOCHROME1, inverted_presentation=True)
    size = {"height": 16, "width": 16, "channels": 1}
    np.testing.assert_array_equal(through(once, **size), through(both, **size))


def test_that_percentiles_leave_the_padding_out() -> None:
    stored = np.full((16, 16), -2000, np.int16)
    stored[4:12, 4:12] = np.arange(64).reshape(8, 8)
    frame = frame_of(stored, padding=(-2000, -2000))
    plan = plan_input(
        Preprocessing(window="percentile", low=0, high=100, height=16, width=16), frame
    )
    assert (plan.low, plan.high) == (0, 63)


def test_that_a_missing_file_window_is_told() -> None:
    frame = frame_of(np.arange(256, dtype=np.uint16).reshape(16, 16))
    plan = plan_input(Preprocessing(window="file", height=16, width=16), frame)
    assert (plan.low, plan.high) == (0, 255)
    assert "no window" in plan.notes[0]


@pytest.mark.parametrize(("height", "width"), [(40, 60), (61, 33), (20, 20)])
def test_that_stretching_agrees_with_torchvision(height: int, width: int) -> None:
    stored = noise(height, width, 3)
    ours = through(frame_of(stored), height=24, width=32)
    tensor = torch.from_numpy(stored).permute(2, 0, 1) / 255
    theirs = tv.resize(tensor, [24, 32], antialias=True).clamp(0, 1)
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(40, 60), (61, 33)])
def test_that_resize_256_crop_224_agrees_with_torchvision(height: int, width: int) -> None:
    stored = noise(height, width, 3)
    ours = through(frame_of(stored), resize="crop", resize_side=32, height=28, width=28, channels=3)
    tensor = torch.from_numpy(stored).permute(2, 0, 1) / 255
    scale = 32 / min(height, width)
    resized = tv.resize(tensor, [round(height * scale), round(width * scale)], antialias=True)
    theirs = tv.center_crop(resized, [28, 28]).clamp(0, 1)
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-5)


def test_that_padding_keeps_the_aspect_and_adds_black() -> None:
    stored = np.full((10, 20), 255, np.uint8)
    result = through(frame_of(stored), resize="pad", height=40, width=40, channels=1)[0]
    assert result[10:30].min() == 1
    assert result[:10].max() == 0
    assert result[30:].max() == 0


def test_that_colour_becomes_the_luma_of_pillow() -> None:
    stored = noise(16, 16, 3)
    ours = through(frame_of(stored), height=16, width=16, channels=1)[0]
    theirs = np.asarray(Image.fromarray(stored).convert("L")) / 255
    np.testing.assert_allclose(ours, theirs, atol=1 / 255)


def test_that_the_way_from_stored_values_is_differentiable() -> None:
    stored = noise(9, 11, seed=3)
    frame = frame_of(stored, modality=ModalityTransform(2, -7), windows=(Window(200, 900),))
    plan = plan_input(Preprocessing(window="file", height=8, width=8, channels=1), frame)
    path = InputPath(plan, frame.modality.slope, frame.modality.intercept)
    values = stored_tensor(frame).double().requires_grad_()
    assert torch.autograd.gradcheck(path, (values,), eps=1e-3, atol=1e-6)


def test_that_a_saved_model_input_is_used_as_it_is() -> None:
    stored = np.random.default_rng(0).integers(0, 65536, (16, 16), dtype=np.uint16)
    frame = frame_of(stored, space=PixelSpace.MODEL_INPUT, photometric=Photometric.MONOCHROME1)
    settings = {"resize": "crop", "resize_side": 20, "height": 16, "width": 16, "channels": 1}
    result = through(frame, **settings)[0]
    np.testing.assert_allclose(result, stored / 65535, atol=1e-7)


def test_that_a_saved_model_input_of_another_size_is_refused() -> None:
    frame = frame_of(noise(16, 16), space=PixelSpace.MODEL_INPUT)
    with pytest.raises(ModelError, match=r"16×16.*32×32"):
        plan_input(Preprocessing(height=32, width=32), frame)


def test_that_a_constant_image_has_no_percentile_scale() -> None:
    frame = frame_of(np.zeros((16, 16), np.uint8))
    with pytest.raises(ModelError, match="constant"):
        plan_input(Preprocessing(window="percentile", low=1, high=99), frame)


def test_that_the_region_of_a_crop_lies_in_the_middle_of_the_frame() -> None:
    frame = frame_of(noise(100, 200))
    plan = plan_input(Preprocessing(resize="crop", resize_side=50, height=40, width=40), frame)
    # 100×200 shrinks to 50×100; of it 40×40 from (5, 30); a frame pixel is half as large.
    assert plan.region(frame.shape) == (10, 60, 80, 80)


def test_that_window_and_input_values_translate_into_each_other() -> None:
    frame = frame_of(noise(16, 16), photometric=Photometric.MONOCHROME1)
    plan = plan_input(Preprocessing(height=16, width=16), frame)
    assert plan.to_modality(1.0) == 0
    assert plan.to_modality(0.0) == 255
    assert plan.to_input(Window(127.5, 255)) == pytest.approx((0, 1))
