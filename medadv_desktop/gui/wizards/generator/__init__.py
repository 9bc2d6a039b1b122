"""The dialog that prepares a perturbation, and the training that outlives it.

Both are made when they are wanted; until then only this is read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication

from medadv_desktop.gui.messages import NoticeAction
from medadv_desktop.gui.state.log import Level

if TYPE_CHECKING:
    from medadv_desktop.gui.main_window import MainWindow
    from medadv_desktop.gui.wizards.generator.dialog import GeneratorDialog
    from medadv_desktop.gui.wizards.generator.trainer import GeneratorTrainer


def train_generator(window: MainWindow) -> GeneratorDialog:
    """Show the dialog; where a training runs or waits to be looked at, on that."""
    from medadv_desktop.gui.wizards.generator.dialog import GeneratorDialog

    if (shown := _shown(window)) is not None:
        shown.raise_()
        shown.activateWindow()
        return shown
    dialog = GeneratorDialog(window.bench, trainer_of(window), window)
    window.closing.connect(dialog.leave)
    dialog.use_wanted.connect(lambda: _show_attack(window))
    dialog.show()
    return dialog


def trainer_of(window: MainWindow) -> GeneratorTrainer:
    """The one training of a window."""
    from medadv_desktop.gui.wizards.generator.trainer import GeneratorTrainer

    trainer = window.findChild(GeneratorTrainer)
    if trainer is None:
        trainer = GeneratorTrainer(window.bench, window)
        trainer.ended.connect(lambda: _tell(window, trainer))
    return trainer


def _shown(window: MainWindow) -> GeneratorDialog | None:
    from medadv_desktop.gui.wizards.generator.dialog import GeneratorDialog

    return next((d for d in window.findChildren(GeneratorDialog) if d.isVisible()), None)


def _tell(window: MainWindow, trainer: GeneratorTrainer) -> None:
    """What came of a training that nobody looks at."""
    from medadv_desktop.gui.wizards.generator.wording import ended_text

    text = ended_text(trainer)
    if _shown(window) is None and text:
        level = Level.ERROR if trainer.failure is not None else Level.INFO
        details = trainer.failure.details if trainer.failure is not None else ""
        show = NoticeAction(_tr("Show"), lambda: train_generator(window))
        window.controller.notices.add(text, level, details, (show,))


def _show_attack(window: MainWindow) -> None:
    dock = window.docks["attack"]
    dock.show()
    dock.raise_()


def _tr(text: str) -> str:
    return QCoreApplication.translate("GeneratorTraining", text)
