"""Frames of the perturbation sequences against their formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.ndimage
import torch
from perturbed_images import blob, centroid, dot, flat, phantoms
from skimage.color import hsv2rgb, rgb2hsv
from torchvision.transforms import InterpolationMode
from torchvision.transforms.functional import affine

from medadv_desktop.corruptions.registry import SEQUENCES, make_sequence
from medadv_desktop.corruptions.sequences.sequence import PerturbationSequence
from medadv_desktop.errors import SettingsError
from medadv_desktop.jobs import CancelToken, JobCancelled

each_kind = pytest.mark.parametrize("kind", SEQUENCES.values(), ids=lambda kind: kind.name)


def frames_of(name: str, images: torch.Tensor, frames: int = 10) -> list[torch.Tensor]:
    sequence = make_sequence(name, {"frames": frames})
    return list(sequence.sequence(images, seed=4, sample_ids=range(len(images))))


@each_kind
def test_that_a_sequence_has_its_frames_in_shape_type_and_range(
    kind: type[PerturbationSequence],
) -> None:
    for images in (phantoms(side=32), phantoms(side=32)[:, :1, :, :27].half()):
        frames = list(kind(frames=4).sequence(images, seed=0, sample_ids=[1]))
        assert len(frames) == 4
        for frame in frames:
            assert frame.shape == images.shape
            assert frame.dtype == images.dtype
            assert bool(((frame >= 0) & (frame <= 1)).all())


@each_kind
def test_that_frames_depend_neither_on_the_batch_nor_on_its_order_nor_on_how_many(
    kind: type[PerturbationSequence],
) -> None:
    images = phantoms(count=3, side=32)
    together = list(kind(frames=3).sequence(images, seed=5, sample_ids=[10, 20, 30]))
    turned = list(kind(frames=2).sequence(images[[2, 0]], seed=5, sample_ids=[30, 10]))
    for few, many in zip(turned, together, strict=False):
        assert torch.equal(few[0], many[2])
        assert torch.equal(few[1], many[0])


@each_kind
def test_that_frames_may_be_changed_and_the_original_stays(
    kind: type[PerturbationSequence],
) -> None:
    images = phantoms(side=32)
    before = images.clone()
    frames = []
    for frame in kind(frames=5).sequence(images, seed=5, sample_ids=[1]):
        frames.append(frame.clone())
        frame.zero_()
    assert torch.equal(images, before)
    assert not torch.equal(frames[0], frames[-1])


def test_that_the_registry_holds_the_benchmark() -> None:
    assert all(kind.name == name for name, kind in SEQUENCES.items())
    held_out = {"speckle-noise", "gaussian-blur", "spatter", "shear"}
    assert {n for n, kind in SEQUENCES.items() if kind.validation} == held_out
    assert set(SEQUENCES) - held_out == {
        *("gaussian-noise", "shot-noise", "motion-blur", "zoom-blur", "snow", "brightness"),
        *("translate", "rotate", "tilt", "scale"),
    }
    assert {n for n, kind in SEQUENCES.items() if kind.noise} == {
        "gaussian-noise",
        "shot-noise",
        "speckle-noise",
    }
    assert all(kind().frames == 10 for kind in SEQUENCES.values())


@pytest.mark.parametrize(("name", "frames"), [("rotate", 1), ("rotate", 32), ("fog", 10)])
def test_that_wrong_words_are_refused(name: str, frames: int) -> None:
    with pytest.raises(SettingsError):
        make_sequence(name, {"frames": frames})


def test_that_a_cancel_is_heeded_between_frames() -> None:
    token = CancelToken()
    running = SEQUENCES["brightness"]().sequence(
        phantoms(side=32), seed=0, sample_ids=[1], token=token
    )
    next(running)
    token.cancel()
    with pytest.raises(JobCancelled):
        next(running)


@pytest.mark.parametrize("name", ["gaussian-noise", "shot-noise", "speckle-noise", "zoom-blur"])
def test_that_the_first_frame_is_the_clean_image(name: str) -> None:
    images = phantoms(side=32)
    assert torch.equal(frames_of(name, images)[0], images)


@pytest.mark.parametrize(
    ("name", "deviation"),
    [
        ("gaussian-noise", 0.03),
        ("shot-noise", math.sqrt(0.4 / 300)),
        ("speckle-noise", 0.05 * 0.4),
    ],
)
def test_that_noise_has_its_strength_and_every_frame_its_own_draw(
    name: str, deviation: float
) -> None:
    clean, *noisy = frames_of(name, flat(0.4, 128, 3), 3)
    for frame in noisy:
        noise = (frame - clean).double()
        assert float(noise.std()) == pytest.approx(deviation, rel=0.02)
        assert float(noise.mean()) == pytest.approx(0, abs=deviation / 50)
    pairs = torch.stack([(f - clean).flatten() for f in noisy])
    assert abs(float(torch.corrcoef(pairs)[0, 1])) < 0.02
    # Colours draw independently, as in ImageNet-P.
    channels = (noisy[0] - clean)[0].flatten(1)
    assert abs(float(torch.corrcoef(channels)[0, 1])) < 0.05


def test_that_brightness_adds_to_grey_exactly() -> None:
    grey = torch.linspace(0, 1, 256).view(1, 1, 16, 16).repeat(1, 3, 1, 1)
    for i, frame in enumerate(frames_of("brightness", grey, 31)):
        assert torch.equal(frame, (grey + 0.02 * (i - 15)).clamp(0, 1))


def test_that_brightness_of_colours_is_skimages_hsv() -> None:
    image = phantoms(side=32)
    hsv = rgb2hsv(image[0].permute(1, 2, 0).numpy())
    for i, frame in enumerate(frames_of("brightness", image)):
        wanted = hsv.copy()
        wanted[..., 2] = np.clip(hsv[..., 2] + 0.02 * (i - 15), 0, 1)
        expected = hsv2rgb(wanted)
        assert np.allclose(frame[0].permute(1, 2, 0).numpy(), expected, atol=1e-5)


def test_that_translation_moves_whole_pixels_exactly_and_mirrors_the_border() -> None:
    image = torch.rand(1, 1, 224, 224, generator=torch.Generator().manual_seed(1))
    frames = frames_of("translate", image, 31)
    for i in (0, 9, 19):
        left = 20 - i
        assert torch.equal(frames[i][..., : 224 - left], image[..., left:])
        assert torch.equal(frames[i][..., 224 - left :], image[..., -left:].flip(-1))
    assert torch.equal(frames[20], image)
    assert torch.equal(frames[23][..., 3:], image[..., :-3])


def test_that_translation_is_a_224th_of_the_side_a_frame() -> None:
    image = blob(112, 0, 0, 4)
    for i, frame in enumerate(frames_of("translate", image)):
        assert centroid(frame[0, 0])[0] == pytest.approx((i - 20) / 2, abs=0.01)


@pytest.mark.parametrize(
    ("name", "angle", "scale", "shear"),
    [
        ("rotate", lambda i: i - 15.0, lambda i: 1.0, lambda i: 0.0),
        ("scale", lambda i: 0.0, lambda i: 0.4 + 0.025 * i, lambda i: 0.0),
        ("shear", lambda i: 0.0, lambda i: 1.0, lambda i: i - 15.0),
    ],
)
def test_that_warps_are_torchvisions_within_the_image(
    name: str, angle: object, scale: object, shear: object
) -> None:
    image = phantoms(side=48)
    inside = torch.ones_like(image)
    for i, frame in enumerate(frames_of(name, image, 31)):
        how = {"interpolation": InterpolationMode.BILINEAR}
        at = (angle(i), [0, 0], scale(i), [shear(i), 0.0])  # type: ignore[operator]
        expected = affine(image, *at, **how)
        covered = affine(inside, *at, **how) > 0.9999
        if name == "scale":
            covered = torch.ones_like(covered)  # black beyond, in both
        assert torch.allclose(frame[covered], expected[covered], atol=3e-4), i


@pytest.mark.parametrize("name", ["rotate", "tilt", "shear", "translate", "zoom-blur"])
def test_that_no_black_border_shows(name: str) -> None:
    white = flat(0.7, 48, 3)
    for frame in frames_of(name, white):
        assert torch.allclose(frame, white, atol=1e-5)


def test_that_scale_is_black_around_what_is_left() -> None:
    frame = frames_of("scale", flat(0.7, 50))[0][0, 0]
    assert float(frame[:14].max()) == 0
    assert float((frame == 0).float().mean()) == pytest.approx(1 - 0.4**2, abs=0.05)


@pytest.mark.parametrize("place", [(40.0, 0.0), (0.0, -40.0), (30.0, 20.0)])
def test_that_tilt_projects_points_turned_in_space(place: tuple[float, float]) -> None:
    side = 128
    x, y = place
    frames = frames_of("tilt", blob(side, x, y, 2), 31)
    f = math.hypot(side, side) * 256 / 224
    for i in (0, 9, 15, 22):
        a = math.radians(i - 15)
        # About y: x and z turn; then about x: y and z turn.
        x1, z1 = x * math.cos(a), x * math.sin(a)
        y2, z2 = y * math.cos(a) - z1 * math.sin(a), y * math.sin(a) + z1 * math.cos(a)
        expected = (f * x1 / (f + z2), f * y2 / (f + z2))
        assert centroid(frames[i][0, 0]) == pytest.approx(expected, abs=0.15)


def test_that_zoom_blur_is_the_running_mean_of_enlargements() -> None:
    image = phantoms(side=48)
    total = image.double()
    for i, frame in enumerate(frames_of("zoom-blur", image)):
        if i:
            how = {"interpolation": InterpolationMode.BILINEAR}
            total = total + affine(image, 0, [0, 0], 1 + 0.004 * i, [0.0], **how)
        assert torch.allclose(frame.double(), total / (i + 1), atol=1e-4)


def test_that_gaussian_blur_grows_by_its_formula() -> None:
    image = torch.rand(1, 1, 224, 224, generator=torch.Generator().manual_seed(1)).double()
    for i, frame in enumerate(frames_of("gaussian-blur", image)):
        sigma = 0.25 + 0.035 * i
        expected = scipy.ndimage.gaussian_filter(
            image.numpy()[0, 0], sigma, mode="nearest", truncate=6.0
        )
        assert np.abs(frame[0, 0].numpy() - expected).max() < 1e-4


def test_that_motion_blur_turns_by_four_degrees_a_frame() -> None:
    for i, frame in enumerate(frames_of("motion-blur", dot(224, 112, 112))):
        x, y = centroid(frame[0, 0])
        x, y = x - 0.5, y - 0.5  # the middle of the pixel that was white
        # Every pixel shows what lies ahead, so a point trails behind.
        turned = math.degrees(math.atan2(-y, -x)) - 4 * (i - 30)
        assert (turned + 180) % 360 - 180 == pytest.approx(0, abs=8)
        weights = np.exp(-0.5 * (np.arange(21) / 3.0) ** 2)
        length = float((weights * np.arange(21)).sum() / weights.sum())
        assert math.hypot(x, y) == pytest.approx(length, rel=0.05)


def test_that_snow_lies_on_a_paler_image_and_on_its_half_turn() -> None:
    black = torch.zeros(1, 3, 64, 64)
    for frame in frames_of("snow", black, 4):
        # 0.85·0 + 0.15·max(0, 1.5·0 + 0.5)
        flakes = frame - 0.075
        assert float(flakes.min()) == pytest.approx(0, abs=1e-6)
        assert float(flakes.max()) > 0.1
        assert torch.allclose(flakes, flakes.flip(-2, -1), atol=1e-6)
        assert torch.equal(frame[:, 0], frame[:, 2])


def test_that_spatter_is_water_of_one_colour_on_the_image() -> None:
    image = flat(0.2, 112, 3)
    frames = frames_of("spatter", image, 4)
    for frame in frames:
        water = (frame - image)[0].double()
        assert float(water.min()) >= 0
        assert float(water[1].max()) == pytest.approx(0.6 * 238 / 255, rel=0.3)
        assert torch.allclose(water[0], water[1] * 175 / 238, atol=1e-6)
        assert 0.001 < float((water[1] > 0.05).float().mean()) < 0.3


def test_that_spattered_drops_run_down() -> None:
    first, *_, last = frames_of("spatter", flat(0.2, 112), 9)
    a, b = (first - 0.2)[0, 0].double(), (last - 0.2)[0, 0].double()
    shifts = range(-8, 9)
    likeness = [float((a[16:-16] * b.roll(-s, 0)[16:-16]).sum()) for s in shifts]
    # Eight steps of a pixel and a half at 224, half of that here.
    assert shifts[int(np.argmax(likeness))] == pytest.approx(6, abs=2)
