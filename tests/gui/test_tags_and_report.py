"""The panels "Tags" and "Import report"."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from pydicom.uid import generate_uid
from PySide6.QtCore import QModelIndex
from PySide6.QtWidgets import QApplication

from medadv_desktop.gui.docks.import_report import FAILED, FILE, OUTCOME, REASON
from medadv_desktop.gui.docks.tags import VALUE
from medadv_desktop.gui.study_nodes import Kind
from tests.gui.dicom_samples import PATIENT, ct_slice, report
from tests.gui.test_browser import nodes


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    study = generate_uid()
    ct_slice(folder / "ct.dcm", depth=0, number=1, study=study, series=generate_uid())
    report(folder / "report.dcm", study)
    (folder / "note.txt").write_text("no image")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return folder


def shown(panel) -> dict[str, str]:
    """Name and value of all rows, also those in sequences."""
    model, found = panel.model, {}

    def walk(parent: QModelIndex) -> None:
        for row in range(model.rowCount(parent)):
            index = model.index(row, 0, parent)
            tag = model.node(index).tag
            if tag is not None:
                found[tag.name] = model.index(row, VALUE, parent).data()
            walk(index)

    walk(QModelIndex())
    return found


@pytest.fixture
def tags(qtbot, session, files):
    """The panel, on the CT slice."""
    session.bench.controller.open_paths([files])
    session.window.docks["tags"].raise_()
    reader = session.bench.controller.tags
    qtbot.waitUntil(lambda: not session.bench.jobs.busy and session.bench.case.frame is not None)
    session.window.docks["tags"].show()
    qtbot.waitUntil(lambda: reader.tree is not None and reader.tree.path.name == "ct.dcm")
    return session.window.docks["tags"].widget()


def mark_report(qtbot, session) -> None:
    (item,) = nodes(session, Kind.OBJECT)
    browser = session.window.docks["browser"].widget()
    browser.view.setCurrentIndex(browser.tree.index_of(item))
    reader = session.bench.controller.tags
    qtbot.waitUntil(lambda: reader.tree is not None and reader.tree.path.name == "report.dcm")


def test_that_tags_are_masked_until_patient_data_is_asked_for(qtbot, session, tags):
    assert shown(tags)["Patient's Name"] == "•••"
    assert shown(tags)["Rows"] == "96"
    session.bench.controller.privacy.set_masked(False)
    qtbot.waitUntil(lambda: shown(tags).get("Patient's Name") == PATIENT)


def test_that_an_object_without_pixels_shows_its_tags_when_it_is_marked(qtbot, session, tags):
    mark_report(qtbot, session)
    assert "Content Sequence" in shown(tags)
    assert session.bench.case.instance.path.name == "ct.dcm"


def test_that_a_search_reaches_into_sequences_and_opens_them(qtbot, session, tags):
    session.bench.controller.privacy.set_masked(False)
    mark_report(qtbot, session)
    tags.search.setText("NOTHING to be")
    assert set(shown(tags)) == {"Content Sequence", "Text Value"}
    assert tags.view.isExpanded(tags.model.index(0, 0))
    tags.search.setText("no such thing")
    assert "no such thing" in tags.message.text()
    assert tags.message.isVisible()
    tags.search.clear()
    assert "Modality" in shown(tags)


def test_that_private_elements_can_be_hidden(qtbot, session, tags):
    mark_report(qtbot, session)
    everything = set(shown(tags))
    assert "Private Creator" in everything
    tags.private.click()
    assert everything - set(shown(tags)) >= {"Private Creator"}
    assert "Modality" in shown(tags)


def test_that_rows_and_values_are_copied(tags):
    tags.search.setText("00280010")
    tags.view.selectAll()
    tags.copy_rows()
    assert QApplication.clipboard().text() == "(0028,0010)\tUS\tRows\t96"
    tags.copy_values()
    assert QApplication.clipboard().text() == "96"


def test_that_what_is_shown_is_exported_as_text_or_json_without_patient_data(
    qtbot, session, tags, tmp_path
):
    tags.search.setText("Patient")
    for name in ("tags.txt", "tags.json"):
        tags.export_to(tmp_path / name)
    qtbot.waitUntil(lambda: not session.bench.jobs.busy)
    text = (tmp_path / "tags.txt").read_text(encoding="utf-8")
    assert "Patient's Name: •••" in text
    assert "Nemo" not in text
    found = {e["keyword"]: e["value"] for e in json.loads((tmp_path / "tags.json").read_text())}
    assert found["PatientID"] == "•••"


def test_that_a_raster_file_says_that_it_has_no_tags(qtbot, session, scan):
    session.window.docks["tags"].raise_()
    session.bench.controller.open_paths([scan])
    panel = session.window.docks["tags"].widget()
    qtbot.waitUntil(lambda: "no tags" in panel.message.text())


# ---------------------------------------------------------------------- import report


def rows(panel) -> dict[str, tuple[str, str]]:
    model = panel.rows
    return {
        model.index(r, FILE).data(): (model.index(r, OUTCOME).data(), model.index(r, REASON).data())
        for r in range(model.rowCount())
    }


def test_that_every_file_has_a_row_with_its_outcome_and_reason(qtbot, session, tags):
    panel = session.window.docks["import_report"].widget()
    assert set(rows(panel)) == {"CT series 4, image 1", "Basic Text SR", "note.txt", "broken.png"}
    session.bench.controller.privacy.set_masked(False)
    found = rows(panel)
    outcomes = {name: outcome for name, (outcome, _) in found.items()}
    assert outcomes == {
        "ct.dcm": "read",
        "report.dcm": "listed",
        "note.txt": "skipped",
        "broken.png": "failed",
    }
    assert all(reason for name, (_, reason) in found.items() if name != "ct.dcm")
    assert panel.counts.text() == "1 read, 1 listed, 1 skipped, 1 failed"
    panel.outcome.setCurrentIndex(panel.outcome.findData(FAILED))
    assert set(rows(panel)) == {"broken.png"}
    panel.outcome.setCurrentIndex(0)
    panel.search.setText("TEXT file")
    assert set(rows(panel)) == {"note.txt"}


def test_that_the_report_is_exported_without_paths_while_patient_data_is_hidden(
    qtbot, session, tags, tmp_path
):
    panel = session.window.docks["import_report"].widget()
    panel.export_to(tmp_path / "report.csv")
    qtbot.waitUntil((tmp_path / "report.csv").exists)
    text = (tmp_path / "report.csv").read_text(encoding="utf-8-sig")
    found = list(csv.DictReader(text.splitlines()))
    assert sorted(row["outcome"] for row in found) == ["failed", "read", "skipped", "skipped"]
    assert "ct.dcm" not in text
    assert str(tmp_path) not in text
    session.bench.controller.privacy.set_masked(False)
    panel.export_to(tmp_path / "report.json")
    qtbot.waitUntil((tmp_path / "report.json").exists)
    content = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert any(row["file"].endswith("ct.dcm") for row in content["files"])


def test_that_closing_everything_clears_the_report(session, tags):
    session.bench.controller.close_all()
    panel = session.window.docks["import_report"].widget()
    assert panel.rows.rowCount() == 0
    assert not panel.export.isEnabled()
