"""The actions of the File menu: open, save, export, close."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QT_TRANSLATE_NOOP, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication

from medadv_desktop.gui.action_spec import FILE, ActionSpec, tr
from medadv_desktop.gui.file_names import located

if TYPE_CHECKING:
    from medadv_desktop.gui.main_window import MainWindow


def _no_frame(window: MainWindow) -> str:
    return "" if window.bench.case.frame is not None else tr("No image is open")


def _no_outcome(window: MainWindow) -> str:
    return "" if window.bench.case.outcome is not None else tr("There is no result yet")


def _nothing_open(window: MainWindow) -> str:
    return "" if not window.bench.studies.empty else tr("Nothing is open")


def _no_study(window: MainWindow) -> str:
    return "" if window.bench.studies.current is not None else tr("No study is open")


def _file_at_hand(window: MainWindow) -> Path | None:
    """The file that is marked among those not opened, else the one that is looked at."""
    studies = window.bench.studies
    if studies.marked is not None:
        return studies.marked.path
    return studies.current.instance.path if studies.current is not None else None


def _no_file(window: MainWindow) -> str:
    return "" if _file_at_hand(window) else tr("No file is looked at")


def _all_opened(window: MainWindow) -> str:
    return "" if window.bench.studies.unreadable else tr("Every file was opened")


def _copy_path(window: MainWindow) -> None:
    QGuiApplication.clipboard().setText(str(_file_at_hand(window)))


def _show_in_folder(window: MainWindow) -> None:
    path = _file_at_hand(window)
    if path is not None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(path.parent)))


def _copy_reasons(window: MainWindow) -> None:
    unreadable = window.bench.studies.unreadable
    lines = "".join(f"{located(u.path)}: {u.reason}\n" for u in unreadable)
    QGuiApplication.clipboard().setText(window.controller.names.text(lines))


FILE_ACTIONS: tuple[ActionSpec, ...] = (
    ActionSpec(
        "open-file",
        QT_TRANSLATE_NOOP("Actions", "&Open files…"),
        FILE,
        0,
        lambda w: w.ask_for_files(),
        QT_TRANSLATE_NOOP("Actions", "Open DICOM files, discs, archives, pictures and volumes"),
        "open-file",
        ("Ctrl+O",),
        on_tool_bar=True,
    ),
    ActionSpec(
        "open-folder",
        QT_TRANSLATE_NOOP("Actions", "Open &folder…"),
        FILE,
        0,
        lambda w: w.ask_for_folder(),
        QT_TRANSLATE_NOOP("Actions", "Open everything readable in a folder and those below it"),
        "open-folder",
        ("Ctrl+Shift+O",),
        on_tool_bar=True,
    ),
    ActionSpec(
        "save-result",
        QT_TRANSLATE_NOOP("Actions", "&Save result…"),
        FILE,
        1,
        lambda w: w.ask_where_to_save(),
        QT_TRANSLATE_NOOP("Actions", "Save images, exact arrays and a JSON of the last attack"),
        "save",
        ("Ctrl+S",),
        _no_outcome,
        on_tool_bar=True,
    ),
    ActionSpec(
        "export-picture",
        QT_TRANSLATE_NOOP("Actions", "Export &image as shown…"),
        FILE,
        1,
        lambda w: w.ask_how_to_export_picture(),
        QT_TRANSLATE_NOOP("Actions", "Save what a viewer shows as PNG, with overlays or without"),
        "image",
        ("Ctrl+Shift+S",),
        _no_frame,
    ),
    ActionSpec(
        "export-arrays",
        QT_TRANSLATE_NOOP("Actions", "Export e&xact arrays…"),
        FILE,
        1,
        lambda w: w.ask_where_to_export_arrays(),
        QT_TRANSLATE_NOOP("Actions", "Save stored values, model input and perturbation as NPZ"),
        "export",
        (),
        _no_frame,
    ),
    ActionSpec(
        "export-dicom",
        QT_TRANSLATE_NOOP("Actions", "Export adversarial &DICOM…"),
        FILE,
        1,
        lambda w: w.ask_how_to_export_dicom(),
        QT_TRANSLATE_NOOP(
            "Actions", "Save the attacked image as a new DICOM instance, marked and de-identified"
        ),
        "export",
        ("Ctrl+E",),
        _no_outcome,
    ),
    ActionSpec(
        "close-study",
        QT_TRANSLATE_NOOP("Actions", "&Close study"),
        FILE,
        2,
        lambda w: w.controller.close_study(),
        QT_TRANSLATE_NOOP("Actions", "Take the study that is looked at off the list"),
        "remove",
        ("Ctrl+W",),
        _no_study,
        contexts=("study",),
    ),
    ActionSpec(
        "copy-path",
        QT_TRANSLATE_NOOP("Actions", "Copy &path"),
        FILE,
        1,
        _copy_path,
        QT_TRANSLATE_NOOP("Actions", "Copy the path of the file that is looked at or marked"),
        "copy",
        ("Ctrl+Shift+C",),
        _no_file,
        contexts=("study", "unreadable"),
    ),
    ActionSpec(
        "show-in-folder",
        QT_TRANSLATE_NOOP("Actions", "Show in f&older"),
        FILE,
        1,
        _show_in_folder,
        QT_TRANSLATE_NOOP("Actions", "Open the folder of the file in the system's file browser"),
        "link",
        (),
        _no_file,
        contexts=("study", "unreadable"),
    ),
    ActionSpec(
        "copy-reasons",
        QT_TRANSLATE_NOOP("Actions", "Copy what was not op&ened"),
        FILE,
        2,
        _copy_reasons,
        QT_TRANSLATE_NOOP("Actions", "Copy the list of files that were not opened, with reasons"),
        "copy",
        (),
        _all_opened,
        contexts=("unreadable",),
    ),
    ActionSpec(
        "forget-unreadable",
        QT_TRANSLATE_NOOP("Actions", "&Hide what was not opened"),
        FILE,
        2,
        lambda w: w.bench.studies.clear_unreadable(),
        QT_TRANSLATE_NOOP("Actions", "Take files that were not opened off the list"),
        "remove",
        (),
        _all_opened,
        contexts=("unreadable",),
    ),
    ActionSpec(
        "close-all",
        QT_TRANSLATE_NOOP("Actions", "Close &all"),
        FILE,
        2,
        lambda w: w.controller.close_all(),
        QT_TRANSLATE_NOOP("Actions", "Take everything off the list"),
        "close",
        ("Ctrl+Shift+W",),
        _nothing_open,
    ),
    ActionSpec(
        "quit",
        QT_TRANSLATE_NOOP("Actions", "&Quit"),
        FILE,
        3,
        lambda w: w.close(),
        QT_TRANSLATE_NOOP("Actions", "Stop what is running and leave"),
        "quit",
        ("Ctrl+Q",),
    ),
)
