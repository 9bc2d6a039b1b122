"""Training a generator on a data set of files, through the engine and the command."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import platformdirs
import pytest
from PIL import Image

from medadv_desktop.attacks.gap.file import load
from medadv_desktop.attacks.gap.recipe import GapRecipe
from medadv_desktop.attacks.universal import file as universal_file
from medadv_desktop.audit.engine import Engine
from medadv_desktop.audit.generators import GeneratorTraining, TrainGeneratorRequest
from medadv_desktop.cli import BAD_INPUT, DONE, run
from medadv_desktop.datasets.opening import open_dataset
from medadv_desktop.jobs import CancelToken, Event, JobCancelled, Partial

RECIPE = GapRecipe(width=4, epochs=3, batch_size=3, epsilon=0.1)

WriteModel = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of four images each, and one file that is no image."""
    rng = np.random.default_rng(0)
    for name in ("naevus", "melanoma"):
        (tmp_path / "set" / name).mkdir(parents=True)
        for number in range(4):
            pixels = rng.integers(0, 255, (40, 48), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "set" / name / f"{number}.png")
    (tmp_path / "set" / "naevus" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    return tmp_path / "set"


def test_that_a_generator_is_trained_on_files_and_names_what_it_saw(
    write_model: WriteModel, folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "g.safetensors"
    model = str(write_model())
    request = TrainGeneratorRequest(model, open_dataset(folder), out, RECIPE, cache=tmp_path / "c")
    answer = Engine("cpu").run(request)
    assert isinstance(answer, GeneratorTraining)
    assert [Path(entry.path).name for entry in answer.left_out] == ["broken.png"]
    trained = load(out)
    assert trained.finished
    assert trained.origin == answer.origin
    assert answer.origin.samples == 8
    assert (answer.origin.model, len(answer.origin.model_sha256)) == ("tiny", 64)
    assert len(answer.origin.data_sha256) == 64
    assert trained.epochs == answer.epochs
    assert trained.shape == (1, 32, 32)


def test_that_training_goes_on_where_it_was_cancelled(
    write_model: WriteModel, folder: Path, tmp_path: Path
) -> None:
    model, dataset, token = str(write_model()), open_dataset(folder), CancelToken()

    def request(name: str, *, resume: bool = False) -> TrainGeneratorRequest:
        return TrainGeneratorRequest(
            model, dataset, tmp_path / name, RECIPE, resume=resume, cache=tmp_path / "c"
        )

    def stop(event: Event) -> None:
        if isinstance(event, Partial) and event.value.epoch == 2:
            token.cancel()

    engine = Engine("cpu")
    whole = engine.run(request("whole.safetensors"))
    with pytest.raises(JobCancelled):
        engine.run(request("part.safetensors"), stop, token)
    assert len(load(tmp_path / "part.safetensors").epochs) == 1
    rest = engine.run(request("part.safetensors", resume=True))
    assert isinstance(whole, GeneratorTraining)
    assert isinstance(rest, GeneratorTraining)
    assert rest.epochs == whole.epochs


def test_that_the_command_trains_tells_and_refuses(
    write_model: WriteModel,
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda *_a, **_k: str(tmp_path / "c"))
    out = tmp_path / "g.safetensors"
    words = ["gap", "train", str(folder), "-m", str(write_model()), "--device", "cpu"]
    settings = ["--set", "width=4", "--set", "epochs=1", "--set", "batch_size=4"]
    assert run([*words, "--out", str(out), *settings]) == DONE
    assert "written" in capsys.readouterr().out
    assert run(["gap", "info", str(out), "--json"]) == DONE
    told = json.loads(capsys.readouterr().out)
    assert told["finished"]
    assert told["recipe"]["width"] == 4
    assert set(told["epochs"][0]) == {"loss", "fooling_rate"}
    for wrong, reason in (
        (["--out", str(out)], "exists"),
        (["--out", str(tmp_path / "g.pth")], "is kept as .safetensors"),
        (["--out", str(tmp_path / "h.safetensors"), "--set", "epochs=0"], "epochs: 0 is refused"),
    ):
        assert run([*words, *wrong]) == BAD_INPUT
        assert reason in capsys.readouterr().err


def test_that_a_universal_perturbation_is_fitted_saved_and_used(
    write_model: WriteModel,
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda *_a, **_k: str(tmp_path / "c"))
    out, model = tmp_path / "u.safetensors", str(write_model())
    words = ["universal", "fit", str(folder), "-m", model, "--device", "cpu", "--out", str(out)]
    assert run([*words, "--set", "epsilon=0.2", "--set", "epochs=2"]) == DONE
    told = capsys.readouterr()
    assert "of 8 images" in told.out
    assert "broken.png: left out" in told.err
    assert universal_file.load(out).origin.samples == 8
    evaluated = ["evaluate", str(folder), "-m", model, "--attack", "universal", "--device", "cpu"]
    assert run([*evaluated, "--set", f"file={out}", "--json"]) == DONE
    rows = json.loads(capsys.readouterr().out)
    assert rows["attack"]["name"] == "universal"
    assert run(words) == BAD_INPUT
    assert "exists" in capsys.readouterr().err


def test_that_a_perturbation_tells_what_it_was_fitted_for(
    write_model: WriteModel,
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda *_a, **_k: str(tmp_path / "c"))
    out, model = tmp_path / "u.safetensors", str(write_model())
    words = ["universal", "fit", str(folder), "-m", model, "--device", "cpu", "--out", str(out)]
    # Images of the class itself have nothing to go to: they are left out, with the reason.
    goal = ["--goal", "targeted", "--to", "melanoma", "--set", "epochs=2", "--set", "batch_size=3"]
    assert run([*words, *goal]) == DONE
    assert "its labels are the goal already" in capsys.readouterr().err
    assert run(["universal", "info", str(out), "--json"]) == DONE
    told = json.loads(capsys.readouterr().out)
    assert told["origin"]["samples"] == 4
    assert told["recipe"]["batch_size"] == 3
    assert told["objective"]["target"] == 1
    assert [set(figures) for figures in told["epochs"]] == [{"loss", "goal_rate"}] * 2
    assert run(["universal", "info", str(out)]) == DONE
    assert "goal       name targeted, " in capsys.readouterr().out
    assert run(["gap", "info", str(out)]) == BAD_INPUT
    assert "is no perturbation generator" in capsys.readouterr().err
