"""Forms made from settings classes."""

from __future__ import annotations

from typing import Literal

import pytest
from pydantic import Field
from PySide6.QtCore import QLocale, QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QWheelEvent
from PySide6.QtWidgets import QApplication, QLabel

from medadv_desktop.attacks.gradient.pgd import PGD
from medadv_desktop.attacks.objectives import FlipFindings, Targeted
from medadv_desktop.errors import SettingsError
from medadv_desktop.gui.forms import SettingsForm
from medadv_desktop.settings import PixelFraction, Settings


class Everything(Settings):
    budget: PixelFraction = Field(4 / 255, gt=0, le=1, description="Largest change")
    step: PixelFraction | None = Field(None, gt=0, le=1)
    rounds: int = Field(3, ge=1, le=9, json_schema_extra={"unit": "rounds"})
    decay: float = Field(0.25, ge=0, le=1)
    norm: Literal["linf", "l2"] = "linf"
    eager: bool = True
    layers: tuple[int, ...] = (1, 2)


@pytest.fixture
def form(show) -> SettingsForm:
    return show(SettingsForm(Everything), 280, 400)


def test_that_a_fresh_form_holds_the_defaults(form):
    assert form.value() == Everything()
    assert form.editor("budget").text() == "4/255"
    assert form.editor("step").text() == ""
    assert form.editor("step").placeholderText() == "automatic"


def test_that_values_go_round_unchanged(form, qtbot):
    given = Everything(
        budget=0.1234567891234, step=1 / 255, rounds=7, decay=0.1, norm="l2", eager=False, layers=()
    )
    with qtbot.waitSignal(form.changed):
        form.set_value(given)
    assert form.value() == given


@pytest.mark.parametrize(("text", "value"), [("8/255", 8 / 255), ("0.0157", 0.0157)])
def test_that_fractions_are_read_as_they_are_written(form, text, value):
    form.editor("budget").setText(text)
    assert form.value().budget == value


@pytest.mark.parametrize("text", ["abc", "0", "-1/255", "3", ""])
def test_that_a_wrong_value_is_told_under_its_field_and_nowhere_else(form, text):
    form.editor("budget").setText(text)
    assert not form.is_valid()
    assert form.error_of("budget")
    assert form.error_of("step") == form.error_of("rounds") == ""
    with pytest.raises(SettingsError) as refused:
        form.value()
    assert refused.value.subject == "budget"
    form.editor("budget").setText("1/255")
    assert form.error_of("budget") == ""


def test_that_an_error_is_also_told_to_screen_readers(form):
    form.editor("decay").setText("7")
    assert form.editor("decay").accessibleDescription() == form.error_of("decay") != ""


def test_that_editing_is_announced(form, qtbot):
    for change in (
        lambda: form.editor("rounds").setValue(5),
        lambda: form.editor("eager").setChecked(False),
        lambda: form.editor("norm").setCurrentIndex(1),
        lambda: form.editor("step").setText("2/255"),
    ):
        with qtbot.waitSignal(form.changed):
            change()
    assert form.value() == Everything(rounds=5, eager=False, norm="l2", step=2 / 255)


def test_that_every_field_has_label_buddy_name_and_help(form):
    buddies = {label.buddy(): label.text() for label in form.findChildren(QLabel) if label.buddy()}
    for name in Everything.model_fields:
        editor = form.editor(name)
        assert buddies[editor] == editor.accessibleName() != ""
        assert "Allowed" in editor.toolTip()
    assert form.editor("rounds").accessibleName() == "Rounds (rounds)"
    assert form.editor("budget").toolTip().startswith("Largest change")


def test_that_a_class_is_chosen_by_name(show):
    form = show(SettingsForm(Targeted, names={"target": ("naevus", "melanoma")}))
    form.editor("target").setCurrentText("melanoma")
    assert form.value() == Targeted(target=1)
    form.set_value(Targeted(target=0))
    assert form.editor("target").currentText() == "naevus"


def test_that_findings_are_ticked_and_none_is_refused(show):
    form = show(SettingsForm(FlipFindings, names={"findings": ("effusion", "mass", "nodule")}))
    assert form.error_of("findings") == "Tick at least one"
    form.editor("findings").item(1).setCheckState(Qt.CheckState.Checked)
    assert form.value() == FlipFindings(findings=(1,))
    form.set_value(FlipFindings(findings=(0, 2)))
    assert form.values()["findings"] == (0, 2)


def test_that_the_comma_of_the_locale_is_understood(qapp, show):
    QLocale.setDefault(QLocale(QLocale.Language.German))
    form = show(SettingsForm(Everything))
    assert form.editor("decay").text() == "0,25"
    form.editor("decay").setText("0,5")
    assert form.value().decay == 0.5


def test_that_scrolling_past_a_field_does_not_change_it(form):
    editor = form.editor("rounds")
    form.editor("budget").setFocus()
    place = QPointF(5, 5)
    event = QWheelEvent(
        place,
        editor.mapToGlobal(place),
        QPoint(),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(editor, event)
    assert editor.value() == 3


def test_that_a_rule_over_several_fields_is_told(show):
    form = show(SettingsForm(PGD), 280, 600)
    form.editor("random_start").setChecked(False)
    form.editor("restarts").setValue(2)
    assert not form.is_valid()
    assert "random start" in form.error_of("restarts")


class Filed(Settings):
    source: str = Field(
        "",
        description="Where it lies",
        json_schema_extra={"kind": "file", "suffixes": [".safetensors"]},
    )


def dropped(editor, path) -> bool:
    """Drop a file on an editor; whether it was taken."""
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    action, button = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton
    plain = Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(3, 3), action, mime, button, plain)
    enter.ignore()
    QApplication.sendEvent(editor, enter)
    if enter.isAccepted():
        QApplication.sendEvent(editor, QDropEvent(QPointF(3, 3), action, mime, button, plain))
    return enter.isAccepted()


def test_that_a_file_is_typed_or_dropped(show, qtbot, tmp_path):
    form = show(SettingsForm(Filed))
    editor = form.editor("source")
    with qtbot.waitSignal(form.changed):
        assert dropped(editor, tmp_path / "net.safetensors")
    assert form.value() == Filed(source=str(tmp_path / "net.safetensors"))
    editor.line.setText("other.safetensors")
    assert form.value() == Filed(source="other.safetensors")
    assert editor.line.accessibleName() == "Source"


def test_that_a_file_of_another_kind_cannot_be_dropped(show, tmp_path):
    form = show(SettingsForm(Filed))
    assert not dropped(form.editor("source"), tmp_path / "scan.png")
    assert form.value() == Filed()


def test_that_range_unit_and_default_stand_below_an_explained_field(show):
    form = show(SettingsForm(Everything, explained=True), 280, 600)
    assert form.row("rounds").help.text() == "1 to 9 rounds, default 3"
    assert form.row("budget").help.text() == "Largest change. Above 0 to 1, default 4/255"
    assert form.row("rounds").help.isVisible()


def test_that_folded_fields_come_out_on_demand_and_where_they_are_wrong(show):
    form = show(SettingsForm(Everything, folded=("decay", "step")), 280, 600)
    assert form.editor("budget").isVisible()
    assert not form.editor("decay").isVisible()
    form.more.click()
    assert form.editor("decay").isVisible()
    form.more.click()
    form.set_values({"decay": "7"})
    assert form.editor("decay").isVisible()
    assert form.error_of("decay")


def test_that_a_problem_from_elsewhere_is_told_under_its_field(show):
    form = show(SettingsForm(Everything))
    form.tell("rounds", "Too many for this model")
    assert form.error_of("rounds") == "Too many for this model"
    form.tell("", "")
    assert form.error_of("rounds") == ""
