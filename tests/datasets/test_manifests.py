"""Tables of the user's own: what is recognised, what is guessed, and what is wrong with them."""

from __future__ import annotations

import datetime
from pathlib import Path

import numpy as np
import pytest

from medadv_desktop.datasets.inspection import inspect
from medadv_desktop.datasets.opening import open_dataset, recognise
from medadv_desktop.datasets.options import DatasetOptions, written_columns
from medadv_desktop.datasets.problems import ProblemKind
from medadv_desktop.errors import DatasetError, SettingsError
from medadv_desktop.imaging.frame import Frame
from medadv_desktop.settings import fields_of, parse


def names(data) -> list[str]:
    return [data.classes[s.labels[0]] if s.labels[0] >= 0 else "?" for s in data]


def where(data, kind: ProblemKind) -> list[tuple[str, int | None]]:
    return [(p.file.name if p.file else "", p.row) for p in data.problems.of(kind)]


def test_that_a_plain_manifest_opens_and_every_guess_is_listed(write_image, write_table) -> None:
    for k in range(3):
        write_image(f"img/{k}.png", k)
    table = write_table(
        "labels.csv",
        [
            "path,label,patient_id,split",
            "img/0.png,naevus,a,Training",
            "img/1.png,melanoma,b,test",
            "img/2.png,naevus,a,Training",
        ],
    )
    data = open_dataset(table)
    assert data.classes == ("melanoma", "naevus")
    assert names(data) == ["naevus", "melanoma", "naevus"]
    assert [s.split for s in data] == ["train", "test", "train"]
    assert [s.patient for s in data] == ["a", "b", "a"]
    said = " ".join(str(g) for g in data.guesses)
    for part in ("'path' names the image", "'label' is the label", "'patient_id'", "'split'"):
        assert part in said
    assert "'Training' is 'train'" in said
    assert "image_column" in said
    assert not data.problems
    assert isinstance(data.frame(data[0]), Frame)


def test_that_a_label_column_with_a_comma_in_its_name_is_named_in_quotes(
    write_image, write_table
) -> None:
    write_image("a.png")
    header = 'path, "grade, ""final""", other'
    table = write_table("t.csv", ['path,"grade, ""final""",other', "a.png,x,1", "a.png,x,2"])
    with pytest.raises(DatasetError) as error:
        open_dataset(table, DatasetOptions(label_columns="grade"))
    assert header in str(error.value)
    chosen = DatasetOptions(label_columns=header.removeprefix("path, ").removesuffix(", other"))
    assert chosen.label_column_list == ('grade, "final"',)
    assert open_dataset(table, chosen).classes == ("x",)
    both = DatasetOptions(label_columns=written_columns(('a, "b"', "c")))
    assert both.label_column_list == ('a, "b"', "c")


def test_that_options_override_what_would_be_guessed(write_image, write_table) -> None:
    write_image("a.png")
    table = write_table("t.csv", ["path,label,second,fold", "a.png,x,1,7", "b.png,y,0,8"])
    options = DatasetOptions(
        label_columns="second", split_column="fold", classes="1|0", patient_column="-"
    )
    data = open_dataset(table, options)
    assert data.classes == ("1", "0")
    assert [s.labels for s in data] == [(0,), (1,)]
    assert [s.split for s in data] == ["7", "8"]


def test_that_a_column_that_is_not_there_is_refused_with_those_that_are(write_table) -> None:
    table = write_table("t.csv", ["path,label", "a.png,x"])
    with pytest.raises(DatasetError, match=r"label_columns.*path, label"):
        open_dataset(table, DatasetOptions(label_columns="grade"))


def test_that_several_possible_labels_are_not_guessed_between(write_table) -> None:
    rows = [f"{i}.png,{'ab'[i % 2]},{'cd'[i % 2]}" for i in range(6)]
    table = write_table("t.csv", ["path,first,second", *rows])
    with pytest.raises(DatasetError, match="first, second"):
        open_dataset(table)


def test_that_findings_separated_by_bars_are_multi_label(write_table) -> None:
    table = write_table(
        "t.csv", ["file,findings", "a.png,mass|nodule", "b.png,No Finding", "c.png,mass"]
    )
    data = open_dataset(table)
    assert data.task == "multi-label"
    assert data.classes == ("mass", "nodule")
    assert data.labels.tolist() == [[1, 1], [0, 0], [1, 0]]


def test_that_columns_of_0_and_1_are_multi_label(write_table) -> None:
    table = write_table(
        "t.csv", ["image,age,mass,nodule", "a.png,61,1,0.0", "b.png,40,1,1", "c.png,33,0,0"]
    )
    data = open_dataset(table)
    assert data.task == "multi-label"
    assert data.classes == ("mass", "nodule")
    assert data.labels.tolist() == [[1, 0], [1, 1], [0, 0]]


def test_that_one_hot_columns_are_single_label_and_said_to_be(write_table) -> None:
    lines = ["image,cat,dog,cow", "a.png,1,0,0", "b.png,0,0,1", "c.png,0,1,0"]
    data = open_dataset(write_table("t.csv", lines))
    assert data.task == "single-label"
    assert names(data) == ["cat", "cow", "dog"]
    assert any("exactly one 1" in g.why for g in data.guesses)
    again = open_dataset(write_table("u.csv", lines), DatasetOptions(task="multi-label"))
    assert again.task == "multi-label"


def test_that_numbers_are_sorted_as_numbers(write_table) -> None:
    rows = [f"{g}.png,{g}.0" for g in (10, 2, 0, 10, 2, 0)]
    assert open_dataset(write_table("t.csv", ["path,grade", *rows])).classes == ("0", "2", "10")


def test_that_split_tables_side_by_side_are_one_data_set(write_table, tmp_path: Path) -> None:
    write_table("set/train.csv", ["path,label", "a.png,x", "b.png,y"])
    write_table("set/test.csv", ["path,label", "c.png,x"])
    data = open_dataset(tmp_path / "set")
    assert sorted((s.id, s.split) for s in data) == [
        ("a.png", "train"),
        ("b.png", "train"),
        ("c.png", "test"),
    ]


def test_that_a_folder_of_several_tables_asks_which_one(write_table, tmp_path: Path) -> None:
    write_table("set/one.csv", ["path,label", "a.png,x"])
    write_table("set/two.csv", ["path,label", "a.png,x"])
    with pytest.raises(DatasetError, match=r"one\.csv, two\.csv"):
        open_dataset(tmp_path / "set", DatasetOptions(layout="manifest"))


# --- text and files from elsewhere ---------------------------------------------------------------

ROWS = ["path,label", "a.png,Nävus", "b.png,Karzinom"]


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("utf-8", "UTF-8"),
        ("utf-8-sig", "UTF-8 with a mark"),
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16-LE"),
        ("utf-16-be", "UTF-16-BE"),
        ("latin-1", "Windows-1252"),
    ],
)
def test_that_the_encoding_is_told_and_stated(write_table, encoding: str, said: str) -> None:
    data = open_dataset(write_table("t.csv", ROWS, encoding))
    assert data.classes == ("Karzinom", "Nävus")
    assert [label for _, label in data.encodings] == [said]
    if encoding in ("latin-1", "utf-16-le", "utf-16-be"):
        assert any("its text is" in g.what for g in data.guesses)


def test_that_mixed_encodings_are_named_by_line(write_table, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    lines = [
        b"path,label\n",
        "a.png,Nävus\n".encode(),
        "b.png,Nävus\n".encode("latin-1"),
        b"c.png,plain\n",
    ]
    path.write_bytes(b"".join(lines))
    data = open_dataset(path)
    assert where(data, ProblemKind.MIXED_ENCODING) == [("t.csv", 3)]
    assert names(data) == ["Nävus", "Nävus", "plain"]
    assert any("1 lines are read as Windows-1252" in g.what for g in data.guesses)


def test_that_a_wrong_encoding_asked_for_and_binary_content_are_refused(
    write_table, tmp_path: Path
) -> None:
    table = write_table("t.csv", ROWS, "latin-1")
    with pytest.raises(DatasetError, match="'utf-8'"):
        open_dataset(table, DatasetOptions(encoding="utf-8", layout="manifest"))
    binary = tmp_path / "b.csv"
    binary.write_bytes(b"path,label\n\0\0\0abc\n")
    with pytest.raises(DatasetError, match="zero bytes"):
        open_dataset(binary, DatasetOptions(layout="manifest"))


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(("delimiter", "name"), [(",", "t.csv"), (";", "t.csv"), ("\t", "t.tsv")])
def test_that_line_ends_and_delimiters_of_all_systems_are_read(
    write_table, newline: str, delimiter: str, name: str
) -> None:
    lines = [line.replace(",", delimiter) for line in ROWS]
    data = open_dataset(write_table(name, lines, newline=newline))
    assert names(data) == ["Nävus", "Karzinom"]
    assert [s.row for s in data] == [2, 3]
    assert any("semicolon" in g.what for g in data.guesses) is (delimiter == ";")


def test_that_windows_paths_find_their_images_and_that_is_said(write_image, write_table) -> None:
    write_image("images/one/a.png", 1)
    write_image("images/two/a.png", 2)
    table = write_table(
        "t.csv", ["path,label", r"D:\study\one\a.png,x", r"D:\study\two\a.png,y"], newline="\r\n"
    )
    data = open_dataset(table)
    assert [s.path.relative_to(data.root).as_posix() for s in data] == [
        "images/one/a.png",
        "images/two/a.png",
    ]
    assert any("backslashes" in g.why for g in data.guesses)
    assert any("by their name" in g.what for g in data.guesses)
    relative = open_dataset(write_table("r.csv", ["path,label", r"images\one\a.png,x"]))
    assert relative.frame(relative[0]).shape == (6, 5)


def test_that_ids_without_suffix_find_their_files(write_image, write_table) -> None:
    write_image("pictures/IMG_7.jpg")
    data = open_dataset(write_table("t.csv", ["image_id,label", "img_7,x"]))
    assert data[0].path.name == "IMG_7.jpg"
    assert data[0].id == "img_7"


def test_that_a_name_that_several_files_have_is_named_and_not_chosen(
    write_image, write_table
) -> None:
    write_image("one/a.png")
    write_image("two/a.png")
    write_image("one/b.png")
    data = open_dataset(write_table("t.csv", ["image,label", "a.png,x", "b.png,y"]))
    assert where(data, ProblemKind.AMBIGUOUS_IMAGE) == [("t.csv", 2)]
    assert not data[0].path.exists()
    assert data[1].path.exists()


def test_that_a_table_without_header_is_seen_to_have_none(write_table) -> None:
    data = open_dataset(write_table("t.csv", ["a.png,x", "b.png,y", "c.png,x"]))
    assert names(data) == ["x", "y", "x"]
    assert [s.row for s in data] == [1, 2, 3]
    assert any("no row of column names" in g.what for g in data.guesses)


def test_that_a_workbook_opens_like_the_table_it_holds(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.title = "notes"
    sheet = book.create_sheet("labels")
    for row in (["path", "grade", "patient"], ["a.png", 2, 17], ["b.png", 0, 18]):
        sheet.append(row)
    path = tmp_path / "t.xlsx"
    book.save(path)
    data = open_dataset(path)
    assert data.classes == ("0", "2")
    assert [s.patient for s in data] == ["17", "18"]
    assert [s.row for s in data] == [2, 3]
    with pytest.raises(DatasetError, match="notes, labels"):
        open_dataset(path, DatasetOptions(sheet="nothing"))


def test_that_excel_dates_in_a_label_column_are_named_and_not_taken_for_classes(
    tmp_path: Path, write_table
) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in (["path", "label"], ["a.png", "1-3"], ["b.png", datetime.datetime(2024, 3, 1)]):
        book.active.append(row)
    book.save(tmp_path / "t.xlsx")
    data = open_dataset(tmp_path / "t.xlsx")
    assert where(data, ProblemKind.EXCEL_DATE) == [("t.xlsx", 3)]
    assert names(data) == ["1-3", "?"]
    text = open_dataset(
        write_table("t.csv", ["path,label", "a.png,01-Mar", "b.png,Mar-24", "c.png,mild"])
    )
    assert where(text, ProblemKind.EXCEL_DATE) == [("t.csv", 2), ("t.csv", 3)]
    assert text.classes == ("mild",)


def test_that_a_broken_workbook_is_an_error_that_names_it(tmp_path: Path) -> None:
    for name in ("t.xlsx", "t.xls"):
        path = tmp_path / name
        path.write_bytes(b"PK\x03\x04 cut off")
        with pytest.raises(DatasetError, match=name):
            open_dataset(path, DatasetOptions(layout="manifest"))


# --- bad rows ------------------------------------------------------------------------------------


def test_that_unknown_labels_are_named_with_their_rows(write_table) -> None:
    lines = ["path,label", "a.png,x", "b.png,", "c.png,zebra", "d.png,NaN"]
    data = open_dataset(write_table("t.csv", lines), DatasetOptions(classes="x|y"))
    assert where(data, ProblemKind.UNKNOWN_LABEL) == [("t.csv", 3), ("t.csv", 4), ("t.csv", 5)]
    assert "zebra" in str(data.problems.of(ProblemKind.UNKNOWN_LABEL)[1])
    assert data.known().tolist() == [True, False, False, False]
    assert len(data) == 4


def test_that_labels_that_differ_in_case_are_kept_apart_and_named(write_table) -> None:
    lines = ["path,label", "a.png,naevus", "b.png,Naevus", "c.png, naevus "]
    data = open_dataset(write_table("t.csv", lines))
    assert len(data.classes) == 2
    assert where(data, ProblemKind.LABEL_VARIANT) == [("t.csv", 3)]
    assert any("Space around labels" in g.what for g in data.guesses)


def test_that_a_cell_that_is_neither_0_nor_1_is_named_in_its_column(write_table) -> None:
    lines = ["image,mass,nodule", "a.png,1,0", "b.png,maybe,1"]
    options = DatasetOptions(label_columns="mass,nodule", task="multi-label")
    with pytest.raises(DatasetError, match="other values than 0 and 1"):
        open_dataset(write_table("t.csv", lines), options)
    data = open_dataset(write_table("u.csv", [*lines[:2], "b.png,,1"]), options)
    assert where(data, ProblemKind.UNKNOWN_LABEL) == [("u.csv", 3)]
    assert data.labels.tolist() == [[1, 0], [-1, 1]]


def test_that_ragged_blank_and_imageless_rows_are_named(write_table) -> None:
    lines = ["path,label,patient", "a.png,x,1", "b.png", ",,", ",x,2", "c.png,y,3,4", "d.png,x,5,"]
    data = open_dataset(write_table("t.csv", lines))
    assert where(data, ProblemKind.RAGGED_ROW) == [("t.csv", 3), ("t.csv", 6)]
    assert where(data, ProblemKind.BLANK_ROW) == [("t.csv", 4)]
    assert where(data, ProblemKind.NO_IMAGE_NAMED) == [("t.csv", 5)]
    assert [(s.id, s.row) for s in data] == [
        ("a.png", 2),
        ("b.png", 3),
        ("c.png", 6),
        ("d.png", 7),
    ]


def test_that_two_columns_of_one_name_are_named(write_table) -> None:
    data = open_dataset(write_table("t.csv", ["path,label,label", "a.png,x,y", "b.png,z,y"]))
    assert where(data, ProblemKind.DUPLICATE_COLUMN) == [("t.csv", 1)]
    assert names(data) == ["x", "z"]


def test_that_an_open_quotation_mark_does_not_swallow_the_rest(write_table) -> None:
    table = write_table("t.csv", ["path,label", 'a.png,"x', "b.png,y", "c.png,z"])
    with pytest.raises(DatasetError, match="row 2 is broken"):
        open_dataset(table, DatasetOptions(layout="manifest"))


@pytest.mark.parametrize("content", ["", "\n\n", "path,label\n"])
def test_that_a_table_without_rows_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(content)
    with pytest.raises(DatasetError):
        open_dataset(path, DatasetOptions(layout="manifest"))


def test_that_a_column_of_ids_is_not_taken_for_classes(write_table) -> None:
    lines = ["path,label", *(f"{i}.png,case {i}" for i in range(1500))]
    with pytest.raises(DatasetError, match="1,500 different values"):
        open_dataset(write_table("t.csv", lines))


def test_that_frame_numbers_are_read_and_bad_ones_named(write_table) -> None:
    data = open_dataset(write_table("t.csv", ["path,frame,label", "a.dcm,3,x", "a.dcm,last,y"]))
    assert [s.frame for s in data] == [3, 0]
    assert where(data, ProblemKind.BAD_FRAME) == [("t.csv", 3)]


def test_that_many_problems_are_counted_beyond_those_listed(write_table) -> None:
    lines = ["path,label", "a.png,x", "a2.png,x", *(f"{i}.png," for i in range(1200))]
    problems = open_dataset(write_table("t.csv", lines)).problems
    assert problems.count(ProblemKind.UNKNOWN_LABEL) == 1200
    assert len(problems.of(ProblemKind.UNKNOWN_LABEL)) == 1000


# --- folders -------------------------------------------------------------------------------------


def test_that_a_folder_for_each_class_opens(write_image, tmp_path: Path) -> None:
    for k, name in enumerate(("b/2.png", "b/10.png", "a/deep/1.jpg")):
        write_image(f"set/{name}", k)
    (tmp_path / "set" / "empty").mkdir()
    (tmp_path / "set" / "a" / "notes.txt").write_text("no image")
    data = open_dataset(tmp_path / "set")
    assert data.layout == "class-folders"
    assert data.classes == ("a", "b", "empty")
    assert [(s.id, s.labels[0]) for s in data] == [
        ("a/deep/1.jpg", 0),
        ("b/2.png", 1),
        ("b/10.png", 1),
    ]
    assert where(data, ProblemKind.STRAY_FILE) == [("notes.txt", None)]
    report = inspect(data)
    (problem,) = report.problems.of(ProblemKind.EMPTY_CLASS)
    assert "'empty'" in problem.text
    (single,) = report.problems.of(ProblemKind.SINGLE_SAMPLE_CLASS)
    assert single.file == tmp_path / "set" / "a" / "deep" / "1.jpg"


def test_that_folders_of_splits_with_folders_of_classes_open(write_image, tmp_path: Path) -> None:
    for k, name in enumerate(("train/x/1.png", "train/y/2.png", "valid/x/3.png")):
        write_image(f"set/{name}", k)
    (tmp_path / "set" / "test" / "x").mkdir(parents=True)
    data = open_dataset(tmp_path / "set")
    assert [(s.split, data.classes[s.labels[0]]) for s in data] == [
        ("train", "x"),
        ("train", "y"),
        ("val", "x"),
    ]
    (problem,) = inspect(data).problems.of(ProblemKind.EMPTY_SPLIT)
    assert "'test'" in problem.text


def test_that_named_classes_are_kept_in_the_models_order(write_image, tmp_path: Path) -> None:
    for k, name in enumerate(("set/a/1.png", "set/b/2.png", "set/c/3.png")):
        write_image(name, k)
    data = open_dataset(tmp_path / "set", DatasetOptions(classes="b|a"))
    assert data.labels.tolist() == [1, 0, -1]
    (problem,) = data.problems.of(ProblemKind.UNKNOWN_LABEL)
    assert "'c'" in problem.text


# --- DICOM ---------------------------------------------------------------------------------------


def write_dicom(path: Path, uid: str, accession: str, patient: str) -> None:
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = uid
    ds = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    ds.SOPClassUID, ds.SOPInstanceUID = SecondaryCaptureImageStorage, uid
    ds.StudyInstanceUID, ds.SeriesInstanceUID = "1.2.3", "1.2.3.4"
    ds.AccessionNumber, ds.PatientID, ds.Modality = accession, patient, "DX"
    ds.Rows, ds.Columns, ds.SamplesPerPixel = 4, 6, 1
    ds.PhotometricInterpretation, ds.PixelRepresentation = "MONOCHROME2", 0
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit = 7
    ds.PixelData = np.arange(24, dtype=np.uint8).tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    ds.save_as(path, enforce_file_format=True)


def test_that_dicom_files_are_found_by_sop_instance_uid(tmp_path: Path, write_table) -> None:
    write_dicom(tmp_path / "set/x/1.dcm", "1.2.3.4.1", "A1", "p1")
    write_dicom(tmp_path / "set/x/no_suffix", "1.2.3.4.2", "A1", "p2")
    table = write_table(
        "set/labels.csv",
        ["SOPInstanceUID,label", "1.2.3.4.2,ill", "1.2.3.4.1,well", "1.2.3.4.9,well"],
    )
    assert recognise(tmp_path / "set")[0].layout == "dicom-table"
    data = open_dataset(tmp_path / "set")
    assert [(s.path.name, s.patient) for s in data][:2] == [("no_suffix", "p2"), ("1.dcm", "p1")]
    assert names(data) == ["ill", "well", "well"]
    assert data.frame(data[0]).shape == (4, 6)
    (problem,) = inspect(data).problems.of(ProblemKind.MISSING_IMAGE)
    assert (problem.file, problem.row) == (table, 4)


def test_that_an_accession_number_stands_for_all_images_of_its_examination(
    tmp_path: Path, write_table
) -> None:
    for k, accession in ((1, "A1"), (2, "A1"), (3, "A2")):
        write_dicom(tmp_path / f"set/{k}.dcm", f"1.2.3.4.{k}", accession, f"p{accession}")
    write_table("set/labels.csv", ["AccessionNumber,label", "A1,ill", "A2,well"])
    data = open_dataset(tmp_path / "set")
    assert [(s.path.name, s.row) for s in data] == [("1.dcm", 2), ("2.dcm", 2), ("3.dcm", 3)]
    assert names(data) == ["ill", "ill", "well"]
    assert len({s.id for s in data}) == 3
    assert any("All images of an examination" in g.what for g in data.guesses)


def test_that_dicom_files_named_by_path_are_a_manifest(tmp_path: Path, write_table) -> None:
    write_dicom(tmp_path / "set/x/1.dcm", "1.2.3.4.1", "A1", "p1")
    write_table("set/labels.csv", ["path,label", "x/1.dcm,ill"])
    data = open_dataset(tmp_path / "set")
    assert data.layout == "manifest"
    assert data.frame(data[0]).provenance.sop_instance_uid == "1.2.3.4.1"


def test_that_two_classes_of_one_name_are_refused() -> None:
    with pytest.raises(SettingsError, match="two classes have the same name"):
        parse(DatasetOptions, {"classes": "x|y|x"})


def test_that_one_0_1_column_is_a_label_however_few_rows_there_are(write_table) -> None:
    data = open_dataset(write_table("t.csv", ["path,melanoma", "a.png,0", "b.png,1", "c.png,"]))
    assert data.classes == ("0", "1")
    assert where(data, ProblemKind.UNKNOWN_LABEL) == [("t.csv", 4)]


def test_that_every_option_has_a_field_with_help() -> None:
    assert all(field.help for field in fields_of(DatasetOptions))
