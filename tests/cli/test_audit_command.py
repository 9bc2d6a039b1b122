"""`medadv audit`: exit codes, resuming, limits, one line for each mistake."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import platformdirs
import pytest
from PIL import Image

from medadv_desktop.audit.plan.files import plan_text, read_plan
from medadv_desktop.cli import run


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda *_a, **_k: str(tmp_path / "cache"))


@pytest.fixture
def plan(write_model: Callable[..., Path], tmp_path: Path) -> Path:
    write_model()
    for k in range(6):
        path = tmp_path / "set" / ("naevus", "melanoma")[k % 2] / f"{k}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(k).integers(0, 256, (36, 40), np.uint8)).save(path)
    (tmp_path / "plan.toml").write_text(
        """
[[models]]
id = "tiny"
model = "./tiny.toml"
[[datasets]]
id = "set"
path = "set"
[[attacks]]
id = "pgd"
attack = "pgd"
epsilons = ["8/255"]
"""
    )
    return tmp_path / "plan.toml"


def test_that_an_audit_runs_and_tells_its_figures(
    plan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["audit", str(plan), "--out", str(tmp_path / "run"), "--device", "cpu"]) == 0
    said = capsys.readouterr().out
    assert "tiny on set: clean images: clean accuracy" in said
    assert "2 of 2 cells done" in said
    kept = read_plan(tmp_path / "run" / "plan.toml")
    assert kept == read_plan(plan)
    assert (tmp_path / "run" / "plan.toml").read_text() == plan_text(kept)
    assert run(["audit", "--resume", "--out", str(tmp_path / "run"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "done"


def test_that_a_figure_under_its_limit_has_an_exit_code(
    plan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["audit", str(plan), "--out", str(tmp_path / "run"), "--fail-under"]
    assert run([*command, "robust_accuracy=0.99"]) == 4
    assert "robust accuracy 0" in capsys.readouterr().err
    resume = ["audit", "--resume", "--out", str(tmp_path / "run"), "--fail-under"]
    assert run([*resume, "robust_accuracy=0"]) == 0


def test_that_a_failed_cell_has_an_exit_code_and_its_reason(
    plan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = '[[attacks]]\nid = "gap"\nattack = "gap"\nsettings = { generator = "g.safetensors" }\n'
    plan.write_text(plan.read_text() + more)
    assert run(["audit", str(plan), "--out", str(tmp_path / "run")]) == 3
    said = capsys.readouterr()
    assert "2 of 3 cells done" in said.out
    assert "gap: failed: generator: there is no file" in said.err


def test_that_a_dry_run_lists_the_cells_and_writes_nothing(
    plan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(tmp_path.rglob("*"))
    assert run(["audit", str(plan), "--dry-run"]) == 0
    assert "2 cells; the plan is sound" in capsys.readouterr().out
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--out", "run"], "PLAN"),
        (["plan.toml"], "--out"),
        (["none.toml", "--out", "run"], "none.toml: cannot be read"),
        (["--resume", "--out", "run"], "no audit store"),
        (["plan.toml", "--out", "run", "--fail-under", "speed=3"], "--fail-under"),
        (["broken.toml", "--out", "run"], "attacks[0] (pgd).settings"),
    ],
)
def test_that_a_mistake_is_one_line_and_nothing_is_left(
    arguments: list[str],
    words: str,
    plan: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(plan.parent)
    Path("broken.toml").write_text(plan.read_text() + "settings = { steps = -1 }\n")
    before = sorted(plan.parent.rglob("*"))
    assert run(["audit", *arguments, "--device", "cpu"]) == 2
    said = capsys.readouterr().err.strip()
    assert words in said
    assert len(said.splitlines()) == 1
    assert sorted(plan.parent.rglob("*")) == before


def test_that_resume_with_a_plan_begins_goes_on_and_refuses_another(
    plan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["audit", str(plan), "--resume", "--out", str(tmp_path / "run")]
    assert run(command) == 0
    assert run(command) == 0
    plan.write_text(plan.read_text().replace("8/255", "2/255"))
    capsys.readouterr()
    assert run(command) == 2
    assert "another plan" in capsys.readouterr().err
