"""The actions on the models of the library; the panel of models and its menu offer them too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QT_TRANSLATE_NOOP, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication

from medadv_desktop.gui.action_spec import MODEL, ActionSpec, tr
from medadv_desktop.gui.wizards.model_import import check_model, edit_card, import_model
from medadv_desktop.models.library import LibraryEntry

if TYPE_CHECKING:
    from medadv_desktop.gui.main_window import MainWindow

MODELS = "models"
"""The context menu of a model in the library."""


def _marked(window: MainWindow) -> LibraryEntry | None:
    entry = window.controller.model_library.marked
    return entry if isinstance(entry, LibraryEntry) else None


def _none_marked(window: MainWindow) -> str:
    return "" if window.controller.model_library.marked else tr("No model is marked in the library")


def _not_usable(window: MainWindow) -> str:
    if reason := _none_marked(window):
        return reason
    return "" if _marked(window) else tr("The model's card is broken")


def _not_own(window: MainWindow) -> str:
    if reason := _none_marked(window):
        return reason
    library = window.controller.model_library
    return "" if library.own(library.marked) else tr("Only your own models can be changed")


def _not_editable(window: MainWindow) -> str:
    return _not_usable(window) or _not_own(window)


def _use(window: MainWindow) -> None:
    entry = _marked(window)
    if entry is not None:
        window.controller.choose_model(window.controller.reference(entry))


def _use_second(window: MainWindow) -> None:
    entry = _marked(window)
    if entry is not None:
        window.controller.choose_second_model(window.controller.reference(entry))


def _edit(window: MainWindow) -> None:
    entry = _marked(window)
    if entry is not None:
        edit_card(window, entry)


def _check(window: MainWindow) -> None:
    entry = _marked(window)
    if entry is not None:
        check_model(window, entry)


def _reveal(window: MainWindow) -> None:
    entry = window.controller.model_library.marked
    if entry is not None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(entry.path.parent)))


def _copy_fingerprint(window: MainWindow) -> None:
    entry = _marked(window)
    if entry is not None:
        QGuiApplication.clipboard().setText(entry.card.sha256)


def _no_fingerprint(window: MainWindow) -> str:
    if reason := _not_usable(window):
        return reason
    entry = _marked(window)
    return "" if entry is not None and entry.card.sha256 else tr("Its card names no fingerprint")


MODEL_ACTIONS: tuple[ActionSpec, ...] = (
    ActionSpec(
        "import-model",
        QT_TRANSLATE_NOOP("Actions", "&Import model…"),
        MODEL,
        0,
        import_model,
        QT_TRANSLATE_NOOP(
            "Actions", "Bring a checkpoint or an exported network into the library, and try it"
        ),
        "import-model",
        ("Ctrl+Alt+I",),
        contexts=(MODELS,),
    ),
    ActionSpec(
        "use-model",
        QT_TRANSLATE_NOOP("Actions", "&Use as model"),
        MODEL,
        1,
        _use,
        QT_TRANSLATE_NOOP("Actions", "Let the marked model predict and be attacked"),
        "model",
        (),
        _not_usable,
        contexts=(MODELS,),
    ),
    ActionSpec(
        "use-second-model",
        QT_TRANSLATE_NOOP("Actions", "Use as &second model"),
        MODEL,
        1,
        _use_second,
        QT_TRANSLATE_NOOP("Actions", "Let the marked model judge the same images"),
        "second-model",
        (),
        _not_usable,
        contexts=(MODELS,),
    ),
    ActionSpec(
        "check-model",
        QT_TRANSLATE_NOOP("Actions", "&Check on images…"),
        MODEL,
        1,
        _check,
        QT_TRANSLATE_NOOP(
            "Actions", "See what the marked model sees of images, and signs of a wrong card"
        ),
        "probe",
        (),
        _not_usable,
        contexts=(MODELS,),
    ),
    ActionSpec(
        "edit-card",
        QT_TRANSLATE_NOOP("Actions", "&Edit card…"),
        MODEL,
        2,
        _edit,
        QT_TRANSLATE_NOOP("Actions", "Change what is said of your own model"),
        "edit",
        (),
        _not_editable,
        contexts=(MODELS,),
    ),
    ActionSpec(
        "copy-fingerprint",
        QT_TRANSLATE_NOOP("Actions", "Copy SHA-&256"),
        MODEL,
        2,
        _copy_fingerprint,
        QT_TRANSLATE_NOOP("Actions", "Copy the fingerprint of the marked model's weights"),
        "copy",
        (),
        _no_fingerprint,
        contexts=(MODELS,),
    ),
    ActionSpec(
        "reveal-model",
        QT_TRANSLATE_NOOP("Actions", "Show the model's f&older"),
        MODEL,
        2,
        _reveal,
        QT_TRANSLATE_NOOP("Actions", "Open the folder of the marked model in the file browser"),
        "link",
        (),
        _none_marked,
        contexts=(MODELS,),
    ),
    ActionSpec(
        "remove-model",
        QT_TRANSLATE_NOOP("Actions", "&Remove model…"),
        MODEL,
        2,
        lambda w: w.controller.model_library.removal_wanted.emit(),
        QT_TRANSLATE_NOOP("Actions", "Take your own model out of the library, with its files"),
        "remove",
        (),
        _not_own,
        contexts=(MODELS,),
    ),
)
