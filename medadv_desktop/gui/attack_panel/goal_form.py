"""What an attack wants the model to say: a chooser, and the fields of what was chosen."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from medadv_desktop.attacks.objectives import INDEX_FIELDS, OBJECTIVES, Objective
from medadv_desktop.gui.attack_panel.choosers import let_grow, rows
from medadv_desktop.gui.attack_panel.wording import translated
from medadv_desktop.gui.forms import SettingsForm
from medadv_desktop.gui.theme import SMALL
from medadv_desktop.models.card import ModelCard


class GoalForm(QWidget):
    """Edits an objective that fits a model.

    Signals:
        changed: a user edited it; it may or may not be valid.

    Attributes:
        chooser: of the kind of goal.
        form: its fields, None where it has none.
    """

    changed = Signal()

    def __init__(self, *, halves: bool = False) -> None:
        """
        Args:
            halves: label and chooser are as wide as each other, as in a `SettingsForm`; else the
                chooser stands in line with those of the attack panel.
        """
        super().__init__()
        self._card: ModelCard | None = None
        self._kind = ""
        self.chooser = QComboBox()
        self.chooser.setAccessibleName(self.tr("Goal"))
        self.chooser.setToolTip(self.tr("What the attack wants the model to say"))
        let_grow(self.chooser)
        self.form: SettingsForm | None = None
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(SMALL + 2)
        # A form of its own: a form layout misjudges the height of wrapped text in it.
        row = _Halves() if halves else rows()
        row.addRow(self.tr("&Wants"), self.chooser)
        self._column.addLayout(row)
        self.chooser.activated.connect(self._chosen)

    @property
    def name(self) -> str:
        """The name of the objective in the registry."""
        return str(self.chooser.currentData() or "untargeted")

    def show_card(self, card: ModelCard | None) -> None:
        """Another model: other goals fit, and classes have other names.

        The goal is shown anew by `show_objective`.
        """
        if card == self._card and self.chooser.count():
            return
        self._card = card
        self.chooser.clear()
        for name, kind in OBJECTIVES.items():
            if card is None or card.task in kind.tasks:
                self.chooser.addItem(translated(kind.title), name)
        if self.form is not None:
            self._make(self.name)

    def show_objective(self, objective: Objective) -> None:
        """Show an objective. No signal is emitted."""
        if self.chooser.currentData() != objective.name or self._kind != objective.name:
            self._make(objective.name)
        if self.form is not None and not self.form.holds(objective):
            self.form.blockSignals(True)
            self.form.set_value(objective)
            self.form.blockSignals(False)

    def value(self) -> Objective:
        """The objective that stands in the form.

        Raises:
            SettingsError: names the first field whose value is refused.
        """
        if self.form is None:
            return OBJECTIVES[self.name]()
        objective = self.form.value()
        assert isinstance(objective, Objective)
        return objective

    def _make(self, name: str) -> None:
        self.chooser.setCurrentIndex(self.chooser.findData(name))
        self._kind = name
        if self.form is not None:
            self.form.hide()
            self.form.deleteLater()
            self.form = None
        kind = OBJECTIVES[name]
        if kind.model_fields:
            indexed = dict.fromkeys(INDEX_FIELDS, self._card.classes if self._card else ())
            self.form = SettingsForm(kind, indexed, explained=True, folded=("loss_kind",))
            self.form.changed.connect(self.changed)
            self._column.addWidget(self.form)

    def _chosen(self) -> None:
        self._make(self.chooser.currentData())
        self.changed.emit()


class _Halves(QHBoxLayout):
    """A row of a label and what it names, as wide as each other."""

    def addRow(self, text: str, widget: QWidget) -> None:
        label = QLabel(text)
        label.setBuddy(widget)
        self.addWidget(label, 1)
        self.addWidget(widget, 1)
