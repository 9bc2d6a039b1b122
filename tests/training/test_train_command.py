"""`medadv train`: what it prints, and how it ends."""

from __future__ import annotations

from pathlib import Path

import pytest
import training_cases

from medadv_desktop.cli import run
from medadv_desktop.training.files import write_recipe
from medadv_desktop.training.recipe import Recipe


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def written(folder: Path, **values: object) -> str:
    recipe: Recipe = training_cases.recipe_for(training_cases.write_set(folder), **values)
    write_recipe(recipe, folder / "recipe.toml")
    return str(folder / "recipe.toml")


def test_that_a_training_tells_its_epochs_and_where_the_model_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = written(tmp_path)
    out = ["--out", str(tmp_path / "run"), "--device", "cpu"]
    assert run(["train", recipe, *out]) == 0
    told = capsys.readouterr()
    assert "2 epochs; all epochs are done" in told.out
    assert f"model: {tmp_path / 'run' / 'model' / 'tiny.toml'}" in told.out
    assert "epoch 2 of 2: loss" in told.err
    assert "0:00:00 left" in told.err
    assert run(["train", recipe, *out]) == 2
    assert "holds a training already" in capsys.readouterr().err
    assert run(["train", "--resume", *out]) == 0


def test_that_bad_input_is_told_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.toml").write_text("[budget]\nepochs = 0\n")
    assert run(["train", str(tmp_path / "bad.toml"), "--out", str(tmp_path / "run")]) == 2
    assert "model: is missing" in capsys.readouterr().err
    assert run(["train", "--out", str(tmp_path / "run")]) == 2
    assert "RECIPE" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_that_a_training_that_diverges_ends_with_its_own_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = written(
        tmp_path,
        optimiser={"learning_rate": 1e6},
        schedule={"kind": "constant", "warmup": 0},
        budget={"epochs": 20},
    )
    assert run(["train", recipe, "--out", str(tmp_path / "run"), "--device", "cpu"]) == 3
    assert "training diverged in epoch" in capsys.readouterr().err
