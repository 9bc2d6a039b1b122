"""Augmented training images: what may change, by how much, and from which draws."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import training_cases

from medadv_desktop.audit.inputs_at_hand import Inputs
from medadv_desktop.defenses.objectives.lesson import Draws
from medadv_desktop.models.card import ModelCard, Preprocessing
from medadv_desktop.training.augmentation import augmented
from medadv_desktop.training.recipe import Augmentation
from medadv_desktop.training.samples import Samples

IMAGES = torch.rand(8, 1, 6, 10, generator=torch.Generator().manual_seed(0))
IDS = list(range(8))


def changed(settings: Augmentation, first: int = 0, stop: int = 8, batch: int = 0) -> torch.Tensor:
    draws = Draws(1, batch, first, stop, 8)
    return augmented(IMAGES[first:stop].clone(), IDS[first:stop], settings, draws)


def test_that_nothing_asked_changes_nothing() -> None:
    assert torch.equal(changed(Augmentation()), IMAGES)


@pytest.mark.parametrize(
    "settings",
    [
        Augmentation(flip_horizontal=True, rotate=20, shift=0.1, scale=0.1, contrast=0.2),
        Augmentation(corruptions=("gaussian-noise", "gamma-up"), corrupted=0.7),
    ],
)
def test_that_parts_of_a_batch_change_as_the_whole(settings: Augmentation) -> None:
    whole = changed(settings)
    parts = torch.cat([changed(settings, 0, 3), changed(settings, 3, 8)])
    torch.testing.assert_close(parts, whole, rtol=0, atol=1e-6)
    assert not torch.equal(whole, changed(settings, batch=1))
    assert float(whole.min()) >= 0
    assert float(whole.max()) <= 1


def test_that_about_half_of_the_images_are_mirrored() -> None:
    found = changed(Augmentation(flip_horizontal=True))
    mirrored = [torch.equal(f, i.flip(2)) for f, i in zip(found, IMAGES, strict=True)]
    kept = [torch.equal(f, i) for f, i in zip(found, IMAGES, strict=True)]
    assert all(m != k for m, k in zip(mirrored, kept, strict=True))
    assert 0 < sum(mirrored) < 8


def test_that_a_turn_keeps_an_oblong_image_in_proportion() -> None:
    # A disc in the middle of an oblong image looks the same from every side.
    y, x = np.mgrid[:20, :40]
    disc = torch.from_numpy(np.exp(-((y - 9.5) ** 2 + (x - 19.5) ** 2) / 8)).float()
    whole = disc.expand(8, 1, 20, 40)
    found = augmented(whole.clone(), IDS, Augmentation(rotate=180), Draws(1, 0, 0, 8, 8))
    torch.testing.assert_close(found, whole.contiguous(), rtol=0, atol=0.05)


def test_that_brightness_is_one_shift_for_an_image() -> None:
    middle = IMAGES * 0.4 + 0.3
    found = augmented(middle.clone(), IDS, Augmentation(brightness=0.2), Draws(1, 0, 0, 8, 8))
    shifts = (found - middle).flatten(1)
    torch.testing.assert_close(shifts, shifts[:, :1].expand_as(shifts), rtol=0, atol=1e-6)
    assert 0.02 < float(shifts.abs().max()) <= 0.2


def test_that_mixup_mixes_images_and_labels_by_one_share(tmp_path: object) -> None:
    card = ModelCard(
        id="m",
        name="M",
        architecture="compact-resnet",
        task="single-label",
        classes=("a", "b", "c"),
        preprocessing=Preprocessing(channels=1, height=8, width=8),
        weights="m.safetensors",
    )
    pixels = np.zeros((6, 1, 8, 8), np.uint16)
    pixels += (np.arange(6, dtype=np.uint16) * 10_000)[:, None, None, None]
    labels = tuple((k % 3,) for k in range(6))
    samples = Samples.of(Inputs(pixels, labels, tuple("abcdef"), ()), card)
    recipe = training_cases.recipe_for(
        tmp_path,  # type: ignore[arg-type]  # never opened
        augmentation={"mixup": 1.0},
    )
    draws, places = Draws(0, 3, 0, 6, 6), np.arange(6)
    images, shares = samples.part(places, recipe, draws, torch.device("cpu"))
    torch.testing.assert_close(shares.sum(1), torch.ones(6))
    share = float(draws.shared("mixup").beta(1.0, 1.0))
    partner = (images[:, 0, 0, 0] * 65535 / 10_000 - share * torch.arange(6)) / (1 - share)
    assert sorted(partner.round().int().tolist()) == [0, 1, 2, 3, 4, 5]
    for row in range(6):
        wanted = torch.zeros(3)
        wanted[row % 3] += share
        wanted[int(partner[row].round()) % 3] += 1 - share
        torch.testing.assert_close(shares[row], wanted)
