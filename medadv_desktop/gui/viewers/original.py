"""The image before the attack: as it lies in the file, or as the model is given it."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.viewers.controls import WindowBar
from medadv_desktop.gui.viewers.pane import Pane, Segments
from medadv_desktop.gui.viewers.pictures import InputPicture, SourcePicture
from medadv_desktop.gui.viewers.probe import ProbeReading
from medadv_desktop.gui.viewers.showing import (
    ViewFollowsCase,
    clean_of,
    current_window,
    original_of,
    plan_of,
)
from medadv_desktop.gui.viewers.wording import size_text, source_text, translate, verdict_text


class OriginalPane(Pane):
    def __init__(self, bench: Workbench, parent: QWidget | None = None) -> None:
        super().__init__(bench, translate("Docks", "Original"), parent)
        self.no_image = self.tr("Open an image, or drop files or a folder here.")
        self._rules = ViewFollowsCase(bench.case, bench.view, self)
        self.which = Segments(
            self.tr("Show"),
            (
                ("source", self.tr("Source"), self.tr("The image as it lies in the file")),
                ("model-input", self.tr("Model input"), self.tr("The image as the model gets it")),
            ),
        )
        self.which.chosen.connect(self._chosen)
        self.head.addWidget(self.which)
        self.window_bar = WindowBar(bench.case, bench.view, bench.theme)
        self.foot.addWidget(self.window_bar, 1)
        bench.view.original_view_changed.connect(self.mark_stale)

    def refresh(self) -> None:
        case, view = self.case, self.view
        self.which.set_value(view.original_view)
        window, frame = current_window(case, view), case.frame
        self.which.setVisible(frame is not None)
        self.window_bar.setVisible(frame is not None)
        if frame is None:
            self.canvas.set_picture(None, self.missing_frame())
            self.set_caption("", "")
            return
        prediction = clean_of(case)
        caption = verdict_text(prediction) if prediction else ""
        plan, image = plan_of(case), original_of(case)
        if view.original_view == "source":
            self.canvas.set_picture(SourcePicture(frame, window, view.invert))
            details = f"{frame.provenance.modality} {size_text(frame.shape)}".strip()
            self.canvas.set_outline(_crop(plan.region(frame.shape), frame.shape) if plan else None)
        else:
            self.canvas.set_outline(None)
            details = size_text(image.shape[1:]) if image is not None else ""
            if image is None or plan is None:
                self.canvas.set_picture(None, self.missing_prediction())
            else:
                self.canvas.set_picture(InputPicture(image, plan, frame, window, view.invert))
        self.set_caption(caption, details, "clean" if caption else "")

    def corner_notes(self, reading: ProbeReading | None) -> dict[str, str]:
        instance, frame = self.case.instance, self.case.frame
        place = ""
        if instance is not None and frame is not None and instance.frames > 1:
            text = self.tr("frame {0} of {1}")
            place = text.format(frame.provenance.frame + 1, instance.frames)
        return {
            "top-right": place,
            "bottom-left": source_text(reading).replace(" · ", "\n") if reading else "",
            "bottom-right": "\n".join(t for t in (self.window_note(), self.scale_note()) if t),
        }

    def _chosen(self, value: str) -> None:
        self.view.set_original_view(value)


def _crop(
    region: tuple[float, float, float, float], shape: tuple[int, int]
) -> tuple[float, float, float, float] | None:
    """The region where it differs from the whole frame by half a pixel or more."""
    top, left, height, width = region
    whole = max(abs(top), abs(left), abs(height - shape[0]), abs(width - shape[1])) < 0.5
    return None if whole else region
