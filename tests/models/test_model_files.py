"""Checkpoints in the layouts found in the wild, and files that must be refused."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pickle
import re
import struct
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import Tensor, nn

from medadv_desktop.attacks.gradient.fgsm import FGSM
from medadv_desktop.attacks.objectives import Untargeted
from medadv_desktop.errors import ModelError
from medadv_desktop.models.architectures import TORCHVISION, build_network
from medadv_desktop.models.card import AS_IN_FILE, ModelCard, Preprocessing, read_card, write_card
from medadv_desktop.models.formats import FILE_KINDS, kind_of
from medadv_desktop.models.formats.pickles import foreign_globals
from medadv_desktop.models.library import runs_code
from medadv_desktop.models.loading import load_model, open_model
from medadv_desktop.models.proposal import propose_card

State = dict[str, Tensor]
SIDES = {"attn-vgg": 32, "inception-v3": 75, "chexnet": 32}
CLASSES = ("a", "b", "c")


def card_of(architecture: str, weights: str, **fields: object) -> ModelCard:
    side = SIDES.get(architecture, 32)
    values: dict[str, object] = {
        "id": "m",
        "name": "M",
        "architecture": architecture,
        "task": "single-label",
        "classes": CLASSES,
        "preprocessing": Preprocessing(height=side, width=side),
        "mean": (0.5,),
        "std": (0.25,),
        "weights": weights,
    }
    return ModelCard(**values | fields)


@pytest.fixture(scope="module")
def networks() -> dict[str, nn.Module]:
    """The paper's three, untrained, with running statistics that are not the default ones."""
    torch.manual_seed(0)
    made = {name: build_network(card_of(name, "m.pth")).eval() for name in SIDES}
    for network in made.values():
        for name, value in network.named_buffers():
            if name.endswith("running_mean"):
                value.normal_(std=0.1)
    return made


def prefixed(prefix: str) -> Callable[[State], Any]:
    return lambda state: {prefix + key: value for key, value in state.items()}


def as_training_checkpoint(state: State) -> dict[str, Any]:
    return {
        "epoch": 7,
        "arch": "net",
        "best_loss": np.float64(0.25),
        "state_dict": OrderedDict((f"module.{k}", v) for k, v in state.items()),
        "optimizer": {"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 1e-3}]},
    }


def as_lightning(state: State) -> dict[str, Any]:
    weights = {f"model.net.{k}": v for k, v in state.items()}
    return {"state_dict": weights | {"criterion.weight": torch.ones(3)}, "global_step": 5}


LAYOUTS: dict[str, Callable[[State], Any]] = {
    "plain": dict,
    "state_dict": lambda state: {"state_dict": state},
    "model": lambda state: {"model": state, "epoch": 3},
    "DataParallel": prefixed("module."),
    "densenet121": prefixed("module.densenet121."),
    "compiled": prefixed("_orig_mod."),
    "training": as_training_checkpoint,
    "lightning": as_lightning,
    "before PyTorch 0.4": lambda s: {k: v for k, v in s.items() if "num_batches" not in k},
}


CASES = [
    (architecture, layout)
    for architecture in SIDES
    for layout in LAYOUTS
    # The layouts are one code for all; the slowest two have the most different ones.
    if architecture == "chexnet" or layout in ("plain", "DataParallel", "training", "lightning")
]


@pytest.mark.parametrize(("architecture", "layout"), CASES)
def test_that_every_wild_layout_gives_bit_equal_logits(
    tmp_path: Path, networks: dict[str, nn.Module], architecture: str, layout: str
) -> None:
    network = networks[architecture]
    torch.save(LAYOUTS[layout](dict(network.state_dict())), tmp_path / "m.pth")
    card = card_of(architecture, "m.pth")
    image = torch.rand(1, *card.input_shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = network((image - 0.5) / 0.25)
        logits = open_model(card, tmp_path)(image)
    assert torch.equal(logits, expected)


def test_that_old_dense_layer_names_and_a_wrapped_head_load(
    tmp_path: Path, networks: dict[str, nn.Module]
) -> None:
    network = networks["chexnet"]
    old = {}
    for key, value in network.state_dict().items():
        name = re.sub(r"(denselayer\d+\.(?:norm|conv))([12])", r"\1.\2", key)
        name = name.replace("classifier.", "classifier.0.")
        old[f"module.densenet121.{name}"] = value
    assert "module.densenet121.features.denseblock1.denselayer1.norm.1.weight" in old
    torch.save({"state_dict": old}, tmp_path / "m.pth.tar", _use_new_zipfile_serialization=False)
    card = card_of("chexnet", "m.pth.tar")
    model = open_model(card, tmp_path)
    image = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert torch.equal(model(image), network((image - 0.5) / 0.25))
    assert any("old names of dense layers" in note for note in model.notes)
    assert any("sigmoid" in note for note in model.notes)


@pytest.mark.parametrize("aux", ["missing", "of 1000 classes"])
def test_that_the_auxiliary_head_of_inception_may_lack_or_differ(
    tmp_path: Path, networks: dict[str, nn.Module], aux: str
) -> None:
    network = networks["inception-v3"]
    state = {k: v for k, v in network.state_dict().items() if not k.startswith("AuxLogits")}
    if aux != "missing":
        state |= {k: v for k, v in network.state_dict().items() if k.startswith("AuxLogits")}
        state["AuxLogits.fc.weight"] = torch.zeros(1000, 768)
        state["AuxLogits.fc.bias"] = torch.zeros(1000)
    torch.save(state, tmp_path / "m.pth")
    model = open_model(card_of("inception-v3", "m.pth"), tmp_path)
    image = torch.rand(1, 3, 75, 75, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert torch.equal(model(image), network((image - 0.5) / 0.25))
    assert any("AuxLogits" in note for note in model.notes)


# All of them: MEDADV_ALL_ARCHITECTURES=1 pytest tests/models/test_model_files.py -k torchvision
SAMPLE = ("resnet18", "mobilenet_v3_small", "squeezenet1_0", "shufflenet_v2_x0_5")
NETWORKS = TORCHVISION if os.environ.get("MEDADV_ALL_ARCHITECTURES") else SAMPLE


def side_of(name: str) -> int:
    """A small input that the architecture takes."""
    if name.startswith(("vit_", "maxvit")):
        return 224
    return 96 if name == "inception_v3" else 64


def refuse_without_room(parameters: int) -> None:
    """Skip where the network, its file and what is loaded would not fit."""
    if sys.platform != "win32" and sys.platform != "darwin":
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        if free < 5 * 4 * parameters:
            pytest.skip(
                f"{parameters / 1e6:.0f} million parameters do not fit into {free >> 30} GB"
            )


@pytest.mark.parametrize("name", NETWORKS)
def test_that_torchvision_networks_load_and_can_be_tapped_and_attacked(
    tmp_path: Path, name: str
) -> None:
    side = side_of(name)
    given = {"init_weights": True} if name in ("googlenet", "inception_v3") else {}
    with torch.device("meta"), contextlib.suppress(NotImplementedError):
        sketch = torchvision.models.get_model(name, weights=None, num_classes=3, **given)
        refuse_without_room(sum(p.numel() for p in sketch.parameters()))
    torch.manual_seed(0)
    network = torchvision.models.get_model(name, weights=None, num_classes=3, **given).eval()
    save_file(network.state_dict(), tmp_path / "m.safetensors")
    card = card_of(name, "m.safetensors", preprocessing=Preprocessing(height=side, width=side))
    model = open_model(card, tmp_path)
    (tmp_path / "m.safetensors").unlink()
    image = torch.rand(1, 3, side, side)
    layer = model.spatial_layers()[0]
    with torch.no_grad(), model.tap((layer,)) as outputs:
        logits = model(image)
        expected = network((image - 0.5) / 0.25)
    assert torch.equal(logits, expected)
    assert outputs[layer].dim() == 4
    result = FGSM(epsilon=4 / 255).run(model, image, model.decisions(logits), Untargeted())
    assert result.steps.tolist() == [1]
    change = float((result.adversarial - image).abs().max())
    # An untrained network may be so steep that one step leads nowhere; then the image stays.
    assert change == pytest.approx(4 / 255, abs=1e-6) or (change == 0 and not result.success)


def tiny_state() -> State:
    network = build_network(card_of("compact-resnet", "m", architecture_options={"width": 4}))
    return dict(network.state_dict())


def tiny_card(weights: str = "m.pth", **fields: object) -> ModelCard:
    return card_of("compact-resnet", weights, architecture_options={"width": 4}, **fields)


def test_that_half_precision_is_converted_and_told(tmp_path: Path) -> None:
    state = {k: v.half() if v.is_floating_point() else v for k, v in tiny_state().items()}
    torch.save(state, tmp_path / "m.pth")
    model = open_model(tiny_card(), tmp_path)
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert torch.equal(model.network.head.weight, state["head.weight"].float())
    assert any("float16" in note for note in model.notes)


def test_that_a_later_change_of_the_file_does_not_change_the_model(tmp_path: Path) -> None:
    state = tiny_state()
    torch.save(state, tmp_path / "m.pth")
    model = open_model(tiny_card(), tmp_path)
    with (tmp_path / "m.pth").open("r+b") as stream:
        stream.write(b"\xff" * (tmp_path / "m.pth").stat().st_size)
    assert all(torch.equal(v, state[k]) for k, v in model.network.state_dict().items())


def test_that_one_output_stands_for_two_classes(tmp_path: Path) -> None:
    card = tiny_card(classes=("benign", "malignant"), single_output=True)
    state = dict(build_network(card).state_dict())
    assert state["head.bias"].shape == (1,)
    torch.save(state, tmp_path / "m.pth")
    model = open_model(card, tmp_path)
    image = torch.rand(2, 3, 32, 32)
    score = model.network((image - 0.5) / 0.25)[:, 0]
    torch.testing.assert_close(model.probabilities(model(image))[:, 1], score.sigmoid())


def test_that_missing_and_unknown_keys_are_listed_with_the_nearest(tmp_path: Path) -> None:
    state = tiny_state()
    state["stage1.conv1.wieght"] = state.pop("stage1.conv1.weight")
    state["head.gain"] = torch.ones(3)
    torch.save(state, tmp_path / "m.pth")
    with pytest.raises(ModelError) as caught:
        open_model(tiny_card(), tmp_path)
    text = str(caught.value)
    assert "1 missing: stage1.conv1.weight (nearest in the file: stage1.conv1.wieght)" in text
    assert "2 unknown: stage1.conv1.wieght, head.gain" in text
    assert "m.pth" in text


def test_that_a_head_of_another_size_is_named(tmp_path: Path) -> None:
    torch.save(tiny_state(), tmp_path / "m.pth")
    card = tiny_card(classes=("a", "b"))
    with pytest.raises(ModelError, match=r"head.weight is \(3, 16\), the architecture has \(2, 16"):
        open_model(card, tmp_path)


def test_that_weights_that_are_not_finite_are_named(tmp_path: Path) -> None:
    state = tiny_state()
    state["head.bias"] = torch.tensor([0.0, float("inf"), 0.0])
    torch.save(state, tmp_path / "m.pth")
    with pytest.raises(ModelError, match=r"not finite: head\.bias"):
        open_model(tiny_card(), tmp_path)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.999])
def test_that_a_file_cut_short_is_named(tmp_path: Path, suffix: str, share: float) -> None:
    path = tmp_path / f"m{suffix}"
    torch.save(tiny_state(), path) if suffix == ".pth" else save_file(tiny_state(), path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ModelError, match=rf"m\{suffix}"):
        open_model(tiny_card(path.name), tmp_path)


@pytest.mark.parametrize("legacy", [False, True])
def test_that_a_damaged_checkpoint_never_fails_otherwise(tmp_path: Path, legacy: bool) -> None:
    path = tmp_path / "m.pth"
    torch.save(tiny_state(), path, _use_new_zipfile_serialization=not legacy)
    content = path.read_bytes()
    generator = np.random.default_rng(0)
    for _ in range(25):
        damaged = bytearray(content)
        for place in generator.integers(0, min(len(content), 4000), 8):
            damaged[place] = generator.integers(256)
        path.write_bytes(damaged)
        with contextlib.suppress(ModelError):  # anything else fails the test
            open_model(tiny_card(), tmp_path)


def test_that_a_header_that_promises_five_gigabytes_is_refused(tmp_path: Path) -> None:
    header = b'{"head.weight":{"dtype":"F32","shape":[1250000000],"data_offsets":[0,5000000000]}}'
    path = tmp_path / "m.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(64))
    with pytest.raises(ModelError, match=r"m\.safetensors.*cut short or damaged"):
        open_model(tiny_card("m.safetensors"), tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="files with holes take their room there")
@pytest.mark.parametrize("name", ["m.safetensors", "m.pth", "m.bin", "m.onnx"])
def test_that_a_file_of_five_gigabytes_does_not_fill_the_memory(tmp_path: Path, name: str) -> None:
    import resource

    size = 5 * 2**30
    entry = {"w": {"dtype": "F32", "shape": [size // 4], "data_offsets": [0, size]}}
    header = json.dumps(entry).encode()
    start = struct.pack("<Q", len(header)) + header if name == "m.safetensors" else b""
    path = tmp_path / name
    with path.open("wb") as file:
        file.write(start)
        file.truncate(len(start) + size)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ModelError, match=re.escape(name)):
        propose_card(path)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    # Kilobytes on Linux, bytes on macOS.
    assert grown < 500 * 1024 * (1024 if sys.platform == "darwin" else 1)


def test_that_a_file_beyond_the_limit_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    with path.open("wb") as stream:
        stream.write(struct.pack("<Q", 2) + b"{}")
        stream.truncate(FILE_KINDS["safetensors"].largest + 1)  # sparse: takes no room
    with pytest.raises(ModelError, match=r"is 16\.0 GB"):
        open_model(tiny_card("m.safetensors"), tmp_path)


def test_that_a_safetensors_header_of_any_length_is_no_pickle(tmp_path: Path) -> None:
    # A header of 0x280 bytes starts like a pickle of protocol 2.
    path = tmp_path / "m.safetensors"
    body = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    path.write_bytes(struct.pack("<Q", 0x280) + body.ljust(0x280) + bytes(4))
    assert path.read_bytes()[:2] == b"\x80\x02"
    assert kind_of(path) == "safetensors"


class Payload:
    """Unpickled, it would leave a file behind."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.mark,))


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("way", ["torch", "legacy", "bare"])
def test_that_a_payload_is_refused_by_name_and_does_not_run(
    tmp_path: Path, way: str, protocol: int
) -> None:
    mark, path = tmp_path / "ran", tmp_path / "m.pth"
    content = {"state_dict": tiny_state(), "hook": Payload(mark)}
    if way == "bare":
        path.write_bytes(pickle.dumps({"hook": Payload(mark)}, protocol=protocol))
    else:
        torch.save(
            content,
            path,
            pickle_protocol=protocol,
            _use_new_zipfile_serialization=way == "torch",
        )
    with pytest.raises(ModelError, match=r"m\.pth: is a Python pickle.*getattr|pathlib.*touch"):
        open_model(tiny_card(), tmp_path)
    with pytest.raises(ModelError, match="is a Python pickle"):
        load_model(path)
    assert not mark.exists()


def test_that_a_pickled_network_is_refused_with_its_classes_named(tmp_path: Path) -> None:
    torch.save(nn.Sequential(nn.Conv2d(3, 3, 1)), tmp_path / "m.pth")
    with pytest.raises(ModelError, match=r"torch\.nn\.modules\.container\.Sequential"):
        open_model(tiny_card(), tmp_path)
    assert "torch.nn.modules.conv.Conv2d" in foreign_globals(tmp_path / "m.pth")


def test_that_an_archive_with_two_entries_of_one_name_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "m.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("m/data.pkl", b"a")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("m/data.pkl", b"b")
    with pytest.raises(ModelError, match="two entries of the same name"):
        open_model(tiny_card(), tmp_path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ([1, 2], "holds a list"),
        ({"epoch": 3}, r"no weights by name; it holds: epoch"),
        ({"generator": {"w": torch.ones(1)}, "critic": {"w": torch.ones(1)}}, "2 of them"),
    ],
)
def test_that_a_checkpoint_without_weights_says_what_it_holds(
    tmp_path: Path, content: object, reason: str
) -> None:
    torch.save(content, tmp_path / "m.pth")
    with pytest.raises(ModelError, match=reason):
        open_model(tiny_card(), tmp_path)


def test_that_a_file_of_no_known_kind_is_named(tmp_path: Path) -> None:
    (tmp_path / "m.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    with pytest.raises(ModelError, match=r"m\.h5: is of no kind of model file.*ONNX"):
        kind_of(tmp_path / "m.h5")


# --------------------------------------------------------------------------- Python files

FACTORY = """
from pathlib import Path
import torch

Path(__file__).with_name("ran").touch()

def layer():
    return torch.nn.Linear(3 * 32 * 32, 3)

def build():
    torch.manual_seed(5)
    return torch.nn.Sequential(torch.nn.Flatten(), layer())
"""


def python_card(tmp_path: Path, source: str, **fields: object) -> ModelCard:
    (tmp_path / "net.py").write_text(source)
    return card_of(AS_IN_FILE, "net.py", **fields)


def test_that_python_code_does_not_run_unless_allowed(tmp_path: Path) -> None:
    write_card(python_card(tmp_path, FACTORY), tmp_path / "net.toml")
    with pytest.raises(ModelError, match="was not run"):
        load_model(tmp_path / "net.toml")
    assert not (tmp_path / "ran").exists()
    assert runs_code(tmp_path / "net.toml") == tmp_path / "net.py"


def test_that_an_allowed_python_file_builds_its_network(tmp_path: Path) -> None:
    model = open_model(python_card(tmp_path, FACTORY), tmp_path, allow_code=True)
    torch.manual_seed(5)
    expected = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 3))
    image = torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(model(image), expected((image - 0.5) / 0.25))


def test_that_python_code_with_weights_beside_it_loads_both(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(FACTORY)
    state = {"module.1.weight": torch.ones(3, 3072), "module.1.bias": torch.arange(3.0)}
    torch.save(state, tmp_path / "m.pth")
    card = card_of("own", "m.pth", code="net.py")
    with pytest.raises(ModelError, match="was not run"):
        open_model(card, tmp_path)
    model = open_model(card, tmp_path, allow_code=True)
    assert model(torch.full((1, 3, 32, 32), 0.5)).tolist() == [[0.0, 1.0, 2.0]]


def test_that_python_code_changed_after_its_card_does_not_run(tmp_path: Path) -> None:
    card = python_card(tmp_path, FACTORY)
    digest = hashlib.sha256((tmp_path / "net.py").read_bytes()).hexdigest()
    card = ModelCard(**card.model_dump() | {"code_sha256": digest})
    (tmp_path / "net.py").write_text(FACTORY + "# changed\n")
    with pytest.raises(ModelError, match="SHA-256 differs"):
        open_model(card, tmp_path, allow_code=True)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("def build():\n    return 1 / 0\n", r"failed at line 2 \(ZeroDivisionError"),
        ("import no_such_package\n", "no_such_package"),
        ("raise SystemExit(1)\n", "SystemExit"),
        ("def f(:\n", "SyntaxError"),
        ("def a(): pass\ndef b(): pass\n", "a, b"),
        ("def build():\n    return 3\n", "returned a int"),
    ],
)
def test_that_failing_python_code_is_named(tmp_path: Path, source: str, reason: str) -> None:
    card = python_card(tmp_path, source)
    with pytest.raises(ModelError, match=reason):
        open_model(card, tmp_path, allow_code=True)


# --------------------------------------------------------------------------- outputs

ENDS = {
    "logits": ("nn.Identity()", lambda z: z),
    "sigmoid": ("nn.Sigmoid()", torch.sigmoid),
    "softmax": ("nn.Softmax(dim=1)", lambda z: z.softmax(dim=1)),
}
SOURCE = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(5)
        self.flatten = nn.Flatten()
        self.head = nn.Linear(3 * 32 * 32, 3)
        self.end = {end}
    def forward(self, x):
        scores = self.end(self.head(self.flatten(x)))
        return {returned}

def build():
    return Net()
"""


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("returned", ["scores", "(scores, x)", "{'logits': scores}", "[scores, x]"])
def test_that_baked_probabilities_and_tuples_become_logits(
    tmp_path: Path, end: str, returned: str
) -> None:
    source = SOURCE.format(end=ENDS[end][0], returned=returned)
    model = open_model(python_card(tmp_path, source), tmp_path, allow_code=True)
    torch.manual_seed(5)
    head = nn.Linear(3 * 32 * 32, 3)
    image = 100 * torch.rand(2, 3, 32, 32)  # logits far beyond where a sigmoid is one
    expected = head(((image - 0.5) / 0.25).flatten(1))
    assert float(expected.detach().abs().max()) > 50
    torch.testing.assert_close(model(image), expected)


@pytest.mark.parametrize("function", ["torch.sigmoid", "torch.nn.Softmax(1)"])
def test_that_a_functional_end_is_inverted(tmp_path: Path, function: str) -> None:
    source = SOURCE.format(end="nn.Identity()", returned=f"{function}(scores)")
    source = source.replace("(torch.nn.Softmax(1)", "(torch.softmax").replace(
        "torch.nn.Softmax(1)(scores)", "torch.softmax(scores, 1)"
    )
    model = open_model(python_card(tmp_path, source), tmp_path, allow_code=True)
    torch.manual_seed(5)
    head = nn.Linear(3 * 32 * 32, 3)
    image = torch.rand(2, 3, 32, 32)
    expected = head(((image - 0.5) / 0.25).flatten(1))
    if "softmax" in source:
        expected = expected.log_softmax(dim=1)
    torch.testing.assert_close(model(image), expected, rtol=1e-4, atol=1e-4)
    assert any("inverted" in note for note in model.notes)


def test_that_an_inner_sigmoid_is_left_alone(tmp_path: Path) -> None:
    source = SOURCE.format(end="nn.Sigmoid()", returned="scores * 3 - 1")
    model = open_model(python_card(tmp_path, source), tmp_path, allow_code=True)
    with torch.no_grad():
        logits = model(torch.rand(8, 3, 32, 32))
    assert model.reading.kind == "logits"
    assert float(logits.min()) >= -1
    assert float(logits.max()) <= 2


@pytest.mark.parametrize(
    ("returned", "reason"),
    [("scores[:, :2]", "gives 2 outputs, but its card names 3"), ("x", "one score for each"),
     ("'text'", "instead of scores"), ("scores / 0 * 0", "not finite")],
)  # fmt: skip
def test_that_outputs_that_are_no_scores_are_refused(
    tmp_path: Path, returned: str, reason: str
) -> None:
    source = SOURCE.format(end="nn.Identity()", returned=returned)
    with pytest.raises(ModelError, match=reason):
        open_model(python_card(tmp_path, source), tmp_path, allow_code=True)


def test_that_a_wrong_input_size_is_named(tmp_path: Path) -> None:
    card = python_card(tmp_path, FACTORY, preprocessing=Preprocessing(height=16, width=16))
    with pytest.raises(ModelError, match=r"does not take an input of 3×16×16"):
        open_model(card, tmp_path, allow_code=True)


def test_that_a_card_with_every_new_field_comes_back_equal(tmp_path: Path) -> None:
    card = tiny_card(
        provenance="site A, 2024",
        source_format="PyTorch checkpoint",
        conversions=("the prefix module. was taken off the names",),
        outputs="sigmoid",
        code="net.py",
        code_sha256="0" * 64,
        factory="build",
    )
    write_card(card, tmp_path / "m.toml")
    assert read_card(tmp_path / "m.toml") == card


@pytest.mark.parametrize("name", ["m.pth", "m.safetensors", "m.onnx"])
def test_that_an_empty_file_is_called_empty(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(ModelError, match=r"is empty \(0 bytes\)"):
        kind_of(tmp_path / name)
