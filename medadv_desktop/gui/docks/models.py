"""The panel "Models": every model that can be chosen, what its card says, and what can be done."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import (
    QT_TRANSLATE_NOOP,
    QAbstractTableModel,
    QItemSelectionModel,
    QLocale,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QSize,
    QSortFilterProxyModel,
    Qt,
)
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMessageBox,
    QPushButton,
    QScrollArea,
    QSplitter,
    QTableView,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from medadv_desktop.gui import icons
from medadv_desktop.gui.docks.spec import DockSpec, Workbench
from medadv_desktop.gui.lists import dress
from medadv_desktop.gui.state.model_library import CodeWish, ModelLibrary, ModelState
from medadv_desktop.gui.theme import MEDIUM, SMALL, TINY, Theme, font
from medadv_desktop.gui.wizards.model_import.sheet import Sheet
from medadv_desktop.gui.wizards.model_import.summary import architecture_text, card_words
from medadv_desktop.gui.wizards.steps import Callout
from medadv_desktop.models.library import BrokenEntry, LibraryEntry

NAME, STATE, TASK, CLASSES, ARCHITECTURE, FORMAT, ACCESS, FINGERPRINT, ORIGIN = range(9)
_WIDTHS = (26, 15, 10, 9, 17, 20, 12, 11, 9)
_SHORT = 8
_CARD_WIDTH = 180
_STATE_COLORS = {
    ModelState.IN_USE: "success",
    ModelState.SECOND: "accent",
    ModelState.LOADING: "warning",
    ModelState.READY: "muted",
    ModelState.BROKEN: "danger",
}
_ROLE = Qt.ItemDataRole
Entry = LibraryEntry | BrokenEntry
Index = QModelIndex | QPersistentModelIndex
Done = Callable[[], None]


class ModelTable(QAbstractTableModel):
    """A row for each entry of the library."""

    def __init__(self, library: ModelLibrary, theme: Theme) -> None:
        super().__init__()
        self._library, self._theme = library, theme
        self._entries: tuple[Entry, ...] = library.entries
        library.changed.connect(self._refresh)
        theme.changed.connect(self._recolor)

    def entry(self, row: int) -> Entry:
        return self._entries[row]

    def row_of(self, entry: Entry) -> int | None:
        """Where an entry stands, by its card's path."""
        rows = (row for row, e in enumerate(self._entries) if e.path == entry.path)
        return next(rows, None)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._entries)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(_WIDTHS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = _ROLE.DisplayRole
    ) -> object:
        if role != _ROLE.DisplayRole or orientation is Qt.Orientation.Vertical:
            return None
        return (
            self.tr("Model"),
            self.tr("State"),
            self.tr("Task"),
            self.tr("Classes"),
            self.tr("Architecture"),
            self.tr("Format"),
            self.tr("Access"),
            self.tr("SHA-256"),
            self.tr("Origin"),
        )[section]

    def data(self, index: Index, role: int = _ROLE.DisplayRole) -> object:
        entry, column = self._entries[index.row()], index.column()
        if role == _ROLE.DisplayRole:
            return self._text(entry, column)
        if role == _ROLE.ToolTipRole:
            return self._tip(entry, column)
        if role == _ROLE.ForegroundRole and column == STATE:
            return self._theme.color(_STATE_COLORS[self._library.state(entry)])
        if role == _ROLE.ForegroundRole and isinstance(entry, BrokenEntry):
            return self._theme.color("muted")
        if role == _ROLE.FontRole and column == NAME and self._in_use(entry):
            return font("strong")
        if role == _ROLE.FontRole and column == FINGERPRINT:
            return font("fixed")
        if role == _ROLE.TextAlignmentRole and column == CLASSES:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if role == _ROLE.DecorationRole and column == NAME:
            broken = isinstance(entry, BrokenEntry)
            return icons.icon(
                "warning" if broken else "model", self._theme, "danger" if broken else "muted"
            )
        return None

    def _text(self, entry: Entry, column: int) -> str:
        if column == STATE:
            return self.state_text(entry)
        if column == ORIGIN:
            if isinstance(entry, LibraryEntry) and entry.shipped:
                return self.tr("shipped")
            return self.tr("yours") if self._library.own(entry) else self.tr("opened")
        if isinstance(entry, BrokenEntry):
            return entry.path.stem if column == NAME else ""
        card = entry.card
        return {
            NAME: card.name,
            TASK: self.tr("findings") if card.multi_label else self.tr("classes"),
            CLASSES: QLocale().toString(len(card.classes)),
            ARCHITECTURE: architecture_text(card),
            FORMAT: card.source_format or entry.card.weights.rpartition(".")[2],
            ACCESS: self._access(entry),
            FINGERPRINT: card.sha256[:_SHORT],
        }[column]

    def state_text(self, entry: Entry) -> str:
        """How a model stands, in words."""
        return {
            ModelState.IN_USE: self.tr("in use"),
            ModelState.SECOND: self.tr("second model"),
            ModelState.LOADING: self.tr("loading…"),
            ModelState.READY: self.tr("ready"),
            ModelState.BROKEN: self.tr("broken"),
        }[self._library.state(entry)]

    def _access(self, entry: LibraryEntry) -> str:
        known = self._library.white_box(entry)
        if known is None:
            return self.tr("when loaded")
        return self.tr("white box") if known else self.tr("scores only")

    def _tip(self, entry: Entry, column: int) -> str:
        if isinstance(entry, BrokenEntry):
            return entry.reason
        if column == ACCESS:
            return {
                True: self.tr("Gradients pass through it: every attack fits"),
                False: self.tr("No gradients: only attacks by scores or decisions fit"),
                None: self.tr("Whether gradients pass through it is known once it was loaded"),
            }[self._library.white_box(entry)]
        if column == FINGERPRINT:
            return entry.card.sha256 or self.tr("Its card names no fingerprint")
        return "\n".join(t for t in (entry.card.summary, str(entry.path)) if t)

    def _in_use(self, entry: Entry) -> bool:
        return self._library.state(entry) in (ModelState.IN_USE, ModelState.SECOND)

    def _refresh(self) -> None:
        if self._library.entries != self._entries:
            self.beginResetModel()
            self._entries = self._library.entries
            self.endResetModel()
        else:
            self._recolor()

    def _recolor(self) -> None:
        if self._entries:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._entries) - 1, ORIGIN))


class ModelsPanel(QWidget):
    """The table, what can be done with the marked model, and its card."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._bench = bench
        self._library = bench.controller.model_library
        self._questions: list[QMessageBox] = []
        self._marking = False
        self.table = ModelTable(self._library, bench.theme)
        self.rows = QSortFilterProxyModel(self)
        self.rows.setSourceModel(self.table)
        self.rows.setFilterKeyColumn(-1)
        self.rows.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.rows.setSortCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.view = QTableView()
        self.search = QLineEdit()
        self.title = QLabel()
        self.broken = Callout(bench.theme)
        self.sheet = Sheet(bench.theme)
        self.buttons: dict[str, QToolButton | QPushButton] = {}
        self._dress()
        self._arrange()
        self.search.textChanged.connect(self.rows.setFilterFixedString)
        self.view.selectionModel().currentRowChanged.connect(self._marked_by_hand)
        self.view.doubleClicked.connect(lambda: self._wants("use-model"))
        self.view.customContextMenuRequested.connect(self._show_menu)
        self.table.modelReset.connect(self._mark_row)
        library = self._library
        library.marked_changed.connect(self._mark_row)
        library.marked_changed.connect(self._show_card)
        library.changed.connect(self._show_card)
        library.code_wanted.connect(self._ask_for_code)
        library.removal_wanted.connect(self._ask_for_removal)
        self._show_card()

    def sizeHint(self) -> QSize:
        return QSize(640, 220)

    def minimumSizeHint(self) -> QSize:
        """The buttons in a row; what stands beside each other can stand above each other."""
        return QSize(220, super().minimumSizeHint().height())

    @property
    def questions(self) -> tuple[QMessageBox, ...]:
        """What waits for an answer."""
        return tuple(self._questions)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Side by side where there is room, else one under the other."""
        super().resizeEvent(event)
        wide = self.width() > 1.1 * self.height()
        side = Qt.Orientation.Horizontal if wide else Qt.Orientation.Vertical
        if self.splitter.orientation() is not side:
            self.splitter.setOrientation(side)
            self._share_out()

    def _share_out(self) -> None:
        """The table takes most of the room, the card the rest."""
        wide = self.splitter.orientation() is Qt.Orientation.Horizontal
        self.splitter.setSizes([600, 400] if wide else [500, 500])

    # ------------------------------------------------------------------ making

    def _dress(self) -> None:
        self.view.setModel(self.rows)
        self.view.setAccessibleName(self.tr("Models"))
        self.view.setShowGrid(False)
        self.view.setWordWrap(False)
        self.view.setSortingEnabled(False)
        self.view.setTabKeyNavigation(False)
        self.view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.view.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.view.horizontalHeader().setStretchLastSection(True)
        self.view.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
        self.view.horizontalHeader().setHighlightSections(False)
        self.view.verticalHeader().hide()
        self.view.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 2 * SMALL)
        letter = self.fontMetrics().averageCharWidth()
        for column, letters in enumerate(_WIDTHS):
            self.view.setColumnWidth(column, letters * letter)
        dress(self.view, self._bench.theme)
        self.search.setPlaceholderText(self.tr("Search models"))
        self.search.setClearButtonEnabled(True)
        self.search.setAccessibleName(self.tr("Search models"))
        self.title.setFont(font("strong"))
        self.sheet.title.hide()

    def _arrange(self) -> None:
        # Two rows, so that the panel fits into a column at the side of the window.
        head, bar = QHBoxLayout(), QHBoxLayout()
        head.setSpacing(SMALL)
        bar.setSpacing(TINY)
        first = self._button("import-model", self.tr("Import…"), "import-model", words=True)
        head.addWidget(first)
        head.addWidget(self.search, 1)
        for action, text, icon in (
            ("use-model", self.tr("Use as model"), "model"),
            ("use-second-model", self.tr("Use as second model"), "second-model"),
            ("check-model", self.tr("Check on images"), "probe"),
            ("edit-card", self.tr("Edit card"), "edit"),
            ("copy-fingerprint", self.tr("Copy SHA-256"), "copy"),
            ("reveal-model", self.tr("Show folder"), "link"),
            ("remove-model", self.tr("Remove"), "remove"),
        ):
            bar.addWidget(self._button(action, text, icon))
        bar.addStretch(1)
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(MEDIUM, 0, 0, 0)
        column.setSpacing(MEDIUM)
        column.addWidget(self.title)
        column.addWidget(self.broken)
        column.addWidget(self.sheet, 1)
        card = QScrollArea()
        card.setWidget(inside)
        card.setWidgetResizable(True)
        card.setFrameShape(QFrame.Shape.NoFrame)
        card.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        card.setAccessibleName(self.tr("Card of the marked model"))
        card.setMinimumSize(_CARD_WIDTH, 0)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.addWidget(self.view)
        self.splitter.addWidget(card)
        self.splitter.setStretchFactor(0, 5)
        self.splitter.setStretchFactor(1, 3)
        self._share_out()
        block = QVBoxLayout(self)
        block.setContentsMargins(MEDIUM, SMALL, MEDIUM, MEDIUM)
        block.setSpacing(SMALL)
        block.addLayout(head)
        block.addLayout(bar)
        block.addWidget(self.splitter, 1)

    def _button(
        self, action: str, text: str, icon: str, *, words: bool = False
    ) -> QToolButton | QPushButton:
        button = QPushButton(text) if words else QToolButton()
        button.setToolTip(text)
        button.setAccessibleName(text)
        icons.bind_icon(button, icon, self._bench.theme)
        button.clicked.connect(lambda: self._wants(action))
        self.buttons[action] = button
        return button

    # ------------------------------------------------------------------ showing and asking

    def _wants(self, action: str) -> None:
        self._bench.controller.action_wanted.emit(action)

    def _show_menu(self, point: QPoint) -> None:
        if self.view.indexAt(point).isValid():
            where = self.view.viewport().mapToGlobal(point)
            self._bench.controller.menu_wanted.emit("models", where)

    def _marked_by_hand(self, current: QModelIndex) -> None:
        if not self._marking and current.isValid():
            self._library.mark(self.table.entry(self.rows.mapToSource(current).row()))

    def _mark_row(self) -> None:
        marked = self._library.marked
        row = self.table.row_of(marked) if marked is not None else None
        self._marking = True
        index = QModelIndex() if row is None else self.rows.mapFromSource(self.table.index(row, 0))
        flags = QItemSelectionModel.SelectionFlag
        self.view.selectionModel().setCurrentIndex(index, flags.ClearAndSelect | flags.Rows)
        if index.isValid():
            self.view.scrollTo(index)
        self._marking = False

    def _show_card(self) -> None:
        marked = self._library.marked
        usable = isinstance(marked, LibraryEntry)
        own = marked is not None and self._library.own(marked)
        for action, possible in (
            ("use-model", usable),
            ("use-second-model", usable),
            ("check-model", usable),
            ("edit-card", usable and own),
            ("copy-fingerprint", usable and bool(marked.card.sha256)),
            ("reveal-model", marked is not None),
            ("remove-model", own),
        ):
            self.buttons[action].setEnabled(possible)
        if marked is None:
            self.title.setText("")
            hint = self.tr("Mark a model to see its card, or import one: drop its file here.")
            self.broken.say("info", hint)
            self.sheet.show_lines("", ())
        elif isinstance(marked, BrokenEntry):
            self.title.setText(marked.path.name)
            reason = marked.reason.removeprefix(f"{marked.path}: ")
            self.broken.say("error", reason[:1].upper() + reason[1:], str(marked.path))
            self.sheet.show_lines("", ())
        else:
            self.title.setText(marked.card.name)
            self.broken.say("info", "")
            place = (self.tr("Card"), str(marked.path))
            self.sheet.show_lines(marked.card.name, (*card_words(marked.card), place))

    def _ask_for_code(self, wish: CodeWish) -> None:
        """May the code of a model run? Asked once a session for each file."""
        text = self.tr("{name} is a program: loading it runs the code of {file}.")
        more = self.tr(
            "It runs with your rights and may read, change and send whatever you can on this "
            "computer. You are asked once; a file that changes is asked about again."
        )
        run = self.tr("Run its code")
        self._ask(
            text.format(name=wish.name, file=wish.code),
            more,
            run,
            lambda: self._library.agree(wish.model),
            lambda: self._library.refuse(wish.model),
        )

    def _ask_for_removal(self) -> None:
        marked = self._library.marked
        if marked is None:
            return
        name = marked.card.name if isinstance(marked, LibraryEntry) else marked.path.name
        text = self.tr("Remove {name} from the library?").format(name=name)
        more = self.tr("Its card and the copy of its weights are deleted: {folder}")
        self._ask(
            text,
            more.format(folder=marked.path.parent),
            self.tr("Remove"),
            lambda: self._library.remove(marked),
            lambda: None,
        )

    def _ask(self, text: str, more: str, yes: str, agreed: Done, refused: Done) -> None:
        box = QMessageBox(QMessageBox.Icon.Warning, "MedAdv Desktop", text, parent=self.window())
        box.setInformativeText(more)
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        does = box.addButton(yes, QMessageBox.ButtonRole.AcceptRole)
        no = box.addButton(QMessageBox.StandardButton.Cancel)
        box.setDefaultButton(no)
        box.setEscapeButton(no)
        self._questions.append(box)

        def answered() -> None:
            self._questions.remove(box)
            (agreed if box.clickedButton() is does else refused)()

        box.finished.connect(answered)
        box.open()


DOCK = DockSpec(
    id="models",
    title=QT_TRANSLATE_NOOP("Docks", "Models"),
    icon="model",
    area=Qt.DockWidgetArea.LeftDockWidgetArea,
    build=ModelsPanel,
)
