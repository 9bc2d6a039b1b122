"""The model input after the attack, or while it is being made."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.theme import font
from medadv_desktop.gui.viewers.measured import statistics_on
from medadv_desktop.gui.viewers.pane import ElidedLabel, Pane
from medadv_desktop.gui.viewers.pictures import InputPicture
from medadv_desktop.gui.viewers.probe import ProbeReading
from medadv_desktop.gui.viewers.showing import adversarial_of, current_voi, plan_of
from medadv_desktop.gui.viewers.wording import (
    input_text,
    measures,
    size_text,
    translate,
    verdict_text,
)
from medadv_desktop.imaging.measuring import Region, RegionStatistics


class AdversarialPane(Pane):
    def __init__(self, bench: Workbench, parent: QWidget | None = None) -> None:
        super().__init__(bench, translate("Docks", "Adversarial"), parent)
        self.no_image = self.tr("The attacked image appears here.")
        self.result = ElidedLabel()
        self.result.setFont(font("numbers"))
        self.foot.addWidget(self.result, 1)

    def refresh(self) -> None:
        case, view = self.case, self.view
        image, plan = adversarial_of(case), plan_of(case)
        if case.frame is None or image is None or plan is None:
            self.canvas.set_picture(None, self.missing_attack())
            self.set_caption("", "")
            self.result.setText("")
            return
        voi = current_voi(case, view)
        self.canvas.set_picture(InputPicture(image, plan, case.frame, voi, view.invert))
        size = size_text(image.shape[1:])
        if case.preview is not None:
            step = self.tr("Step {0} of {1}").format(case.preview.step, case.preview.steps)
            self.set_caption(step, size, "adversarial")
            self.result.setText(self.tr("The attack is running"))
        elif case.outcome is not None:
            self.set_caption(verdict_text(case.outcome.attacked), size, "adversarial")
            self.result.setText(measures(case.outcome))

    def statistics(self, region: Region) -> RegionStatistics | None:
        return statistics_on(self.case, "adversarial", region)

    def corner_notes(self, reading: ProbeReading | None) -> dict[str, str]:
        return {
            "bottom-left": input_text(reading) if reading else "",
            "bottom-right": self.scale_note(),
        }
