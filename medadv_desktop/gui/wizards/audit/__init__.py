"""The wizard that makes an audit's plan, and the doors to it.

What it needs is read when it is wanted; until then only this is.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QFileDialog

from medadv_desktop.gui.asking import FOLDER_KEY
from medadv_desktop.gui.background import Urgency
from medadv_desktop.gui.desk import Audience

if TYPE_CHECKING:
    from medadv_desktop.audit.plan.schema import AuditPlan
    from medadv_desktop.gui.main_window import MainWindow
    from medadv_desktop.gui.wizards.audit.dialog import AuditWizard


def new_audit(window: MainWindow, plan: AuditPlan | None = None) -> AuditWizard:
    """Show the wizard: the one that is open, or a new one at the last step of a plan."""
    from medadv_desktop.gui.wizards.audit.dialog import AuditWizard

    shown = next((d for d in window.findChildren(AuditWizard) if d.isVisible()), None)
    if shown is not None and plan is None:
        shown.raise_()
        shown.activateWindow()
        return shown
    wizard = AuditWizard(window.bench, plan, window)
    window.closing.connect(wizard.leave)
    wizard.show()
    return wizard


def ask_for_plan(window: MainWindow) -> QFileDialog:
    """Ask for a plan's file and open it."""
    settings = window.controller.settings
    dialog = QFileDialog(window, _tr("Open an audit plan"), str(settings.value(FOLDER_KEY, "")))
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    dialog.setNameFilters([_tr("Audit plans (*.toml)"), _tr("All files (*)")])
    dialog.finished.connect(dialog.deleteLater)

    def chosen(path: str) -> None:
        settings.setValue(FOLDER_KEY, str(Path(path).parent))
        open_plan(window, Path(path))

    dialog.fileSelected.connect(chosen)
    dialog.open()
    return dialog


def open_plan(window: MainWindow, path: Path) -> None:
    """Read a plan off the GUI thread and show it; what is wrong with it is told in the strip."""

    def work(*_: object) -> AuditPlan:
        from medadv_desktop.audit.plan.files import read_plan

        return read_plan(path)

    audience = Audience(_tr("Opening an audit plan"), lambda plan: new_audit(window, plan))
    window.controller.librarian.desk.read(work, Urgency.FRAME, audience)


def _tr(text: str) -> str:
    return QCoreApplication.translate("Audit", text)
