"""Response maps: against captum, against sums by hand, and on a phantom reader that is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from one_image_models import LesionReader, convolutional, diagnostic, random_images
from torch import Tensor, nn

from medadv_desktop.analysis.response.activation_maps import (
    GradCam,
    GradCamPlusPlus,
    LayerCam,
    ScoreCam,
)
from medadv_desktop.analysis.response.attention import OwnAttention
from medadv_desktop.analysis.response.attributions import IntegratedGradients, Occlusion
from medadv_desktop.analysis.response.method import ResponseMethod
from medadv_desktop.analysis.response.overlap import inside
from medadv_desktop.analysis.response.registry import RESPONSE_METHODS, make_method
from medadv_desktop.errors import AnalysisError, SettingsError
from medadv_desktop.jobs import CancelToken, JobCancelled
from medadv_desktop.models.architectures.attn_vgg import AttentionBlock

SMALL = {"window": 4, "stride": 2}


def every_method() -> list[ResponseMethod]:
    return [
        make_method(name, SMALL if name == "occlusion" else {})
        for name in RESPONSE_METHODS
        if name != "attention"
    ]


def lesion() -> tuple[Tensor, np.ndarray]:
    """A 4×4 lesion 0.4 above the reader's border, and a 2×2 speck elsewhere, 0.2 above it."""
    image = torch.full((1, 1, 16, 16), 0.3, dtype=torch.float64)
    mask = np.zeros((16, 16), np.bool_)
    mask[2:6, 2:6] = True
    image[0, 0, 2:6, 2:6] = 0.9
    image[0, 0, 10:12, 10:12] = 0.7
    return image, mask


@pytest.mark.parametrize("method", [GradCam, GradCamPlusPlus, LayerCam, ScoreCam])
def test_that_the_share_inside_the_lesion_is_what_the_phantom_reader_looks_at(
    method: type[ResponseMethod],
) -> None:
    image, mask = lesion()
    response = method(layer="bright").run(diagnostic(LesionReader(), 2), image, [1])
    found = inside(response.maps[0], mask)
    # 16 pixels of 0.4 against 4 of 0.2.
    assert found.share == pytest.approx(6.4 / 7.2)
    assert found.area == pytest.approx(16 / 256)
    assert found.peak


def test_that_covering_the_lesion_costs_what_the_phantom_reader_saw_there() -> None:
    image, mask = lesion()
    occlusion = Occlusion(window=4, stride=4, fill="black")
    shifted = image.roll((2, 2), dims=(2, 3))  # onto the squares' own grid
    response = occlusion.run(diagnostic(LesionReader(), 2), shifted, [1])
    moved = np.roll(mask, (2, 2), axis=(0, 1))
    np.testing.assert_allclose(response.maps[0][moved], 16 * 0.4, rtol=1e-6)
    assert inside(response.maps[0], moved).share == pytest.approx(6.4 / 7.2)


def test_that_an_attack_that_moves_the_bright_spot_moves_the_response_off_the_lesion() -> None:
    image, mask = lesion()
    attacked = image.clone()
    attacked[0, 0, 2:6, 2:6] = 0.55
    attacked[0, 0, 10:12, 10:12] = 0.95
    response = GradCam(layer="bright").run(diagnostic(LesionReader(), 2), attacked, [1])
    # 16 pixels of 0.05 against 4 of 0.45.
    assert inside(response.maps[0], mask).share == pytest.approx(0.8 / 2.6)


@pytest.mark.parametrize("layer", ["2", "3", "4"])
def test_that_grad_cam_is_captums(layer: str) -> None:
    attr = pytest.importorskip("captum.attr")
    # captum's own hooks do not survive layers that work in place.
    model = convolutional(smooth=True)
    images = random_images(2)
    target = torch.tensor([2, 0])
    theirs = attr.LayerGradCam(model, model.layer(layer)).attribute(
        images, target=target, relu_attributions=True
    )
    ours = GradCam(layer=layer).run(model, images, target.tolist())
    np.testing.assert_allclose(ours.coarse, theirs[:, 0].detach(), rtol=1e-5, atol=1e-9)


def test_that_integrated_gradients_are_captums() -> None:
    attr = pytest.importorskip("captum.attr")
    model, images = convolutional(smooth=True), random_images(1, seed=3)
    theirs = attr.IntegratedGradients(model).attribute(
        images, baselines=0, target=1, n_steps=40, method="riemann_middle"
    )
    ours = IntegratedGradients(steps=40, at_a_time=7).run(model, images, [1])
    np.testing.assert_allclose(ours.maps, theirs.sum(dim=1).detach(), rtol=1e-4, atol=1e-8)


def test_that_occlusion_is_captums() -> None:
    attr = pytest.importorskip("captum.attr")
    model, images = convolutional(), random_images(1, seed=4)
    theirs = attr.Occlusion(model).attribute(
        images, sliding_window_shapes=(1, 6, 6), strides=(1, 2, 2), baselines=0, target=0
    )
    occlusion = Occlusion(window=6, stride=2, fill="black", at_a_time=5)
    ours = occlusion.run(model, images, [0])
    np.testing.assert_allclose(ours.maps, theirs[:, 0].detach(), rtol=1e-5, atol=1e-8)


def test_that_integrated_gradients_add_up_to_the_change_in_score() -> None:
    model, images = convolutional(smooth=True), random_images(2)
    response = IntegratedGradients(steps=256).run(model, images, [0, 2])
    black = model(torch.zeros_like(images[:1])).detach()[0]
    change = response.scores - np.array([black[0], black[2]])
    np.testing.assert_allclose(response.maps.sum(axis=(1, 2)), change, rtol=1e-4)
    np.testing.assert_allclose(response.unexplained, 0, atol=1e-5 * abs(change).max())


def test_that_layer_cam_and_grad_cam_plus_plus_follow_their_formulas() -> None:
    # y = Σ w·a² over a 2×2 map of one channel has the gradient 2wa.
    activation = torch.tensor([[0.5, 1.0], [2.0, 0.25]], dtype=torch.float64)
    weights = torch.tensor([[1.0, -1.0], [0.5, 2.0]], dtype=torch.float64)

    class Squares(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.maps = nn.Identity()

        def forward(self, x: Tensor) -> Tensor:
            y = (weights * self.maps(x)[:, 0].square()).sum(dim=(1, 2))
            return torch.stack((y, -y), dim=1)

    model = diagnostic(Squares(), 2, side=8)
    image = activation[None, None]
    slope = (2 * weights * activation).numpy()
    a = activation.numpy()
    layer = LayerCam(layer="maps").run(model, image, [0])
    np.testing.assert_allclose(layer.coarse[0], np.maximum(np.maximum(slope, 0) * a, 0), rtol=1e-6)
    alpha = slope**2 / (2 * slope**2 + slope**3 * a.sum())
    plus = GradCamPlusPlus(layer="maps").run(model, image, [0])
    weight = (alpha * np.maximum(slope, 0)).sum()
    np.testing.assert_allclose(plus.coarse[0], np.maximum(weight * a, 0), rtol=1e-6)


def test_that_score_cam_weighs_channels_by_what_shows_through_them() -> None:
    class TwoMaps(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.maps = nn.Conv2d(1, 2, 1)
            with torch.no_grad():
                self.maps.weight.copy_(torch.tensor([1.0, -1.0]).view(2, 1, 1, 1))
                self.maps.bias.copy_(torch.tensor([0.0, 1.0]))

        def forward(self, x: Tensor) -> Tensor:
            y = self.maps(x)[:, 0].sum(dim=(1, 2))
            return torch.stack((y, -y), dim=1)

    image = random_images(side=8)
    x = image[0, 0].numpy()
    gains = []
    for shown in (x, 1 - x):
        stretched = (shown - shown.min()) / (shown.max() - shown.min())
        gains.append((x * stretched).sum())
    share = np.exp(gains) / np.exp(gains).sum()
    response = ScoreCam(layer="maps", at_a_time=1).run(diagnostic(TwoMaps(), 2, side=8), image, [0])
    expected = np.maximum(share[0] * x + share[1] * (1 - x), 0)
    np.testing.assert_allclose(response.maps[0], expected, rtol=1e-5)


@pytest.mark.parametrize("method", every_method(), ids=lambda m: m.name)
def test_that_a_method_leaves_the_model_as_it_was(method: ResponseMethod) -> None:
    model = convolutional().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.random.get_rng_state()
    response = method.run(model, random_images(2), [0, 1])
    assert response.maps.shape == (2, 16, 16)
    assert response.maps.dtype == np.float32
    assert method.signed or (response.maps >= 0).all()
    assert model.training
    assert all(p.requires_grad and p.grad is None for p in model.parameters())
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert torch.equal(state, torch.random.get_rng_state())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


@pytest.mark.parametrize("method", every_method(), ids=lambda m: m.name)
def test_that_a_response_does_not_depend_on_its_batch(method: ResponseMethod) -> None:
    model, images = convolutional(), random_images(2)
    both = method.run(model, images, [2, 1]).maps
    alone = method.run(model, images[1:], [1]).maps
    np.testing.assert_allclose(both[1], alone[0], rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("method", every_method(), ids=lambda m: m.name)
def test_that_a_method_stops_when_cancelled(method: ResponseMethod) -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(JobCancelled):
        method.run(convolutional(), random_images(), [0], token=token)


@pytest.mark.parametrize("name", ["score-cam", "integrated-gradients", "occlusion"])
def test_that_a_slow_method_stops_in_the_middle(name: str) -> None:
    token, heard = CancelToken(), []

    def cancel_at_the_second(event: object) -> None:
        heard.append(event)
        if len(heard) == 2:
            token.cancel()

    settings = {"at_a_time": 1} | (SMALL if name == "occlusion" else {})
    model = convolutional()
    with pytest.raises(JobCancelled):
        make_method(name, settings).run(
            model, random_images(), [0], token=token, emit=cancel_at_the_second
        )
    assert len(heard) == 2
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_that_the_last_layer_with_maps_is_taken_where_none_is_named() -> None:
    response = GradCam().run(convolutional(), random_images(), [0])
    assert response.layer == "5"
    assert response.coarse.shape == (1, 2, 2)


def test_that_a_transformers_map_is_of_the_last_tokens_that_reach_the_score() -> None:
    class Attending(nn.Module):
        """One block: the head looks at the class token alone, which looks at all patches."""

        def __init__(self) -> None:
            super().__init__()
            self.patches = nn.Conv2d(1, 4, 4, stride=4)
            self.mixing = nn.MultiheadAttention(4, 1, batch_first=True)
            self.before, self.behind = nn.LayerNorm(4), nn.LayerNorm(4)
            self.head = nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            tokens = self.patches(x).flatten(2).transpose(1, 2)
            tokens = self.before(torch.cat((tokens.mean(dim=1, keepdim=True), tokens), dim=1))
            mixed, _ = self.mixing(tokens, tokens, tokens, need_weights=False)
            return self.head(self.behind(tokens + mixed)[:, 0])

    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = diagnostic(Attending(), 2)
    response = GradCam().run(model, random_images(), [1])
    assert (response.layer, response.coarse.shape) == ("before", (1, 4, 4))


def test_that_a_network_with_one_output_for_two_classes_answers_for_either() -> None:
    network = nn.Sequential(nn.Conv2d(1, 1, 1), nn.Flatten(), nn.Linear(256, 1))
    model = diagnostic(network, 2, single=True)
    images = random_images()
    gradients = IntegratedGradients(steps=4)
    first, second = (gradients.run(model, images, [k]) for k in (0, 1))
    np.testing.assert_allclose(first.maps, -second.maps)
    assert first.scores == pytest.approx(-second.scores)
    assert second.maps.any()


def test_that_models_without_maps_say_so_and_pixels_can_be_asked_instead() -> None:
    model = diagnostic(nn.Sequential(nn.Flatten(), nn.Linear(256, 3)))
    with pytest.raises(AnalysisError, match="no layer with feature maps"):
        GradCam().run(model, random_images(), [0])
    with pytest.raises(AnalysisError, match=r"1: gives one value a channel.*occlusion"):
        GradCam(layer="1").run(model, random_images(), [0])
    assert IntegratedGradients().run(model, random_images(), [0]).maps.any()


def test_that_gradients_of_a_model_without_them_are_refused() -> None:
    model = diagnostic(nn.Sequential(nn.Flatten(), nn.Linear(256, 3)), white_box=False)
    with pytest.raises(AnalysisError, match="needs gradients"):
        IntegratedGradients().run(model, random_images(), [0])
    assert Occlusion(window=8, stride=8).run(model, random_images(), [0]).maps.any()


def test_that_a_layer_beside_the_way_to_the_score_has_no_response_and_says_so() -> None:
    class Beside(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.beside, self.head = nn.Conv2d(1, 2, 1), nn.Linear(256, 2)

        def forward(self, x: Tensor) -> Tensor:
            self.beside(x)
            return self.head(x.flatten(1))

    response = GradCam(layer="beside").run(diagnostic(Beside(), 2), random_images(), [0])
    assert not response.maps.any()
    assert "no response anywhere" in response.notes[-1]


def test_that_the_networks_own_attention_is_read() -> None:
    class Attending(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.early, self.late = nn.Conv2d(1, 4, 1), nn.Conv2d(1, 4, 2, stride=2)
            self.attn1, self.attn2 = AttentionBlock(4, 4, 2), AttentionBlock(4, 4, 2)
            self.head = nn.Linear(8, 2)

        def forward(self, x: Tensor) -> Tensor:
            late = self.late(x)
            pooled = [self.attn1(self.early(x), late)[1], self.attn2(late, late)[1]]
            return self.head(torch.cat(pooled, dim=1))

    model, images = diagnostic(Attending(), 2), random_images()
    with torch.no_grad(), model.tap(("attn2.map", "attn1.map")) as outputs:
        model(images)
    last = OwnAttention().run(model, images, [0])
    assert last.layer == "attn2"
    np.testing.assert_allclose(last.coarse[0], outputs["attn2.map"][0, 0], rtol=1e-6)
    first = OwnAttention(layer="attn1.map").run(model, images, [0])
    np.testing.assert_allclose(first.maps[0], outputs["attn1.map"][0, 0], rtol=1e-6)
    with pytest.raises(AnalysisError, match="Choose one of attn1, attn2"):
        OwnAttention(layer="head").run(model, images, [0])
    with pytest.raises(AnalysisError, match="no attention maps"):
        OwnAttention().run(convolutional(), images, [0])


@pytest.mark.parametrize(("window", "stride"), [(17, 4), (2, 3)])
def test_that_squares_that_do_not_cover_the_image_are_refused(window: int, stride: int) -> None:
    with pytest.raises(AnalysisError, match="do not cover"):
        Occlusion(window=window, stride=stride).run(convolutional(), random_images(), [0])


def test_that_the_last_squares_end_at_the_border() -> None:
    response = Occlusion(window=6, stride=4).run(convolutional(), random_images(), [0])
    assert np.isfinite(response.maps).all()
    assert response.maps[0, -1, -1] != 0


def test_that_unknown_classes_methods_and_fields_are_refused() -> None:
    with pytest.raises(AnalysisError, match="from 0 to 2"):
        GradCam().run(convolutional(), random_images(), [3])
    with pytest.raises(SettingsError, match="Name one of grad-cam"):
        make_method("saliency", {})
    with pytest.raises(SettingsError, match="no such field"):
        make_method("grad-cam", {"steps": 3})
