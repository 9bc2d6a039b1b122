"""The image before the attack: as it lies in the file, or as the model is given it."""

from __future__ import annotations

from PySide6.QtWidgets import QToolButton, QWidget
from shiboken6 import isValid

from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.icons import bind_icon
from medadv_desktop.gui.viewers.controls import WindowBar
from medadv_desktop.gui.viewers.input_steps import InputStepsDialog
from medadv_desktop.gui.viewers.measured import statistics_on
from medadv_desktop.gui.viewers.overlays import patient_text
from medadv_desktop.gui.viewers.pane import Pane, Segments
from medadv_desktop.gui.viewers.pictures import InputPicture, SourcePicture
from medadv_desktop.gui.viewers.probe import ProbeReading
from medadv_desktop.gui.viewers.showing import (
    ViewFollowsCase,
    clean_of,
    current_voi,
    original_of,
    plan_of,
)
from medadv_desktop.gui.viewers.stack import PlaceFollowsCase
from medadv_desktop.gui.viewers.wording import size_text, source_text, translate, verdict_text
from medadv_desktop.imaging.measuring import Region, RegionStatistics
from medadv_desktop.models.input_plan import InputPlan


class OriginalPane(Pane):
    plays = True

    def __init__(self, bench: Workbench, parent: QWidget | None = None) -> None:
        super().__init__(bench, translate("Docks", "Original"), parent)
        self.no_image = self.tr("Open an image, or drop files or a folder here.")
        self._rules = ViewFollowsCase(bench.case, bench.view, self)
        self._place = PlaceFollowsCase(bench, self)
        self.which = Segments(
            self.tr("Show"),
            (
                ("source", self.tr("Source"), self.tr("The image as it lies in the file")),
                ("model-input", self.tr("Model input"), self.tr("The image as the model gets it")),
            ),
        )
        self.which.chosen.connect(self._chosen)
        self.head.addWidget(self.which)
        self.steps = QToolButton()
        bind_icon(self.steps, "info", bench.theme)
        self.steps.setAutoRaise(True)
        self.steps.setToolTip(self.tr("How the file becomes the model's input, number by number"))
        self.steps.setAccessibleName(self.tr("How the file becomes the model's input"))
        self.steps.clicked.connect(lambda _: bench.view.input_steps_wanted.emit())
        self.head.addWidget(self.steps)
        bench.view.input_steps_wanted.connect(self.show_steps)
        self._dialog: InputStepsDialog | None = None
        self.window_bar = WindowBar(bench)
        self.foot.addWidget(self.window_bar, 1)
        bench.view.original_view_changed.connect(self.mark_stale)

    def refresh(self) -> None:
        case, view = self.case, self.view
        self.which.set_value(view.original_view)
        voi, frame = current_voi(case, view), case.frame
        self.which.setVisible(frame is not None)
        self.steps.setVisible(frame is not None)
        self.window_bar.setVisible(frame is not None)
        if frame is None:
            self.canvas.set_picture(None, self.missing_frame())
            self.set_caption("", "")
            return
        prediction = clean_of(case)
        caption = verdict_text(prediction) if prediction else ""
        plan, image = plan_of(case), original_of(case)
        self._tell(plan)
        if view.original_view == "source":
            self.canvas.set_picture(SourcePicture(frame, voi, view.invert))
            details = f"{frame.provenance.modality} {size_text(frame.shape)}".strip()
            self.canvas.set_outline(_crop(plan.region(frame.shape), frame.shape) if plan else None)
        else:
            self.canvas.set_outline(None)
            details = size_text(image.shape[1:]) if image is not None else ""
            if image is None or plan is None:
                self.canvas.set_picture(None, self.missing_prediction())
            else:
                self.canvas.set_picture(InputPicture(image, plan, frame, voi, view.invert))
        self.set_caption(caption, details, "clean" if caption else "")

    def show_steps(self) -> None:
        """Show the numbers in a window of their own, once."""
        if self._dialog is None or not isValid(self._dialog):
            self._dialog = InputStepsDialog(self._bench, self.window())
        self._dialog.show()
        self._dialog.raise_()
        self._dialog.activateWindow()

    def _tell(self, plan: InputPlan | None) -> None:
        """How the file became the model's input, number by number, on the button that shows it."""
        lines = [self.tr("The image as the model gets it")]
        if plan is not None:
            lines += [f"{label}: {value}" for label, value in plan.describe()]
        button = self.which.button("model-input")
        button.setToolTip("\n".join(lines))
        button.setAccessibleDescription(". ".join(lines))

    def statistics(self, region: Region) -> RegionStatistics | None:
        return statistics_on(self.case, self.view.original_view, region)

    def corner_notes(self, reading: ProbeReading | None) -> dict[str, str]:
        instance = self.case.instance
        return {
            "top-left": patient_text(instance, self._shown) if instance is not None else "",
            "bottom-left": source_text(reading).replace(" · ", "\n") if reading else "",
            "bottom-right": "\n".join(t for t in (self.window_note(), self.scale_note()) if t),
        }

    def _shown(self, tag: int, value: str) -> str | None:
        from medadv_desktop.imaging.phi import (
            is_phi,  # the DICOM library; the first paint is earlier
        )

        return None if self._bench.controller.privacy.masked and is_phi(tag) else value

    def _chosen(self, value: str) -> None:
        self.view.set_original_view(value)


def _crop(
    region: tuple[float, float, float, float], shape: tuple[int, int]
) -> tuple[float, float, float, float] | None:
    """The region where it differs from the whole frame by half a pixel or more."""
    top, left, height, width = region
    whole = max(abs(top), abs(left), abs(height - shape[0]), abs(width - shape[1])) < 0.5
    return None if whole else region
