"""The attack panel, the way an attack took, and the smallest budget."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import Qt

from medadv_desktop.attacks.attack import AttackPreview
from medadv_desktop.attacks.gap.attack import GAP
from medadv_desktop.attacks.gradient.apgd import APGD
from medadv_desktop.attacks.gradient.pgd import PGD
from medadv_desktop.attacks.minimal.fab import FAB
from medadv_desktop.attacks.objectives import Targeted, Untargeted
from medadv_desktop.attacks.registry import ATTACKS
from medadv_desktop.attacks.trust.suspicion import Suspicion
from medadv_desktop.audit.budget_search import BudgetSearchRequest
from medadv_desktop.gui.state import attack_trail
from medadv_desktop.gui.state.attack_trail import AttackTrail


def panel(session, name: str = "attack"):
    return session.window.docks[name].widget()


def choose(box, data: str) -> None:
    """Choose an entry as a user does."""
    index = box.findData(data)
    assert index >= 0, data
    box.setCurrentIndex(index)
    box.activated.emit(index)


def offered(attacks) -> set[str]:
    return {attacks.itemData(i) for i in range(attacks.count())} - {None}


# ---------------------------------------------------------------------- threat model


def test_that_only_attacks_within_the_threat_model_are_offered(qtbot, opened):
    attack = panel(opened)
    choose(attack.threat.norm, "")
    assert offered(attack.attack) == set(ATTACKS)
    choose(attack.threat.knowledge, "decisions")
    assert offered(attack.attack) == {"hopskipjump", "boundary", "noise", "gap", "universal"}
    assert opened.bench.case.attack.name == "hopskipjump"  # PGD is out of reach now
    choose(attack.threat.norm, "linf")
    assert "boundary" not in offered(attack.attack)


def test_that_an_attack_set_elsewhere_widens_the_threat_model(qtbot, opened):
    attack, case = panel(opened), opened.bench.case
    choose(attack.threat.knowledge, "nothing")
    case.set_attack(PGD(norm="l2", epsilon=1), case.objective, 0)
    assert attack.threat.knowledge.currentData() == "white-box"
    assert attack.threat.norm.currentData() == "l2"
    assert attack.attack.currentData() == "pgd"


def test_that_each_norm_keeps_its_own_budget(qtbot, opened):
    attack, case = panel(opened), opened.bench.case
    attack.settings.editor("epsilon").setText("6/255")
    choose(attack.threat.norm, "l2")
    assert (case.attack.norm, case.attack.epsilon) == ("l2", 2.0)
    attack.settings.editor("epsilon").setText("0.75")
    choose(attack.threat.norm, "linf")
    assert case.attack == PGD(epsilon=6 / 255)
    choose(attack.threat.norm, "l2")
    assert case.attack.epsilon == 0.75


def test_that_without_a_chosen_norm_the_attack_has_its_own(qtbot, opened):
    attack, case = panel(opened), opened.bench.case
    assert attack.settings.row("norm").isHidden()
    choose(attack.threat.norm, "")
    assert not attack.settings.row("norm").isHidden()
    attack.settings.editor("norm").set_value("l2")
    assert case.attack == PGD(norm="l2", epsilon=2.0)
    attack.settings.editor("norm").set_value("linf")  # where 2 would be too much
    assert case.attack == PGD()
    assert attack.threat.norm.currentData() == ""


def test_that_a_budget_can_be_typed_without_being_rewritten_meanwhile(qtbot, opened):
    editor = panel(opened).settings.editor("epsilon")
    editor.selectAll()
    qtbot.keyClicks(editor, "16/255")
    assert editor.text() == "16/255"
    assert opened.bench.case.attack == PGD(epsilon=16 / 255)


def test_that_fields_keep_their_values_between_attacks(qtbot, opened):
    attack, case = panel(opened), opened.bench.case
    attack.settings.editor("steps").setValue(33)
    attack.settings.editor("random_start").setChecked(False)
    choose(attack.attack, "fab")
    assert case.attack == FAB()  # the smallest change: no budget comes along
    attack.settings.editor("steps").setValue(7)
    choose(attack.attack, "pgd")
    assert case.attack == PGD(steps=33, random_start=False)
    choose(attack.attack, "fab")
    assert case.attack == FAB(steps=7)


def test_that_what_a_model_without_gradients_cannot_take_is_shown_with_the_reason(qtbot, opened):
    attack, case = panel(opened), opened.bench.case
    case.set_loaded(replace(case.loaded, white_box=False))
    assert "gradients" in attack.attack.reason_against("pgd")
    assert not attack.run.isEnabled()
    assert "no gradients" in attack.error.text()
    presets = {attack.preset.itemData(i): i for i in range(attack.preset.count())}
    assert not attack.preset.model().item(presets["worst-case"]).isEnabled()
    assert attack.preset.model().item(presets["noise"]).isEnabled()
    choose(attack.attack, "fab")
    assert case.attack.name == "pgd"
    assert attack.attack.currentData() == "pgd"
    choose(attack.threat.knowledge, "scores")
    assert case.attack.name == "square"
    assert attack.run.isEnabled()
    assert not attack.threat.knowledge.model().item(0).isEnabled()


def test_that_an_impossible_combination_is_told_at_its_field_before_it_runs(qtbot, opened, engine):
    attack, case = panel(opened), opened.bench.case
    case.set_attack(APGD(loss="dlr"), Untargeted(), 0)
    assert "3 classes" in attack.settings.error_of("loss")
    assert not attack.run.isEnabled()
    attack.settings.editor("loss").set_value("margin")
    assert attack.settings.error_of("loss") == ""
    assert attack.run.isEnabled()


def test_that_the_true_label_is_no_target(qtbot, opened):
    attack, case = panel(opened), opened.bench.case
    case.set_attack(PGD(), Targeted(target=1), 0)
    assert attack.run.isEnabled()
    case.set_labels((1,))
    assert "true label already" in attack.error.text()
    assert not attack.run.isEnabled()


def test_that_a_missing_generator_is_told_until_its_file_is_there(qtbot, opened, tmp_path):
    attack = panel(opened)
    choose(attack.attack, "gap")
    assert "no trained generator" in attack.settings.error_of("generator")
    assert not attack.run.isEnabled()
    path = tmp_path / "generator.safetensors"
    path.touch()
    attack.settings.editor("generator").line.setText(str(path))
    assert attack.run.isEnabled()
    assert opened.bench.case.attack == GAP(generator=str(path))


def test_that_the_tab_key_goes_from_top_to_bottom_whatever_form_came_last(qtbot, opened):
    attack, case = panel(opened), opened.bench.case
    case.set_attack(ATTACKS["square"](), Targeted(target=0), 0)
    case.set_attack(PGD(), Targeted(target=0), 0)
    form, threat = attack.settings, attack.threat
    wanted = [threat.knowledge, threat.objective, threat.goal.editor("target"), threat.norm]
    wanted += [form.editor("epsilon"), attack.preset, attack.attack, form.editor("steps")]
    wanted += [form.editor("restarts"), form.more, attack.seed, attack.run]
    met, widget = [wanted[0]], wanted[0]
    while (widget := widget.nextInFocusChain()) is not wanted[0]:
        met += [widget] if widget in wanted else []
    assert met == wanted


def test_that_every_control_of_the_new_panels_has_a_name_and_a_tip(qtbot, searched):
    budget, trail = panel(searched, "budget"), panel(searched, "adversarial").trail
    for control in (budget.go, budget.back, budget.scale.slider, trail.slider):
        assert control.accessibleName()
        assert control.toolTip()


# ---------------------------------------------------------------------- presets, list, notes


def test_that_a_preset_sets_the_attack_and_goes_when_it_is_changed(qtbot, opened):
    attack, case = panel(opened), opened.bench.case
    attack.settings.editor("epsilon").setText("3/255")
    choose(attack.preset, "paper-pgd")
    assert case.attack == PGD(epsilon=3 / 255, steps=20, step_size=1 / 255)
    assert attack.preset.currentData() == "paper-pgd"
    attack.settings.editor("epsilon").setText("5/255")
    assert attack.preset.currentData() == "paper-pgd"
    attack.settings.editor("steps").setValue(21)
    assert attack.preset.currentData() == ""


def test_that_the_list_can_be_read_out_and_painted(qtbot, opened):
    attacks = panel(opened).attack
    texts = [
        attacks.itemData(i, Qt.ItemDataRole.AccessibleTextRole)
        for i in range(attacks.count())
        if attacks.itemData(i)
    ]
    assert f"PGD. {PGD.summary}" in texts
    attacks.showPopup()
    assert not attacks.view().grab().isNull()
    attacks.hidePopup()


def test_that_notes_and_suspicions_stand_by_the_result(qtbot, opened):
    attack, case = panel(opened), opened.bench.case
    with qtbot.waitSignal(case.outcome_changed):
        opened.bench.controller.run_attack()
    assert attack.notes.isHidden()
    noted = replace(case.outcome, notes=("resampled for the second model",))
    case.set_outcome(noted)
    assert attack.notes.text.text() == "resampled for the second model"
    doubt = Suspicion("zero-gradients", "gradients are zero", "Try Square.")
    case.set_outcome(replace(noted, suspicions=(doubt,)))
    assert "Gradients are zero. Try Square." in attack.notes.text.text()
    assert attack.notes.isVisible()


# ---------------------------------------------------------------------- the way it took


def preview(step: int, steps: int = 1000, side: int = 2) -> AttackPreview:
    return AttackPreview(step, steps, np.full((1, side, side), step / 1000, np.float32))


def test_that_a_long_way_is_thinned_evenly_and_ends_with_the_newest(qapp):
    trail = AttackTrail()
    for step in range(1000):
        trail.add(preview(step))
    kept = [frame.step for frame in trail.frames]
    assert 25 <= len(kept) <= attack_trail.MOST_FRAMES
    assert (kept[0], kept[-1]) == (0, 999)
    assert len(set(np.diff(kept[:-1]))) == 1


def test_that_large_images_take_no_more_memory(qapp, monkeypatch):
    monkeypatch.setattr(attack_trail, "MOST_BYTES", 10 * 4 * 8 * 8)
    trail = AttackTrail()
    for step in range(100):
        trail.add(preview(step, side=8))
        assert sum(f.adversarial.nbytes for f in trail.frames) <= attack_trail.MOST_BYTES
    assert len(trail.frames) > 3


@pytest.fixture
def attacked(qtbot, opened):
    """A session with a result and five steps on the way to it."""
    case = opened.bench.case
    with qtbot.waitSignal(case.outcome_changed):
        opened.bench.controller.run_attack()
    qtbot.waitUntil(lambda: not opened.bench.jobs.busy)
    outcome = case.outcome
    case.begin_attack()
    for step in range(1, 6):
        image = np.full_like(outcome.original, 0.25 + step / 1000)
        case.set_preview(AttackPreview(step, 10, image))
    case.set_outcome(outcome)
    return opened


def test_that_going_back_shows_a_step_and_leaving_shows_the_result(qtbot, attacked):
    case, pane = attacked.bench.case, panel(attacked, "adversarial")
    assert pane.trail.isVisible()
    pane.trail.slider.setValue(1)
    assert case.still.step == 2
    qtbot.waitUntil(lambda: pane.caption.full_text() == "Step 2 of 10")
    assert pane.result.full_text() == "Only the result is predicted"
    shown = panel(attacked, "perturbation")
    qtbot.waitUntil(lambda: shown.caption.full_text() == "Largest |δ| 0.5/255")
    pane.trail.slider.setValue(pane.trail.slider.maximum())
    assert case.still is None
    qtbot.waitUntil(lambda: "melanoma" in pane.caption.full_text())


def test_that_a_running_attack_is_followed_unless_somebody_looks_back(qtbot, attacked):
    case, trail = attacked.bench.case, panel(attacked, "adversarial").trail
    case.begin_attack()
    for step in range(1, 4):
        case.set_preview(preview(step, 10))
    assert trail.slider.value() == trail.slider.maximum() == 2
    trail.slider.setValue(0)
    case.set_preview(preview(4, 10))
    assert (trail.slider.value(), trail.slider.maximum()) == (0, 3)
    assert case.still.step == 1
    case.set_preview(None)  # it was stopped
    assert case.still is None
    assert trail.isHidden()


# ---------------------------------------------------------------------- smallest budget


@pytest.fixture
def searched(qtbot, opened):
    """A session in which the smallest budget was searched for."""
    budget = panel(opened, "budget")
    opened.window.docks["budget"].raise_()
    budget.go.click()
    qtbot.waitUntil(lambda: budget.search.outcome is not None and not opened.bench.jobs.busy)
    return opened


def test_that_a_search_asks_for_the_attack_as_it_is_set(qtbot, searched, engine):
    asked = engine.of(BudgetSearchRequest)[-1]
    case, budget = searched.bench.case, panel(searched, "budget")
    assert asked.attack == case.attack
    assert asked.highest == pytest.approx(16 / 255)
    assert "4.00/255, 4.00 grey levels of 255" in budget.smallest.text()
    assert budget.scale.epsilon == pytest.approx(4 / 255)


def test_that_the_grid_is_as_fine_as_it_is_wanted(qtbot, opened, engine):
    budget, action = panel(opened, "budget"), opened.window.actions_["smallest-budget"]
    budget.range.editor("halvings").setValue(3)
    assert "up to 4 budgets" in budget.state.text()
    opened.window.docks["log"].raise_()
    opened.window.actions_.refresh()
    action.trigger()
    qtbot.waitUntil(lambda: budget.search.outcome is not None and not opened.bench.jobs.busy)
    assert engine.of(BudgetSearchRequest)[-1].halvings == 3
    assert budget.scale.slider.maximum() == 8
    assert budget.isVisible()
    case = opened.bench.case
    case.set_attack(PGD(norm="l2", epsilon=1), case.objective, 0)
    assert budget.range.value().halvings == 3  # the norm brings its own range alone


def test_that_the_action_says_why_there_is_nothing_to_search(opened):
    case, action = opened.bench.case, opened.window.actions_["smallest-budget"]
    case.set_attack(FAB(), case.objective, 0)
    opened.window.actions_.refresh()
    assert not action.isEnabled()
    assert "smallest change by itself" in action.toolTip()


def test_that_the_slider_answers_from_what_was_tried(qtbot, searched):
    case, budget = searched.bench.case, panel(searched, "budget")
    tries = budget.search.outcome.tries
    slider = budget.scale.slider
    for place, answer in ((16, 1), (63, 1), (15, 0), (1, 0), (64, 1)):
        slider.setValue(place)
        assert case.still.tried is tries[answer], place
    assert case.still.adversarial is tries[1].adversarial
    pane = panel(searched, "adversarial")
    qtbot.waitUntil(lambda: "at ε 4.00/255" in pane.caption.full_text())
    assert panel(searched, "predictions").headline.text().startswith("Goal reached at this budget")
    assert not budget.scale.grab().isNull()
    budget.back.click()
    assert case.still is None


def test_that_a_search_is_dropped_with_its_frame(qtbot, searched):
    case, budget = searched.bench.case, panel(searched, "budget")
    assert case.still is not None
    searched.bench.view.frame_step.emit(1)
    qtbot.waitUntil(lambda: case.instance.path.name == "two.png")
    assert budget.search.outcome is None
    assert case.still is None


def test_that_a_search_can_be_cancelled(qtbot, opened, engine):
    budget = panel(opened, "budget")
    engine.go.clear()
    budget.go.click()
    assert budget.go.text() == "Cancel"
    budget.go.click()
    qtbot.waitUntil(lambda: not budget.search.running)
    assert budget.search.outcome is None
    assert budget.go.text() == "Find the smallest"


def test_that_attacks_without_a_fixed_budget_say_why_there_is_none_to_search(qtbot, opened):
    case, budget = opened.bench.case, panel(opened, "budget")
    case.set_attack(FAB(), case.objective, 0)
    assert "smallest change by itself" in budget.state.text()
    assert not budget.go.isEnabled()
    case.set_attack(ATTACKS["stadv"](), case.objective, 0)
    assert "no budget to search" in budget.state.text()
