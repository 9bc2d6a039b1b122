"""Shifted pixels and repainted regions: formulas, places, masks, refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from attack_models import card_of, convolutional, decided, linear, random_images
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from medadv_desktop.attacks.objectives import Untargeted
from medadv_desktop.attacks.registry import make_attack
from medadv_desktop.attacks.session import session
from medadv_desktop.attacks.spatial.masks import read_mask
from medadv_desktop.attacks.spatial.patch import Patch
from medadv_desktop.attacks.spatial.patch_search import search
from medadv_desktop.attacks.spatial.stadv import SpatialAttack
from medadv_desktop.attacks.spatial.stadv_search import roughness, warped
from medadv_desktop.errors import AttackError, SettingsError
from medadv_desktop.jobs import silent
from medadv_desktop.models.card import Preprocessing
from medadv_desktop.models.diagnostic import DiagnosticModel


def test_that_a_flow_of_zero_gives_the_image_and_whole_pixels_shift_it() -> None:
    images = random_images(2)
    still = torch.zeros(2, 2, 8, 8, dtype=torch.float64)
    assert torch.equal(warped(images, still), images)
    shift = still.clone()
    shift[:, 0], shift[:, 1] = 2, -1
    expected = F.pad(images, (1, 0, 0, 2), mode="replicate")[:, :, 2:, :8]
    assert torch.equal(warped(images, shift), expected)


def test_that_sampling_along_a_flow_is_torchs_bilinear_sampling() -> None:
    images = random_images(3)
    generator = torch.Generator().manual_seed(0)
    flow = 3 * torch.randn(3, 2, 8, 8, generator=generator, dtype=torch.float64)
    flow.requires_grad_()
    axis = torch.arange(8, dtype=torch.float64)
    x, y = axis + flow[:, 1], axis[:, None] + flow[:, 0]
    grid = torch.stack([x, y], -1) * 2 / 7 - 1
    expected = F.grid_sample(images, grid, padding_mode="border", align_corners=True)
    torch.testing.assert_close(warped(images, flow), expected, rtol=0, atol=1e-12)
    weights = random_images(3, seed=5)
    (ours,) = torch.autograd.grad((weights * warped(images, flow)).sum(), flow)
    (theirs,) = torch.autograd.grad((weights * expected).sum(), flow)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-10)


def test_that_roughness_is_the_length_of_the_step_to_each_of_four_neighbours() -> None:
    flow = torch.zeros(1, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    assert roughness(flow).item() == 0
    (slope,) = torch.autograd.grad(roughness(flow).sum(), flow)
    assert torch.equal(slope, torch.zeros_like(slope))
    bumped = flow.detach().clone()
    bumped[0, :, 1, 1] = torch.tensor([3.0, 4.0])
    assert roughness(bumped).item() == pytest.approx(2 * 4 * 5)


def test_that_no_pixel_is_shifted_farther_than_allowed() -> None:
    model, images = convolutional(3), random_images(4)
    labels = decided(model, images)
    none = SpatialAttack(max_displacement=0).run(model, images, labels, Untargeted())
    assert torch.equal(none.adversarial, images)
    # Within half a pixel a value lies between those of its 3×3 neighbourhood.
    attack = SpatialAttack(max_displacement=0.5, steps=10, stop_when_beaten=False)
    result = attack.run(model, images, labels, Untargeted())
    padded = F.pad(images, (1, 1, 1, 1), mode="replicate")
    highest = F.max_pool2d(padded, 3, stride=1)
    lowest = -F.max_pool2d(-padded, 3, stride=1)
    assert (result.adversarial <= highest + 1e-12).all()
    assert (result.adversarial >= lowest - 1e-12).all()
    assert (result.adversarial != images).any()


def test_that_going_on_makes_the_flow_smoother_and_loses_no_success() -> None:
    model, images = convolutional(3), random_images(6)
    labels = decided(model, images)
    soon = SpatialAttack(steps=40, smoothness=1e-3).run(model, images, labels, Untargeted())
    attack = SpatialAttack(steps=40, smoothness=1e-3, stop_when_beaten=False)
    late = attack.run(model, images, labels, Untargeted())
    assert soon.success.any()
    assert (late.success >= soon.success).all()
    assert (late.steps == 40).all()


def bright_spot_model(block: slice) -> tuple[DiagnosticModel, Tensor]:
    """Class 1 if the sum over a block of one 8×8 image is high enough."""
    weights = torch.zeros(1, 8, 8, dtype=torch.float64)
    weights[0, block, block] = 1
    rows = torch.cat([-weights.flatten(1), weights.flatten(1)])
    return linear(rows, torch.tensor([1.5, -1.5]).double()), weights


def test_that_only_the_patch_changes_and_within_its_budget() -> None:
    model, images = convolutional(3), random_images(5)
    labels = decided(model, images)
    inside = torch.zeros(8, 8, dtype=torch.bool)
    inside[2:5, 1:7] = True
    place = {"placement": "chosen", "unit": "pixels", "row": 2, "column": 1}
    free = Patch(**place, height=3, width=6, steps=5).run(model, images, labels, Untargeted())
    assert torch.equal(free.adversarial[:, :, ~inside], images[:, :, ~inside])
    assert (free.l0 <= 18).all()
    assert (free.adversarial != images)[:, :, inside].any()
    bound = Patch(**place, height=3, width=6, epsilon=0.1, steps=5)
    result = bound.run(model, images, labels, Untargeted())
    assert (result.linf <= 0.1 * (1 + 1e-6)).all()
    assert (result.l0 <= 18).all()


@pytest.mark.parametrize(("height", "expected"), [(0.25, (3, 2)), (0.1, (4, 1)), (1, (0, 8))])
def test_that_the_middle_is_where_it_should_be(height: float, expected: tuple[int, int]) -> None:
    top, tall = expected
    patch = Patch(height=height, width=height)
    assert patch.size((8, 8)) == (tall, tall)
    assert patch.corner((8, 8)) == ((8 - tall) // 2,) * 2 == (top - (tall == 1),) * 2


def test_that_the_worst_place_is_where_the_model_looks() -> None:
    model, weights = bright_spot_model(slice(5, 8))
    images = torch.full((2, 1, 8, 8), 0.05, dtype=torch.float64)
    labels = torch.tensor([0, 0])
    size = {"unit": "pixels", "height": 3, "width": 3, "steps": 10}
    centre = Patch(**size).run(model, images, labels, Untargeted())
    assert not centre.success.any()
    worst = Patch(**size, placement="worst").run(model, images, labels, Untargeted())
    assert worst.success.all()
    changed = (worst.adversarial != images)[:, 0]
    assert not changed[:, weights[0] == 0].any()


def test_that_the_next_place_is_another_one_for_those_that_withstood() -> None:
    weights = torch.zeros(8, 8, dtype=torch.float64)
    weights[0:2, 0:2] = 1.0
    weights[6:8, 6:8] = 0.9
    rows = torch.stack([-weights.flatten(), weights.flatten()])
    model = linear(rows, torch.tensor([100.0, -100.0]).double())  # out of reach
    images = torch.full((1, 1, 8, 8), 0.5, dtype=torch.float64)
    attack = Patch(placement="worst", unit="pixels", height=2, width=2, steps=4, tries=2)
    corners: list[Tensor] = []

    def look(event: object) -> None:
        value = getattr(event, "value", None)
        if value is not None:
            changed = torch.from_numpy(value.adversarial[0] != np.float32(0.5))
            corners.append(changed.nonzero().amin(0))

    attack.run(model, images, torch.tensor([0]), Untargeted(), emit=look)
    assert [c.tolist() for c in corners] == [[0, 0]] * 4 + [[6, 6]] * 4


def test_that_a_patch_on_a_linear_model_goes_all_the_way() -> None:
    model, weights = bright_spot_model(slice(2, 5))
    images = 0.1 * random_images(4, channels=1)
    attack = Patch(placement="chosen", unit="pixels", row=2, column=2, height=1, width=2, steps=20)
    result = attack.run(model, images, torch.zeros(4, dtype=torch.int64), Untargeted())
    rest = (images * weights)[:, 0].sum((1, 2)) - images[:, 0, 2, 2:4].sum(1)
    assert result.success.tolist() == (rest + 2 > 1.5).tolist()


def saved(mask: np.ndarray, path: Path) -> str:
    Image.fromarray(mask).save(path)
    return str(path)


def test_that_a_mask_of_the_models_size_is_taken_as_it_is(tmp_path: Path) -> None:
    marked = np.zeros((8, 8), np.uint8)
    marked[1:3, 4:8] = 255
    marked[5, 5] = 100  # below the middle: not marked
    file = saved(marked, tmp_path / "mask.png")
    model, images = convolutional(3), random_images(3)
    attack = Patch(placement="mask", mask=file, steps=4)
    result = attack.run(model, images, decided(model, images), Untargeted())
    outside = torch.from_numpy(marked <= 127)
    assert torch.equal(result.adversarial[:, :, outside], images[:, :, outside])
    assert (result.adversarial != images).any()


@pytest.mark.parametrize(
    ("resize", "rows", "columns"),
    [
        ("stretch", slice(2, 4), slice(3, 5)),  # columns in the middle of every two
        ("crop", slice(2, 4), slice(2, 6)),  # the middle eight of sixteen columns
        ("pad", slice(3, 4), slice(3, 5)),  # 4×8 below a border of two rows
    ],
)
def test_that_a_mask_goes_the_way_of_its_image(
    tmp_path: Path, resize: str, rows: slice, columns: slice
) -> None:
    marked = np.zeros((8, 16), np.uint8)
    marked[2:4, 6:10] = 255
    path = Path(saved(marked, tmp_path / "mask.png"))
    preprocessing = Preprocessing(height=8, width=8, channels=1, resize=resize)
    expected = np.zeros((8, 8), bool)
    expected[rows, columns] = True
    assert (read_mask(path, preprocessing) == expected).all()


def test_that_a_mask_that_says_nothing_is_refused(tmp_path: Path) -> None:
    model, images = convolutional(3), random_images(1)
    labels = decided(model, images)
    blank = saved(np.zeros((8, 8), np.uint8), tmp_path / "blank.png")
    outside = np.zeros((8, 32), np.uint8)
    outside[:, 0] = 255
    text = tmp_path / "text.png"
    text.write_text("no image")
    cases = {
        blank: "marks nothing",
        str(text): "cannot be read",
        str(tmp_path / "missing.png"): "there is no file",
    }
    for file, words in cases.items():
        with pytest.raises(AttackError, match=words) as caught:
            Patch(placement="mask", mask=file).run(model, images, labels, Untargeted())
        assert file in str(caught.value)
    seen = Preprocessing(height=8, width=8, channels=1, resize="crop")
    with pytest.raises(AttackError, match="nothing that the mask marks"):
        read_mask(Path(saved(outside, tmp_path / "outside.png")), seen)


def test_that_every_sample_may_have_a_region_of_its_own() -> None:
    model, images = convolutional(3), random_images(3)
    labels = decided(model, images)
    regions = torch.zeros(3, 1, 8, 8, dtype=torch.bool)
    for row in range(3):
        regions[row, 0, 2 * row : 2 * row + 2, 3:] = True
    attack = Patch(steps=4)
    with session(
        attack,
        model,
        images,
        labels,
        Untargeted(),
        seed=0,
        sample_ids=None,
        token=None,
        emit=silent,
    ) as opened:
        result = search(opened, attack, regions)
    changed = (result.adversarial != images).any(1, keepdim=True)
    assert not (changed & ~regions).any()
    assert changed.flatten(1).any(1).all()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"placement": "chosen"}, "takes a row and a column"),
        ({"row": 0.1}, "no other does"),
        ({"height": 3}, "at most 1"),
        ({"unit": "pixels", "height": 2.5, "width": 3}, "whole numbers"),
        ({"placement": "mask"}, "takes a mask file"),
        ({"mask": "lesion.png"}, "no other does"),
        ({"tries": 2, "random_start": False}, "the same"),
        ({"epsilon": 2}, "epsilon: 2 is refused"),
    ],
)
def test_that_a_wrong_patch_is_refused_in_words(values: dict[str, object], words: str) -> None:
    if values.get("unit") == "pixels":
        values = {"placement": "centre", **values}
    with pytest.raises(SettingsError, match=words):
        make_attack("patch", values)


@pytest.mark.parametrize(
    "place",
    [
        {"placement": "chosen", "unit": "pixels", "row": 6, "column": 0, "height": 3, "width": 1},
        {"placement": "chosen", "row": 0, "column": 0.9, "height": 0.2, "width": 0.2},
        {"unit": "pixels", "height": 9, "width": 2},
        {"placement": "worst", "unit": "pixels", "height": 2, "width": 9},
    ],
)
def test_that_a_patch_outside_the_image_is_refused(place: dict[str, object]) -> None:
    model, images = convolutional(3), random_images(1)
    with pytest.raises(AttackError, match="8 rows and 8 columns"):
        Patch(**place).run(model, images, decided(model, images), Untargeted())
    assert card_of(3).input_shape == (3, 8, 8)
