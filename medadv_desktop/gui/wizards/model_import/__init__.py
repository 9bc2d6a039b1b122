"""The model import wizard: a checkpoint comes in without writing Python, and is proved on images.

The dialog is made when it is wanted; until then only its declaration for drops is read.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication

from medadv_desktop.gui.dropping import DropKind
from medadv_desktop.gui.state.log import Level
from medadv_desktop.models.formats import FILE_KINDS

if TYPE_CHECKING:
    from medadv_desktop.gui.main_window import MainWindow
    from medadv_desktop.gui.wizards.model_import.dialog import ModelWizard
    from medadv_desktop.models.library import LibraryEntry

_SUFFIXES = frozenset(s for kind in FILE_KINDS.values() for s in kind.suffixes)
MODEL_FILES = " ".join(f"*{suffix}" for suffix in (".toml", *sorted(_SUFFIXES)))
"""Model cards and model files, as a file dialog filters them."""


def import_model(window: MainWindow, path: Path | None = None) -> ModelWizard:
    """Show the wizard, with this file chosen if one is named."""
    wizard = _open(window, "import", None)
    if path is not None:
        wizard.choose(path)
    return wizard


def edit_card(window: MainWindow, entry: LibraryEntry) -> ModelWizard:
    """Show the wizard on the card of a user's model."""
    return _open(window, "edit", entry)


def check_model(window: MainWindow, entry: LibraryEntry) -> ModelWizard:
    """Show the preview of a model in the library."""
    return _open(window, "check", entry)


def _open(window: MainWindow, mode: str, entry: LibraryEntry | None) -> ModelWizard:
    from medadv_desktop.gui.wizards.model_import.dialog import ModelWizard
    from medadv_desktop.gui.wizards.model_import.draft import Mode

    wizard = ModelWizard(window.bench, Mode(mode), entry, window)
    window.closing.connect(wizard.leave)
    wizard.show()
    return wizard


def open_or_import(window: MainWindow, path: Path) -> None:
    """Choose the model of a card, or of a file with a card beside it; import any other file."""
    if path.suffix.lower() == ".toml" or path.with_suffix(".toml").exists():
        window.controller.open_model(path)
    else:
        import_model(window, path)


def takes(path: Path) -> bool:
    """Whether a path is a model file or a model card, by its name."""
    suffix = path.suffix.lower()
    return (suffix in _SUFFIXES or suffix == ".toml") and not path.is_dir()


def open_models(window: MainWindow, paths: tuple[Path, ...]) -> None:
    """Choose the model of a card, or import a model file; of several the first."""
    for path in paths[1:]:
        text = QCoreApplication.translate(
            "ModelImport", "One model is opened at a time; {name} was left alone"
        )
        window.controller.notices.add(text.format(name=path.name), Level.WARNING)
    if paths[0].suffix.lower() == ".toml":
        window.controller.open_model(paths[0])
    else:
        import_model(window, paths[0])


DROP = DropKind("model", takes, open_models)
