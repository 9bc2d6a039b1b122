"""`medadv attacks`, and presets by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from medadv_desktop.attacks.presets import PRESETS
from medadv_desktop.attacks.registry import ATTACKS, OBJECTIVES
from medadv_desktop.cli import BAD_INPUT, DONE, run

Output = pytest.CaptureFixture[str]


def test_that_every_attack_goal_and_preset_is_listed_with_its_fields(capsys: Output) -> None:
    assert run(["attacks"]) == DONE
    text = capsys.readouterr().out
    assert run(["attacks", "--json"]) == DONE
    told = json.loads(capsys.readouterr().out)
    assert {entry["name"] for entry in told["attacks"]} == set(ATTACKS)
    assert {entry["name"] for entry in told["goals"]} == set(OBJECTIVES)
    assert {entry["name"] for entry in told["presets"]} == {preset.name for preset in PRESETS}
    for entry in (*told["attacks"], *told["goals"]):
        kind = ATTACKS.get(entry["name"]) or OBJECTIVES[entry["name"]]
        assert [field["name"] for field in entry["fields"]] == list(kind.model_fields)
        assert all(field["help"] for field in entry["fields"])
        assert entry["name"] in text
    pgd = next(entry for entry in told["attacks"] if entry["name"] == "pgd")
    epsilon = next(field for field in pgd["fields"] if field["name"] == "epsilon")
    assert epsilon["unit"] == "of the [0, 1] grey scale"
    assert pgd["knowledge"] == "white-box"
    assert pgd["norms"] == ["linf", "l2", "l1"]


def test_that_a_preset_attacks_and_what_is_said_besides_wins(
    write_model: Callable[..., Path], grey_png: Path, tmp_path: Path, capsys: Output
) -> None:
    words = ["attack", "-m", str(write_model()), str(grey_png), "--device", "cpu"]
    out = tmp_path / "out"
    settings = ["--preset", "paper-pgd", "--eps", "6/255", "--set", "steps=3"]
    assert run([*words, "--out", str(out), *settings]) == DONE
    (result,) = out.rglob("result.json")
    attack = json.loads(result.read_text())["attack"]
    assert attack["name"] == "pgd"
    assert attack["epsilon"] == pytest.approx(6 / 255)
    assert attack["steps"] == 3
    assert attack["step_size"] == pytest.approx(1 / 255)
    for wrong, reason in (
        (["--preset", "none"], "there is no preset of that name"),
        (["--preset", "quick", "--attack", "fgsm"], "Choose one of the two"),
    ):
        capsys.readouterr()
        assert run([*words, "--out", str(tmp_path / "no"), *wrong]) == BAD_INPUT
        assert reason in capsys.readouterr().err
        assert not (tmp_path / "no").exists()
