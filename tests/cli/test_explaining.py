from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medadv_desktop.cli import BAD_INPUT, DONE, run

WriteModel = Callable[..., Path]
Output = pytest.CaptureFixture[str]


def lesion_mask(folder: Path, shape: tuple[int, int] = (40, 48)) -> Path:
    pixels = np.zeros(shape, np.uint8)
    pixels[: shape[0] // 2] = 255
    path = folder / "mask.png"
    Image.fromarray(pixels).save(path)
    return path


def test_that_an_attacked_image_is_explained_before_and_after(
    write_model: WriteModel, grey_png: Path, tmp_path: Path, capsys: Output
) -> None:
    out = tmp_path / "out"
    words = ["explain", str(grey_png), "-m", str(write_model()), "--out", str(out)]
    words += ["--attack", "pgd", "--eps", "8/255", "--mask", str(lesion_mask(tmp_path))]
    assert run([*words, "--device", "cpu", "--display", "luminance_max=350"]) == DONE
    told = capsys.readouterr().out
    assert "clean and adversarial: IoU" in told
    assert "inside the lesion" in told
    assert "visible pixels" in told
    folder = out / "grey"
    names = {p.name for p in folder.iterdir()}
    pictures = {"response-clean.png", "response-adversarial.png", "visibility.png"}
    assert names == {*pictures, "arrays.npz", "explanation.json"}
    story = json.loads((folder / "explanation.json").read_text("utf-8"))
    clean, adversarial = story["views"]
    assert clean["target"] == adversarial["target"] == clean["decided"][0]
    assert clean["lesion"]["area"] == pytest.approx(0.5)
    assert story["attack"]["visibility"]["display"]["luminance_max"] == 350
    assert story["attack"]["feature_distance"]["layers"]
    with np.load(folder / "arrays.npz") as arrays:
        assert arrays["response-clean"].shape == arrays["image-clean"].shape[1:] == (32, 32)
    with Image.open(folder / "response-clean.png") as picture:
        assert (picture.size, picture.mode) == ((32, 32), "RGB")


def test_that_two_models_are_explained_side_by_side_without_an_attack(
    write_model: WriteModel, grey_png: Path, tmp_path: Path, capsys: Output
) -> None:
    first, second = str(write_model()), str(write_model("second", seed=1))
    words = ["explain", str(grey_png), "-m", first, "--second-model", second]
    words += ["--method", "occlusion", "--method-set", "window=8", "--method-set", "stride=8"]
    words += ["--target", "melanoma", "--out", str(tmp_path / "out")]
    assert run(words) == DONE
    assert "second clean" in capsys.readouterr().out
    story = json.loads((tmp_path / "out" / "grey" / "explanation.json").read_text("utf-8"))
    assert [v["name"] for v in story["views"]] == ["clean", "second clean"]
    assert (story["method"]["window"], story["attack"]) == (8, None)
    assert {v["target"] for v in story["views"]} == {"melanoma"}


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--method", "saliency"], "no response method"),
        (["--method-set", "steps=3"], "no such field"),
        (["--target", "elephant"], "no such class"),
        (["--target", "true"], "--label"),
        (["--layer", "nowhere"], "no such layer"),
        (["--method", "attention"], "no attention maps"),
        (["--display", "luminance_min=900"], "below luminance_max"),
    ],
)
def test_that_what_cannot_be_explained_is_one_line(
    write_model: WriteModel,
    grey_png: Path,
    tmp_path: Path,
    capsys: Output,
    words: list[str],
    reason: str,
) -> None:
    out = tmp_path / "out"
    command = ["explain", str(grey_png), "-m", str(write_model()), "--out", str(out)]
    assert run([*command, *words]) == BAD_INPUT
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert reason in said
    assert not out.exists()


def test_that_a_black_mask_is_refused(
    write_model: WriteModel, grey_png: Path, tmp_path: Path, capsys: Output
) -> None:
    mask = tmp_path / "mask.png"
    Image.fromarray(np.zeros((40, 48), np.uint8)).save(mask)
    words = ["explain", str(grey_png), "-m", str(write_model()), "--out", str(tmp_path / "o")]
    assert run([*words, "--mask", str(mask)]) == BAD_INPUT
    assert "no lesion" in capsys.readouterr().err
