"""Corruptions against their formulas, against statistics, and against other libraries."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
import scipy.ndimage
import torch
from perturbed_images import dot, flat, phantoms
from PIL import Image, ImageEnhance
from torchvision.transforms import InterpolationMode
from torchvision.transforms.functional import affine

from medadv_desktop.corruptions.filters import disc_blur, gaussian_blur, motion_blur, warped
from medadv_desktop.corruptions.registry import make_corruption


def corrupted(name: str, severity: int, images: torch.Tensor) -> torch.Tensor:
    corruption = make_corruption(name, {"severity": severity})
    return corruption.apply(images, seed=11, sample_ids=range(len(images)))


def octets(image: torch.Tensor) -> Image.Image:
    return Image.fromarray((image * 255).round().byte().permute(1, 2, 0).numpy())


def test_that_gaussian_noise_has_its_mean_and_deviation() -> None:
    noise = corrupted("gaussian-noise", 1, flat(0.5, 256)) - 0.5
    assert float(noise.std()) == pytest.approx(0.04, rel=0.02)
    assert float(noise.mean()) == pytest.approx(0, abs=0.001)


def test_that_noise_of_the_next_severity_is_the_same_noise_stronger() -> None:
    weak = corrupted("gaussian-noise", 1, flat(0.5, 32)) - 0.5
    strong = corrupted("gaussian-noise", 2, flat(0.5, 32)) - 0.5
    assert torch.allclose(strong, 2 * weak, atol=1e-6)


def test_that_shot_noise_has_the_mean_and_variance_of_poisson() -> None:
    shot = corrupted("shot-noise", 1, flat(0.5, 256)).double()
    assert float(shot.mean()) == pytest.approx(0.5, abs=0.002)
    assert float(shot.var()) == pytest.approx(0.5 / 60, rel=0.03)
    assert torch.allclose(shot * 60, (shot * 60).round(), atol=1e-4)


def test_that_impulse_noise_hits_its_share_half_black_half_white() -> None:
    hit = corrupted("impulse-noise", 5, flat(0.5, 256))
    assert float((hit == 0).float().mean()) == pytest.approx(0.085, abs=0.005)
    assert float((hit == 1).float().mean()) == pytest.approx(0.085, abs=0.005)
    assert float((hit == 0.5).float().mean()) == pytest.approx(0.83, abs=0.01)


def test_that_speckle_noise_grows_with_brightness() -> None:
    for value in (0.2, 0.4):
        noise = corrupted("speckle-noise", 2, flat(value, 256)) - value
        assert float(noise.std()) == pytest.approx(0.15 * value, rel=0.02)


def test_that_low_dose_noise_is_that_of_counted_photons() -> None:
    for value in (0.2, 0.6):
        seen = corrupted("low-dose", 1, flat(value, 256)).double()
        photons = 5000 * 10 ** (-1.5 * value)
        # The first order of the logarithm: relative deviation of the count, in decades of 1.5.
        expected = 1 / (math.sqrt(photons) * math.log(10) * 1.5)
        assert float(seen.std()) == pytest.approx(expected, rel=0.03)
        assert float(seen.mean()) == pytest.approx(value, abs=0.002)


@pytest.mark.parametrize("sigma", [0.4, 1.1, 3.0])
def test_that_gaussian_blur_is_scipys(sigma: float) -> None:
    images = phantoms(side=48).double()
    reach = math.ceil(4 * sigma)
    expected = scipy.ndimage.gaussian_filter(
        images.numpy(), (0, 0, sigma, sigma), mode="nearest", radius=(0, 0, reach, reach)
    )
    assert np.allclose(gaussian_blur(images, sigma).numpy(), expected, atol=1e-9)


def test_that_gaussian_blur_scales_with_the_image() -> None:
    image = dot(112, 56, 56)
    blurred = corrupted("gaussian-blur", 5, image)[0, 0].double()
    places = torch.arange(112) - 56
    variance = float((blurred.sum(0) * places**2).sum() / blurred.sum())
    assert math.sqrt(variance) == pytest.approx(2.0 / 2, rel=0.05)


def test_that_defocus_averages_over_a_disc() -> None:
    radius = 4.0
    seen = disc_blur(dot(41, 20, 20)[0], radius)[0].double()
    y, x = np.mgrid[-20:21, -20:21]
    distance = torch.from_numpy(np.hypot(x, y))
    assert float(seen.sum()) == pytest.approx(1, abs=1e-6)
    inside = seen[distance < radius - 0.8]
    assert torch.allclose(inside, torch.full_like(inside, 1 / (math.pi * radius**2)), rtol=0.01)
    assert float(seen[distance > radius + 0.8].abs().max()) < 1e-9


def test_that_blurs_leave_a_plain_image_as_it_is() -> None:
    for name in ("gaussian-blur", "defocus-blur", "motion-blur", "zoom-blur", "pixelation"):
        seen = corrupted(name, 5, flat(0.3, 64, 3))
        assert torch.allclose(seen, flat(0.3, 64, 3), atol=1e-6), name


def test_that_motion_draws_a_point_out_to_one_side_with_gaussian_weights() -> None:
    seen = motion_blur(dot(61, 30, 30), 5, 3.0, 0.0)[0, 0]
    weights = np.exp(-0.5 * (np.arange(11) / 3.0) ** 2)
    weights /= weights.sum()
    assert np.allclose(seen[30, 20:31].numpy()[::-1], weights, atol=1e-6)
    assert float(seen.sum()) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(("angle", "step"), [(90, (0, -1)), (45, (-1, -1)), (-90, (0, 1))])
def test_that_motion_follows_its_angle(angle: float, step: tuple[int, int]) -> None:
    seen = motion_blur(dot(41, 20, 20), 3, 50.0, angle)[0, 0]
    across, down = step
    reach = 1 if angle == 45 else 3
    assert float(seen[20 + reach * down, 20 + reach * across]) > 0.1
    assert float(seen[20 - reach * down, 20 - reach * across]) == 0


@pytest.mark.parametrize("severity", [1, 5])
def test_that_zoom_blur_is_the_mean_of_enlargements(severity: int) -> None:
    image = phantoms(side=48)
    largest, step = ((1.10, 0.01), (), (), (), (1.30, 0.03))[severity - 1]
    factors = np.arange(1, largest + step / 2, step)
    parts = [
        affine(image, 0, [0, 0], float(f), [0.0], interpolation=InterpolationMode.BILINEAR)
        for f in factors
    ]
    expected = (image + sum(parts)) / (len(parts) + 1)
    seen = corrupted("zoom-blur", severity, image)
    assert torch.allclose(seen, expected, atol=2e-5)


@pytest.mark.parametrize(
    ("name", "severity", "factor"),
    [("brightness-up", 2, 1.2), ("brightness-down", 5, 0.5)],
)
def test_that_brightness_multiplies(name: str, severity: int, factor: float) -> None:
    image = phantoms()
    assert torch.allclose(corrupted(name, severity, image), (factor * image).clamp(0, 1))


@pytest.mark.parametrize(
    ("name", "severity", "factor"), [("contrast-up", 5, 1.6), ("contrast-down", 5, 0.4)]
)
def test_that_contrast_is_pillows(name: str, severity: int, factor: float) -> None:
    image = phantoms()
    expected = np.asarray(ImageEnhance.Contrast(octets(image[0])).enhance(factor)) / 255
    seen = corrupted(name, severity, image)[0].permute(1, 2, 0).numpy()
    # Pillow rounds the mean and the result to whole grey values.
    assert np.abs(seen - expected).max() <= (1 + 0.5 * abs(1 - factor)) / 255 + 1e-6


@pytest.mark.parametrize(
    ("name", "severity", "gamma"), [("gamma-up", 1, 1.1), ("gamma-down", 5, 0.4)]
)
def test_that_gamma_is_a_power(name: str, severity: int, gamma: float) -> None:
    image = phantoms()
    expected = image.double().numpy() ** gamma
    assert np.allclose(corrupted(name, severity, image).numpy(), expected, atol=1e-6)


def test_that_jpeg_is_what_pillow_makes_of_the_image() -> None:
    image = phantoms()
    encoded = io.BytesIO()
    octets(image[0]).save(encoded, "JPEG", quality=10)
    with Image.open(encoded) as decoded:
        expected = np.asarray(decoded)
    seen = corrupted("jpeg", 4, image)[0].permute(1, 2, 0).numpy() * 255
    assert np.allclose(seen, expected, atol=1e-3)


@pytest.mark.parametrize(("severity", "share"), [(2, 0.5), (5, 0.25)])
def test_that_pixelation_is_pillows_box(severity: int, share: float) -> None:
    image = phantoms(side=60)
    few = int(60 * share)
    box = Image.Resampling.BOX
    expected = np.asarray(octets(image[0]).resize((few, few), box).resize((60, 60), box)) / 255
    seen = corrupted("pixelation", severity, image)[0].permute(1, 2, 0).numpy()
    assert np.abs(seen - expected).max() <= 1.01 / 255  # Pillow rounds twice


def test_that_pixelation_averages_parts_of_pixels() -> None:
    image = phantoms(side=60)
    # 42 of 60: every pixel seven times, then the mean of ten.
    fine = image.double().repeat_interleave(7, -2).repeat_interleave(7, -1)
    few = torch.nn.functional.avg_pool2d(fine, 10)
    nearest = ((np.arange(60) + 0.5) * 0.7).astype(int)
    expected = few[..., nearest, :][..., nearest]
    assert torch.allclose(corrupted("pixelation", 1, image).double(), expected, atol=1e-6)


def test_that_a_pixelated_image_has_as_few_values_as_pixels() -> None:
    seen = corrupted("pixelation", 5, phantoms(side=64))[0, 0]
    assert len(seen.unique()) <= 16 * 16
    assert torch.equal(seen, seen[::4, ::4].repeat_interleave(4, 0).repeat_interleave(4, 1))


def test_that_the_vignette_is_black_outside_its_circle_and_nothing_within() -> None:
    seen = corrupted("vignette", 5, flat(0.8, 100))[0, 0]
    y, x = np.mgrid[0:100, 0:100] + 0.5
    radius = torch.from_numpy(np.hypot(x - 50, y - 50) / 50)
    # The centre may be 0.05 off on either axis, the border 0.04 to either side.
    assert float(seen[radius > 0.90 + 0.04 + 0.0708].max()) == 0
    assert float((seen[radius < 0.90 - 0.04 - 0.0708] - 0.8).abs().max()) < 1e-6


def test_that_collimation_keeps_the_middle_and_blackens_the_border() -> None:
    seen = corrupted("collimation", 5, flat(0.8, 100))[0, 0]
    assert torch.allclose(seen[25:75, 25:75], flat(0.8, 50)[0, 0])
    assert float(seen[:4].max()) == float(seen[:, -4:].max()) == 0
    # Every border loses at least half of 0.18 of its length.
    assert float((seen == 0).float().mean()) > 1 - (1 - 0.18) ** 2


def test_that_grid_lines_are_stripes_of_their_amplitude() -> None:
    seen = corrupted("grid-lines", 3, flat(0.5, 224))[0, 0].double() / 0.5 - 1
    assert float(seen.abs().max()) <= 0.10 + 1e-6
    # A sine's deviation is its amplitude over √2.
    assert float(seen.std()) == pytest.approx(0.10 / math.sqrt(2), rel=0.02)
    spectrum = torch.fft.rfft2(seen).abs()
    strongest = divmod(int(spectrum.argmax()), spectrum.shape[1])
    frequency = math.hypot(min(strongest[0], 224 - strongest[0]), strongest[1])
    assert 39 <= frequency <= 71


@pytest.mark.parametrize("name", ["uneven-light", "haze"])
def test_that_the_black_surround_of_a_fundus_stays_black(name: str) -> None:
    image = phantoms("fundus")
    corner = corrupted(name, 5, image)[..., :3, :3]
    assert float((corner - image[..., :3, :3]).abs().max()) < 0.02


def test_that_uneven_light_is_bright_on_one_side_and_dark_on_the_other() -> None:
    seen = corrupted("uneven-light", 5, flat(0.5, 100))[0, 0]
    assert float(seen.max()) > 0.5
    assert float(seen.min()) < 0.5 * 0.5


def test_that_haze_lowers_contrast_and_brightens_what_is_dark() -> None:
    image = phantoms("fundus")
    middle = slice(16, 48)
    before, after = (x[..., middle, middle] for x in (image, corrupted("haze", 5, image)))
    assert bool((after.std((0, 2, 3)) < 0.6 * before.std((0, 2, 3))).all())
    assert bool((after.amin((0, 2, 3)) > before.amin((0, 2, 3)) + 0.1).all())


def test_that_hairs_are_dark_lines_and_those_before_stay() -> None:
    image = flat(0.9, 128, 3)
    few, many = (corrupted("hair", s, image) for s in (2, 5))
    covered = (few < 0.5).any(1)
    assert 0.002 < float(covered.float().mean()) < 0.1
    assert bool((many < 0.9).any(1)[covered].all())
    assert float(few[few < 0.9].min()) < 0.35
    # Most of the skin is seen unchanged.
    assert float((few == 0.9).float().mean()) > 0.9


def test_that_a_ruler_has_ticks_along_one_border_alone() -> None:
    seen = corrupted("ruler", 3, flat(0.5, 200))[0, 0]
    borders = torch.stack([seen[:24], seen[-24:], seen[:, :24].T, seen[:, -24:].T])
    changed = (borders != 0.5).float().mean((1, 2))
    assert float(changed.max()) > 0.7
    assert torch.equal(seen[60:140, 60:140], flat(0.5, 80)[0, 0])
    ruled = borders[int(changed.argmax())]
    dark = (ruled.amin(0) < 0.25).int()
    # One tick every 0.04 to 0.055 of the side.
    assert 16 <= int((dark.diff() == 1).sum()) <= 34


def test_that_warping_agrees_with_torchvision_up_to_the_border() -> None:
    image = phantoms(side=48)
    angle = math.radians(10)
    forward = np.array(
        [[math.cos(angle), -math.sin(angle), 0], [math.sin(angle), math.cos(angle), 0], [0, 0, 1]]
    )
    seen = warped(image, np.linalg.inv(forward), mirrored=False)
    expected = affine(image, 10, [0, 0], 1, [0.0], interpolation=InterpolationMode.BILINEAR)
    assert torch.allclose(seen, expected, atol=1e-4)
