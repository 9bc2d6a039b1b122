"""The data set wizard, from what is dropped to what is in the library."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import platformdirs
import pytest
from pydicom.uid import generate_uid
from PySide6.QtCore import Qt

from medadv_desktop.datasets.problems import ProblemKind
from medadv_desktop.gui.application import Session
from medadv_desktop.gui.dropping import open_dropped
from medadv_desktop.gui.labelled.bars import Count
from medadv_desktop.gui.wizards.dataset_import import look_over_page
from medadv_desktop.gui.wizards.dataset_import.drops import open_wizard
from medadv_desktop.gui.wizards.dataset_import.problems import FILE, ROW, TEXT
from medadv_desktop.gui.wizards.dataset_import.wizard import DatasetWizard
from tests.gui.dataset_samples import SHARED, class_folders, image, manifest, npz, until
from tests.gui.dicom_samples import ct_slice


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Digests and samples of archives are not kept in the user's own cache."""
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda *_, **__: str(tmp_path / "cache"))


@pytest.fixture
def session(open_window) -> Session:
    """A window that does not wait for its engine: nothing is predicted here."""
    return open_window(warm=False)


@pytest.fixture
def wizard(qtbot, session) -> DatasetWizard:
    dialog = open_wizard(session.window)
    yield dialog
    if session.window.findChild(DatasetWizard) is not None:
        dialog.leave()


def begin(qtbot, wizard: DatasetWizard, path: Path) -> None:
    wizard.choose(path)
    until(qtbot, lambda: not wizard.source.task.busy)


def to_columns(qtbot, wizard: DatasetWizard, path: Path) -> None:
    begin(qtbot, wizard, path)
    wizard.next.click()
    until(qtbot, lambda: wizard.draft.reading is not None)


def settled(qtbot, wizard: DatasetWizard) -> None:
    """The hand has come to rest, and the data set was read again."""
    resting = wizard.columns.controls._rest
    until(
        qtbot,
        lambda: (
            not resting.isActive()
            and not wizard.columns.task.busy
            and wizard.draft.reading is not None
        ),
    )


def to_look_over(qtbot, wizard: DatasetWizard, path: Path) -> None:
    to_columns(qtbot, wizard, path)
    wizard.next.click()
    until(qtbot, lambda: wizard.draft.report is not None)


def to_end(qtbot, wizard: DatasetWizard, path: Path) -> None:
    to_look_over(qtbot, wizard, path)
    wizard.next.click()
    until(qtbot, wizard.next.isEnabled)


def listed(page) -> list[tuple[str, str, str]]:
    """Text, file and row of every problem in sight."""
    rows = page.problems.rows
    return [
        tuple(rows.index(r, column).data() for column in (TEXT, FILE, ROW))
        for r in range(rows.rowCount())
    ]


def test_that_a_folder_per_class_comes_into_the_library_in_four_steps(
    qtbot, session, wizard, tmp_path
):
    root = class_folders(tmp_path / "skin")
    begin(qtbot, wizard, root)
    card, layout = wizard.source._cards[0]
    assert layout == "class-folders"
    assert card.button.isChecked()
    wizard.next.click()
    until(qtbot, lambda: wizard.draft.reading is not None)
    assert wizard.columns.classes.names() == ("melanoma", "naevus")
    assert "natural order" in wizard.columns.guesses.shown[0].why
    wizard.next.click()
    page = wizard.look_over
    until(qtbot, lambda: wizard.draft.report is not None and len(page.strip.samples.items) == 8)
    assert page.bars.bars.counts == (Count("melanoma", 4), Count("naevus", 4))
    assert page.facts.text_of("8 × 6 grey") == "8"
    assert [i.preview.label for i in page.strip.samples.items[:2]] == ["melanoma", "naevus"]
    wizard.next.click()
    until(qtbot, wizard.next.isEnabled)
    assert wizard.divide.name.text() == "skin"
    wizard.next.click()
    library = session.bench.controller.librarian.library
    (entry,) = library.entries
    assert (entry.name, entry.path, entry.samples) == ("skin", root, 8)
    until(qtbot, lambda: library.entries[0].fingerprint is not None)
    assert library.entries[0].fingerprint.samples == 8


def test_that_a_manifest_is_read_as_its_columns_were_corrected(qtbot, wizard, tmp_path):
    to_columns(qtbot, wizard, manifest(tmp_path / "set"))
    page = wizard.columns
    # "verdict" and "group" could both be the label: that is asked, not guessed.
    assert page.blocked()
    assert "several columns" in page.callout.text.text()
    assert not wizard.next.isEnabled()
    rows = page.rows.rows
    assert [rows.headerData(c, Qt.Orientation.Horizontal).split("\n")[0] for c in range(5)] == [
        *("file", "person", "group", "verdict", "part")
    ]
    labels = page.controls.labels
    labels.item(3).setCheckState(Qt.CheckState.Checked)
    settled(qtbot, wizard)
    for name, column in (("patient_column", "person"), ("split_column", "part")):
        box = page.controls.columns[name]
        box.setCurrentIndex(box.findData(column))
        box.activated.emit(box.currentIndex())
        settled(qtbot, wizard)
    dataset = wizard.draft.reading.dataset
    assert dataset.classes == ("melanoma", "naevus")
    assert dataset.split_names == ("train", "test")
    assert dataset.has_patients
    assert wizard.draft.options.label_columns == "verdict"
    assert wizard.next.isEnabled()


def corrected(qtbot, wizard: DatasetWizard, tmp_path: Path) -> None:
    """The manifest with its columns named, looked over."""
    to_columns(qtbot, wizard, manifest(tmp_path / "set"))
    page = wizard.columns
    page.controls.labels.item(3).setCheckState(Qt.CheckState.Checked)
    for name, column in (("patient_column", "person"), ("split_column", "part")):
        box = page.controls.columns[name]
        box.setCurrentIndex(box.findData(column))
        box.activated.emit(box.currentIndex())
    settled(qtbot, wizard)
    wizard.next.click()
    until(qtbot, lambda: wizard.draft.report is not None)


def test_that_leakage_missing_images_and_copies_are_named_with_file_and_row(
    qtbot, session, wizard, tmp_path
):
    corrected(qtbot, wizard, tmp_path)
    page = wizard.look_over
    found = listed(page)
    assert ("patient ••• is in train (1) and test (1)", "list.csv", "3") in found
    assert ("gone.png does not exist", "list.csv", "4") in found
    assert page.facts.text_of("in two splits") == "1"
    assert page.facts.text_of("missing") == "1"
    assert page.facts.text_of("copies by content") == "not looked for"
    assert "two splits" in page.callout.text.text()
    page.images.setCurrentIndex(page.images.findData("all"))
    page.images.activated.emit(page.images.currentIndex())
    until(qtbot, lambda: wizard.draft.report is not None and wizard.draft.report.compared)
    assert ("copy.png [train] has the same content as a.png [train]", "list.csv", "7") in listed(
        page
    )
    assert page.facts.text_of("copies by content") == "1"
    session.bench.controller.privacy.set_masked(False)
    assert "patient 'p1' is in train (1) and test (1)" in [text for text, _, _ in listed(page)]


def test_that_the_report_is_exported_without_patients_while_these_are_hidden(
    qtbot, session, wizard, tmp_path
):
    corrected(qtbot, wizard, tmp_path)
    for name in ("report.txt", "report.json"):
        path = tmp_path / name
        wizard.look_over.export_to(path)
        until(qtbot, path.is_file)
        until(qtbot, lambda: not wizard.look_over.writing.busy)
        assert "'p1'" not in path.read_text()
        assert "gone.png does not exist" in path.read_text()
    content = json.loads((tmp_path / "report.json").read_text())
    assert content["samples"] == 6
    session.bench.controller.privacy.set_masked(False)
    wizard.look_over.export_to(tmp_path / "open.txt")
    until(qtbot, (tmp_path / "open.txt").is_file)
    assert "patient 'p1'" in (tmp_path / "open.txt").read_text()


def test_that_patients_are_hidden_in_the_first_rows_until_they_are_asked_for(
    qtbot, session, wizard, tmp_path
):
    to_columns(qtbot, wizard, manifest(tmp_path / "set"))
    page = wizard.columns
    page.controls.labels.item(3).setCheckState(Qt.CheckState.Checked)
    box = page.controls.columns["patient_column"]
    box.setCurrentIndex(box.findData("person"))
    box.activated.emit(box.currentIndex())
    settled(qtbot, wizard)
    cell = page.rows.rows.index(0, 1)
    assert cell.data() == "•••"
    session.bench.controller.privacy.set_masked(False)
    assert cell.data() == "p1"


def test_that_an_inspection_can_be_stopped_and_begun_again(
    qtbot, wizard, tmp_path, monkeypatch: pytest.MonkeyPatch
):
    began, go = threading.Event(), threading.Event()
    look_over = look_over_page.look_over

    def slow(dataset, settings, token, emit):
        began.set()
        while not go.wait(0.005):
            token.check()
        return look_over(dataset, settings, token, emit)

    monkeypatch.setattr(look_over_page, "look_over", slow)
    to_columns(qtbot, wizard, class_folders(tmp_path / "skin"))
    wizard.next.click()
    page = wizard.look_over
    until(qtbot, began.is_set)
    assert page.callout.button.text() == "Stop"
    page.callout.button.click()
    assert not page.task.busy
    assert "Stopped" in page.callout.text.text()
    assert wizard.draft.report is None
    go.set()
    page.callout.button.click()
    until(qtbot, lambda: wizard.draft.report is not None)


def test_that_leaving_stops_what_runs(qtbot, session, tmp_path, monkeypatch: pytest.MonkeyPatch):
    began = threading.Event()

    def endless(_dataset, _settings, token, _emit):
        began.set()
        while True:
            token.check()
            threading.Event().wait(0.005)

    monkeypatch.setattr(look_over_page, "look_over", endless)
    dialog = open_wizard(session.window)
    to_columns(qtbot, dialog, class_folders(tmp_path / "skin"))
    dialog.next.click()
    until(qtbot, began.is_set)
    dialog.leave()
    until(qtbot, lambda: session.bench.controller.background.idle)
    assert session.bench.controller.librarian.library.entries == ()


def test_that_classes_are_put_in_another_order_and_left_out(qtbot, wizard, tmp_path):
    to_columns(qtbot, wizard, class_folders(tmp_path / "skin", ("a", "b", "c")))
    classes = wizard.columns.classes
    classes.list.setCurrentRow(2)
    classes.up.click()
    settled(qtbot, wizard)
    assert wizard.draft.reading.dataset.classes == ("a", "c", "b")
    classes.list.item(0).setCheckState(Qt.CheckState.Unchecked)
    settled(qtbot, wizard)
    dataset = wizard.draft.reading.dataset
    assert dataset.classes == ("c", "b")
    assert int(dataset.known().sum()) == 8
    assert "4 without a full label" in wizard.columns.summary.text()
    classes.reset.click()
    settled(qtbot, wizard)
    assert wizard.draft.reading.dataset.classes == ("a", "b", "c")


def test_that_classes_of_an_archive_can_be_named(qtbot, wizard, tmp_path):
    to_columns(qtbot, wizard, npz(tmp_path / "set.npz"))
    classes = wizard.columns.classes
    assert classes.names() == ("0", "1")
    classes.list.item(1).setText("pneumonia")
    settled(qtbot, wizard)
    assert wizard.draft.reading.dataset.classes == ("0", "pneumonia")


def test_that_splits_and_part_are_worked_out_as_they_are_edited(qtbot, session, wizard, tmp_path):
    to_end(qtbot, wizard, npz(tmp_path / "set.npz"))
    page = wizard.divide
    assert "18 samples" in page.summary.text()
    page.part.splits.set_ticked(("test",))
    page.part.per_class.setValue(2)
    until(qtbot, lambda: wizard.next.isEnabled() and "4 of 18" in page.summary.text())
    assert page.bars.bars.counts[0].by_split == (("train", 0), ("val", 0), ("test", 2))
    page.part.filter.setText("colour=blue")
    page.part.edited.emit()
    until(qtbot, lambda: "no condition" in page.callout.text.text())
    assert "Write column=pattern" in page.callout.remedy.text()
    assert not wizard.next.isEnabled()
    page.part.filter.clear()
    page.part.edited.emit()
    until(qtbot, wizard.next.isEnabled)
    wizard.next.click()
    (entry,) = session.bench.controller.librarian.library.entries
    assert entry.subset == {"splits": "test", "per_class": 2}
    assert entry.samples == 4


def test_that_a_split_by_patient_takes_leakage_away(qtbot, session, wizard, tmp_path):
    corrected(qtbot, wizard, tmp_path)
    assert wizard.draft.report.problems.count(ProblemKind.PATIENT_IN_TWO_SPLITS) == 1
    wizard.next.click()
    until(qtbot, wizard.next.isEnabled)
    wizard.divide.anew.setChecked(True)
    until(qtbot, lambda: wizard.next.isEnabled() and wizard.draft.division.split is not None)
    division = wizard.draft.division
    homes: dict[str, set[str]] = {}
    for sample in division.dataset:
        homes.setdefault(sample.patient, set()).add(sample.split)
    assert all(len(splits) == 1 for splits in homes.values())
    assert [name for name, _, _ in division.parts] == ["train", "val", "test"]


def test_that_a_name_is_taken_once(qtbot, session, wizard, tmp_path):
    root = class_folders(tmp_path / "skin")
    to_end(qtbot, wizard, root)
    wizard.next.click()
    again = open_wizard(session.window)
    to_look_over(qtbot, again, root)
    again.next.click()
    until(qtbot, lambda: again.draft.division is not None and not again.divide.task.busy)
    assert not again.next.isEnabled()
    assert again.divide.name_error.isVisible()
    again.divide.name.clear()
    qtbot.keyClicks(again.divide.name, "skin 2")
    assert again.next.isEnabled()
    again.leave()


@pytest.mark.skipif(not SHARED.is_file(), reason="the shared pneumoniamnist.npz is not here")
def test_that_pneumoniamnist_is_understood_and_looked_over(qtbot, wizard):
    to_look_over(qtbot, wizard, SHARED)
    assert wizard.draft.reading.dataset.classes == ("normal", "pneumonia")
    report = wizard.draft.report
    # The counts of its README.
    assert [(s.name, s.samples) for s in report.splits] == [
        ("train", 3882),
        ("val", 524),
        ("test", 624),
    ]
    assert wizard.look_over.facts.text_of("28 × 28 grey") == "500"


def test_that_what_is_no_data_set_is_refused_in_one_sentence(qtbot, wizard, tmp_path):
    begin(qtbot, wizard, tmp_path / "nowhere")
    assert "does not exist" in wizard.source.callout.text.text()
    assert not wizard.next.isEnabled()
    (tmp_path / "empty").mkdir()
    begin(qtbot, wizard, tmp_path / "empty")
    assert "none of the known layouts" in wizard.source.callout.text.text()
    assert not wizard.next.isEnabled()
    broken = tmp_path / "broken.npz"
    broken.write_bytes(b"PK\x03\x04 cut off")
    to_columns(qtbot, wizard, broken)
    assert "broken.npz" in wizard.columns.callout.text.text()
    assert wizard.columns.callout.remedy.text()
    assert not wizard.next.isEnabled()


def test_that_a_dropped_archive_opens_the_wizard(qtbot, session, tmp_path):
    open_dropped(session.window, [npz(tmp_path / "set.npz")])
    dialog = session.window.findChild(DatasetWizard)
    until(qtbot, lambda: dialog.draft.source is not None)
    assert dialog.draft.options.layout == "medmnist"
    dialog.leave()


def test_that_a_dropped_folder_per_class_is_asked_about_and_never_guessed(qtbot, session, tmp_path):
    notices = session.bench.controller.notices
    root = class_folders(tmp_path / "skin")
    open_dropped(session.window, [root])
    until(qtbot, lambda: bool(notices.notices))
    (notice,) = notices.notices
    assert "looks like a labelled data set" in notice.text
    assert session.bench.studies.empty
    (row,) = session.window.messages.rows
    _importing, opening = row.actions_
    opening.click()
    until(qtbot, lambda: not session.bench.studies.empty)
    assert not notices.notices
    open_dropped(session.window, [root])
    until(qtbot, lambda: bool(notices.notices))
    session.window.messages.rows[0].actions_[0].click()
    dialog = session.window.findChild(DatasetWizard)
    until(qtbot, lambda: dialog.draft.source is not None)
    dialog.leave()


def test_that_a_dropped_folder_of_images_opens_as_a_study(qtbot, session, tmp_path):
    for k in range(2):
        image(tmp_path / "scans" / f"{k}.png", seed=k)
    open_dropped(session.window, [tmp_path / "scans"])
    until(qtbot, lambda: not session.bench.studies.empty and not session.bench.jobs.busy)
    assert session.bench.controller.notices.notices == ()


def test_that_dicom_series_in_folders_open_as_images_with_an_offer_beside(qtbot, session, tmp_path):
    study = generate_uid()
    for number in (1, 2):
        folder = tmp_path / "disc" / f"series{number}"
        folder.mkdir(parents=True)
        ct_slice(folder / "a.dcm", depth=0, number=1, study=study, series=generate_uid())
    open_dropped(session.window, [tmp_path / "disc"])
    notices = session.bench.controller.notices
    until(qtbot, lambda: not session.bench.studies.empty and notices.notices != ())
    assert "was opened as images" in notices.notices[-1].text
    assert [action.text for action in notices.notices[-1].actions] == ["Import as data set…"]
