"""The panel "Data sets": the library, what is known of each entry, and samples with predictions."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import (
    QT_TRANSLATE_NOOP,
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QSize,
    Qt,
)
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDockWidget,
    QHBoxLayout,
    QLabel,
    QListView,
    QPushButton,
    QSizePolicy,
    QSplitter,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from medadv_desktop.gui import icons
from medadv_desktop.gui.docks.spec import DockSpec, Workbench
from medadv_desktop.gui.labelled.bars import counted
from medadv_desktop.gui.labelled.deck import Deck, Stage
from medadv_desktop.gui.labelled.details import EntryDetails
from medadv_desktop.gui.labelled.match_dialog import MatchDialog
from medadv_desktop.gui.labelled.strip import SampleStrip
from medadv_desktop.gui.lists import dress
from medadv_desktop.gui.state.dataset_library import DatasetEntry, DatasetLibrary
from medadv_desktop.gui.theme import LARGE, MEDIUM, SMALL, TINY, Theme, font
from medadv_desktop.gui.wizards.steps import Callout

_ROLE = Qt.ItemDataRole
Index = QModelIndex | QPersistentModelIndex
_TOOLS = (
    "import-dataset",
    "open-dataset",
    "look-over-dataset",
    "reveal-dataset",
    "remove-dataset",
)


class EntryList(QAbstractListModel):
    """The entries by name, with a second line each."""

    def __init__(self, library: DatasetLibrary, theme: Theme) -> None:
        super().__init__()
        self._library, self._theme = library, theme
        self._ids: tuple[str, ...] = ()
        library.changed.connect(self._refresh)
        theme.changed.connect(self._repaint)
        self._refresh()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._ids)

    def row_of(self, entry_id: str) -> int:
        return self._ids.index(entry_id) if entry_id in self._ids else -1

    def entry(self, row: int) -> DatasetEntry | None:
        return self._library.find(self._ids[row]) if 0 <= row < len(self._ids) else None

    def data(self, index: Index, role: int = _ROLE.DisplayRole) -> object:
        entry = self.entry(index.row())
        if entry is None:
            return None
        missing = self._library.missing.get(entry.id, "")
        if role == _ROLE.DisplayRole:
            return f"{entry.name}\n{self._second(entry, missing)}"
        if role == _ROLE.ToolTipRole:
            return missing or None
        if role == _ROLE.DecorationRole:
            name = "warning" if missing else "dataset"
            return icons.icon(name, self._theme, "danger" if missing else "muted")
        if role == _ROLE.ForegroundRole and missing:
            return self._theme.color("muted")
        return None

    def _second(self, entry: DatasetEntry, missing: str) -> str:
        if missing:
            return self.tr("missing")
        samples = counted(entry.samples, self.tr("{0} sample"), self.tr("{0} samples"))
        classes = counted(len(entry.counts), self.tr("{0} class"), self.tr("{0} classes"))
        return f"{samples} · {classes}"

    def _refresh(self) -> None:
        ids = tuple(entry.id for entry in self._library.entries)
        if ids != self._ids:
            self.beginResetModel()
            self._ids = ids
            self.endResetModel()
        self._repaint()

    def _repaint(self) -> None:
        if self._ids:
            self.dataChanged.emit(self.index(0), self.index(len(self._ids) - 1))


class DatasetsPanel(QStackedWidget):
    """List, details and samples; an invitation where there is nothing."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._bench, self._librarian = bench, bench.controller.librarian
        self._library = self._librarian.library
        self.deck = Deck(bench.controller, bench.case, self)
        self.entries = EntryList(self._library, bench.theme)
        self.list = QListView()
        self.list.setModel(self.entries)
        self.list.setAccessibleName(self.tr("Data sets"))
        self.list.setIconSize(QSize(20, 20))
        self.list.setUniformItemSizes(True)
        self.list.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.list.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.list.customContextMenuRequested.connect(self._show_menu)
        self.list.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setSpacing(1)
        self.list.setMinimumWidth(120)
        dress(self.list, bench.theme)
        self.details = EntryDetails(bench)
        self.strip = SampleStrip(bench.theme, bench.controller.privacy, judged=True)
        self.samples = QLabel(self.tr("Samples"))
        self.samples.setFont(font("strong"))
        self.state = QLabel()
        self.state.setTextFormat(Qt.TextFormat.PlainText)
        self.state.setWordWrap(True)
        self.state.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.draw = QToolButton()
        self.draw.setAutoRaise(True)
        self.draw.setToolTip(self.tr("Draw other samples"))
        self.draw.setAccessibleName(self.draw.toolTip())
        icons.bind_icon(self.draw, "dice", bench.theme)
        self.match = QPushButton(self.tr("Match classes…"))
        self.match.setFlat(True)
        self.match.setToolTip(self.tr("Say which class of the model each class of the data set is"))
        self.refusal = Callout(bench.theme)
        self._make_pages()
        self.list.selectionModel().currentChanged.connect(self._chosen)
        self.list.activated.connect(lambda _: self.open_shown())
        self.strip.chosen.connect(lambda preview: self._open([preview.sample]))
        self.draw.clicked.connect(self.deck.draw_again)
        self.match.clicked.connect(self.match_classes)
        self.refusal.acted.connect(self._librarian.start_anew)
        self.deck.cleared.connect(self.strip.samples.clear)
        self.deck.preview_added.connect(self.strip.samples.add)
        self.deck.verdict_changed.connect(self.strip.samples.set_verdict)
        self.deck.changed.connect(self._show_state)
        self._library.changed.connect(self._show)
        self._library.current_changed.connect(self._show)
        self._show()

    def sizeHint(self) -> QSize:
        return QSize(640, 220)

    def minimumSizeHint(self) -> QSize:
        return QSize(200, 80)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Side by side where there is room, else one under the other."""
        super().resizeEvent(event)
        wide = self.width() > 1.1 * self.height()
        side = Qt.Orientation.Horizontal if wide else Qt.Orientation.Vertical
        if self.filled.orientation() is not side:
            self.filled.setOrientation(side)
            self.filled.setSizes([190, 300, 520] if wide else [150, 260, 400])

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ParentChange and isinstance(self.parent(), QDockWidget):
            # A dock behind another counts as visible; only this signal tells that it is not.
            self.parent().visibilityChanged.connect(self.deck.set_wanted)
        return super().event(event)

    # ------------------------------------------------------------------ what actions ask for

    def open_shown(self) -> None:
        """Open the samples that are shown, each with its true label."""
        self._open([preview.sample for preview in self.deck.previews if not preview.reason])

    def match_classes(self) -> None:
        """Ask which class of the chosen model each class of the data set is."""
        entry, card = self._library.current, self.deck.card
        if entry is None or card is None:
            return
        said = entry.matches.get(card.id, {})
        dialog = MatchDialog(entry.name, entry.classes, card, said, self)
        entry_id, model = entry.id, card.id
        dialog.chosen.connect(lambda said: self._librarian.set_matches(entry_id, model, said))
        dialog.open()

    # ------------------------------------------------------------------ inside

    def _open(self, samples: list[object]) -> None:
        entry, dataset = self._library.current, self.deck.dataset
        if entry is not None and dataset is not None and samples:
            self._librarian.open_samples(entry, dataset, samples)

    def _chosen(self, index: QModelIndex) -> None:
        entry = self.entries.entry(index.row())
        if entry is not None:
            self._library.set_current(entry.id)

    def _show_menu(self, point: QPoint) -> None:
        if self.list.indexAt(point).isValid():
            where = self.list.viewport().mapToGlobal(point)
            self._bench.controller.menu_wanted.emit("dataset", where)

    def _show(self) -> None:
        empty = not self._library.entries
        refused = bool(self._library.refusal)
        self.refusal.say(
            "error",
            self._bench.controller.names.text(self._library.refusal),
            action=self.tr("Start a new list") if refused else "",
        )
        self.invitation.setVisible(not refused)
        self.setCurrentWidget(self.empty if empty or refused else self.filled)
        entry = self._library.current
        row = self.entries.row_of(entry.id) if entry is not None else -1
        if row != self.list.currentIndex().row():
            self.list.setCurrentIndex(self.entries.index(row) if row >= 0 else QModelIndex())
        self.details.show_entry(entry)
        self._show_state()

    def _show_state(self) -> None:
        """The line above the samples: how many are right, or what is in the way."""
        deck, match = self.deck, self.deck.match
        text, role = self._state()
        self.draw.setEnabled(deck.stage is Stage.READY)
        self.state.setText(text)
        self.state.setProperty("role", role)
        self.state.style().polish(self.state)
        unmatched = match is not None and bool(match.unmatched)
        self.match.setVisible(unmatched and match.task == match.card.task)

    def _state(self) -> tuple[str, str]:
        """The words and the role that colours them."""
        deck, entry, names = self.deck, self._library.current, self._bench.controller.names
        card, match = deck.card, deck.match
        if entry is None:
            return "", "muted"
        if entry.id in self._library.missing:
            return self.tr("The data is missing"), "danger"
        if deck.stage is Stage.FAILED or deck.failure:
            return names.text(deck.error or deck.failure), "danger"
        if deck.stage is Stage.OPENING:
            return self.tr("Opening…"), "muted"
        if card is None or match is None:
            return self.tr("Choose a model to see what it says of them"), "muted"
        if match.refusal:
            return f"{match.refusal}", "warning"
        right, known = deck.right
        words = self.tr("{model} predicts…").format(model=card.name)
        if known:
            words = self.tr("{right} of {known} right by {model}")
            words = words.format(model=card.name, right=right, known=known)
        if match.unmatched:
            listed = ", ".join(match.unmatched[:4]) + (", …" if len(match.unmatched) > 4 else "")
            return words + self.tr("; no match for {names}").format(names=listed), "warning"
        return words, "muted"

    # ------------------------------------------------------------------ making

    def _make_pages(self) -> None:
        self.empty, self.filled = QWidget(), QSplitter(Qt.Orientation.Horizontal)
        self._make_invitation()
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(SMALL, SMALL, SMALL, SMALL)
        column.setSpacing(SMALL)
        bar = QHBoxLayout()
        bar.setSpacing(TINY)
        specs = {spec.id: spec for spec in _dataset_actions()}
        self.tools: dict[str, QToolButton] = {}
        for name in _TOOLS:
            self.tools[name] = button = self._tool(specs[name])
            bar.addWidget(button)
        bar.addStretch(1)
        column.addLayout(bar)
        column.addWidget(self.list, 1)
        right = QWidget()
        shown = QVBoxLayout(right)
        shown.setContentsMargins(SMALL, SMALL, SMALL, SMALL)
        shown.setSpacing(TINY)
        head = QHBoxLayout()
        head.setSpacing(MEDIUM)
        head.addWidget(self.samples)
        head.addStretch(1)
        head.addWidget(self.match)
        head.addWidget(self.draw)
        shown.addLayout(head)
        shown.addWidget(self.state)
        shown.addWidget(self.strip, 1)
        for part in (left, self.details, right):
            self.filled.addWidget(part)
        self.filled.setChildrenCollapsible(False)
        self.filled.setSizes([190, 300, 520])
        for at, stretch in enumerate((2, 3, 5)):
            self.filled.setStretchFactor(at, stretch)
        self.addWidget(self.empty)
        self.addWidget(self.filled)

    def _make_invitation(self) -> None:
        block = QVBoxLayout(self.empty)
        block.setContentsMargins(LARGE, MEDIUM, LARGE, MEDIUM)
        block.setSpacing(MEDIUM)
        self.invitation = QWidget()
        inside = QVBoxLayout(self.invitation)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(MEDIUM)
        title = QLabel(self.tr("No data sets yet"))
        title.setFont(font("title"))
        text = QLabel(
            self.tr(
                "Import a labelled folder, a table or a MedMNIST archive, or drop it on the "
                "window. Images stay where they are."
            )
        )
        text.setProperty("role", "muted")
        for label in (title, text):
            label.setWordWrap(True)
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            inside.addWidget(label)
        self.import_button = QPushButton(self.tr("Import data set…"))
        self.import_button.setObjectName("import-dataset")
        icons.bind_icon(self.import_button, "dataset", self._bench.theme)
        self.import_button.clicked.connect(self._asking("import-dataset"))
        inside.addWidget(self.import_button, 0, Qt.AlignmentFlag.AlignHCenter)
        block.addStretch(1)
        block.addWidget(self.refusal)
        block.addWidget(self.invitation)
        block.addStretch(2)

    def _tool(self, spec: object) -> QToolButton:
        from medadv_desktop.gui.action_spec import tr

        button = QToolButton()
        button.setAutoRaise(True)
        words = tr(spec.text).replace("&", "")
        button.setToolTip(f"{words}\n{tr(spec.tip)}")
        button.setAccessibleName(words)
        icons.bind_icon(button, spec.icon, self._bench.theme)
        button.clicked.connect(self._asking(spec.id))
        return button

    def _asking(self, action: str) -> Callable[[], None]:
        return lambda: self._bench.controller.action_wanted.emit(action)


def _dataset_actions() -> tuple[object, ...]:
    from medadv_desktop.gui.dataset_actions import DATASET_ACTIONS

    return DATASET_ACTIONS


DOCK = DockSpec(
    id="datasets",
    title=QT_TRANSLATE_NOOP("Docks", "Data sets"),
    icon="dataset",
    area=Qt.DockWidgetArea.LeftDockWidgetArea,
    build=DatasetsPanel,
)
