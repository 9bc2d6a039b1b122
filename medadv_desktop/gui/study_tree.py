"""Studies, series, instances, frames, and what was not opened, as a tree for a view."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from PySide6.QtCore import (
    QAbstractItemModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QSize,
    Qt,
)
from PySide6.QtGui import QIcon, QPixmap

from medadv_desktop.gui import icons
from medadv_desktop.gui.file_names import FileNames
from medadv_desktop.gui.state.studies import Position, StudyList
from medadv_desktop.gui.study_labels import StudyLabels
from medadv_desktop.gui.study_nodes import Kind, Node, Wanted
from medadv_desktop.gui.theme import ICON, Theme
from medadv_desktop.gui.thumbnails import Thumbnails
from medadv_desktop.gui.tiles import TILE, tile

_ROW, _TILE_ROW = 26, TILE + 6
_KEPT_TILES = 2000
NODE = Qt.ItemDataRole.UserRole
Index = QModelIndex | QPersistentModelIndex


class StudyTree(QAbstractItemModel):
    """Follows the list of studies: rows come and go where something changed, all others stay.

    Attributes:
        ratio: physical pixels to one device-independent pixel of the view.
        following: rows come and go just now: where a view's mark moves, nobody moved it.
    """

    def __init__(
        self,
        studies: StudyList,
        thumbnails: Thumbnails,
        theme: Theme,
        names: FileNames,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._studies, self._thumbnails, self._theme = studies, thumbnails, theme
        self._labels = StudyLabels(names)
        self.ratio = 1.0
        self.following = False
        self._by_path: dict[Path, Node] = {}
        self._covers: dict[Path, Node] = {}
        self._tiles: dict[tuple[Path, str, bool], QIcon] = {}
        self._root = Node((Kind.ROOT, "", studies), None, 0, self._made)
        studies.changed.connect(self._take_over)
        thumbnails.ready.connect(self._tile_ready)
        theme.changed.connect(self._all_changed)
        names.changed.connect(self._all_changed)

    # ------------------------------------------------------------------ the model's interface

    def index(self, row: int, column: int, parent: Index = QModelIndex()) -> QModelIndex:  # noqa: B008
        node = self.node(parent)
        if column != 0 or not 0 <= row < len(node.children):
            return QModelIndex()
        return self.createIndex(row, 0, node.children[row])

    def parent(self, child: Index) -> QModelIndex:  # type: ignore[override]
        node = self.node(child).parent
        return QModelIndex() if node is None else self.index_of(node)

    def hasChildren(self, parent: Index = QModelIndex()) -> bool:  # noqa: B008
        return self.node(parent).has_children

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return len(self.node(parent).children)

    def columnCount(self, _parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 1

    def flags(self, _index: Index) -> Qt.ItemFlag:
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        node = self.node(index)
        if role == Qt.ItemDataRole.DisplayRole:
            return self._labels.text(node)
        if role == Qt.ItemDataRole.DecorationRole:
            return self._icon(node)
        if role == Qt.ItemDataRole.SizeHintRole:
            tiled = node.kind in (Kind.INSTANCE, Kind.SERIES)
            return QSize(0, _TILE_ROW if tiled else _ROW)
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._labels.tip(node)
        if role == Qt.ItemDataRole.ForegroundRole and node.kind is Kind.UNREADABLE:
            return self._theme.color("muted" if node.value.skipped else "danger")
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return self._labels.spoken(node)
        if role == NODE:
            return node
        return None

    # ------------------------------------------------------------------ finding rows

    def node(self, index: Index) -> Node:
        return index.internalPointer() if index.isValid() else self._root

    def index_of(self, node: Node) -> QModelIndex:
        if node.kind is Kind.ROOT:
            return QModelIndex()
        return self.createIndex(node.row, 0, node)

    def index_at(self, position: Position) -> QModelIndex:
        """The row of a frame; invalid where it is not in the tree."""
        place = self._studies.place_of(position.instance)
        if place is None or place.study >= len(self._root.children):
            return QModelIndex()
        node = self._root.children[place.study].children[place.series].below(place.instance)
        if node is None:
            return QModelIndex()
        if node.has_children:
            node = node.below(position.frame) or node
        return self.index_of(node)

    # ------------------------------------------------------------------ following the list

    def _made(self, node: Node) -> None:
        if node.kind is Kind.INSTANCE:
            self._by_path[node.value.path] = node

    def _take_over(self) -> None:
        self.following = True
        try:
            self._follow(self._root)
        finally:
            self.following = False

    def _follow(self, node: Node) -> None:
        """Bring the rows below a node, as far as they were made, to what they are to be."""
        if not node.is_grown:
            return
        wanted = node.wanted()
        keys = {key for _, key, _ in wanted}
        for first, last in _runs([c.row for c in node.children if c.key not in keys])[::-1]:
            self._remove(node, first, last)
        kept = [c.key for c in node.children]
        have = set(kept)
        if kept != [key for _, key, _ in wanted if key in have]:
            self._remove(node, 0, len(kept) - 1)
            kept, have = [], set()
        for first, last in _runs([i for i, w in enumerate(wanted) if w[1] not in have]):
            self._insert(node, wanted, first, last)
        for child, (_, _, value) in zip(node.children, wanted, strict=True):
            if child.value is not value:
                child.value = value
                self._follow(child)
                self._changed(child)

    def _remove(self, node: Node, first: int, last: int) -> None:
        self.beginRemoveRows(self.index_of(node), first, last)
        for child in node.children[first : last + 1]:
            self._forget(child)
        del node.children[first : last + 1]
        _number(node.children)
        self.endRemoveRows()

    def _insert(self, node: Node, wanted: list[Wanted], first: int, last: int) -> None:
        self.beginInsertRows(self.index_of(node), first, last)
        fresh = [node.child(wanted[row], row) for row in range(first, last + 1)]
        node.children[first:first] = fresh
        _number(node.children)
        self.endInsertRows()

    def _forget(self, node: Node) -> None:
        if node.kind is Kind.INSTANCE and self._by_path.get(node.value.path) is node:
            del self._by_path[node.value.path]
        if node.is_grown:
            for child in node.children:
                self._forget(child)

    def _changed(self, node: Node) -> None:
        index = self.index_of(node)
        self.dataChanged.emit(index, index)

    # ------------------------------------------------------------------ pictures

    def _icon(self, node: Node) -> QIcon | QPixmap | None:
        """A tile for images; for the rest a pixmap, which the view shows at its own size."""
        value = node.value
        if node.kind is Kind.INSTANCE:
            return self._tile(value.path, "", bool(value.notes))
        if node.kind is Kind.SERIES:
            cover = value.instances[len(value.instances) // 2].path
            self._covers[cover] = node
            count = len(value.instances) if len(value.instances) > 1 else value.instances[0].frames
            return self._tile(cover, str(count) if count > 1 else "", bool(value.notes))
        if node.kind is Kind.STUDY:
            return self._small("study", "text")
        if node.kind is Kind.OBJECT:
            return self._small("object", "muted")
        if node.kind is Kind.REFUSED:
            return self._small("warning", "warning")
        if node.kind is Kind.UNREADABLE and not node.value.skipped:
            return self._small("error", "danger")
        return None

    def _small(self, name: str, color: str) -> QPixmap:
        return icons.icon(name, self._theme, color).pixmap(QSize(ICON, ICON), self.ratio)

    def _tile(self, path: Path, count: str, noted: bool) -> QIcon:
        key = path, count, noted
        if key not in self._tiles:
            picture = self._thumbnails.get(path)
            if picture is None:  # being made, or there is none
                return tile(None, self._theme, count, noted)
            if len(self._tiles) > _KEPT_TILES:
                self._tiles.clear()
            self._tiles[key] = tile(picture, self._theme, count, noted)
        return self._tiles[key]

    def _tile_ready(self, path: Path) -> None:
        for node in (self._by_path.get(path), self._covers.get(path)):
            if node is not None and self._is_there(node):
                index = self.index_of(node)
                self.dataChanged.emit(index, index, [Qt.ItemDataRole.DecorationRole])

    def _is_there(self, node: Node) -> bool:
        while node.parent is not None:
            siblings = node.parent.children
            if node.row >= len(siblings) or siblings[node.row] is not node:
                return False
            node = node.parent
        return node is self._root

    def _all_changed(self, node: Node | None = None) -> None:
        node = node or self._root
        if not node.is_grown or not node.children:
            return
        first, last = self.index_of(node.children[0]), self.index_of(node.children[-1])
        self.dataChanged.emit(first, last)
        for child in node.children:
            self._all_changed(child)


def _runs(rows: list[int]) -> list[tuple[int, int]]:
    """First and last of each run of consecutive numbers."""
    runs = []
    for _, members in groupby(enumerate(rows), lambda pair: pair[1] - pair[0]):
        row = [number for _, number in members]
        runs.append((row[0], row[-1]))
    return runs


def _number(nodes: list[Node]) -> None:
    for row, node in enumerate(nodes):
        node.row = row
