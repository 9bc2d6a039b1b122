"""The widgets that edit one field of a settings class each.

All of them have `value`, `set_value` and the signal `edited`.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from PySide6.QtCore import QCoreApplication, QEvent, QLocale, QObject, QSize, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QWidget,
)

from medadv_desktop.gui.theme import SMALL
from medadv_desktop.settings import Field, format_pixel_fraction

_LARGEST_INT = 2**31 - 1

SPOKEN = {"linf": "L∞", "l2": "L2", "l1": "L1", "l0": "L0"}
"""Choices that people write otherwise than programs."""


def editor_for(field: Field, names: tuple[str, ...]) -> Any:
    """The widget that fits a field; `names` are those of the indices that it holds."""
    if field.kind == "int_list" and names:
        return CheckList(field, names)
    if field.choices or (field.kind == "int" and names):
        return Choice(field, names)
    if field.kind == "bool":
        return Check(field)
    if field.kind == "file":
        return FileLine(field)
    if field.kind == "int" and not field.optional:
        return Whole(field)
    return Line(field)


class Line(QLineEdit):
    """Numbers and lists as text: quotients, the comma of the locale, nothing for automatic."""

    edited = Signal()

    def __init__(self, field: Field) -> None:
        super().__init__()
        self._field = field
        self._shown: tuple[str, object] = ("", None)
        if field.optional:
            self.setPlaceholderText(self.tr("automatic"))
        self.set_value(None if field.default is ... else field.default)
        self.textChanged.connect(self.edited)

    def value(self) -> object:
        if self.text() == self._shown[0] and self._shown[1] is not None:
            return self._shown[1]  # the text may be rounded, the value it was made from is not
        text = self.text().strip()
        if self._field.kind == "text":
            return text
        if not text:
            return None if self._field.optional else text
        if self._field.kind == "int_list":
            return tuple(part.strip() for part in text.split(","))
        if self.locale().decimalPoint() != ".":
            text = text.replace(self.locale().decimalPoint(), ".")
        return text

    def set_value(self, value: object) -> None:
        self._shown = (self._text(value), value)
        self.setText(self._shown[0])

    def _text(self, value: object) -> str:
        if value is None:
            return ""
        if isinstance(value, float):
            if self._field.kind == "pixel_fraction":
                return format_pixel_fraction(value)
            return self.locale().toString(float(value), "g", QLocale.FloatingPointShortest)
        if isinstance(value, tuple):
            return ", ".join(str(v) for v in value)
        return str(value)


class FileLine(QWidget):
    """A file: typed, dropped, or chosen in a dialog."""

    edited = Signal()

    def __init__(self, field: Field) -> None:
        super().__init__()
        self._suffixes = field.suffixes
        self.line = QLineEdit(str(field.default or ""))
        self.line.setPlaceholderText(self.tr("drop a file here"))
        self.line.setAcceptDrops(False)  # it would take the address as text
        self.line.textChanged.connect(self.edited)
        self.browse = QPushButton(self.tr("Browse…"))
        self.browse.setAutoDefault(False)
        self.browse.setToolTip(self.tr("Choose the file"))
        self.browse.setAccessibleName(self.tr("Choose the file"))
        self.browse.clicked.connect(self._ask)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SMALL)
        layout.addWidget(self.line, 1)
        layout.addWidget(self.browse)
        self.setFocusProxy(self.line)
        self.setAcceptDrops(True)

    def stops(self) -> list[QWidget]:
        """Where the tab key halts."""
        return [self.line, self.browse]

    def text(self) -> str:
        return self.line.text()

    def value(self) -> str:
        return self.line.text().strip()

    def set_value(self, value: object) -> None:
        self.line.setText(str(value or ""))

    def setAccessibleName(self, name: str) -> None:
        super().setAccessibleName(name)
        self.line.setAccessibleName(name)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if self._dropped(event) is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        path = self._dropped(event)
        if path is not None:
            event.acceptProposedAction()
            self.line.setText(str(path))

    def _dropped(self, event: QDropEvent) -> Path | None:
        urls = event.mimeData().urls() if event.mimeData().hasUrls() else []
        if len(urls) != 1 or not urls[0].isLocalFile():
            return None
        path = Path(urls[0].toLocalFile())
        fits = not self._suffixes or path.suffix.lower() in self._suffixes
        return path if fits else None

    def _ask(self) -> None:
        dialog = QFileDialog(self, self.tr("Choose the file"), self.value())
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        if self._suffixes:
            endings = " ".join(f"*{suffix}" for suffix in self._suffixes)
            dialog.setNameFilters(
                [self.tr("Files that fit ({0})").format(endings), self.tr("All files (*)")]
            )
        dialog.fileSelected.connect(self.line.setText)
        dialog.open()


class Whole(QSpinBox):
    """A whole number. Ignores the wheel unless it has the focus, so that scrolling is safe."""

    edited = Signal()

    def __init__(self, field: Field) -> None:
        super().__init__()
        least = -_LARGEST_INT if field.minimum is None else math.ceil(field.minimum)
        if field.exclusive_minimum and least == field.minimum:
            least += 1
        most = _LARGEST_INT if field.maximum is None else math.floor(field.maximum)
        self.setRange(max(least, -_LARGEST_INT), min(most, _LARGEST_INT))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        if field.default is not ...:
            self.setValue(field.default)
        self.valueChanged.connect(self.edited)
        ignore_wheel(self)

    def value(self) -> int:
        return super().value()

    def set_value(self, value: object) -> None:
        self.setValue(int(value))  # type: ignore[call-overload]


class Check(QCheckBox):
    """Yes or no."""

    edited = Signal()

    def __init__(self, field: Field) -> None:
        super().__init__()
        self.setChecked(field.default is True)
        self.toggled.connect(self.edited)

    def value(self) -> bool:
        return self.isChecked()

    def set_value(self, value: object) -> None:
        self.setChecked(bool(value))


class Choice(QComboBox):
    """One of the field's own choices, or an index shown by its name."""

    edited = Signal()

    def __init__(self, field: Field, names: tuple[str, ...]) -> None:
        super().__init__()
        if field.optional:
            self.addItem(self.tr("automatic"), None)
        if names:
            for index, name in enumerate(names):
                self.addItem(name, index)
        for choice in field.choices:
            spoken = SPOKEN.get(choice) or QCoreApplication.translate("Settings", choice)
            self.addItem(spoken, choice)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(6)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        if field.default is not ...:
            self.set_value(field.default)
        self.currentIndexChanged.connect(self.edited)
        ignore_wheel(self)

    def value(self) -> object:
        return self.currentData()

    def set_value(self, value: object) -> None:
        index = self.findData(value)
        self.setCurrentIndex(index if index >= 0 else self.findData(str(value)))


class CheckList(QListWidget):
    """Several of the names, each with a tick."""

    edited = Signal()

    def __init__(self, field: Field, names: tuple[str, ...]) -> None:
        super().__init__()
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setUniformItemSizes(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        for name in names:
            item = QListWidgetItem(name, self)
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Unchecked)
        if field.default is not ...:
            self.set_value(field.default)
        self.itemChanged.connect(self.edited)

    def sizeHint(self) -> QSize:
        rows = min(max(self.count(), 2), 7)
        height = rows * (self.sizeHintForRow(0) if self.count() else 18) + 2 * self.frameWidth()
        return QSize(super().sizeHint().width(), height)

    def minimumSizeHint(self) -> QSize:
        return QSize(80, self.sizeHint().height())

    def value(self) -> tuple[int, ...]:
        ticked = Qt.CheckState.Checked
        return tuple(i for i in range(self.count()) if self.item(i).checkState() == ticked)

    def set_value(self, value: object) -> None:
        chosen = set(value or ())  # type: ignore[call-overload]
        for i in range(self.count()):
            state = Qt.CheckState.Checked if i in chosen else Qt.CheckState.Unchecked
            self.item(i).setCheckState(state)


class _WheelGuard(QObject):
    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.Wheel and not watched.hasFocus():
            event.ignore()
            return True
        return super().eventFilter(watched, event)


def ignore_wheel(widget: QWidget) -> None:
    """Let the wheel scroll the panel past `widget`, unless it is being edited."""
    widget.installEventFilter(_WheelGuard(widget))
