"""Who attacks: what is known to him, what he wants, and what bounds his change."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QStandardItemModel
from PySide6.QtWidgets import QComboBox, QFormLayout, QLabel, QVBoxLayout, QWidget

from medadv_desktop.attacks.fitting import ModelFacts
from medadv_desktop.attacks.objectives import Objective
from medadv_desktop.attacks.threat import KNOWLEDGE, NORMS, Threat
from medadv_desktop.gui.attack_panel.choosers import let_grow, rows
from medadv_desktop.gui.attack_panel.goal_form import GoalForm
from medadv_desktop.gui.attack_panel.wording import (
    knowledge_sentence,
    knowledge_title,
    norm_title,
)
from medadv_desktop.gui.forms import SettingsForm
from medadv_desktop.gui.theme import SMALL


class ThreatForm(QWidget):
    """Edits a threat model and an objective; the budget of the attack stands in it as a guest.

    Signals:
        threat_changed: somebody chose another knowledge or norm.
        goal_changed: the objective was edited; it may or may not be valid.
    """

    threat_changed = Signal()
    goal_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._budget: QWidget | None = None
        self.knowledge = QComboBox()
        self.knowledge.setAccessibleName(self.tr("What the attacker knows"))
        self.knowledge.setToolTip(self.tr("Only attacks that need no more than this are offered"))
        for known in KNOWLEDGE:
            self.knowledge.addItem(knowledge_title(known), known)
        self.sentence = QLabel()
        self.sentence.setWordWrap(True)
        self.sentence.setProperty("role", "muted")
        self.wants = GoalForm()
        self.norm = QComboBox()
        self.norm.setAccessibleName(self.tr("Norm"))
        self.norm.setToolTip(
            self.tr("How the change is measured; attacks without such a measure are offered too")
        )
        for norm in (*NORMS, ""):
            self.norm.addItem(norm_title(norm), norm)
        for box in (self.knowledge, self.norm):
            let_grow(box)
        self._budget_place = _place()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SMALL + 2)
        # One form for each chooser: a form layout misjudges the height of wrapped text in it.
        column.addLayout(_one_row(self.tr("&Knows"), self.knowledge))
        column.addWidget(self.sentence)
        column.addWidget(self.wants)
        column.addLayout(_one_row(self.tr("&Norm"), self.norm))
        column.addWidget(self._budget_place)
        self.knowledge.activated.connect(self._threat_edited)
        self.norm.activated.connect(self._threat_edited)
        self.wants.changed.connect(self.goal_changed)
        self._say()

    @property
    def threat(self) -> Threat:
        """What is granted to the attacker."""
        return Threat(self.knowledge.currentData(), self.norm.currentData())

    def show_threat(self, threat: Threat) -> None:
        """Show a threat model. No signal is emitted."""
        self.knowledge.setCurrentIndex(self.knowledge.findData(threat.knowledge))
        self.norm.setCurrentIndex(self.norm.findData(threat.norm))
        self._say()

    def show_model(self, model: ModelFacts | None) -> None:
        """Another model: other goals fit, classes have other names, and gradients may be missing.

        The goal is shown anew by `show_objective`.
        """
        items = self.knowledge.model()
        assert isinstance(items, QStandardItemModel)
        blind = model is not None and not model.white_box
        items.item(0).setEnabled(not blind)
        items.item(0).setToolTip(
            self.tr("{0} gives scores but no gradients").format(model.card.name)
            if blind and model is not None
            else ""
        )
        self.wants.show_card(model.card if model is not None else None)

    @property
    def objective(self) -> QComboBox:
        """What chooses the goal."""
        return self.wants.chooser

    @property
    def goal(self) -> SettingsForm | None:
        """The fields of the goal, None where it has none."""
        return self.wants.form

    def show_objective(self, objective: Objective) -> None:
        """Show an objective. No signal is emitted."""
        self.wants.show_objective(objective)

    def value(self) -> Objective:
        """The objective that stands in the form.

        Raises:
            SettingsError: names the first field whose value is refused.
        """
        return self.wants.value()

    def take_budget(self, row: QWidget | None) -> None:
        """Give the row that edits the budget a place here, instead of the one before."""
        if self._budget is not None:
            self._budget.hide()
            self._budget.deleteLater()
        self._budget = row
        if row is not None:
            self._budget_place.layout().addWidget(row)
        self._budget_place.setVisible(row is not None)

    def _threat_edited(self) -> None:
        self._say()
        self.threat_changed.emit()

    def _say(self) -> None:
        self.sentence.setText(knowledge_sentence(self.knowledge.currentData()))


def _one_row(label: str, chooser: QWidget) -> QFormLayout:
    row = rows()
    row.addRow(label, chooser)
    return row


def _place() -> QWidget:
    place = QWidget()
    column = QVBoxLayout(place)
    column.setContentsMargins(0, 0, 0, 0)
    return place
