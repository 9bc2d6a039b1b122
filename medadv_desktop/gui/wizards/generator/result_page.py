"""The last step: what came of it, and what can be done with that."""

from __future__ import annotations

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QScrollArea, QVBoxLayout

from medadv_desktop.attacks.gap.attack import GAP
from medadv_desktop.attacks.gap.recipe import GapRecipe
from medadv_desktop.attacks.objectives import Targeted
from medadv_desktop.attacks.prepared import Origin
from medadv_desktop.attacks.universal.attack import Universal
from medadv_desktop.audit.generators import FitUniversalRequest, UniversalFit
from medadv_desktop.gui import icons
from medadv_desktop.gui.attack_panel.wording import translated
from medadv_desktop.gui.docks.jobs import seconds_text
from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.labelled.bars import counted, figure
from medadv_desktop.gui.theme import LARGE, MEDIUM, SMALL
from medadv_desktop.gui.viewers.wording import budget_text
from medadv_desktop.gui.wizards.generator.kinds import Recipe
from medadv_desktop.gui.wizards.generator.sights import Sights
from medadv_desktop.gui.wizards.generator.trainer import GeneratorTrainer
from medadv_desktop.gui.wizards.generator.training_page import Curves
from medadv_desktop.gui.wizards.generator.wording import epochs_text, rate_text, tr
from medadv_desktop.gui.wizards.model_import.sheet import Sheet
from medadv_desktop.gui.wizards.steps import Callout, StepPage

_NORMS = {"linf": "L∞", "l2": "L2"}


class ResultPage(StepPage):
    """Figures of the generator, and the buttons that use it.

    Signals:
        use_wanted: the generator was put into the attack panel.
    """

    use_wanted = Signal()

    def __init__(self, bench: Workbench, trainer: GeneratorTrainer) -> None:
        super().__init__()
        self.title = tr("Result")
        self._bench, self._trainer = bench, trainer
        self.sheet = Sheet(bench.theme)
        self.left_out = Callout(bench.theme)
        self.curves = Curves(bench.theme, stacked=True)
        self.sights = Sights(bench)
        self.use = QPushButton(tr("&Use in the attack panel"))
        self.use.setToolTip(tr("Set the attack to this file"))
        self.reveal = QPushButton(tr("Show in &folder"))
        for button, icon in ((self.use, "attack"), (self.reveal, "open-folder")):
            button.setAutoDefault(False)
            icons.bind_icon(button, icon, bench.theme)
        self.used = Callout(bench.theme)
        self._arrange()
        self.use.clicked.connect(self._use)
        self.reveal.clicked.connect(self._reveal)

    @property
    def heading(self) -> str:
        return tr("The perturbation") if self._trainer.fits else tr("The generator")

    @property
    def explanation(self) -> str:
        if self._trainer.fits:
            return tr(
                "The rates are of the images it was fitted on. How it does on others, an "
                "evaluation on another split tells."
            )
        return tr(
            "The rates are of the training images while it still learnt. How it does on others, "
            "an evaluation on another split tells."
        )

    def entered(self) -> None:
        trainer = self._trainer
        self.curves.show_training(trainer)
        self.sights.show_preview(trainer.preview)
        request = trainer.request
        self.sheet.show_lines(request.path.name if request is not None else "", self._lines())
        self.used.say("success", "")
        self._tell_left_out()

    def next_text(self) -> str:
        return tr("Close")

    # ------------------------------------------------------------------ inside

    def _about(self) -> tuple[Recipe, Origin] | None:
        trainer = self._trainer
        if trainer.answer is not None:
            return trainer.answer.request.recipe, trainer.answer.origin
        return (trainer.kept.recipe, trainer.kept.origin) if trainer.kept is not None else None

    def _lines(self) -> list[tuple[str, str]]:
        trainer, about = self._trainer, self._about()
        if about is None or trainer.request is None:
            return []
        recipe, origin = about
        history, answer = trainer.history, trainer.answer
        lines = []
        if isinstance(answer, UniversalFit):
            lines.append((tr("Goal reached"), rate_text(answer.goal_rate)))
            lines.append((tr("Without it"), rate_text(answer.clean_rate)))
            lines.append((tr("Goal"), translated(answer.request.objective.title)))
        elif history:
            lines.append((tr("Decisions changed"), rate_text(history[-1].rate)))
            lines.append((tr("Loss"), f"{history[-1].loss:.4g}"))
        lines += [
            (tr("Epochs"), epochs_text(len(history), recipe.epochs)),
            (tr("Against"), origin.model),
            (tr("Images"), f"{figure(origin.samples)}, {trainer.request.dataset.name}"),
            (tr("Form"), _form(recipe)),
            (tr("Budget"), f"{_NORMS[recipe.norm]} {budget_text(recipe.epsilon, recipe.norm)}"),
        ]
        if trainer.answer is not None:
            text = tr("{time} on {device}")
            time = seconds_text(trainer.answer.seconds)
            lines.append((tr("Took"), text.format(time=time, device=trainer.answer.device)))
        return [*lines, (tr("File"), str(trainer.request.path))]

    def _tell_left_out(self) -> None:
        answer = self._trainer.answer
        left_out = answer.left_out if answer is not None else ()
        text = reason = ""
        if left_out:
            one, many = tr("{0} image was left out."), tr("{0} images were left out.")
            text = counted(len(left_out), one, many)
            names = self._bench.controller.names
            reason = names.text(tr("The first: {0}.").format(left_out[0].reason.rstrip(".")))
        self.left_out.say("warning", text, reason)

    def _use(self) -> None:
        """As a user would set it; the model only where none is chosen."""
        request, about = self._trainer.request, self._about()
        if request is None or about is None:
            return
        controller, case = self._bench.controller, self._bench.case
        if not case.model:
            controller.choose_model(request.model)
        objective, recipe, path = case.objective, about[0], str(request.path)
        same = case.model == request.model
        if isinstance(request, FitUniversalRequest):
            objective = request.objective if same else objective
            case.set_attack(Universal(file=path), objective, case.seed)
            text = tr("The attack panel is set to this universal perturbation.")
        else:
            if isinstance(recipe, GapRecipe) and recipe.target is not None and same:
                objective = Targeted(target=recipe.target)
            case.set_attack(GAP(generator=path), objective, case.seed)
            text = tr("The attack panel is set to GAP with this generator.")
        remedy = ""
        if case.model != request.model:
            remedy = tr("Another model is chosen there: on that it is a transfer attack.")
        self.used.say("success", text, remedy)
        self.use_wanted.emit()

    def _reveal(self) -> None:
        request = self._trainer.request
        if request is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(request.path.parent)))

    def _arrange(self) -> None:
        scroll = QScrollArea()
        scroll.setWidget(self.sheet)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setAccessibleName(self.title)
        buttons = QHBoxLayout()
        buttons.setSpacing(SMALL + 2)
        buttons.addWidget(self.use)
        buttons.addWidget(self.reveal)
        buttons.addStretch(1)
        words = QVBoxLayout()
        words.setSpacing(MEDIUM)
        words.addWidget(scroll, 1)
        words.addLayout(buttons)
        upper = QHBoxLayout()
        upper.setSpacing(LARGE)
        upper.addLayout(words, 1)
        upper.addWidget(self.curves, 1)
        page = QVBoxLayout(self)
        page.setContentsMargins(LARGE + SMALL, SMALL, LARGE + SMALL, MEDIUM)
        page.setSpacing(MEDIUM)
        page.addLayout(upper, 3)
        page.addWidget(self.used)
        page.addWidget(self.left_out)
        page.addWidget(self.sights, 2)


def _form(recipe: Recipe) -> str:
    if not isinstance(recipe, GapRecipe):
        return tr("universal, fitted by gradients")
    form = tr("for each image") if recipe.form == "image-dependent" else tr("universal")
    network = {"unet": "U-Net", "resnet": "ResNet"}[recipe.network]
    return f"{form}, {network}"
