"""What the model answers: its task, and the names of its outputs, in their order."""

from __future__ import annotations

from PySide6.QtCore import QLocale, Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from medadv_desktop.gui import icons
from medadv_desktop.gui.lists import dress
from medadv_desktop.gui.theme import SMALL, Theme
from medadv_desktop.gui.wizards.model_import.blocks import Block, Choice
from medadv_desktop.gui.wizards.model_import.draft import ModelDraft
from medadv_desktop.gui.wizards.model_import.fields import moved, tr

NAME, THRESHOLD = 0, 1
_MOST_DECIMALS = 6


class ClassTable(QTableWidget):
    """A row for each output of the network: its name, and for findings its threshold."""

    def __init__(self, draft: ModelDraft, theme: Theme) -> None:
        super().__init__(0, 2)
        self._draft, self._showing = draft, False
        self.setAccessibleName(tr("Classes, in the order of the network's outputs"))
        self.setHorizontalHeaderLabels([tr("Class"), tr("Threshold")])
        self.horizontalHeader().setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        self.horizontalHeader().setSectionResizeMode(
            THRESHOLD, QHeaderView.ResizeMode.ResizeToContents
        )
        self.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
        self.verticalHeader().setToolTip(tr("Number of the network's output, from 0"))
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 2 * SMALL)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setTabKeyNavigation(False)
        self.setShowGrid(False)
        dress(self, theme)
        self.itemChanged.connect(self._edited)

    def show_draft(self) -> None:
        """Show classes and thresholds as they stand."""
        classes, thresholds = self._draft.values["classes"], self._draft.values["thresholds"]
        self._showing = True
        self.setRowCount(len(classes))
        for row, name in enumerate(classes):
            self._put(row, NAME, name)
            if row < len(thresholds):
                self._put(row, THRESHOLD, _shown(thresholds[row]))
        self.setVerticalHeaderLabels([str(row) for row in range(len(classes))])
        self.setColumnHidden(THRESHOLD, not thresholds)
        self._showing = False

    def move(self, step: int) -> None:
        """Move the class that is chosen up (-1) or down (1), its threshold with it."""
        row, values = self.currentRow(), self._draft.values
        if row < 0 or not 0 <= row + step < len(values["classes"]):
            return
        changed = {"classes": moved(tuple(values["classes"]), row, row + step)}
        if values["thresholds"]:
            changed["thresholds"] = moved(tuple(values["thresholds"]), row, row + step)
        self._draft.set(**changed)
        self.setCurrentCell(row + step, NAME)

    def paste(self, text: str) -> None:
        """Names, one a line, from the chosen row on; more than there are rows are left."""
        names = [line.split("\t")[0].strip() for line in text.splitlines() if line.strip()]
        classes = list(self._draft.values["classes"])
        first = max(self.currentRow(), 0)
        names = names[: len(classes) - first]
        classes[first : first + len(names)] = names
        self._draft.set(classes=tuple(classes))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        held = event.modifiers() & Qt.KeyboardModifier.AltModifier
        if event.matches(QKeySequence.StandardKey.Paste):
            self.paste(QGuiApplication.clipboard().text())
        elif held and event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self.move(-1 if event.key() == Qt.Key.Key_Up else 1)
        else:
            super().keyPressEvent(event)

    def _put(self, row: int, column: int, text: str) -> None:
        item = self.item(row, column)
        if item is None:
            item = QTableWidgetItem()
            self.setItem(row, column, item)
        if item.text() != text:
            item.setText(text)

    def _edited(self, item: QTableWidgetItem) -> None:
        if self._showing:
            return
        if item.column() == NAME:
            classes = list(self._draft.values["classes"])
            classes[item.row()] = item.text().strip()
            self._draft.set(classes=tuple(classes))
            return
        thresholds = list(self._draft.values["thresholds"])
        thresholds[item.row()] = _number(item.text())
        self._draft.set(thresholds=tuple(thresholds))


class ClassesPane(QWidget):
    """Task, table and the buttons that order it."""

    def __init__(self, draft: ModelDraft, theme: Theme) -> None:
        super().__init__()
        self._draft = draft
        self.task = Choice(
            tr("Task"),
            (
                (
                    "single-label",
                    tr("One class for each image"),
                    tr("Softmax over the classes; the largest output decides"),
                ),
                (
                    "multi-label",
                    tr("Any number of findings"),
                    tr("A sigmoid for each finding, present from its threshold on"),
                ),
            ),
        )
        self.task.picked.connect(draft.set_task)
        self.task_block = Block(theme, tr("Task"), ("task",))
        self.task_block.add(self.task)
        self.table = ClassTable(draft, theme)
        self.block = Block(theme, tr("Classes"), ("classes", "thresholds"))
        self.up = self._tool("up", tr("Move up (Alt+Up)"), theme)
        self.down = self._tool("down", tr("Move down (Alt+Down)"), theme)
        self.paste = QPushButton(tr("Paste names"))
        self.paste.setAutoDefault(False)
        self.paste.setToolTip(tr("Names from the clipboard, one a line, from the chosen row on"))
        self.up.clicked.connect(lambda: self.table.move(-1))
        self.down.clicked.connect(lambda: self.table.move(1))
        self.paste.clicked.connect(lambda: self.table.paste(QGuiApplication.clipboard().text()))
        buttons = QHBoxLayout()
        buttons.setSpacing(SMALL)
        buttons.addWidget(self.up)
        buttons.addWidget(self.down)
        buttons.addStretch(1)
        buttons.addWidget(self.paste)
        self.block.content.addWidget(self.table, 1)
        self.block.content.addLayout(buttons)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3 * SMALL)
        column.addWidget(self.task_block)
        column.addWidget(self.block, 1)

    def show_draft(self) -> None:
        """Show what stands in the draft."""
        self.task.show_value(self._draft.values["task"])
        self.table.show_draft()

    def _tool(self, icon: str, tip: str, theme: Theme) -> QToolButton:
        button = QToolButton()
        button.setToolTip(tip)
        button.setAccessibleName(tip)
        icons.bind_icon(button, icon, theme)
        return button


def _shown(value: object) -> str:
    if isinstance(value, int | float):
        text = QLocale().toString(float(value), "f", _MOST_DECIMALS).rstrip("0")
        return text + "0" if text.endswith(QLocale().decimalPoint()) else text
    return str(value)


def _number(text: str) -> object:
    """The number that was typed; the text itself where it is none, for the card to refuse."""
    value, good = QLocale().toDouble(text)
    if good:
        return value
    try:
        return float(text)
    except ValueError:
        return text
