"""The panel "Audits": every run, searched and tagged, and what is known of the one chosen."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import (
    QT_TRANSLATE_NOOP,
    QEvent,
    QItemSelectionModel,
    QModelIndex,
    QPoint,
    QSize,
    Qt,
    QTimer,
)
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QDockWidget,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListView,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from medadv_desktop.gui import icons
from medadv_desktop.gui.audits.archivist import archivist_of
from medadv_desktop.gui.audits.run_details import RunDetails
from medadv_desktop.gui.audits.run_list import RUN, RunFilter, RunList, standing
from medadv_desktop.gui.docks.spec import DockSpec, Workbench
from medadv_desktop.gui.lists import dress
from medadv_desktop.gui.theme import LARGE, MEDIUM, SMALL, TINY, font

_TOOLS = (
    ("open-audit", "open-folder"),
    ("show-audit-results", "results"),
    ("compare-audits", "compare"),
    ("make-audit-report", "export"),
    ("reveal-audit", "link"),
    ("delete-audit", "remove"),
)
_POLL_MS = 2000


class AuditsPanel(QStackedWidget):
    """List and details; an invitation where there is nothing."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._bench = bench
        self._archivist = archivist_of(bench.controller)
        self._library = self._archivist.library
        self._marking = False
        self._visible = False
        self.runs = RunList(self._archivist, bench.controller.names, bench.theme)
        self.rows = RunFilter(self.runs)
        self.list = QListView()
        self.search = QLineEdit()
        self.tags = QComboBox()
        self.none_found = QLabel(self.tr("No audit matches"))
        self.details = RunDetails(bench, self._archivist)
        self._dress()
        self._make_pages()
        self._poll = QTimer(self, interval=_POLL_MS, singleShot=True)
        self._poll.timeout.connect(self._look_again)
        self.search.textChanged.connect(self.rows.search)
        self.search.textChanged.connect(self._show_found)
        self.tags.activated.connect(self._tag_chosen)
        self.list.selectionModel().currentChanged.connect(self._chosen)
        self.list.activated.connect(lambda _: self._wants("show-audit-results"))
        self.list.customContextMenuRequested.connect(self._show_menu)
        self.rows.modelReset.connect(self._mark)
        self.rows.layoutChanged.connect(self._mark)
        self._library.changed.connect(self._show)
        self._library.current_changed.connect(self._show)
        self._archivist.audits.changed.connect(self._show)
        self._show()

    def sizeHint(self) -> QSize:
        return QSize(300, 220)

    def minimumSizeHint(self) -> QSize:
        return QSize(200, 80)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Side by side where there is room, else one under the other."""
        super().resizeEvent(event)
        wide = self.width() > 1.1 * self.height()
        side = Qt.Orientation.Horizontal if wide else Qt.Orientation.Vertical
        if self.filled.orientation() is not side:
            self.filled.setOrientation(side)
            self.filled.setSizes([550, 450] if wide else [500, 500])

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ParentChange and isinstance(self.parent(), QDockWidget):
            # A dock behind another counts as visible; only this signal tells that it is not.
            self.parent().visibilityChanged.connect(self._set_visible)
        return super().event(event)

    # ------------------------------------------------------------------ inside

    def _set_visible(self, visible: bool) -> None:
        self._visible = visible
        if visible:
            self._archivist.load()
        else:
            self._poll.stop()

    def _look_again(self) -> None:
        """What runs, here or in another program, stands otherwise by now."""
        for run in self._library.runs:
            if standing(run, self._archivist) == "running":
                self._archivist.refresh(run.folder)

    def _show(self) -> None:
        library = self._library
        self.setCurrentWidget(self.filled if library.runs else self.empty)
        self.invitation.setVisible(library.loaded)
        self.reading.setVisible(not library.loaded)
        self._fill_tags()
        self._mark()
        self.details.show_run(library.current)
        self._show_found()
        states = [standing(run, self._archivist) for run in library.runs]
        if self._visible and "running" in states and not self._poll.isActive():
            self._poll.start()

    def _show_found(self) -> None:
        self.none_found.setVisible(not self.rows.rowCount() and bool(self._library.runs))
        possible = self._library.current is not None
        for name, button in self.tools.items():
            button.setEnabled(possible or name == "open-audit")

    def _fill_tags(self) -> None:
        tags = sorted({tag for run in self._library.runs for tag in getattr(run, "tags", ())})
        known = [self.tags.itemData(i) for i in range(1, self.tags.count())]
        if tags != known:
            chosen = self.tags.currentData()
            self.tags.clear()
            self.tags.addItem(self.tr("All tags"), "")
            for tag in tags:
                self.tags.addItem(tag, tag)
            self.tags.setCurrentIndex(max(self.tags.findData(chosen), 0))
            self._tag_chosen()
        self.tags.setVisible(bool(tags))

    def _tag_chosen(self) -> None:
        self.rows.set_tag(self.tags.currentData() or "")
        self._show_found()

    def _mark(self) -> None:
        row = self.runs.row_of(self._library.current)
        index = self.rows.mapFromSource(self.runs.index(row)) if row >= 0 else QModelIndex()
        if index.row() == self.list.currentIndex().row():
            return
        self._marking = True
        flag = QItemSelectionModel.SelectionFlag.ClearAndSelect
        self.list.selectionModel().setCurrentIndex(index, flag)
        self._marking = False

    def _chosen(self, index: QModelIndex) -> None:
        if not self._marking and (run := index.data(RUN)) is not None:
            self._library.set_current(run.folder)

    def _show_menu(self, point: QPoint) -> None:
        if self.list.indexAt(point).isValid():
            where = self.list.viewport().mapToGlobal(point)
            self._bench.controller.menu_wanted.emit("audit", where)

    def _wants(self, action: str) -> None:
        self._bench.controller.action_wanted.emit(action)

    # ------------------------------------------------------------------ making

    def _dress(self) -> None:
        self.list.setModel(self.rows)
        self.list.setAccessibleName(self.tr("Audits"))
        self.list.setIconSize(QSize(18, 18))
        self.list.setUniformItemSizes(True)
        self.list.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.list.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.list.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setSpacing(1)
        dress(self.list, self._bench.theme)
        self.search.setPlaceholderText(self.tr("Search audits"))
        self.search.setAccessibleName(self.tr("Search audits"))
        self.search.setToolTip(self.tr("In names, models, data sets, attacks, tags and notes"))
        self.search.setClearButtonEnabled(True)
        self.tags.setAccessibleName(self.tr("Tag"))
        self.tags.setToolTip(self.tr("Only audits with this tag"))
        self.none_found.setProperty("role", "muted")
        self.none_found.setAlignment(Qt.AlignmentFlag.AlignCenter)

    def _make_pages(self) -> None:
        self.empty, self.filled = QWidget(), QSplitter(Qt.Orientation.Vertical)
        self._make_invitation()
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(SMALL, SMALL, SMALL, SMALL)
        column.setSpacing(SMALL)
        bar = QHBoxLayout()
        bar.setSpacing(TINY)
        self.tools: dict[str, QToolButton] = {}
        for name, icon in _TOOLS:
            self.tools[name] = button = self._tool(name, icon)
            bar.addWidget(button)
        bar.addStretch(1)
        filters = QHBoxLayout()
        filters.setSpacing(SMALL)
        filters.addWidget(self.search, 3)
        filters.addWidget(self.tags, 2)
        column.addLayout(bar)
        column.addLayout(filters)
        column.addWidget(self.list, 1)
        column.addWidget(self.none_found)
        self.filled.addWidget(left)
        self.filled.addWidget(self.details)
        self.filled.setChildrenCollapsible(False)
        self.filled.setSizes([500, 500])
        self.addWidget(self.empty)
        self.addWidget(self.filled)

    def _make_invitation(self) -> None:
        block = QVBoxLayout(self.empty)
        block.setContentsMargins(LARGE, MEDIUM, LARGE, MEDIUM)
        block.setSpacing(MEDIUM)
        self.reading = QLabel(self.tr("Reading the list of audits…"))
        self.reading.setProperty("role", "muted")
        self.reading.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.invitation = QWidget()
        inside = QVBoxLayout(self.invitation)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(MEDIUM)
        title = QLabel(self.tr("No audits yet"))
        title.setFont(font("title"))
        words = self.tr(
            "An audit tries models against attacks and corruptions over labelled data sets, and "
            "ends in figures with intervals and a report."
        )
        text = QLabel(words)
        text.setProperty("role", "muted")
        for label in (title, text):
            label.setWordWrap(True)
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            inside.addWidget(label)
        self.new_button = QPushButton(self.tr("New audit…"))
        icons.bind_icon(self.new_button, "audits", self._bench.theme)
        self.new_button.clicked.connect(self._asking("new-audit"))
        self.open_button = QPushButton(self.tr("Open audit folder…"))
        icons.bind_icon(self.open_button, "open-folder", self._bench.theme)
        self.open_button.clicked.connect(self._asking("open-audit"))
        for button in (self.new_button, self.open_button):
            inside.addWidget(button, 0, Qt.AlignmentFlag.AlignHCenter)
        block.addStretch(1)
        block.addWidget(self.reading)
        block.addWidget(self.invitation)
        block.addStretch(2)

    def _tool(self, name: str, icon: str) -> QToolButton:
        from medadv_desktop.gui.action_spec import tr
        from medadv_desktop.gui.audit_actions import AUDIT_ACTIONS

        spec = next(spec for spec in AUDIT_ACTIONS if spec.id == name)
        button = QToolButton()
        button.setAutoRaise(True)
        words = tr(spec.text).replace("&", "")
        button.setToolTip(f"{words}\n{tr(spec.tip)}")
        button.setAccessibleName(words)
        icons.bind_icon(button, icon, self._bench.theme)
        button.clicked.connect(self._asking(name))
        return button

    def _asking(self, action: str) -> Callable[[], None]:
        return lambda: self._wants(action)


DOCK = DockSpec(
    id="audits",
    title=QT_TRANSLATE_NOOP("Docks", "Audits"),
    icon="audits",
    area=Qt.DockWidgetArea.LeftDockWidgetArea,
    build=AuditsPanel,
)
