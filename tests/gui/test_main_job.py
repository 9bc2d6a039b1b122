"""From a dropped file to an attack's outcome, in the window."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from PySide6.QtCore import QLibraryInfo, QMimeData, QPoint, QPointF, Qt, QUrl, QVersionNumber
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication

from medadv_desktop.attacks.gradient.pgd import PGD
from medadv_desktop.attacks.objectives import HideFinding, Untargeted
from medadv_desktop.audit.requests import AttackRequest, LoadRequest, PredictRequest
from medadv_desktop.errors import AttackError
from medadv_desktop.gui.background import Urgency
from medadv_desktop.gui.controller import EngineStage
from medadv_desktop.gui.desk import Audience
from medadv_desktop.gui.state.jobs import JobState
from medadv_desktop.gui.state.log import Level
from medadv_desktop.gui.study_tree import Kind

# Qt 6.12 takes a QPointF and deprecates the QPoint that earlier releases demand.
ENTERED_AT = (QPointF if QLibraryInfo.version() >= QVersionNumber(6, 12) else QPoint)(200, 200)


def drop(window, paths: list[Path]) -> QDropEvent:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(p)) for p in paths])
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(ENTERED_AT, Qt.DropAction.CopyAction, mime, buttons, keys)
    QApplication.sendEvent(window, enter)
    assert enter.isAccepted()
    event = QDropEvent(QPointF(200, 200), Qt.DropAction.CopyAction, mime, buttons, keys)
    QApplication.sendEvent(window, event)
    return event


def rows(session) -> list[tuple[Kind, str]]:
    """Every row of the study browser, from top to bottom."""
    tree = session.window.docks["browser"].widget().tree
    found = []

    def walk(node) -> None:
        for child in node.children:
            found.append((child.kind, tree.index_of(child).data()))
            walk(child)

    walk(tree.node(tree.index(-1, 0)))
    return found


def ended(session, title_part: str) -> list[JobState]:
    return [j.state for j in session.bench.jobs.jobs if title_part in j.title]


def test_that_a_dropped_folder_is_listed_and_its_first_image_shown(qtbot, session, scan):
    event = drop(session.window, [scan])
    qtbot.waitUntil(lambda: session.bench.case.frame is not None)
    assert event.isAccepted()
    names = [text.partition("\n")[0] for kind, text in rows(session) if kind is Kind.INSTANCE]
    assert names == ["one.png", "two.png"]
    assert session.bench.case.frame.stored.shape == (48, 64, 3)
    assert session.window.windowTitle().startswith("one.png")


def test_that_a_drop_without_files_is_refused(session):
    mime = QMimeData()
    mime.setText("no file")
    event = QDragEnterEvent(
        ENTERED_AT,
        Qt.DropAction.CopyAction,
        mime,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    event.ignore()
    QApplication.sendEvent(session.window, event)
    assert not event.isAccepted()


def test_that_a_broken_file_among_good_ones_is_told_and_listed_while_the_rest_opens(
    qtbot, session, scan
):
    (scan / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n then nothing")
    (scan / "readme.txt").write_text("no image")
    session.bench.controller.open_paths([scan])
    qtbot.waitUntil(lambda: session.bench.case.frame is not None and not session.bench.jobs.busy)
    listed = rows(session)
    assert sum(kind is Kind.INSTANCE for kind, _ in listed) == 2
    refused = [text for kind, text in listed if kind is Kind.UNREADABLE]
    assert any(text.startswith("broken.png: ") and len(text) > 14 for text in refused)
    assert any(text.startswith("readme.txt: ") for text in refused)
    notices = session.bench.controller.notices.notices
    assert [str(scan / "broken.png") in n.text for n in notices] == [True]


def test_that_several_broken_files_become_one_message_with_a_list(qtbot, session, scan):
    for number in range(3):
        (scan / f"bad{number}.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    session.bench.controller.open_paths([scan])
    notices = session.bench.controller.notices
    qtbot.waitUntil(lambda: len(notices.notices) == 1)
    assert notices.notices[0].text.startswith("3 file(s) could not be opened")
    assert len(notices.notices[0].details.splitlines()) == 3
    row = session.window.messages.rows[0]
    row.copy.click()
    assert "bad2.png" in QApplication.clipboard().text()
    row.dismiss.click()
    assert not notices.notices


def test_that_a_missing_file_is_told_and_leaves_the_recent_list(qtbot, session, tmp_path):
    recent, missing = session.bench.controller.recent, tmp_path / "gone.dcm"
    recent.add(missing)
    session.bench.controller.open_paths([missing])
    qtbot.waitUntil(lambda: len(session.bench.controller.notices.notices) > 0)
    assert str(missing) in session.bench.controller.notices.notices[0].text
    assert missing not in recent.paths


def test_that_an_opened_folder_is_remembered_in_the_next_session(qtbot, session, open_window, scan):
    session.bench.controller.open_paths([scan])
    qtbot.waitUntil(lambda: session.bench.controller.recent.paths == (scan,))
    assert open_window().bench.controller.recent.paths == (scan,)


def test_that_a_frame_that_cannot_be_decoded_is_told_and_nothing_old_stays_on_screen(
    qtbot, opened, scan
):
    (scan / "two.png").write_bytes((scan / "two.png").read_bytes()[:200])
    second = opened.bench.studies.instances()[1]
    opened.bench.controller.select(second)
    qtbot.waitUntil(lambda: len(opened.bench.controller.notices.notices) > 0)
    assert "two.png" in opened.bench.controller.notices.notices[0].text
    assert opened.bench.case.frame is None


def test_that_choosing_a_model_predicts_the_open_image(qtbot, session, scan):
    session.bench.controller.open_paths([scan])
    qtbot.waitUntil(lambda: session.bench.case.frame is not None)
    with qtbot.waitSignal(session.bench.case.prediction_changed):
        session.bench.controller.choose_model("net-a")
    assert session.bench.case.prediction.prediction.decided == ("naevus",)
    assert session.bench.case.loaded.layers == ("stem", "block1")


def test_that_a_second_model_predicts_the_same_image(qtbot, opened):
    with qtbot.waitSignal(opened.bench.case.second_prediction_changed):
        opened.bench.controller.choose_second_model("net-b")
    case = opened.bench.case
    assert case.second_prediction.request.frame is case.frame
    assert case.prediction is not None


def test_that_an_attack_runs_to_its_outcome(qtbot, opened, engine):
    panel = opened.window.docks["attack"].widget()
    previews = []
    opened.bench.case.preview_changed.connect(lambda: previews.append(opened.bench.case.preview))
    with qtbot.waitSignal(opened.bench.case.outcome_changed):
        qtbot.mouseClick(panel.run, Qt.MouseButton.LeftButton)
    outcome = opened.bench.case.outcome
    assert outcome.success
    assert outcome.request.attack == PGD()
    assert opened.bench.case.preview is None
    assert previews[0] is not None
    assert ended(opened, "PGD") == [JobState.DONE]
    assert not opened.bench.controller.attacking


def test_that_the_outcome_has_the_second_models_view(qtbot, opened):
    controller, case = opened.bench.controller, opened.bench.case
    controller.choose_second_model("net-b")
    qtbot.waitUntil(lambda: case.second_prediction is not None)
    with qtbot.waitSignal(case.outcome_changed):
        controller.run_attack()
    assert case.outcome.second_clean.card.id == "net-b"


def test_that_cancel_ends_an_attack_in_its_midst_with_one_terminal_signal(qtbot, opened, engine):
    engine.go.clear()
    bridge = opened.bench.controller._desk.bridge
    terminal = []
    for name in ("finished", "failed", "cancelled"):
        getattr(bridge, name).connect(lambda job, *_, name=name: terminal.append((job, name)))
    opened.bench.controller.run_attack()
    assert engine.attacking.wait(30)
    job = opened.bench.jobs.jobs[-1].id
    qtbot.waitUntil(opened.window.actions_["cancel"].isEnabled)
    with qtbot.waitSignal(bridge.cancelled):
        opened.window.actions_["cancel"].trigger()
    qtbot.waitUntil(lambda: not opened.bench.jobs.busy)
    assert terminal == [(job, "cancelled")]
    assert opened.bench.case.outcome is None
    assert not opened.bench.controller.attacking
    assert ended(opened, "PGD") == [JobState.CANCELLED]


def test_that_cancel_spares_the_start_of_the_engine_and_the_log_tells_what_was_stopped(
    qtbot, opened
):
    desk, over = opened.bench.controller._desk, threading.Event()
    answers = []

    def work(token, _emit):
        while not over.wait(0.002):
            token.check()
        return "done"

    def listed(title):
        return desk.read(work, Urgency.SCAN, Audience(title, answers.append), listed=True)

    spared = listed("Engine")
    listed("Other")
    desk.cancel_listed(spared)
    qtbot.waitUntil(lambda: ended(opened, "Other") == [JobState.CANCELLED])
    over.set()
    qtbot.waitUntil(lambda: answers == ["done"])
    told = [line.text for line in opened.bench.log.lines]
    assert [t for t in told if t.startswith("Cancelled")] == ["Cancelled: Other"]


def test_that_a_waiting_job_can_be_cancelled_before_it_starts(qtbot, opened, engine):
    engine.go.clear()
    opened.bench.controller.run_attack()
    assert engine.attacking.wait(30)
    bridge = opened.bench.controller._desk.bridge
    waiting = bridge.submit(LoadRequest("net-b"))
    bridge.cancel(waiting)
    with qtbot.waitSignal(bridge.cancelled, check_params_cb=lambda job: job == waiting):
        engine.go.set()
    assert LoadRequest("net-b") not in engine.requests


@pytest.mark.parametrize(
    "error", [AttackError("does not fit", subject="labels", remedy="Choose"), RuntimeError("boom")]
)
def test_that_a_failing_attack_is_told_and_the_window_goes_on(qtbot, opened, engine, error):
    engine.error = error
    opened.bench.controller.run_attack()
    notices = opened.bench.controller.notices
    qtbot.waitUntil(lambda: len(notices.notices) > 0)
    assert str(error).partition(":")[0] in notices.notices[0].text
    assert "one.png" in notices.notices[0].text
    assert "Traceback" in notices.notices[0].details
    assert ended(opened, "PGD") == [JobState.FAILED]
    engine.error = None
    with qtbot.waitSignal(opened.bench.case.outcome_changed):
        opened.bench.controller.run_attack()


def test_that_an_exception_no_except_clause_catches_still_ends_its_job(qtbot, opened, engine):
    engine.error = SystemExit(3)
    opened.bench.controller.run_attack()
    qtbot.waitUntil(lambda: not opened.bench.jobs.busy)
    assert ended(opened, "PGD") == [JobState.FAILED]


def test_that_an_engine_that_cannot_be_loaded_is_told(qtbot, open_window):
    def broken(_device: str):
        raise ImportError("no torch here")

    session = open_window(broken, warm=False)
    session.bench.controller.warm_up()
    qtbot.waitUntil(lambda: session.bench.controller.engine.stage is EngineStage.FAILED)
    assert "no torch here" in session.bench.controller.notices.notices[0].text
    assert "could not be loaded" in session.window.statusBar().engine.text()


def test_that_another_image_stops_the_attack_and_its_answer_is_dropped(qtbot, opened, engine):
    engine.go.clear()
    opened.bench.controller.run_attack()
    assert engine.attacking.wait(30)
    opened.bench.controller.step_frame(1)
    qtbot.waitUntil(lambda: opened.bench.case.instance.path.name == "two.png")
    engine.go.set()
    qtbot.waitUntil(lambda: not opened.bench.jobs.busy)
    assert opened.bench.case.outcome is None
    assert ended(opened, "PGD") == [JobState.CANCELLED]
    assert opened.bench.case.prediction.request.frame is opened.bench.case.frame


def test_that_an_answer_for_another_model_is_dropped(qtbot, opened, engine):
    controller = opened.bench.controller
    controller.choose_model("net-b")
    controller.choose_model("chest")
    qtbot.waitUntil(lambda: not opened.bench.jobs.busy)
    assert opened.bench.case.prediction.request.model == "chest"
    assert opened.bench.case.loaded.model == "chest"


def test_that_feature_maps_come_for_clean_and_attacked_image(qtbot, opened, engine):
    controller, case = opened.bench.controller, opened.bench.case
    controller.request_features("stem")
    qtbot.waitUntil(lambda: case.features is not None)
    assert case.features.adversarial is None
    with qtbot.waitSignal(case.outcome_changed):
        controller.run_attack()
    controller.request_features("stem")
    qtbot.waitUntil(lambda: case.features is not None)
    assert case.features.request.adversarial is case.outcome.adversarial


def test_that_labels_and_goal_of_one_model_do_not_reach_another(qtbot, opened):
    controller, case = opened.bench.controller, opened.bench.case
    controller.choose_model("chest")
    case.set_attack(case.attack, HideFinding(finding=2), 0)
    case.set_labels((0, 1, 0))
    controller.choose_model("net-a")
    assert case.labels is None
    assert case.objective == Untargeted()


def test_that_true_labels_given_with_the_files_are_attacked(qtbot, session, engine, scan):
    controller, case = session.bench.controller, session.bench.case
    controller.choose_model("net-a")
    controller.open_paths([scan], labels={scan / "one.png": (1,)})
    qtbot.waitUntil(lambda: case.prediction is not None)
    controller.run_attack()
    qtbot.waitUntil(lambda: case.outcome is not None)
    assert engine.of(AttackRequest)[0].labels == (1,)


def test_that_closing_the_study_empties_the_window(qtbot, opened):
    opened.window.actions_["close-study"].trigger()
    assert opened.bench.studies.empty
    assert opened.bench.case.frame is None
    assert opened.bench.case.prediction is None


def test_that_scrolling_fast_predicts_the_last_frame_only_once(qtbot, opened, engine):
    before = len(engine.of(PredictRequest))
    for _ in range(6):
        opened.bench.controller.step_frame(1)
        opened.bench.controller.step_frame(-1)
    opened.bench.controller.step_frame(1)
    qtbot.waitUntil(
        lambda: (
            opened.bench.case.prediction is not None
            and opened.bench.case.instance.path.name == "two.png"
            and not opened.bench.jobs.busy
        )
    )
    assert len(engine.of(PredictRequest)) == before + 1


def test_that_errors_of_the_package_reach_the_log(qtbot, session):
    import logging

    with qtbot.waitSignal(session.bench.log.added):
        logging.getLogger("medadv_desktop.somewhere").warning("watch %s", "out")
    assert session.bench.log.lines[-1].text == "watch out"
    assert session.bench.log.lines[-1].level is Level.WARNING
