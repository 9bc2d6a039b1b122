"""The step "Save": all that will be in the library, at a glance, and then the saving itself."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QFrame, QScrollArea, QVBoxLayout

from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.theme import LARGE, MEDIUM, SMALL
from medadv_desktop.gui.wizards.model_import.choose_page import sentences
from medadv_desktop.gui.wizards.model_import.draft import Mode, ModelDraft
from medadv_desktop.gui.wizards.model_import.fields import tr
from medadv_desktop.gui.wizards.model_import.sheet import Sheet
from medadv_desktop.gui.wizards.model_import.summary import card_words
from medadv_desktop.gui.wizards.steps import Callout, StepPage
from medadv_desktop.models.library import LibraryEntry, user_models


class SavePage(StepPage):
    """What will be saved and where; what speaks against it; what is done with it then."""

    def __init__(self, draft: ModelDraft, bench: Workbench) -> None:
        super().__init__()
        self._draft = draft
        self._library = bench.controller.model_library
        editing = draft.mode is Mode.EDIT
        self.title = tr("Save")
        self.heading = tr("Save the card") if editing else tr("Put the model into the library")
        self.explanation = (
            tr("The card is written over the one that lies there. The weights stay as they are.")
            if editing
            else tr("The files are copied; those that you chose stay as they are.")
        )
        self.clash = Callout(bench.theme)
        self.replace = QCheckBox(tr("&Replace the model of this id"))
        self.doubts = Callout(bench.theme)
        self.failure = Callout(bench.theme)
        self.sheet = Sheet(bench.theme)
        self.use = QCheckBox(tr("&Use it as the model afterwards"))
        self.use.setChecked(not editing)
        self.use.setVisible(not editing)
        self.second = QCheckBox(tr("Use it as the &second model afterwards"))
        self.second.setVisible(not editing)
        self.use.toggled.connect(lambda on: on and self.second.setChecked(False))
        self.second.toggled.connect(lambda on: on and self.use.setChecked(False))
        self.replace.toggled.connect(self.changed)
        self.clash.acted.connect(self._take_free_id)
        self._arrange()
        draft.card_changed.connect(self._refresh)
        draft.busy_changed.connect(self._refresh)
        draft.was_saved.connect(self._saved)
        bench.controller.models_changed.connect(self._refresh)
        self._refresh()

    # ------------------------------------------------------------------ as a step

    def entered(self) -> None:
        self._refresh()

    def blocked(self) -> str:
        draft = self._draft
        if draft.card is None:
            return tr("Mend the card first")
        clash = self._clash()
        if clash is None:
            return ""
        if self._shipped(clash):
            return tr("Choose another id")
        return "" if self.replace.isChecked() else tr("Choose another id, or replace that model")

    def busy(self) -> str:
        return self._draft.busy

    def progress(self) -> tuple[int, int]:
        return self._draft.progress

    def stop(self) -> None:
        self._draft.stop()

    def next_text(self) -> str:
        return tr("Save")

    def advance(self) -> bool:
        self._draft.save(replace=self.replace.isChecked())
        return False

    # ------------------------------------------------------------------ inside

    def _arrange(self) -> None:
        scroll = QScrollArea()
        scroll.setWidget(self.sheet)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setAccessibleName(tr("The model card"))
        page = QVBoxLayout(self)
        page.setContentsMargins(LARGE + SMALL, SMALL, LARGE + SMALL, MEDIUM)
        page.setSpacing(MEDIUM)
        for widget in (self.failure, self.clash, self.replace, self.doubts):
            page.addWidget(widget)
        page.addWidget(scroll, 1)
        page.addWidget(self.use)
        page.addWidget(self.second)

    def _refresh(self) -> None:
        draft, card = self._draft, self._draft.card
        failure = draft.failure
        self.failure.say("error", *(sentences(failure) if failure is not None else ("",)))
        self._tell_clash()
        self._tell_doubts()
        if card is not None:
            lines = card_words(card)
            if draft.mode is Mode.IMPORT:
                goes = (tr("Goes to"), str(user_models() / card.id))
                lines = ((tr("Comes from"), str(draft.folder / card.weights)), goes, *lines)
            self.sheet.show_lines(card.name, lines)
        self.changed.emit()

    def _clash(self) -> object:
        card = self._draft.card
        if card is None or self._draft.mode is not Mode.IMPORT or self._draft.saved is not None:
            return None
        return self._library.taken(card.id)

    def _tell_clash(self) -> None:
        clash, card = self._clash(), self._draft.card
        if clash is None or card is None:
            self.clash.say("warning", "")
            self.replace.setVisible(False)
            return
        shipped = self._shipped(clash)
        text = (
            tr("The id {id} belongs to a model that is shipped with the program.")
            if shipped
            else tr("The library has a model of the id {id} already.")
        )
        action = tr("Save as {id}").format(id=self._free_id())
        self.clash.say("warning", text.format(id=card.id), "", action)
        self.replace.setVisible(not shipped)

    def _tell_doubts(self) -> None:
        draft = self._draft
        if draft.card is None or draft.saved is not None:
            self.doubts.say("info", "")
        elif draft.checked is None:
            text = tr("The card was not tried on any image.")
            remedy = tr("Go back to the preview: it shows a wrong normalisation or class order.")
            self.doubts.say("warning", text, remedy)
        elif draft.stale:
            text = tr("The card was changed since it was tried.")
            self.doubts.say("warning", text, tr("Go back to the preview and run it again."))
        elif draft.checked.warnings:
            text = tr("Signs that something is wrong, found by the preview: {n}.")
            messages = "; ".join(w.message for w in draft.checked.warnings)
            self.doubts.say("warning", text.format(n=len(draft.checked.warnings)), messages + ".")
        else:
            text = tr("The preview found nothing suspicious; images tried: {n}.")
            self.doubts.say("success", text.format(n=len(draft.checked.predictions)))

    def _shipped(self, clash: object) -> bool:
        return isinstance(clash, LibraryEntry) and clash.shipped

    def _free_id(self) -> str:
        card = self._draft.card
        number = 2
        while self._library.taken(f"{card.id}-{number}") is not None:
            number += 1
        return f"{card.id}-{number}"

    def _take_free_id(self) -> None:
        self._draft.set(id=self._free_id())

    def _saved(self) -> None:
        if self.isVisible():
            self.done.emit()
