"""What is chosen of a data set: splits, classes, a filter, numbers."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QSizePolicy,
    QSpinBox,
    QWidget,
)

from medadv_desktop.gui.theme import MEDIUM, SMALL

_LARGEST = 2**31 - 1
_ROWS = 5


class Ticks(QListWidget):
    """Names with a tick each, all of them at first.

    Signals:
        edited: a user ticked otherwise.
    """

    edited = Signal()

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setSelectionMode(QListWidget.SelectionMode.NoSelection)
        self.setUniformItemSizes(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setSpacing(1)
        self.itemChanged.connect(lambda _: self.edited.emit())

    def offer(self, names: Sequence[str]) -> None:
        """Offer names; those that were offered before keep their tick."""
        off = {
            self.item(i).text()
            for i in range(self.count())
            if self.item(i).checkState() != Qt.CheckState.Checked
        }
        self.blockSignals(True)
        self.clear()
        for name in names:
            item = QListWidgetItem(name, self)
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable)
            on = name not in off
            item.setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)
        self.blockSignals(False)
        self.updateGeometry()

    def ticked(self) -> tuple[str, ...]:
        items = (self.item(i) for i in range(self.count()))
        return tuple(i.text() for i in items if i.checkState() == Qt.CheckState.Checked)

    def set_ticked(self, names: Sequence[str]) -> None:
        """Tick these alone."""
        for i in range(self.count()):
            on = self.item(i).text() in names
            self.item(i).setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)

    def value(self) -> str:
        """As `Subset` writes names; "" for all."""
        ticked = self.ticked()
        return "" if len(ticked) == self.count() else "|".join(ticked)

    def sizeHint(self) -> QSize:
        rows = min(max(self.count(), 1), _ROWS)
        height = rows * (max(self.sizeHintForRow(0), 14) + 2) + 2 * self.frameWidth() + 2
        return QSize(160, height)

    def minimumSizeHint(self) -> QSize:
        return QSize(80, self.sizeHint().height())


class PartForm(QWidget):
    """Edits a `Subset`.

    Signals:
        edited: a user changed something.
    """

    edited = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.splits = Ticks(self.tr("Splits that are used"))
        self.classes = Ticks(self.tr("Classes that are used"))
        self.filter = QLineEdit()
        self.filter.setPlaceholderText(self.tr("id=ISIC_00*; patient!=17"))
        self.filter.setAccessibleName(self.tr("Filter"))
        self.filter.setToolTip(
            self.tr(
                "Conditions separated by semicolons. Columns: id, path, patient, split; * stands "
                "for anything"
            )
        )
        self.labelled = QCheckBox(self.tr("Only samples whose label is known"))
        self.per_class = _number(self.tr("At most of each class"), self.tr("all"))
        self.count = _number(self.tr("At most in all"), self.tr("all"))
        self.balanced = QCheckBox(self.tr("Draw equally from each class"))
        self.seed = QSpinBox()
        self.seed.setRange(0, _LARGEST)
        self.seed.setAccessibleName(self.tr("Seed of the draw"))
        self.seed.setToolTip(self.tr("The same seed draws the same samples"))
        self._form = QFormLayout(self)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setHorizontalSpacing(MEDIUM)
        self._form.setVerticalSpacing(SMALL)
        self._form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        for text, widget in (
            (self.tr("Splits"), self.splits),
            (self.tr("Classes"), self.classes),
            (self.tr("Filter"), self.filter),
            ("", self.labelled),
            (self.tr("Each class"), self.per_class),
            (self.tr("In all"), self.count),
            ("", self.balanced),
            (self.tr("Seed"), self.seed),
        ):
            label = QLabel(text)
            label.setBuddy(widget)
            self._form.addRow(label, widget)
        for ticks in (self.splits, self.classes):
            ticks.edited.connect(self.edited)
        for box in (self.labelled, self.balanced):
            box.toggled.connect(self.edited)
        for number in (self.per_class, self.count, self.seed):
            number.valueChanged.connect(self.edited)
        self.filter.textEdited.connect(self.edited)
        self.count.valueChanged.connect(self._enable)
        self.per_class.valueChanged.connect(self._enable)
        self._single = True

    def offer(self, splits: Sequence[str], classes: Sequence[str], *, single: bool) -> None:
        """Offer the names of a data set; draws by class need one class for each image."""
        self.splits.offer(splits)
        self.classes.offer(classes)
        self._form.setRowVisible(self.splits, bool(splits))
        self._single = single
        if not single:
            self.per_class.setValue(0)
            self.balanced.setChecked(False)
        self._enable()

    def values(self) -> dict[str, object]:
        """What differs from the defaults of `Subset`; {} for all samples."""
        values: dict[str, object] = {
            "splits": self.splits.value(),
            "classes": self.classes.value(),
            "filter": self.filter.text().strip(),
            "labelled": self.labelled.isChecked(),
            "per_class": self.per_class.value() or None,
            "count": self.count.value() or None,
        }
        said = {name: value for name, value in values.items() if value}
        if self.count.value() and self.balanced.isChecked():
            said["balanced"] = True
        if "count" in said or "per_class" in said:
            said["seed"] = self.seed.value()
        return said

    def nothing_ticked(self) -> str:
        """Which list has no tick at all, in words; "" if none."""
        if self.splits.count() and not self.splits.ticked():
            return self.tr("Tick at least one split")
        if self.classes.count() and not self.classes.ticked():
            return self.tr("Tick at least one class")
        return ""

    def _enable(self) -> None:
        self.per_class.setEnabled(self._single)
        self.balanced.setEnabled(self._single and self.count.value() > 0)
        self.seed.setEnabled(self.count.value() > 0 or self.per_class.value() > 0)


def _number(name: str, none: str) -> QSpinBox:
    box = QSpinBox()
    box.setRange(0, _LARGEST)
    box.setSpecialValueText(none)
    box.setAccessibleName(name)
    box.setToolTip(name)
    box.setGroupSeparatorShown(True)
    return box
