"""Forms made from the fields of a settings class: the same description as options and plans."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import QCoreApplication, QEvent, QLocale, QObject, QSize, Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from medadv_desktop.errors import SettingsError
from medadv_desktop.gui.theme import MEDIUM, SMALL, TINY
from medadv_desktop.settings import (
    Field,
    Settings,
    allowed,
    fields_of,
    format_pixel_fraction,
    parse,
)

Names = Mapping[str, Sequence[str]]
"""Names for fields that hold an index (or indices) into them: classes, findings."""

_LARGEST_INT = 2**31 - 1


class SettingsForm(QWidget):
    """One row for each field of a settings class, checked while it is typed.

    Signals:
        changed: a field was edited; the form may or may not be valid.
    """

    changed = Signal()

    def __init__(
        self,
        settings: type[Settings],
        names: Names | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._settings = settings
        self._rows: dict[str, _Row] = {}
        layout = QFormLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setHorizontalSpacing(MEDIUM)
        layout.setVerticalSpacing(SMALL + TINY)
        layout.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        layout.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        for field in fields_of(settings):
            row = _Row(field, tuple((names or {}).get(field.name, ())))
            row.edited.connect(self._edited)
            layout.addRow(row.label, row)
            self._rows[field.name] = row
        self._general = _error_label()
        layout.addRow(self._general)
        self._check()

    def values(self) -> dict[str, object]:
        """What stands in the form, unchecked; fields left to "automatic" are None."""
        return {name: row.editor.value() for name, row in self._rows.items()}

    def value(self) -> Settings:
        """The settings that stand in the form.

        Raises:
            SettingsError: names the first field whose value is refused.
        """
        return parse(self._settings, self.values())

    def set_value(self, settings: Settings) -> None:
        """Show `settings`. `changed` is emitted once, if anything differs from before."""
        before = self.values()
        for name, row in self._rows.items():
            row.editor.blockSignals(True)
            row.editor.set_value(getattr(settings, name))
            row.editor.blockSignals(False)
        self._check()
        if self.values() != before:
            self.changed.emit()

    def is_valid(self) -> bool:
        try:
            self.value()
        except SettingsError:
            return False
        return True

    def editor(self, name: str) -> QWidget:
        """The widget that edits a field."""
        return self._rows[name].editor

    def error_of(self, name: str) -> str:
        """What is shown as wrong under a field, "" for nothing."""
        return self._rows[name].error.text()

    def _edited(self) -> None:
        self._check()
        self.changed.emit()

    def _check(self) -> None:
        subject, message = "", ""
        try:
            self.value()
        except SettingsError as error:
            subject = error.subject
            # The value stands right above, and what is allowed in the tooltip.
            message = error.reason.partition(" is refused: ")[2] or error.reason
            message = message[:1].upper() + message[1:]
        for name, row in self._rows.items():
            row.show_error(message if name == subject else "")
        general = message if subject not in self._rows else ""
        self._general.setText(general)
        self._general.setVisible(bool(general))


class _Row(QWidget):
    """The editor of a field with room for its error, and the label that belongs to it."""

    edited = Signal()

    def __init__(self, field: Field, names: tuple[str, ...]) -> None:
        super().__init__()
        title = QCoreApplication.translate("Settings", field.label)
        unit = QCoreApplication.translate("Settings", field.unit) if field.unit else ""
        self.label = QLabel(f"{title} ({unit})" if unit else title)
        self.editor = _editor(field, names)
        self.error = _error_label()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(TINY)
        layout.addWidget(self.editor)
        layout.addWidget(self.error)
        self.setFocusProxy(self.editor)
        explanation = QCoreApplication.translate("Settings", field.help)
        span = self.tr("Allowed: {0}").format(", ".join(names) if names else allowed(field))
        tip = "\n".join(line for line in (explanation, span) if line)
        for widget in (self.label, self.editor):
            widget.setToolTip(tip)
        self.label.setBuddy(self.editor)
        self.editor.setAccessibleName(self.label.text())
        self.editor.setAccessibleDescription(explanation)
        self._explanation = explanation
        self.editor.edited.connect(self.edited)

    def show_error(self, message: str) -> None:
        if message and isinstance(self.editor, _CheckList) and not self.editor.value():
            message = self.tr("Tick at least one")
        self.error.setText(message)
        self.error.setVisible(bool(message))
        self.editor.setAccessibleDescription(message or self._explanation)


def _error_label() -> QLabel:
    label = QLabel()
    label.setProperty("role", "danger")
    label.setWordWrap(True)
    label.setVisible(False)
    return label


def _editor(field: Field, names: tuple[str, ...]) -> Any:
    if field.kind == "int_list" and names:
        return _CheckList(field, names)
    if field.choices or (field.kind == "int" and names):
        return _Choice(field, names)
    if field.kind == "bool":
        return _Check(field)
    if field.kind == "int" and not field.optional:
        return _Whole(field)
    return _Line(field)


class _Line(QLineEdit):
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


class _Whole(QSpinBox):
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
        _ignore_wheel(self)

    def value(self) -> int:
        return super().value()

    def set_value(self, value: object) -> None:
        self.setValue(int(value))  # type: ignore[call-overload]


class _Check(QCheckBox):
    edited = Signal()

    def __init__(self, field: Field) -> None:
        super().__init__()
        self.setChecked(field.default is True)
        self.toggled.connect(self.edited)

    def value(self) -> bool:
        return self.isChecked()

    def set_value(self, value: object) -> None:
        self.setChecked(bool(value))


class _Choice(QComboBox):
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
            self.addItem(QCoreApplication.translate("Settings", choice), choice)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        if field.default is not ...:
            self.set_value(field.default)
        self.currentIndexChanged.connect(self.edited)
        _ignore_wheel(self)

    def value(self) -> object:
        return self.currentData()

    def set_value(self, value: object) -> None:
        index = self.findData(value)
        self.setCurrentIndex(index if index >= 0 else self.findData(str(value)))


class _CheckList(QListWidget):
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
        height = rows * max(self.sizeHintForRow(0), 18) + 2 * self.frameWidth()
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


def _ignore_wheel(widget: QWidget) -> None:
    """Let the wheel scroll the panel past `widget`, unless it is being edited."""
    widget.installEventFilter(_WheelGuard(widget))
