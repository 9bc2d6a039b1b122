"""The third step: presets, and the attacks one by one."""

from __future__ import annotations

import copy
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QPushButton,
    QToolButton,
    QVBoxLayout,
)

from medadv_desktop.attacks.fitting import ModelFacts, why_not
from medadv_desktop.attacks.registry import ATTACKS
from medadv_desktop.attacks.threat import GROUPS, group_of
from medadv_desktop.audit.plan.cells import cells_of
from medadv_desktop.gui import icons
from medadv_desktop.gui.attack_panel.wording import group_title, translated
from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.lists import RoomyRows, dress
from medadv_desktop.gui.theme import LARGE, MEDIUM, SMALL
from medadv_desktop.gui.wizards.audit.attack_editor import AttackEditor, budgets_text
from medadv_desktop.gui.wizards.audit.draft import AuditDraft
from medadv_desktop.gui.wizards.audit.parts import heading, scrolled
from medadv_desktop.gui.wizards.audit.presets import (
    PRESETS,
    AuditPreset,
    Chosen,
    trained_generators,
)
from medadv_desktop.gui.wizards.audit.wording import cells_text, tr
from medadv_desktop.gui.wizards.generator.work import prepared_folder
from medadv_desktop.gui.wizards.model_import.blocks import note
from medadv_desktop.gui.wizards.steps import Callout, StepPage

_THREATS = ("attacks", "corruptions", "sequences")


class AttacksPage(StepPage):
    """Presets above; a list of attacks, and beside it the form of the one at hand."""

    def __init__(self, bench: Workbench, draft: AuditDraft) -> None:
        super().__init__()
        self.title = tr("Attacks")
        self.heading = tr("Against which attacks?")
        self.explanation = tr(
            "Clean images are always part of it. Begin with a preset and change what you like; "
            "noise of the same size shows what an attack adds to chance."
        )
        self._bench, self._draft = bench, draft
        self._before: dict[str, Any] | None = None
        self.presets = {preset.name: QPushButton(tr(preset.title)) for preset in PRESETS}
        for preset in PRESETS:
            button = self.presets[preset.name]
            button.setAutoDefault(False)
            button.setToolTip(tr(preset.sentence))
            button.clicked.connect(lambda _=False, preset=preset: self.apply(preset))
        self.told = Callout(bench.theme)
        self.list = QListWidget()
        self.list.setAccessibleName(tr("Attacks"))
        dress(self.list, bench.theme)
        self.list.setItemDelegate(RoomyRows(self.list))
        self.add = QToolButton()
        self.add.setText(tr("Add"))
        self.add.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.add.setToolTip(tr("Another attack"))
        self.add.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        icons.bind_icon(self.add, "attack", bench.theme)
        self.menu = QMenu(self.add)
        self.menu.setToolTipsVisible(True)
        self.menu.aboutToShow.connect(self._offer)
        self.add.setMenu(self.menu)
        self.again = QPushButton(tr("Duplicate"))
        self.again.setToolTip(tr("The same attack once more, to be set otherwise"))
        self.remove = QPushButton(tr("Remove"))
        for button, icon in ((self.again, "copy"), (self.remove, "remove")):
            button.setAutoDefault(False)
            icons.bind_icon(button, icon, bench.theme)
        self.editor = AttackEditor(draft)
        self.none = note("muted")
        self.none.setText(tr("No attack: the audit looks at clean images and corruptions alone."))
        self.cells = note("muted")
        self._arrange()
        self.list.currentRowChanged.connect(self._show_current)
        self.again.clicked.connect(self._duplicate)
        self.remove.clicked.connect(self._remove)
        self.told.acted.connect(self._undo)
        draft.changed.connect(self._show)
        draft.replaced.connect(self._forget)
        self._show()

    # ------------------------------------------------------------------ what the dialog asks

    def entered(self) -> None:
        self._show()

    def blocked(self) -> str:
        error = self._draft.error
        return error if error.startswith("attacks") else ""

    # ------------------------------------------------------------------ from the user

    def apply(self, preset: AuditPreset) -> None:
        """Put a preset in the place of all attacks, corruptions and sequences."""
        draft = self._draft
        before = {part: copy.deepcopy(draft.values[part]) for part in _THREATS}
        chosen = Chosen(draft.cards, trained_generators(prepared_folder("generators")))
        threats = preset.threats(chosen)
        for part in _THREATS:
            draft.set(part, copy.deepcopy(list(getattr(threats, part))))
        self.list.setCurrentRow(0)
        self._before = before if any(before.values()) else None
        undo = tr("Undo") if self._before is not None else ""
        self.told.say("info", tr(preset.title) + ": " + tr(preset.sentence), "", undo)

    def add_attack(self, name: str) -> None:
        """Add an attack with its defaults; one with a budget at three of them."""
        values: dict[str, Any] = {"id": self._draft.new_attack_id(name), "attack": name}
        epsilon = ATTACKS[name].model_fields.get("epsilon")
        if (
            epsilon is not None
            and epsilon.default is not None
            and group_of(ATTACKS[name])
            in (
                "budget",
                "floor",
            )
        ):
            values["epsilons"] = ["1/255", "2/255", "4/255"]
        self._put([*self._draft.values["attacks"], values])

    def _duplicate(self) -> None:
        values = copy.deepcopy(self._draft.values["attacks"][self.list.currentRow()])
        values["id"] = self._draft.new_attack_id(values["id"])
        self._put([*self._draft.values["attacks"], values])

    def _remove(self) -> None:
        place = self.list.currentRow()
        attacks = list(self._draft.values["attacks"])
        del attacks[place]
        self._draft.set("attacks", attacks)
        self.list.setCurrentRow(min(place, len(attacks) - 1))

    def _put(self, attacks: list[dict[str, Any]]) -> None:
        self._draft.set("attacks", attacks)
        self.list.setCurrentRow(len(attacks) - 1)

    def _undo(self) -> None:
        if self._before is not None:
            for part, values in self._before.items():
                self._draft.set(part, values)
        self._forget()

    def _forget(self) -> None:
        self._before = None
        self.told.say("info", "")
        self._show()

    def _offer(self) -> None:
        """The attacks that there are; those that fit no chosen model cannot be added."""
        self.menu.clear()
        facts = [ModelFacts(card) for card in self._draft.cards.values()]
        for group in GROUPS:
            self.menu.addSection(group_title(group))
            for kind in (k for k in ATTACKS.values() if group_of(k) == group):
                reasons = [why_not(kind, fact) for fact in facts]
                action = self.menu.addAction(translated(kind.title))
                action.setToolTip(translated(kind.summary))
                action.triggered.connect(lambda _=False, name=kind.name: self.add_attack(name))
                if reasons and all(reasons):
                    action.setEnabled(False)
                    action.setToolTip(f"{translated(kind.title)} {reasons[0]}")

    # ------------------------------------------------------------------ from the draft

    def _show(self) -> None:
        attacks = self._draft.values["attacks"]
        place = max(self.list.currentRow(), 0)
        self.list.blockSignals(True)
        while self.list.count() > len(attacks):
            self.list.takeItem(self.list.count() - 1)
        while self.list.count() < len(attacks):
            self.list.addItem(QListWidgetItem())
        for row, values in enumerate(attacks):
            words = [values["id"], budgets_text(values), *_limits(values)]
            self.list.item(row).setText(" · ".join(word for word in words if word))
            self.list.item(row).setToolTip(translated(ATTACKS[values["attack"]].title))
        self.list.setCurrentRow(min(place, len(attacks) - 1))
        self.list.blockSignals(False)
        self._show_current()
        plan, there = self._draft.plan, bool(attacks)
        told = cells_text(len(cells_of(plan))) if plan is not None else self._draft.error
        shown = there and self._draft.error.startswith(f"attacks[{self.list.currentRow()}]")
        self.cells.setText(tr("In all {0}").format(told) if plan is not None else told)
        self.cells.setVisible(plan is not None or not shown)  # it stands at the fields then
        self.cells.setProperty("role", "muted" if plan is not None else "danger")
        self.cells.style().polish(self.cells)
        self.changed.emit()

    def _show_current(self) -> None:
        place = self.list.currentRow()
        there = 0 <= place < len(self._draft.values["attacks"])
        for widget in (self.again, self.remove):
            widget.setEnabled(there)
        self.editor.setVisible(there)
        self.none.setVisible(not there)
        if there:
            self.editor.show_attack(place)

    # ------------------------------------------------------------------ making

    def _arrange(self) -> None:
        presets = QHBoxLayout()
        presets.setSpacing(MEDIUM)
        presets.addWidget(heading(tr("Presets")))
        for button in self.presets.values():
            presets.addWidget(button)
        presets.addStretch(1)
        buttons = QHBoxLayout()
        buttons.setSpacing(SMALL)
        for widget in (self.add, self.again, self.remove):
            buttons.addWidget(widget)
        buttons.addStretch(1)
        left = QVBoxLayout()
        left.setSpacing(MEDIUM)
        left.addWidget(self.list, 1)
        left.addLayout(buttons)
        left.addWidget(self.cells)
        right = QVBoxLayout()
        right.addWidget(self.none)
        right.addWidget(scrolled(self.editor, tr("Settings of the attack")), 1)
        below = QHBoxLayout()
        below.setSpacing(LARGE + SMALL)
        below.addLayout(left, 1)
        below.addLayout(right, 1)
        page = QVBoxLayout(self)
        page.setContentsMargins(LARGE + SMALL, SMALL, LARGE, MEDIUM)
        page.setSpacing(MEDIUM)
        page.addLayout(presets)
        page.addWidget(self.told)
        page.addLayout(below, 1)


def _limits(values: dict[str, Any]) -> list[str]:
    """Goal and models of an attack, where they are not the usual ones."""
    said = []
    if values.get("objective", "untargeted") != "untargeted":
        said.append(values["objective"])
    if values.get("models"):
        said.append(", ".join(values["models"]))
    if values.get("train"):
        said.append(tr("prepared first"))
    return said
