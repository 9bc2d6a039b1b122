"""Asks which class of a model each class of a data set is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFrame,
    QGridLayout,
    QLabel,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from medadv_desktop.gui.labelled.matching import NONE, proposal
from medadv_desktop.gui.theme import LARGE, MEDIUM, SMALL, font
from medadv_desktop.models.card import ModelCard


class MatchDialog(QDialog):
    """A row for each class: what it is called in the data set, and in the model.

    Signals:
        chosen: what differs from equal names: class of the data set to class of the model.
    """

    chosen = Signal(object)

    def __init__(
        self,
        dataset: str,
        classes: Sequence[str],
        card: ModelCard,
        said: Mapping[str, str],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Match classes"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._card = card
        self.boxes: dict[str, QComboBox] = {}
        text = QLabel(
            self.tr(
                "Which class of {model} is each class of {dataset}? Equal names match by "
                "themselves. A class without a match has no true label for this model: its "
                "samples cannot be judged right or wrong."
            ).format(model=card.name, dataset=dataset)
        )
        text.setWordWrap(True)
        holder = QWidget()
        grid = QGridLayout(holder)
        grid.setContentsMargins(0, 0, MEDIUM, 0)
        grid.setHorizontalSpacing(LARGE)
        grid.setVerticalSpacing(SMALL + 2)
        grid.setColumnStretch(0, 1)
        grid.setColumnStretch(1, 1)
        for column, name in enumerate((self.tr("Data set"), self.tr("Model"))):
            head = QLabel(name)
            head.setFont(font("strong"))
            grid.addWidget(head, 0, column)
        for row, name in enumerate(classes, start=1):
            self._add_row(grid, row, name, said)
        grid.setRowStretch(len(classes) + 1, 1)
        scroll = QScrollArea()
        scroll.setWidget(holder)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        use = buttons.addButton(self.tr("Use these"), QDialogButtonBox.ButtonRole.AcceptRole)
        use.setDefault(True)
        buttons.accepted.connect(self._accept)
        buttons.rejected.connect(self.reject)
        block = QVBoxLayout(self)
        block.setContentsMargins(LARGE, LARGE, LARGE, LARGE)
        block.setSpacing(MEDIUM)
        block.addWidget(text)
        block.addWidget(scroll, 1)
        block.addWidget(buttons)

    def sizeHint(self) -> QSize:
        return QSize(560, min(220 + 32 * len(self.boxes), 560))

    def matches(self) -> dict[str, str]:
        """What differs from equal names."""
        return {
            name: box.currentData()
            for name, box in self.boxes.items()
            if box.currentData() != (name if name in self._card.classes else NONE)
        }

    def _add_row(self, grid: QGridLayout, row: int, name: str, said: Mapping[str, str]) -> None:
        box = QComboBox()
        box.setAccessibleName(self.tr("Class of the model for {0}").format(name))
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.setMinimumContentsLength(14)
        box.addItem(self.tr("none"), NONE)
        for target in self._card.classes:
            box.addItem(target, target)
        equal = name if name in self._card.classes else NONE
        chosen = said.get(name, equal)
        note = ""
        if not chosen and name not in said and (proposed := proposal(name, self._card)):
            chosen = proposed
            note = self.tr("proposed: the same but for case, space or punctuation")
        box.setCurrentIndex(max(box.findData(chosen), 0))
        label = QLabel(name)
        label.setWordWrap(True)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setBuddy(box)
        grid.addWidget(label, row, 0)
        cell = QVBoxLayout()
        cell.setSpacing(0)
        cell.addWidget(box)
        if note:
            words = QLabel(note)
            words.setProperty("role", "warning")
            words.setFont(font("small"))
            cell.addWidget(words)
        grid.addLayout(cell, row, 1)
        self.boxes[name] = box

    def _accept(self) -> None:
        self.chosen.emit(self.matches())
        self.accept()
