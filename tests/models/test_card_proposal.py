"""Cards proposed from files alone."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn

from medadv_desktop.errors import ModelError
from medadv_desktop.models.architectures import build_network
from medadv_desktop.models.card import AS_IN_FILE, ModelCard, Preprocessing
from medadv_desktop.models.identifying import identify
from medadv_desktop.models.loading import open_model
from medadv_desktop.models.proposal import CardProposal, propose_card


def torchvision_state(name: str, classes: int) -> dict[str, torch.Tensor]:
    given = {"init_weights": False} if name == "googlenet" else {}
    # RegNet works out its widths with tensors, so it cannot be made without memory.
    with contextlib.nullcontext() if name.startswith("regnet") else torch.device("meta"):
        network = torchvision.models.get_model(name, weights=None, num_classes=classes, **given)
    return dict(network.state_dict())


def state_of(architecture: str, classes: int, **fields: object) -> dict[str, torch.Tensor]:
    values: dict[str, object] = {
        "id": "m",
        "name": "M",
        "architecture": architecture,
        "task": "single-label",
        "classes": tuple(map(str, range(classes))),
        "weights": "m",
    }
    return dict(build_network(ModelCard(**values | fields)).state_dict())


def why(proposal: CardProposal, field: str) -> str:
    return next(guess.reason for guess in proposal.guesses if guess.field == field)


NAMES = (
    "resnet18", "resnet50", "densenet121", "vgg11_bn", "vgg16", "alexnet", "mobilenet_v2",
    "mobilenet_v3_small", "squeezenet1_1", "shufflenet_v2_x1_0", "efficientnet_b0",
    "convnext_tiny", "swin_v2_t", "vit_b_16", "mnasnet1_0", "regnet_x_400mf", "googlenet",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_that_an_architecture_is_known_by_its_weights(name: str) -> None:
    identity = identify(torchvision_state(name, 5))
    assert identity is not None
    assert (identity.architecture, identity.outputs, identity.channels) == (name, 5, 3)
    assert identity.likeness == 1


def test_that_chexnet_is_proposed_for_fourteen_outputs(tmp_path: Path) -> None:
    state = state_of("chexnet", 14)
    old = {f"module.densenet121.{k}".replace("classifier.", "classifier.0."): v
           for k, v in state.items()}  # fmt: skip
    torch.save({"state_dict": old, "epoch": 3}, tmp_path / "Model 1.pth")
    proposal = propose_card(tmp_path / "Model 1.pth")
    card = proposal.card
    assert card.architecture == "chexnet"
    assert card.multi_label
    assert card.classes[0] == "Atelectasis"
    assert card.classes[-1] == "Hernia"
    assert card.preprocessing == Preprocessing(
        resize="crop", resize_side=256, height=224, width=224
    )
    assert (card.mean, card.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert card.id == "model-1"
    assert card.source_format == "PyTorch checkpoint"
    assert any("epoch" in note for note in card.conversions)
    assert "published order" in why(proposal, "classes")
    assert proposal.guesses[0].confidence == "guess"
    assert open_model(card, tmp_path).card == card


def test_that_a_grey_network_of_one_output_is_proposed_as_two_classes(tmp_path: Path) -> None:
    grey = Preprocessing(channels=1)
    state = state_of("resnet18", 2, preprocessing=grey, single_output=True)
    save_file(state, tmp_path / "m.safetensors")
    card = propose_card(tmp_path / "m.safetensors").card
    assert (card.architecture, card.classes) == ("resnet18", ("negative", "positive"))
    assert card.single_output
    assert card.preprocessing.channels == 1
    assert len(card.mean) == 1


@pytest.mark.parametrize(
    ("name", "side", "resize_side"),
    [("inception-v3", 299, None), ("attn-vgg", 224, 256), ("efficientnet_b3", 300, 320)],
)
def test_that_the_input_size_is_that_of_the_architecture(
    tmp_path: Path, name: str, side: int, resize_side: int | None
) -> None:
    save_file(state_of(name, 4), tmp_path / "m.safetensors")
    proposal = propose_card(tmp_path / "m.safetensors")
    assert proposal.card.architecture == name
    assert proposal.card.preprocessing.height == side
    assert proposal.card.preprocessing.resize_side == resize_side
    assert len(proposal.card.classes) == 4


def test_that_a_width_is_read_from_the_weights(tmp_path: Path) -> None:
    save_file(state_of("compact-resnet", 2, architecture_options={"width": 12}),
              tmp_path / "m.safetensors")  # fmt: skip
    assert propose_card(tmp_path / "m.safetensors").card.architecture_options == {"width": 12}


def test_that_a_graph_tells_its_own_input_and_its_sigmoid(tmp_path: Path) -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(2 * 18 * 14, 4),
                            nn.Sigmoid()).eval()  # fmt: skip
    torch.export.save(torch.export.export(network, (torch.rand(1, 1, 20, 16),)), tmp_path / "m.pt2")
    card = propose_card(tmp_path / "m.pt2").card
    assert card.architecture == AS_IN_FILE
    assert card.input_shape == (1, 20, 16)
    assert card.multi_label
    assert len(card.classes) == 4
    image = torch.rand(2, 1, 20, 16)
    expected = network[:-1]((image - 0.5) / 0.5)
    torch.testing.assert_close(open_model(card, tmp_path)(image), expected)


def test_that_weights_of_no_known_architecture_are_said_to_be_that(tmp_path: Path) -> None:
    save_file({"secret.weight": torch.ones(3, 3)}, tmp_path / "m.safetensors")
    with pytest.raises(ModelError, match=r"no architecture that this program knows.*\.pt2"):
        propose_card(tmp_path / "m.safetensors")


def test_that_a_changed_network_is_named_by_the_nearest(tmp_path: Path) -> None:
    state = torchvision_state("resnet18", 5)
    state = {k: torch.zeros(v.shape) for k, v in state.items() if "layer1" in k or "conv1" in k}
    save_file(state, tmp_path / "m.safetensors")
    with pytest.raises(ModelError, match="nearest is resnet18"):
        propose_card(tmp_path / "m.safetensors")


def test_that_the_input_of_a_network_that_does_not_say_it_is_found_by_trying(
    tmp_path: Path,
) -> None:
    source = "import torch\ndef build():\n    return torch.nn.Sequential(" \
        "torch.nn.Flatten(), torch.nn.Linear({}, 4))\n"  # fmt: skip
    (tmp_path / "net.py").write_text(source.format(64 * 64))
    proposal = propose_card(tmp_path / "net.py", allow_code=True)
    assert proposal.card.input_shape == (1, 64, 64)
    assert len(proposal.card.classes) == 4
    sizes = [(g.value, g.confidence) for g in proposal.guesses if g.field == "size"]
    assert sizes == [("64 × 64", "guess")]
    (tmp_path / "net.py").write_text(source.format(3 * 20 * 30))
    with pytest.raises(ModelError, match=r"none of the usual ones.*Say channels, height and width"):
        propose_card(tmp_path / "net.py", allow_code=True)
    proposal = propose_card(tmp_path / "net.py", allow_code=True, shape=(3, 20, 30))
    assert proposal.card.input_shape == (3, 20, 30)
    assert open_model(proposal.card, tmp_path, allow_code=True).card == proposal.card


def test_that_a_name_is_left_without_the_ends_that_tell_its_kind(tmp_path: Path) -> None:
    path = tmp_path / "My_best.v2.pth.tar"
    torch.save({"state_dict": torchvision_state_real("squeezenet1_1", 2)}, path)
    card = propose_card(path).card
    assert (card.id, card.name, card.weights) == ("my_best.v2", "My best.v2", path.name)


def torchvision_state_real(name: str, classes: int) -> dict[str, torch.Tensor]:
    return dict(torchvision.models.get_model(name, weights=None, num_classes=classes).state_dict())
