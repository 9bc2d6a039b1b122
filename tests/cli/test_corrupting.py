"""`corruptions` and `corrupt`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import platformdirs
import pytest
import torch
from PIL import Image

from medadv_desktop.audit.judging import prepared
from medadv_desktop.cli import BAD_INPUT, DONE, run
from medadv_desktop.corruptions.registry import CORRUPTIONS, SEQUENCES, corruptions_for
from medadv_desktop.datasets.dataset import Dataset
from medadv_desktop.datasets.opening import open_dataset
from medadv_desktop.datasets.phantoms import phantom, write_phantom
from medadv_desktop.datasets.subset import hashed
from medadv_desktop.imaging.frame import PixelSpace
from medadv_desktop.models.card import read_card
from medadv_desktop.models.input_plan import plan_input

WriteModel = Callable[..., Path]
Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda *_a, **_k: str(tmp_path / "cache"))


@pytest.fixture
def lesions(tmp_path: Path) -> Path:
    folder = tmp_path / "lesions"
    for index, word in enumerate(("naevus", "melanoma", "naevus")):
        (folder / word).mkdir(parents=True, exist_ok=True)
        pixels = phantom("dermoscopy", 0, index, 40).pixels
        Image.fromarray(pixels).save(folder / word / f"{index}.png")
    return folder


def built(out: Path) -> Dataset:
    return open_dataset(out / "manifest.csv")


def test_that_every_kind_is_listed_with_its_fields(capsys: Output) -> None:
    assert run(["corruptions", "--json"]) == DONE
    told = json.loads(capsys.readouterr().out)
    assert [entry["name"] for entry in told["corruptions"]] == list(CORRUPTIONS)
    assert [entry["name"] for entry in told["sequences"]] == list(SEQUENCES)
    assert told["corruptions"][0]["fields"][0] | {"help": ""} == {
        "name": "severity", "label": "Severity", "kind": "int", "unit": "", "minimum": 1,
        "maximum": 5, "choices": [], "optional": False, "required": False, "default": 3, "help": "",
    }  # fmt: skip
    assert run(["corruptions"]) == DONE
    text = capsys.readouterr().out
    assert all(f"  {name} " in text for name in (*CORRUPTIONS, *SEQUENCES))


def test_that_kinds_and_severities_asked_for_are_written(
    lesions: Path, tmp_path: Path, capsys: Output
) -> None:
    out = tmp_path / "out"
    given = ["--kind", "jpeg", "--kind", "hair:2", "--kind", "hair:2", "--workers", "1"]
    assert run(["corrupt", str(lesions), "--out", str(out), *given, "--json"]) == DONE
    told = json.loads(capsys.readouterr().out)
    assert told == {
        "manifest": str(out / "manifest.csv"), "images": 18, "originals": 3, "left_out": [],
    }  # fmt: skip
    dataset = built(out)
    assert len(dataset) == 18
    assert set(dataset.classes) == {"naevus", "melanoma"}
    assert all(dataset.frame(sample).shape == (40, 40) for sample in dataset)


def test_that_a_model_s_exact_inputs_are_what_is_corrupted_in_memory(
    lesions: Path, tmp_path: Path, write_model: WriteModel
) -> None:
    card, out = write_model(channels=3), tmp_path / "out"
    words = ["--kind", "speckle-noise:4", "--model", str(card), "--seed", "7"]
    assert run(["corrupt", str(lesions), "--out", str(out), *words]) == DONE
    how = read_card(card).preprocessing
    source, written = open_dataset(lesions), built(out)
    originals = {sample.id: sample for sample in source}
    for sample in written:
        frame = written.frame(sample)
        assert frame.space is PixelSpace.MODEL_INPUT
        name = sample.id.removeprefix("speckle-noise/4/")
        clean = source.frame(originals[name])
        expected = CORRUPTIONS["speckle-noise"](severity=4).apply(
            prepared(clean, plan_input(how, clean)), seed=7, sample_ids=[hashed(0, name)]
        )
        seen = prepared(frame, plan_input(how, frame))
        assert torch.allclose(seen, expected, atol=0.6 / 65535)


def test_that_radiographs_keep_depth_and_findings(tmp_path: Path, capsys: Output) -> None:
    lines = ["image,mass,nodule"]
    for index in range(2):
        path = write_phantom(phantom("radiograph", 0, index, 40), tmp_path / "chest")
        lines.append(f"{path.name},{index},{index}")
    table = tmp_path / "chest" / "labels.csv"
    table.write_text("\n".join(lines) + "\n")
    out = tmp_path / "out"
    assert run(["corrupt", str(table), "--out", str(out), "--kind", "low-dose:1"]) == DONE
    hint = "manifest.csv --task multi-label --label-columns 'mass, nodule'"
    assert hint in capsys.readouterr().out
    dataset = built(out)
    assert dataset.task == "multi-label"
    assert dataset.labels.tolist() == [[0, 0], [1, 1]]
    frame = dataset.frame(dataset[0])
    assert frame.bits_stored == 16
    assert frame.stored.ndim == 2
    original = phantom("radiograph", 0, 0, 40).pixels / 4095
    assert float(np.abs(frame.stored / 65535 - original).mean()) < 0.02


def test_that_a_broken_file_is_told_and_left_out(
    lesions: Path, tmp_path: Path, capsys: Output
) -> None:
    broken = lesions / "naevus" / "0.png"
    broken.write_bytes(broken.read_bytes()[:200])
    out = tmp_path / "out"
    assert run(["corrupt", str(lesions), "--out", str(out), "--kind", "jpeg:1"]) == DONE
    assert "0.png: left out" in capsys.readouterr().err
    assert len(built(out)) == 2


def test_that_all_means_all_that_fits_the_modality(lesions: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ["--all", "--modality", "dermoscopy", "--limit", "1"]
    assert run(["corrupt", str(lesions), "--out", str(out), *words]) == DONE
    expected = {kind.name for kind in corruptions_for("dermoscopy")}
    assert {path.name for path in out.iterdir()} == expected | {"manifest.csv"}
    assert len(built(out)) == 5 * len(expected)


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--kind", "rain"],
        ["--kind", "jpeg:6"],
        ["--kind", "jpeg:"],
        ["--kind", "jpeg", "--all"],
        ["--all", "--modality", "dental"],
        ["--kind", "jpeg", "--modality", "fundus"],
    ],
)
def test_that_wrong_words_are_refused_before_anything_is_read(
    words: list[str], tmp_path: Path, capsys: Output
) -> None:
    missing = ["corrupt", str(tmp_path / "none"), "--out", str(tmp_path / "out")]
    assert run([*missing, *words]) == BAD_INPUT
    text = capsys.readouterr().err
    assert "does not exist" not in text
    assert len(text.splitlines()) == 1


def test_that_an_existing_folder_is_refused(lesions: Path, tmp_path: Path, capsys: Output) -> None:
    assert run(["corrupt", str(lesions), "--out", str(lesions), "--kind", "jpeg"]) == BAD_INPUT
    assert "exists already" in capsys.readouterr().err
