"""The audit wizard: six steps, and an audit in the compute thread at the end."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from medadv_desktop.audit.plan.schema import AuditPlan
from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.wizards.audit.attacks_page import AttacksPage
from medadv_desktop.gui.wizards.audit.corruptions_page import CorruptionsPage
from medadv_desktop.gui.wizards.audit.data_page import DataPage
from medadv_desktop.gui.wizards.audit.draft import AuditDraft
from medadv_desktop.gui.wizards.audit.models_page import ModelsPage
from medadv_desktop.gui.wizards.audit.record_page import RecordPage
from medadv_desktop.gui.wizards.audit.review_page import ReviewPage
from medadv_desktop.gui.wizards.audit.wording import tr
from medadv_desktop.gui.wizards.steps import StepDialog


class AuditWizard(StepDialog):
    """Makes a plan and begins its audit.

    Attributes:
        draft: what it has been told.
        models, data, attacks, corruptions, record, review: the steps.
    """

    def __init__(
        self, bench: Workbench, plan: AuditPlan | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(bench.theme, tr("New audit"), parent)
        self.setObjectName("audit-wizard")
        self.draft = AuditDraft(bench.controller, self)
        self.models = ModelsPage(bench, self.draft)
        self.data = DataPage(bench, self.draft)
        self.attacks = AttacksPage(bench, self.draft)
        self.corruptions = CorruptionsPage(bench, self.draft)
        self.record = RecordPage(bench, self.draft)
        self.review = ReviewPage(bench, self.draft)
        self.review.step_wanted.connect(self.go_to)
        self.set_pages(
            (self.models, self.data, self.attacks, self.corruptions, self.record, self.review)
        )
        if plan is not None:
            self.draft.load(plan)
            self._show(len(self.pages) - 1)

    def unsaved(self) -> str:
        if not self.draft.touched:
            return ""
        return tr("The audit was not started. Discard the plan? It can be saved as a file first.")
