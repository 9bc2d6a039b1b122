"""What holds for every corruption, whatever it does."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from perturbed_images import phantoms

from medadv_desktop.corruptions.corruption import MODALITIES, Corruption
from medadv_desktop.corruptions.registry import (
    CORRUPTIONS,
    SEQUENCES,
    corruptions_for,
    make_corruption,
    make_sequence,
)
from medadv_desktop.errors import CorruptionError, SettingsError
from medadv_desktop.jobs import CancelToken, JobCancelled

KINDS = list(CORRUPTIONS.values())
RANDOM = {
    *("gaussian-noise", "shot-noise", "impulse-noise", "speckle-noise", "motion-blur", "hair"),
    *("ruler", "vignette", "bubbles", "uneven-light", "haze", "collimation", "grid-lines"),
    "low-dose",
}
each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


def images_for(kind: type[Corruption], count: int = 1) -> torch.Tensor:
    return phantoms(kind.modalities[0] if kind.modalities else "dermoscopy", count)


def distances(kind: type[Corruption], images: torch.Tensor) -> list[float]:
    ids = range(len(images))
    made = [kind(severity=s).apply(images, seed=3, sample_ids=ids) for s in range(1, 6)]
    return [float((m - images).double().abs().mean()) for m in made]


@each_kind
@pytest.mark.parametrize("severity", [1, 5])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
def test_that_shape_type_range_and_the_original_are_kept(
    kind: type[Corruption], severity: int, dtype: torch.dtype
) -> None:
    images = images_for(kind)[..., :56].to(dtype)
    before = images.clone()
    changed = kind(severity=severity).apply(images, seed=1, sample_ids=[7])
    assert changed.shape == images.shape
    assert changed.dtype == dtype
    assert bool(((changed >= 0) & (changed <= 1)).all())
    assert torch.equal(images, before)
    assert not torch.equal(changed, images)


@each_kind
def test_that_one_channel_and_odd_sizes_are_taken(kind: type[Corruption]) -> None:
    images = images_for(kind)[:, :1, :37, :29].contiguous()
    changed = kind(severity=4).apply(images, seed=1, sample_ids=[7])
    assert changed.shape == images.shape
    assert bool(changed.isfinite().all())


@each_kind
def test_that_each_severity_changes_more_than_the_one_before(kind: type[Corruption]) -> None:
    found = distances(kind, images_for(kind, 3))
    assert found == sorted(found)
    assert found[0] > 0
    assert found[4] > 1.2 * found[0]


@each_kind
def test_that_results_depend_neither_on_the_batch_nor_on_its_order(kind: type[Corruption]) -> None:
    images = images_for(kind, 3)
    corruption = kind(severity=3)
    together = corruption.apply(images, seed=5, sample_ids=[10, 20, 30])
    turned = corruption.apply(images[[2, 0]], seed=5, sample_ids=[30, 10])
    assert torch.equal(turned[0], together[2])
    assert torch.equal(turned[1], together[0])


@each_kind
def test_that_seed_and_sample_id_matter_where_chance_does(kind: type[Corruption]) -> None:
    image = images_for(kind)
    first = kind(severity=5).apply(image, seed=1, sample_ids=[1])
    other_seed = kind(severity=5).apply(image, seed=2, sample_ids=[1])
    other_id = kind(severity=5).apply(image, seed=1, sample_ids=[2])
    assert torch.equal(first, other_seed) is (kind.name not in RANDOM)
    assert torch.equal(first, other_id) is (kind.name not in RANDOM)


@pytest.mark.parametrize("kind", corruptions_for("radiograph"), ids=lambda kind: kind.name)
def test_that_a_grey_image_in_three_channels_stays_grey(kind: type[Corruption]) -> None:
    changed = kind(severity=4).apply(phantoms("radiograph"), seed=0, sample_ids=[1])
    assert torch.equal(changed[:, 0], changed[:, 1])
    assert torch.equal(changed[:, 0], changed[:, 2])


def test_that_the_registry_holds_every_kind_asked_for_by_modality() -> None:
    assert all(kind.name == name for name, kind in CORRUPTIONS.items())
    assert {k.name for k in KINDS if k.modalities == ("dermoscopy",)} >= {
        "hair",
        "ruler",
        "vignette",
    }
    assert {k.name for k in KINDS if k.modalities == ("fundus",)} == {"uneven-light", "haze"}
    assert {k.name for k in KINDS if k.modalities == ("radiograph",)} == {
        "collimation",
        "grid-lines",
        "low-dose",
    }
    general = {k.name for k in corruptions_for("")}
    assert general >= {
        *("gaussian-noise", "shot-noise", "impulse-noise", "speckle-noise", "gaussian-blur"),
        *("defocus-blur", "motion-blur", "zoom-blur", "contrast-up", "contrast-down"),
        *("brightness-up", "brightness-down", "gamma-up", "gamma-down", "jpeg", "pixelation"),
    }
    for modality in MODALITIES:
        assert {k.name for k in corruptions_for(modality)} > general


@each_kind
def test_that_every_kind_says_what_it_is(kind: type[Corruption]) -> None:
    assert kind.title
    assert kind.summary
    assert kind.reference
    assert len(kind.constants) == 5
    assert kind.__doc__
    assert kind.__doc__ != Corruption.__doc__


def test_that_kinds_are_readable_without_torch_and_scipy() -> None:
    code = (
        "import sys; from medadv_desktop.corruptions.registry import make_corruption;"
        "make_corruption('hair', {'severity': 2});"
        "sys.exit(bool({'torch', 'scipy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("rain", {}),
        ("hair", {"severity": 0}),
        ("hair", {"severity": 6}),
        ("hair", {"severity": 2.5}),
        ("hair", {"amount": 2}),
    ],
)
def test_that_wrong_words_are_refused_when_they_are_read(
    name: str, values: dict[str, object]
) -> None:
    with pytest.raises(SettingsError):
        make_corruption(name, values)


def test_that_a_value_written_as_text_is_read() -> None:
    assert make_corruption("jpeg", {"severity": "4"}).severity == 4
    assert make_sequence("snow", {"frames": "5"}).frames == 5


@pytest.mark.parametrize("name", ["jpeg", "rotate"])
@pytest.mark.parametrize(
    "images",
    [
        torch.zeros(3, 8, 8),
        torch.zeros(1, 2, 8, 8),
        torch.zeros(1, 3, 8, 8, dtype=torch.uint8),
        torch.full((1, 3, 8, 8), 1.01),
        torch.full((1, 3, 8, 8), -0.01),
        torch.full((1, 3, 8, 8), float("nan")),
        torch.zeros(0, 3, 8, 8),
    ],
    ids=["no batch", "two channels", "whole numbers", "above 1", "below 0", "nan", "empty"],
)
def test_that_what_is_no_batch_of_images_is_refused(name: str, images: torch.Tensor) -> None:
    ids = range(len(images))
    work = CORRUPTIONS[name]().apply if name in CORRUPTIONS else SEQUENCES[name]().sequence
    with pytest.raises(CorruptionError):
        work(images, seed=0, sample_ids=ids)


def test_that_ids_must_be_as_many_as_images() -> None:
    with pytest.raises(CorruptionError, match="2 ids for 1"):
        make_corruption("jpeg", {}).apply(phantoms(), seed=0, sample_ids=[1, 2])


def test_that_a_cancel_is_heeded() -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(JobCancelled):
        make_corruption("jpeg", {}).apply(phantoms(), seed=0, sample_ids=[1], token=token)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@each_kind
def test_that_a_gpu_gives_the_same_images(kind: type[Corruption]) -> None:
    images = images_for(kind)
    here = kind(severity=4).apply(images, seed=1, sample_ids=[7])
    there = kind(severity=4).apply(images.cuda(), seed=1, sample_ids=[7])
    assert there.is_cuda
    assert torch.allclose(there.cpu(), here, atol=1e-5)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", SEQUENCES)
def test_that_a_gpu_gives_the_same_frames(name: str) -> None:
    sequence, images = make_sequence(name, {"frames": 3}), phantoms()
    here = sequence.sequence(images, seed=1, sample_ids=[7])
    there = sequence.sequence(images.cuda(), seed=1, sample_ids=[7])
    for a, b in zip(here, there, strict=True):
        assert torch.allclose(b.cpu(), a, atol=1e-4)
