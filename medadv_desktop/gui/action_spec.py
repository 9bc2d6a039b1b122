"""What an action declares about itself; the menus it can stand in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QT_TRANSLATE_NOOP, QCoreApplication

if TYPE_CHECKING:
    from medadv_desktop.gui.main_window import MainWindow

CONTEXT = "Actions"
MENUS = (
    QT_TRANSLATE_NOOP("Actions", "&File"),
    QT_TRANSLATE_NOOP("Actions", "&View"),
    QT_TRANSLATE_NOOP("Actions", "Mea&sure"),
    QT_TRANSLATE_NOOP("Actions", "&Data"),
    QT_TRANSLATE_NOOP("Actions", "&Model"),
    QT_TRANSLATE_NOOP("Actions", "&Attack"),
    QT_TRANSLATE_NOOP("Actions", "A&udit"),
    QT_TRANSLATE_NOOP("Actions", "&Help"),
)
FILE, VIEW, MEASURE, DATA, MODEL, ATTACK, AUDIT, HELP = MENUS


def always(_window: MainWindow) -> str:
    """Nothing stands in the way."""
    return ""


@dataclass(frozen=True)
class ActionSpec:
    """One thing that can be done.

    Attributes:
        id: never changes: tests, settings and documentation name it.
        text, tip: marked for translation in the context "Actions".
        menu: one of `MENUS`.
        group: a line is drawn in the menu where it changes.
        run: does it.
        blocked: why it cannot be done now, translated; "" if it can.
        checked: for something that is on or off: which.
        shortcuts: as `QKeySequence` reads them; the first is shown.
        on_tool_bar: it has a button there.
        contexts: the context menus that offer it, by name: "study", "unreadable", "viewer",
            "dataset", "audit".
    """

    id: str
    text: str
    menu: str
    group: int
    run: Callable[[MainWindow], None]
    tip: str = ""
    icon: str = ""
    shortcuts: tuple[str, ...] = ()
    blocked: Callable[[MainWindow], str] = always
    checked: Callable[[MainWindow], bool] | None = None
    on_tool_bar: bool = False
    contexts: tuple[str, ...] = ()


def tr(text: str) -> str:
    """A text of this module in the user's language."""
    return QCoreApplication.translate(CONTEXT, text)
