"""The classes of a data set in their order, and the list of what was guessed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from medadv_desktop.datasets.problems import Guess
from medadv_desktop.gui.labelled.bars import Count, figure
from medadv_desktop.gui.lists import dress
from medadv_desktop.gui.theme import MEDIUM, SMALL, TINY, Theme, font

_NAME = Qt.ItemDataRole.UserRole


class ClassOrder(QWidget):
    """Class names with their number and count; they can be put in another order, or left out.

    Names can be typed only where the files hold numbers alone.

    Signals:
        edited: a user changed order, names or ticks.
    """

    edited = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._touched = False
        self._counts: Mapping[str, int] = {}
        self.list = QListWidget()
        self.list.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        self.list.setAccessibleName(self.tr("Classes in their order"))
        self.list.setUniformItemSizes(True)
        self.list.setSpacing(1)
        dress(self.list, theme)
        self.up = QToolButton()
        self.down = QToolButton()
        for button, arrow, text in (
            (self.up, Qt.ArrowType.UpArrow, self.tr("Move the class up")),
            (self.down, Qt.ArrowType.DownArrow, self.tr("Move the class down")),
        ):
            button.setArrowType(arrow)
            button.setToolTip(text)
            button.setAccessibleName(text)
            button.setAutoRaise(True)
        self.reset = QPushButton(self.tr("As found"))
        self.reset.setToolTip(self.tr("Take the classes that the files name, in natural order"))
        self.reset.setAutoDefault(False)
        self.reset.setFlat(True)
        title = QLabel(self.tr("Classes"))
        title.setFont(font("strong"))
        head = QHBoxLayout()
        head.setSpacing(TINY)
        head.addWidget(title, 1)
        for widget in (self.reset, self.up, self.down):
            head.addWidget(widget)
        block = QVBoxLayout(self)
        block.setContentsMargins(0, 0, 0, 0)
        block.setSpacing(SMALL)
        block.addLayout(head)
        block.addWidget(self.list, 1)
        self.up.clicked.connect(lambda: self._move(-1))
        self.down.clicked.connect(lambda: self._move(1))
        self.reset.clicked.connect(self._reset)
        self.list.model().rowsMoved.connect(self._edited)
        self.list.itemChanged.connect(self._changed)
        self.list.currentRowChanged.connect(self._enable)

    def value(self) -> str:
        """As `DatasetOptions.classes`; "" as long as nothing was touched."""
        return "|".join(self.names()) if self._touched else ""

    def names(self) -> tuple[str, ...]:
        """The ticked classes in their order."""
        items = (self.list.item(i) for i in range(self.list.count()))
        unchecked = Qt.CheckState.Unchecked
        return tuple(
            i.data(_NAME) for i in items if not _tickable(i) or i.checkState() != unchecked
        )

    def show_classes(
        self, counts: Sequence[Count], *, said: bool, editable: bool, others: Sequence[str] = ()
    ) -> None:
        """Show the classes in force.

        Args:
            said: they are those that a user chose.
            editable: names can be typed.
            others: classes that were found and left out.
        """
        self._touched = said
        row = max(self.list.currentRow(), 0)
        self.list.blockSignals(True)
        self.list.clear()
        flag = Qt.ItemFlag
        for index, count in enumerate(counts):
            item = QListWidgetItem(f"{index}   {count.name}   ({figure(count.samples)})", self.list)
            item.setData(_NAME, count.name)
            flags = flag.ItemIsEnabled | flag.ItemIsSelectable | flag.ItemIsDragEnabled
            item.setFlags(flags | (flag.ItemIsEditable if editable else flag.ItemIsUserCheckable))
            if not editable:
                item.setCheckState(Qt.CheckState.Checked)
            else:
                item.setText(count.name)
                item.setToolTip(self.tr("Double click to name the class {0}").format(index))
        for name in others:
            item = QListWidgetItem(self.tr("{0}   (left out)").format(name), self.list)
            item.setData(_NAME, name)
            item.setCheckState(Qt.CheckState.Unchecked)
        self.list.setCurrentRow(min(row, self.list.count() - 1))
        self.list.blockSignals(False)
        self.reset.setEnabled(said)
        self._enable()

    def _move(self, step: int) -> None:
        row = self.list.currentRow()
        item = self.list.takeItem(row)
        self.list.insertItem(row + step, item)
        self.list.setCurrentRow(row + step)
        self._edited()

    def _enable(self) -> None:
        row = self.list.currentRow()
        self.up.setEnabled(row > 0)
        self.down.setEnabled(0 <= row < self.list.count() - 1)

    def _changed(self, item: QListWidgetItem) -> None:
        if item.flags() & Qt.ItemFlag.ItemIsEditable and item.text().strip():
            item.setData(_NAME, item.text().replace("|", "/").strip())
        self._edited()

    def _edited(self) -> None:
        self._touched = True
        self.edited.emit()

    def _reset(self) -> None:
        self._touched = False
        self.edited.emit()


def _tickable(item: QListWidgetItem) -> bool:
    return bool(item.flags() & Qt.ItemFlag.ItemIsUserCheckable)


class Guesses(QScrollArea):
    """Everything that was concluded, each with its reason and a way to the control.

    Signals:
        change_wanted: the field of `DatasetOptions` by which a guess is overridden.
    """

    change_wanted = Signal(str)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setAccessibleName(self.tr("What was guessed"))
        self.shown: tuple[Guess, ...] = ()
        self.show_guesses(())

    def show_guesses(self, guesses: Sequence[Guess]) -> None:
        self.shown = tuple(guesses)
        content = QWidget()
        block = QVBoxLayout(content)
        block.setContentsMargins(0, 0, SMALL, 0)
        block.setSpacing(MEDIUM)
        for guess in guesses:
            block.addLayout(self._row(guess))
        if not guesses:
            nothing = QLabel(self.tr("Nothing had to be guessed."))
            nothing.setProperty("role", "muted")
            block.addWidget(nothing)
        block.addStretch(1)
        self.setWidget(content)

    def sizeHint(self) -> QSize:
        return QSize(280, 140)

    def _row(self, guess: Guess) -> QHBoxLayout:
        what, why = QLabel(_capital(guess.what)), QLabel(_capital(guess.why))
        why.setProperty("role", "muted")
        why.setFont(font("small"))
        words = QVBoxLayout()
        words.setSpacing(TINY)
        for label in (what, why):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
            words.addWidget(label)
        line = QHBoxLayout()
        line.setSpacing(SMALL)
        line.addLayout(words, 1)
        if guess.option:
            change = QPushButton(self.tr("Change"))
            change.setAutoDefault(False)
            change.setFlat(True)
            change.setAccessibleName(self.tr("Change: {0}").format(guess.what))
            change.clicked.connect(lambda: self.change_wanted.emit(guess.option))
            line.addWidget(change, 0, Qt.AlignmentFlag.AlignTop)
        return line


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
