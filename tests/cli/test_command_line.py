from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from medadv_desktop.cli import BAD_INPUT, CANCELLED, DONE, run

WriteModel = Callable[..., Path]
Output = pytest.CaptureFixture[str]


def one_line(text: str) -> str:
    """Standard error as the single line it must be."""
    assert text.count("\n") == 1
    assert "Traceback" not in text
    return text


def test_that_info_tells_what_a_file_holds(grey_png: Path, capsys: Output) -> None:
    assert run(["info", str(grey_png)]) == DONE
    out = capsys.readouterr().out
    assert "48×40" in out
    assert "8 bits" in out


def test_that_info_as_json_lists_good_and_bad(grey_png: Path, capsys: Output) -> None:
    (grey_png.parent / "broken.png").write_bytes(grey_png.read_bytes()[:20])
    assert run(["info", "--json", str(grey_png.parent)]) == BAD_INPUT
    content = json.loads(capsys.readouterr().out)
    found = {Path(e["path"]).name: e for e in content["files"]}
    assert found["grey.png"]["outcome"] == "read"
    assert (found["grey.png"]["height"], found["grey.png"]["width"]) == (40, 48)
    assert found["broken.png"]["outcome"] == "failed"


def test_that_models_lists_the_shipped_ones(capsys: Output) -> None:
    assert run(["models", "--json"]) == DONE
    ids = {card["id"] for card in json.loads(capsys.readouterr().out)}
    assert {"demo-dermoscopy", "demo-fundus", "demo-radiograph"} <= ids


def test_that_an_attacked_image_is_still_fooling_when_read_back(
    write_model: WriteModel, grey_png: Path, tmp_path: Path, capsys: Output
) -> None:
    model, out = str(write_model()), tmp_path / "out"
    options = ["--eps", "32/255", "--set", "steps=30", "--device", "cpu", "--out", str(out)]
    assert run(["attack", "--model", model, str(grey_png), *options]) == DONE
    story = json.loads((out / "grey" / "result.json").read_text())
    assert story["success"]
    capsys.readouterr()
    files = [str(out / "grey" / f"{name}.png") for name in ("original", "adversarial")]
    assert run(["predict", "--json", "--model", model, *files]) == DONE
    before, after = json.loads(capsys.readouterr().out)
    assert before["decided"] == story["predictions"]["clean"]["decided"]
    assert after["decided"] == story["predictions"]["adversarial"]["decided"]
    assert before["decided"] != after["decided"]


def test_that_the_same_seed_gives_the_same_bytes(
    write_model: WriteModel, grey_png: Path, tmp_path: Path
) -> None:
    model = str(write_model())
    for out in ("a", "b"):
        code = run(
            ["attack", "-m", model, "--seed", "3", str(grey_png), "--out", out_of(tmp_path, out)]
        )
        assert code == DONE
    first, second = (tmp_path / out / "grey" / "adversarial.png" for out in "ab")
    assert first.read_bytes() == second.read_bytes()


def out_of(folder: Path, name: str) -> str:
    return str(folder / name)


def test_that_a_bad_file_does_not_stop_the_others(
    write_model: WriteModel, grey_png: Path, tmp_path: Path, capsys: Output
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(grey_png.read_bytes()[:80])
    code = run(["predict", "-m", str(write_model()), str(broken), str(grey_png)])
    captured = capsys.readouterr()
    assert code == BAD_INPUT
    assert "grey.png" in captured.out
    assert "broken.png" in one_line(captured.err)


@pytest.mark.parametrize(
    ("eps", "reason"),
    [("-4/255", "from 0"), ("abc", "not a number"), ("300/255", "up to 1")],
)
def test_that_an_impossible_budget_is_refused_in_one_line(
    write_model: WriteModel, grey_png: Path, tmp_path: Path, capsys: Output, eps: str, reason: str
) -> None:
    arguments = ["attack", "-m", str(write_model()), str(grey_png), "--out", str(tmp_path / "o")]
    assert run([*arguments, "--eps", eps]) == BAD_INPUT
    line = one_line(capsys.readouterr().err)
    assert "epsilon" in line
    assert reason in line
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["predict", "missing.png", "-m", "MODEL"],
        ["predict", "IMAGE", "-m", "no-such-model"],
        ["predict", "IMAGE", "-m", "MODEL", "--device", "cuda:99"],
        ["predict", "IMAGE"],
        ["no-such-command"],
        ["attack", "IMAGE", "-m", "MODEL", "--out", "o", "--attack", "no-such-attack"],
        ["attack", "IMAGE", "-m", "MODEL", "--out", "o", "--set", "steps"],
        ["attack", "IMAGE", "-m", "MODEL", "--out", "o", "--set", "speed=3"],
        ["attack", "IMAGE", "-m", "MODEL", "--out", "o", "--goal", "targeted", "--to", "elephant"],
        ["attack", "IMAGE", "-m", "MODEL", "--out", "o", "--goal", "hide", "--to", "naevus"],
        ["attack", "IMAGE", "-m", "MODEL", "--out", "o", "--goal", "nonsense"],
        ["attack", "IMAGE", "-m", "MODEL", "--out", "o", "--label", "elephant"],
        [
            "attack",
            "IMAGE",
            "-m",
            "MODEL",
            "--out",
            "o",
            "--label",
            "naevus",
            "--label",
            "melanoma",
        ],
    ],
)
def test_that_bad_usage_is_one_line_and_exit_code_2(
    write_model: WriteModel,
    grey_png: Path,
    capsys: Output,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    arguments: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    stand_ins = {"MODEL": str(write_model()), "IMAGE": str(grey_png)}
    assert run([stand_ins.get(a, a) for a in arguments]) == BAD_INPUT
    one_line(capsys.readouterr().err)
    assert not (tmp_path / "o").exists()


def test_that_a_folder_without_images_is_told(tmp_path: Path, capsys: Output) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    assert run(["info", str(tmp_path)]) == DONE
    assert "skipped" in capsys.readouterr().out


def test_that_two_files_of_one_name_get_folders_of_their_own(
    write_model: WriteModel, grey_png: Path, tmp_path: Path
) -> None:
    other = tmp_path / "sub" / grey_png.name
    other.parent.mkdir()
    other.write_bytes(grey_png.read_bytes())
    out = tmp_path / "out"
    model = str(write_model())
    arguments = ["attack", "-m", model, "--attack", "fgsm", str(grey_png), str(other)]
    assert run([*arguments, "--out", str(out)]) == DONE
    assert {p.name for p in out.iterdir()} == {"grey", "grey-2"}


def test_that_ctrl_c_ends_with_130_and_one_line(
    write_model: WriteModel, grey_png: Path, tmp_path: Path
) -> None:
    # The signal comes as soon as the command listens to it, however slow the machine is.
    script = (
        "import os, signal, sys, threading, time\n"
        "from medadv_desktop import cli\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "def press():\n"
        "    while signal.getsignal(signal.SIGINT) is signal.default_int_handler:\n"
        "        time.sleep(0.05)\n"
        "    time.sleep(0.5)\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "threading.Thread(target=press, daemon=True).start()\n"
        "sys.exit(cli.run(sys.argv[1:]))\n"
    )
    settings = ["--set", "steps=1000", "--set", "restarts=100", "--eps", "0.00001"]
    command = ["attack", "-m", str(write_model()), str(grey_png), "--out", str(tmp_path / "o")]
    done = subprocess.run(
        [sys.executable, "-c", script, *command, *settings],
        capture_output=True,
        text=True,
        timeout=100,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == CANCELLED, done.stderr
    assert one_line(done.stderr) == "medadv: cancelled\n"
    assert not (tmp_path / "o").exists()
