"""What is dropped on the window and may be a labelled data set.

Archives of arrays and tables are nothing else, so the wizard opens. A folder is looked at off the
GUI thread: one that is no data set is opened as images, as always; of any other the user is asked
in the strip of messages, for a folder per class is a folder of images just as well.
"""

from __future__ import annotations

import os
from enum import Enum, auto
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication

from medadv_desktop.gui.background import Urgency
from medadv_desktop.gui.desk import Audience
from medadv_desktop.gui.file_names import named
from medadv_desktop.gui.messages import NoticeAction
from medadv_desktop.gui.state.log import Level
from medadv_desktop.jobs import CancelToken, Emit

if TYPE_CHECKING:
    from medadv_desktop.datasets.layouts import Recognition
    from medadv_desktop.gui.main_window import MainWindow
    from medadv_desktop.gui.wizards.dataset_import.wizard import DatasetWizard

FILE_SUFFIXES = frozenset({".npz", ".csv", ".tsv", ".xlsx", ".xlsm", ".xls"})
SURE, LIKELY = 0.8, 0.5


class Kind(Enum):
    """What a dropped folder is."""

    IMAGES = auto()
    EITHER = auto()
    DATASET = auto()


def takes(path: Path) -> bool:
    """Whether a path may be a data set, by its name and whether it is a folder."""
    return path.suffix.lower() in FILE_SUFFIXES or path.is_dir()


def open_dropped(window: MainWindow, paths: tuple[Path, ...]) -> None:
    """Open the wizard on the first archive or table; ask of folders what they are."""
    files = [path for path in paths if not path.is_dir()]
    if files:
        open_wizard(window, files[0])
    for path in files[1:]:
        text = _tr("One data set is imported at a time; {name} was left alone")
        window.controller.notices.add(text.format(name=named(path)), Level.WARNING)
    folders = [path for path in paths if path.is_dir()]
    if folders:
        _look_at(window, tuple(folders))


def open_wizard(window: MainWindow, path: Path | None = None) -> DatasetWizard:
    """Show the wizard, beginning with a path where there is one."""
    from medadv_desktop.gui.wizards.dataset_import.wizard import DatasetWizard

    wizard = DatasetWizard(window.bench, window)
    wizard.show()
    if path is not None:
        wizard.choose(path)
    return wizard


def kind_of(path: Path, found: tuple[Recognition, ...]) -> Kind:
    """Whether a folder is opened as images, imported, or asked about."""
    best = found[0] if found else None
    if best is None or best.confidence < LIKELY:
        return Kind.IMAGES
    # Series of DICOM files lie in folders of their own, which are no classes.
    if best.layout == "class-folders" and _holds_dicom(path):
        return Kind.EITHER
    return Kind.DATASET if best.confidence >= SURE else Kind.EITHER


def _holds_dicom(path: Path) -> bool:
    """Whether the first images in the folders below are DICOM."""
    from medadv_desktop.errors import ImageError
    from medadv_desktop.imaging.reading import Kind as FileKind
    from medadv_desktop.imaging.reading import kind_of as file_kind

    files = (Path(folder) / name for folder, _, names in os.walk(path) for name in sorted(names))
    for file in islice(files, 5):
        try:
            if file_kind(file) is FileKind.DICOM:
                return True
        except (ImageError, OSError):
            continue
    return False


def _look_at(window: MainWindow, folders: tuple[Path, ...]) -> None:
    def work(token: CancelToken, _emit: Emit) -> tuple[tuple[Path, Kind, str], ...]:
        from medadv_desktop.datasets.opening import recognise

        found = []
        for folder in folders:
            token.check()
            recognised = recognise(folder)
            evidence = recognised[0].evidence if recognised else ""
            found.append((folder, kind_of(folder, recognised), evidence))
        return tuple(found)

    def done(answers: tuple[tuple[Path, Kind, str], ...]) -> None:
        images = [path for path, kind, _ in answers if kind is not Kind.DATASET]
        if images:
            window.controller.open_paths(images)
        for path, kind, evidence in answers:
            if kind is not Kind.IMAGES:
                _offer(window, path, evidence, opened=kind is Kind.EITHER)

    def failed(_failure: object) -> None:
        window.controller.open_paths(folders)  # whatever is wrong with them is told there

    doing = _tr("Looking at what was dropped")
    window.controller.librarian.desk.read(work, Urgency.FRAME, Audience(doing, done, failed=failed))


def _offer(window: MainWindow, path: Path, evidence: str, *, opened: bool) -> None:
    if opened:
        text = _tr(
            "{name} was opened as images. It may be a labelled data set as well: {evidence}."
        )
    else:
        text = _tr("{name} looks like a labelled data set: {evidence}.")
    actions = [NoticeAction(_tr("Import as data set…"), lambda: open_wizard(window, path))]
    if not opened:
        actions.append(
            NoticeAction(_tr("Open as images"), lambda: window.controller.open_paths([path]))
        )
    words = text.format(name=named(path), evidence=evidence)
    window.controller.notices.add(words, Level.INFO, actions=tuple(actions))


def _tr(text: str) -> str:
    return QCoreApplication.translate("DatasetDrops", text)
