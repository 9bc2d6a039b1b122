"""Studies, attack, jobs and log: what the panels show and what they do."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication, QMenu

from medadv_desktop.attacks.gradient.fgsm import FGSM
from medadv_desktop.attacks.objectives import FlipFindings, HideFinding, Targeted
from medadv_desktop.audit.requests import AttackRequest
from medadv_desktop.gui.docks.jobs import PROGRESS, STATE, TIME, TITLE, seconds_text
from medadv_desktop.gui.state.log import Level
from medadv_desktop.gui.study_tree import NODE, Kind


def panel(session, name: str):
    return session.window.docks[name].widget()


def index_of(tree, text: str):
    """The first row whose text starts so."""

    def walk(parent):
        for row in range(tree.rowCount(parent)):
            index = tree.index(row, 0, parent)
            if index.data().startswith(text):
                return index
            if (found := walk(index)) is not None:
                return found
        return None

    return walk(tree.index(-1, 0))


# ---------------------------------------------------------------------- studies


def test_that_an_empty_browser_invites_to_open_something(qtbot, session):
    browser = panel(session, "browser")
    assert browser.currentWidget() is browser.welcome
    wanted = []
    session.bench.controller.action_wanted.disconnect()
    session.bench.controller.action_wanted.connect(wanted.append)
    for button in browser.welcome.buttons:
        button.click()
    assert wanted == ["open-file", "open-folder", "open-demo"]


def test_that_the_arrow_keys_go_through_the_images(qtbot, opened):
    browser = panel(opened, "browser")
    assert browser.view.currentIndex().data().startswith("one.png")
    qtbot.keyClick(browser.view, Qt.Key.Key_Down)
    qtbot.waitUntil(lambda: opened.bench.case.instance.path.name == "two.png")


def test_that_the_browser_follows_the_viewers(qtbot, opened):
    opened.bench.view.frame_step.emit(1)
    qtbot.waitUntil(lambda: opened.bench.case.instance.path.name == "two.png")
    assert panel(opened, "browser").view.currentIndex().data().startswith("two.png")


def test_that_thumbnails_come_off_the_gui_thread_when_they_are_looked_at(qtbot, opened):
    tree = panel(opened, "browser").tree
    path = opened.bench.studies.instances()[0].path
    qtbot.waitUntil(lambda: tree._thumbnails.get(path) is not None)
    picture = tree._thumbnails.get(path)
    assert (picture.width(), picture.height()) == (64, 48)


def test_that_scanning_more_keeps_what_was_closed_closed_and_the_selection(
    qtbot, opened, tmp_path, scan
):
    browser = panel(opened, "browser")
    more = tmp_path / "more"
    more.mkdir()
    (more / "three.png").write_bytes((scan / "one.png").read_bytes())
    browser.view.collapse(browser.tree.index(0, 0))
    opened.bench.controller.open_paths([more])
    qtbot.waitUntil(lambda: opened.bench.case.instance.path.name == "three.png")
    assert not browser.view.isExpanded(browser.tree.index(0, 0))
    assert browser.view.isExpanded(browser.tree.index(1, 0))


def test_that_the_context_menu_of_a_refused_file_offers_its_path(qtbot, opened, scan):
    (scan / "note.txt").write_text("no image")
    opened.bench.controller.open_paths([scan])
    browser = panel(opened, "browser")
    qtbot.waitUntil(lambda: index_of(browser.tree, "note.txt") is not None)
    index = index_of(browser.tree, "note.txt")
    assert index.data(NODE).kind is Kind.UNREADABLE
    browser.view.setCurrentIndex(index)
    browser._show_menu(browser.view.visualRect(index).center() + QPoint(0, 0))
    menu = next(m for m in opened.window.findChildren(QMenu) if m.isVisible())
    ids = [action.objectName() for action in menu.actions()]
    assert {"copy-path", "copy-reasons"} <= set(ids)
    menu.close()
    opened.window.actions_.refresh()
    opened.window.actions_["copy-path"].trigger()
    assert QApplication.clipboard().text() == str(scan / "note.txt")
    opened.window.actions_["forget-unreadable"].trigger()
    assert index_of(browser.tree, "Not opened") is None


# ---------------------------------------------------------------------- attack


def test_that_the_goals_offered_fit_the_task_and_name_the_classes(qtbot, opened, engine):
    attack, controller = panel(opened, "attack"), opened.bench.controller

    def goals() -> set[str]:
        return {attack.objective.itemData(i) for i in range(attack.objective.count())}

    findings = {"flip-all", "flip", "hide", "insert"}
    assert {"untargeted", "targeted"} <= goals()
    assert not findings & goals()
    attack.objective.setCurrentIndex(attack.objective.findData("targeted"))
    attack.objective.activated.emit(attack.objective.currentIndex())
    editor = attack.goal.editor("target")
    assert [editor.itemText(i) for i in range(editor.count())] == ["naevus", "melanoma"]
    editor.setCurrentIndex(1)
    assert opened.bench.case.objective == Targeted(target=1)
    controller.choose_model("chest")
    assert {"untargeted", *findings} <= goals()
    assert "targeted" not in goals()
    attack.objective.setCurrentIndex(attack.objective.findData("flip"))
    attack.objective.activated.emit(attack.objective.currentIndex())
    assert attack.error.text()
    assert not attack.run.isEnabled()
    attack.goal.editor("findings").item(2).setCheckState(Qt.CheckState.Checked)
    assert opened.bench.case.objective == FlipFindings(findings=(2,))


def test_that_the_panel_shows_what_the_case_is_set_to(qtbot, opened):
    attack, case = panel(opened, "attack"), opened.bench.case
    opened.bench.controller.choose_model("chest")
    case.set_attack(FGSM(epsilon=2 / 255), HideFinding(finding=1), 42)
    assert attack.attack.currentData() == "fgsm"
    assert attack.settings.value() == FGSM(epsilon=2 / 255)
    assert attack.goal.value() == HideFinding(finding=1)
    assert attack.seed.value() == 42


def test_that_changing_the_attack_keeps_the_budget(qtbot, opened):
    attack = panel(opened, "attack")
    attack.settings.editor("epsilon").setText("7/255")
    attack.attack.setCurrentIndex(attack.attack.findData("fgsm"))
    attack.attack.activated.emit(attack.attack.currentIndex())
    assert opened.bench.case.attack == FGSM(epsilon=7 / 255)


def test_that_an_unknown_label_says_what_stands_in_for_it(qtbot, opened, engine):
    labels = panel(opened, "attack").labels
    assert labels.choice.currentText() == "Unknown"
    assert "clean prediction is the reference" in labels.hint.text()
    labels.choice.setCurrentIndex(labels.choice.findData(1))
    labels.choice.activated.emit(labels.choice.currentIndex())
    assert opened.bench.case.labels == (1,)
    with qtbot.waitSignal(opened.bench.case.outcome_changed):
        opened.bench.controller.run_attack()
    assert engine.of(AttackRequest)[-1].labels == (1,)


def test_that_known_findings_are_ticked_one_by_one(qtbot, opened):
    opened.bench.controller.choose_model("chest")
    labels = panel(opened, "attack").labels
    labels.choice.setCurrentIndex(1)
    labels.choice.activated.emit(1)
    assert opened.bench.case.labels == (0, 0, 0)
    labels.findings.item(1).setCheckState(Qt.CheckState.Checked)
    assert opened.bench.case.labels == (0, 1, 0)


def test_that_a_model_from_elsewhere_is_chosen_by_its_path(
    qtbot, session, write_model, monkeypatch
):
    from tests.gui.conftest import CARDS

    path = write_model("mine")
    monkeypatch.setitem(CARDS, str(path), CARDS["net-a"])
    session.bench.controller.open_model(path)
    qtbot.waitUntil(lambda: session.bench.case.model == str(path))
    assert panel(session, "attack").model.currentText() == "Mine"


def test_that_a_pickled_model_is_refused_with_the_reason(qtbot, session, tmp_path):
    path = tmp_path / "evil.pt"
    path.write_bytes(b"\x80\x04evil")
    session.bench.controller.open_model(path)
    notices = session.bench.controller.notices
    qtbot.waitUntil(lambda: len(notices.notices) > 0)
    assert "pickle" in notices.notices[0].text
    assert str(path) in notices.notices[0].text


# ---------------------------------------------------------------------- jobs and log


def test_that_the_jobs_panel_shows_a_running_job_and_stops_it(qtbot, opened, engine):
    engine.go.clear()
    jobs = panel(opened, "jobs")
    opened.bench.controller.run_attack()
    assert engine.attacking.wait(30)
    row = 0
    qtbot.waitUntil(lambda: jobs.table.index(row, STATE).data() == "running")
    assert jobs.table.index(row, TITLE).data() == "PGD on one.png"
    assert jobs.table.index(row, TIME).data() != ""
    jobs.view.selectRow(row)
    jobs.cancel.click()
    qtbot.waitUntil(lambda: jobs.table.index(row, STATE).data() == "cancelled")
    jobs.tidy.click()
    assert jobs.table.rowCount() == 0
    assert not jobs.cancel.isEnabled()


def test_that_progress_can_be_read_by_a_screen_reader(qtbot, opened):
    with qtbot.waitSignal(opened.bench.case.outcome_changed):
        opened.bench.controller.run_attack()
    table = panel(opened, "jobs").table
    row = next(r for r in range(table.rowCount()) if "PGD" in table.index(r, TITLE).data())
    assert table.index(row, PROGRESS).data(Qt.ItemDataRole.AccessibleTextRole) == "100 %"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.42, "0.4 s"), (12.3, "12 s"), (185, "3 min 05 s")]
)
def test_that_durations_are_written_for_people(seconds, text):
    assert seconds_text(seconds) == text


def test_that_the_log_is_filtered_copied_and_cleared(qtbot, session):
    session.bench.log.clear()
    session.bench.log.add("quiet")
    session.bench.log.add("careful", Level.WARNING)
    session.bench.log.add("broken", Level.ERROR, details="traceback here")
    log = panel(session, "log")
    assert [line.text for line in log.shown()] == ["quiet", "careful", "broken"]
    log.level.setCurrentIndex(1)
    assert [line.text for line in log.shown()] == ["careful", "broken"]
    log.copy.click()
    copied = QApplication.clipboard().text()
    assert "careful" in copied
    assert "traceback here" in copied
    assert "quiet" not in copied
    log.clear.click()
    assert not log.shown()


def test_that_the_log_forgets_its_oldest_lines(qtbot, session):
    for number in range(5010):
        session.bench.log.add(str(number))
    log = panel(session, "log")
    assert len(log.shown()) == len(session.bench.log.lines) == 5000
    assert log.shown()[-1].text == "5009"
