"""The perturbation, signed: what was added to the model input and where."""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtWidgets import QComboBox, QWidget

from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.theme import font
from medadv_desktop.gui.viewers.controls import AmplificationSlider, SignedColorBar
from medadv_desktop.gui.viewers.measured import change_statistics
from medadv_desktop.gui.viewers.pane import Pane
from medadv_desktop.gui.viewers.pictures import SignedPicture
from medadv_desktop.gui.viewers.probe import ProbeReading
from medadv_desktop.gui.viewers.showing import (
    largest_change,
    one_channel,
    padding_of,
    perturbation_of,
    plan_of,
)
from medadv_desktop.gui.viewers.wording import amount_255, delta_text, translate
from medadv_desktop.imaging.measuring import Region, RegionStatistics


class PerturbationPane(Pane):
    def __init__(self, bench: Workbench, parent: QWidget | None = None) -> None:
        super().__init__(bench, translate("Docks", "Perturbation"), parent)
        self.no_image = self.tr("What an attack adds to the image appears here.")
        self.channel = QComboBox()
        for value, text in (
            ("mean", self.tr("Mean")),
            ("0", self.tr("Red")),
            ("1", self.tr("Green")),
            ("2", self.tr("Blue")),
            ("largest", self.tr("Largest")),
        ):
            self.channel.addItem(text, value)
        tip = self.tr("Channel of the perturbation; largest: in each pixel the strongest one")
        self.channel.setToolTip(tip)
        self.channel.setAccessibleName(self.tr("Channel of the perturbation"))
        self.channel.setFont(font("small"))
        self.channel.setVisible(False)
        self.channel.activated.connect(lambda: bench.view.set_channel(self.channel.currentData()))
        self.head.addWidget(self.channel)
        self.bar = SignedColorBar(bench.theme)
        self.bar.setVisible(False)
        self.slider = AmplificationSlider(bench.view)
        self.foot.addWidget(self.bar, 3)
        self.foot.addWidget(self.slider, 2)
        bench.view.amplification_changed.connect(self.mark_stale)
        bench.view.channel_changed.connect(self.mark_stale)

    def refresh(self) -> None:
        case, view = self.case, self.view
        perturbation, plan = perturbation_of(case), plan_of(case)
        self.slider.setVisible(perturbation is not None)
        if case.frame is None or perturbation is None or plan is None:
            self.canvas.set_picture(None, self.missing_attack())
            self.set_caption("", "")
            self.bar.set_limit(None, False)
            self.channel.setVisible(False)
            return
        largest = largest_change(perturbation, padding_of(plan, case.frame))
        limit = color_limit(largest, view.amplification)
        shown = one_channel(perturbation, view.channel)
        self.channel.setVisible(len(perturbation) > 1)
        self.channel.setCurrentIndex(max(self.channel.findData(view.channel), 0))
        self.canvas.set_picture(SignedPicture(shown, plan.region(case.frame.shape), limit))
        self.bar.set_limit(limit, clipped=float(np.abs(shown).max()) > limit + 1e-6)
        self.set_caption(self.tr("Largest |δ| {0}").format(amount_255(largest)), "")

    def statistics(self, region: Region) -> RegionStatistics | None:
        perturbation, plan = perturbation_of(self.case), plan_of(self.case)
        if perturbation is None or plan is None or self.case.frame is None:
            return None
        shown = one_channel(perturbation, self.view.channel)
        return change_statistics(shown, plan, self.case.frame, region)

    def corner_notes(self, reading: ProbeReading | None) -> dict[str, str]:
        return {
            "bottom-left": delta_text(reading) if reading else "",
            "bottom-right": self.scale_note(),
        }


def color_limit(largest: float, amplification: float) -> float:
    """Where the colour scale ends: the largest |δ| up to the next 0.1/255, over amplification.

    A perturbation of nothing but zeros gets a scale of ±1/255.
    """
    if largest == 0:
        return 1 / 255 / amplification
    return math.ceil(round(largest * 2550, 3)) / 2550 / amplification
