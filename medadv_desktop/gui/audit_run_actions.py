"""The actions of the Audit menu that make and run audits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QT_TRANSLATE_NOOP
from PySide6.QtWidgets import QFileDialog

from medadv_desktop.audit.summaries import AuditRun
from medadv_desktop.gui.action_spec import AUDIT, ActionSpec, tr
from medadv_desktop.gui.asking import FOLDER_KEY
from medadv_desktop.gui.audits.archivist import archivist_of
from medadv_desktop.gui.state.audits import Audits, AuditStage, audits_of
from medadv_desktop.gui.wizards.audit import ask_for_plan, new_audit

if TYPE_CHECKING:
    from medadv_desktop.gui.main_window import MainWindow


def _audits(window: MainWindow) -> Audits:
    return audits_of(window.controller)


def _one_runs(window: MainWindow) -> str:
    return tr("An audit is running") if _audits(window).running else ""


def _not_to_be_paused(window: MainWindow) -> str:
    stage = _audits(window).stage
    if stage is AuditStage.PAUSING:
        return tr("It pauses after this batch")
    return "" if stage.pausable else tr("No audit is running")


def _not_to_be_stopped(window: MainWindow) -> str:
    return "" if _audits(window).stage.stoppable else tr("No audit is running")


def _chosen(window: MainWindow) -> AuditRun | None:
    """The audit that is chosen in the list, if it is unfinished."""
    run = archivist_of(window.controller).library.current
    unfinished = isinstance(run, AuditRun) and not run.at_work and run.done < run.cells
    return run if unfinished else None


def _none_unfinished(window: MainWindow) -> str:
    if reason := _one_runs(window):
        return reason
    return "" if _chosen(window) is not None else tr("No unfinished audit is chosen")


def _go_on_with_chosen(window: MainWindow) -> None:
    if (run := _chosen(window)) is not None:
        _audits(window).resume(run.folder)


def _go_on(window: MainWindow) -> None:
    """The audit at hand, else the unfinished one that is chosen in the list, else ask which."""
    if _audits(window).resumable:
        _audits(window).resume()
    elif _chosen(window) is not None:
        _go_on_with_chosen(window)
    else:
        _ask_which(window)


def _ask_which(window: MainWindow) -> None:
    settings = window.controller.settings
    title = tr("Go on with the audit in a folder")
    dialog = QFileDialog(window, title, str(settings.value(FOLDER_KEY, "")))
    dialog.setFileMode(QFileDialog.FileMode.Directory)
    dialog.setOption(QFileDialog.Option.ShowDirsOnly)

    def chosen(path: str) -> None:
        settings.setValue(FOLDER_KEY, str(Path(path).parent))
        _audits(window).resume(Path(path))

    dialog.fileSelected.connect(chosen)
    dialog.finished.connect(dialog.deleteLater)
    dialog.open()


AUDIT_RUN_ACTIONS: tuple[ActionSpec, ...] = (
    ActionSpec(
        "new-audit",
        QT_TRANSLATE_NOOP("Actions", "&New audit…"),
        AUDIT,
        0,
        new_audit,
        QT_TRANSLATE_NOOP(
            "Actions", "Plan and run an audit: models against attacks over labelled data sets"
        ),
        "audits",
        ("Ctrl+Alt+N",),
        on_tool_bar=True,
    ),
    ActionSpec(
        "open-audit-plan",
        QT_TRANSLATE_NOOP("Actions", "Open &plan…"),
        AUDIT,
        0,
        ask_for_plan,
        QT_TRANSLATE_NOOP("Actions", "Begin with the plan in a TOML file"),
        "open-file",
        ("Ctrl+Alt+P",),
    ),
    ActionSpec(
        "resume-audit",
        QT_TRANSLATE_NOOP("Actions", "&Go on with audit…"),
        AUDIT,
        0,
        _go_on,
        QT_TRANSLATE_NOOP("Actions", "Finish an audit that was paused, stopped or interrupted"),
        "run",
        ("Ctrl+Alt+F5",),
        _one_runs,
    ),
    ActionSpec(
        "pause-audit",
        QT_TRANSLATE_NOOP("Actions", "Pa&use audit"),
        AUDIT,
        0,
        lambda w: _audits(w).pause(),
        QT_TRANSLATE_NOOP("Actions", "Stop after the batch in flight; it can be gone on with"),
        "pause",
        ("Ctrl+Alt+Space",),
        _not_to_be_paused,
    ),
    ActionSpec(
        "cancel-audit",
        QT_TRANSLATE_NOOP("Actions", "&Stop audit"),
        AUDIT,
        0,
        lambda w: _audits(w).cancel(),
        QT_TRANSLATE_NOOP("Actions", "Stop at once; the batch in flight is lost, nothing else"),
        "cancel",
        (),
        _not_to_be_stopped,
    ),
    ActionSpec(
        "resume-chosen-audit",
        QT_TRANSLATE_NOOP("Actions", "Go on with c&hosen audit"),
        AUDIT,
        0,
        _go_on_with_chosen,
        QT_TRANSLATE_NOOP("Actions", "Finish the audit that is chosen in the list"),
        "run",
        (),
        _none_unfinished,
        contexts=("audit",),
    ),
)
