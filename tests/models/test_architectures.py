"""The networks by name, against torchvision's own parts, formulas and published layer names."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torchvision
from torch import nn

from medadv_desktop.errors import ModelError
from medadv_desktop.models.architectures import ARCHITECTURES, OWN, TORCHVISION, build_network
from medadv_desktop.models.architectures.attn_vgg import AttentionBlock
from medadv_desktop.models.card import ModelCard, Preprocessing
from medadv_desktop.models.diagnostic import DiagnosticModel


def card_of(architecture: str, side: int = 224, **fields: object) -> ModelCard:
    values: dict[str, object] = {
        "id": "m",
        "name": "M",
        "architecture": architecture,
        "task": "single-label",
        "classes": ("a", "b", "c"),
        "preprocessing": Preprocessing(height=side, width=side),
        "weights": "m.safetensors",
    }
    return ModelCard(**values | fields)


def on_meta(architecture: str, side: int = 224, **fields: object) -> nn.Module:
    with torch.device("meta"):
        return build_network(card_of(architecture, side, **fields)).eval()


def shapes(network: nn.Module, names: tuple[str, ...], side: int) -> dict[str, tuple[int, ...]]:
    """Output shape of each named layer for one image; on the meta device, so no arithmetic."""
    found: dict[str, tuple[int, ...]] = {}

    def keep(name: str) -> Callable[..., None]:
        def hook(_module: nn.Module, _inputs: object, output: object) -> None:
            first = output[0] if isinstance(output, tuple) else output
            found[name] = tuple(first.shape)

        return hook

    modules = dict(network.named_modules())
    for name in names:
        modules[name].register_forward_hook(keep(name))
    network(torch.empty(1, 3, side, side, device="meta"))
    return found


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_that_every_torchvision_name_is_one_of_torchvision() -> None:
    known = torchvision.models.list_models(module=torchvision.models)
    assert set(TORCHVISION) <= set(known)
    assert set(ARCHITECTURES) == set(OWN) | set(TORCHVISION)


def test_that_the_stages_of_attn_vgg_are_those_of_vgg16_bn() -> None:
    with torch.device("meta"):
        vgg = torchvision.models.vgg16_bn(weights=None).eval()
    # Where each of VGG16-BN's five max poolings stands in its `features`.
    pools = tuple(f"features.{i}" for i in (6, 13, 23, 33, 43))
    theirs = shapes(vgg, pools, 224)
    network = on_meta("attn-vgg")
    ours = shapes(network, tuple(f"pool{i}" for i in range(1, 6)), 224)
    assert list(ours.values()) == list(theirs.values())
    assert ours["pool3"] == (1, 256, 28, 28)


def test_that_attn_vgg_has_as_many_weights_as_vgg16_bn_and_its_own_parts() -> None:
    with torch.device("meta"):
        features = count(torchvision.models.vgg16_bn(weights=None).features)
    first = 256 * 256 + 512 * 256 + 256 + 1
    second = 512 * 256 + 512 * 256 + 256 + 1
    head = (512 + 512 + 256) * 3 + 3
    assert count(on_meta("attn-vgg")) == features + first + second + head


def test_that_attention_maps_are_read_by_name() -> None:
    torch.manual_seed(0)
    model = DiagnosticModel(build_network(card_of("attn-vgg", 64)), card_of("attn-vgg", 64)).eval()
    image = torch.rand(1, 3, 64, 64)
    names = ("attn1.map", "attn2.map", "pool3", "pool4", "pool5", "classify")
    with torch.no_grad(), model.tap(names) as outputs:
        model(image)
    assert outputs["attn1.map"].shape == (1, 1, 8, 8)
    assert outputs["attn2.map"].shape == (1, 1, 4, 4)
    # The head by its definition: pooled pool5, and pool3 and pool4 weighed by their maps.
    whole = outputs["pool5"].mean(dim=(2, 3))
    first = (outputs["attn1.map"] * outputs["pool3"]).mean(dim=(2, 3))
    second = (outputs["attn2.map"] * outputs["pool4"]).mean(dim=(2, 3))
    head = model.network.classify
    expected = torch.cat((whole, first, second), dim=1) @ head.weight.T + head.bias
    torch.testing.assert_close(outputs["classify"], expected)


@pytest.mark.parametrize("normalised", [False, True])
def test_that_an_attention_map_is_a_weighing(normalised: bool) -> None:
    torch.manual_seed(0)
    block = AttentionBlock(6, 5, hidden=4, normalised=normalised)
    local, whole = torch.rand(2, 6, 8, 8), torch.rand(2, 5, 2, 2)
    attention, pooled = block(local, whole)
    total = attention.sum(dim=(1, 2, 3))
    if normalised:
        torch.testing.assert_close(total, torch.ones(2))
        torch.testing.assert_close(pooled, torch.einsum("nchw,nahw->nc", local, attention))
    else:
        assert ((attention > 0) & (attention < 1)).all()
        torch.testing.assert_close(pooled, torch.einsum("nchw,nahw->nc", local, attention) / 64)


def test_that_the_stages_of_chexnet_are_those_of_densenet121() -> None:
    with torch.device("meta"):
        theirs = torchvision.models.densenet121(weights=None, num_classes=14).eval()
    findings = tuple(f"f{i}" for i in range(14))
    ours = on_meta("chexnet", task="multi-label", classes=findings, thresholds=(0.5,) * 14)
    stages = tuple(f"features.denseblock{i}" for i in range(1, 5))
    assert shapes(ours, stages, 224) == shapes(theirs, stages, 224)
    assert shapes(ours, stages, 224)["features.denseblock4"] == (1, 1024, 7, 7)
    assert count(ours) == count(theirs)
    assert ours.state_dict().keys() == theirs.state_dict().keys()


def test_that_the_stages_of_inception_v3_are_those_of_torchvision() -> None:
    with torch.device("meta"):
        theirs = torchvision.models.inception_v3(
            weights=None, num_classes=3, init_weights=False
        ).eval()
    ours = on_meta("inception-v3", 299)
    stages = ("Conv2d_4a_3x3", "Mixed_5d", "Mixed_6e", "Mixed_7c")
    assert shapes(ours, stages, 299) == shapes(theirs, stages, 299)
    assert shapes(ours, stages, 299)["Mixed_7c"] == (1, 2048, 8, 8)
    assert count(ours) == count(theirs)


def test_that_inception_gives_logits_alone_in_training_mode_too() -> None:
    card = card_of("inception-v3", 299)
    model = DiagnosticModel(on_meta("inception-v3", 299).train(), card)
    assert model(torch.empty(2, 3, 299, 299, device="meta")).shape == (2, 3)


@pytest.mark.parametrize("name", ["resnet18", "vgg11", "mobilenet_v3_small", "densenet121"])
def test_that_grey_networks_take_one_channel(name: str) -> None:
    grey = Preprocessing(channels=1)
    network = on_meta(name, preprocessing=grey)
    assert network(torch.empty(1, 1, 224, 224, device="meta")).shape == (1, 3)


def test_that_an_unknown_architecture_names_the_nearest() -> None:
    with pytest.raises(ModelError, match=r"resnet_18.*Nearest are: resnet18"):
        build_network(card_of("resnet_18"))


def test_that_unknown_options_are_refused() -> None:
    with pytest.raises(ModelError, match="colour"):
        build_network(card_of("resnet18", architecture_options={"colour": True}))
