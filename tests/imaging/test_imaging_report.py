"""What is said of every file of an import."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from imaging_samples import shipped, write_dicom

from medadv_desktop.errors import ExportError
from medadv_desktop.imaging.import_report import Report, report_of
from medadv_desktop.imaging.scanning import scan
from medadv_desktop.jobs import CancelToken

GREY = np.zeros((4, 4), np.uint8)


@pytest.fixture
def report(tmp_path: Path) -> Report:
    folder = tmp_path / "DOE^JOHN"
    folder.mkdir()
    write_dicom(folder / "1.dcm", GREY, Modality="CR")
    (folder / "2.dcm").write_bytes((folder / "1.dcm").read_bytes())
    (folder / "3.dcm").write_bytes(shipped("test-SR.dcm").read_bytes())
    (folder / "4.dcm").write_bytes(shipped("CT_small.dcm").read_bytes()[:3000])
    (folder / "5.txt").write_text("words")
    return report_of(scan([folder], CancelToken()))


def test_that_every_file_has_a_row_with_its_reason(report: Report) -> None:
    rows = [(r.outcome, r.kind, r.reason != "") for r in report.rows]
    assert rows == [
        ("read", "CR", False),
        ("read", "CR", False),
        ("skipped", "Comprehensive SR", True),
        ("failed", "", True),
        ("skipped", "", True),
    ]
    assert report.counts == {"read": 2, "skipped": 2, "failed": 1}
    assert "copy of 1.dcm" in report.rows[1].notes


@pytest.mark.parametrize("suffix", [".csv", ".json"])
def test_that_a_written_report_is_free_of_names_unless_asked(
    report: Report, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"out{suffix}"
    report.write(path)
    text = path.read_text(encoding="utf-8-sig")
    assert "DOE" not in text
    assert "file-000004.dcm" in text
    assert "cut off" in text
    report.write(path, masked=False)
    assert "DOE^JOHN" in path.read_text(encoding="utf-8-sig")


def test_that_both_forms_hold_all_rows(report: Report, tmp_path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(report.as_csv())))
    assert [r["outcome"] for r in rows] == [r.outcome for r in report.rows]
    plain = json.loads(report.as_json())
    assert plain["counts"] == report.counts
    assert [f["file"] for f in plain["files"]] == [r.file for r in report.rows]


def test_that_a_cell_is_no_formula(tmp_path: Path) -> None:
    path = tmp_path / "=cmd()"
    path.write_text("words")
    text = report_of(scan([path], CancelToken())).as_csv()
    assert '"=' not in text.replace(str(tmp_path), "")
    (row,) = list(csv.reader(io.StringIO(text)))[1:]
    assert not any(cell.startswith("=") for cell in row)


def test_that_a_report_that_cannot_be_written_leaves_nothing(
    report: Report, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ExportError):
        report.write(tmp_path / "file" / "out.csv")
