"""The actions of the Audit menu that look at audits: open, show, compare, delete."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QT_TRANSLATE_NOOP, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog

from medadv_desktop.audit.summaries import AuditRun
from medadv_desktop.gui.action_spec import AUDIT, ActionSpec, tr
from medadv_desktop.gui.asking import FOLDER_KEY
from medadv_desktop.gui.audits.archivist import Archivist, archivist_of
from medadv_desktop.gui.audits.reporting import verify

if TYPE_CHECKING:
    from medadv_desktop.gui.main_window import MainWindow
    from medadv_desktop.gui.state.audit_library import Run


def _archivist(window: MainWindow) -> Archivist:
    return archivist_of(window.controller)


def _current(window: MainWindow) -> Run | None:
    return _archivist(window).library.current


def _none_chosen(window: MainWindow) -> str:
    return "" if _current(window) is not None else tr("No audit is chosen")


def _not_readable(window: MainWindow) -> str:
    run = _current(window)
    if run is None:
        return tr("No audit is chosen")
    return "" if isinstance(run, AuditRun) else tr("It cannot be read")


def _no_figures(window: MainWindow) -> str:
    if reason := _not_readable(window):
        return reason
    return "" if _current(window).done else tr("No cell of it is done yet")


def _nothing_deleted(window: MainWindow) -> str:
    return "" if _archivist(window).library.undo.canUndo() else tr("No audit was deleted")


def _open_folder(window: MainWindow) -> None:
    settings = window.controller.settings
    dialog = QFileDialog(window, tr("Open audit folder"), str(settings.value(FOLDER_KEY, "")))
    dialog.setFileMode(QFileDialog.FileMode.Directory)
    dialog.setOption(QFileDialog.Option.ShowDirsOnly)

    def chosen(path: str) -> None:
        settings.setValue(FOLDER_KEY, str(Path(path).parent))
        _raise(window, "audits")
        _archivist(window).open_folder(Path(path))

    dialog.fileSelected.connect(chosen)
    dialog.finished.connect(dialog.deleteLater)
    dialog.open()


def _show_results(window: MainWindow) -> None:
    if (run := _current(window)) is not None:
        _archivist(window).show(run.folder)


def _compare(window: MainWindow) -> None:
    from medadv_desktop.gui.audits.compare.dialog import compare

    compare(window)


def _at_rest(window: MainWindow) -> str:
    """Nothing is written to it now."""
    if reason := _not_readable(window):
        return reason
    run = _current(window)
    return tr("It is running") if run.at_work or _archivist(window).is_running(run.folder) else ""


def _report(window: MainWindow) -> None:
    if (run := _current(window)) is not None:
        from medadv_desktop.gui.audits.report_dialog import ask_for_report

        ask_for_report(window, run.folder, run.name)


def _verify(window: MainWindow) -> None:
    if (run := _current(window)) is not None:
        verify(window.controller, run.folder, run.name)


def _reveal(window: MainWindow) -> None:
    if (run := _current(window)) is not None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(run.folder)))


def _delete(window: MainWindow) -> None:
    if (run := _current(window)) is not None:
        _archivist(window).delete(run.folder)


def _raise(window: MainWindow, name: str) -> None:
    dock = window.docks[name]
    dock.show()
    dock.raise_()


AUDIT_ACTIONS: tuple[ActionSpec, ...] = (
    ActionSpec(
        "open-audit",
        QT_TRANSLATE_NOOP("Actions", "&Open audit folder…"),
        AUDIT,
        1,
        _open_folder,
        QT_TRANSLATE_NOOP("Actions", "List the audits of a folder beside those made here"),
        "open-folder",
        ("Ctrl+Alt+O",),
    ),
    ActionSpec(
        "show-audit-results",
        QT_TRANSLATE_NOOP("Actions", "Show &results"),
        AUDIT,
        1,
        _show_results,
        QT_TRANSLATE_NOOP("Actions", "Figures, curves and samples of the audit that is chosen"),
        "results",
        ("Ctrl+Alt+R",),
        _not_readable,
        contexts=("audit",),
    ),
    ActionSpec(
        "compare-audits",
        QT_TRANSLATE_NOOP("Actions", "&Compare…"),
        AUDIT,
        1,
        _compare,
        QT_TRANSLATE_NOOP(
            "Actions", "Differences between two audits, or two models of one, with intervals"
        ),
        "compare",
        ("Ctrl+Alt+C",),
        _no_figures,
        contexts=("audit",),
    ),
    ActionSpec(
        "make-audit-report",
        QT_TRANSLATE_NOOP("Actions", "&Write report…"),
        AUDIT,
        1,
        _report,
        QT_TRANSLATE_NOOP(
            "Actions", "HTML, PDF, JSON and CSV, and the integrity file, signed if you like"
        ),
        "export",
        (),
        _at_rest,
        contexts=("audit",),
    ),
    ActionSpec(
        "verify-audit",
        QT_TRANSLATE_NOOP("Actions", "&Verify"),
        AUDIT,
        1,
        _verify,
        QT_TRANSLATE_NOOP("Actions", "See whether anything in the audit's folder has changed"),
        "fingerprint",
        (),
        _at_rest,
        contexts=("audit",),
    ),
    ActionSpec(
        "reveal-audit",
        QT_TRANSLATE_NOOP("Actions", "Show in &folder"),
        AUDIT,
        2,
        _reveal,
        QT_TRANSLATE_NOOP("Actions", "Open the folder of the audit in the file browser"),
        "link",
        (),
        _none_chosen,
        contexts=("audit",),
    ),
    ActionSpec(
        "delete-audit",
        QT_TRANSLATE_NOOP("Actions", "&Delete audit"),
        AUDIT,
        2,
        _delete,
        QT_TRANSLATE_NOOP(
            "Actions", "Move the audit to the trash; one of another folder only leaves the list"
        ),
        "remove",
        (),
        lambda w: _archivist(w).why_not_delete(),
        contexts=("audit",),
    ),
    ActionSpec(
        "undo-delete-audit",
        QT_TRANSLATE_NOOP("Actions", "&Bring deleted audit back"),
        AUDIT,
        2,
        lambda w: _archivist(w).undo(),
        QT_TRANSLATE_NOOP("Actions", "Take back the last deletion of an audit"),
        "undo",
        (),
        _nothing_deleted,
    ),
)
