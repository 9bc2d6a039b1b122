"""Which features stand for an image."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from medadv_desktop.analysis.penultimate import FeatureReader
from medadv_desktop.errors import ModelError
from medadv_desktop.models.card import ModelCard, Preprocessing
from medadv_desktop.models.diagnostic import DiagnosticModel
from medadv_desktop.models.formats.contents import FixedBatch

CPU = torch.device("cpu")
IMAGES = torch.rand(5, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def model_of(network: nn.Module) -> DiagnosticModel:
    card = ModelCard(
        id="own", name="Own", architecture="compact-resnet", task="single-label",
        classes=("a", "b"), weights="none.safetensors",
        preprocessing=Preprocessing(channels=1, height=8, width=8), mean=(0.0,), std=(1.0,),
    )  # fmt: skip
    return DiagnosticModel(network.eval(), card)


def test_that_features_are_what_the_last_linear_layer_is_given() -> None:
    conv, head = nn.Conv2d(1, 3, 3), nn.Linear(108, 2)
    model = model_of(nn.Sequential(conv, nn.ReLU(inplace=True), nn.Flatten(), head))
    reader = FeatureReader(model, CPU)
    features, logits = reader.read(IMAGES)
    assert (reader.title, reader.width) == ("input of 3", 108)
    assert torch.equal(features, conv(IMAGES).relu().flatten(1))
    assert torch.equal(logits, head(features))


def test_that_maps_are_averaged_over_places_where_nothing_is_linear() -> None:
    conv = nn.Conv2d(1, 2, 3)
    model = model_of(nn.Sequential(conv, nn.AdaptiveAvgPool2d(1), nn.Flatten()))
    assert torch.allclose(FeatureReader(model, CPU, "0").read(IMAGES)[0], conv(IMAGES).mean((2, 3)))
    assert FeatureReader(model, CPU).title == "1"
    with pytest.raises(ModelError, match="no such layer"):
        FeatureReader(model, CPU, "head")


def test_that_a_network_for_two_images_at_a_time_reads_any_number() -> None:
    inner = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
    fixed = FeatureReader(model_of(FixedBatch(inner, 2)), CPU)
    features, logits = fixed.read(IMAGES)
    assert torch.equal(features, IMAGES.flatten(1))
    assert torch.allclose(logits, inner(IMAGES), atol=1e-6)
