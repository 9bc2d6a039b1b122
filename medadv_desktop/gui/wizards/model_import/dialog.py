"""The wizard itself: which steps there are, and what follows the last one."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QWidget

from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.state.log import Level
from medadv_desktop.gui.wizards.model_import.card_page import CardPage
from medadv_desktop.gui.wizards.model_import.choose_page import ChoosePage
from medadv_desktop.gui.wizards.model_import.draft import Mode, ModelDraft
from medadv_desktop.gui.wizards.model_import.fields import tr
from medadv_desktop.gui.wizards.model_import.preview_page import PreviewPage
from medadv_desktop.gui.wizards.model_import.save_page import SavePage
from medadv_desktop.gui.wizards.steps import StepDialog
from medadv_desktop.models.library import LibraryEntry


class ModelWizard(StepDialog):
    """File, card, preview, save; where a card is edited or checked, only what that takes.

    Attributes:
        draft: what it knows.
        choose_page, card_page, preview_page, save_page: the steps; None where there is no such.
    """

    def __init__(
        self,
        bench: Workbench,
        mode: Mode = Mode.IMPORT,
        entry: LibraryEntry | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(bench.theme, _title(mode, entry), parent)
        self.setObjectName("model-wizard")
        self._bench = bench
        self.draft = ModelDraft(bench, mode, self)
        importing, checking = mode is Mode.IMPORT, mode is Mode.CHECK
        if entry is not None:
            self.draft.use_card(entry)
        self.choose_page = ChoosePage(self.draft, bench) if importing else None
        self.card_page = None if checking else CardPage(self.draft, bench.theme)
        self.preview_page = PreviewPage(self.draft, bench)
        self.save_page = None if checking else SavePage(self.draft, bench)
        pages = (self.choose_page, self.card_page, self.preview_page, self.save_page)
        self.set_pages([page for page in pages if page is not None])
        self.cancel.setVisible(not checking)
        self.preview_page.field_wanted.connect(self._mend)
        self.draft.looked.connect(self._looked)

    def unsaved(self) -> str:
        draft = self.draft
        if draft.saved is not None or draft.mode is Mode.CHECK or not draft.edited:
            return ""
        return tr("The card was edited and is not saved. Discard it?")

    def finish(self) -> None:
        saved, save_page = self.draft.saved, self.save_page
        if saved is not None and save_page is not None:
            controller = self._bench.controller
            model = controller.reference(saved)
            if save_page.use.isChecked():
                controller.choose_model(model)
            if save_page.second.isChecked():
                controller.choose_second_model(model)
            text = tr("{name} is in the model library").format(name=saved.card.name)
            controller.notices.add(text, Level.INFO)
        self.leave()

    def choose(self, path: Path) -> None:
        """Begin with this file."""
        self.go_to(0)
        self.draft.choose(path)

    def _looked(self) -> None:
        """With another file all steps after the first have to be gone through again."""
        if not self.draft.values:
            self.forget_beyond(0)

    def _mend(self, field: str) -> None:
        if self.card_page is not None:
            self.go_to(self.pages.index(self.card_page))
            self.card_page.show_field(field)


def _title(mode: Mode, entry: LibraryEntry | None) -> str:
    name = entry.card.name if entry is not None else ""
    return {
        Mode.IMPORT: tr("Import a model"),
        Mode.EDIT: tr("Edit the card of {name}").format(name=name),
        Mode.CHECK: tr("Check {name} on images").format(name=name),
    }[mode]
