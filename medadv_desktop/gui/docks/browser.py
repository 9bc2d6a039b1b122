"""The panel "Studies": what is open, what could not be opened, and where to begin."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QT_TRANSLATE_NOOP, QModelIndex, QPoint, QSize, Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QLabel,
    QPushButton,
    QStackedWidget,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from medadv_desktop.gui import icons
from medadv_desktop.gui.docks.spec import DockSpec, Workbench
from medadv_desktop.gui.lists import dress
from medadv_desktop.gui.privacy_bar import PrivacyBar
from medadv_desktop.gui.study_nodes import Kind, Node
from medadv_desktop.gui.study_tree import NODE, StudyTree
from medadv_desktop.gui.theme import LARGE, MEDIUM, font
from medadv_desktop.gui.thumbnails import Thumbnails
from medadv_desktop.gui.tiles import TILE

_EXPANDED_UP_TO = 20
"""Larger series, and lists of files not opened, open when somebody asks for them."""


class BrowserPanel(QStackedWidget):
    """A tree of studies, or an invitation to open something."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._studies, self._controller = bench.studies, bench.controller
        thumbnails = Thumbnails(bench.controller.background, self)
        names = bench.controller.names
        self.tree = StudyTree(bench.studies, thumbnails, bench.theme, names, self)
        self.view = QTreeView()
        self.view.setModel(self.tree)
        self.view.setHeaderHidden(True)
        self.view.setAccessibleName(self.tr("Studies"))
        self.view.setIconSize(QSize(TILE, TILE))
        self.view.setIndentation(MEDIUM + 4)
        self.view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.view.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.view.customContextMenuRequested.connect(self._show_menu)
        self.view.selectionModel().currentChanged.connect(self._chosen)
        self._closed: set[str] = set()
        self._opened: set[str] = set()
        self.view.collapsed.connect(lambda index: self._closed.add(self.tree.node(index).key))
        self.view.expanded.connect(lambda index: self._closed.discard(self.tree.node(index).key))
        dress(self.view, bench.theme)
        self.tree.ratio = self.devicePixelRatioF()
        self.welcome = Welcome(bench)
        self.listed = QWidget()
        layout = QVBoxLayout(self.listed)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.view, 1)
        self.privacy_bar = PrivacyBar(bench)
        layout.addWidget(self.privacy_bar)
        self.addWidget(self.welcome)
        self.addWidget(self.listed)
        self.tree.rowsInserted.connect(self._open_new)
        bench.studies.changed.connect(self._show)
        bench.studies.current_changed.connect(self._mark_current)
        self._open(self.tree.node(QModelIndex()))
        self._show()

    def sizeHint(self) -> QSize:
        return QSize(220, 400)

    def _show(self) -> None:
        self.setCurrentWidget(self.welcome if self._studies.empty else self.listed)
        self._mark_current()

    def _chosen(self, index: QModelIndex) -> None:
        if self.tree.following:
            return
        node = self.tree.node(index)
        plain = node.kind in (Kind.UNREADABLE, Kind.OBJECT)
        self._studies.mark(node.value if plain else None)
        position = node.position
        if position is None:
            return
        current = self._studies.current
        if current is not None and _holds(node, self.tree.index_at(current).data(NODE)):
            return  # something below this row is looked at already
        self._controller.select(position.instance, position.frame)

    def _mark_current(self) -> None:
        """Mark the row of the frame that is looked at, or the closed branch that it is in."""
        current = self._studies.current
        if current is None:
            if self._studies.marked is None:
                self.view.setCurrentIndex(QModelIndex())
            return
        if self._studies.marked is not None:
            return
        index = self.tree.index_at(current)
        above = index.parent()
        while above.isValid():
            if not self.view.isExpanded(above):
                index = above
            above = above.parent()
        if index.isValid() and index != self.view.currentIndex():
            self.view.setCurrentIndex(index)
            self.view.scrollTo(index)

    def _open_new(self, parent: QModelIndex, first: int, last: int) -> None:
        node = self.tree.node(parent)
        for child in node.children[first : last + 1]:
            self._open(child)
        if node.kind is not Kind.ROOT:
            self._open(node, below=False)

    def _open(self, node: Node, *, below: bool = True) -> None:
        """Expand what is new and small; close again what grew, unless a hand did either."""
        if node.kind in (Kind.STUDY, Kind.SERIES, Kind.REFUSED):
            # A study is opened for its series; those and other lists only where they are short.
            small = node.kind is Kind.STUDY or len(node.children) <= _EXPANDED_UP_TO
            if node.kind is Kind.SERIES and len(node.children) == 1 and not _several(node):
                small = False  # its row says it all
            index = self.tree.index_of(node)
            if small and node.key not in self._closed | self._opened:
                self._opened.add(node.key)
                self.view.expand(index)
            elif not small and node.key in self._opened:  # it has grown since
                self._opened.discard(node.key)
                self.view.collapse(index)
                self._closed.discard(node.key)
        if below and node.kind in (Kind.ROOT, Kind.STUDY):
            for child in node.children:
                self._open(child)

    def _show_menu(self, point: QPoint) -> None:
        node = self.view.indexAt(point).data(NODE)
        if node is None:
            return
        refused = node.kind in (Kind.REFUSED, Kind.UNREADABLE)
        context = "unreadable" if refused else "study"
        self._controller.menu_wanted.emit(context, self.view.viewport().mapToGlobal(point))


def _several(series: Node) -> bool:
    """Whether the first image of a series has frames to choose from."""
    return series.value.instances[0].frames > 1


def _holds(node: Node, inner: Node | None) -> bool:
    while inner is not None and inner is not node:
        inner = inner.parent
    return inner is not None


class Welcome(QWidget):
    """What is shown while nothing is open."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        title = QLabel(self.tr("Drop scans here"))
        title.setFont(font("title"))
        text = QLabel(
            self.tr(
                "DICOM files, folders, discs (DICOMDIR) and ZIP archives; PNG, JPEG, BMP, TIFF; "
                "NIfTI, MetaImage and NRRD volumes. Or:"
            )
        )
        text.setProperty("role", "muted")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(LARGE, LARGE, LARGE, LARGE)
        layout.setSpacing(MEDIUM)
        layout.addStretch(1)
        for label in (title, text):
            label.setWordWrap(True)
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            layout.addWidget(label)
        self.buttons = []
        for action, name, words, tip in (
            ("open-file", "open-file", self.tr("Open files…"), self.tr("Choose files")),
            ("open-folder", "open-folder", self.tr("Open folder…"), self.tr("Choose a folder")),
            (
                "open-demo",
                "demo",
                self.tr("Demo study"),
                self.tr("Computed phantoms of three kinds, each with its model"),
            ),
        ):
            button = QPushButton(words)
            button.setToolTip(tip)
            button.setObjectName(action)
            button.clicked.connect(_asking(bench, action))
            icons.bind_icon(button, name, bench.theme)
            layout.addWidget(button)
            self.buttons.append(button)
        layout.addStretch(2)


def _asking(bench: Workbench, action: str) -> Callable[[], None]:
    return lambda: bench.controller.action_wanted.emit(action)


DOCK = DockSpec(
    id="browser",
    title=QT_TRANSLATE_NOOP("Docks", "Studies"),
    icon="study",
    area=Qt.DockWidgetArea.LeftDockWidgetArea,
    build=BrowserPanel,
)
