"""Two lists of everything that can be done: one to search and run, one to read."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QAction, QIcon, QKeyEvent, QPixmap
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QLineEdit,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from medadv_desktop.gui.actions import keys_of, plain_text
from medadv_desktop.gui.theme import MEDIUM
from medadv_desktop.gui.viewers.keys import viewer_keys

_ACTION = Qt.ItemDataRole.UserRole
_PASSED_ON = (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown)


class CommandPalette(QDialog):
    """Type a few letters, press Enter."""

    def __init__(self, actions: Iterable[QAction], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Find an action"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.search = QLineEdit()
        self.search.setPlaceholderText(self.tr("What do you want to do?"))
        self.search.setAccessibleName(self.tr("Search actions"))
        self.search.setToolTip(self.tr("Type parts of words; Enter does what is marked"))
        self.search.setClearButtonEnabled(True)
        self.list = _action_list(self.tr("Matching actions"))
        self.list.setHeaderHidden(True)
        self._fill(actions)
        self.search.textChanged.connect(self._filter)
        self.search.returnPressed.connect(self._run)
        self.search.installEventFilter(self)
        self.list.itemActivated.connect(self._run)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(MEDIUM, MEDIUM, MEDIUM, MEDIUM)
        layout.addWidget(self.search)
        layout.addWidget(self.list)
        self.resize(480, 380)
        self._filter("")

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Let the arrows move the mark while the letters go on into the search."""
        if (
            watched is self.search
            and event.type() == QEvent.Type.KeyPress
            and isinstance(event, QKeyEvent)
            and event.key() in _PASSED_ON
        ):
            self.list.keyPressEvent(event)
            return True
        return super().eventFilter(watched, event)

    def shown(self) -> tuple[str, ...]:
        """The texts that match, as listed."""
        items = (self.list.topLevelItem(i) for i in range(self.list.topLevelItemCount()))
        return tuple(item.text(0) for item in items if not item.isHidden())

    def _fill(self, actions: Iterable[QAction]) -> None:
        for action in actions:
            item = QTreeWidgetItem([plain_text(action), keys_of(action)])
            item.setIcon(0, action.icon())
            item.setToolTip(0, action.toolTip())
            item.setData(0, _ACTION, action)
            item.setDisabled(not action.isEnabled())
            self.list.addTopLevelItem(item)

    def _filter(self, text: str) -> None:
        words = text.casefold().split()
        first: QTreeWidgetItem | None = None
        for index in range(self.list.topLevelItemCount()):
            item = self.list.topLevelItem(index)
            name = f"{item.text(0)} {item.toolTip(0)}".casefold()
            item.setHidden(not all(word in name for word in words))
            if first is None and not item.isHidden() and not item.isDisabled():
                first = item
        self.list.setCurrentItem(first)

    def _run(self) -> None:
        item = self.list.currentItem()
        if item is None or item.isHidden() or item.isDisabled():
            return
        action: QAction = item.data(0, _ACTION)
        self.accept()
        action.trigger()


class ShortcutSheet(QDialog):
    """Every action with its keys, by menu, then what keys and mouse do in the viewers."""

    def __init__(self, groups: dict[str, list[QAction]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._actions = len(groups)
        self.setWindowTitle(self.tr("Keyboard shortcuts"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.list = _action_list(self.tr("All actions and their keys"))
        self.list.setHeaderLabels([self.tr("Action"), self.tr("Keys")])
        blank = QPixmap(16, 16)  # so that all texts begin in one place
        blank.fill(Qt.GlobalColor.transparent)
        for title, actions in groups.items():
            group = self._add_group(title)
            for action in actions:
                item = QTreeWidgetItem([plain_text(action), keys_of(action)])
                item.setIcon(0, QIcon(blank) if action.icon().isNull() else action.icon())
                item.setToolTip(0, action.statusTip() or action.toolTip())
                group.addChild(item)
        for title, rows in viewer_keys().items():
            group = self._add_group(title)
            for row in rows:
                item = QTreeWidgetItem(row)
                item.setIcon(0, QIcon(blank))
                group.addChild(item)
        self.list.expandAll()
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(self.list)
        layout.addWidget(buttons)
        self.resize(600, 640)

    def _add_group(self, title: str) -> QTreeWidgetItem:
        group = QTreeWidgetItem([title])
        bold = group.font(0)
        bold.setBold(True)
        group.setFont(0, bold)
        group.setFlags(Qt.ItemFlag.ItemIsEnabled)
        self.list.addTopLevelItem(group)
        return group

    def texts(self) -> tuple[str, ...]:
        """The actions listed."""
        groups = (self.list.topLevelItem(i) for i in range(self._actions))
        return tuple(g.child(i).text(0) for g in groups for i in range(g.childCount()))


def _action_list(name: str) -> QTreeWidget:
    tree = QTreeWidget()
    tree.setAccessibleName(name)
    tree.setColumnCount(2)
    tree.setRootIsDecorated(False)
    tree.setUniformRowHeights(True)
    tree.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    header = tree.header()
    header.setStretchLastSection(False)
    header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
    header.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
    return tree
