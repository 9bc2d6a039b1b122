"""Back and forth along the way that the attack took."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QSlider, QWidget

from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.state.attack_trail import Still
from medadv_desktop.gui.theme import SMALL, font


class TrailSlider(QWidget):
    """A slider over the steps that were kept; its right end is the newest step, or the result.

    Not there while there is nothing to go back to.
    """

    def __init__(self, bench: Workbench, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._case, self._trail = bench.case, bench.case.trail
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setMinimumWidth(56)
        self.slider.setAccessibleName(self.tr("Step of the attack"))
        self.place = QLabel()
        self.place.setFont(font("numbers"))
        self.place.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        tip = self.tr(
            "Go along the steps of the attack; the right end is the newest step, then the result"
        )
        self.slider.setToolTip(tip)
        self.place.setToolTip(tip)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SMALL)
        layout.addWidget(self.slider, 1)
        layout.addWidget(self.place)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.slider.valueChanged.connect(self._go)
        self._trail.changed.connect(self._show)
        self._case.preview_changed.connect(self._show)
        self._case.outcome_changed.connect(self._show)
        self._show()

    def _show(self) -> None:
        case, frames = self._case, self._trail.frames
        running = case.preview is not None
        belongs = running or (case.outcome is not None and self._trail.outcome is case.outcome)
        still = case.still
        elsewhere = still is not None and still.tried is not None
        self.setVisible(belongs and len(frames) > 1 and not elsewhere)
        end = len(frames) - 1 if running else len(frames)
        place = end
        if still is not None and still.tried is None:
            shown = [f.adversarial is still.adversarial for f in frames]
            place = shown.index(True) if True in shown else self.slider.value()
        self.slider.blockSignals(True)
        self.slider.setRange(0, max(end, 0))
        self.slider.setPageStep(max(end // 10, 1))
        self.slider.setValue(min(place, end))
        self.slider.blockSignals(False)
        self._say(running)

    def _say(self, running: bool) -> None:
        frames, still = self._trail.frames, self._case.still
        steps = frames[-1].steps if frames else 0
        if still is not None and still.tried is None:
            text = f"{still.step} / {still.steps}"
        elif running:
            text = f"{frames[-1].step} / {steps}" if frames else ""
        else:
            text = self.tr("result")
        metrics = self.place.fontMetrics()
        widest = max(f"{steps} / {steps}", self.tr("result"), key=metrics.horizontalAdvance)
        self.place.setMinimumWidth(metrics.horizontalAdvance(widest) + SMALL)
        self.place.setText(text)

    def _go(self, place: int) -> None:
        frames = self._trail.frames
        if place >= self.slider.maximum() or place >= len(frames):
            self._case.set_still(None)
            return
        frame = frames[place]
        self._case.set_still(Still(frame.adversarial, frame.step, frame.steps))
