"""The dialog itself: which steps there are, and what closing it means."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.wizards.generator.choose_page import ChoosePage
from medadv_desktop.gui.wizards.generator.recipe_page import RecipePage
from medadv_desktop.gui.wizards.generator.result_page import ResultPage
from medadv_desktop.gui.wizards.generator.trainer import GeneratorTrainer, Stage
from medadv_desktop.gui.wizards.generator.training_page import TrainingPage
from medadv_desktop.gui.wizards.generator.wording import tr
from medadv_desktop.gui.wizards.steps import StepDialog


class GeneratorDialog(StepDialog):
    """Shows the one training of a window; closing it leaves that as it is.

    Signals:
        use_wanted: what came of it was put into the attack panel.

    Attributes:
        choose_page, recipe_page, training_page, result_page: the steps.
    """

    use_wanted = Signal()

    def __init__(
        self, bench: Workbench, trainer: GeneratorTrainer, parent: QWidget | None = None
    ) -> None:
        super().__init__(bench.theme, tr("Prepare a perturbation"), parent)
        self.setObjectName("generator-training")
        self._trainer = trainer
        self.choose_page = ChoosePage(bench, trainer.draft)
        self.recipe_page = RecipePage(bench, trainer)
        self.training_page = TrainingPage(bench, trainer)
        self.result_page = ResultPage(bench, trainer)
        self.result_page.use_wanted.connect(self.use_wanted)
        self.set_pages((self.choose_page, self.recipe_page, self.training_page, self.result_page))
        if trainer.stage is Stage.DONE:
            self._show(3)
        elif trainer.stage is not Stage.IDLE:
            self._show(2)

    def go_to(self, index: int) -> None:
        """The steps before are out of reach while the training runs."""
        if not (self._trainer.running and index < self.stack.currentIndex()):
            super().go_to(index)

    def refresh(self) -> None:
        super().refresh()
        if not self.pages:
            return
        running, last = self._trainer.running, self.page is self.result_page
        if running:
            self.back.setEnabled(False)
        begun = self._trainer.stage is not Stage.IDLE
        self.cancel.setText(tr("Close") if begun else tr("Cancel"))
        self.cancel.setToolTip(tr("It goes on in the background") if running else "")
        self.cancel.setVisible(not last)

    def finish(self) -> None:
        """The result was seen: the next training is a new one."""
        if self._trainer.stage is Stage.DONE:
            self._trainer.forget()
        self.leave()
