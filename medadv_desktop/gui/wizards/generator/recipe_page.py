"""The second step: goal and recipe, and what is to become of a file that lies there already."""

from __future__ import annotations

import math

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from medadv_desktop.errors import MedAdvError, SettingsError
from medadv_desktop.gui.attack_panel.choosers import let_grow
from medadv_desktop.gui.attack_panel.goal_form import GoalForm
from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.forms import SettingsForm
from medadv_desktop.gui.labelled.bars import figure
from medadv_desktop.gui.theme import LARGE, MEDIUM, SMALL, font
from medadv_desktop.gui.viewers.wording import budget_text
from medadv_desktop.gui.wizards.generator.kinds import (
    OWN,
    PRESETS,
    Kind,
    describes,
    preset_recipe,
)
from medadv_desktop.gui.wizards.generator.trainer import GeneratorTrainer
from medadv_desktop.gui.wizards.generator.wording import epochs_text, plain, tr
from medadv_desktop.gui.wizards.model_import.blocks import note
from medadv_desktop.gui.wizards.model_import.sheet import Sheet
from medadv_desktop.gui.wizards.steps import Callout, StepPage


class RecipePage(StepPage):
    """A form made from the fields of the recipe; what it means for these images."""

    def __init__(self, bench: Workbench, trainer: GeneratorTrainer) -> None:
        super().__init__()
        self.title = tr("Recipe")
        self._trainer, self._draft = trainer, trainer.draft
        self._waiting = False
        self._classes: tuple[str, ...] = ()
        self.preset = QComboBox()
        self.preset.setAccessibleName(tr("Preset"))
        let_grow(self.preset)
        self.preset_note = note("muted")
        self.goal = GoalForm(halves=True)
        self._spec = self._draft.spec
        self.form = self._make_form(())
        self.match = Callout(bench.theme)
        self.match_order = QCheckBox(tr("Both stand in the same &order"))
        self.match_order.setToolTip(
            tr("The data set's first class is the model's first, and so on, whatever their names")
        )
        self.sheet = Sheet(bench.theme)
        self.file = Callout(bench.theme)
        self.go_on = QCheckBox(tr("&Go on with it"))
        self.replace = QCheckBox(tr("&Replace that file"))
        self._offered: object = None
        self._arrange()
        self.preset.activated.connect(self._choose_preset)
        self.file.acted.connect(self._take_its_recipe)
        self.go_on.toggled.connect(self._decided)
        self.replace.toggled.connect(self.changed)
        self.goal.changed.connect(self._goal_edited)
        self.match_order.toggled.connect(self._draft.set_match_order)
        self._draft.changed.connect(self._show)
        trainer.changed.connect(self._begun)

    # ------------------------------------------------------------------ what the dialog asks

    @property
    def heading(self) -> str:
        fits = self._draft.spec.fitted
        return tr("How it is fitted") if fits else tr("How the generator is trained")

    @property
    def explanation(self) -> str:
        if self._draft.spec.fitted:
            return tr(
                "How long it takes is told after the first batches. It is written when it is "
                "done: stopped before, nothing is kept."
            )
        return tr(
            "How long it takes is told after the first batches; it can be stopped after any epoch "
            "and gone on with."
        )

    def entered(self) -> None:
        self._show_kind()
        self.replace.setChecked(False)
        self._offered, self._waiting = None, False
        if not self._draft.looking.busy:
            self._draft.look()
        self._show()

    def _show_kind(self) -> None:
        """The form of the kind that is prepared, with what the draft knows."""
        draft, card = self._draft, self._draft.card
        classes = card.classes if card is not None and not card.multi_label else ()
        if (classes, draft.spec) != (self._classes, self._spec):
            self._classes, self._spec = classes, draft.spec
            self._replace_form()
        if not classes and draft.values.get("goal") == "target":
            draft.set_values({**draft.values, "goal": "least-likely", "target": None})
        self._offer_presets()
        self.form.set_values(draft.values)
        self.goal.setVisible(draft.spec.fitted)
        self.goal.show_card(card)
        self.goal.show_objective(draft.objective)

    def blocked(self) -> str:
        draft = self._draft
        if self._trainer.running:
            return tr("A training runs")
        if draft.recipe is None:
            return tr("Mend the recipe first")
        if draft.spec.fitted and not self._goal_fits():
            return tr("Mend the goal first")
        if draft.mismatch is not None:
            return tr("The labels do not fit the model")
        if draft.lying is None:
            return tr("Choose a file to write")
        if draft.lying.free or self._goes_on() or self.replace.isChecked():
            return ""
        return tr("Say that the file may be replaced, or choose another")

    def busy(self) -> str:
        return tr("Looking at the file…") if self._draft.looking.busy else ""

    def next_text(self) -> str:
        if self._draft.spec.fitted:
            return tr("Fit")
        return tr("Go on training") if self._goes_on() else tr("Train")

    def advance(self) -> bool:
        """Begin; later, where the user has to agree first that the code of the model runs."""
        draft = self._draft
        request, lying = draft.request(self._goes_on()), draft.lying
        if request is None or lying is None:
            return False
        self._waiting = not self._trainer.start(request, lying)
        return not self._waiting

    def _begun(self) -> None:
        if self._waiting and self._trainer.running:
            self._waiting = False
            self.done.emit()

    # ------------------------------------------------------------------ from the user

    def _choose_preset(self) -> None:
        place, values = self.preset.currentData(), self._draft.values
        if place is not None:
            own = {name: values[name] for name in OWN if name in values}
            recipe = preset_recipe(PRESETS[place], self._spec)
            self.form.set_values({**recipe.model_dump(), **own})
        self._show_preset()

    def _goal_edited(self) -> None:
        try:
            self._draft.set_objective(self.goal.value())
        except SettingsError:
            self.changed.emit()

    def _goal_fits(self) -> bool:
        """The goal that stands there is whole, and one for this model."""
        card = self._draft.card
        try:
            objective = self.goal.value()
            if card is not None:
                objective.check(card)
        except MedAdvError:
            return False
        return True

    def _edited(self) -> None:
        values = self.form.values()
        if "target" not in values:
            self._draft.set_values(values)
            return
        wanted = values["target"]
        if values["goal"] != "target":
            wanted = None
        elif wanted is None and self._classes:
            wanted = 0
        if wanted != values["target"]:
            self.form.set_values({"target": wanted})  # comes back here
            return
        self._draft.set_values(values)

    def _take_its_recipe(self) -> None:
        lying = self._draft.lying
        if lying is not None and lying.head is not None:
            recipe = lying.head.recipe
            self._draft.set_kind(Kind(recipe.form))
            self._draft.set_values(recipe.model_dump())
            self._show_kind()

    def _decided(self, on: bool) -> None:
        if on:
            self.replace.setChecked(False)
        self._show_file()
        self.changed.emit()

    # ------------------------------------------------------------------ from the draft

    def _goes_on(self) -> bool:
        return self._draft.resumable and self.go_on.isChecked()

    def _show(self) -> None:
        if self._spec != self._draft.spec:
            return  # the form is made anew when the page is entered
        self._show_goal()
        self._show_match()
        self._show_preset()
        self._show_file()
        self._show_means()
        self.changed.emit()

    def _show_goal(self) -> None:
        if self._spec.fitted:
            return
        goal, target = self.form.row("goal"), self.form.row("target")
        self.form.row("form").setVisible(False)  # the kind says it
        goal.setVisible(bool(self._classes))
        target.setVisible(self._draft.values.get("goal") == "target")

    def _show_match(self) -> None:
        draft = self._draft
        mismatch, card = draft.mismatch, draft.card
        text = f"{mismatch.reason}." if mismatch is not None else ""
        self.match.say("error", text, tr("Name the classes as the model does.") if text else "")
        same = (
            card is not None
            and draft.images is not None
            and len(draft.images.chosen.classes) == len(card.classes)
            and draft.images.chosen.task == card.task
        )
        offered = draft.spec.fitted and same and (mismatch is not None or draft.match_order)
        self.match_order.setVisible(offered)
        self.match_order.setChecked(draft.match_order)

    def _offer_presets(self) -> None:
        self.preset.clear()
        self.preset.addItem(tr("Own recipe"), None)
        for place, preset in enumerate(PRESETS):
            if self._spec.kind in preset.kinds:
                self.preset.addItem(tr(preset.title), place)
                tip = tr(preset.sentence)
                self.preset.setItemData(self.preset.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)

    def _show_preset(self) -> None:
        recipe, spec = self._draft.recipe, self._spec
        fitting = (
            place
            for place, preset in enumerate(PRESETS)
            if recipe is not None and spec.kind in preset.kinds and describes(preset, recipe, spec)
        )
        place = next(fitting, None)
        self.preset.setCurrentIndex(self.preset.findData(place))
        told = tr("As the fields below say") if place is None else tr(PRESETS[place].sentence)
        self.preset_note.setText(told)

    def _show_file(self) -> None:
        draft, lying = self._draft, self._draft.lying
        resumable = draft.resumable
        if lying != self._offered:
            self._offered = lying
            self.go_on.setChecked(True)
        self.go_on.setVisible(resumable)
        taken = lying is not None and not lying.free
        self.replace.setVisible(taken and not self._goes_on())
        if lying is None or lying.free:
            self.file.say("info", "")
            return
        name = lying.path.name
        if lying.head is None:
            text = tr("The file {name} exists, and {reason}.")
            self.file.say("warning", text.format(name=name, reason=lying.reason))
            return
        done = epochs_text(len(lying.head.epochs), lying.head.recipe.epochs)
        if resumable:
            text = tr("{name} is an unfinished generator of this recipe: {done}.")
            self.file.say("info", text.format(name=name, done=done))
            return
        if not lying.unfinished:
            text = tr("{name} is a finished generator: {done}.")
            self.file.say("warning", text.format(name=name, done=done))
            return
        card, its = draft.card, lying.head.origin.model
        text = tr("{name} is an unfinished generator: {done}, against {model}.")
        text = text.format(name=name, done=done, model=its)
        if card is not None and card.id == its:
            remedy = tr("Take its recipe over to go on with it.")
            self.file.say("warning", text, remedy, tr("Use its recipe"))
        else:
            self.file.say("warning", text, tr("Choose that model to go on with it."))

    def _show_means(self) -> None:
        draft, recipe = self._draft, self._draft.recipe
        lines = [(tr("What"), plain(tr(draft.spec.title)))]
        if draft.card is not None:
            lines.append((tr("Against"), draft.card.name))
        if draft.images is not None:
            count = len(draft.images.chosen)
            lines.append((tr("Images"), figure(count)))
            if recipe is not None:
                batches = math.ceil(count / recipe.batch_size)
                lines.append((tr("Batches"), tr("{0} an epoch").format(figure(batches))))
                lines.append((tr("Steps"), figure(batches * recipe.epochs)))
        if recipe is not None:
            lines.append((tr("Budget"), budget_text(recipe.epsilon, recipe.norm)))
        if draft.path is not None:
            lines.append((tr("Goes to"), str(draft.path)))
        self.sheet.show_lines(tr("What that means"), lines)

    # ------------------------------------------------------------------ making

    def _make_form(self, classes: tuple[str, ...]) -> SettingsForm:
        spec = self._spec
        names = {"target": classes} if classes and "target" in spec.recipe.model_fields else {}
        form = SettingsForm(spec.recipe, names, explained=True, folded=spec.folded)
        form.changed.connect(self._edited)
        return form

    def _replace_form(self) -> None:
        old, self.form = self.form, self._make_form(self._classes)
        self._place.replaceWidget(old, self.form)
        old.hide()
        old.deleteLater()

    def _arrange(self) -> None:
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, MEDIUM, 0)
        column.setSpacing(MEDIUM)
        head = QHBoxLayout()
        label = QLabel(tr("&Preset"))
        label.setFont(font("strong"))
        label.setBuddy(self.preset)
        head.addWidget(label, 1)
        head.addWidget(self.preset, 1)
        column.addLayout(head)
        column.addWidget(self.preset_note)
        column.addWidget(self.goal)
        self._place = QVBoxLayout()
        self._place.addWidget(self.form)
        column.addLayout(self._place)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidget(content)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setAccessibleName(self.title)
        beside = QVBoxLayout()
        beside.setSpacing(MEDIUM)
        beside.addWidget(self.match)
        beside.addWidget(self.match_order)
        beside.addWidget(self.file)
        beside.addWidget(self.go_on)
        beside.addWidget(self.replace)
        beside.addWidget(self.sheet, 1)
        page = QHBoxLayout(self)
        page.setContentsMargins(LARGE + SMALL, SMALL, LARGE, MEDIUM)
        page.setSpacing(LARGE + SMALL)
        page.addWidget(scroll, 3)
        page.addLayout(beside, 2)
