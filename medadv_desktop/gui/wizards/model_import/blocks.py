"""What the card page is made of: a field with its editors, why it stands as it does, its error."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from medadv_desktop.gui.forms import ignore_wheel
from medadv_desktop.gui.theme import MEDIUM, SMALL, TINY, Theme, font
from medadv_desktop.gui.wizards.model_import.fields import tr

_CHIP_COLORS = {
    "guess": "warning",
    "likely": "accent",
    "certain": "success",
    "yours": "accent",
    "error": "danger",
}


class Chip(QLabel):
    """How sure a value is, in a word and a colour."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._kind = theme, ""
        self.setFont(font("small"))
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self._recolor)
        self.set_kind("")

    @property
    def kind(self) -> str:
        return self._kind

    def set_kind(self, kind: str) -> None:
        """ "guess", "likely", "certain", "yours", "error", or "" for no chip."""
        self._kind = kind
        words = {
            "guess": tr("guess – please check"),
            "likely": tr("likely"),
            "certain": tr("certain"),
            "yours": tr("yours"),
            "error": tr("to be mended"),
        }
        self.setText(words.get(kind, ""))
        self.setVisible(bool(kind))
        self._recolor()

    def _recolor(self) -> None:
        if not self._kind:
            return
        color = self._theme.color(_CHIP_COLORS[self._kind]).name()
        self.setStyleSheet(
            f"QLabel {{ color: {color}; border: 1px solid {color}; border-radius: 7px;"
            " padding: 0 6px; }"
        )


class Block(QWidget):
    """A heading with its chip, editors, the reason for the value, and what is wrong with it.

    Attributes:
        names: the fields of the card that are edited here.
        focus: the editor that takes the focus first.
    """

    def __init__(self, theme: Theme, title: str, names: Sequence[str]) -> None:
        super().__init__()
        self.names = tuple(names)
        self.focus: QWidget = self
        self.title = QLabel(title)
        self.title.setFont(font("strong"))
        self.chip = Chip(theme)
        self.reason = note("muted")
        self.error = note("danger")
        head = QHBoxLayout()
        head.setSpacing(MEDIUM)
        head.addWidget(self.title)
        head.addWidget(self.chip)
        head.addStretch(1)
        self.content = QVBoxLayout()
        self.content.setSpacing(SMALL)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SMALL)
        column.addLayout(head)
        column.addLayout(self.content)
        column.addWidget(self.reason)
        column.addWidget(self.error)

    def add(self, *widgets: QWidget | str) -> QWidget:
        """A line of editors and words between them."""
        holder = QWidget()
        line = QHBoxLayout(holder)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(SMALL + TINY)
        for widget in widgets:
            if isinstance(widget, str):
                line.addWidget(QLabel(widget))
            else:
                wide = isinstance(widget, QLineEdit | QComboBox)
                line.addWidget(widget, 1 if wide else 0)
        if not any(isinstance(w, QLineEdit | QComboBox) for w in widgets):
            line.addStretch(1)
        self.content.addWidget(holder)
        return holder

    def tell(self, reason: str, kind: str, error: str) -> None:
        """Show why the value stands, how sure it is, and what is wrong with it."""
        self.reason.setText(reason)
        self.reason.setVisible(bool(reason) and not error)
        self.error.setText(error)
        self.error.setVisible(bool(error))
        self.chip.set_kind("error" if error else kind)


class Choice(QComboBox):
    """One of a few values, each with its words and a tooltip.

    Signals:
        picked: another value, by hand.
    """

    picked = Signal(object)

    def __init__(self, name: str, options: Sequence[tuple[object, str, str]]) -> None:
        """`options`: value, text and explanation of each."""
        super().__init__()
        self.setAccessibleName(name)
        for place, (value, text, tip) in enumerate(options):
            self.addItem(text, value)
            self.setItemData(place, tip, Qt.ItemDataRole.ToolTipRole)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        ignore_wheel(self)
        self.activated.connect(lambda: self.picked.emit(self.currentData()))
        self.currentIndexChanged.connect(self._explain)
        self._explain()

    def show_value(self, value: object) -> None:
        for place in range(self.count()):
            if self.itemData(place) == value:
                self.setCurrentIndex(place)

    def _explain(self) -> None:
        self.setToolTip(str(self.currentData(Qt.ItemDataRole.ToolTipRole) or ""))


class Line(QLineEdit):
    """Text; what is typed is sent on at once.

    Signals:
        typed: the text, edited by hand.
    """

    typed = Signal(str)

    def __init__(self, name: str, tip: str = "", placeholder: str = "") -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setToolTip(tip)
        self.setPlaceholderText(placeholder)
        self.textEdited.connect(self.typed)

    def show_value(self, value: object) -> None:
        if self.text() != str(value):
            self.setText(str(value))
            self.setCursorPosition(0)


class Whole(QSpinBox):
    """A whole number.

    Signals:
        typed: the number, edited by hand.
    """

    typed = Signal(int)

    def __init__(self, name: str, low: int, high: int, tip: str = "") -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setToolTip(tip)
        self.setRange(low, high)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        ignore_wheel(self)
        self.valueChanged.connect(self.typed)

    def show_value(self, value: int) -> None:
        self.blockSignals(True)
        self.setValue(value)
        self.blockSignals(False)


def note(role: str = "") -> QLabel:
    """A text that wraps and can be selected."""
    label = QLabel()
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.setProperty("role", role)
    return label
