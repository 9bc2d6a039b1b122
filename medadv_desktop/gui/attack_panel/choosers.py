"""Which model is attacked, and what the image truly shows."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QStandardItem, QStandardItemModel
from PySide6.QtWidgets import (
    QComboBox,
    QFormLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.forms import ignore_wheel
from medadv_desktop.gui.theme import MEDIUM, SMALL
from medadv_desktop.models.card import ModelCard
from medadv_desktop.models.library import LibraryEntry

LONGEST_LABEL = "Second model "


def let_grow(box: QComboBox) -> None:
    """As wide as the panel, however long its entries are; the wheel scrolls the panel."""
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(10)
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    box.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    ignore_wheel(box)


def rows() -> QFormLayout:
    """Label and chooser side by side; the columns of all parts of the panel stand in line."""
    result = _Rows()
    result.setContentsMargins(0, 0, 0, 0)
    result.setHorizontalSpacing(MEDIUM)
    result.setVerticalSpacing(SMALL + 2)
    result.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
    return result


class _Rows(QFormLayout):
    def addRow(self, *parts: object) -> None:
        super().addRow(*parts)
        if len(parts) == 2 and (label := self.labelForField(parts[1])) is not None:
            label.setMinimumWidth(label.fontMetrics().horizontalAdvance(LONGEST_LABEL))


class ModelChooser(QComboBox):
    """The models there are, by name.

    Signals:
        chosen: the id or path of another model, "" for none; only when a user chose it.
    """

    chosen = Signal(str)

    def __init__(self, bench: Workbench, none_text: str, name: str, tip: str) -> None:
        super().__init__()
        self._controller = bench.controller
        self._none_text = none_text
        self._current = ""
        self.setAccessibleName(name)
        self.setToolTip(tip)
        let_grow(self)
        self.activated.connect(lambda: self.chosen.emit(self.currentData()))
        self.fill()
        bench.controller.models_changed.connect(self.fill)

    def show_model(self, model: str) -> None:
        """Show the model that is chosen now."""
        self._current = model
        if self.findData(model) < 0:
            self.fill()
        self.setCurrentIndex(self.findData(model))

    def fill(self) -> None:
        """List what there is; cards that cannot be used are shown with their reason."""
        items = QStandardItemModel(self)
        items.appendRow(_item(self._none_text, ""))
        for entry in self._controller.models:
            if isinstance(entry, LibraryEntry):
                reference = self._controller.reference(entry)
                tip = "\n".join(t for t in (entry.card.summary, str(entry.path)) if t)
                items.appendRow(_item(entry.card.name, reference, tip))
            else:
                broken = _item(entry.path.name, None, entry.reason)
                broken.setEnabled(False)
                items.appendRow(broken)
        self.setModel(items)
        if self._current and self.findData(self._current) < 0:
            items.appendRow(_item(self._current, self._current))
        self.setCurrentIndex(self.findData(self._current))


class LabelChooser(QWidget):
    """What the image truly shows, where somebody knows.

    Signals:
        changed: a user chose other labels, or that they are unknown.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._card: ModelCard | None = None
        self.choice = QComboBox()
        self.choice.setAccessibleName(self.tr("True label"))
        self.choice.setToolTip(
            self.tr(
                "What the image truly shows. Where nobody knows, the attack works against what "
                "the model says of the clean image, and results say so."
            )
        )
        let_grow(self.choice)
        self.findings = _FindingList()
        self.findings.setAccessibleName(self.tr("Findings that are truly present"))
        self.findings.setToolTip(self.tr("Tick the findings that are truly present"))
        self.hint = QLabel()
        self.hint.setWordWrap(True)
        self.hint.setProperty("role", "muted")
        self.choice.activated.connect(self._edited)
        self.findings.itemChanged.connect(self._edited)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SMALL)
        for widget in (self.choice, self.findings, self.hint):
            layout.addWidget(widget)
        self.show_labels(None, None)

    def labels(self) -> tuple[int, ...] | None:
        """The labels chosen, None where they are unknown."""
        known = self.choice.currentData()
        if known is None or self._card is None:
            return None
        return self.findings.states() if self._card.multi_label else (known,)

    def show_labels(self, card: ModelCard | None, labels: tuple[int, ...] | None) -> None:
        """Show labels in the words of a model. `changed` is not emitted."""
        if card is not self._card or not self.choice.count():
            self._card = card
            self._offer(card)
        multi = card is not None and card.multi_label
        self.findings.blockSignals(True)
        self.findings.set_states(labels or ())
        self.findings.blockSignals(False)
        known = labels is not None and card is not None
        wanted = (0 if multi else labels[0]) if known else None
        self.choice.setCurrentIndex(max(self.choice.findData(wanted), 0))
        self._show_hint()

    def _offer(self, card: ModelCard | None) -> None:
        self.choice.clear()
        self.choice.addItem(self.tr("Unknown"), None)
        names = () if card is None else card.classes
        if card is not None and card.multi_label:
            self.choice.addItem(self.tr("Known: the findings ticked"), 0)
        else:
            for index, name in enumerate(names):
                self.choice.addItem(name, index)
        self.choice.setEnabled(card is not None)
        self.findings.blockSignals(True)
        self.findings.offer(names if card is not None and card.multi_label else ())
        self.findings.blockSignals(False)

    def _edited(self) -> None:
        self._show_hint()
        self.changed.emit()

    def _show_hint(self) -> None:
        unknown = self.choice.currentData() is None
        self.findings.setVisible(not unknown and self.findings.count() > 0)
        self.hint.setVisible(unknown)
        self.hint.setText(self.tr("The clean prediction is the reference."))


class _FindingList(QListWidget):
    """Findings with a tick each."""

    def __init__(self) -> None:
        super().__init__()
        self.setSelectionMode(QListWidget.SelectionMode.NoSelection)
        self.setUniformItemSizes(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        rows = min(max(self.count(), 2), 7)
        height = rows * (self.sizeHintForRow(0) if self.count() else 18) + 2 * self.frameWidth()
        return QSize(super().sizeHint().width(), height)

    def offer(self, names: tuple[str, ...]) -> None:
        self.clear()
        for name in names:
            item = QListWidgetItem(name, self)
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Unchecked)
        self.updateGeometry()

    def states(self) -> tuple[int, ...]:
        checked = Qt.CheckState.Checked
        return tuple(int(self.item(i).checkState() == checked) for i in range(self.count()))

    def set_states(self, states: tuple[int, ...]) -> None:
        for i in range(self.count()):
            on = i < len(states) and states[i] == 1
            self.item(i).setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)


def _item(text: str, data: str | None, tip: str = "") -> QStandardItem:
    item = QStandardItem(text)
    item.setData(data, Qt.ItemDataRole.UserRole)
    item.setToolTip(tip)
    return item
