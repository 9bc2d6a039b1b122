"""The panel "Log": what was said, with time and level."""

from __future__ import annotations

from PySide6.QtCore import (
    QT_TRANSLATE_NOOP,
    QAbstractTableModel,
    QLocale,
    QModelIndex,
    QPersistentModelIndex,
    QSortFilterProxyModel,
    Qt,
    QTimer,
)
from PySide6.QtGui import QAction, QGuiApplication, QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QStyle,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from medadv_desktop.gui import icons
from medadv_desktop.gui.docks.spec import DockSpec, Workbench
from medadv_desktop.gui.file_names import FileNames
from medadv_desktop.gui.lists import dress
from medadv_desktop.gui.state.log import KEPT_LINES, Level, LogLine, LogLines
from medadv_desktop.gui.theme import MEDIUM, SMALL, Theme

_LINE = Qt.ItemDataRole.UserRole
_ICONS = {Level.INFO: "info", Level.WARNING: "warning", Level.ERROR: "error"}
_COLORS = {Level.INFO: "muted", Level.WARNING: "warning", Level.ERROR: "danger"}


class LogTable(QAbstractTableModel):
    """The lines as rows: time and text."""

    def __init__(self, log: LogLines, theme: Theme, names: FileNames) -> None:
        super().__init__()
        self._log, self._theme, self._names = log, theme, names
        self._lines = list(log.lines)
        log.added.connect(self._add)
        log.cleared.connect(self._clear)
        theme.changed.connect(self._recolor)
        names.changed.connect(self._recolor)

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._lines)

    def columnCount(self, parent: QModelIndex | QPersistentModelIndex = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else 2

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = 0) -> object:
        line = self._lines[index.row()]
        first = index.column() == 0
        if role == Qt.ItemDataRole.DisplayRole:
            if first:
                return QLocale().toString(line.time.time(), QLocale.FormatType.LongFormat)[:8]
            return " ".join(self._names.text(line.text).split())
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            return self._names.text(line.plain())
        if role == Qt.ItemDataRole.DecorationRole and first:
            return icons.icon(_ICONS[line.level], self._theme, _COLORS[line.level])
        if role == Qt.ItemDataRole.ForegroundRole and (first or line.level > Level.INFO):
            return self._theme.color(_COLORS[line.level])
        if role == _LINE:
            return line
        return None

    def line(self, row: int) -> LogLine:
        return self._lines[row]

    def _add(self, line: LogLine) -> None:
        if len(self._lines) >= KEPT_LINES:
            self.beginRemoveRows(QModelIndex(), 0, 0)
            del self._lines[0]
            self.endRemoveRows()
        row = len(self._lines)
        self.beginInsertRows(QModelIndex(), row, row)
        self._lines.append(line)
        self.endInsertRows()

    def _clear(self) -> None:
        self.beginResetModel()
        self._lines.clear()
        self.endResetModel()

    def _recolor(self) -> None:
        if self._lines:
            last = self.index(len(self._lines) - 1, 1)
            self.dataChanged.emit(self.index(0, 0), last)


class _FromLevel(QSortFilterProxyModel):
    def __init__(self, table: LogTable) -> None:
        super().__init__()
        self._table = table
        self._level = Level.INFO
        self.setSourceModel(table)

    def set_level(self, level: Level) -> None:
        self._level = level
        self.invalidate()

    def filterAcceptsRow(
        self, source_row: int, _parent: QModelIndex | QPersistentModelIndex
    ) -> bool:
        return self._table.line(source_row).level >= self._level


class LogPanel(QWidget):
    """The lines, a filter, copy and clear."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._log, self._names = bench.log, bench.controller.names
        self._table = LogTable(bench.log, bench.theme, bench.controller.names)
        self._rows = _FromLevel(self._table)
        self.view = QTableView()
        self.view.setModel(self._rows)
        self.view.setAccessibleName(self.tr("Log"))
        self.view.setShowGrid(False)
        dress(self.view, bench.theme)
        self.view.setWordWrap(False)
        self.view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.view.setTabKeyNavigation(False)
        self.view.horizontalHeader().hide()
        # Not ResizeToContents: that looks at a thousand lines for every line that comes.
        icon = self.view.style().pixelMetric(QStyle.PixelMetric.PM_SmallIconSize)
        time_width = self.fontMetrics().horizontalAdvance("00:00:00")
        self.view.horizontalHeader().resizeSection(0, icon + time_width + 3 * MEDIUM)
        self.view.horizontalHeader().setStretchLastSection(True)
        self.view.verticalHeader().hide()
        self.view.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + SMALL)
        self.level = QComboBox()
        self.level.setAccessibleName(self.tr("Show from level"))
        self.level.setToolTip(self.tr("Which lines are shown"))
        for text, level in (
            (self.tr("All lines"), Level.INFO),
            (self.tr("Warnings and errors"), Level.WARNING),
            (self.tr("Errors"), Level.ERROR),
        ):
            self.level.addItem(text, level)
        self.level.currentIndexChanged.connect(self._choose_level)
        self.copy = QPushButton(self.tr("Copy"))
        self.copy.setToolTip(self.tr("Copy the marked lines with their details, or all shown"))
        self.copy.clicked.connect(self.copy_lines)
        icons.bind_icon(self.copy, "copy", bench.theme)
        self.clear = QPushButton(self.tr("Clear"))
        self.clear.setToolTip(self.tr("Take all lines off the log"))
        self.clear.clicked.connect(bench.log.clear)
        icons.bind_icon(self.clear, "remove", bench.theme)
        copy_keys = QAction(self.tr("Copy lines"), self)
        copy_keys.setShortcut(QKeySequence(QKeySequence.StandardKey.Copy))
        copy_keys.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        copy_keys.triggered.connect(self.copy_lines)
        self.view.addAction(copy_keys)
        self.view.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        self._arrange()
        # Lines can come by the thousand; the view follows once they have come.
        self._following = QTimer(self, interval=0, singleShot=True)
        self._following.timeout.connect(self.view.scrollToBottom)
        self._rows.rowsInserted.connect(self._follow)

    def shown(self) -> tuple[LogLine, ...]:
        """The lines that pass the filter."""
        count = self._rows.rowCount()
        return tuple(self._rows.index(row, 0).data(_LINE) for row in range(count))

    def copy_lines(self) -> None:
        """The marked lines, or all that are shown, to the clipboard."""
        marked = [index.data(_LINE) for index in self.view.selectionModel().selectedRows()]
        lines = marked or list(self.shown())
        text = "".join(f"{line.plain()}\n" for line in lines)
        QGuiApplication.clipboard().setText(self._names.text(text))

    def _arrange(self) -> None:
        bar = QHBoxLayout()
        bar.setSpacing(MEDIUM)
        label = QLabel(self.tr("Show"))
        label.setBuddy(self.level)
        for widget in (label, self.level, self.copy, self.clear):
            bar.addWidget(widget)
        bar.insertStretch(2)
        block = QVBoxLayout(self)
        block.setContentsMargins(MEDIUM, SMALL, MEDIUM, MEDIUM)
        block.setSpacing(SMALL)
        block.addLayout(bar)
        block.addWidget(self.view)

    def _choose_level(self) -> None:
        self._rows.set_level(self.level.currentData())

    def _follow(self) -> None:
        bar = self.view.verticalScrollBar()
        if bar.value() >= bar.maximum() - 2:
            self._following.start()


DOCK = DockSpec(
    id="log",
    title=QT_TRANSLATE_NOOP("Docks", "Log"),
    icon="log",
    area=Qt.DockWidgetArea.BottomDockWidgetArea,
    build=LogPanel,
)
