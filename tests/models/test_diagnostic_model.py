from __future__ import annotations

import hashlib
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torchvision.transforms.v2 import functional as tv

from medadv_desktop.errors import ModelError
from medadv_desktop.models.card import ModelCard, Preprocessing, read_card, write_card
from medadv_desktop.models.diagnostic import DiagnosticModel
from medadv_desktop.models.library import find
from medadv_desktop.models.loading import load_model

WriteModel = Callable[..., Path]


def card_of(**fields: object) -> ModelCard:
    values: dict[str, object] = {
        "id": "m",
        "name": "M",
        "architecture": "compact-resnet",
        "task": "single-label",
        "classes": ("a", "b", "c"),
        "preprocessing": Preprocessing(height=8, width=8, channels=3),
        "mean": (0.4, 0.5, 0.6),
        "std": (0.1, 0.2, 0.3),
        "weights": "m.safetensors",
    }
    return ModelCard(**values | fields)


def test_that_normalisation_is_inside_the_model() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(192, 3))
    model = DiagnosticModel(network, card_of())
    images = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    expected = network(tv.normalize(images, [0.4, 0.5, 0.6], [0.1, 0.2, 0.3]))
    torch.testing.assert_close(model(images), expected)


def test_that_single_label_probabilities_are_a_softmax_and_the_largest_decides() -> None:
    model = DiagnosticModel(nn.Identity(), card_of())
    logits = torch.tensor([[1.0, 2.0, 0.5]])
    exponentials = np.exp([1.0, 2.0, 0.5])
    np.testing.assert_allclose(
        model.probabilities(logits)[0], exponentials / exponentials.sum(), rtol=1e-6
    )
    assert model.decisions(logits).tolist() == [1]


def test_that_findings_are_decided_by_their_own_thresholds() -> None:
    card = card_of(task="multi-label", thresholds=(0.5, 0.9, 0.1))
    model = DiagnosticModel(nn.Identity(), card)
    logits = torch.logit(torch.tensor([[0.6, 0.6, 0.2], [0.4, 0.95, 0.05]]))
    assert model.decisions(logits).tolist() == [[True, False, True], [False, True, False]]


def test_that_a_model_comes_back_from_disk_as_it_was(write_model: WriteModel) -> None:
    card_path = write_model(channels=3)
    model = load_model(card_path)
    state = load_file(card_path.with_suffix(".safetensors"))
    assert all(torch.equal(v, state[k]) for k, v in model.network.state_dict().items())
    assert not model.training
    assert not any(p.requires_grad for p in model.parameters())


def test_that_a_model_is_found_by_its_weights(write_model: WriteModel) -> None:
    card_path = write_model()
    assert find(card_path.with_suffix(".safetensors")).card == read_card(card_path)


def test_that_an_unknown_model_lists_the_known_ones() -> None:
    with pytest.raises(ModelError, match=r"no-such.*demo-dermoscopy"):
        find("no-such")


def test_that_taps_see_layers_and_leave_the_model_alone(write_model: WriteModel) -> None:
    model = load_model(write_model())
    image = torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        before = model(image)
        with model.tap(("stem", "pool")) as outputs:
            after = model(image)
        expected = model.network.stem((image - 0.5) / 0.25)
    torch.testing.assert_close(outputs["stem"], expected)
    assert outputs["pool"].shape == (1, 16, 1, 1)
    assert torch.equal(before, after)
    assert not any(m._forward_hooks for m in model.modules())


def test_that_a_tap_keeps_what_an_in_place_layer_overwrites() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True))
    model = DiagnosticModel(network, card_of())
    image = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad(), model.tap(("0",)) as outputs:
        model(image)
    assert float(outputs["0"].min()) < 0


def test_that_an_unknown_layer_is_named(write_model: WriteModel) -> None:
    model = load_model(write_model())
    with pytest.raises(ModelError, match="nowhere"), model.tap(("nowhere",)):
        pass


def test_that_spatial_layers_are_those_with_maps(write_model: WriteModel) -> None:
    layers = load_model(write_model()).spatial_layers()
    assert "stage3.conv2" in layers
    assert "head" not in layers
    assert "flatten" not in layers


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"thresholds": (0.5,)}, "single-label"),
        ({"task": "multi-label"}, "0 thresholds for 3"),
        ({"task": "multi-label", "thresholds": (0.5, 1.5, 0.5)}, "between 0 and 1"),
        ({"std": (0.1, 0.0, 0.1)}, "above 0"),
        ({"mean": (0.1, 0.2)}, "2 values for 3 channels"),
        ({"classes": ("a", "a", "b")}, "same name"),
        ({"weights": "../m.safetensors"}, "bare file name"),
    ],
)
def test_that_a_card_that_contradicts_itself_is_refused(
    fields: dict[str, object], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        card_of(**fields)


def test_that_a_card_comes_back_from_toml_equal(tmp_path: Path) -> None:
    card = card_of(summary='quotes " and ünïcode', architecture_options={"width": 8})
    write_card(card, tmp_path / "m.toml")
    assert read_card(tmp_path / "m.toml") == card


def test_that_a_card_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_text("version = 99\n")
    with pytest.raises(ModelError, match=r"version 99.*Update"):
        read_card(tmp_path / "m.toml")


def test_that_weights_of_another_architecture_name_the_keys(write_model: WriteModel) -> None:
    card_path = write_model()
    weights = card_path.with_suffix(".safetensors")
    state = load_file(weights)
    state["stem.0.weights"] = state.pop("stem.0.weight")
    save_file(state, weights)
    _refresh_fingerprint(card_path)
    with pytest.raises(ModelError) as caught:
        load_model(card_path)
    text = str(caught.value)
    assert "1 missing: stem.0.weight (nearest in the file: stem.0.weights)" in text
    assert str(weights) in text


def test_that_a_head_of_another_size_is_named(write_model: WriteModel) -> None:
    card_path = write_model()
    card = read_card(card_path)
    write_card(ModelCard(**card.model_dump() | {"classes": ("a", "b", "c")}), card_path)
    with pytest.raises(ModelError, match=r"head.weight is \(2, 16\), the architecture has \(3, 16"):
        load_model(card_path)


def test_that_weights_that_are_not_finite_are_refused(write_model: WriteModel) -> None:
    card_path = write_model()
    weights = card_path.with_suffix(".safetensors")
    state = load_file(weights)
    state["head.bias"][0] = float("nan")
    save_file(state, weights)
    _refresh_fingerprint(card_path)
    with pytest.raises(ModelError, match=r"not finite: head\.bias"):
        load_model(card_path)


def test_that_weights_changed_after_their_card_are_refused(write_model: WriteModel) -> None:
    card_path = write_model()
    with card_path.with_suffix(".safetensors").open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(ModelError, match="SHA-256"):
        load_model(card_path)


@pytest.mark.parametrize("content", [b"\x10", b"\xff" * 64])
def test_that_a_broken_weights_file_is_named(write_model: WriteModel, content: bytes) -> None:
    card_path = write_model()
    card_path.with_suffix(".safetensors").write_bytes(content)
    _refresh_fingerprint(card_path)
    with pytest.raises(ModelError, match=r"tiny\.safetensors: is not a safetensors file"):
        load_model(card_path)


class Payload:
    """Unpickled, it would leave a file behind."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.mark,))


@pytest.mark.parametrize("zipped", [False, True])
def test_that_a_pickle_is_refused_and_its_code_does_not_run(tmp_path: Path, zipped: bool) -> None:
    mark = tmp_path / "ran"
    content = pickle.dumps(Payload(mark))
    path = tmp_path / "model.safetensors"
    if zipped:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", content)
    else:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=r"model\.safetensors: is a Python pickle"):
        load_model(path)
    assert not mark.exists()


def _refresh_fingerprint(card_path: Path) -> None:
    digest = hashlib.sha256(card_path.with_suffix(".safetensors").read_bytes()).hexdigest()
    card = read_card(card_path)
    write_card(ModelCard(**card.model_dump() | {"sha256": digest}), card_path)
