"""Searches over a labelled set, through the engine and the commands."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import platformdirs
import pytest
from PIL import Image

from medadv_desktop.attacks.gradient.pgd import PGD
from medadv_desktop.audit.engine import Engine
from medadv_desktop.audit.evaluation import Evaluation, EvaluationRequest
from medadv_desktop.audit.searches import CurveRequest, RobustnessCurve
from medadv_desktop.cli import BAD_INPUT, DONE, run
from medadv_desktop.datasets.opening import open_dataset

WriteModel = Callable[..., Path]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda *_a, **_k: str(tmp_path / "c"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for number in range(8):
        path = tmp_path / "set" / ("naevus", "melanoma")[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (36, 40), dtype=np.uint8)).save(path)
    return tmp_path / "set"


def test_that_the_curve_says_what_single_evaluations_say(
    write_model: WriteModel, folder: Path
) -> None:
    model, dataset = str(write_model()), open_dataset(folder)
    attack = PGD(steps=3, step_size=4 / 255)
    found = Engine("cpu").run(
        CurveRequest(model, dataset, attack, highest=8 / 255, halvings=2, batch_size=3)
    )
    assert isinstance(found, RobustnessCurve)
    assert len(found.samples) == 8
    budgets = found.budgets(5)
    assert budgets == pytest.approx([0, 2 / 255, 4 / 255, 6 / 255, 8 / 255])
    shares = [found.standing(budget).count for budget in budgets]
    assert shares == sorted(shares, reverse=True)
    clean = Engine("cpu").run(EvaluationRequest(model, dataset))
    assert isinstance(clean, Evaluation)
    assert shares[0] == clean.figures.clean_accuracy.count
    highest = PGD(steps=3, step_size=4 / 255, epsilon=8 / 255)
    single = Engine("cpu").run(EvaluationRequest(model, dataset, highest, probed=0))
    assert isinstance(single, Evaluation)
    assert single.figures.robust_accuracy is not None
    assert abs(shares[-1] - single.figures.robust_accuracy.count) <= 1  # rounding to 16 bits


def test_that_the_commands_tell_and_write_and_refuse(
    write_model: WriteModel, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "curve.json"
    words = ["curve", str(folder), "-m", str(write_model()), "--device", "cpu"]
    settings = ["--attack", "fgsm", "--halvings", "2", "--highest", "8/255", "--out", str(out)]
    assert run([*words, *settings]) == DONE
    assert "half of the samples fall" in capsys.readouterr().out
    told = json.loads(out.read_text())
    assert (told["format"], told["version"], len(told["samples"])) == ("medadv-search", 1, 8)
    assert [point["of"] for point in told["curve"]] == [8] * 5
    for wrong, reason in (
        (["--attack", "deepfool"], "no budget that could be bisected"),
        (["--highest", "much"], "--highest"),
        (["--highest", "2"], "at most 1"),
    ):
        assert run([*words, *wrong]) == BAD_INPUT
        assert reason in capsys.readouterr().err


def test_that_erasable_findings_are_told_by_name(
    write_model: WriteModel, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = write_model("chest", classes=("effusion", "mass"), multi_label=True)
    words = ["erasable", str(folder), "--device", "cpu", "--set", "epsilon=32/255"]
    assert run([*words, "-m", str(model), "--json"]) == DONE
    told = json.loads(capsys.readouterr().out)
    assert [entry["name"] for entry in told["findings"]] == ["effusion", "mass"]
    assert all(0 <= entry["count"] <= entry["of"] <= 8 for entry in told["findings"])
    assert sum(entry["of"] for entry in told["findings"]) > 0
    assert run([*words, "-m", str(write_model())]) == BAD_INPUT
    assert "multi-label" in capsys.readouterr().err
