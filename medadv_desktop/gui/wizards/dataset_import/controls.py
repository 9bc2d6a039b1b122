"""The controls by which a reading is corrected: one for each field of `DatasetOptions`."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QCoreApplication, QSize, Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QFormLayout,
    QFrame,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from medadv_desktop.datasets.options import DatasetOptions, written_columns
from medadv_desktop.gui.theme import MEDIUM, SMALL, font
from medadv_desktop.gui.wizards.dataset_import.work import TABLELESS, Reading
from medadv_desktop.settings import Field, fields_of, parse

NO_COLUMN = "-"
_PAUSE_MS = 350
_FIELDS = {field.name: field for field in fields_of(DatasetOptions)}
_OPTIONAL = ("patient_column", "split_column", "id_column", "frame_column")
_LISTED_FLAGS = 6


class ColumnBox(QComboBox):
    """One column of the table: guessed, a certain one, or none.

    Signals:
        edited: a user chose otherwise.
    """

    edited = Signal()

    def __init__(self, field: Field, *, optional: bool) -> None:
        super().__init__()
        self._optional = optional
        _shape(self, field)
        self.activated.connect(self.edited)

    def value(self) -> str:
        return self.currentData() or ""

    def offer(self, header: tuple[str, ...], found: str, chosen: str) -> None:
        """Offer the columns; `found` is the one in force, `chosen` what was said."""
        self.blockSignals(True)
        self.clear()
        nothing = self.tr("none")
        self.addItem(self.tr("Automatic: {0}").format(found or nothing), "")
        for name in header:
            self.addItem(name, name)
        if self._optional:
            self.addItem(self.tr("None"), NO_COLUMN)
        at = next((i for i in range(self.count()) if _same(self.itemData(i), chosen)), -1)
        if at < 0:
            self.addItem(chosen, chosen)
            at = self.count() - 1
        self.setCurrentIndex(at)
        self.blockSignals(False)


class LabelColumns(QListWidget):
    """Columns with a tick each; without a tick they are guessed.

    Signals:
        edited: a user ticked otherwise.
    """

    edited = Signal()

    def __init__(self, field: Field) -> None:
        super().__init__()
        self.setSelectionMode(QListWidget.SelectionMode.NoSelection)
        self.setUniformItemSizes(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(_label(field))
        self.setToolTip(_help(field))
        self.setSpacing(1)
        self.itemChanged.connect(lambda _: self.edited.emit())

    def value(self) -> str:
        checked = Qt.CheckState.Checked
        items = (self.item(i) for i in range(self.count()))
        return written_columns(i.text() for i in items if i.checkState() == checked)

    def offer(self, header: tuple[str, ...], chosen: tuple[str, ...]) -> None:
        self.blockSignals(True)
        self.clear()
        for name in header:
            item = QListWidgetItem(name, self)
            ticked = any(_same(name, c) for c in chosen)
            item.setCheckState(Qt.CheckState.Checked if ticked else Qt.CheckState.Unchecked)
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable)
        self.blockSignals(False)
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        rows = min(max(self.count(), 2), _LISTED_FLAGS)
        height = rows * (max(self.sizeHintForRow(0), 14) + 2) + 2 * self.frameWidth() + 2
        return QSize(super().sizeHint().width(), height)


class _Choice(QComboBox):
    edited = Signal()

    def __init__(self, field: Field) -> None:
        super().__init__()
        for choice in field.choices:
            self.addItem(QCoreApplication.translate("Settings", choice), choice)
        _shape(self, field)
        self.activated.connect(self.edited)

    def value(self) -> str:
        return self.currentData()

    def show_value(self, value: str) -> None:
        self.setCurrentIndex(self.findData(value))


class _Text(QLineEdit):
    edited = Signal()

    def __init__(self, field: Field) -> None:
        super().__init__()
        if not field.default:
            self.setPlaceholderText(self.tr("automatic"))
        self.setAccessibleName(_label(field))
        self.setToolTip(_help(field))
        self.textEdited.connect(self.edited)

    def value(self) -> str:
        return self.text().strip() or ""

    def show_value(self, value: str) -> None:
        if value != self.value():
            self.setText(value)


class ReadingControls(QScrollArea):
    """All controls that matter for a layout, in groups.

    Signals:
        edited: something was chosen or typed, and the hand has come to rest.
    """

    edited = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName(self.tr("How the data set is read"))
        self.columns = {
            "image_column": ColumnBox(_FIELDS["image_column"], optional=False),
            **{name: ColumnBox(_FIELDS[name], optional=True) for name in _OPTIONAL},
        }
        self.labels = LabelColumns(_FIELDS["label_columns"])
        self.choices = {name: _Choice(_FIELDS[name]) for name in ("task", "delimiter", "header")}
        texts = ("finding_separator", "image_folder", "encoding", "sheet")
        self.texts = {name: _Text(_FIELDS[name]) for name in texts}
        self.texts["finding_separator"].setMaxLength(1)
        self._rest = QTimer(self, interval=_PAUSE_MS, singleShot=True)
        self._rest.timeout.connect(self.edited)
        for widget in (*self.columns.values(), self.labels, *self.choices.values()):
            widget.edited.connect(self._rest.start)
        for widget in self.texts.values():
            widget.edited.connect(self._rest.start)
        self._arrange()

    def options(self, layout: str, classes: str) -> DatasetOptions:
        """What the controls say.

        Raises:
            SettingsError: a field is refused.
        """
        values: dict[str, object] = {"layout": layout, "classes": classes}
        values |= {name: box.value() for name, box in self.columns.items()}
        values |= {name: box.value() for name, box in self.choices.items()}
        values |= {name: line.value() for name, line in self.texts.items()}
        values["label_columns"] = self.labels.value()
        values["finding_separator"] = self.texts["finding_separator"].text() or "|"
        return parse(DatasetOptions, values)

    def show_reading(self, reading: Reading) -> None:
        """Offer what a reading found; what was said stands as it was said."""
        options, dataset = reading.options, reading.dataset
        tabled = options.layout not in TABLELESS
        roles = dataset.roles if dataset else None
        header = reading.header if tabled else ()
        for name, box in self.columns.items():
            found = getattr(roles, name.removesuffix("_column"), "") if roles else ""
            box.offer(header, found, getattr(options, name))
        self.labels.offer(header, options.label_column_list)
        names = ", ".join(roles.labels) if roles and roles.labels else self.tr("none")
        self._automatic.setText(self.tr("Automatic: {0}").format(names))
        self._automatic.setVisible(not options.label_columns)
        for name, box in self.choices.items():
            box.show_value(getattr(options, name))
        for name, line in self.texts.items():
            line.show_value(getattr(options, name))
        for widget in (self._columns_group, self._label_columns, self._file_group):
            widget.setVisible(tabled)

    def go_to(self, option: str) -> None:
        """Bring the control of a field into sight and give it the focus."""
        every = {**self.columns, **self.choices, **self.texts, "label_columns": self.labels}
        widget = every.get(option)
        if widget is not None:
            self.ensureWidgetVisible(widget)
            widget.setFocus(Qt.FocusReason.OtherFocusReason)

    def stop(self) -> None:
        self._rest.stop()

    def _arrange(self) -> None:
        content = QWidget()
        block = QVBoxLayout(content)
        block.setContentsMargins(0, 0, MEDIUM, 0)
        block.setSpacing(MEDIUM)
        self._columns_group, form = _group(self.tr("Columns"))
        for name, box in self.columns.items():
            _row(form, name, box)
        block.addWidget(self._columns_group)
        labels, form = _group(self.tr("Labels"))
        self._automatic = QLabel()
        self._automatic.setWordWrap(True)
        self._automatic.setProperty("role", "muted")
        under = QVBoxLayout()
        under.setSpacing(SMALL)
        under.addWidget(self.labels)
        under.addWidget(self._automatic)
        _row(form, "task", self.choices["task"])
        self._label_columns = QWidget()
        inside = QVBoxLayout(self._label_columns)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(SMALL)
        label = QLabel(_label(_FIELDS["label_columns"]))
        label.setBuddy(self.labels)
        inside.addWidget(label)
        inside.addLayout(under)
        form.addRow(self._label_columns)
        block.addWidget(labels)
        self._file_group, form = _group(self.tr("File"))
        for name in ("finding_separator", "image_folder", "sheet", "encoding"):
            _row(form, name, self.texts[name])
        for name in ("delimiter", "header"):
            _row(form, name, self.choices[name])
        block.addWidget(self._file_group)
        block.addStretch(1)
        self.setWidget(content)

    def sizeHint(self) -> QSize:
        return QSize(270, 400)


def _group(title: str) -> tuple[QWidget, QFormLayout]:
    holder = QWidget()
    block = QVBoxLayout(holder)
    block.setContentsMargins(0, 0, 0, 0)
    block.setSpacing(SMALL)
    head = QLabel(title)
    head.setFont(font("strong"))
    block.addWidget(head)
    form = QFormLayout()
    form.setHorizontalSpacing(MEDIUM)
    form.setVerticalSpacing(SMALL)
    form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
    block.addLayout(form)
    return holder, form


def _row(form: QFormLayout, name: str, widget: QWidget) -> None:
    label = QLabel(_label(_FIELDS[name]))
    label.setToolTip(_help(_FIELDS[name]))
    label.setBuddy(widget)
    form.addRow(label, widget)


def _shape(box: QComboBox, field: Field) -> None:
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(8)
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    box.setAccessibleName(_label(field))
    box.setToolTip(_help(field))


_TITLES: dict[str, Callable[[], str]] = {
    "image_column": lambda: _tr("Image"),
    "label_columns": lambda: _tr("Label column, or 0/1 columns"),
    "patient_column": lambda: _tr("Patient"),
    "split_column": lambda: _tr("Split"),
    "id_column": lambda: _tr("Sample id"),
    "frame_column": lambda: _tr("Frame"),
    "task": lambda: _tr("Task"),
    "finding_separator": lambda: _tr("Separator"),
    "image_folder": lambda: _tr("Image folder"),
    "delimiter": lambda: _tr("Delimiter"),
    "encoding": lambda: _tr("Encoding"),
    "header": lambda: _tr("Header row"),
    "sheet": lambda: _tr("Sheet"),
}


def _label(field: Field) -> str:
    return _TITLES[field.name]()


def _help(field: Field) -> str:
    return QCoreApplication.translate("Settings", field.help)


def _tr(text: str) -> str:
    return QCoreApplication.translate("ReadingControls", text)


def _same(first: object, second: str) -> bool:
    """Column names are matched without regard to case and to space around them."""
    return str(first).strip().casefold() == second.strip().casefold()
