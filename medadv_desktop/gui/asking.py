"""Asking for a file to write, without stopping anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QFileDialog, QWidget

FOLDER_KEY = "files/folder"
"""The setting that remembers where files were last opened or saved."""


def ask_where_to_write(
    parent: QWidget,
    settings: QSettings,
    title: str,
    name: str,
    filters: Sequence[str],
    then: Callable[[Path], None],
) -> QFileDialog:
    """Show a dialog that asks for a file; `then` gets the one that was chosen.

    Args:
        name: what it is called if nobody calls it otherwise; its suffix is the default one.
        filters: kinds of files: "PNG image (*.png)".
    """
    dialog = QFileDialog(parent, title, str(settings.value(FOLDER_KEY, "")))
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setFileMode(QFileDialog.FileMode.AnyFile)
    dialog.setNameFilters(list(filters))
    dialog.setDefaultSuffix(Path(name).suffix.removeprefix("."))
    dialog.selectFile(name)

    def suffix_of(chosen: str) -> None:
        dialog.setDefaultSuffix(chosen.rpartition("*.")[2].rstrip(")"))

    def chosen(path: str) -> None:
        settings.setValue(FOLDER_KEY, str(Path(path).parent))
        then(Path(path))

    dialog.filterSelected.connect(suffix_of)
    dialog.fileSelected.connect(chosen)
    dialog.finished.connect(dialog.deleteLater)
    dialog.open()
    return dialog
