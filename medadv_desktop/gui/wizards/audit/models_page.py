"""The first step: which models are audited."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtWidgets import QComboBox, QFormLayout, QVBoxLayout

from medadv_desktop.gui.attack_panel.choosers import let_grow
from medadv_desktop.gui.consent import with_consent
from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.theme import LARGE, MEDIUM, SMALL
from medadv_desktop.gui.wizards.audit.draft import AuditDraft
from medadv_desktop.gui.wizards.audit.parts import Ticks
from medadv_desktop.gui.wizards.audit.wording import tr
from medadv_desktop.gui.wizards.steps import Callout, StepPage
from medadv_desktop.models.card import ModelCard
from medadv_desktop.models.library import LibraryEntry

_WIDTHS = (240, 90, 120, 110)


class ModelsPage(StepPage):
    """The models of the library with a tick each, and the one that others are compared with."""

    def __init__(self, bench: Workbench, draft: AuditDraft) -> None:
        super().__init__()
        self.title = tr("Models")
        self.heading = tr("Which models are audited?")
        self.explanation = tr(
            "Each of them is tried on the data sets of the next step. Tick a model and its "
            "defended sibling to see what the defence is worth."
        )
        self._bench, self._draft = bench, draft
        self._library = bench.controller.model_library
        headings = (tr("Model"), tr("Images"), tr("Says"), tr("Input"), tr("Classes"))
        self.list = Ticks(bench.theme, tr("Models"), headings)
        for place, width in enumerate(_WIDTHS):
            self.list.setColumnWidth(place, width)
        self.empty = Callout(bench.theme)
        self.baseline = QComboBox()
        self.baseline.setAccessibleName(tr("Baseline"))
        self.baseline.setToolTip(
            tr("Mean flip rate and mean corruption error of the others are relative to this model")
        )
        let_grow(self.baseline)
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.FieldsStayAtSizeHint)
        form.addRow(tr("&Baseline for mean flip rate and mean corruption error"), self.baseline)
        self.baseline.setMinimumWidth(240)
        page = QVBoxLayout(self)
        page.setContentsMargins(LARGE + SMALL, SMALL, LARGE + SMALL, MEDIUM)
        page.setSpacing(MEDIUM)
        page.addWidget(self.empty)
        page.addWidget(self.list, 1)
        page.addLayout(form)
        self.list.ticked.connect(self._ticked)
        self.baseline.activated.connect(
            lambda: draft.set("baseline", self.baseline.currentData() or "")
        )
        bench.controller.models_changed.connect(self._fill)
        draft.changed.connect(self._show)
        draft.replaced.connect(self._fill)
        self._fill()

    # ------------------------------------------------------------------ what the dialog asks

    def blocked(self) -> str:
        return "" if self._draft.values["models"] else tr("Tick at least one model")

    # ------------------------------------------------------------------ inside

    def _fill(self) -> None:
        self.list.refill()
        known = set()
        for entry in self._library.entries:
            if isinstance(entry, LibraryEntry):
                reference = self._library.reference(entry)
                known.add(reference)
                self.list.add(reference, _texts(entry.card), False, tip=str(entry.path))
            else:
                name = entry.path.name
                self.list.add(str(entry.path), (name, "", "", "", ""), False, why_not=entry.reason)
        for model in self._draft.values["models"]:
            if model["model"] not in known:
                texts = (Path(model["model"]).name, "", tr("not in the library"), "", "")
                self.list.add(model["model"], texts, True, tip=model["model"])
        there = bool(self.list.items())
        self.empty.say("info", "" if there else tr("There are no models yet."),
                       tr("Import one with Model ▸ Import model…"))  # fmt: skip
        self._show()

    def _show(self) -> None:
        models = self._draft.values["models"]
        self.list.show_ticks([m["model"] for m in models])
        names = [m["id"] for m in models]
        self.baseline.clear()
        self.baseline.addItem(tr("None"), "")
        for name in names:
            self.baseline.addItem(name, name)
        at = self.baseline.findData(self._draft.values["baseline"])
        self.baseline.setCurrentIndex(max(at, 0))
        self.baseline.setEnabled(len(names) > 1)
        self.changed.emit()

    def _ticked(self, reference: str, on: bool) -> None:
        card = self._bench.controller.card(reference)
        name = card.id if card is not None else Path(reference).stem
        choose = partial(self._draft.set_model, reference, name, on)
        if not on:
            choose()
        elif not with_consent(self._bench.controller, [reference], choose):
            self._show()  # the tick comes when somebody has agreed that its code runs


def _texts(card: ModelCard) -> tuple[str, ...]:
    channels, height, width = card.input_shape
    kind = tr("grey") if channels == 1 else tr("colour")
    says = tr("findings") if card.multi_label else tr("one class")
    return (card.name, card.domain, says, f"{width} × {height} {kind}", ", ".join(card.classes))
