"""The fifth step: seeds, what is kept, how figures are made and shown, how it is computed."""

from __future__ import annotations

from PySide6.QtWidgets import QFormLayout, QHBoxLayout, QLineEdit, QPlainTextEdit, QWidget

from medadv_desktop.audit.plan.schema import Keep, Lights, Metrics, Running
from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.forms import SettingsForm
from medadv_desktop.gui.theme import LARGE, MEDIUM, SMALL
from medadv_desktop.gui.wizards.audit.draft import AuditDraft
from medadv_desktop.gui.wizards.audit.parts import (
    Words,
    column,
    heading,
    said_by,
    scrolled,
    show_values,
)
from medadv_desktop.gui.wizards.audit.wording import tr
from medadv_desktop.gui.wizards.model_import.blocks import note
from medadv_desktop.gui.wizards.steps import StepPage
from medadv_desktop.settings import Settings

_KINDS: dict[str, type[Settings]] = {
    "keep": Keep,
    "lights": Lights,
    "metrics": Metrics,
    "running": Running,
}
_NOTES_HEIGHT = 64


class RecordPage(StepPage):
    """Name, notes and seeds; the small parts of the plan, each with its form."""

    def __init__(self, _bench: Workbench, draft: AuditDraft) -> None:
        super().__init__()
        self.title = tr("Record")
        self.heading = tr("What is recorded, and how?")
        self.explanation = tr(
            "More seeds tell how much is luck. The traffic lights are yours: the report says "
            "where you put them."
        )
        self._draft = draft
        self.name = QLineEdit()
        self.name.setAccessibleName(tr("Title of the report"))
        self.name.setMaxLength(200)
        self.notes = QPlainTextEdit()
        self.notes.setAccessibleName(tr("Notes"))
        self.notes.setPlaceholderText(tr("whatever a reader should know"))
        self.notes.setFixedHeight(_NOTES_HEIGHT)
        self.notes.setTabChangesFocus(True)
        self.seeds = Words(tr("Seeds"), tr("Every attack and corruption runs once for each"), "0")
        self.seeds_error = note("danger")
        self.forms = {
            part: SettingsForm(kind, explained=True, folded=_folded(part))
            for part, kind in _KINDS.items()
        }
        self._arrange()
        self.name.textEdited.connect(lambda text: draft.set("name", text))
        self.notes.textChanged.connect(lambda: draft.set("notes", self.notes.toPlainText()))
        self.seeds.typed.connect(self._seeds_typed)
        for part, form in self.forms.items():
            form.changed.connect(lambda part=part: self._edited(part))
        draft.changed.connect(self._show)
        draft.replaced.connect(self._show)
        self._show()

    # ------------------------------------------------------------------ what the dialog asks

    def blocked(self) -> str:
        error = self._draft.error
        own = error.split(":")[0].split(".")[0].split("[")[0]
        elsewhere = ("models", "datasets", "attacks", "corruptions", "sequences")
        return "" if own in elsewhere else error

    # ------------------------------------------------------------------ inside

    def _edited(self, part: str) -> None:
        self._draft.set(part, said_by(self.forms[part]))

    def _seeds_typed(self) -> None:
        words = self.seeds.words()
        self._draft.set("seeds", [int(w) if w.isdecimal() else w for w in words])

    def _show(self) -> None:
        values = self._draft.values
        if self.name.text() != values["name"]:
            self.name.setText(values["name"])
        if self.notes.toPlainText() != values["notes"]:
            self.notes.setPlainText(values["notes"])
        self.seeds.show_words(values["seeds"])
        error = self._draft.error
        self.seeds_error.setText(error if error.startswith("seeds") else "")
        self.seeds_error.setVisible(bool(self.seeds_error.text()))
        for part, form in self.forms.items():
            show_values(form, _KINDS[part], values[part])
        self.changed.emit()

    def _arrange(self) -> None:
        top = QWidget()
        form = QFormLayout(top)
        form.setContentsMargins(0, 0, 0, 0)
        form.setHorizontalSpacing(MEDIUM)
        form.setVerticalSpacing(SMALL + 2)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        form.addRow(tr("&Title"), self.name)
        form.addRow(tr("N&otes"), self.notes)
        form.addRow(tr("&Seeds"), self.seeds)
        forms = self.forms
        left = column(
            heading(tr("The audit")),
            top,
            self.seeds_error,
            heading(tr("Traffic lights of the report")),
            forms["lights"],
        )
        right = column(
            heading(tr("Attacked images on disk")),
            forms["keep"],
            heading(tr("Figures")),
            forms["metrics"],
            heading(tr("Computing")),
            forms["running"],
        )
        page = QHBoxLayout(self)
        page.setContentsMargins(LARGE + SMALL, SMALL, LARGE, MEDIUM)
        page.setSpacing(LARGE + SMALL)
        page.addWidget(scrolled(left, tr("The audit")), 1)
        page.addWidget(scrolled(right, tr("What is recorded")), 1)


def _folded(part: str) -> tuple[str, ...]:
    return ("workers", "probed") if part == "running" else ()
