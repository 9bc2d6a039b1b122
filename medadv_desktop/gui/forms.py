"""Forms made from the fields of a settings class: the same description as options and plans."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from PySide6.QtCore import QCoreApplication, QLocale, Qt, Signal
from PySide6.QtWidgets import QGridLayout, QLabel, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from medadv_desktop.errors import SettingsError
from medadv_desktop.gui.editors import CheckList, FileLine, editor_for, ignore_wheel
from medadv_desktop.gui.theme import MEDIUM, SMALL, TINY, font
from medadv_desktop.settings import (
    Field,
    Settings,
    allowed,
    fields_of,
    format_pixel_fraction,
    parse,
)

__all__ = ["Names", "SettingsForm", "ignore_wheel"]

Names = Mapping[str, Sequence[str]]
"""Names for fields that hold an index (or indices) into them: classes, findings."""


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
        *,
        explained: bool = False,
        folded: Collection[str] = (),
    ) -> None:
        """
        Args:
            explained: help, range and default stand below each field, not in its tooltip alone.
            folded: fields that are out of sight until somebody asks for them.
        """
        super().__init__(parent)
        self._settings = settings
        self._rows: dict[str, _Row] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SMALL + TINY)
        self._rest = QWidget()
        rest = QVBoxLayout(self._rest)
        rest.setContentsMargins(0, 0, 0, 0)
        rest.setSpacing(SMALL + TINY)
        for field in fields_of(settings):
            row = _Row(field, tuple((names or {}).get(field.name, ())), explained)
            row.edited.connect(self._edited)
            (rest if field.name in folded else column).addWidget(row)
            self._rows[field.name] = row
        self._folded = tuple(name for name in self._rows if name in folded)
        self.more = QToolButton()
        self.more.setCheckable(True)
        self.more.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.more.setText(self.tr("Advanced ({0})").format(len(self._folded)))
        self.more.setToolTip(self.tr("Fields that seldom need another value"))
        self.more.setAccessibleName(self.more.text())
        self.more.toggled.connect(self.unfold)
        column.addWidget(self.more)
        self.more.setVisible(bool(self._folded))
        column.addWidget(self._rest)
        self._general = _error_label()
        column.addWidget(self._general)
        self.unfold(False)
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
        self.set_values({name: getattr(settings, name) for name in self._rows})

    def set_values(self, values: Mapping[str, object]) -> None:
        """Show what `values` would do, which need not be valid. `changed` as in `set_value`."""
        before = self.values()
        for name, value in values.items():
            row = self._rows[name]
            row.editor.blockSignals(True)
            row.editor.set_value(value)
            row.editor.blockSignals(False)
        self._check()
        if self.values() != before:
            self.changed.emit()

    def holds(self, settings: Settings) -> bool:
        """Whether what stands in the form comes to `settings`, however it is written."""
        try:
            return self.value() == settings
        except SettingsError:
            return False

    def is_valid(self) -> bool:
        try:
            self.value()
        except SettingsError:
            return False
        return True

    def editor(self, name: str) -> QWidget:
        """The widget that edits a field."""
        return self._rows[name].editor

    def stops(self) -> list[QWidget]:
        """Where the tab key halts, from top to bottom."""
        plain = [row.editor for name, row in self._rows.items() if name not in self._folded]
        rest = [self._rows[name].editor for name in self._folded]
        found: list[QWidget] = []
        for editor in (*plain, self.more, *rest):
            found += editor.stops() if isinstance(editor, FileLine) else [editor]
        return found

    def row(self, name: str) -> QWidget | None:
        """Label, editor, help and error of a field, to stand elsewhere; None without the field."""
        return self._rows.get(name)

    def error_of(self, name: str) -> str:
        """What is shown as wrong under a field, "" for nothing."""
        return self._rows[name].error.text()

    def tell(self, name: str, message: str) -> None:
        """Show under a field what is wrong with it elsewhere, as with the model; "" clears that."""
        self._check()
        if message and name in self._rows and self.is_valid():
            self._rows[name].show_error(message)

    def unfold(self, unfolded: bool) -> None:
        """Show the folded fields, or hide them again."""
        self.more.setChecked(unfolded)
        arrow = Qt.ArrowType.DownArrow if unfolded else Qt.ArrowType.RightArrow
        self.more.setArrowType(arrow)
        self._rest.setVisible(unfolded and bool(self._folded))

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
        if subject in self._folded:
            self.unfold(True)
        general = message if subject not in self._rows else ""
        self._general.setText(general)
        self._general.setVisible(bool(general))


class _Row(QWidget):
    """Label and editor of a field side by side; below them its help and its error."""

    edited = Signal()

    def __init__(self, field: Field, names: tuple[str, ...], explained: bool) -> None:
        super().__init__()
        title = QCoreApplication.translate("Settings", field.label)
        unit = QCoreApplication.translate("Settings", field.unit) if field.unit else ""
        named = f"{title} ({unit})" if unit else title
        self.label = QLabel(title if explained else named)
        self.label.setWordWrap(True)
        self.editor = editor_for(field, names)
        self.error = _error_label()
        explanation = QCoreApplication.translate("Settings", field.help)
        # What holds indices shows names: there is nothing to explain.
        said = (explanation, _facts(field, unit)) if not names else ()
        self.help = QLabel(". ".join(text for text in said if text))
        self.help.setWordWrap(True)
        self.help.setFont(font("small"))
        self.help.setProperty("role", "muted")
        wide = isinstance(self.editor, CheckList | FileLine)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setHorizontalSpacing(MEDIUM)
        layout.setVerticalSpacing(TINY)
        layout.setColumnStretch(0, 1)
        layout.setColumnStretch(1, 1)
        layout.addWidget(self.label, 0, 0, 1, 2 if wide else 1)
        layout.addWidget(self.editor, *((1, 0, 1, 2) if wide else (0, 1)))
        layout.addWidget(self.help, 2, 0, 1, 2)
        layout.addWidget(self.error, 3, 0, 1, 2)
        self.help.setVisible(explained and bool(said))
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.setFocusProxy(self.editor)
        span = self.tr("Allowed: {0}").format(", ".join(names) if names else allowed(field))
        tip = "\n".join(line for line in (explanation, span) if line)
        for widget in (self.label, self.editor):
            widget.setToolTip(tip)
        self.label.setBuddy(self.editor)
        self.editor.setAccessibleName(named)
        self.editor.setAccessibleDescription(explanation)
        self._explanation = explanation
        self.editor.edited.connect(self.edited)

    def show_error(self, message: str) -> None:
        if message and isinstance(self.editor, CheckList) and not self.editor.value():
            message = self.tr("Tick at least one")
        self.error.setText(message)
        self.error.setVisible(bool(message))
        self.editor.setAccessibleDescription(message or self._explanation)


def _facts(field: Field, unit: str) -> str:
    """Range, unit and default of a field in a few words."""
    tr = QCoreApplication.translate
    said = []
    if field.minimum is not None or field.maximum is not None:
        low, high = _bound(field.minimum), _bound(field.maximum)
        if not high:
            said.append(tr("Settings", "From {0}").format(low))
        elif field.exclusive_minimum:
            said.append(tr("Settings", "Above {0} to {1}").format(low, high))
        else:
            said.append(tr("Settings", "{0} to {1}").format(low, high))
        said[0] += f" {unit}" if unit else ""
    if field.default is not ... and field.kind not in ("bool", "file", "text", "int_list"):
        default = _default(field)
        said.append(tr("Settings", "default {0}").format(default) if default else "")
    return ", ".join(text for text in said if text)


def _bound(value: float | None) -> str:
    return "" if value is None else QLocale().toString(float(value), "g", 6)


def _default(field: Field) -> str:
    if field.default is None:
        return QCoreApplication.translate("Settings", "automatic")
    if field.kind == "pixel_fraction":
        return format_pixel_fraction(field.default)
    if isinstance(field.default, float):
        return QLocale().toString(field.default, "g", 6)
    return "" if field.choices else str(field.default)


def _error_label() -> QLabel:
    label = QLabel()
    label.setProperty("role", "danger")
    label.setWordWrap(True)
    label.setVisible(False)
    return label
