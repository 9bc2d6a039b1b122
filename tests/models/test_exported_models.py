"""Networks that a file holds (torch.export, TorchScript, ONNX): the same, or refused."""

from __future__ import annotations

import io
import json
import pickle
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from medadv_desktop.errors import ModelError
from medadv_desktop.jobs import CancelToken
from medadv_desktop.models.architectures import build_network
from medadv_desktop.models.card import AS_IN_FILE, ModelCard, Preprocessing
from medadv_desktop.models.diagnostic import DiagnosticModel
from medadv_desktop.models.formats import FILE_KINDS, kind_of, read_file
from medadv_desktop.models.formats.contents import Network, Opening
from medadv_desktop.models.loading import load_model, open_model
from medadv_desktop.models.watch import watched


class Ended(nn.Module):
    """A network with something behind it."""

    def __init__(self, network: nn.Module, end: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.end = end

    def forward(self, images: Tensor) -> Tensor:
        result: Tensor = self.end(self.network(images))
        return result


def card_in_file(card: ModelCard, weights: str) -> ModelCard:
    return ModelCard(
        **card.model_dump() | {"architecture": AS_IN_FILE, "architecture_options": {}}
        | {"weights": weights, "sha256": ""}
    )  # fmt: skip


def export_pt2(network: nn.Module, path: Path, shape: tuple[int, ...], *, fixed: int = 0) -> None:
    images = torch.rand((fixed or 2, *shape))
    sizes = None if fixed else ({0: torch.export.Dim("n", min=1, max=64)},)
    torch.export.save(torch.export.export(network, (images,), dynamic_shapes=sizes), path)


def export_script(network: nn.Module, path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is deprecated; its files are around
        torch.jit.save(torch.jit.script(network), path)


def export_onnx(
    network: nn.Module, path: Path, shape: tuple[int, ...], *, fixed: int = 0, new: bool = False
) -> None:
    pytest.importorskip("onnx", reason="the extra `onnx` is not installed")
    pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")
    if new:
        pytest.importorskip("onnxscript", reason="needed by torch's new ONNX exporter alone")
    images = torch.rand((fixed or 2, *shape))
    axes = {} if fixed else {"images": {0: "n"}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporters warn about each other
        torch.onnx.export(
            network, (images,), path, dynamo=new, input_names=["images"],
            dynamic_axes=None if new else axes, verbose=False,
        )  # fmt: skip


@pytest.fixture(scope="module")
def original() -> DiagnosticModel:
    """A small network with random weights whose logits depend on the image."""
    card = ModelCard(
        id="m",
        name="M",
        architecture="compact-resnet",
        architecture_options={"width": 4},
        task="single-label",
        classes=("a", "b", "c"),
        preprocessing=Preprocessing(height=32, width=32),
        mean=(0.5,),
        std=(0.25,),
        weights="m.safetensors",
    )
    torch.manual_seed(0)
    network = build_network(card).eval().requires_grad_(False)
    return DiagnosticModel(network, card).eval()


@pytest.fixture(scope="module")
def exported(original: DiagnosticModel, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """`original` as the content of a .pt2 file for any number of images."""
    path = tmp_path_factory.mktemp("exported") / "m.pt2"
    export_pt2(original.network, path, original.card.input_shape)
    return path.read_bytes()


def images_of(model: DiagnosticModel, count: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand((count, *model.card.input_shape), generator=generator)


def same(model: DiagnosticModel, original: DiagnosticModel, count: int = 3) -> None:
    images = images_of(original, count)
    with torch.no_grad():
        ours = model.probabilities(model(images))
        theirs = original.probabilities(original(images))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


def same_gradients(model: DiagnosticModel, original: DiagnosticModel) -> None:
    gradients = []
    for each in (model, original):
        images = images_of(original).requires_grad_()
        gradients.append(torch.autograd.grad(each(images)[:, 1].sum(), images)[0])
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-4, atol=1e-5)


# --------------------------------------------------------------------------- the demo model


def test_that_a_pt2_export_of_a_demo_model_predicts_the_same(tmp_path: Path) -> None:
    demo = load_model("demo-dermoscopy")
    export_pt2(demo.network, tmp_path / "demo.pt2", demo.card.input_shape)
    same(open_model(card_in_file(demo.card, "demo.pt2"), tmp_path), demo)


def test_that_an_onnx_export_of_a_demo_model_predicts_the_same(tmp_path: Path) -> None:
    demo = load_model("demo-radiograph")
    export_onnx(demo.network, tmp_path / "demo.onnx", demo.card.input_shape)
    model = open_model(card_in_file(demo.card, "demo.onnx"), tmp_path)
    assert model.white_box
    same(model, demo)


# --------------------------------------------------------------------------- torch.export


@pytest.mark.parametrize("end", [nn.Identity(), nn.Softmax(dim=1)])
def test_that_pt2_keeps_layers_gradients_and_any_number_of_images(
    tmp_path: Path, original: DiagnosticModel, end: nn.Module
) -> None:
    network = Ended(original.network, end).eval()
    export_pt2(network, tmp_path / "m.pt2", original.card.input_shape)
    model = open_model(card_in_file(original.card, "m.pt2"), tmp_path)
    same(model, original)
    same_gradients(model, original)
    images = images_of(original, 1)
    assert "network.stage2" in model.spatial_layers()
    with torch.no_grad(), model.tap(("network.stage2",)) as ours:
        model(images)
    with torch.no_grad(), original.tap(("stage2",)) as theirs:
        original(images)
    torch.testing.assert_close(ours["network.stage2"], theirs["stage2"])


def test_that_a_functional_sigmoid_of_a_pt2_is_taken_off_exactly(
    tmp_path: Path, original: DiagnosticModel
) -> None:
    class Functional(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = original.network

        def forward(self, images: Tensor) -> Tensor:
            return torch.sigmoid(100 * self.network(images))

    export_pt2(Functional().eval(), tmp_path / "m.pt2", original.card.input_shape)
    model = open_model(card_in_file(original.card, "m.pt2"), tmp_path)
    images = images_of(original)
    with torch.no_grad():
        torch.testing.assert_close(model(images), 100 * original(images), rtol=1e-4, atol=1e-4)
    assert any("sigmoid" in note for note in model.notes)


@pytest.mark.parametrize("fixed", [1, 2])
def test_that_a_pt2_for_so_many_images_takes_any_number(
    tmp_path: Path, original: DiagnosticModel, fixed: int
) -> None:
    export_pt2(original.network, tmp_path / "m.pt2", original.card.input_shape, fixed=fixed)
    model = open_model(card_in_file(original.card, "m.pt2"), tmp_path)
    same(model, original, count=5)
    layer = model.spatial_layers()[0]
    with torch.no_grad(), model.tap((layer,)) as outputs:
        model(images_of(original, fixed))
    assert len(outputs[layer]) == fixed
    with pytest.raises(ModelError, match="at a time"), model.tap((layer,)):
        model(images_of(original, 5))


def test_that_a_pt2_makes_its_own_tensors_on_the_chosen_device(tmp_path: Path) -> None:
    class Making(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return images.mean(dim=(2, 3)) + torch.arange(3.0, device=images.device)

    export_pt2(Making(), tmp_path / "m.pt2", (3, 8, 8))
    content = read_file(tmp_path / "m.pt2", Opening(device=torch.device("meta")))
    assert isinstance(content, Network)
    assert content.module(torch.empty(2, 3, 8, 8, device="meta")).device.type == "meta"


def rewritten(path: Path, change: Callable[[str, bytes], bytes], **extra: bytes) -> None:
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    root = next(iter(content)).partition("/")[0]
    with zipfile.ZipFile(path, "w") as archive:
        for name, value in content.items():
            archive.writestr(name, change(name.partition("/")[2], value))
        for name, value in extra.items():
            archive.writestr(f"{root}/{name}", value)


class Payload:
    """Unpickled, it would leave a file behind."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.mark,))


def pickled(mark: Path) -> bytes:
    stream = io.BytesIO()
    torch.save((Payload(mark),), stream)
    return stream.getvalue()


def test_that_pickled_sample_inputs_of_a_pt2_are_not_opened(
    tmp_path: Path, original: DiagnosticModel, exported: bytes
) -> None:
    path, mark = tmp_path / "m.pt2", tmp_path / "ran"
    path.write_bytes(exported)
    inputs = "data/sample_inputs/model.pt"
    rewritten(path, lambda name, value: pickled(mark) if name == inputs else value)
    same(open_model(card_in_file(original.card, "m.pt2"), tmp_path), original)
    assert not mark.exists()


def edit_json(part: str, edit: Callable[[Any], None]) -> Callable[[str, bytes], bytes]:
    def change(name: str, value: bytes) -> bytes:
        if name != part:
            return value
        content = json.loads(value)
        edit(content)
        return json.dumps(content).encode()

    return change


def target(name: str) -> Callable[[Any], None]:
    def edit(program: Any) -> None:
        program["graph_module"]["graph"]["nodes"][0]["target"] = name

    return edit


def size(expression: str) -> Callable[[Any], None]:
    def edit(program: Any) -> None:
        values = program["graph_module"]["graph"]["tensor_values"]
        for value in values.values():
            for each in value["sizes"]:
                if "as_expr" in each:
                    each["as_expr"]["expr_str"] = expression

    return edit


def container(program: Any) -> None:
    signature = program["graph_module"]["module_call_graph"][0]["signature"]
    context = json.dumps({"default_factory_module": "this", "default_factory_name": "s"})
    spec = {"type": "collections.defaultdict", "context": context, "children_spec": []}
    signature["out_spec"] = json.dumps([1, spec])


def pickle_a_weight(config: Any) -> None:
    next(iter(config["config"].values()))["use_pickle"] = True


MODEL = "models/model.json"


@pytest.mark.parametrize(
    ("part", "edit", "reason"),
    [
        (MODEL, target("torch.os.system"), r"torch\.os\.system"),
        (MODEL, target("torch.load"), r"torch\.load"),
        (MODEL, target("torch.ops.aten.from_file.default"), "from_file"),
        (MODEL, target("torch.ops.mine.run.default"), r"torch\.ops\.mine"),
        (MODEL, target("_operator.attrgetter"), "attrgetter"),
        (MODEL, container, r"a collections\.defaultdict"),
        (MODEL, size("__import__('os').system('true')"), "__import__"),
        (MODEL, size("().__class__.__base__"), "__class__"),
        (MODEL, size("9**9**9**9"), r"9\*\*9"),
        ("data/weights/model_weights_config.json", pickle_a_weight, "a pickled part"),
    ],
)
def test_that_a_pt2_with_more_than_tensor_operations_is_refused(
    tmp_path: Path,
    original: DiagnosticModel,
    exported: bytes,
    part: str,
    edit: Callable[[Any], None],
    reason: str,
) -> None:
    path = tmp_path / "m.pt2"
    path.write_bytes(exported)
    rewritten(path, edit_json(part, edit))
    with pytest.raises(ModelError, match=rf"m\.pt2: asks for .*{reason}.* was not opened"):
        open_model(card_in_file(original.card, "m.pt2"), tmp_path)


def test_that_a_pt2_with_foreign_parts_is_refused(
    tmp_path: Path, original: DiagnosticModel, exported: bytes
) -> None:
    path = tmp_path / "m.pt2"
    path.write_bytes(exported)
    extra = {"data/aotinductor/model/x.so": b"\x7fELF"}
    rewritten(path, lambda _name, value: value, **extra)
    with pytest.raises(ModelError, match=r"holds data/aotinductor/model/x\.so"):
        open_model(card_in_file(original.card, "m.pt2"), tmp_path)


# --------------------------------------------------------------------------- TorchScript


@pytest.mark.parametrize("end", [nn.Identity(), nn.Softmax(dim=1)])
def test_that_torchscript_predicts_the_same_with_gradients(
    tmp_path: Path, original: DiagnosticModel, end: nn.Module
) -> None:
    export_script(Ended(original.network, end).eval(), tmp_path / "m.pt")
    assert kind_of(tmp_path / "m.pt") == "torchscript"
    model = open_model(card_in_file(original.card, "m.pt"), tmp_path)
    same(model, original)
    with watched(model.network, CancelToken()):
        same_gradients_of_probability(model, original)


def same_gradients_of_probability(model: DiagnosticModel, original: DiagnosticModel) -> None:
    gradients = []
    for each in (model, original):
        images = images_of(original).requires_grad_()
        scores = each.probabilities(each(images))[:, 1].sum()
        gradients.append(torch.autograd.grad(scores, images)[0])
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-3, atol=1e-5)


def test_that_layers_of_torchscript_cannot_be_read_and_that_is_said(
    tmp_path: Path, original: DiagnosticModel
) -> None:
    export_script(original.network, tmp_path / "m.pt")
    model = open_model(card_in_file(original.card, "m.pt"), tmp_path)
    assert model.spatial_layers() == ()
    with pytest.raises(ModelError, match=r"cannot be read.*\.pt2"), model.tap(("stage1",)):
        pass


def test_that_torchscript_that_touches_files_is_refused(tmp_path: Path) -> None:
    class Reading(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return images + torch.from_file("/etc/passwd", size=1)

    export_script(Reading(), tmp_path / "m.pt")
    card = ModelCard(
        id="m", name="M", architecture=AS_IN_FILE, task="single-label", classes=("a", "b"),
        preprocessing=Preprocessing(height=8, width=8), weights="m.pt",
    )  # fmt: skip
    with pytest.raises(ModelError, match=r"uses torch\.from_file; it was not opened"):
        open_model(card, tmp_path)


# --------------------------------------------------------------------------- ONNX


@pytest.mark.parametrize("end", [nn.Identity(), nn.Softmax(dim=1)])
@pytest.mark.parametrize("fixed", [0, 1])
def test_that_onnx_converts_with_equal_outputs_and_gradients(
    tmp_path: Path, original: DiagnosticModel, end: nn.Module, fixed: int
) -> None:
    network = Ended(original.network, end).eval()
    export_onnx(network, tmp_path / "m.onnx", original.card.input_shape, fixed=fixed)
    model = open_model(card_in_file(original.card, "m.onnx"), tmp_path)
    assert model.white_box
    same(model, original)
    same_gradients(model, original)
    assert model.spatial_layers()


def test_that_the_new_exporters_onnx_converts_too(
    tmp_path: Path, original: DiagnosticModel
) -> None:
    export_onnx(original.network, tmp_path / "m.onnx", original.card.input_shape, new=True)
    model = open_model(card_in_file(original.card, "m.onnx"), tmp_path)
    assert model.white_box
    same(model, original)


def test_that_onnx_without_a_conversion_serves_scores_only(
    tmp_path: Path, original: DiagnosticModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_onnx(original.network, tmp_path / "m.onnx", original.card.input_shape)
    onnx2torch = pytest.importorskip("onnx2torch", reason="the extra `onnx` is not installed")
    monkeypatch.setattr(onnx2torch, "convert", lambda _model: nn.Flatten())
    model = open_model(card_in_file(original.card, "m.onnx"), tmp_path)
    assert not model.white_box
    assert any("scores only" in note for note in model.notes)
    same(model, original)
    assert model.spatial_layers() == ()
    with pytest.raises(ModelError, match="scores only"):
        model(images_of(original).requires_grad_())


def test_that_a_conversion_with_other_outputs_is_not_trusted(
    tmp_path: Path, original: DiagnosticModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_onnx(original.network, tmp_path / "m.onnx", original.card.input_shape)
    onnx2torch = pytest.importorskip("onnx2torch", reason="the extra `onnx` is not installed")
    convert = onnx2torch.convert

    def slightly_off(model: Any) -> nn.Module:
        network: nn.Module = convert(model)
        with torch.no_grad():
            next(iter(network.parameters())).mul_(1.5)
        return network

    monkeypatch.setattr(onnx2torch, "convert", slightly_off)
    model = open_model(card_in_file(original.card, "m.onnx"), tmp_path)
    assert not model.white_box
    assert any("outputs differ by" in note for note in model.notes)


def test_that_onnx_of_another_size_is_named(tmp_path: Path, original: DiagnosticModel) -> None:
    export_onnx(original.network, tmp_path / "m.onnx", original.card.input_shape)
    card = card_in_file(original.card, "m.onnx")
    size = Preprocessing(height=64, width=64, channels=3)
    card = ModelCard(**card.model_dump() | {"preprocessing": size})
    with pytest.raises(ModelError, match="height 32; its card says 64"):
        open_model(card, tmp_path)


@pytest.mark.parametrize("suffix", [".pt2", ".pt", ".onnx"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_that_an_export_cut_short_is_named(
    tmp_path: Path, original: DiagnosticModel, exported: bytes, suffix: str, share: float
) -> None:
    path = tmp_path / f"m{suffix}"
    match suffix:
        case ".pt2":
            path.write_bytes(exported)
        case ".pt":
            export_script(original.network, path)
        case ".onnx":
            export_onnx(original.network, path, original.card.input_shape)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ModelError, match=rf"m\{suffix}"):
        open_model(card_in_file(original.card, path.name), tmp_path)


def test_that_every_kind_says_what_a_file_may_do() -> None:
    assert all(kind.may.endswith(".") for kind in FILE_KINDS.values())
    assert [name for name, kind in FILE_KINDS.items() if kind.runs_code] == ["python"]


def test_that_a_payload_in_torchscript_is_data_alone(
    tmp_path: Path, original: DiagnosticModel
) -> None:
    path, mark = tmp_path / "m.pt", tmp_path / "ran"
    export_script(original.network, path)
    payload = pickle.dumps(Payload(mark))
    rewritten(path, lambda name, value: payload if name == "data.pkl" else value)
    with pytest.raises(ModelError, match=r"m\.pt"):
        open_model(card_in_file(original.card, "m.pt"), tmp_path)
    assert not mark.exists()
