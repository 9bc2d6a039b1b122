"""`info`, `tags`, `inventory`, and `attack --dicom`, on DICOM."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import generate_uid

from medadv_desktop.cli import BAD_INPUT, DONE, run
from medadv_desktop.models.stored_space import carried_back
from tests.gui.dicom_samples import PATIENT, ct_slice, report

WriteModel = Callable[..., Path]
Output = pytest.CaptureFixture[str]


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Two slices out of order and a report."""
    folder = tmp_path / "study"
    folder.mkdir()
    uid, series = generate_uid(), generate_uid()
    ct_slice(folder / "a.dcm", depth=5, number=1, study=uid, series=series)
    ct_slice(folder / "b.dcm", depth=0, number=2, study=uid, series=series)
    report(folder / "c.dcm", uid)
    return folder


def test_that_info_lists_series_in_their_order_and_objects_without_pixels(
    study: Path, capsys: Output
) -> None:
    assert run(["info", str(study)]) == DONE
    out = capsys.readouterr().out
    assert out.index("b.dcm") < out.index("a.dcm") < out.index("c.dcm")
    assert "CT series 4: 2 images, 5 mm apart" in out
    assert "no pixels, tags can be read" in out
    for secret in ("Nemo", "4711", "Follow-up", "Thorax"):
        assert secret not in out
    assert run(["info", "--show-patient-data", str(study)]) == DONE
    out = capsys.readouterr().out
    assert PATIENT in out
    assert "CT Thorax" in out


def test_that_info_as_json_tells_studies_and_files(study: Path, capsys: Output) -> None:
    assert run(["info", "--json", str(study)]) == DONE
    text = capsys.readouterr().out
    assert "Nemo" not in text
    content = json.loads(text)
    (found,) = content["studies"]
    assert [Path(f).name for f in found["series"][0]["files"]] == ["b.dcm", "a.dcm"]
    assert [Path(o["path"]).name for o in found["objects"]] == ["c.dcm"]
    outcomes = {Path(f["path"]).name: f["outcome"] for f in content["files"]}
    assert outcomes == {"a.dcm": "read", "b.dcm": "read", "c.dcm": "object"}


def test_that_tags_are_masked_unless_asked_for(study: Path, capsys: Output) -> None:
    assert run(["tags", str(study / "c.dcm")]) == DONE
    out = capsys.readouterr().out
    assert "Patient's Name: •••" in out
    assert PATIENT not in out
    arguments = ["tags", "--json", "--show-patient-data", "--search", "PatientName"]
    assert run([*arguments, str(study / "c.dcm")]) == DONE
    (tag,) = json.loads(capsys.readouterr().out)
    assert tag["value"] == PATIENT


def test_that_tags_of_a_raster_file_are_refused_in_one_line(grey_png: Path, capsys: Output) -> None:
    assert run(["tags", str(grey_png)]) == BAD_INPUT
    assert "no tags" in capsys.readouterr().err


def test_that_the_inventory_is_a_table_of_what_was_decoded(study: Path, capsys: Output) -> None:
    assert run(["inventory", str(study)]) == DONE
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["file", "transfer", "syntax", "photometric", "outcome"]
    row = next(line for line in lines if line.startswith("a.dcm"))
    assert "Explicit VR Little Endian" in row
    assert "MONOCHROME2" in row
    assert "96 × 96" in row
    assert lines[-1] == "2 of 2 read"
    assert run(["inventory", "--json", str(study)]) == DONE
    assert [r["read"] for r in json.loads(capsys.readouterr().out)] == [True, True]


def test_that_an_inventory_of_nothing_is_told(tmp_path: Path, capsys: Output) -> None:
    assert run(["inventory", str(tmp_path)]) == BAD_INPUT
    assert "no DICOM image" in capsys.readouterr().err


def test_that_an_attack_leaves_a_dicom_and_says_what_the_model_makes_of_it(
    study: Path, write_model: WriteModel, tmp_path: Path, capsys: Output
) -> None:
    out = tmp_path / "out"
    arguments = ["attack", "-m", str(write_model()), "--dicom", "--no-mark", "--device", "cpu"]
    assert run([*arguments, "--eps", "16/255", "--out", str(out), str(study / "a.dcm")]) == DONE
    told = capsys.readouterr().out
    folder = out / "a"
    story = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    written = pydicom.dcmread(folder / "adversarial.dcm")
    assert "adversarial.dcm" in told
    assert story["dicom"]["sop_instance_uid"] == written.SOPInstanceUID
    assert story["dicom"]["path"] == str(folder / "adversarial.dcm")
    assert story["dicom"]["mark"] is None
    assert story["dicom"]["carried_back"]["to"] == [96, 96]
    assert PATIENT not in str(written)
    assert run(["predict", "--json", *arguments[1:3], str(folder / "adversarial.dcm")]) == DONE
    (again,) = json.loads(capsys.readouterr().out)
    assert again["decided"] == story["dicom"]["prediction"]["decided"]
    with np.load(folder / "arrays.npz") as arrays:
        delta = arrays["perturbation"]
    assert np.array_equal(written.pixel_array, expected(study / "a.dcm", write_model, delta))


def expected(path: Path, write_model: WriteModel, delta: np.ndarray) -> np.ndarray:
    from medadv_desktop.imaging.reading import read_frame
    from medadv_desktop.models.card import read_card
    from medadv_desktop.models.input_plan import plan_input

    frame = read_frame(path)
    plan = plan_input(read_card(write_model()).preprocessing, frame)
    return carried_back(frame, plan, delta).stored


def test_that_without_dicom_the_story_says_so(
    study: Path, write_model: WriteModel, tmp_path: Path
) -> None:
    arguments = ["attack", "-m", str(write_model()), "--attack", "fgsm", "--out", str(tmp_path)]
    assert run([*arguments, str(study / "a.dcm")]) == DONE
    assert json.loads((tmp_path / "a" / "result.json").read_text())["dicom"] is None
    assert not (tmp_path / "a" / "adversarial.dcm").exists()


def test_that_a_model_input_cannot_be_carried_back_and_nothing_is_left(
    grey_png: Path, write_model: WriteModel, tmp_path: Path, capsys: Output
) -> None:
    model, out = str(write_model()), tmp_path / "out"
    arguments = ["attack", "-m", model, "--attack", "fgsm", "--device", "cpu"]
    assert run([*arguments, "--out", str(out), str(grey_png)]) == DONE
    again = tmp_path / "again"
    source = str(out / "grey" / "original.png")
    assert run([*arguments, "--dicom", "--out", str(again), source]) == BAD_INPUT
    assert "model input" in capsys.readouterr().err
    assert not list(again.rglob("*.json"))
