"""Who attacks: what is known to him, what he wants, and what bounds his change."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QStandardItemModel
from PySide6.QtWidgets import QComboBox, QFormLayout, QLabel, QVBoxLayout, QWidget

from medadv_desktop.attacks.fitting import ModelFacts
from medadv_desktop.attacks.objectives import INDEX_FIELDS, OBJECTIVES, Objective
from medadv_desktop.attacks.threat import KNOWLEDGE, NORMS, Threat
from medadv_desktop.gui.attack_panel.choosers import let_grow, rows
from medadv_desktop.gui.attack_panel.wording import (
    knowledge_sentence,
    knowledge_title,
    norm_title,
    translated,
)
from medadv_desktop.gui.forms import SettingsForm
from medadv_desktop.gui.theme import SMALL
from medadv_desktop.models.card import ModelCard


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
        self._card: ModelCard | None = None
        self._budget: QWidget | None = None
        self.knowledge = QComboBox()
        self.knowledge.setAccessibleName(self.tr("What the attacker knows"))
        self.knowledge.setToolTip(self.tr("Only attacks that need no more than this are offered"))
        for known in KNOWLEDGE:
            self.knowledge.addItem(knowledge_title(known), known)
        self.sentence = QLabel()
        self.sentence.setWordWrap(True)
        self.sentence.setProperty("role", "muted")
        self.objective = QComboBox()
        self.objective.setAccessibleName(self.tr("Goal"))
        self.objective.setToolTip(self.tr("What the attack wants the model to say"))
        self.goal: SettingsForm | None = None
        self.norm = QComboBox()
        self.norm.setAccessibleName(self.tr("Norm"))
        self.norm.setToolTip(
            self.tr("How the change is measured; attacks without such a measure are offered too")
        )
        for norm in (*NORMS, ""):
            self.norm.addItem(norm_title(norm), norm)
        for box in (self.knowledge, self.objective, self.norm):
            let_grow(box)
        self._goal_place, self._budget_place = _place(), _place()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SMALL + 2)
        # One form for each chooser: a form layout misjudges the height of wrapped text in it.
        column.addLayout(_one_row(self.tr("&Knows"), self.knowledge))
        column.addWidget(self.sentence)
        column.addLayout(_one_row(self.tr("&Wants"), self.objective))
        column.addWidget(self._goal_place)
        column.addLayout(_one_row(self.tr("&Norm"), self.norm))
        column.addWidget(self._budget_place)
        self.knowledge.activated.connect(self._threat_edited)
        self.norm.activated.connect(self._threat_edited)
        self.objective.activated.connect(self._objective_chosen)
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
        card = model.card if model is not None else None
        if card == self._card and self.objective.count():
            return
        self._card = card
        self.objective.clear()
        for name, kind in OBJECTIVES.items():
            if card is None or card.task in kind.tasks:
                self.objective.addItem(translated(kind.title), name)
        if self.goal is not None:
            self._make_goal(self.goal_name)

    @property
    def goal_name(self) -> str:
        """The name of the objective in the registry."""
        return str(self.objective.currentData() or "untargeted")

    def show_objective(self, objective: Objective) -> None:
        """Show an objective. No signal is emitted."""
        if self.objective.currentData() != objective.name or self._goal_kind != objective.name:
            self._make_goal(objective.name)
        if self.goal is not None and not self.goal.holds(objective):
            self.goal.blockSignals(True)
            self.goal.set_value(objective)
            self.goal.blockSignals(False)

    def value(self) -> Objective:
        """The objective that stands in the form.

        Raises:
            SettingsError: names the first field whose value is refused.
        """
        if self.goal is None:
            return OBJECTIVES[self.goal_name]()
        objective = self.goal.value()
        assert isinstance(objective, Objective)
        return objective

    def take_budget(self, row: QWidget | None) -> None:
        """Give the row that edits the budget a place here, instead of the one before."""
        if self._budget is not None:
            self._budget.hide()
            self._budget.deleteLater()
        self._budget = row
        if row is not None:
            self._budget_place.layout().addWidget(row)
        self._budget_place.setVisible(row is not None)

    _goal_kind = ""

    def _make_goal(self, name: str) -> None:
        self.objective.setCurrentIndex(self.objective.findData(name))
        self._goal_kind = name
        if self.goal is not None:
            self.goal.hide()
            self.goal.deleteLater()
            self.goal = None
        kind = OBJECTIVES[name]
        self._goal_place.setVisible(bool(kind.model_fields))
        if not kind.model_fields:
            return
        names = self._card.classes if self._card else ()
        indexed = dict.fromkeys(INDEX_FIELDS, names)
        self.goal = SettingsForm(kind, indexed, explained=True, folded=("loss_kind",))
        self.goal.changed.connect(self.goal_changed)
        self._goal_place.layout().addWidget(self.goal)

    def _objective_chosen(self) -> None:
        self._make_goal(self.objective.currentData())
        self.goal_changed.emit()

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
