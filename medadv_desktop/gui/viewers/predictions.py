"""What the models say: one sentence on the outcome, then every class or finding."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.state.attack_trail import Still
from medadv_desktop.gui.theme import MEDIUM, SMALL, TINY, font
from medadv_desktop.gui.viewers.bars import ProbabilityBars, sections_of
from medadv_desktop.gui.viewers.pane import ElidedLabel, SeriesDot
from medadv_desktop.gui.viewers.showing import clean_of
from medadv_desktop.gui.viewers.wording import (
    amount_255,
    headline,
    measures,
    number,
    reference_text,
    tried_headline,
    verdict_text,
)


class PredictionPanel(QWidget):
    """Headline, measures, reference and bars."""

    def __init__(self, bench: Workbench, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bench, self._case = bench, bench.case
        self.headline = _wrapped("")
        self.headline.setFont(font("strong"))
        self.measures = _wrapped("muted")
        self.measures.setFont(font("numbers"))
        self.reference = _wrapped("muted")
        self.legend = _Legend(bench)
        self.bars = ProbabilityBars(bench.theme)
        self.empty = _wrapped("muted")
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.empty.setMargin(MEDIUM * 2)
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, MEDIUM)
        column.setSpacing(SMALL)
        for widget in (self.headline, self.measures, self.reference, self.legend):
            column.addWidget(widget)
            widget.setContentsMargins(MEDIUM, 0, MEDIUM, 0)
        column.addSpacing(SMALL)
        column.addWidget(self.bars)
        column.addWidget(self.empty, 1)
        column.addStretch(0)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inside)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, MEDIUM, 0, 0)
        layout.addWidget(scroll)
        for changed in (
            self._case.frame_changed,
            self._case.model_changed,
            self._case.second_model_changed,
            self._case.attack_changed,
            self._case.prediction_changed,
            self._case.second_prediction_changed,
            self._case.outcome_changed,
            bench.controller.ready_to_attack_changed,
            bench.jobs.busy_changed,
        ):
            changed.connect(self._changed)
        self._still: Still | None = None
        self._case.preview_changed.connect(self._preview_changed)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._show()

    def _changed(self) -> None:
        if self.isVisible():
            self._show()

    def _preview_changed(self) -> None:
        """A preview changes nothing here; an image that is looked at instead of the result does."""
        if self._case.still is not self._still:
            self._changed()

    def _show(self) -> None:
        case = self._case
        self._still = case.still
        outcome = case.outcome
        clean = clean_of(case)
        for widget in (self.headline, self.measures, self.reference, self.legend, self.bars):
            widget.setVisible(clean is not None)
        self.empty.setVisible(clean is None)
        if clean is None:
            self.empty.setText(self._missing())
            return
        second = case.second_prediction.prediction if case.second_prediction else None
        second_clean = (outcome.second_clean if outcome else None) or second
        attacked = outcome.attacked if outcome else None
        second_attacked = outcome.second_attacked if outcome else None
        tried = case.still.tried if case.still is not None else None
        if tried is not None:
            attacked, second_attacked = tried.prediction, None
        sections = sections_of(clean, attacked, second_clean, second_attacked, case.labels)
        second_name = second_clean.card.name if second_clean else ""
        self.bars.set_sections(sections, second_name)
        self.legend.show_series(attacked is not None, second_name)
        if tried is not None:
            self._say(tried_headline(tried, clean), "warning" if tried.success else "")
            self.measures.setText(f"‖δ‖∞ {amount_255(tried.linf)} · ‖δ‖₂ {number(tried.l2)}")
            self.reference.setText(self.tr("A budget that was tried, not the result."))
        elif outcome is not None:
            self._say(headline(outcome), "warning" if outcome.success else "")
            self.measures.setText(measures(outcome))
            self.reference.setText(reference_text(outcome))
            if case.still is not None:
                self.reference.setText(self.tr("The result; steps before it are not predicted."))
        else:
            self._say(self.tr("Clean image: {0}").format(verdict_text(clean)), "")
            running = self._bench.controller.attacking
            self.measures.setText(self.tr("The attack is running…") if running else "")
            self.reference.setText(self._coming_reference())
        self.measures.setVisible(bool(self.measures.text()))
        self.reference.setVisible(bool(self.reference.text()))

    def _say(self, text: str, role: str) -> None:
        self.headline.setText(text)
        if self.headline.property("role") != role:
            self.headline.setProperty("role", role)
            self.headline.style().unpolish(self.headline)
            self.headline.style().polish(self.headline)

    def _coming_reference(self) -> str:
        if self._case.labels is not None:
            return ""
        return self.tr("No true label is known: the clean prediction is the reference.")

    def _missing(self) -> str:
        case = self._case
        if case.frame is None:
            return self.tr("Open an image to see what a model says of it.")
        if not case.model:
            return self.tr("Choose a model to see what it says of this image.")
        if self._bench.view.cine.playing:
            return self.tr("Predicted once the image stands still.")
        if self._bench.jobs.busy:
            return self.tr("The model is looking at the image…")
        return self.tr("The model gave no prediction. The log says why.")


class _Legend(QWidget):
    """Which colour is which: one line, and a second for the second model."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._theme = bench.theme
        names = ("clean", "adversarial", "second_clean", "second_adversarial")
        self._dots = {name: SeriesDot() for name in names}
        self._adversarial = _legend_label(self.tr("adversarial"))
        self._second = ElidedLabel()
        self._second.setFont(font("small"))
        self._second.setProperty("role", "muted")
        first = QHBoxLayout()
        first.addWidget(self._dots["clean"])
        first.addWidget(_legend_label(self.tr("clean")))
        first.addSpacing(MEDIUM)
        first.addWidget(self._dots["adversarial"])
        first.addWidget(self._adversarial)
        first.addStretch(1)
        self._line = QWidget()
        second = QHBoxLayout(self._line)
        second.setContentsMargins(0, 0, 0, 0)
        second.addWidget(self._dots["second_clean"])
        second.addWidget(self._dots["second_adversarial"])
        second.addWidget(self._second, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(TINY)
        for row in (first, second):
            row.setSpacing(SMALL)
        column.addLayout(first)
        column.addWidget(self._line)
        self._shown: tuple[str, ...] = ()
        bench.theme.changed.connect(self._color)

    def show_series(self, attacked: bool, second_name: str) -> None:
        """What there are bars of."""
        shown = ["clean"] + ["adversarial"] * attacked
        if second_name:
            shown += ["second_clean"] + ["second_adversarial"] * attacked
        self._shown = tuple(shown)
        self._adversarial.setVisible(attacked)
        self._line.setVisible(bool(second_name))
        self._second.setText(second_name)
        self._color()

    def _color(self) -> None:
        for name, dot in self._dots.items():
            dot.set_color(self._theme.color(name) if name in self._shown else None)


def _legend_label(text: str) -> QLabel:
    label = QLabel(text)
    label.setFont(font("small"))
    label.setProperty("role", "muted")
    return label


def _wrapped(role: str) -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setProperty("role", role)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
