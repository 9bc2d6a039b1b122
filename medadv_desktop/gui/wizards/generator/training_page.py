"""The third step: the training as it goes on, which does not need this page."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from medadv_desktop.gui import icons
from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.theme import LARGE, MEDIUM, SMALL, Theme, font
from medadv_desktop.gui.wizards.generator.curves import EpochCurve
from medadv_desktop.gui.wizards.generator.sights import Sights
from medadv_desktop.gui.wizards.generator.trainer import GeneratorTrainer, Stage
from medadv_desktop.gui.wizards.generator.wording import (
    epochs_text,
    headline,
    rate_title,
    subline,
    tr,
)
from medadv_desktop.gui.wizards.model_import.blocks import note
from medadv_desktop.gui.wizards.model_import.choose_page import sentences
from medadv_desktop.gui.wizards.steps import Callout, StepPage

_FINE = 10_000
"""Parts of an epoch that the bar of progress tells apart."""


class Curves(QWidget):
    """Loss and fooling rate of each epoch, side by side or one above the other."""

    def __init__(self, theme: Theme, *, stacked: bool = False) -> None:
        super().__init__()
        self.loss = EpochCurve(theme, tr("Loss"), "accent", rate=False)
        self.rate = EpochCurve(theme, tr("Decisions changed"), "adversarial", rate=True)
        line = QVBoxLayout(self) if stacked else QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(MEDIUM if stacked else LARGE)
        line.addWidget(self.loss)
        line.addWidget(self.rate)

    def show_training(self, trainer: GeneratorTrainer) -> None:
        """Show how a training stands."""
        self.rate.set_title(rate_title(trainer))
        history, preview, request = trainer.history, trainer.preview, trainer.request
        runs = trainer.running and preview is not None
        epochs = request.recipe.epochs if request is not None else 1
        runs = runs and not trainer.judging
        loss = preview.loss if runs else None
        rate = preview.rate if runs else None
        self.loss.show_values([f.loss for f in history], loss, epochs)
        self.rate.show_values([f.rate for f in history], rate, epochs)


class TrainingPage(StepPage):
    """Progress, curves, one image; the button that stops."""

    def __init__(self, bench: Workbench, trainer: GeneratorTrainer) -> None:
        super().__init__()
        self.title = tr("Progress")
        self.explanation = tr(
            "It goes on when this window is closed. Meanwhile predictions and attacks wait for "
            "their turn: the engine does one thing at a time."
        )
        self._bench, self._trainer = bench, trainer
        self.head = QLabel()
        self.head.setFont(font("title"))
        self.told = note("muted")
        self.stop_training = QPushButton(tr("&Stop training"))
        self.resume = QPushButton(tr("&Go on training"))
        for button, icon in ((self.stop_training, "cancel"), (self.resume, "run")):
            button.setAutoDefault(False)
            icons.bind_icon(button, icon, bench.theme)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(6)
        self.bar.setAccessibleName(tr("Epochs done"))
        self.callout = Callout(bench.theme)
        self.curves = Curves(bench.theme)
        self.sights = Sights(bench)
        self._arrange()
        self.stop_training.clicked.connect(trainer.stop)
        self.resume.clicked.connect(trainer.go_on)
        trainer.changed.connect(self._show)
        trainer.preview_changed.connect(self._show_preview)
        trainer.ended.connect(self._ended)
        self._show()
        self._show_preview()

    # ------------------------------------------------------------------ what the dialog asks

    @property
    def heading(self) -> str:
        fits = self._trainer.fits
        return tr("The perturbation is fitted") if fits else tr("The generator learns")

    def entered(self) -> None:
        self._show()
        self._show_preview()

    def blocked(self) -> str:
        trainer = self._trainer
        if trainer.running:
            return tr("The fit runs") if trainer.fits else tr("The training runs")
        if trainer.stage is Stage.DONE or trainer.kept is not None:
            return ""
        return tr("Nothing was written")

    # ------------------------------------------------------------------ from the trainer

    def _ended(self) -> None:
        if self._trainer.stage is Stage.DONE and self.isVisible():
            self.done.emit()

    def _show(self) -> None:
        trainer = self._trainer
        job = trainer.job
        self._show_words()
        stopping = job is not None and job.cancelling
        self.stop_training.setVisible(trainer.running)
        self.stop_training.setEnabled(not stopping)
        self.stop_training.setText(tr("&Stop the fit") if trainer.fits else tr("&Stop training"))
        self.stop_training.setToolTip(
            tr("Nothing is kept of a fit that is stopped")
            if trainer.fits
            else tr("What whole epochs gave is kept, and can be gone on with")
        )
        kept = trainer.kept
        self.resume.setVisible(kept is not None and not kept.finished and not trainer.running)
        self._tell_end()
        if not trainer.running:
            self.curves.show_training(trainer)
        self.changed.emit()

    def _show_words(self) -> None:
        self.head.setText(headline(self._trainer))
        told = subline(self._trainer)
        self.told.setText(told)
        self.told.setVisible(bool(told))
        self._show_bar()

    def _show_bar(self) -> None:
        trainer, preview, job = self._trainer, self._trainer.preview, self._trainer.job
        done, total = len(trainer.history), trainer.request.recipe.epochs if trainer.request else 1
        if trainer.running and preview is not None:
            done, total = preview.epochs_done, preview.epochs
        elif trainer.running:
            done, total = (job.progress.done, job.progress.total) if job else (0, 0)
        self.bar.setRange(0, int(total * _FINE))
        self.bar.setValue(int(done * _FINE))

    def _tell_end(self) -> None:
        trainer = self._trainer
        request, kept = trainer.request, trainer.kept
        told = ""
        if kept is not None and request is not None:
            text = tr("{done} are kept in {name}.")
            done = epochs_text(len(kept.epochs), kept.recipe.epochs)
            told = text.format(done=done, name=request.path.name)
        names = self._bench.controller.names
        if trainer.stage is Stage.FAILED and trainer.failure is not None:
            text, remedy = sentences(trainer.failure)
            self.callout.say("error", names.text(text), f"{names.text(remedy)} {told}".strip())
        elif trainer.stage is Stage.STOPPED:
            said = tr("The fit was stopped.") if trainer.fits else tr("Training was stopped.")
            self.callout.say("info", said, told or tr("Nothing was kept."))
        else:
            self.callout.say("info", "")

    def _show_preview(self) -> None:
        self._show_words()
        self.curves.show_training(self._trainer)
        self.sights.show_preview(self._trainer.preview)

    # ------------------------------------------------------------------ making

    def _arrange(self) -> None:
        words = QVBoxLayout()
        words.setSpacing(SMALL)
        words.addWidget(self.head)
        words.addWidget(self.told)
        top = QHBoxLayout()
        top.addLayout(words, 1)
        for button in (self.resume, self.stop_training):
            top.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
        page = QVBoxLayout(self)
        page.setContentsMargins(LARGE + SMALL, SMALL, LARGE + SMALL, MEDIUM)
        page.setSpacing(MEDIUM)
        page.addLayout(top)
        page.addWidget(self.bar)
        page.addWidget(self.callout)
        page.addWidget(self.curves, 2)
        page.addWidget(self.sights, 3)
