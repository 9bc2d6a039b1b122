"""What a dock declares about itself, and what it is given to work with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

if TYPE_CHECKING:
    from medadv_desktop.gui.controller import Controller
    from medadv_desktop.gui.state.case import Case
    from medadv_desktop.gui.state.jobs import JobList
    from medadv_desktop.gui.state.log import LogLines
    from medadv_desktop.gui.state.studies import StudyList
    from medadv_desktop.gui.state.view import ViewState
    from medadv_desktop.gui.theme import Theme


@dataclass(frozen=True)
class Workbench:
    """Everything a dock may show, edit or ask for."""

    studies: StudyList
    case: Case
    view: ViewState
    jobs: JobList
    log: LogLines
    controller: Controller
    theme: Theme


@dataclass(frozen=True)
class DockSpec:
    """A dock, declared once.

    Attributes:
        id: object name, also the key of the saved layout. Never change it.
        title: marked for translation in the context "Docks".
        icon: name of an SVG in resources/icons, without suffix.
        area: where it stands by default; viewers stand in the middle ("viewers").
        build: makes the content.
        shown: whether it stands there by default, or comes when there is something to show.
    """

    id: str
    title: str
    icon: str
    area: Qt.DockWidgetArea | Literal["viewers"]
    build: Callable[[Workbench], QWidget]
    shown: bool = True
