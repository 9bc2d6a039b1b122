"""Distances along the network and feature maps, against a pass by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from one_image_models import convolutional, diagnostic, random_images
from torch import Tensor, nn

from medadv_desktop.analysis.features.distances import feature_distances
from medadv_desktop.analysis.features.maps import feature_maps
from medadv_desktop.errors import AnalysisError, ModelError
from medadv_desktop.jobs import CancelToken, JobCancelled
from medadv_desktop.models.formats.contents import FixedBatch


class Branching(nn.Module):
    """Layers that give a tuple, a dict, tokens, whole numbers, and one that never runs."""

    class Pair(nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return 2 * x, x.sum(dim=1)

    class Place(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.flatten(1).argmax(dim=1)

    class Tokens(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            patches = x.flatten(2).transpose(1, 2)
            return torch.cat((patches.mean(dim=1, keepdim=True), patches), dim=1)

    def __init__(self) -> None:
        super().__init__()
        self.pair, self.place, self.tokens = self.Pair(), self.Place(), self.Tokens()
        self.auxiliary = nn.Linear(1, 1)
        self.head = nn.Linear(1, 2)

    def forward(self, x: Tensor) -> Tensor:
        twice, _ = self.pair(x)
        self.place(x)
        return self.head(self.tokens(twice).mean(dim=1))


def by_hand(network: nn.Sequential, first: Tensor, second: Tensor) -> dict[str, list[float]]:
    found = {}
    with torch.no_grad():
        for name, layer in network.named_children():
            first, second = layer(first.clone()), layer(second.clone())
            pairs = zip(first, second, strict=True)
            found[name] = [float((b - a).norm() / a.norm()) for a, b in pairs]
    return found


def test_that_the_curve_is_what_a_pass_by_hand_gives_in_every_layer() -> None:
    model = convolutional()
    first, second = random_images(2), random_images(2, seed=1)
    curve = feature_distances(model, first, second)
    expected = by_hand(model.network, first, second)
    assert curve.layers == tuple(expected)
    np.testing.assert_allclose(curve.distances, list(expected.values()), rtol=1e-10)
    np.testing.assert_allclose(curve.clean_logits, model(first).detach())
    np.testing.assert_allclose(curve.adversarial_logits, model(second).detach())


def test_that_equal_images_have_no_distance_anywhere() -> None:
    images = random_images(3)
    assert not feature_distances(convolutional(), images, images.clone()).distances.any()


def test_that_a_network_for_one_image_at_a_time_gives_the_same_curve() -> None:
    model = convolutional()
    fixed = diagnostic(FixedBatch(model.network, 1))
    pair = random_images(), random_images(seed=1)
    plain, grouped = feature_distances(model, *pair), feature_distances(fixed, *pair)
    assert grouped.layers == plain.layers
    np.testing.assert_allclose(grouped.distances, plain.distances, rtol=1e-10)
    with pytest.raises(AnalysisError, match="1 images at a time"):
        feature_distances(fixed, random_images(2), random_images(2))


def test_that_layers_of_other_kinds_are_read_or_left_out_with_the_reason() -> None:
    model = diagnostic(Branching(), 2)
    names = ("pair", "place", "tokens", "auxiliary", "head")
    curve = feature_distances(model, random_images(), random_images(seed=1), names)
    kinds = {n: r.kind for n, r in zip(curve.layers, curve.readings, strict=True)}
    assert kinds == {"pair": "maps", "tokens": "tokens", "head": "vector"}
    notes = {n: r.note for n, r in zip(curve.layers, curve.readings, strict=True)}
    assert "2 outputs" in notes["pair"]
    assert "16×16 places, the class token left out" in notes["tokens"]
    assert dict(curve.left_out).keys() == {"place", "auxiliary"}
    assert "int64" in dict(curve.left_out)["place"]
    assert "does not run" in dict(curve.left_out)["auxiliary"]


def test_that_a_silent_layer_that_awakes_has_no_distance_instead_of_zero() -> None:
    model = diagnostic(nn.Sequential(nn.Threshold(0.5, 0.0), nn.Flatten(), nn.Linear(256, 2)), 2)
    dark, bright = torch.full_like(random_images(), 0.2), torch.full_like(random_images(), 0.8)
    curve = feature_distances(model, dark, bright)
    assert np.isnan(curve.distances[0, 0])
    assert math.isnan(feature_maps(model, "0", dark, bright).distance)


def test_that_feature_maps_come_most_changed_first() -> None:
    network = nn.Sequential(nn.Conv2d(1, 3, 1, bias=False), nn.Flatten(), nn.Linear(768, 2))
    with torch.no_grad():
        network[0].weight.copy_(torch.tensor([1.0, -3.0, 2.0]).view(3, 1, 1, 1))
    first, second = random_images(), random_images(seed=1)
    maps = feature_maps(diagnostic(network, 2), "0", first, second)
    size, change = float(first.norm()), float((second - first).norm())
    assert maps.channels == (1, 2, 0)
    np.testing.assert_allclose(maps.energy, [3 * size, 2 * size, size])
    np.testing.assert_allclose(maps.change, [3 * change, 2 * change, change])
    np.testing.assert_allclose(maps.relative_change, [change / size] * 3)
    assert maps.distance == pytest.approx(change / size)
    np.testing.assert_allclose(maps.difference[0], -3 * (second - first)[0, 0], atol=1e-6)
    alone = feature_maps(diagnostic(network, 2), "0", first, channels=1)
    assert (alone.channels, alone.adversarial, alone.distance) == ((1,), None, 0)


def test_that_a_vector_is_read_as_channels_without_places() -> None:
    maps = feature_maps(convolutional(), "7", random_images(), random_images(seed=1))
    assert maps.original.shape == (3, 1, 1)
    assert "without places" in maps.reading.note


def test_that_tokens_become_a_grid_without_the_class_token() -> None:
    image = random_images()
    maps = feature_maps(diagnostic(Branching(), 2), "tokens", image)
    np.testing.assert_allclose(maps.original[0], 2 * image[0, 0], rtol=1e-6)


@pytest.mark.parametrize(
    ("layer", "error", "reason"),
    [
        ("auxiliary", AnalysisError, "gives no|does not run"),
        ("place", AnalysisError, "int64"),
        ("nowhere", ModelError, "no such layer"),
    ],
)
def test_that_a_layer_without_features_is_refused(
    layer: str, error: type[Exception], reason: str
) -> None:
    with pytest.raises(error, match=reason):
        feature_maps(diagnostic(Branching(), 2), layer, random_images())


def test_that_a_cancelled_curve_leaves_no_hook_behind() -> None:
    model, token = convolutional(), CancelToken()
    token.cancel()
    with pytest.raises(JobCancelled):
        feature_distances(model, random_images(), random_images(), token=token)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
