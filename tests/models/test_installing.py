"""Models put into the user's library and taken out of it."""

from __future__ import annotations

import hashlib
import shutil
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import platformdirs
import pytest
import torch

from medadv_desktop.errors import ModelError
from medadv_desktop.jobs import CancelToken, Event, JobCancelled, Progress
from medadv_desktop.models import installing
from medadv_desktop.models.card import ModelCard, Preprocessing, read_card, write_card
from medadv_desktop.models.formats.onnx_companions import companions
from medadv_desktop.models.installing import install, remove
from medadv_desktop.models.library import LibraryEntry, find, is_own, library, user_models
from medadv_desktop.models.loading import load_model

WriteModel = Callable[..., Path]


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder of this test alone, which does not exist yet."""
    monkeypatch.setattr(platformdirs, "user_data_dir", lambda *_a, **_k: str(tmp_path / "home"))
    return user_models()


def own_ids() -> list[str]:
    return [e.card.id for e in library() if isinstance(e, LibraryEntry) and not e.shipped]


def everything(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_that_an_installed_model_is_found_by_its_id_and_loads(
    write_model: WriteModel, own_folder: Path
) -> None:
    path = write_model("lesions")
    card = ModelCard(**read_card(path).model_dump() | {"sha256": ""})
    entry = install(card, path.parent)
    assert find("lesions") == entry
    assert is_own(entry)
    assert entry.path == own_folder / "lesions" / "lesions.toml"
    weights = path.with_suffix(".safetensors").read_bytes()
    assert entry.card.sha256 == hashlib.sha256(weights).hexdigest()
    assert read_card(entry.path) == entry.card
    path.with_suffix(".safetensors").unlink()
    assert load_model("lesions").card == entry.card
    assert find(entry.path.with_name("lesions.safetensors")) == entry


def test_that_nothing_but_the_model_is_in_the_library(
    write_model: WriteModel, own_folder: Path
) -> None:
    path = write_model()
    install(read_card(path), path.parent)
    assert everything(own_folder) == {"tiny", "tiny/tiny.toml", "tiny/tiny.safetensors"}


def test_that_a_taken_id_is_refused_unless_told(write_model: WriteModel, own_folder: Path) -> None:
    path = write_model()
    install(read_card(path), path.parent)
    other = write_model(seed=1)
    with pytest.raises(ModelError, match="in your library already"):
        install(read_card(other), other.parent)
    before = read_card(own_folder / "tiny" / "tiny.toml").sha256
    entry = install(read_card(other), other.parent, replace=True)
    assert entry.card.sha256 != before
    assert everything(own_folder) == {"tiny", "tiny/tiny.toml", "tiny/tiny.safetensors"}
    load_model("tiny")


def test_that_a_model_can_be_replaced_by_itself_with_another_card(write_model: WriteModel) -> None:
    path = write_model()
    first = install(read_card(path), path.parent)
    edited = ModelCard(**first.card.model_dump() | {"name": "Better"})
    install(edited, first.path.parent, replace=True)
    assert find("tiny").card.name == "Better"
    load_model("tiny")


def test_that_ids_of_shipped_models_and_of_cards_placed_by_hand_are_refused(
    write_model: WriteModel, own_folder: Path
) -> None:
    path = write_model("demo-fundus")
    with pytest.raises(ModelError, match="shipped with the program"):
        install(read_card(path), path.parent, replace=True)
    path = write_model()
    own_folder.mkdir(parents=True)
    shutil.copy(path, own_folder / "mine.toml")
    with pytest.raises(ModelError, match=r"mine\.toml"):
        install(read_card(path), path.parent, replace=True)


def test_that_other_weights_than_the_cards_are_refused(
    write_model: WriteModel, own_folder: Path
) -> None:
    path = write_model()
    path.with_suffix(".safetensors").write_bytes(b"other")
    with pytest.raises(ModelError, match=r"tiny\.safetensors.*SHA-256 differs"):
        install(read_card(path), path.parent)
    assert everything(own_folder) == set()


def test_that_missing_weights_are_named(write_model: WriteModel) -> None:
    path = write_model()
    path.with_suffix(".safetensors").unlink()
    with pytest.raises(ModelError, match=r"tiny\.safetensors: cannot be read"):
        install(read_card(path), path.parent)


def test_that_a_cancelled_copy_leaves_nothing_and_keeps_what_was_there(
    write_model: WriteModel, own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_model()
    kept = install(read_card(path), path.parent)
    monkeypatch.setattr(installing, "_CHUNK", 1000)
    other, token = write_model(seed=1), CancelToken()
    events: list[Event] = []

    def stop(event: Event) -> None:
        events.append(event)
        token.cancel()

    with pytest.raises(JobCancelled):
        install(read_card(other), other.parent, replace=True, token=token, emit=stop)
    assert len(events) == 1
    assert everything(own_folder) == {"tiny", "tiny/tiny.toml", "tiny/tiny.safetensors"}
    assert find("tiny") == kept
    load_model("tiny")


def test_that_progress_is_told_in_bytes(
    write_model: WriteModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_model()
    size = path.with_suffix(".safetensors").stat().st_size
    monkeypatch.setattr(installing, "_CHUNK", size // 2 + 1)
    events: list[Event] = []
    install(read_card(path), path.parent, emit=events.append)
    steps = [(e.done, e.total) for e in events if isinstance(e, Progress)]
    assert steps == [(size // 2 + 1, size), (size, size)]


def test_that_a_full_disk_is_told_before_anything_is_copied(
    write_model: WriteModel, own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(10, 9, 1))
    path = write_model()
    with pytest.raises(ModelError, match="no room"):
        install(read_card(path), path.parent)
    assert everything(own_folder) == set()


def test_that_a_python_file_comes_along_with_its_fingerprint(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text("import torch\ndef build(): return torch.nn.Flatten()\n")
    torch.save({}, tmp_path / "net.pth")
    card = ModelCard(
        id="net", name="Net", architecture="own", task="single-label", classes=("a", "b"),
        weights="net.pth", code="net.py",
    )  # fmt: skip
    entry = install(card, tmp_path)
    assert entry.path.with_name("net.py").exists()
    code = (tmp_path / "net.py").read_bytes()
    assert entry.card.code_sha256 == hashlib.sha256(code).hexdigest()


def onnx_model() -> onnx.ModelProto:
    """Flatten, then a linear layer whose weights are 1 for the first class and 2 for the second."""
    make = onnx.helper
    weights = np.repeat(np.array([[1.0], [2.0]], np.float32), 64, axis=1)
    graph = make.make_graph(
        [
            make.make_node("Flatten", ["images"], ["flat"]),
            make.make_node("Gemm", ["flat", "weights"], ["scores"], transB=1),
        ],
        "net",
        [make.make_tensor_value_info("images", onnx.TensorProto.FLOAT, ["n", 1, 8, 8])],
        [make.make_tensor_value_info("scores", onnx.TensorProto.FLOAT, ["n", 2])],
        [onnx.numpy_helper.from_array(weights, "weights")],
    )
    return make.make_model(graph, opset_imports=[make.make_opsetid("", 17)], ir_version=8)


def test_that_weights_beside_an_onnx_model_come_along_and_are_checked(tmp_path: Path) -> None:
    onnx.save(
        onnx_model(), tmp_path / "net.onnx",
        save_as_external_data=True, location="net.weights", size_threshold=0,
    )  # fmt: skip
    assert companions(tmp_path / "net.onnx") == ("net.weights",)
    card = ModelCard(
        id="net", name="Net", architecture="as-in-file", task="single-label", classes=("a", "b"),
        preprocessing=Preprocessing(channels=1, height=8, width=8), weights="net.onnx",
    )  # fmt: skip
    entry = install(card, tmp_path)
    external = entry.path.with_name("net.weights")
    digest = hashlib.sha256((tmp_path / "net.weights").read_bytes()).hexdigest()
    assert entry.card.companions == {"net.weights": digest}
    assert load_model("net")(torch.full((1, 1, 8, 8), 0.5)).tolist() == [[32.0, 64.0]]
    content = bytearray(external.read_bytes())
    content[0] ^= 1
    external.write_bytes(bytes(content))
    with pytest.raises(ModelError, match=r"net\.weights.*SHA-256 differs"):
        load_model("net")


def test_that_onnx_weights_elsewhere_are_refused(tmp_path: Path) -> None:
    model = onnx_model()
    for tensor in model.graph.initializer:
        onnx.external_data_helper.set_external_data(tensor, location="../secret")
        tensor.ClearField("raw_data")
    (tmp_path / "net.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match=r"\.\./secret, which is not beside it"):
        companions(tmp_path / "net.onnx")


def test_that_a_removed_model_is_gone_with_its_weights(
    write_model: WriteModel, own_folder: Path
) -> None:
    path = write_model()
    install(read_card(path), path.parent)
    remove("tiny")
    assert everything(own_folder) == set()
    with pytest.raises(ModelError, match="not in your model library"):
        remove("tiny")
    with pytest.raises(ModelError, match="shipped with the program and stays"):
        remove("demo-fundus")


def test_that_a_card_placed_by_hand_goes_but_shared_weights_stay(
    write_model: WriteModel, own_folder: Path
) -> None:
    path = write_model()
    own_folder.mkdir(parents=True)
    shutil.copy(path.with_suffix(".safetensors"), own_folder)
    for name in ("one", "two"):
        card = ModelCard(**read_card(path).model_dump() | {"id": name})
        write_card(card, own_folder / f"{name}.toml")
    remove("one")
    assert everything(own_folder) == {"two.toml", "tiny.safetensors"}
    remove("two")
    assert everything(own_folder) == set()


def test_that_a_broken_card_in_the_library_can_be_removed(own_folder: Path) -> None:
    (own_folder / "bad").mkdir(parents=True)
    (own_folder / "bad" / "bad.toml").write_text("nonsense = [")
    remove("bad")
    assert own_ids() == []
    assert everything(own_folder) == set()
