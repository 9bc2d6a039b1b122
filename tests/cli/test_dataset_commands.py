"""`dataset info` and `evaluate` on small sets, and on miniature copies of published ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import platformdirs
import pytest
from PIL import Image

from medadv_desktop.cli import BAD_INPUT, CANCELLED, DONE, run
from medadv_desktop.datasets.fingerprint import fingerprint
from medadv_desktop.datasets.opening import open_dataset
from medadv_desktop.datasets.options import DatasetOptions
from medadv_desktop.jobs import JobCancelled

WriteModel = Callable[..., Path]
Output = pytest.CaptureFixture[str]
FAST = ["--device", "cpu", "--workers", "1"]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda *_a, **_k: str(tmp_path / "cache"))


def write_images(folder: Path, names: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for k, name in enumerate(names):
        pixels = np.random.default_rng(k).integers(0, 256, (32, 32, 3), np.uint8)
        Image.fromarray(pixels).save(folder / name)


def write_lines(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    write_images(tmp_path / "m", ["a.png", "b.png", "c.png", "d.png"])
    rows = [
        "a.png,naevus,train",
        "b.png,melanoma,test",
        "c.png,naevus,test",
        "gone.png,naevus,test",
    ]
    write_lines(tmp_path / "m" / "table.csv", "file,dx,part", *rows)
    return tmp_path / "m" / "table.csv"


def errors(capsys: Output) -> list[str]:
    text = capsys.readouterr().err
    assert "Traceback" not in text
    return text.splitlines()


def test_that_info_tells_classes_problems_and_the_fingerprint(
    manifest: Path, capsys: Output
) -> None:
    columns = ["--label-columns", "dx", "--split-column", "part"]
    assert run(["dataset", "info", str(manifest), *columns]) == DONE
    out = capsys.readouterr().out
    assert "naevus: 3 (train 1, test 2)" in out
    assert f"{manifest}, row 5: gone.png does not exist" in out
    data = open_dataset(manifest, DatasetOptions(label_columns="dx", split_column="part"))
    assert f"Fingerprint: {fingerprint(data)}" in out


def test_that_info_as_json_holds_the_same(manifest: Path, capsys: Output) -> None:
    words = ["dataset", "info", str(manifest), "--label-columns", "dx", "--json"]
    assert run([*words, "--no-duplicates"]) == DONE
    content = json.loads(capsys.readouterr().out)
    assert content["samples"] == 4
    assert content["fingerprint"] is None
    assert run(words) == DONE
    assert json.loads(capsys.readouterr().out)["fingerprint"]["missing"] == 1


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (["--layout", "imagenet"], "there is no layout 'imagenet'"),
        (["--task", "both"], "task: both is refused"),
        (["--label-columns", "nothing"], "nothing"),
        (["--images", "some"], "images: some is refused"),
    ],
)
def test_that_a_wrong_option_is_named_in_one_line(
    manifest: Path, capsys: Output, said: list[str], reason: str
) -> None:
    assert run(["dataset", "info", str(manifest), *said]) == BAD_INPUT
    (line,) = errors(capsys)
    assert reason in line


def test_that_what_is_no_data_set_is_refused(tmp_path: Path, capsys: Output) -> None:
    assert run(["dataset", "info", str(tmp_path / "nowhere")]) == BAD_INPUT
    assert "does not exist" in errors(capsys)[0]


def test_that_evaluate_tells_figures_and_writes_them(
    write_model: WriteModel, manifest: Path, tmp_path: Path, capsys: Output
) -> None:
    model, out = str(write_model(channels=3)), tmp_path / "out" / "found.json"
    said = ["--label-columns", "dx", "--split-column", "part", "--split", "test"]
    attack = ["--attack", "pgd", "--eps", "2/255", "--set", "steps=2", "--out", str(out)]
    assert run(["evaluate", str(manifest), "-m", model, *said, *attack, *FAST]) == DONE
    printed, complaints = capsys.readouterr()
    assert "clean accuracy" in printed
    assert "1 left out" in printed
    assert "gone.png: left out: " in complaints
    story = json.loads(out.read_text())
    assert story["judged"] == 2
    assert [entry["id"] for entry in story["left_out"]] == ["gone.png"]
    assert story["attack"]["epsilon"] == pytest.approx(2 / 255)
    assert story["dataset"]["part"] == ["splits=test"]


def test_that_evaluate_without_attack_prints_json_of_the_drawn_part(
    write_model: WriteModel, manifest: Path, capsys: Output
) -> None:
    model = str(write_model(channels=3))
    (manifest.parent / "gone.png").write_bytes((manifest.parent / "a.png").read_bytes())
    words = ["evaluate", str(manifest), "-m", model, "--label-columns", "dx", "--json", *FAST]
    assert run([*words, "--limit", "2"]) == DONE
    story = json.loads(capsys.readouterr().out)
    assert story["judged"] == 2
    assert story["attack"] is None
    assert story["figures"]["robust_accuracy"] is None
    assert run([*words, "--only-classes", "melanoma"]) == DONE
    assert [s["id"] for s in json.loads(capsys.readouterr().out)["samples"]] == ["b.png"]
    assert run([*words, "--filter", "id!=b.png"]) == DONE
    assert json.loads(capsys.readouterr().out)["judged"] == 3


def test_that_a_second_model_judges_the_same_images(
    write_model: WriteModel, manifest: Path, tmp_path: Path, capsys: Output
) -> None:
    first, second = (str(write_model(name, channels=3, seed=k)) for k, name in enumerate("ab"))
    out = tmp_path / "rows.csv"
    words = ["evaluate", str(manifest), "-m", first, "--second-model", second, "--out", str(out)]
    words += ["--label-columns", "dx", "--attack", "fgsm", *FAST]
    assert run(words) == DONE
    assert "judge      B (b)" in capsys.readouterr().out
    header, *rows = out.read_text().splitlines()
    assert header.endswith("label:b,clean:b,adversarial:b,success:b,left_out")
    assert len(rows) == 4


def test_that_transfer_prints_a_row_for_each_model(
    write_model: WriteModel, manifest: Path, tmp_path: Path, capsys: Output
) -> None:
    first, *others = (str(write_model(name, channels=3, seed=k)) for k, name in enumerate("abc"))
    out = tmp_path / "found.json"
    words = ["transfer", str(manifest), "-m", first, "--label-columns", "dx", "--out", str(out)]
    words += ["--eps", "16/255", "--set", "steps=2", *FAST]
    for other in others:
        words += ["--judge", other]
    assert run(words) == DONE
    story = json.loads(out.read_text())
    assert story["attack"]["name"] == "mifgsm"
    assert [judge["id"] for judge in story["judges"]] == ["b", "c"]
    lines = capsys.readouterr().out.splitlines()
    head = next(k for k, line in enumerate(lines) if "accuracy attacked" in line)
    rows = lines[head + 1 : head + 4]
    assert [row.split("  ")[0] for row in rows] == ["A (attacked)", "B", "C"]
    rate = story["judges"][0]["transfer_rate"]
    assert rows[1].endswith(f"({rate['count']} of {rate['of']})")
    assert run([*words, "--judge", first]) == BAD_INPUT
    assert "is named twice" in errors(capsys)[-1]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (["--set", "steps=3"], "--attack: is missing"),
        (["--attack", "nothing"], "there is no attack of that name"),
        (["--attack", "pgd", "--eps", "2"], "epsilon"),
        (["--attack", "pgd", "--goal", "hide", "--to", "0"], "multi-label"),
        (["--split", "nowhere"], "has no split 'nowhere'"),
        (["--out", "rows.xlsx"], "End it in .json or .csv"),
        (["--label-columns", "file"], "--match-order"),
    ],
)
def test_that_a_wrong_wish_is_refused_in_one_line(
    write_model: WriteModel, manifest: Path, capsys: Output, said: list[str], reason: str
) -> None:
    labels = [] if "--label-columns" in said else ["--label-columns", "dx"]
    words = ["evaluate", str(manifest), "-m", str(write_model(channels=3)), *labels, *FAST]
    assert run([*words, *said]) == BAD_INPUT
    (line,) = errors(capsys)
    assert reason in line


def test_that_a_cancelled_evaluation_writes_nothing(
    write_model: WriteModel,
    manifest: Path,
    tmp_path: Path,
    capsys: Output,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def cancelled(*_arguments: object, **_more: object) -> None:
        raise JobCancelled

    monkeypatch.setattr("medadv_desktop.audit.evaluation_job.figures_of", cancelled)
    out = tmp_path / "found.csv"
    words = ["evaluate", str(manifest), "-m", str(write_model(channels=3)), "--out", str(out)]
    assert run([*words, "--label-columns", "dx", *FAST]) == CANCELLED
    assert not out.exists()


# --- published layouts in miniature, evaluated and attacked --------------------------------------


def chestxray14(root: Path) -> None:
    names = ["00000001_000.png", "00000002_000.png", "00000003_000.png"]
    write_images(root / "images_001" / "images", names)
    findings = ["Cardiomegaly|Emphysema", "No Finding", "Hernia"]
    header = "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,"
    rows = [
        f"{n},{f},0,{k},058Y,M,PA" for k, (n, f) in enumerate(zip(names, findings, strict=True))
    ]
    write_lines(root / "Data_Entry_2017.csv", f"{header}View Position", *rows)
    write_lines(root / "train_val_list.txt", names[0])
    write_lines(root / "test_list.txt", *names[1:])


def isic2017(root: Path) -> None:
    write_images(root / "ISIC-2017_Test_v2_Data", [f"ISIC_001200{k}.jpg" for k in range(3)])
    rows = ["ISIC_0012000,0.0,0.0", "ISIC_0012001,1.0,0.0", "ISIC_0012002,0.0,1.0"]
    head = "image_id,melanoma,seborrheic_keratosis"
    write_lines(root / "ISIC-2017_Test_v2_Part3_GroundTruth.csv", head, *rows)


def messidor(root: Path) -> None:
    names = ["20051019_38557_0100_PP.tif", "20051020_43808_0100_PP.tif"]
    write_images(root / "Base11", names)
    head = "Image name,Ophthalmologic department,Retinopathy grade,Risk of macular edema "
    write_lines(root / "messidor.csv", head, f"{names[0]},Service,3,1", f"{names[1]},Service,0,0")


def messidor2(root: Path) -> None:
    write_images(root / "IMAGES", [f"IM{k}.png" for k in range(3)])
    rows = ["IM0.png,0.0,0.0,1", "IM1.png,4.0,1.0,1", "IM2.png,,,0"]
    head = "image_id,adjudicated_dr_grade,adjudicated_dme,adjudicated_gradable"
    write_lines(root / "messidor_data.csv", head, *rows)


def aptos(root: Path) -> None:
    ids = ["000c1434d8d7", "001639a390f0", "0024cdab0c1e"]
    write_images(root / "train_images", [f"{i}.png" for i in ids])
    write_lines(root / "train.csv", "id_code,diagnosis", *(f"{i},{k}" for k, i in enumerate(ids)))


def ham10000(root: Path) -> None:
    write_images(root / "HAM10000_images_part_1", ["ISIC_0027419.jpg", "ISIC_0025030.jpg"])
    write_images(root / "HAM10000_images_part_2", ["ISIC_0026769.jpg"])
    rows = [
        "HAM_0000118,ISIC_0027419,bkl,histo,80.0,male,scalp",
        "HAM_0000118,ISIC_0025030,bkl,histo,80.0,male,scalp",
        "HAM_0002730,ISIC_0026769,mel,histo,80.0,male,scalp",
    ]
    head = "lesion_id,image_id,dx,dx_type,age,sex,localization"
    write_lines(root / "HAM10000_metadata.csv", head, *rows)


MINIATURES: dict[str, tuple[Callable[[Path], None], int]] = {
    "chestxray14": (chestxray14, 3),
    "isic": (isic2017, 3),
    "messidor": (messidor, 2),
    "messidor-2": (messidor2, 2),
    "aptos": (aptos, 3),
    "ham10000": (ham10000, 3),
}


@pytest.mark.parametrize("layout", MINIATURES)
def test_that_a_published_layout_is_opened_evaluated_and_attacked(
    write_model: WriteModel, tmp_path: Path, capsys: Output, layout: str
) -> None:
    write, judged = MINIATURES[layout]
    write(tmp_path / layout)
    data = open_dataset(tmp_path / layout)
    assert data.layout == layout
    many = data.task == "multi-label"
    model = str(write_model(classes=data.classes, multi_label=many, channels=3))
    attack = ["--attack", "pgd", "--set", "steps=2", "--eps", "4/255", "--json"]
    assert run(["evaluate", str(tmp_path / layout), "-m", model, *attack, *FAST]) == DONE
    story = json.loads(capsys.readouterr().out)
    assert story["judged"] == judged
    assert len(story["left_out"]) == len(data) - judged
    by_id = {sample["id"]: sample for sample in story["samples"]}
    for sample in data:
        if sample.is_labelled:
            own = by_id[sample.id]
            assert tuple(own["labels"]) == sample.labels
            assert own["attacked"]["linf"] <= 4 / 255 * (1 + 1e-9)
    accuracy = story["figures"]["clean_accuracy"]
    assert accuracy["of"] == judged
    assert accuracy["count"] == sum(
        s["labels"] == s["clean"]["decisions"] for s in story["samples"]
    )


SHARED = Path(__file__).parents[3] / "shared" / "data" / "pneumoniamnist.npz"


@pytest.mark.skipif(not SHARED.is_file(), reason="the shared pneumoniamnist.npz is not here")
def test_that_the_real_pneumoniamnist_is_evaluated_and_attacked(
    write_model: WriteModel, capsys: Output
) -> None:
    model = str(write_model(classes=("normal", "pneumonia"), side=28))
    words = ["evaluate", str(SHARED), "-m", model, "--split", "test", "--limit", "24", "--json"]
    assert run([*words, "--attack", "pgd", "--set", "steps=2", *FAST]) == DONE
    story = json.loads(capsys.readouterr().out)
    assert story["judged"] == 24
    with np.load(SHARED) as arrays:
        labels = arrays["test_labels"][:, 0]
    for sample in story["samples"]:
        place = int(sample["id"].rsplit("/", 1)[-1].rsplit("[", 1)[-1].rstrip("]"))
        assert sample["labels"] == [int(labels[place])]
