"""The model input after the attack, or while it is being made."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.state.attack_trail import Still
from medadv_desktop.gui.theme import font
from medadv_desktop.gui.viewers.measured import statistics_on
from medadv_desktop.gui.viewers.pane import ElidedLabel, Pane
from medadv_desktop.gui.viewers.pictures import InputPicture
from medadv_desktop.gui.viewers.probe import ProbeReading
from medadv_desktop.gui.viewers.showing import adversarial_of, current_voi, plan_of
from medadv_desktop.gui.viewers.trail_slider import TrailSlider
from medadv_desktop.gui.viewers.wording import (
    amount_255,
    budget_text,
    input_text,
    measures,
    number,
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
        self.trail = TrailSlider(bench)
        self.foot.addWidget(self.trail, 1)

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
        if case.still is not None:
            self._show_still(case.still, size)
        elif case.preview is not None:
            step = self.tr("Step {0} of {1}").format(case.preview.step, case.preview.steps)
            self.set_caption(step, size, "adversarial")
            self.result.setText(self.tr("The attack is running"))
        elif case.outcome is not None:
            self.set_caption(verdict_text(case.outcome.attacked), size, "adversarial")
            self.result.setText(measures(case.outcome))

    def _show_still(self, still: Still, size: str) -> None:
        if still.tried is None:
            step = self.tr("Step {0} of {1}").format(still.step, still.steps)
            self.set_caption(step, size, "adversarial")
            self.result.setText(self.tr("Only the result is predicted"))
            return
        tried = still.tried
        verdict = self.tr("{0} at ε {1}").format(
            verdict_text(tried.prediction), budget_text(tried.epsilon, still.norm)
        )
        self.set_caption(verdict, size, "adversarial")
        reached = self.tr("Goal reached") if tried.success else self.tr("Goal not reached")
        self.result.setText(
            " · ".join((reached, f"‖δ‖∞ {amount_255(tried.linf)}", f"‖δ‖₂ {number(tried.l2)}"))
        )

    def statistics(self, region: Region) -> RegionStatistics | None:
        return statistics_on(self.case, "adversarial", region)

    def corner_notes(self, reading: ProbeReading | None) -> dict[str, str]:
        return {
            "bottom-left": input_text(reading) if reading else "",
            "bottom-right": self.scale_note(),
        }
