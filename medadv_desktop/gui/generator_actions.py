"""The action that prepares a perturbation: trains a generator, or fits a universal one."""

from __future__ import annotations

from PySide6.QtCore import QT_TRANSLATE_NOOP

from medadv_desktop.gui.action_spec import ATTACK, ActionSpec
from medadv_desktop.gui.wizards.generator import train_generator

GENERATOR_ACTIONS: tuple[ActionSpec, ...] = (
    ActionSpec(
        "train-generator",
        QT_TRANSLATE_NOOP("Actions", "&Prepare a perturbation…"),
        ATTACK,
        1,
        train_generator,
        QT_TRANSLATE_NOOP(
            "Actions", "Train a generator (GAP), or fit one perturbation for all images"
        ),
        "generator",
        ("Ctrl+Alt+G",),
    ),
)
