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
from medadv_desktop.gui.study_tree import NODE, TILE, Kind, Node, StudyTree
from medadv_desktop.gui.theme import LARGE, MEDIUM, font
from medadv_desktop.gui.thumbnails import Thumbnails

_EXPANDED_UP_TO = 200
"""Larger series open when somebody asks for them."""


class BrowserPanel(QStackedWidget):
    """A tree of studies, or an invitation to open something."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._studies, self._controller = bench.studies, bench.controller
        thumbnails = Thumbnails(bench.controller.background, self)
        self.tree = StudyTree(bench.studies, thumbnails, bench.theme, self)
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
        self.view.collapsed.connect(lambda index: self._closed.add(self.tree.node(index).key))
        self.view.expanded.connect(lambda index: self._closed.discard(self.tree.node(index).key))
        dress(self.view, bench.theme)
        self.tree.ratio = self.devicePixelRatioF()
        self.welcome = Welcome(bench)
        self.addWidget(self.welcome)
        self.addWidget(self.view)
        self.tree.modelReset.connect(self._open_branches)
        self.tree.rowsInserted.connect(lambda parent: self._open(self.tree.node(parent)))
        bench.studies.changed.connect(self._show)
        bench.studies.current_changed.connect(self._mark_current)
        self._open_branches()
        self._show()

    def sizeHint(self) -> QSize:
        return QSize(220, 400)

    def _show(self) -> None:
        self.setCurrentWidget(self.welcome if self._studies.empty else self.view)
        self._mark_current()

    def _chosen(self, index: QModelIndex) -> None:
        node = self.tree.node(index)
        self._studies.mark(node.value if node.kind is Kind.UNREADABLE else None)
        position = node.position
        if position is None:
            return
        current = self._studies.current
        same = current is not None and current.instance.path == position.instance.path
        if node.kind is Kind.INSTANCE and same:  # a frame of it is looked at already
            return
        self._controller.select(position.instance, position.frame)

    def _mark_current(self) -> None:
        current = self._studies.current
        if current is None:
            return
        index = self.tree.index_at(current)
        if index.isValid() and index != self.view.currentIndex():
            self.view.setCurrentIndex(index)
            self.view.scrollTo(index)

    def _open_branches(self) -> None:
        self._open(self.tree.node(QModelIndex()))

    def _open(self, node: Node) -> None:
        """Expand what is new, small, and was not closed by hand."""
        if node.kind in (Kind.STUDY, Kind.SERIES, Kind.REFUSED):
            small = len(node.children) <= _EXPANDED_UP_TO
            if small and node.key not in self._closed:
                self.view.expand(self.tree.index_of(node))
        if node.kind in (Kind.ROOT, Kind.STUDY):
            for child in node.children:
                self._open(child)

    def _show_menu(self, point: QPoint) -> None:
        node = self.view.indexAt(point).data(NODE)
        if node is None:
            return
        refused = node.kind in (Kind.REFUSED, Kind.UNREADABLE)
        context = "unreadable" if refused else "study"
        self._controller.menu_wanted.emit(context, self.view.viewport().mapToGlobal(point))


class Welcome(QWidget):
    """What is shown while nothing is open."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        title = QLabel(self.tr("Drop scans here"))
        title.setFont(font("title"))
        text = QLabel(self.tr("DICOM, PNG, JPEG, BMP or TIFF; files or whole folders. Or:"))
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
