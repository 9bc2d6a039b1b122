"""The second step: the recipe, and what is to become of a file that lies there already."""

from __future__ import annotations

import math
from dataclasses import dataclass

from PySide6.QtCore import QT_TRANSLATE_NOOP, Qt
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

from medadv_desktop.attacks.gap.recipe import GapRecipe
from medadv_desktop.gui.attack_panel.choosers import let_grow
from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.forms import SettingsForm
from medadv_desktop.gui.labelled.bars import figure
from medadv_desktop.gui.theme import LARGE, MEDIUM, SMALL, font
from medadv_desktop.gui.viewers.wording import budget_text
from medadv_desktop.gui.wizards.generator.trainer import GeneratorTrainer
from medadv_desktop.gui.wizards.generator.wording import epochs_text, tr
from medadv_desktop.gui.wizards.model_import.blocks import note
from medadv_desktop.gui.wizards.model_import.sheet import Sheet
from medadv_desktop.gui.wizards.steps import Callout, StepPage

_FOLDED = ("network", "width", "batch_size", "learning_rate", "seed")
# No part of what a preset says: which class, and which numbers are drawn.
_OWN = ("goal", "target", "seed")


@dataclass(frozen=True)
class RecipePreset:
    """A recipe by what it is for; marked for translation."""

    title: str
    sentence: str
    recipe: GapRecipe

    def describes(self, recipe: GapRecipe) -> bool:
        own = {name: getattr(recipe, name) for name in _OWN}
        return self.recipe.model_copy(update=own) == recipe


PRESETS = (
    RecipePreset(
        QT_TRANSLATE_NOOP("GeneratorTraining", "The paper's, for each image"),
        QT_TRANSLATE_NOOP(
            "GeneratorTraining",
            "U-Net, L∞ within 8/255, Adam at 0.0002, 10 epochs: a perturbation for each image",
        ),
        GapRecipe(),
    ),
    RecipePreset(
        QT_TRANSLATE_NOOP("GeneratorTraining", "The paper's, universal"),
        QT_TRANSLATE_NOOP(
            "GeneratorTraining", "The same, with one perturbation that fits every image"
        ),
        GapRecipe(form="universal"),
    ),
    RecipePreset(
        QT_TRANSLATE_NOOP("GeneratorTraining", "Quick look"),
        QT_TRANSLATE_NOOP(
            "GeneratorTraining",
            "A narrow network and 2 epochs: whether anything can be learnt, no verdict",
        ),
        GapRecipe(width=8, epochs=2),
    ),
)


class RecipePage(StepPage):
    """A form made from the fields of `GapRecipe`; what it means for these images."""

    def __init__(self, bench: Workbench, trainer: GeneratorTrainer) -> None:
        super().__init__()
        self.title = tr("Recipe")
        self.heading = tr("How the generator is trained")
        self.explanation = tr(
            "How long it takes is told after the first batches; it can be stopped after any epoch "
            "and gone on with."
        )
        self._trainer, self._draft = trainer, trainer.draft
        self._waiting = False
        self._classes: tuple[str, ...] = ()
        self.preset = QComboBox()
        self.preset.setAccessibleName(tr("Preset"))
        self.preset.addItem(tr("Own recipe"), None)
        for preset in PRESETS:
            self.preset.addItem(tr(preset.title), preset.title)
            tip = tr(preset.sentence)
            self.preset.setItemData(self.preset.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        let_grow(self.preset)
        self.preset_note = note("muted")
        self.form = self._make_form(())
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
        self._draft.changed.connect(self._show)
        trainer.changed.connect(self._begun)

    # ------------------------------------------------------------------ what the dialog asks

    def entered(self) -> None:
        card = self._draft.card
        classes = card.classes if card is not None and not card.multi_label else ()
        if classes != self._classes:
            self._classes = classes
            self._replace_form()
        if not classes and self._draft.values.get("goal") == "target":
            self._draft.set_values({**self._draft.values, "goal": "least-likely", "target": None})
        self.form.set_values(self._draft.values)
        self.replace.setChecked(False)
        self._offered, self._waiting = None, False
        if not self._draft.looking.busy:
            self._draft.look()
        self._show()

    def blocked(self) -> str:
        draft = self._draft
        if self._trainer.running:
            return tr("A training runs")
        if draft.recipe is None:
            return tr("Mend the recipe first")
        if draft.lying is None:
            return tr("Choose a file for the generator")
        if draft.lying.free or self._goes_on() or self.replace.isChecked():
            return ""
        return tr("Say that the file may be replaced, or choose another")

    def busy(self) -> str:
        return tr("Looking at the file…") if self._draft.looking.busy else ""

    def next_text(self) -> str:
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
        title = self.preset.currentData()
        chosen = next((p for p in PRESETS if p.title == title), None)
        if chosen is not None:
            own = {name: self._draft.values[name] for name in _OWN}
            self.form.set_values({**chosen.recipe.model_dump(), **own})
        self._show_preset()

    def _edited(self) -> None:
        values = self.form.values()
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
            self.form.set_values(lying.head.recipe.model_dump())

    def _decided(self, on: bool) -> None:
        if on:
            self.replace.setChecked(False)
        self._show_file()
        self.changed.emit()

    # ------------------------------------------------------------------ from the draft

    def _goes_on(self) -> bool:
        return self._draft.resumable and self.go_on.isChecked()

    def _show(self) -> None:
        self._show_goal()
        self._show_preset()
        self._show_file()
        self._show_means()
        self.changed.emit()

    def _show_goal(self) -> None:
        goal, target = self.form.row("goal"), self.form.row("target")
        goal.setVisible(bool(self._classes))
        target.setVisible(self._draft.values.get("goal") == "target")

    def _show_preset(self) -> None:
        recipe = self._draft.recipe
        fitting = (p for p in PRESETS if recipe is not None and p.describes(recipe))
        preset = next(fitting, None)
        self.preset.setCurrentIndex(self.preset.findData(preset.title if preset else None))
        self.preset_note.setText(tr(preset.sentence) if preset else tr("As the fields below say"))

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
        lines = []
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
        names = {"target": classes} if classes else {}
        form = SettingsForm(GapRecipe, names, explained=True, folded=_FOLDED)
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
        beside.addWidget(self.file)
        beside.addWidget(self.go_on)
        beside.addWidget(self.replace)
        beside.addWidget(self.sheet, 1)
        page = QHBoxLayout(self)
        page.setContentsMargins(LARGE + SMALL, SMALL, LARGE, MEDIUM)
        page.setSpacing(LARGE + SMALL)
        page.addWidget(scroll, 3)
        page.addLayout(beside, 2)
