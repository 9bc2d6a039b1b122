"""The actions of the Data menu: import a data set, and what can be done with the one at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QT_TRANSLATE_NOOP, QUrl
from PySide6.QtGui import QDesktopServices

from medadv_desktop.gui.action_spec import DATA, ActionSpec, tr
from medadv_desktop.gui.wizards.dataset_import.drops import open_wizard

if TYPE_CHECKING:
    from medadv_desktop.gui.main_window import MainWindow
    from medadv_desktop.gui.state.dataset_library import DatasetEntry


def _current(window: MainWindow) -> DatasetEntry | None:
    return window.controller.librarian.library.current


def _no_dataset(window: MainWindow) -> str:
    return "" if _current(window) is not None else tr("No data set is chosen")


def _not_there(window: MainWindow) -> str:
    entry = _current(window)
    if entry is None:
        return tr("No data set is chosen")
    return window.controller.librarian.library.missing.get(entry.id, "")


def _not_free(window: MainWindow) -> str:
    entry = _current(window)
    if entry is not None and window.controller.librarian.is_looking(entry.id):
        return tr("It is being looked over")
    return _not_there(window)


def _show_library(window: MainWindow) -> None:
    dock = window.docks["datasets"]
    dock.show()
    dock.raise_()


def _import(window: MainWindow) -> None:
    wizard = open_wizard(window)
    wizard.left.connect(window.controller.librarian.check)


def _open(window: MainWindow) -> None:
    _show_library(window)
    window.docks["datasets"].widget().open_shown()


def _look_over(window: MainWindow) -> None:
    if (entry := _current(window)) is not None:
        window.controller.librarian.look_over(entry.id)


def _fingerprint(window: MainWindow) -> None:
    if (entry := _current(window)) is not None:
        window.controller.librarian.fingerprint(entry.id)


def _reveal(window: MainWindow) -> None:
    if (entry := _current(window)) is not None:
        folder = entry.path if entry.path.is_dir() else entry.path.parent
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))


def _remove(window: MainWindow) -> None:
    if (entry := _current(window)) is not None:
        window.controller.librarian.remove(entry.id)


def _match(window: MainWindow) -> None:
    _show_library(window)
    window.docks["datasets"].widget().match_classes()


def _nothing_to_match(window: MainWindow) -> str:
    if reason := _no_dataset(window):
        return reason
    return "" if window.bench.case.model else tr("Choose a model first")


DATASET_ACTIONS: tuple[ActionSpec, ...] = (
    ActionSpec(
        "import-dataset",
        QT_TRANSLATE_NOOP("Actions", "&Import data set…"),
        DATA,
        0,
        _import,
        QT_TRANSLATE_NOOP("Actions", "Bring a labelled folder, table or archive into the library"),
        "dataset",
        ("Ctrl+D",),
        on_tool_bar=True,
    ),
    ActionSpec(
        "open-dataset",
        QT_TRANSLATE_NOOP("Actions", "&Open samples"),
        DATA,
        1,
        _open,
        QT_TRANSLATE_NOOP("Actions", "Open the samples that are shown, each with its true label"),
        "open-file",
        (),
        _not_there,
        contexts=("dataset",),
    ),
    ActionSpec(
        "match-classes",
        QT_TRANSLATE_NOOP("Actions", "&Match classes…"),
        DATA,
        1,
        _match,
        QT_TRANSLATE_NOOP("Actions", "Say which class of the model each class of the data set is"),
        "link",
        (),
        _nothing_to_match,
        contexts=("dataset",),
    ),
    ActionSpec(
        "look-over-dataset",
        QT_TRANSLATE_NOOP("Actions", "&Look over again"),
        DATA,
        1,
        _look_over,
        QT_TRANSLATE_NOOP(
            "Actions", "Open every image, compare contents, and compute the fingerprint anew"
        ),
        "look-over",
        (),
        _not_free,
        contexts=("dataset",),
    ),
    ActionSpec(
        "fingerprint-dataset",
        QT_TRANSLATE_NOOP("Actions", "Compute &fingerprint"),
        DATA,
        1,
        _fingerprint,
        QT_TRANSLATE_NOOP("Actions", "SHA-256 over images and labels, which results quote"),
        "fingerprint",
        (),
        _not_there,
        contexts=("dataset",),
    ),
    ActionSpec(
        "reveal-dataset",
        QT_TRANSLATE_NOOP("Actions", "&Show in folder"),
        DATA,
        2,
        _reveal,
        QT_TRANSLATE_NOOP("Actions", "Open the folder of the data set in the file browser"),
        "open-folder",
        (),
        _not_there,
        contexts=("dataset",),
    ),
    ActionSpec(
        "remove-dataset",
        QT_TRANSLATE_NOOP("Actions", "&Remove from library"),
        DATA,
        2,
        _remove,
        QT_TRANSLATE_NOOP("Actions", "Take the data set off the list; nothing else is deleted"),
        "remove",
        (),
        _no_dataset,
        contexts=("dataset",),
    ),
)
