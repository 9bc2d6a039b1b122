"""The data set library and its panel: kept, shown, predicted, opened with true labels."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import platformdirs
import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from medadv_desktop.audit.requests import AttackRequest, PredictManyRequest
from medadv_desktop.errors import DatasetError
from medadv_desktop.gui.application import Session
from medadv_desktop.gui.labelled.match_dialog import MatchDialog
from medadv_desktop.gui.labelled.matching import judge, match_classes, proposal
from medadv_desktop.gui.state.dataset_library import (
    DatasetEntry,
    DatasetLibrary,
    StoredCount,
    read_library,
    write_library,
)
from medadv_desktop.imaging.reading import read_frame
from tests.gui.conftest import CARDS, close_session
from tests.gui.dataset_samples import GreyReader, class_folders, npz, until

CHOSEN = Qt.CheckState.Checked


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Digests and samples of archives are not kept in the user's own cache."""
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda *_, **__: str(tmp_path / "cache"))


@pytest.fixture
def engine() -> GreyReader:
    return GreyReader()


def entry_for(path: Path, *classes: str, count: int = 4, **values: object) -> DatasetEntry:
    counts = tuple(StoredCount(name=name, samples=count) for name in classes)
    return DatasetEntry(
        name=str(values.pop("name", path.stem)),
        path=path,
        layout="class-folders",
        task="single-label",
        samples=count * len(classes),
        counts=counts,
        **values,
    )


def panel_of(session: Session):
    dock = session.window.docks["datasets"]
    dock.raise_()
    return dock.widget()


@pytest.fixture
def skin(tmp_path: Path) -> DatasetEntry:
    """Melanoma is dark and naevus bright, which the engine takes for naevus and melanoma."""
    return entry_for(class_folders(tmp_path / "skin"), "melanoma", "naevus")


@pytest.fixture
def shown(qtbot, session, skin):
    """The panel with a data set whose samples are all there."""
    panel = panel_of(session)
    session.bench.controller.librarian.add(skin)
    until(qtbot, lambda: len(panel.deck.previews) == 8 and not session.bench.jobs.busy)
    return panel


# -------------------------------------------------------------------- kept


def test_that_entries_are_there_again_in_the_next_session(qtbot, open_window, skin):
    first = open_window()
    librarian = first.bench.controller.librarian
    librarian.add(skin)
    librarian.set_matches(skin.id, "net-a", {"melanoma": "naevus"})
    until(qtbot, lambda: librarian.library.entries[0].fingerprint is not None)
    before = librarian.library.entries
    close_session(qtbot, first)
    again = open_window().bench.controller.librarian.library
    until(qtbot, lambda: again.entries != ())
    assert again.entries == before
    assert again.current.name == "skin"


def test_that_an_entry_whose_data_is_gone_is_kept_and_shown_with_the_reason(
    qtbot, session, shown, skin
):
    library = session.bench.controller.librarian.library
    shutil.rmtree(skin.path)
    session.bench.controller.librarian.check()
    until(qtbot, lambda: skin.id in library.missing)
    assert "does not exist any more" in library.missing[skin.id]
    assert "missing" in shown.list.model().index(0).data()
    assert "does not exist any more" in shown.details.missing.text()
    until(qtbot, lambda: not session.window.actions_["reveal-dataset"].isEnabled())
    assert library.entries[0].id == skin.id


def test_that_removing_an_entry_deletes_no_data(qtbot, session, shown, skin):
    session.window.actions_["remove-dataset"].trigger()
    library = session.bench.controller.librarian.library
    assert library.entries == ()
    assert read_library(library.path) == ()
    assert len(list(skin.path.rglob("*.png"))) == 8
    assert shown.currentWidget() is shown.empty


def test_that_a_list_of_an_unknown_version_is_refused_and_not_written_over(
    qtbot, open_window, tmp_path, skin
):
    path = DatasetLibrary().path
    old = json.dumps({"kind": "medadv-dataset-library", "version": 99, "entries": []})
    path.write_text(old)
    with pytest.raises(DatasetError, match="version 99"):
        read_library(path)
    session = open_window()
    panel, librarian = panel_of(session), session.bench.controller.librarian
    until(qtbot, lambda: bool(librarian.library.refusal))
    assert "version 99" in panel.refusal.text.text()
    librarian.add(skin)
    assert path.read_text() == old
    panel.refusal.button.click()
    (aside,) = path.parent.glob("datasets-*.json")
    assert aside.read_text() == old
    assert read_library(path) == librarian.library.entries


@pytest.mark.parametrize(
    "text", ["", "[]", '{"kind": "other"}', '{"kind": "medadv-dataset-library"']
)
def test_that_a_damaged_list_is_refused_with_a_remedy(tmp_path, text):
    path = tmp_path / "datasets.json"
    path.write_text(text)
    with pytest.raises(DatasetError) as caught:
        read_library(path)
    assert caught.value.subject == str(path)
    assert "kept" in caught.value.remedy


def test_that_what_is_written_is_read_back(tmp_path, skin):
    path = tmp_path / "datasets.json"
    write_library(path, (skin,))
    assert read_library(path) == (skin,)
    assert read_library(tmp_path / "nothing.json") == ()


# -------------------------------------------------------------------- looked over


def test_that_looking_over_again_finds_what_has_changed(qtbot, session, shown, skin):
    librarian = session.bench.controller.librarian
    before = librarian.library.current.fingerprint
    (skin.path / "naevus" / "3.png").write_bytes(b"no image at all")
    session.window.actions_["look-over-dataset"].trigger()
    until(qtbot, lambda: not session.bench.jobs.busy and librarian.library.current.look)
    until(qtbot, lambda: librarian.library.current.fingerprint != before)
    assert ("unreadable image", 1) in librarian.library.current.look.problems
    texts = [n.text for n in session.bench.controller.notices.notices]
    assert any("not the same as before" in text and before.short in text for text in texts)


def test_that_the_fingerprint_is_copied_in_full(session, shown):
    shown.details.copy.click()
    fingerprint = session.bench.controller.librarian.library.current.fingerprint
    assert QApplication.clipboard().text() == fingerprint.sha256
    assert shown.details.fingerprint.text() == fingerprint.sha256[:12]


# -------------------------------------------------------------------- predicted


def test_that_predictions_are_marked_right_and_wrong_by_the_names_of_the_classes(
    qtbot, session, shown, engine
):
    # The model has naevus and melanoma, in this order; the set has them the other way round.
    session.bench.controller.choose_model("net-a")
    until(qtbot, lambda: len(shown.deck.verdicts) == 8)
    for row, preview in enumerate(shown.deck.previews):
        verdict = shown.deck.verdicts[row]
        assert verdict.words.startswith("naevus" if preview.label == "melanoma" else "melanoma")
        assert verdict.right is False
    until(qtbot, lambda: "0 of 8 right by Net-A" in shown.state.text())
    # No request is so long that somebody would wait for it.
    assert [len(r.frames) for r in engine.of(PredictManyRequest)] == [6, 2]


def test_that_right_ones_are_counted(qtbot, session, tmp_path, engine):
    panel = panel_of(session)
    root = class_folders(tmp_path / "other", ("naevus", "melanoma"))
    (root / "naevus" / "0.png").unlink()
    shutil.copy(root / "melanoma" / "0.png", root / "naevus" / "0.png")
    session.bench.controller.librarian.add(entry_for(root, "naevus", "melanoma"))
    session.bench.controller.choose_model("net-a")
    # Classes in natural order, melanoma first; one of the naevi is as bright as a melanoma.
    until(qtbot, lambda: len(panel.deck.verdicts) == 8)
    assert panel.deck.right == (7, 8)


def test_that_a_failed_prediction_is_told_and_not_tried_for_ever(qtbot, session, shown, engine):
    engine.error, engine.error_for = DatasetError("the weights are gone"), PredictManyRequest
    session.bench.controller.choose_model("net-a")
    until(qtbot, lambda: "the weights are gone" in shown.state.text())
    assert len(engine.of(PredictManyRequest)) == 1


def test_that_classes_without_match_are_named_and_matched_by_the_user_alone(
    qtbot, session, tmp_path, engine
):
    panel = panel_of(session)
    librarian, case = session.bench.controller.librarian, session.bench.case
    entry = entry_for(class_folders(tmp_path / "set", ("MEL", "Naevus ")), "MEL", "Naevus ")
    librarian.add(entry)
    session.bench.controller.choose_model("net-a")
    until(qtbot, lambda: len(panel.deck.verdicts) == 8)
    assert all(v.right is None for v in panel.deck.verdicts.values())
    assert "none of these classes" in panel.state.text()
    panel.strip.chosen.emit(panel.deck.previews[0])
    until(qtbot, lambda: case.frame is not None)
    assert case.labels is None
    panel.match.click()
    dialog = panel.findChild(MatchDialog)
    assert dialog.boxes["MEL"].currentData() == ""
    assert dialog.boxes["Naevus "].currentData() == "naevus"  # proposed, not in force
    assert panel.deck.match.unmatched == ("MEL", "Naevus ")
    box = dialog.boxes["MEL"]
    box.setCurrentIndex(box.findData("melanoma"))
    dialog._accept()
    until(qtbot, lambda: panel.deck.right == (0, 8))
    assert case.labels == (CARDS["net-a"].classes.index("melanoma"),)
    assert librarian.library.current.matches == {"net-a": {"MEL": "melanoma", "Naevus ": "naevus"}}


def test_that_a_multi_label_prediction_is_judged_by_the_findings_both_know():
    card = CARDS["chest"]  # effusion, mass, nodule
    match = match_classes("multi-label", ("mass", "effusion"), card)
    engine = GreyReader()
    effusion = engine._prediction(card, 0)
    assert judge(effusion, (0, 1), match).right is True
    wrong = judge(effusion, (1, 0), match)
    assert wrong.right is False
    assert "missed: mass" in wrong.words
    assert "false: effusion" in wrong.words
    assert match.labels((0, 1)) is None  # nobody knows of the nodule
    assert judge(effusion, (-1, -1), match).right is None


def test_that_tasks_that_differ_are_never_matched():
    match = match_classes("single-label", ("effusion", "mass"), CARDS["chest"])
    assert "multi-label" in match.refusal
    assert match.labels((0,)) is None
    assert proposal("Effusion ", CARDS["chest"]) == "effusion"
    assert proposal("pneumonia", CARDS["chest"]) == ""


# -------------------------------------------------------------------- opened


def test_that_a_sample_opens_with_its_true_label_and_the_attack_gets_it(
    qtbot, session, shown, engine
):
    controller, case = session.bench.controller, session.bench.case
    controller.choose_model("net-a")
    preview = next(p for p in shown.deck.previews if p.label == "melanoma")
    shown.strip.chosen.emit(preview)
    until(qtbot, lambda: case.prediction is not None)
    assert case.instance.path == preview.sample.path
    assert case.labels == (1,)
    attack = session.window.docks["attack"].widget()
    assert attack.labels.choice.currentText() == "melanoma"
    controller.run_attack()
    until(qtbot, lambda: case.outcome is not None)
    assert engine.of(AttackRequest)[0].labels == (1,)


def test_that_a_click_on_a_sample_opens_it(qtbot, session, shown):
    strip = shown.strip
    index = strip.model().index(2)
    strip.scrollTo(index)
    where = strip.visualRect(index).center()
    qtbot.mouseClick(strip.viewport(), Qt.MouseButton.LeftButton, pos=where)
    case = session.bench.case
    until(qtbot, lambda: case.frame is not None)
    assert case.instance.path == shown.deck.previews[2].sample.path


def test_that_the_label_is_in_the_order_of_whichever_model_is_chosen(qtbot, session, shown):
    controller, case = session.bench.controller, session.bench.case
    preview = next(p for p in shown.deck.previews if p.label == "naevus")
    shown.strip.chosen.emit(preview)
    until(qtbot, lambda: case.frame is not None)
    assert case.labels is None  # no model, no order
    controller.choose_model("net-a")
    assert case.labels == (0,)
    controller.choose_model("chest")
    assert case.labels is None


def test_that_a_sample_of_an_archive_opens_with_exactly_its_pixels(
    qtbot, session, tmp_path, engine
):
    panel, case = panel_of(session), session.bench.case
    path = npz(tmp_path / "set.npz")
    entry = entry_for(path, "0", "1", subset={"splits": "test"})
    session.bench.controller.librarian.add(entry)
    until(qtbot, lambda: len(panel.deck.previews) == 6)
    preview = next(p for p in panel.deck.previews if p.sample.frame == 5)
    panel.strip.chosen.emit(preview)
    until(qtbot, lambda: case.frame is not None)
    assert np.array_equal(case.frame.stored, np.full((5, 5), 5, np.uint8))
    assert np.array_equal(read_frame(case.instance.path).stored, case.frame.stored)
    assert session.bench.controller.librarian.labels.named(case.instance.path, 0).labels == (1,)


def test_that_all_samples_in_sight_open_as_one_study(qtbot, session, shown):
    session.window.actions_["open-dataset"].trigger()
    studies = session.bench.studies
    until(qtbot, lambda: len(studies.instances()) == 8 and not session.bench.jobs.busy)
    labels = session.bench.controller.librarian.labels
    for instance in studies.instances():
        named = labels.named(instance.path, 0)
        assert named.classes[named.labels[0]] == instance.path.parent.name


def test_that_the_frame_that_a_sample_names_is_looked_at_with_its_own_label(
    qtbot, session, tmp_path, engine
):
    panel, case = panel_of(session), session.bench.case
    pages = [Image.fromarray(np.full((6, 8), grey, np.uint8)) for grey in (10, 20, 30)]
    pages[0].save(tmp_path / "stack.tif", save_all=True, append_images=pages[1:])
    table = tmp_path / "frames.csv"
    table.write_text("file,frame,label\nstack.tif,0,naevus\nstack.tif,2,melanoma\n")
    session.bench.controller.choose_model("net-a")
    session.bench.controller.librarian.add(entry_for(table, "melanoma", "naevus"))
    until(qtbot, lambda: len(panel.deck.previews) == 2)
    preview = next(p for p in panel.deck.previews if p.sample.frame == 2)
    panel.strip.chosen.emit(preview)
    until(qtbot, lambda: case.frame is not None and case.frame.provenance.frame == 2)
    assert case.frame.stored.flat[0] == 30
    assert case.labels == (1,)
    session.bench.controller.select(case.instance, 0)
    until(qtbot, lambda: case.frame.provenance.frame == 0)
    assert case.labels is None  # the label is of the frame that was opened, and of no other
