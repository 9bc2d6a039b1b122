"""The same image in the eyes of another model, before and after the attack on the first."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from medadv_desktop.audit.requests import Prediction
from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.viewers.measured import input_statistics
from medadv_desktop.gui.viewers.pane import ElidedLabel, Pane, Segments
from medadv_desktop.gui.viewers.pictures import InputPicture
from medadv_desktop.gui.viewers.probe import ProbeReading
from medadv_desktop.gui.viewers.showing import Image, current_voi
from medadv_desktop.gui.viewers.wording import flips, names_text, size_text, translate, verdict_text
from medadv_desktop.imaging.measuring import Region, RegionStatistics
from medadv_desktop.models.input_plan import InputPlan


class SecondPane(Pane):
    def __init__(self, bench: Workbench, parent: QWidget | None = None) -> None:
        super().__init__(bench, translate("Docks", "Second model"), parent)
        self.no_image = self.tr("What another model makes of the image appears here.")
        self.which = Segments(
            self.tr("Image judged by the second model"),
            (
                ("clean", self.tr("Clean"), self.tr("The image before the attack")),
                ("adversarial", self.tr("Adversarial"), self.tr("The image after the attack")),
            ),
        )
        self.which.chosen.connect(bench.view.set_second_view)
        self.head.addWidget(self.which)
        self.judgement = ElidedLabel()
        self.foot.addWidget(self.judgement, 1)
        bench.view.second_view_changed.connect(self.mark_stale)
        bench.case.second_model_changed.connect(self.mark_stale)
        bench.case.second_prediction_changed.connect(self.mark_stale)

    def refresh(self) -> None:
        case, view = self.case, self.view
        attacked = case.outcome is not None and case.outcome.second_attacked is not None
        shows = view.second_view if attacked else "clean"
        self.which.set_value(shows)
        self.which.setVisible(attacked)
        image, plan, prediction = self._shown(shows)
        if case.frame is None or image is None or plan is None or prediction is None:
            self.canvas.set_picture(None, self._missing())
            self.set_caption("", "")
            self.judgement.setText("")
            return
        voi = current_voi(case, view)
        self.canvas.set_picture(InputPicture(image, plan, case.frame, voi, view.invert))
        self.set_caption(verdict_text(prediction), size_text(image.shape[1:]), shows)
        self.judgement.setText(self._sentence(prediction))

    def _shown(self, shows: str) -> tuple[Image | None, InputPlan | None, Prediction | None]:
        outcome, clean = self.case.outcome, self.case.second_prediction
        if outcome is not None and outcome.second_clean is not None:
            if shows == "adversarial":
                return outcome.second_adversarial, outcome.second_plan, outcome.second_attacked
            return outcome.second_original, outcome.second_plan, outcome.second_clean
        if clean is not None:
            return clean.image, clean.plan, clean.prediction
        return None, None, None

    def _sentence(self, prediction: Prediction) -> str:
        outcome, name = self.case.outcome, prediction.card.name
        if outcome is None or outcome.second_clean is None or outcome.second_attacked is None:
            return name
        if not flips(outcome.second_clean, outcome.second_attacked):
            return self.tr("{0}: unmoved by the attack").format(name)
        before, after = names_text(outcome.second_clean), names_text(outcome.second_attacked)
        return f"{name}: {before} → {after}"

    def _missing(self) -> str:
        if self.case.frame is None:
            return self.missing_frame()
        if not self.case.second_model:
            return self.tr("Choose a second model to see whether the attack carries over to it.")
        if self._bench.view.cine.playing:
            return self.tr("Predicted once the image stands still.")
        if self._bench.jobs.busy:
            return self.tr("The second model is looking at the image…")
        return self.tr("The second model gave no prediction. The log says why.")

    def statistics(self, region: Region) -> RegionStatistics | None:
        attacked = self.case.outcome is not None and self.case.outcome.second_attacked is not None
        image, plan, _ = self._shown(self.view.second_view if attacked else "clean")
        if image is None or plan is None or self.case.frame is None:
            return None
        return input_statistics(image, plan, self.case.frame, region)

    def corner_notes(self, _reading: ProbeReading | None) -> dict[str, str]:
        return {"bottom-right": self.scale_note()}
