"""Miniature copies of published sets, with the column names of the originals."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from medadv_desktop.datasets.fingerprint import fingerprint
from medadv_desktop.datasets.inspection import InspectionSettings, inspect
from medadv_desktop.datasets.opening import open_dataset, recognise
from medadv_desktop.datasets.options import DatasetOptions
from medadv_desktop.datasets.problems import ProblemKind
from medadv_desktop.errors import DatasetError, ImageError
from medadv_desktop.imaging.frame import Frame, Photometric

# --- NIH ChestX-ray14 ---------------------------------------------------------------------------

NIH_HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],"
)
NIH_ROWS = (
    "00000001_000.png,Cardiomegaly,0,1,058Y,M,PA,2682,2749,0.143,0.143,",
    "00000001_001.png,Cardiomegaly|Emphysema,1,1,058Y,M,PA,2894,2729,0.143,0.143,",
    "00000002_000.png,No Finding,0,2,081Y,M,PA,2500,2048,0.171,0.171,",
    "00000003_000.png,Hernia|Pleural_Thickening,0,3,081Y,F,PA,2582,2991,0.143,0.143,",
)


@pytest.fixture
def nih(write_image, write_table, tmp_path: Path) -> Path:
    for k, row in enumerate(NIH_ROWS):
        write_image(f"nih/images_00{k % 2 + 1}/images/{row.split(',')[0]}", seed=k)
    write_table("nih/Data_Entry_2017.csv", [NIH_HEADER, *NIH_ROWS])
    write_table("nih/train_val_list.txt", ["00000001_000.png", "00000001_001.png"])
    write_table("nih/test_list.txt", ["00000002_000.png", "00000003_000.png", "00000099_000.png"])
    return tmp_path / "nih"


def test_that_chestxray14_opens_with_its_14_findings_patients_and_lists(nih: Path) -> None:
    data = open_dataset(nih)
    assert data.layout == "chestxray14"
    assert data.task == "multi-label"
    assert len(data.classes) == 14
    found = [{data.classes[k] for k in np.flatnonzero(s.labels)} for s in data]
    assert found == [
        {"Cardiomegaly"},
        {"Cardiomegaly", "Emphysema"},
        set(),
        {"Hernia", "Pleural_Thickening"},
    ]
    assert [s.patient for s in data] == ["1", "1", "2", "3"]
    assert [s.split for s in data] == ["train_val", "train_val", "test", "test"]
    assert [s.row for s in data] == [2, 3, 4, 5]
    assert all(isinstance(data.frame(s), Frame) for s in data)


def test_that_a_name_in_a_split_list_that_no_table_has_is_named_with_file_and_line(
    nih: Path,
) -> None:
    (problem,) = open_dataset(nih).problems.of(ProblemKind.LISTED_ELSEWHERE)
    assert (problem.file, problem.row) == (nih / "test_list.txt", 3)
    assert "00000099_000.png" in problem.text


def test_that_a_finding_outside_of_the_14_is_an_unknown_label_with_its_row(
    nih: Path, write_table
) -> None:
    rows = [NIH_ROWS[0], NIH_ROWS[1].replace("Emphysema", "Emphysem")]
    table = write_table("nih/Data_Entry_2017.csv", [NIH_HEADER, *rows])
    data = open_dataset(nih)
    (problem,) = data.problems.of(ProblemKind.UNKNOWN_LABEL)
    assert (problem.file, problem.row) == (table, 3)
    assert "'Emphysem'" in problem.text
    # The finding that is named is known; of the others nothing can be said.
    labels = dict(zip(data.classes, data[1].labels, strict=True))
    assert labels["Cardiomegaly"] == 1
    assert labels["Emphysema"] == -1


# --- ISIC ----------------------------------------------------------------------------------------


def test_that_isic_2016_opens_without_header_and_with_both_ways_of_writing(
    write_image, write_table, tmp_path: Path
) -> None:
    for k in range(4):
        part = "Training" if k < 2 else "Test"
        write_image(f"isic/ISBI2016_ISIC_Part3_{part}_Data/ISIC_000000{k}.jpg", k, color=True)
    name = "isic/ISBI2016_ISIC_Part3_{}_GroundTruth.csv"
    write_table(name.format("Training"), ["ISIC_0000000,benign", "ISIC_0000001,malignant"])
    write_table(name.format("Test"), ["ISIC_0000002,0.0", "ISIC_0000003,1.0"])
    data = open_dataset(tmp_path / "isic")
    assert data.layout == "isic"
    assert data.classes == ("benign", "malignant")
    by_id = {s.id: (data.classes[s.labels[0]], s.split) for s in data}
    assert by_id == {
        "ISIC_0000000": ("benign", "train"),
        "ISIC_0000001": ("malignant", "train"),
        "ISIC_0000002": ("benign", "test"),
        "ISIC_0000003": ("malignant", "test"),
    }
    assert all(data.frame(s).is_color for s in data)


def test_that_isic_2017_reads_neither_as_nevus_and_says_so(
    write_image, write_table, tmp_path: Path
) -> None:
    for k in range(3):
        write_image(f"isic/ISIC-2017_Training_Data/ISIC_000000{k}.jpg", k, color=True)
        # The archive of 2017 has a picture of superpixels beside each image.
        write_image(f"isic/ISIC-2017_Training_Data/ISIC_000000{k}_superpixels.png", k)
    write_table(
        "isic/ISIC-2017_Training_Part3_GroundTruth.csv",
        [
            "image_id,melanoma,seborrheic_keratosis",
            "ISIC_0000000,0.0,0.0",
            "ISIC_0000001,1.0,0.0",
            "ISIC_0000002,0.0,1.0",
        ],
    )
    data = open_dataset(tmp_path / "isic")
    names = [data.classes[s.labels[0]] for s in data]
    assert names == ["nevus", "melanoma", "seborrheic_keratosis"]
    assert [s.path.name for s in data] == [f"ISIC_000000{k}.jpg" for k in range(3)]
    assert any("nevus" in g.what for g in data.guesses)


def test_that_isic_2018_opens_with_seven_classes_and_keeps_lesions_together(
    write_image, write_table, tmp_path: Path
) -> None:
    for k in range(3):
        write_image(f"isic/ISIC2018_Task3_Training_Input/ISIC_002430{k}.jpg", k, color=True)
    truth = "isic/ISIC2018_Task3_Training_GroundTruth/ISIC2018_Task3_Training_GroundTruth.csv"
    write_table(
        truth,
        [
            "image,MEL,NV,BCC,AKIEC,BKL,DF,VASC",
            "ISIC_0024300,1.0,0.0,0.0,0.0,0.0,0.0,0.0",
            "ISIC_0024301,0.0,0.0,0.0,0.0,0.0,0.0,1.0",
            "ISIC_0024302,1.0,1.0,0.0,0.0,0.0,0.0,0.0",
        ],
    )
    write_table(
        "isic/ISIC2018_Task3_Training_LesionGroupings.csv",
        [
            "image,lesion_id,diagnosis_confirm_type",
            "ISIC_0024300,HAM_0000550,histopathology",
            "ISIC_0024301,HAM_0003577,histopathology",
            "ISIC_0024302,HAM_0000550,histopathology",
        ],
    )
    data = open_dataset(tmp_path / "isic")
    assert data.task == "single-label"
    assert data.classes == ("MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC")
    assert [s.labels for s in data] == [(0,), (6,), (-1,)]
    assert [s.patient for s in data] == ["HAM_0000550", "HAM_0003577", "HAM_0000550"]
    (problem,) = data.problems.of(ProblemKind.UNKNOWN_LABEL)
    assert problem.row == 4


# --- retinopathy ---------------------------------------------------------------------------------


def test_that_messidor_opens_from_its_twelve_old_workbooks(write_image, tmp_path: Path) -> None:
    header = [
        "Image name",
        "Ophthalmologic department",
        "Retinopathy grade",
        "Risk of macular edema ",
    ]
    names = {
        "Annotation_Base11.xls": [("20051019_38557_0100_PP.tif", "Service", 3, 1)],
        "Annotation_Base12.xls": [
            ("20051020_43808_0100_PP.tif", "Service", 0, 0),
            ("20051020_43832_0100_PP.tif", "Service", 1, 2),
        ],
    }
    for number, (file, rows) in enumerate(names.items()):
        for k, row in enumerate(rows):
            write_image(f"messidor/Base1{number + 1}/{row[0]}", 10 * number + k, color=True)
        (tmp_path / "messidor" / file).write_bytes(biff2([header, *rows]))
    data = open_dataset(tmp_path / "messidor")
    assert data.layout == "messidor"
    assert data.classes == ("grade 0", "grade 1", "grade 2", "grade 3")
    assert [s.labels[0] for s in data] == [3, 0, 1]
    assert [s.row for s in data] == [2, 2, 3]
    assert data.roles.others == ("Risk of macular edema",)
    assert all(data.frame(s).is_color for s in data)
    edema = open_dataset(
        tmp_path / "messidor", DatasetOptions(label_columns="Risk of macular edema")
    )
    assert [edema.classes[s.labels[0]] for s in edema] == ["1", "0", "2"]


def biff2(rows: list) -> bytes:
    """A worksheet in the oldest Excel format: BOF, LABEL and NUMBER records, EOF."""

    def record(kind: int, data: bytes) -> bytes:
        return struct.pack("<HH", kind, len(data)) + data

    out = record(0x0009, struct.pack("<HH", 2, 0x10))
    for r, row in enumerate(rows):
        for c, value in enumerate(row):
            place = struct.pack("<HH", r, c) + b"\0\0\0"
            if isinstance(value, str):
                text = value.encode("latin-1")
                out += record(0x0004, place + bytes([len(text)]) + text)
            else:
                out += record(0x0003, place + struct.pack("<d", value))
    return out + record(0x000A, b"")


def test_that_messidor_2_leaves_ungradable_images_unlabelled_and_names_them(
    write_image, write_table, tmp_path: Path
) -> None:
    for k in range(3):
        write_image(f"m2/IMAGES/IM{k}.png", k, color=True)
    table = write_table(
        "m2/messidor_data.csv",
        [
            "image_id,adjudicated_dr_grade,adjudicated_dme,adjudicated_gradable",
            "IM0.png,0.0,0.0,1",
            "IM1.png,4.0,1.0,1",
            "IM2.png,,,0",
        ],
    )
    data = open_dataset(tmp_path / "m2")
    assert [s.labels[0] for s in data] == [0, 4, -1]
    (problem,) = data.problems.of(ProblemKind.UNKNOWN_LABEL)
    assert (problem.file, problem.row) == (table, 4)


def test_that_aptos_opens_with_the_names_of_its_grades(
    write_image, write_table, tmp_path: Path
) -> None:
    ids = ["000c1434d8d7", "001639a390f0", "0024cdab0c1e"]
    for k, name in enumerate(ids):
        write_image(f"aptos/train_images/{name}.png", k, color=True)
    write_table(
        "aptos/train.csv", ["id_code,diagnosis", *(f"{i},{k * 2}" for k, i in enumerate(ids))]
    )
    write_table("aptos/test.csv", ["id_code", "0005cfc8afb6"])
    data = open_dataset(tmp_path / "aptos")
    assert data.layout == "aptos"
    assert [data.classes[s.labels[0]] for s in data] == ["No DR", "Moderate", "Proliferative DR"]
    assert all(s.split == "train" for s in data)


# --- HAM10000 ------------------------------------------------------------------------------------


def test_that_ham10000_opens_from_two_folders_and_keeps_lesions_together(
    write_image, write_table, tmp_path: Path
) -> None:
    for k, part in ((27419, 1), (25030, 1), (26769, 2)):
        write_image(f"ham/HAM10000_images_part_{part}/ISIC_00{k}.jpg", k, color=True)
    write_table(
        "ham/HAM10000_metadata.csv",
        [
            "lesion_id,image_id,dx,dx_type,age,sex,localization",
            "HAM_0000118,ISIC_0027419,bkl,histo,80.0,male,scalp",
            "HAM_0000118,ISIC_0025030,bkl,histo,80.0,male,scalp",
            "HAM_0002730,ISIC_0026769,mel,histo,80.0,male,scalp",
        ],
    )
    data = open_dataset(tmp_path / "ham")
    assert data.layout == "ham10000"
    assert data.classes == ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")
    assert [s.labels[0] for s in data] == [2, 2, 4]
    assert [s.patient for s in data] == ["HAM_0000118", "HAM_0000118", "HAM_0002730"]
    assert [s.path.parent.name for s in data][2] == "HAM10000_images_part_2"
    assert not inspect(data).problems.of(ProblemKind.MISSING_IMAGE)


# --- MedMNIST ------------------------------------------------------------------------------------


def npz(path: Path, shape: tuple[int, ...], width: int = 1, high: int = 2, dtype=np.uint8) -> Path:
    rng = np.random.default_rng(0)
    arrays = {}
    for split, n in (("train", 6), ("val", 2), ("test", 3)):
        arrays[f"{split}_images"] = rng.integers(0, 256, (n, *shape)).astype(dtype)
        arrays[f"{split}_labels"] = rng.integers(0, high, (n, width)).astype(np.uint8)
    np.savez_compressed(path, **arrays)
    return path


@pytest.mark.parametrize("shape", [(28, 28), (64, 64), (28, 28, 3), (17, 9, 3)])
def test_that_medmnist_images_of_any_size_become_equal_frames(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    path = npz(tmp_path / "breastmnist_64.npz", shape)
    data = open_dataset(path)
    assert data.classes == ("malignant", "normal, benign")
    with np.load(path) as arrays:
        expected = np.concatenate([arrays[f"{s}_images"] for s in ("train", "val", "test")])
        labels = np.concatenate([arrays[f"{s}_labels"] for s in ("train", "val", "test")])
    frames = [data.frame(s) for s in data]
    assert all(np.array_equal(f.stored, e) for f, e in zip(frames, expected, strict=True))
    assert [s.labels for s in data] == [tuple(row) for row in labels.tolist()]
    color = Photometric.RGB if len(shape) == 3 else Photometric.MONOCHROME2
    assert {f.photometric for f in frames} == {color}


def test_that_a_large_archive_is_read_forwards_and_backwards_without_loading_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from medadv_desktop.datasets import arrays

    path = npz(tmp_path / "octmnist.npz", (11, 7), high=4)
    with np.load(path) as archive:
        expected = archive["train_images"]
    monkeypatch.setattr(arrays, "WHOLE_BYTES", 0)
    monkeypatch.setattr(np, "load", None)
    images = arrays.NpzImages(path, "train_images")
    for index in (0, 1, 4, 2, 5, 0):
        assert np.array_equal(images.pixels(index), expected[index])
    images.close()


def test_that_medmnist_with_several_columns_is_multi_label(tmp_path: Path) -> None:
    data = open_dataset(npz(tmp_path / "chestmnist.npz", (28, 28), width=14))
    assert data.task == "multi-label"
    assert data.classes[-1] == "hernia"
    assert len(data[0].labels) == 14


def test_that_an_unknown_archive_gets_numbers_for_names_and_says_so(tmp_path: Path) -> None:
    data = open_dataset(npz(tmp_path / "mine.npz", (8, 8), high=3))
    assert data.classes == ("0", "1", "2")
    assert any("called 0 to 2" in g.what for g in data.guesses)


def test_that_a_class_number_that_a_medmnist_set_does_not_have_is_named(tmp_path: Path) -> None:
    path = npz(tmp_path / "pneumoniamnist.npz", (8, 8))
    with np.load(path) as arrays:
        changed = dict(arrays)
    changed["val_labels"][1] = 7
    np.savez_compressed(path, **changed)
    data = open_dataset(path, DatasetOptions(classes="normal|pneumonia"))
    (problem,) = data.problems.of(ProblemKind.UNKNOWN_LABEL)
    assert problem.text == "val_labels[1] is 7; allowed is 0 to 1"
    assert data[7].labels == (-1,)


def test_that_volumes_and_pickled_arrays_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="volumes"):
        open_dataset(npz(tmp_path / "organmnist3d.npz", (28, 28, 28)))
    pickled = tmp_path / "pickled.npz"
    objects = np.array([object()] * 2, dtype=object)
    np.savez(pickled, train_images=objects, train_labels=np.zeros((2, 1), np.uint8))
    with pytest.raises(ImageError, match="Python objects"):
        open_dataset(pickled)


def test_that_empty_archives_and_labels_that_are_no_class_numbers_are_refused(
    tmp_path: Path,
) -> None:
    path = tmp_path / "mine.npz"
    empty = np.zeros((0, 4, 4), np.uint8)
    np.savez(path, train_images=empty, train_labels=np.zeros((0, 1), np.uint8))
    with pytest.raises(DatasetError, match="holds no images"):
        open_dataset(path)
    images = np.zeros((2, 4, 4), np.uint8)
    np.savez(path, train_images=images, train_labels=np.array([[0.5], [1]]))
    with pytest.raises(DatasetError, match="other than whole numbers"):
        open_dataset(path)
    np.savez(path, train_images=images, train_labels=np.array([[0], [1], [0]]))
    with pytest.raises(DatasetError, match="2 images and 3 labels"):
        open_dataset(path)


def test_that_a_truncated_archive_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = npz(tmp_path / "pathmnist.npz", (28, 28, 3))
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(ImageError, match=r"pathmnist\.npz"):
        open_dataset(path)


SHARED = Path(__file__).parents[3] / "shared" / "data" / "pneumoniamnist.npz"


@pytest.mark.skipif(not SHARED.is_file(), reason="the shared pneumoniamnist.npz is not here")
def test_that_the_real_pneumoniamnist_opens_with_the_counts_of_its_readme() -> None:
    data = open_dataset(SHARED)
    report = inspect(data, settings=InspectionSettings(images="sample", sample_size=100))
    assert data.classes == ("normal", "pneumonia")
    assert [(s.name, s.samples) for s in report.splits] == [
        ("train", 3882),
        ("val", 524),
        ("test", 624),
    ]
    with np.load(SHARED) as arrays:
        pneumonia = sum(int(arrays[f"{s}_labels"].sum()) for s in ("train", "val", "test"))
    assert report.classes[1].samples == pneumonia
    assert [(s.height, s.width, s.images) for s in report.sizes] == [(28, 28, 100)]
    assert fingerprint(data).missing == 0


# --- in general ----------------------------------------------------------------------------------


def test_that_what_is_no_data_set_is_refused_with_the_known_layouts(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="Folder per class"):
        open_dataset(tmp_path)
    with pytest.raises(DatasetError, match="does not exist"):
        open_dataset(tmp_path / "nowhere")
    assert recognise(tmp_path) == ()


def test_that_a_layout_can_be_forced_and_an_unknown_one_is_refused(nih: Path) -> None:
    options = DatasetOptions(layout="manifest", image_column="Image Index")
    data = open_dataset(nih / "Data_Entry_2017.csv", options)
    assert data.layout == "manifest"
    assert data.classes == ("Cardiomegaly", "Emphysema", "Hernia", "Pleural_Thickening")
    with pytest.raises(DatasetError, match="chestxray14"):
        open_dataset(nih, DatasetOptions(layout="imagenet"))
