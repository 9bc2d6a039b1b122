"""How the file becomes the model's input: every number, in a window that can stay open."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.state.case import Case
from medadv_desktop.gui.theme import LARGE, MEDIUM, SMALL, font
from medadv_desktop.gui.viewers.showing import plan_of
from medadv_desktop.gui.viewers.wording import number, size_text, translate
from medadv_desktop.imaging.frame import Frame
from medadv_desktop.models.card import ModelCard
from medadv_desktop.models.input_plan import InputPlan


@dataclass(frozen=True)
class Section:
    """The way to one model.

    Attributes:
        title: the model's name.
        rows: label and value of each step, in the order in which they are carried out.
        notes: what the file made necessary.
    """

    title: str
    rows: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]

    def plain(self) -> str:
        """What is copied."""
        lines = [self.title, *(f"{label}: {value}" for label, value in self.rows)]
        return "\n".join([*lines, *(f"- {note}" for note in self.notes)])


def sections_of(case: Case) -> tuple[Section, ...]:
    """The ways to the attacked and the second model, as far as they are known."""
    frame, plan = case.frame, plan_of(case)
    if frame is None or plan is None:
        return ()
    found = [_section(case.loaded.card if case.loaded else None, plan, frame)]
    second = case.second_prediction
    if second is not None:
        found.append(_section(second.prediction.card, second.plan, frame))
    return tuple(found)


def _section(card: ModelCard | None, plan: InputPlan, frame: Frame) -> Section:
    channels = translate("Viewers", "colour") if frame.is_color else translate("Viewers", "grey")
    source = translate("Viewers", "{0}, {1}, {2} bit").format(
        size_text(frame.shape), channels, frame.bits_stored
    )
    rows = [(translate("Viewers", "File"), source), *plan.describe()]
    top, left, height, width = plan.region(frame.shape)
    seen = translate("Viewers", "rows {0} to {1}, columns {2} to {3} of the file").format(
        *(number(value, 1) for value in (top, top + height, left, left + width))
    )
    rows.append((translate("Viewers", "Part seen"), seen))
    if card is not None:
        rows.append((translate("Viewers", "Inside the model"), _normalisation(card)))
    title = card.name if card is not None else translate("Viewers", "Model")
    return Section(title, tuple(rows), plan.notes)


def _normalisation(card: ModelCard) -> str:
    mean, std = (", ".join(f"{v:g}" for v in values) for values in (card.mean, card.std))
    return translate("Viewers", "minus mean ({0}), over standard deviation ({1})").format(mean, std)


class InputSteps(QWidget):
    """The sections, one below the other; follows the case."""

    def __init__(self, bench: Workbench, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._case = bench.case
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(LARGE, LARGE, LARGE, LARGE)
        self._layout.setSpacing(MEDIUM)
        self._block = QWidget()
        self._layout.addWidget(self._block)
        self._layout.addStretch(1)
        self.sections: tuple[Section, ...] = ()
        for changed in (
            bench.case.frame_changed,
            bench.case.model_changed,
            bench.case.prediction_changed,
            bench.case.second_prediction_changed,
            bench.case.outcome_changed,
        ):
            changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show what is known now."""
        self.sections = sections_of(self._case)
        block = QWidget()
        column = QVBoxLayout(block)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(MEDIUM)
        if not self.sections:
            column.addWidget(_words(self.tr("Open an image and choose a model first."), "muted"))
        for section in self.sections:
            self._add(column, section)
        self._layout.replaceWidget(self._block, block)
        self._block.hide()
        self._block.deleteLater()
        self._block = block

    def _add(self, column: QVBoxLayout, section: Section) -> None:
        title = _words(section.title)
        title.setFont(font("strong"))
        column.addWidget(title)
        form = QFormLayout()
        form.setHorizontalSpacing(LARGE)
        form.setVerticalSpacing(SMALL)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.DontWrapRows)
        for step, (label, value) in enumerate(section.rows):
            name = _words(f"{step}  {label}" if step else label, "muted")
            name.setWordWrap(False)
            form.addRow(name, _words(value))
        column.addLayout(form)
        for note in section.notes:
            column.addWidget(_words(note, "warning"))


class InputStepsDialog(QDialog):
    """Stays open beside the viewers until it is closed."""

    def __init__(self, bench: Workbench, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("From the file to the model's input"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.steps = InputSteps(bench)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setWidget(self.steps)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        copy = buttons.addButton(self.tr("Copy"), QDialogButtonBox.ButtonRole.ActionRole)
        copy.setToolTip(self.tr("Copy all steps and notes as text"))
        copy.clicked.connect(self.copy)
        copy.setAutoDefault(False)
        buttons.rejected.connect(self.close)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, MEDIUM)
        layout.addWidget(area, 1)
        foot = QVBoxLayout()
        foot.setContentsMargins(LARGE, 0, LARGE, 0)
        foot.addWidget(buttons)
        layout.addLayout(foot)

    def sizeHint(self) -> QSize:
        return QSize(560, 420)

    def copy(self) -> None:
        text = "\n\n".join(section.plain() for section in self.steps.sections)
        QGuiApplication.clipboard().setText(text)


def _words(text: str, role: str = "") -> QLabel:
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    if role:
        label.setProperty("role", role)
    return label
