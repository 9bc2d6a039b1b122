"""What the panel says of threat models and groups of attacks."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from medadv_desktop.attacks.attack import Knowledge
from medadv_desktop.attacks.threat import Group
from medadv_desktop.gui.editors import SPOKEN

tr = QCoreApplication.translate


def translated(text: str) -> str:
    """A title, summary or help of a settings class."""
    return tr("Settings", text)


def knowledge_title(knowledge: Knowledge) -> str:
    """What the attacker knows, in a word or two."""
    return {
        "white-box": tr("AttackPanel", "Everything (white box)"),
        "scores": tr("AttackPanel", "Scores"),
        "decisions": tr("AttackPanel", "Decisions"),
        "nothing": tr("AttackPanel", "Nothing"),
    }[knowledge]


def knowledge_sentence(knowledge: Knowledge) -> str:
    """The same in a sentence."""
    return {
        "white-box": tr(
            "AttackPanel", "Has the model itself and follows its gradients: the safe assumption."
        ),
        "scores": tr(
            "AttackPanel",
            "Sends images and reads the probabilities; has no gradients.",
        ),
        "decisions": tr("AttackPanel", "Sends images and learns the decision, nothing more."),
        "nothing": tr(
            "AttackPanel",
            "Cannot ask this model: the change is prepared beforehand, or random.",
        ),
    }[knowledge]


def group_title(group: Group) -> str:
    """What attacks of a group are for."""
    return {
        "budget": tr("AttackPanel", "Within a budget"),
        "smallest": tr("AttackPanel", "Smallest change"),
        "prepared": tr("AttackPanel", "Universal and generator"),
        "spatial": tr("AttackPanel", "Shifts, patches, single pixels"),
        "floor": tr("AttackPanel", "Noise floor"),
    }[group]


def norm_title(norm: str) -> str:
    """What a norm measures."""
    return {
        "": tr("AttackPanel", "Any"),
        "linf": tr("AttackPanel", "{0}: largest change"),
        "l2": tr("AttackPanel", "{0}: Euclidean length"),
        "l1": tr("AttackPanel", "{0}: sum of changes"),
        "l0": tr("AttackPanel", "{0}: pixels changed"),
    }[norm].format(SPOKEN.get(norm, ""))
