"""The model library: what the panel lists, what can be done with it, and whose code may run."""

from __future__ import annotations

from pathlib import Path

import platformdirs
import pytest
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMessageBox

from medadv_desktop.audit.requests import LoadRequest
from medadv_desktop.gui.docks import models as dock
from medadv_desktop.gui.state.model_library import ModelState
from medadv_desktop.models.library import BrokenEntry, user_models
from tests.gui.model_cases import ImportEngine, put_model, until


@pytest.fixture
def engine() -> ImportEngine:
    return ImportEngine()


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The user's folder of this test, with a good model, one of Python code, and a broken card."""
    monkeypatch.setattr(platformdirs, "user_data_dir", lambda *_, **__: str(tmp_path / "data"))
    put_model(user_models(), "mine", sha256="ab" * 32)
    put_model(user_models(), "coded", weights="coded.py", architecture="as-in-file")
    (user_models() / "broken.toml").write_text("version = 1\nid = 'broken'\n")
    return user_models()


@pytest.fixture
def library(session):
    return session.bench.controller.model_library


@pytest.fixture
def panel(session):
    return session.window.docks["models"].widget()


def entry_of(library, stem: str):
    return next(e for e in library.entries if e.path.stem == stem)


def texts(panel, stem: str) -> list[str]:
    row = panel.table.row_of(entry_of(panel._library, stem))
    return [panel.table.index(row, column).data() for column in range(panel.table.columnCount())]


def answer(box: QMessageBox, role: QMessageBox.ButtonRole) -> None:
    next(b for b in box.buttons() if box.buttonRole(b) is role).click()


def do(session, action: str) -> None:
    """As by hand, after the event loop had come round."""
    session.window.actions_.refresh()
    session.window.docks["models"].widget().buttons[action].click()


YES, NO = QMessageBox.ButtonRole.AcceptRole, QMessageBox.ButtonRole.RejectRole


def test_that_shipped_own_and_broken_models_are_listed_each_with_what_is_known(panel, library):
    mine = texts(panel, "mine")
    assert mine[dock.NAME] == "Mine"
    assert mine[dock.TASK] == "classes"
    assert mine[dock.CLASSES] == "2"
    assert mine[dock.ACCESS] == "white box"
    assert mine[dock.FINGERPRINT] == "abababab"
    assert mine[dock.ORIGIN] == "yours"
    assert texts(panel, "demo-fundus")[dock.ORIGIN] == "shipped"
    assert texts(panel, "coded")[dock.ACCESS] == "when loaded"
    assert texts(panel, "broken")[dock.STATE] == "broken"
    assert library.own(entry_of(library, "mine"))
    assert not library.own(entry_of(library, "demo-fundus"))
    for known in ("demo-fundus", "mine", "broken"):
        assert library.taken(known) == entry_of(library, known)
    assert library.taken("nobody") is None


def test_that_a_broken_card_tells_its_reason_and_can_only_be_revealed_or_removed(panel, library):
    library.mark(entry_of(library, "broken"))
    assert isinstance(library.marked, BrokenEntry)
    assert panel.broken.level == "error"
    assert "name" in panel.broken.text.text()
    enabled = {name for name, button in panel.buttons.items() if button.isEnabled()}
    assert enabled == {"import-model", "reveal-model", "remove-model"}


def test_that_a_shipped_model_can_be_used_and_checked_but_not_changed(session, panel, library):
    library.mark(entry_of(library, "demo-fundus"))
    for action in ("edit-card", "remove-model"):
        assert not panel.buttons[action].isEnabled()
        session.window.actions_.refresh()
        assert "your own" in session.window.actions_[action].toolTip()
    assert panel.buttons["check-model"].isEnabled()


def test_that_the_marked_model_is_used_as_model_and_as_second_model(qtbot, session, panel, library):
    case = session.bench.case
    library.mark(entry_of(library, "mine"))
    do(session, "use-model")
    assert case.model == "mine"
    until(qtbot, lambda: case.loaded is not None)
    assert library.state(entry_of(library, "mine")) is ModelState.IN_USE
    library.mark(entry_of(library, "demo-fundus"))
    do(session, "use-second-model")
    until(qtbot, lambda: case.second_loaded is not None)
    assert texts(panel, "demo-fundus")[dock.STATE] == "second model"
    attack = session.window.docks["attack"].widget()
    assert (attack.model.currentData(), attack.second.currentData()) == ("mine", "demo-fundus")


def test_that_the_card_is_shown_in_words_and_its_fingerprint_copied(session, panel, library):
    library.mark(entry_of(library, "mine"))
    lines = dict(panel.sheet.lines)
    assert lines["Classes"] == "0 naevus, 1 melanoma"
    assert lines["SHA-256"] == "ab" * 32
    assert lines["Input"] == "3 × 32 × 32, stretched"
    do(session, "copy-fingerprint")
    assert QGuiApplication.clipboard().text() == "ab" * 32


def test_that_a_model_put_into_the_folder_appears_and_broken_cards_are_told_of_once(
    qtbot, session, library, models
):
    notices = session.bench.controller.notices
    assert len([n for n in notices.notices if "broken.toml" in n.text]) == 1
    notices.clear()
    put_model(models, "newcomer")
    until(qtbot, lambda: any(e.path.stem == "newcomer" for e in library.entries))
    attack = session.window.docks["attack"].widget()
    assert attack.model.findData("newcomer") >= 0
    assert attack.second.findData("newcomer") >= 0
    assert not notices.notices


def test_that_removing_asks_and_a_no_leaves_the_files(qtbot, session, panel, library, models):
    library.mark(entry_of(library, "mine"))
    do(session, "remove-model")
    answer(panel.questions[0], NO)
    until(qtbot, lambda: not panel.questions)
    assert (models / "mine.safetensors").exists()


def test_that_removing_takes_card_and_weights_and_the_model_out_of_use(
    qtbot, session, panel, library, models
):
    case = session.bench.case
    session.bench.controller.choose_model("mine")
    library.mark(entry_of(library, "mine"))
    do(session, "remove-model")
    answer(panel.questions[0], YES)
    until(qtbot, lambda: all(e.path.stem != "mine" for e in library.entries))
    assert not (models / "mine.safetensors").exists()
    assert not (models / "mine.toml").exists()
    assert case.model == ""
    assert library.marked is None


def test_that_a_broken_card_can_be_removed(qtbot, session, panel, library, models):
    library.mark(entry_of(library, "broken"))
    do(session, "remove-model")
    answer(panel.questions[0], YES)
    until(qtbot, lambda: all(e.path.stem != "broken" for e in library.entries))
    assert not (models / "broken.toml").exists()


# ---------------------------------------------------------------------- code of models


def test_that_the_code_of_a_model_is_asked_for_by_name_and_not_run_on_no(
    qtbot, session, engine, panel
):
    attack = session.window.docks["attack"].widget()
    attack.model.setCurrentIndex(attack.model.findData("coded"))
    attack.model.chosen.emit("coded")
    assert "coded.py" in panel.questions[0].text()
    answer(panel.questions[0], NO)
    until(qtbot, lambda: not panel.questions)
    assert session.bench.case.model == ""
    assert not engine.of(LoadRequest)
    assert attack.model.currentData() == ""


def test_that_the_code_of_a_model_is_asked_for_once_a_session(qtbot, session, engine, panel):
    controller, case = session.bench.controller, session.bench.case
    controller.choose_model("coded")
    answer(panel.questions[0], YES)
    until(qtbot, lambda: case.loaded is not None)
    assert case.model == "coded"
    controller.choose_second_model("coded")
    assert not panel.questions
    until(qtbot, lambda: len(engine.of(LoadRequest)) == 2)
    assert all(r.allow_code for r in engine.of(LoadRequest))


def test_that_code_that_changed_is_asked_about_again(qtbot, session, panel, library, models):
    controller = session.bench.controller
    controller.choose_model("coded")
    answer(panel.questions[0], YES)
    until(qtbot, lambda: session.bench.case.loaded is not None)
    controller.choose_model("")
    (models / "coded.py").write_bytes(b"something else")
    until(qtbot, lambda: not library.allows("coded"))
    controller.choose_model("coded")
    assert len(panel.questions) == 1
    answer(panel.questions[0], NO)


def test_that_another_engine_is_told_what_was_agreed_to(qtbot, session, engine, panel):
    controller = session.bench.controller
    controller.choose_model("coded")
    answer(panel.questions[0], YES)
    until(qtbot, lambda: session.bench.case.loaded is not None)
    asked = len(engine.of(LoadRequest))
    controller.choose_device("cpu")
    until(qtbot, lambda: len(engine.of(LoadRequest)) == asked + 1)
    assert engine.of(LoadRequest)[-1].allow_code


def test_that_a_model_named_at_the_start_is_asked_about_once_it_is_known(
    qtbot, open_window, models
):
    session = open_window(warm=False)
    controller, case = session.bench.controller, session.bench.case
    controller.choose_model("coded")
    controller.warm_up()
    questions = session.window.docks["models"].widget()
    until(qtbot, lambda: questions.questions)
    answer(questions.questions[0], YES)
    until(qtbot, lambda: case.loaded is not None)
    assert case.model == "coded"
    assert not questions.questions
