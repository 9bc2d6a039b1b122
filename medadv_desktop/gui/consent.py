"""Agreement that the code of models runs, before something begins that needs several of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication

from medadv_desktop.audit.requests import LoadedModel, LoadRequest
from medadv_desktop.gui.desk import Audience

if TYPE_CHECKING:
    from medadv_desktop.gui.controller import Controller


def with_consent(controller: Controller, models: Sequence[str], then: Callable[[], None]) -> bool:
    """Do something with models when somebody has agreed to the code of each that has some.

    Whoever refuses stops it: then nothing happens. The engine is told of what was agreed to.

    Returns:
        Whether it was done at once, without asking.
    """
    library = controller.model_library
    for model in models:
        if library.asks(model, lambda: with_consent(controller, models, then)):
            return False
    for model in models:
        if library.code_of(model) is not None:
            title = QCoreApplication.translate("Audit", "Load model {model}")

            def loaded(answer: LoadedModel) -> None:
                library.learnt(answer.model, answer.white_box)

            audience = Audience(title.format(model=Path(model).name), loaded)
            library.compute(LoadRequest(model, allow_code=True), audience)
    then()
    return True
