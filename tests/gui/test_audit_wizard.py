"""The wizard that makes an audit's plan."""

from __future__ import annotations

from pathlib import Path

import platformdirs
import pytest
import shiboken6
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QMessageBox

from medadv_desktop.audit.plan.files import plan_of, read_plan
from medadv_desktop.audit.runs import AuditRequest, EstimateRequest
from medadv_desktop.gui.state.audits import AuditStage, audits_of
from medadv_desktop.gui.state.dataset_library import DatasetEntry, StoredCount, StoredSplit
from medadv_desktop.gui.wizards.audit import new_audit, open_plan
from medadv_desktop.gui.wizards.audit.dialog import AuditWizard
from medadv_desktop.gui.wizards.audit.presets import PRESETS
from tests.gui.audit_engine import AuditEngine
from tests.gui.conftest import CARDS, SIDE

MODELS, DATA, ATTACKS, CORRUPTIONS, RECORD, REVIEW = range(6)
CHECKED = Qt.CheckState.Checked


@pytest.fixture
def engine() -> AuditEngine:
    return AuditEngine()


@pytest.fixture(autouse=True)
def own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(platformdirs, "user_data_dir", lambda *_, **__: str(tmp_path / "data"))
    return tmp_path / "data" / "audits"


def put_set(session, folder: Path, name: str, model: str = "net-a", **values) -> DatasetEntry:
    """A data set in the library, with one image for each class of a model."""
    card = CARDS[model]
    for label in card.classes:
        path = folder / name / label / "1.png"
        path.parent.mkdir(parents=True)
        Image.new("L", (SIDE, SIDE), 90).save(path)
    counts = tuple(StoredCount(name=label, samples=1) for label in card.classes)
    entry = DatasetEntry(
        name=name, path=folder / name, layout="class-folders", task=card.task,
        samples=len(counts), counts=counts, **values,
    )  # fmt: skip
    session.bench.controller.librarian.library.add(entry)
    return entry


@pytest.fixture
def skin(session, tmp_path: Path) -> DatasetEntry:
    return put_set(session, tmp_path, "Skin set", splits=(StoredSplit(name="test", samples=2),))


@pytest.fixture
def wizard(session, skin: DatasetEntry):
    made = new_audit(session.window)
    yield made
    if shiboken6.isValid(made):
        made.leave()


def tick(listed, key: object, on: bool = True) -> None:
    """As a mouse does it."""
    listed.item(str(key)).setCheckState(0, CHECKED if on else Qt.CheckState.Unchecked)


def chosen(wizard: AuditWizard, skin: DatasetEntry, models=("net-a",)) -> None:
    """Go through the first two steps."""
    for model in models:
        tick(wizard.models.list, model)
    wizard.next.click()
    tick(wizard.data.list, skin.path.resolve())
    wizard.next.click()
    assert wizard.page is wizard.attacks


def reviewed(qtbot, wizard: AuditWizard) -> None:
    """Go to the last step and wait for the estimate."""
    while wizard.page is not wizard.review:
        assert wizard.next.isEnabled(), wizard.next.toolTip()
        wizard.next.click()
    qtbot.waitUntil(lambda: not wizard.review.busy())


# ---------------------------------------------------------------------- the plan


def test_that_the_plan_is_what_its_saved_file_says(qtbot, wizard, skin, engine, tmp_path):
    assert wizard.next.toolTip() == "Tick at least one model"
    chosen(wizard, skin, ("net-a", "net-b"))
    wizard.attacks.presets["quick"].click()
    wizard.attacks.list.setCurrentRow(2)
    wizard.attacks.editor.form.editor("steps").setValue(7)
    wizard.attacks.add_attack("apgd")
    editor = wizard.attacks.editor
    editor.mode.setCurrentIndex(editor.mode.findData("smallest"))
    editor.mode.activated.emit(editor.mode.currentIndex())
    wizard.next.click()
    wizard.corruptions.set_severities("gaussian-noise", [1, 5])
    tick(wizard.corruptions.sequences, "brightness")
    wizard.next.click()
    wizard.record.seeds.setText("0, 3")
    wizard.record.seeds.typed.emit()
    wizard.record.name.setText("Two nets")
    wizard.record.name.textEdited.emit("Two nets")
    reviewed(qtbot, wizard)
    plan = wizard.draft.plan
    assert [m.id for m in plan.models] == ["net-a", "net-b"]
    assert plan.attack("pgd").at(2 / 255).steps == 7
    assert plan.attack("apgd").smallest is not None
    assert plan.seeds == (0, 3)
    assert plan.corruptions[0].severities == (1, 5)
    assert plan.sequences[0].frames == 10
    wizard.review.save_to(tmp_path / "plan.toml")
    assert read_plan(tmp_path / "plan.toml") == plan
    assert wizard.review.text.toPlainText() == (tmp_path / "plan.toml").read_text()
    assert engine.of(EstimateRequest)[-1].plan == plan
    wizard.review.copy.click()
    assert plan_of(QApplication.clipboard().text()) == plan


def test_that_a_wrong_budget_is_told_at_its_field(wizard, skin):
    chosen(wizard, skin)
    wizard.attacks.add_attack("pgd")
    editor = wizard.attacks.editor
    editor.budgets.setText("1/255, 3")
    editor.budgets.typed.emit()
    assert "3.0 is refused" in editor.error.text()
    assert editor.error.isVisible()
    assert not wizard.next.isEnabled()
    assert wizard.next.toolTip().startswith("attacks[0] (pgd)")
    editor.budgets.setText("1/255, 3/255")
    editor.budgets.typed.emit()
    assert wizard.next.isEnabled()
    assert not editor.error.isVisible()
    assert wizard.draft.plan.attack("pgd").epsilons == (1 / 255, 3 / 255)


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_that_presets_are_valid_plans_and_can_be_undone(wizard, skin, preset):
    chosen(wizard, skin)
    wizard.attacks.add_attack("fgsm")
    wizard.attacks.presets[preset.name].click()
    plan = wizard.draft.plan
    assert plan is not None
    assert "fgsm" not in {a.id for a in plan.attacks} or preset.name == "quick"
    assert bool(plan.corruptions) is (preset.name == "worst")
    assert len(plan.sequences) == (10 if preset.name == "paper" else 0)
    wizard.attacks.told.button.click()
    assert [a.id for a in wizard.draft.plan.attacks] == ["fgsm"]


def test_that_models_meet_the_sets_of_their_classes(session, wizard, skin, tmp_path):
    for model in ("net-a", "chest"):
        tick(wizard.models.list, model)
    wizard.next.click()
    tick(wizard.data.list, skin.path.resolve())
    assert wizard.next.toolTip() == "Tick a data set for chest"
    chest = put_set(session, tmp_path, "Chest set", "chest")
    tick(wizard.data.list, chest.path.resolve())
    assert wizard.next.isEnabled()
    pairs = {(m.id, d.id) for m, d in wizard.draft.plan.pairs()}
    assert pairs == {("net-a", "skin-set"), ("chest", "chest-set")}
    wizard.data.pairs.item(0, 1).setCheckState(CHECKED)
    assert ("net-a", "chest-set") in {(m.id, d.id) for m, d in wizard.draft.plan.pairs()}
    wizard.data.pairs.item(0, 1).setCheckState(Qt.CheckState.Unchecked)
    assert {(m.id, d.id) for m, d in wizard.draft.plan.pairs()} == pairs


def test_that_a_part_of_a_data_set_and_its_groups_are_asked_for(wizard, skin):
    tick(wizard.models.list, "net-a")
    wizard.next.click()
    tick(wizard.data.list, skin.path.resolve())
    assert wizard.data.form.editor("splits").placeholderText() == "test"
    wizard.data.form.editor("count").setText("0")
    assert wizard.next.toolTip() == "Mend the part that is used first"
    wizard.data.form.editor("count").setText("100")
    wizard.data.groups.setText("sex, site")
    wizard.data.groups.typed.emit()
    wizard.data.order.click()
    own = wizard.draft.plan.datasets[0]
    assert (own.subset.count, own.groups, own.match_order) == (100, ("sex", "site"), True)


def test_that_splits_drawn_here_are_left_out_aloud(session, wizard, tmp_path):
    entry = put_set(
        session, tmp_path, "Drawn", subset={"splits": "test", "count": 1}, split={"by": "patient"}
    )
    tick(wizard.models.list, "net-a")
    wizard.next.click()
    tick(wizard.data.list, entry.path.resolve())
    assert wizard.draft.plan.datasets[0].subset.model_dump(exclude_defaults=True) == {"count": 1}
    assert wizard.data.split_note.level == "warning"
    assert wizard.data.split_note.isVisible()


def test_that_a_model_that_goes_takes_along_what_was_for_it_alone(wizard, skin):
    chosen(wizard, skin, ("net-a", "net-b"))
    wizard.draft.set("baseline", "net-b")
    wizard.attacks.add_attack("fgsm")
    box = wizard.attacks.editor.models.boxes["net-a"]
    box.click()  # net-b alone
    assert wizard.draft.plan.attack("fgsm").models == ("net-b",)
    tick(wizard.models.list, "net-b", on=False)
    plan = wizard.draft.plan
    assert (plan.baseline, plan.attacks) == ("", ())


def test_that_a_generator_can_be_prepared_first(wizard, skin):
    chosen(wizard, skin)
    wizard.attacks.add_attack("gap")
    editor = wizard.attacks.editor
    editor.train.click()
    assert wizard.draft.plan.attack("gap").train.dataset == "skin-set"
    editor.recipe.editor("epochs").setValue(2)
    assert wizard.draft.plan.attack("gap").recipe().epochs == 2
    editor.train.click()
    assert wizard.draft.plan.attack("gap").train is None


def test_that_corruptions_are_ticked_by_severity(wizard, skin):
    chosen(wizard, skin)
    wizard.next.click()
    page = wizard.corruptions
    item = page._items["jpeg"]
    item.setCheckState(0, CHECKED)
    assert wizard.draft.plan.corruptions[0].severities == (1, 2, 3, 4, 5)
    item.setCheckState(2, Qt.CheckState.Unchecked)
    assert wizard.draft.plan.corruptions[0].severities == (1, 3, 4, 5)
    assert item.checkState(0) is Qt.CheckState.PartiallyChecked
    page.none.click()
    page.benchmark.click()
    page.frames.setValue(5)
    plan = wizard.draft.plan
    assert plan.corruptions == ()
    assert [s.frames for s in plan.sequences] == [5] * 10


# ---------------------------------------------------------------------- files


PLAN = """
[[models]]
id = "mine"
model = "net-a"
[[datasets]]
id = "set"
path = "pictures"
[[attacks]]
id = "fgsm"
attack = "fgsm"
epsilons = [{epsilon}]
"""


def test_that_a_plan_is_opened_at_its_review(qtbot, session, tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text(PLAN.format(epsilon='"2/255"'))
    open_plan(session.window, path)
    found = session.window.findChildren
    qtbot.waitUntil(lambda: bool(found(AuditWizard)))
    wizard = found(AuditWizard)[0]
    assert wizard.page is wizard.review
    assert wizard.draft.plan == read_plan(path)
    assert not wizard.unsaved()
    wizard.go_to(MODELS)
    assert wizard.models.list.item("net-a").checkState(0) is CHECKED
    wizard.go_to(DATA)
    assert wizard.data.list.item(str(tmp_path / "pictures")) is not None
    wizard.leave()


def test_that_a_broken_plan_is_refused_by_its_field(qtbot, session, tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text(PLAN.format(epsilon='"2/0"'))
    open_plan(session.window, path)
    notices = session.bench.controller.notices
    qtbot.waitUntil(lambda: bool(notices.notices))
    assert "attacks[0] (fgsm).epsilons[0]" in notices.notices[-1].text
    assert not session.window.findChildren(AuditWizard)


# ---------------------------------------------------------------------- the estimate and the start


def test_that_the_estimate_is_shown_with_its_problems(qtbot, wizard, skin, engine):
    engine.problems = ("datasets.skin-set: is nowhere", "attacks.fgsm: does not fit")
    chosen(wizard, skin)
    wizard.attacks.add_attack("fgsm")
    reviewed(qtbot, wizard)
    shown = dict(wizard.review.sheet.lines)
    assert shown["Time"] == "about 6 min"  # four cells of 90 s
    assert shown["Cells"] == "4: 1 clean images, 3 attacks"
    assert wizard.review.callouts[0].text.text() == "datasets.skin-set: is nowhere"
    wizard.review.callouts[1].button.click()
    assert wizard.page is wizard.attacks


def test_that_an_estimate_can_be_stopped_and_asked_for_again(qtbot, wizard, skin, engine):
    chosen(wizard, skin)
    engine.go.clear()
    while wizard.page is not wizard.review:
        wizard.next.click()
    qtbot.waitUntil(engine.holding.is_set)
    assert wizard.review.busy()
    assert not wizard.next.isEnabled()
    wizard.stop_button.click()
    assert not wizard.review.busy()
    assert wizard.next.isEnabled()  # an estimate is good to have, not needed
    engine.go.set()
    wizard.review.estimate.click()
    qtbot.waitUntil(lambda: "Time" in dict(wizard.review.sheet.lines))


def test_that_starting_hands_the_plan_to_the_compute_thread(
    qtbot, session, wizard, skin, engine, own_folder
):
    chosen(wizard, skin)
    reviewed(qtbot, wizard)
    plan, audits = wizard.draft.plan, audits_of(session.bench.controller)
    assert wizard.review.target.parent == own_folder
    wizard.next.click()
    qtbot.waitUntil(lambda: audits.stage is AuditStage.DONE)
    request = engine.of(AuditRequest)[0]
    assert (request.plan, request.folder) == (plan, audits.folder)
    assert session.window.docks["audit_run"].isVisible()
    assert "Audit Audit" in [job.title for job in session.bench.jobs.jobs]
    assert not wizard.isVisible() if shiboken6.isValid(wizard) else True


def test_that_a_folder_with_an_audit_is_not_taken_twice(qtbot, wizard, skin, tmp_path):
    chosen(wizard, skin)
    reviewed(qtbot, wizard)
    (tmp_path / "audit.sqlite").write_bytes(b"")
    wizard.review.folder.setText(str(tmp_path))
    wizard.review.folder.textEdited.emit(str(tmp_path))
    assert "holds an audit already" in wizard.next.toolTip()
    assert not wizard.next.isEnabled()


def test_that_a_plan_is_not_lost_without_a_question(qtbot, wizard, skin):
    chosen(wizard, skin)
    wizard.close()
    box = wizard.findChild(QMessageBox)
    assert "Discard the plan?" in box.text()
    box.reject()
    qtbot.waitUntil(lambda: not box.isVisible())
    assert wizard.isVisible()
