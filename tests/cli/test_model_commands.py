"""The commands on models: info, import, remove; and code that runs only when allowed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import platformdirs
import pytest
from PIL import Image

from medadv_desktop.cli import BAD_INPUT, DONE, run
from medadv_desktop.models.card import ModelCard, Preprocessing, read_card, write_card
from medadv_desktop.models.library import find, user_models

WriteModel = Callable[..., Path]
Output = pytest.CaptureFixture[str]

FACTORY = """
import pathlib, torch
(pathlib.Path(__file__).parent / "ran").touch()

def build():
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(1024, 2))
"""


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platformdirs, "user_data_dir", lambda *_a, **_k: str(tmp_path / "home"))
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda *_a, **_k: str(tmp_path / "cache"))


@pytest.fixture
def weights(write_model: WriteModel, tmp_path: Path) -> Path:
    """Weights of a small network, without a card."""
    card = write_model("tiny", channels=3)
    card.unlink()
    return tmp_path / "tiny.safetensors"


@pytest.fixture
def python_model(tmp_path: Path) -> Path:
    (tmp_path / "net.py").write_text(FACTORY)
    card = ModelCard(
        id="net",
        name="Net",
        architecture="as-in-file",
        task="single-label",
        classes=("a", "b"),
        preprocessing=Preprocessing(channels=1, height=32, width=32),
        weights="net.py",
    )
    write_card(card, tmp_path / "net.toml")
    return tmp_path / "net.toml"


def errors(capsys: Output) -> list[str]:
    text = capsys.readouterr().err
    assert "Traceback" not in text
    return text.splitlines()


SIZE = ["--height", "32", "--width", "32", "--resize", "stretch", "--device", "cpu"]


def test_that_a_model_is_imported_with_what_the_user_says_and_then_used_by_its_id(
    weights: Path, grey_png: Path, capsys: Output
) -> None:
    said = ["--id", "mine", "--classes", "naevus|melanoma", "--mean", "0.5", "--std", "0.25"]
    assert run(["model", "import", str(weights), *said, *SIZE, "--yes"]) == DONE
    out = capsys.readouterr().out
    assert "Nothing in it can run" in out
    assert "guess    classes" in out
    assert "certain  architecture: compact-resnet" in out
    card = find("mine").card
    assert (card.classes, card.mean, card.std) == (("naevus", "melanoma"), (0.5,), (0.25,))
    assert card.preprocessing.height == 32
    assert run(["predict", "-m", "mine", str(grey_png), "--device", "cpu"]) == DONE
    assert "naevus" in capsys.readouterr().out
    assert run(["model", "remove", "mine"]) == DONE
    assert list(user_models().iterdir()) == []


def test_that_nothing_is_installed_without_a_yes(
    weights: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    assert run(["model", "import", str(weights), *SIZE]) == BAD_INPUT
    assert "was not installed. Say --yes" in errors(capsys)[-1]
    assert not user_models().exists()


def test_that_an_import_is_tried_on_samples_and_tells_what_looks_wrong(
    weights: Path, tmp_path: Path, capsys: Output
) -> None:
    for k in range(4):
        path = tmp_path / "set" / ("naevus", "melanoma")[k % 2] / f"{k}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(k).integers(0, 256, (40, 40, 3), np.uint8)
        Image.fromarray(pixels).save(path)
    said = ["--classes", "naevus|melanoma", "--check-data", str(tmp_path / "set"), "--yes"]
    # Values of thousands are far from what its normalisation layers keep.
    wrong = ["--mean", "0", "--std", "0.0001"]
    assert run(["model", "import", str(weights), *said, *wrong, *SIZE]) == DONE
    out, err = capsys.readouterr()
    assert "Tried on 4 images" in out
    assert "medadv: warning: " in err
    other = ["--classes", "a|b", "--check-data", str(tmp_path / "set"), "--replace"]
    assert run(["model", "import", str(weights), *other, *SIZE]) == BAD_INPUT
    assert "--match-order" in errors(capsys)[-1]


def test_that_a_card_beside_its_weights_is_imported_as_it_is(
    write_model: WriteModel, capsys: Output
) -> None:
    path = write_model("lesions", multi_label=True)
    assert run(["model", "import", str(path), "--yes", "--device", "cpu"]) == DONE
    assert find("lesions").card == read_card(path)
    assert run(["model", "import", str(path), "--yes", "--device", "cpu"]) == BAD_INPUT
    assert "in your library already" in errors(capsys)[-1]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (["--classes", "a|b|c"], "names 3 classes; the model has 2"),
        (["--task", "both"], "task"),
        (["--id", "Not An Id"], "id"),
        (["--mean", "a"], "no list of numbers"),
        (["--window", "fixed", "--low", "3", "--high", "2"], "below high"),
        (["--std", "0"], "std must be above 0"),
    ],
)
def test_that_a_card_that_cannot_be_is_refused_in_one_line(
    weights: Path, capsys: Output, said: list[str], reason: str
) -> None:
    assert run(["model", "import", str(weights), *said, *SIZE, "--yes"]) == BAD_INPUT
    (line,) = errors(capsys)
    assert reason in line
    assert not user_models().exists()


def test_that_multi_label_gets_a_threshold_for_each_finding(weights: Path) -> None:
    said = ["--task", "multi-label", "--thresholds", "0.3", *SIZE, "--yes"]
    assert run(["model", "import", str(weights), *said]) == DONE
    assert find("tiny").card.thresholds == (0.3, 0.3)


def test_that_info_tells_card_file_and_layers(write_model: WriteModel, capsys: Output) -> None:
    path = write_model()
    assert run(["model", "info", str(path), "--device", "cpu"]) == DONE
    out = capsys.readouterr().out
    assert "safetensors weights" in out
    assert "white box" in out
    assert "layers with maps: stem" in out
    assert run(["model", "info", str(path), "--json", "--device", "cpu"]) == DONE
    content = json.loads(capsys.readouterr().out)
    assert content["card"]["sha256"] == read_card(path).sha256
    assert content["loaded"]["white_box"] is True
    assert "stem" in content["loaded"]["layers"]


def test_that_code_runs_only_with_leave_in_every_command(
    python_model: Path, grey_png: Path, tmp_path: Path, capsys: Output
) -> None:
    name, ran = str(python_model), tmp_path / "ran"
    assert run(["model", "info", name]) == DONE
    assert "not loaded: it would run" in capsys.readouterr().out
    out = ["--out", str(tmp_path / "out")]
    for command in (
        ["predict", str(grey_png)],
        ["attack", str(grey_png), *out],
        ["attack", str(grey_png), *out, "--second-model", name],
    ):
        words = [*command, "--model", name, "--device", "cpu"]
        assert run(words) == BAD_INPUT
        (line,) = errors(capsys)
        assert "net.py: is a Python file whose code would run" in line
    assert not ran.exists()
    words = ["predict", str(grey_png), "-m", name, "--device", "cpu", "--allow-code"]
    assert run(words) == DONE
    assert ran.exists()
    capsys.readouterr()
    assert run(["model", "info", name, "--allow-code", "--device", "cpu"]) == DONE
    assert "white box" in capsys.readouterr().out


def test_that_a_python_file_is_imported_with_leave_alone(tmp_path: Path, capsys: Output) -> None:
    (tmp_path / "net.py").write_text(FACTORY)
    words = ["model", "import", str(tmp_path / "net.py"), "--yes", "--device", "cpu"]
    assert run(words) == BAD_INPUT
    assert "--allow-code" in errors(capsys)[-1]
    assert not (tmp_path / "ran").exists()
    assert run([*words, "--allow-code"]) == DONE
    assert "guess    size: 32 × 32" in capsys.readouterr().out
    assert find("net").card.code_sha256


def test_that_an_unknown_model_to_remove_is_named(capsys: Output) -> None:
    assert run(["model", "remove", "nothing"]) == BAD_INPUT
    assert "nothing: is not in your model library" in errors(capsys)[0]


def test_that_two_models_predict_the_same_image(
    write_model: WriteModel, grey_png: Path, capsys: Output
) -> None:
    first, second = (str(write_model(name, seed=k)) for k, name in enumerate("ab"))
    words = ["predict", str(grey_png), "-m", first, "--second-model", second, "--device", "cpu"]
    assert run([*words, "--json"]) == DONE
    (record,) = json.loads(capsys.readouterr().out)
    assert (record["model"], record["second"]["model"]) == ("a", "b")
    assert run(["predict", str(grey_png), "-m", second, "--device", "cpu", "--json"]) == DONE
    (alone,) = json.loads(capsys.readouterr().out)
    assert record["second"]["probabilities"] == alone["probabilities"]
    assert run(words) == DONE
    assert capsys.readouterr().out.splitlines()[1].startswith("  b:  ")
