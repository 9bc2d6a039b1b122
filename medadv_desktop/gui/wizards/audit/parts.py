"""What the pages of the audit wizard are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QFrame,
    QHeaderView,
    QLabel,
    QLineEdit,
    QScrollArea,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from medadv_desktop.errors import SettingsError
from medadv_desktop.gui.forms import SettingsForm
from medadv_desktop.gui.lists import RoomyRows, dress
from medadv_desktop.gui.theme import MEDIUM, SMALL, Theme, font
from medadv_desktop.settings import Settings, fields_of, parse

KEY = Qt.ItemDataRole.UserRole
ON, OFF, PART = (
    Qt.CheckState.Checked,
    Qt.CheckState.Unchecked,
    Qt.CheckState.PartiallyChecked,
)


class Ticks(QTreeWidget):
    """Rows of a table with a tick each.

    Signals:
        ticked: a row was ticked or its tick taken away, by hand: its key, and which.
    """

    ticked = Signal(str, bool)

    def __init__(self, theme: Theme, name: str, headings: Sequence[str]) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setHeaderLabels(list(headings))
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(True)
        self.setAlternatingRowColors(False)
        self.setAllColumnsShowFocus(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        header = self.header()
        header.setStretchLastSection(True)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        dress(self, theme)
        self.setItemDelegate(RoomyRows(self))
        self.itemChanged.connect(self._changed)

    def add(self, key: str, texts: Sequence[str], on: bool, *, tip: str = "", why_not: str = ""):
        """A row; `why_not` says why it cannot be ticked."""
        item = QTreeWidgetItem(list(texts))
        item.setData(0, KEY, key)
        item.setCheckState(0, ON if on else OFF)
        for column in range(len(texts)):
            item.setToolTip(column, why_not or tip)
        if why_not:
            item.setDisabled(True)
        self.blockSignals(True)
        self.addTopLevelItem(item)
        self.blockSignals(False)
        return item

    def refill(self) -> None:
        """Take all rows away, without a word."""
        self.blockSignals(True)
        self.clear()
        self.blockSignals(False)

    def show_ticks(self, keys: Sequence[str]) -> None:
        """Tick these rows and no others, without a word."""
        self.blockSignals(True)
        for item in self.items():
            item.setCheckState(0, ON if item.data(0, KEY) in keys else OFF)
        self.blockSignals(False)

    def items(self) -> list[QTreeWidgetItem]:
        return [self.topLevelItem(row) for row in range(self.topLevelItemCount())]

    def item(self, key: str) -> QTreeWidgetItem | None:
        return next((i for i in self.items() if i.data(0, KEY) == key), None)

    @property
    def current(self) -> str:
        """The key of the row at hand, "" for none."""
        item = self.currentItem()
        return "" if item is None else str(item.data(0, KEY))

    def _changed(self, item: QTreeWidgetItem, column: int) -> None:
        if column == 0:
            self.ticked.emit(str(item.data(0, KEY)), item.checkState(0) is ON)


class NamedTicks(QWidget):
    """Several of a few names, each with a tick under the other; none ticked means all.

    Signals:
        edited: by hand.
    """

    edited = Signal()

    def __init__(self, all_text: str) -> None:
        super().__init__()
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(SMALL)
        self.all = QCheckBox(all_text)
        self.all.clicked.connect(self._all_clicked)
        self._column.addWidget(self.all)
        self.boxes: dict[str, QCheckBox] = {}

    def show_names(self, names: Sequence[str], chosen: Sequence[str]) -> None:
        """Offer names; () chosen means all of them."""
        if tuple(names) != tuple(self.boxes):
            for box in self.boxes.values():
                self._column.removeWidget(box)
                box.hide()
                box.deleteLater()
            self.boxes = {}
            for name in names:
                box = QCheckBox(name)
                box.clicked.connect(self._clicked)
                self._column.addWidget(box)
                self.boxes[name] = box
        self.all.setChecked(not chosen)
        for name, box in self.boxes.items():
            box.setChecked(not chosen or name in chosen)

    def chosen(self) -> list[str]:
        """The names ticked; [] for all."""
        found = [name for name, box in self.boxes.items() if box.isChecked()]
        return [] if len(found) in (0, len(self.boxes)) else found

    def _all_clicked(self) -> None:
        self.show_names(tuple(self.boxes), ())
        self.edited.emit()

    def _clicked(self) -> None:
        chosen = self.chosen()
        self.show_names(tuple(self.boxes), chosen)
        self.edited.emit()


class Words(QLineEdit):
    """A list written with commas.

    Signals:
        typed: by hand.
    """

    typed = Signal()

    def __init__(self, name: str, tip: str, placeholder: str = "") -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setToolTip(tip)
        self.setPlaceholderText(placeholder)
        self.textEdited.connect(self.typed)

    def words(self) -> list[str]:
        return [word.strip() for word in self.text().split(",") if word.strip()]

    def show_words(self, words: Sequence[object]) -> None:
        """Show words, unless they stand there already, however they are written."""
        wanted = [str(word) for word in words]
        if self.words() != wanted:
            self.setText(", ".join(wanted))
            self.setCursorPosition(0)


def heading(text: str) -> QLabel:
    """A title within a page."""
    label = QLabel(text)
    label.setFont(font("strong"))
    return label


def scrolled(content: QWidget, name: str) -> QScrollArea:
    """A widget that may be higher than its place."""
    area = QScrollArea()
    area.setWidget(content)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setAccessibleName(name)
    return area


def column(*widgets: QWidget, spacing: int = MEDIUM) -> QWidget:
    """Widgets under each other, and free space below."""
    holder = QWidget()
    layout = QVBoxLayout(holder)
    layout.setContentsMargins(0, 0, MEDIUM, 0)
    layout.setSpacing(spacing)
    for widget in widgets:
        layout.addWidget(widget)
    layout.addStretch(1)
    return holder


def show_values(form: SettingsForm, kind: type[Settings], values: Mapping[str, object]) -> None:
    """Show values of a settings class, valid or not, unless the form comes to the same already."""
    wanted = {f.name: f.default for f in fields_of(kind) if f.default is not ...} | dict(values)
    try:
        if form.holds(parse(kind, wanted)):
            return
    except SettingsError:
        if form.values() == wanted:
            return
    form.blockSignals(True)
    form.set_values(wanted)
    form.blockSignals(False)


def said_by(form: SettingsForm) -> dict[str, object]:
    """What a form says as a plan writes it: without defaults; as it was typed where it is wrong."""
    if form.is_valid():
        return form.value().model_dump(mode="json", exclude_defaults=True)
    return {name: value for name, value in form.values().items() if value is not None}
