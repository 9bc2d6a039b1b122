"""The audit of the window where it concerns the window: its end, its results, and closing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QMessageBox

from medadv_desktop.audit.summaries import AuditRun
from medadv_desktop.gui.audit_run.wording import end_text, tr
from medadv_desktop.gui.audits.archivist import archivist_of
from medadv_desktop.gui.messages import NoticeAction
from medadv_desktop.gui.state.audits import AuditStage, audits_of
from medadv_desktop.gui.state.log import Level

if TYPE_CHECKING:
    from medadv_desktop.gui.main_window import MainWindow

_HEIGHT = 260
"""Of the panel when it comes: enough for a handful of cells."""


class AuditAttendant(QObject):
    """Shows an audit that begins, tells of its end, offers to go on, and asks before it is lost."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._audits = audits_of(window.controller)
        self._archivist = archivist_of(window.controller)
        self._was_running = False
        self._agreed = False
        self._question: QMessageBox | None = None
        self._audits.changed.connect(self._changed)
        self._audits.ended.connect(self._ended)
        self._archivist.wanted.connect(self._offer)
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        closing = watched is self._window and event.type() is QEvent.Type.Close
        if closing and self._audits.running and not self._agreed:
            event.ignore()
            self._ask()
            return True
        return super().eventFilter(watched, event)

    # ------------------------------------------------------------------ its story

    def _changed(self) -> None:
        running = self._audits.running
        if running and not self._was_running:
            dock = self._window.docks["audit_run"]
            low = dock.isHidden()
            dock.show()
            dock.raise_()
            if low and dock.height() < _HEIGHT and not dock.isFloating():
                self._window.resizeDocks([dock], [_HEIGHT], Qt.Orientation.Vertical)
        if not running and self._question is not None:
            self._question.close()
        self._was_running = running

    def _ended(self, folder: Path) -> None:
        audits = self._audits
        if audits.failure is not None or audits.stage in (AuditStage.PAUSED, AuditStage.CANCELLED):
            return  # told already, or wanted
        show = NoticeAction(tr("Show results"), lambda: audits.show(folder))
        failed = audits.stage is AuditStage.FAILED
        details = ""
        if audits.outcome is not None:
            details = "\n".join(f"{f.title}: {f.reason}" for f in audits.outcome.failures)
        level = Level.WARNING if failed else Level.INFO
        self._window.controller.notices.add(end_text(audits), level, details, (show,))

    def _offer(self, folder: Path) -> None:
        """An audit is looked at that did not come to its end, and nothing else runs."""
        run = self._archivist.library.find(folder)
        if not isinstance(run, AuditRun) or run.at_work or run.done == run.cells:
            return
        if self._audits.running or folder == self._audits.folder:
            return
        text = tr("The audit {name} is unfinished: {done} of {all} cells have figures.")
        self._window.controller.notices.add(
            text.format(name=run.name, done=run.done, all=run.cells),
            Level.INFO,
            actions=(NoticeAction(tr("Go on"), lambda: self._audits.resume(folder)),),
        )

    # ------------------------------------------------------------------ closing

    def _ask(self) -> None:
        if self._question is not None:
            self._question.raise_()
            return
        text = tr(
            "An audit is running. What it has finished is kept: it can be gone on with later, and "
            "at most the batch in flight is computed again. Close all the same?"
        )
        window = self._window
        box = QMessageBox(QMessageBox.Icon.Question, window.windowTitle(), text, parent=window)
        close = box.addButton(tr("Close"), QMessageBox.ButtonRole.AcceptRole)
        box.setDefaultButton(box.addButton(tr("Stay"), QMessageBox.ButtonRole.RejectRole))
        self._question = box

        def answered() -> None:
            wants = box.clickedButton() is close
            self._question = None
            box.deleteLater()
            if wants:
                self._agreed = True
                window.close()

        box.finished.connect(answered)
        box.open()


def attend(window: MainWindow) -> AuditAttendant:
    """Let somebody look after the audits of a window, as long as it lives."""
    return AuditAttendant(window)
