"""The panel "Tags": every element of the file at hand."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QT_TRANSLATE_NOOP, QModelIndex, QSize, Qt
from PySide6.QtGui import QAction, QGuiApplication, QHideEvent, QKeySequence, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QStackedLayout,
    QToolButton,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from medadv_desktop.gui import icons
from medadv_desktop.gui.asking import ask_where_to_write
from medadv_desktop.gui.docks.spec import DockSpec, Workbench
from medadv_desktop.gui.file_names import named
from medadv_desktop.gui.lists import dress
from medadv_desktop.gui.privacy_bar import PrivacyButton
from medadv_desktop.gui.tag_model import NAME, TAG, VALUE, VR, TagModel, row_text, without_private
from medadv_desktop.gui.theme import LARGE, MEDIUM, SMALL

_OPENED_AT_MOST = 500
"""Rows that a search or "expand all" opens; more would only be scrolled past."""


class TagPanel(QWidget):
    """A tree of elements with search, copy and export; protected values are masked by default."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._bench, self._reader = bench, bench.controller.tags
        self.model = TagModel(bench.theme, self)
        self._opened: set[str] = set()
        self._shown: tuple = ()
        self.search = QLineEdit()
        self.search.setPlaceholderText(self.tr("Search number, name or value"))
        self.search.setClearButtonEnabled(True)
        self.search.setAccessibleName(self.tr("Search tags"))
        self.search.textChanged.connect(self._fill)
        self.private = self._button(
            "model", self.tr("Private elements"), self.tr("Show or hide private elements")
        )
        self.private.setText(self.tr("Private"))
        self.private.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        self.private.setCheckable(True)
        self.private.setChecked(True)
        self.private.clicked.connect(self._fill)
        self.expand = self._button(
            "expand-all", self.tr("Expand all"), self.tr("Open all sequences (the first 500 rows)")
        )
        self.expand.clicked.connect(self._expand_all)
        self.collapse = self._button(
            "collapse-all", self.tr("Collapse all"), self.tr("Close all sequences")
        )
        self.collapse.clicked.connect(self._collapse_all)
        self.export = self._button(
            "export", self.tr("Export tags"), self.tr("Save what is shown as text or JSON")
        )
        self.export.clicked.connect(self._ask_where)
        self._make_view()
        self._arrange()
        self._reader.changed.connect(self._fill)
        self._fill()

    def sizeHint(self) -> QSize:
        return QSize(420, 220)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._reader.set_wanted(True)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._reader.set_wanted(False)

    def copy_rows(self) -> None:
        """The marked rows to the clipboard, fields separated by tabs."""
        rows = self.view.selectionModel().selectedRows()
        lines = [row_text(self.model.node(index)) for index in rows]
        QGuiApplication.clipboard().setText("\n".join(lines))

    def copy_values(self) -> None:
        """The values of the marked rows to the clipboard."""
        rows = self.view.selectionModel().selectedRows()
        tags = (self.model.node(index).tag for index in rows)
        QGuiApplication.clipboard().setText("\n".join(t.value for t in tags if t is not None))

    def export_to(self, path: Path) -> None:
        """Write what is shown, as JSON where the name ends so, else as text."""
        self._bench.controller.exporter.write_tags(self._shown, path)

    # ------------------------------------------------------------------ making

    def _button(self, icon: str, name: str, tip: str) -> QToolButton:
        button = QToolButton()
        button.setAutoRaise(True)
        button.setAccessibleName(name)
        button.setToolTip(tip)
        icons.bind_icon(button, icon, self._bench.theme)
        return button

    def _make_view(self) -> None:
        self.view = QTreeView()
        self.view.setModel(self.model)
        self.view.setAccessibleName(self.tr("Tags"))
        self.view.setUniformRowHeights(True)
        self.view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.view.setIndentation(MEDIUM + 4)
        header = self.view.header()
        header.setStretchLastSection(True)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        letter = self.fontMetrics().averageCharWidth()
        for column, letters in ((TAG, 18), (NAME, 32), (VR, 5), (VALUE, 30)):
            header.resizeSection(column, letters * letter)
        dress(self.view, self._bench.theme)
        self.view.expanded.connect(lambda index: self._opened.add(self.model.node(index).key))
        self.view.collapsed.connect(lambda index: self._opened.discard(self.model.node(index).key))
        for text, keys, run in (
            (self.tr("Copy rows"), QKeySequence(QKeySequence.StandardKey.Copy), self.copy_rows),
            (self.tr("Copy values"), QKeySequence(), self.copy_values),
        ):
            action = QAction(text, self)
            action.setShortcut(keys)
            action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            action.triggered.connect(run)
            self.view.addAction(action)
        self.view.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)

    def _arrange(self) -> None:
        self.message = QLabel()
        self.message.setWordWrap(True)
        self.message.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.message.setProperty("role", "muted")
        self.message.setContentsMargins(LARGE, LARGE, LARGE, LARGE)
        bar = QHBoxLayout()
        bar.setSpacing(SMALL)
        bar.addWidget(self.search, 1)
        for button in (self.private, self.expand, self.collapse, self.export):
            bar.addWidget(button)
        bar.addWidget(PrivacyButton(self._bench))
        self._stack = QStackedLayout()
        self._stack.addWidget(self.view)
        self._stack.addWidget(self.message)
        block = QVBoxLayout(self)
        block.setContentsMargins(MEDIUM, SMALL, MEDIUM, SMALL)
        block.setSpacing(SMALL)
        block.addLayout(bar)
        block.addLayout(self._stack, 1)

    # ------------------------------------------------------------------ showing

    def _fill(self) -> None:
        tree, text = self._reader.tree, self.search.text().strip()
        self._shown = ()
        if tree is not None:
            from medadv_desktop.imaging.tags import search

            tags = tree.tags if self.private.isChecked() else without_private(tree.tags)
            self._shown = search(tags, text)
        opened = set(self._opened)
        self.model.set_tags(self._shown)
        if text:
            self._expand_all()
        self._opened = opened
        if not text:
            self._open_again(QModelIndex())
        self._show_message(bool(tree), text)
        self.export.setEnabled(bool(self._shown))

    def _show_message(self, there: bool, text: str) -> None:
        if there and self._shown:
            self._stack.setCurrentWidget(self.view)
            return
        if there and text:
            words = self.tr("No element matches “{text}”.").format(text=text)
        elif self._reader.problem:
            words = self._reader.problem
            if self._reader.path is not None:
                words = self._bench.controller.names.text(f"{named(self._reader.path)}: {words}.")
        elif self._reader.path is None:
            words = self.tr("Open a DICOM file to read its tags.")
        else:
            words = self.tr("Reading…")
        self.message.setText(words)
        self._stack.setCurrentWidget(self.message)

    def _expand_all(self) -> None:
        opened, waiting = 0, [QModelIndex()]
        while waiting and opened < _OPENED_AT_MOST:
            parent = waiting.pop(0)
            for row in range(self.model.rowCount(parent)):
                index = self.model.index(row, 0, parent)
                if self.model.rowCount(index):
                    self.view.expand(index)
                    opened += 1
                    waiting.append(index)

    def _collapse_all(self) -> None:
        self.view.collapseAll()

    def _open_again(self, parent: QModelIndex) -> None:
        """The sequences that were open in the file before."""
        if not self._opened:
            return
        for row in range(self.model.rowCount(parent)):
            index = self.model.index(row, 0, parent)
            if self.model.node(index).key in self._opened:
                self.view.expand(index)
                self._open_again(index)

    def _ask_where(self) -> None:
        ask_where_to_write(
            self,
            self._bench.controller.settings,
            self.tr("Export tags"),
            "tags.txt",
            (self.tr("Text (*.txt)"), self.tr("JSON (*.json)")),
            self.export_to,
        )


DOCK = DockSpec(
    id="tags",
    title=QT_TRANSLATE_NOOP("Docks", "Tags"),
    icon="tags",
    area=Qt.DockWidgetArea.BottomDockWidgetArea,
    build=TagPanel,
)
