"""Defences around a finished model: their formulas, their gradients, and the certificate."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage
import torch
from PIL import Image
from torch import Tensor, nn

from medadv_desktop.attacks.gradient.pgd import PGD
from medadv_desktop.attacks.objectives import Untargeted
from medadv_desktop.defenses.inference.bit_depth import BitDepth
from medadv_desktop.defenses.inference.filters import GaussianFilter, MedianFilter
from medadv_desktop.defenses.inference.jpeg import Jpeg
from medadv_desktop.defenses.inference.registry import DEFENCES, make_defence
from medadv_desktop.defenses.inference.resize_pad import ResizePad
from medadv_desktop.defenses.inference.smoothing import Smoothing, certify, radius_of
from medadv_desktop.defenses.inference.wrapping import defended, draws_at_random
from medadv_desktop.errors import SettingsError
from medadv_desktop.models.card import ModelCard, Preprocessing
from medadv_desktop.models.diagnostic import DiagnosticModel
from medadv_desktop.models.loading import load_model

SIDE = 8


class Linear(nn.Module):
    """Logits (0, w·x + b): the second class beyond a plane."""

    def __init__(self, findings: int = 0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        self.weight = nn.Parameter(torch.randn(SIDE * SIDE, generator=generator))
        self.findings = findings

    def forward(self, images: Tensor) -> Tensor:
        height = (images - 0.5).flatten(1) @ self.weight
        if self.findings:
            return torch.stack([height, -height], 1)
        return torch.stack([torch.zeros_like(height), height], 1)


def linear(findings: bool = False) -> DiagnosticModel:
    card = ModelCard(
        id="linear",
        name="Linear",
        architecture="as-in-file",
        task="multi-label" if findings else "single-label",
        classes=("a", "b"),
        thresholds=(0.5, 0.5) if findings else (),
        preprocessing=Preprocessing(channels=1, height=SIDE, width=SIDE),
        weights="linear.safetensors",
    )
    return DiagnosticModel(Linear(findings), card).eval().requires_grad_(False)


def images(count: int = 3, channels: int = 1) -> Tensor:
    return torch.rand(count, channels, SIDE, SIDE, generator=torch.Generator().manual_seed(1))


def test_that_fewer_grey_levels_are_those_nearest() -> None:
    x = images()
    found = BitDepth(bits=2).changed(x)
    np.testing.assert_allclose(found, np.round(x.numpy() * 3) / 3, atol=1e-6)


@pytest.mark.parametrize("channels", [1, 3])
def test_that_jpeg_is_pillows(channels: int) -> None:
    x = images(1, channels)
    pixels = np.round(x[0].numpy() * 255).astype(np.uint8)
    file = io.BytesIO()
    whole = pixels[0] if channels == 1 else pixels.transpose(1, 2, 0)
    Image.fromarray(whole).save(file, "JPEG", quality=50, subsampling=0)
    decoded = np.asarray(Image.open(file), np.float32) / 255
    wanted = decoded[None] if channels == 1 else decoded.transpose(2, 0, 1)
    np.testing.assert_allclose(Jpeg(quality=50).changed(x)[0], wanted, atol=1e-6)


def test_that_filters_are_those_of_scipy() -> None:
    x = images()
    median = [scipy.ndimage.median_filter(i[0], 3, mode="mirror") for i in x.numpy()]
    np.testing.assert_allclose(MedianFilter(size=3).changed(x)[:, 0], median, atol=1e-6)
    wide = [scipy.ndimage.gaussian_filter(i[0].astype(float), 1, mode="mirror", truncate=3)
            for i in x.numpy()]  # fmt: skip
    np.testing.assert_allclose(GaussianFilter(sigma=1).changed(x)[:, 0], wide, atol=1e-5)


def test_that_resized_images_keep_their_shape_and_are_drawn_anew() -> None:
    x = images()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        one, other = (ResizePad(smallest=0.5).changed(x) for _ in range(2))
        torch.manual_seed(0)
        again = ResizePad(smallest=0.5).changed(x)
    assert one.shape == x.shape
    assert not torch.equal(one, other)
    assert torch.equal(one, again)
    torch.testing.assert_close(ResizePad(smallest=1).changed(x), x)


@pytest.mark.parametrize("name", DEFENCES)
def test_that_every_defence_is_a_diagnostic_model_that_attacks_see_through(
    name: str, write_model: Callable[..., Path]
) -> None:
    model = load_model(write_model())
    small = {"copies": 2} if name == "smoothing" else {}
    wrapped = defended(model, [make_defence(name, small)])
    x = torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(2))
    labels = model.decisions(model(x))
    assert wrapped(x).shape == (2, 2)
    assert wrapped.card.classes == model.card.classes
    assert wrapped.spatial_layers()
    assert draws_at_random(wrapped) is DEFENCES[name].randomised
    result = PGD(epsilon=8 / 255, steps=3).run(wrapped, x, labels, Untargeted())
    assert bool((result.adversarial != x).any())
    assert not wrapped.training


def test_that_a_defence_leaves_the_models_own_normalisation(
    write_model: Callable[..., Path],
) -> None:
    model = load_model(write_model())
    x = torch.rand(2, 1, 32, 32)
    grey = BitDepth(bits=8)
    chain = defended(model, [MedianFilter(), grey])
    torch.testing.assert_close(chain(x), model(grey.changed(MedianFilter().changed(x))))
    assert "Median filter" in chain.card.name
    assert len(chain.notes) == len(model.notes) + 2


def test_that_what_has_no_slope_passes_the_gradient() -> None:
    for defence in (BitDepth(bits=1), Jpeg(quality=10)):
        x = images().requires_grad_()
        (slope,) = torch.autograd.grad(defence.changed(x).sum(), x)
        assert torch.equal(slope, torch.ones_like(slope))


def test_that_smoothing_averages_probabilities() -> None:
    model = linear()
    x = images()
    with torch.random.fork_rng():
        torch.manual_seed(4)
        logits = defended(model, [Smoothing(sigma=0.5, copies=5)])(x)
        torch.manual_seed(4)
        copies = Smoothing(sigma=0.5, copies=5).changed(x).view(5, 3, 1, SIDE, SIDE)
    mean = torch.stack([model(copy).softmax(1) for copy in copies]).mean(0)
    torch.testing.assert_close(logits.softmax(1), mean)


def test_that_smoothing_averages_the_probabilities_of_findings() -> None:
    model = linear(findings=True)
    x = images()
    with torch.random.fork_rng():
        torch.manual_seed(4)
        logits = defended(model, [Smoothing(sigma=0.5, copies=5)])(x)
        torch.manual_seed(4)
        copies = Smoothing(sigma=0.5, copies=5).changed(x).view(5, 3, 1, SIDE, SIDE)
    mean = torch.stack([model(copy).sigmoid() for copy in copies]).mean(0)
    torch.testing.assert_close(logits.sigmoid(), mean)


def test_that_the_certificate_of_a_linear_model_is_below_and_near_its_known_radius() -> None:
    model = linear()
    weight = model.network.weight  # type: ignore[union-attr]
    x = 0.5 + 0.02 * (images(6) - 0.5)
    heights = model(x)[:, 1]
    distance = (heights.abs() / weight.norm()).double().numpy()  # type: ignore[operator]
    # At σ like the distance the share of hits is Φ(distance/σ), of which n copies tell much.
    found = certify(model, x, sigma=0.1, estimating=4000, alpha=0.001, seed=1)
    decided = found.decisions >= 0
    assert (found.radii <= distance).all()
    assert (found.radii[decided] >= distance[decided] - 0.15 * 0.1).all()
    assert (found.decisions[decided] == (heights > 0).long().numpy()[decided]).all()
    assert (found.radii[~decided] == 0).all()
    # No change within the radius turns the smoothed answer: the straight way is the worst one.
    toward = -heights.sign()[:, None] * weight / weight.norm()  # type: ignore[operator]
    moved = x.flatten(1) + toward * torch.from_numpy(found.radii).float()[:, None] * 0.999
    after = model(moved.view_as(x))[:, 1]
    assert bool((after.sign() == heights.sign()).numpy()[decided].all())


def test_that_findings_are_certified_each() -> None:
    model = linear(findings=True)
    found = certify(model, images(2), sigma=0.05, selecting=50, estimating=500)
    assert found.decisions.shape == found.radii.shape == (2, 2)
    decided = found.decisions >= 0
    wanted = model.decisions(model(images(2))).long().numpy()
    assert (found.decisions[decided] == wanted[decided]).all()


def test_that_the_bound_is_clopper_and_pearsons() -> None:
    # All of n hit: the bound p has pⁿ = α.
    bound = 0.001 ** (1 / 1000)
    normal = torch.distributions.Normal(0.0, 1.0)
    wanted = 0.25 * float(normal.icdf(torch.tensor(bound, dtype=torch.float64)))
    assert float(radius_of(1000, 1000, 0.25, 0.001)) == pytest.approx(wanted, rel=1e-6)
    assert float(radius_of(500, 1000, 0.25, 0.001)) == 0
    assert float(radius_of(0, 1000, 0.25, 0.001)) == 0
    assert math.isclose(float(radius_of(1000, 1000, 0.5, 0.001)), 2 * wanted, rel_tol=1e-6)


def test_that_certifying_does_not_depend_on_the_batch() -> None:
    model = linear()
    x = 0.5 + 0.02 * (images(2) - 0.5)
    settings = {"sigma": 0.1, "selecting": 20, "estimating": 200}
    one = certify(model, x, batch_size=7, **settings)  # type: ignore[arg-type]
    other = certify(model, x, batch_size=7, **settings)  # type: ignore[arg-type]
    alone = certify(model, x[:1], batch_size=7, **settings)  # type: ignore[arg-type]
    assert (one.radii == other.radii).all()
    assert (one.radii[:1] == alone.radii).all()


def test_that_nothing_is_certified_without_copies() -> None:
    with pytest.raises(ValueError, match="copies"):
        certify(linear(), images(), sigma=0.1, estimating=0)
    with pytest.raises(SettingsError, match="Name one of jpeg"):
        make_defence("magic", {})
