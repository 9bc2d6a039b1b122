"""The form of one attack of a plan: budgets, goal, its own fields, and how it is prepared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from medadv_desktop.attacks.bounded import BudgetedAttack
from medadv_desktop.attacks.gap.recipe import GapRecipe
from medadv_desktop.attacks.objectives import Untargeted
from medadv_desktop.attacks.registry import ATTACKS, make_objective
from medadv_desktop.attacks.universal.recipe import UniversalRecipe
from medadv_desktop.audit.plan.schema import TRAINED, SmallestBudget
from medadv_desktop.errors import SettingsError
from medadv_desktop.gui.attack_panel.choosers import let_grow
from medadv_desktop.gui.attack_panel.goal_form import GoalForm
from medadv_desktop.gui.attack_panel.wording import translated
from medadv_desktop.gui.forms import SettingsForm
from medadv_desktop.gui.theme import LARGE, MEDIUM, SMALL
from medadv_desktop.gui.wizards.audit.draft import AuditDraft
from medadv_desktop.gui.wizards.audit.parts import NamedTicks, Words, heading, said_by, show_values
from medadv_desktop.gui.wizards.audit.wording import tr
from medadv_desktop.gui.wizards.model_import.blocks import note
from medadv_desktop.settings import format_pixel_fraction

FIXED, SMALLEST, OWN = "fixed", "smallest", "own"
_PLAIN = (
    *("norm", "epsilon", "steps", "queries", "restarts", "draws", "thoroughness"),
    *("generator", "file", "pixels", "max_displacement"),
)


class AttackEditor(QWidget):
    """Edits one attack of a draft.

    Signals:
        edited: by hand; the values are in the draft already.
    """

    edited = Signal()

    def __init__(self, draft: AuditDraft) -> None:
        super().__init__()
        self._draft = draft
        self._place = -1
        self._kind = ""
        self.title = heading("")
        self.summary = note("muted")
        self.name = QLineEdit()
        self.name.setAccessibleName(tr("Name in the plan"))
        self.name.setToolTip(tr("Small letters, digits, points and dashes; figures go by it"))
        self.mode = QComboBox()
        self.mode.setAccessibleName(tr("Budgets"))
        let_grow(self.mode)
        self.budgets = Words(
            tr("Budgets to try"),
            tr("Each is a cell of its own, for the curve of robust accuracy"),
            tr("such as 1/255, 2/255, 4/255"),
        )
        self.smallest = SettingsForm(SmallestBudget, explained=True)
        self.goal = GoalForm()
        self.transfer = QCheckBox(tr("The other models judge them too"))
        self.transfer.setToolTip(
            tr("The other models look at the attacked images: transfer from model to model")
        )
        self.models = NamedTicks(tr("Against all models"))
        self.train = QCheckBox(tr("Prepare it first, on"))
        self.train.setToolTip(tr("Trained against each model before the audit attacks with it"))
        self.train_on = QComboBox()
        self.train_on.setAccessibleName(tr("Data set that it is prepared on"))
        let_grow(self.train_on)
        self.form: SettingsForm | None = None
        self.recipe: SettingsForm | None = None
        self._arrange()
        self._connect()

    @property
    def errors(self) -> bool:
        """A field is wrong."""
        forms = (self.form, self.recipe if self.train.isChecked() else None)
        return any(form is not None and not form.is_valid() for form in forms)

    # ------------------------------------------------------------------ from the draft

    def show_attack(self, place: int) -> None:
        """Show the attack at a place of the draft."""
        values = self._draft.values["attacks"][place]
        kind = ATTACKS[values["attack"]]
        self._place = place
        if kind.name != self._kind:
            self._kind = kind.name
            self._make_forms()
        self.title.setText(translated(kind.title))
        self.summary.setText(f"{translated(kind.summary)}. {kind.reference}")
        if self.name.text() != values["id"]:
            self.name.setText(values["id"])
        self._show_budgets(values)
        assert self.form is not None
        show_values(self.form, kind, values.get("settings", {}))
        self._show_goal(values)
        names = [m["id"] for m in self._draft.values["models"]]
        self.models.show_names(names, values.get("models", ()))
        self.models.setVisible(len(names) > 1)
        self.models_title.setVisible(len(names) > 1)
        self.transfer.setVisible(len(names) > 1)
        self.transfer.setChecked(bool(values.get("transfer")))
        self._show_training(values)
        field, _, reason = self._draft.error.partition(": ")
        mine = field.startswith(f"attacks[{place}]")
        own = field.partition(").")[2]
        self.error.setText(f"{own}: {reason}" if own else reason if mine else "")
        self.error.setVisible(mine)

    def _show_budgets(self, values: Mapping[str, Any]) -> None:
        kind = ATTACKS[self._kind]
        modes = [(OWN, tr("What the attack needs"))]
        if "epsilon" in kind.model_fields:
            modes = [(FIXED, tr("Fixed budgets")), (OWN, tr("The one of its settings"))]
        if issubclass(kind, BudgetedAttack):
            modes.insert(1, (SMALLEST, tr("The smallest that suffices, for every sample")))
        if [self.mode.itemData(i) for i in range(self.mode.count())] != [m for m, _ in modes]:
            self.mode.clear()
            for mode, text in modes:
                self.mode.addItem(text, mode)
        mode = FIXED if values.get("epsilons") else OWN
        if values.get("smallest") is not None:
            mode = SMALLEST
        if self._mode_wanted == (self._place, FIXED) and mode == OWN:
            mode = FIXED  # somebody chose fixed ones and is about to name them
        self.mode.setCurrentIndex(max(self.mode.findData(mode), 0))
        self.mode_row.setVisible(len(modes) > 1)
        self.budgets.show_words([_written(e) for e in values.get("epsilons", ())])
        self.budgets_row.setVisible(mode == FIXED)
        self.smallest.setVisible(mode == SMALLEST)
        if values.get("smallest") is not None:
            show_values(self.smallest, SmallestBudget, values["smallest"])
        assert self.form is not None
        if (row := self.form.row("epsilon")) is not None:
            row.setVisible(mode == OWN)

    def _show_goal(self, values: Mapping[str, Any]) -> None:
        named = values.get("models") or [m["id"] for m in self._draft.values["models"]]
        cards = [card for name, card in self._draft.cards.items() if name in named]
        self.goal.show_card(cards[0] if cards else None)
        name = values.get("objective", "untargeted")
        try:
            objective = make_objective(name, values.get("objective_settings", {}))
        except SettingsError:
            return  # it stands in the form as it was typed
        if self.goal.chooser.findData(name) < 0:
            objective = Untargeted()
        self.goal.show_objective(objective)

    def _show_training(self, values: Mapping[str, Any]) -> None:
        trained = self._kind in TRAINED
        train = values.get("train")
        for widget in (self.train, self.train_on):
            widget.setVisible(trained)
        names = [d["id"] for d in self._draft.values["datasets"]]
        if [self.train_on.itemText(i) for i in range(self.train_on.count())] != names:
            self.train_on.clear()
            self.train_on.addItems(names)
        self.train.setChecked(train is not None)
        self.train_on.setEnabled(train is not None)
        if train is not None:
            self.train_on.setCurrentIndex(self.train_on.findText(train["dataset"]))
        if self.recipe is not None:
            self.recipe.setVisible(train is not None)
            if train is not None:
                show_values(self.recipe, _recipe_kind(self._kind), train.get("recipe", {}))
        assert self.form is not None
        for field in ("generator", "file"):
            if (row := self.form.row(field)) is not None:
                row.setVisible(train is None)

    # ------------------------------------------------------------------ from the user

    def _edited(self) -> None:
        """Everything that stands here goes into the draft."""
        if self._place < 0 or self.form is None:
            return
        mode = self.mode.currentData()
        self._mode_wanted = (self._place, mode)
        goal = self.goal
        self._draft.edit_attack(
            self._place,
            id=self.name.text().strip(),
            settings=said_by(self.form),
            epsilons=self.budgets.words() if mode == FIXED else [],
            smallest=said_by(self.smallest) if mode == SMALLEST else None,
            objective=goal.name,
            objective_settings=said_by(goal.form) if goal.form is not None else {},
            models=self.models.chosen(),
            transfer=self.transfer.isChecked() and not self.transfer.isHidden(),
            train=self._training(),
        )
        self.edited.emit()

    def _training(self) -> dict[str, Any] | None:
        if self.recipe is None or not self.train.isChecked():
            return None
        return {"dataset": self.train_on.currentText(), "recipe": said_by(self.recipe)}

    # ------------------------------------------------------------------ making

    def _make_forms(self) -> None:
        for form in (self.form, self.recipe):
            if form is not None:
                form.hide()
                form.deleteLater()
        kind = ATTACKS[self._kind]
        folded = tuple(name for name in kind.model_fields if name not in _PLAIN)
        self.form = SettingsForm(kind, explained=True, folded=folded)
        self.form.changed.connect(self._edited)
        self._form_place.addWidget(self.form)
        self.recipe = None
        if self._kind in TRAINED:
            recipe = _recipe_kind(self._kind)
            plain = ("epsilon", "epochs", "goal")
            folded = tuple(name for name in recipe.model_fields if name not in plain)
            self.recipe = SettingsForm(recipe, explained=True, folded=folded)
            self.recipe.changed.connect(self._edited)
            self._recipe_place.addWidget(self.recipe)

    def _connect(self) -> None:
        self.name.textEdited.connect(self._edited)
        self.mode.activated.connect(self._edited)
        self.budgets.typed.connect(self._edited)
        self.smallest.changed.connect(self._edited)
        self.goal.changed.connect(self._edited)
        self.transfer.clicked.connect(self._edited)
        self.models.edited.connect(self._edited)
        self.train.clicked.connect(self._edited)
        self.train_on.activated.connect(self._edited)

    def _arrange(self) -> None:
        self._mode_wanted: tuple[int, str] = (-1, "")
        self.error = note("danger")
        self.budgets_row = _row(tr("ε to &try"), self.budgets)
        self.mode_row = _row(tr("&Budgets"), self.mode)
        self.models_title = heading(tr("Models"))
        self._form_place, self._recipe_place = QVBoxLayout(), QVBoxLayout()
        page = QVBoxLayout(self)
        page.setContentsMargins(0, 0, MEDIUM, 0)
        page.setSpacing(MEDIUM)
        page.addWidget(self.title)
        page.addWidget(self.summary)
        page.addWidget(_row(tr("N&ame"), self.name))
        page.addWidget(self.mode_row)
        page.addWidget(self.budgets_row)
        page.addWidget(self.error)
        page.addWidget(self.smallest)
        page.addLayout(self._form_place)
        page.addWidget(self.train)
        page.addWidget(self.train_on)
        page.addLayout(self._recipe_place)
        page.addSpacing(LARGE)
        page.addWidget(heading(tr("Goal")))
        page.addWidget(self.goal)
        page.addWidget(self.models_title)
        page.addWidget(self.models)
        page.addWidget(self.transfer)
        page.addStretch(1)


def budgets_text(values: Mapping[str, Any]) -> str:
    """The budgets of an attack in a few words, for a list."""
    if values.get("smallest") is not None:
        return tr("smallest budget for every sample")
    epsilons = [_written(e) for e in values.get("epsilons", ())]
    if len(epsilons) > 4 and all(e.endswith("/255") for e in epsilons):
        return tr("{0} budgets, {1} to {2}").format(len(epsilons), epsilons[0], epsilons[-1])
    return ", ".join(epsilons)


def _written(epsilon: object) -> str:
    """A budget as people write it."""
    return format_pixel_fraction(epsilon) if isinstance(epsilon, float) else str(epsilon)


def _recipe_kind(name: str) -> type[GapRecipe] | type[UniversalRecipe]:
    return GapRecipe if name == "gap" else UniversalRecipe


def _row(text: str, editor: QWidget) -> QWidget:
    holder = QWidget()
    form = QFormLayout(holder)
    form.setContentsMargins(0, 0, 0, 0)
    form.setHorizontalSpacing(MEDIUM)
    form.setVerticalSpacing(SMALL)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
    form.addRow(text, editor)
    label = form.labelForField(editor)
    assert isinstance(label, QLabel)
    label.setMinimumWidth(label.fontMetrics().horizontalAdvance("Second model "))
    return holder
