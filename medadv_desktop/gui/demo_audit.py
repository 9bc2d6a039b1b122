"""The demo audit in a window: begun when the first attack of the demo has ended, then reported."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject

from medadv_desktop.gui.audits.archivist import archivist_of
from medadv_desktop.gui.audits.reporting import ReportWish, make_report
from medadv_desktop.gui.background import Urgency
from medadv_desktop.gui.desk import Audience
from medadv_desktop.gui.state.audits import AuditStage, audits_of
from medadv_desktop.jobs import CancelToken, Emit

if TYPE_CHECKING:
    from medadv_desktop.audit.plan.schema import AuditPlan
    from medadv_desktop.gui.controller import Controller

DATA: Final = "audit-data"
RUN: Final = "audit"


class DemoAudit(QObject):
    """Waits for the end of an attack, runs the demo audit, and writes its report. Once.

    An audit that was begun earlier is gone on with; one that is done is left alone, and so is the
    demo audit where a user has begun another by then.
    """

    def __init__(self, controller: Controller, folder: Path) -> None:
        super().__init__(controller)
        self._controller, self._folder = controller, folder
        self._audits = audits_of(controller)
        self._attacked = False
        controller.ready_to_attack_changed.connect(self._look)

    @property
    def run(self) -> Path:
        """The folder of the audit."""
        return self._folder / RUN

    def _look(self) -> None:
        if self._controller.attacking:
            self._attacked = True
        elif self._attacked:
            self._controller.ready_to_attack_changed.disconnect(self._look)
            if not self._controller.background.stopping:
                self._prepare()

    def _prepare(self) -> None:
        folder, run = self._folder / DATA, self.run

        def prepare(_token: CancelToken, _emit: Emit) -> tuple[AuditPlan | None, bool]:
            return prepared(folder, run)

        def done(found: tuple[AuditPlan | None, bool]) -> None:
            plan, unfinished = found
            if self._audits.running or not (plan is not None or unfinished):
                return
            self._audits.ended.connect(self._ended)
            if plan is None:
                self._audits.resume(run)
            else:
                self._audits.start(run, plan)

        audience = Audience(self.tr("Making the demo audit"), done)
        self._controller.librarian.desk.read(prepare, Urgency.SCAN, audience, listed=True)

    def _ended(self, folder: Path) -> None:
        if folder != self.run or self._controller.background.stopping:
            return
        plan = self._audits.plan
        if self._audits.stage in (AuditStage.DONE, AuditStage.FAILED) and plan is not None:
            self._audits.ended.disconnect(self._ended)
            archivist_of(self._controller).open_folder(folder)
            make_report(self._controller, folder, plan.name, ReportWish(("html", "pdf")))


def prepared(data: Path, run: Path) -> tuple[AuditPlan | None, bool]:
    """Write what the demo audit looks at. Off the GUI thread.

    Returns:
        The plan, None where the folder of the run holds an audit; and whether that is unfinished.

    Raises:
        ExportError: a folder cannot be written.
        AuditError: what lies in the folder of the run cannot be used.
    """
    from medadv_desktop.audit.demo import write_demo_audit
    from medadv_desktop.audit.plan.files import read_plan
    from medadv_desktop.audit.store.store import STORE_NAME
    from medadv_desktop.gui.state.audits import stored_audit

    if (run / STORE_NAME).exists() and not stored_audit(run).unfinished:
        return None, False
    plan = read_plan(write_demo_audit(data))
    return (None, True) if (run / STORE_NAME).exists() else (plan, False)
