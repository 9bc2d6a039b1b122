"""The action that trains a perturbation generator."""

from __future__ import annotations

from PySide6.QtCore import QT_TRANSLATE_NOOP

from medadv_desktop.gui.action_spec import ATTACK, ActionSpec
from medadv_desktop.gui.wizards.generator import train_generator

GENERATOR_ACTIONS: tuple[ActionSpec, ...] = (
    ActionSpec(
        "train-generator",
        QT_TRANSLATE_NOOP("Actions", "&Train a perturbation generator…"),
        ATTACK,
        1,
        train_generator,
        QT_TRANSLATE_NOOP(
            "Actions", "Teach a network to perturb images against a model, for the attack GAP"
        ),
        "generator",
        ("Ctrl+Alt+G",),
    ),
)
