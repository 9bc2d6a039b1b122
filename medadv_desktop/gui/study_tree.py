"""Studies, series, instances, frames, and what was not opened, as a tree for a view."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from PySide6.QtCore import (
    QAbstractItemModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QSize,
    Qt,
)
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap

from medadv_desktop.gui import icons
from medadv_desktop.gui.state.studies import Position, StudyList
from medadv_desktop.gui.theme import ICON, Theme
from medadv_desktop.gui.thumbnails import SIDE, Thumbnails
from medadv_desktop.imaging.frame import Instance, Unreadable

TILE = 44
_ROW, _TILE_ROW = 26, TILE + 6
NODE = Qt.ItemDataRole.UserRole
Index = QModelIndex | QPersistentModelIndex


class Kind(Enum):
    ROOT = "root"
    STUDY = "study"
    SERIES = "series"
    INSTANCE = "instance"
    FRAME = "frame"
    REFUSED = "not opened"
    UNREADABLE = "unreadable"


@dataclass(eq=False)
class Node:
    """One row. `key` stays the same when the tree is made anew.

    Attributes:
        value: study, series, instance, unreadable file, or the index of a frame.
    """

    kind: Kind
    key: str
    value: object
    parent: Node | None
    row: int = 0
    children: list[Node] = field(default_factory=list)

    def add(self, kind: Kind, key: str, value: object) -> Node:
        child = Node(kind, key, value, self, len(self.children))
        self.children.append(child)
        return child

    @property
    def position(self) -> Position | None:
        """The frame that a row stands for: its own, the first of an instance, else None."""
        if self.kind is Kind.INSTANCE:
            return Position(self.value, 0)
        if self.kind is Kind.FRAME:
            return Position(self.parent.value, self.value)
        return None


class StudyTree(QAbstractItemModel):
    """Made anew whenever the studies change; rows appended at the end are inserted instead.

    Attributes:
        ratio: physical pixels to one device-independent pixel of the view.
    """

    def __init__(
        self,
        studies: StudyList,
        thumbnails: Thumbnails,
        theme: Theme,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._studies, self._thumbnails, self._theme = studies, thumbnails, theme
        self.ratio = 1.0
        self._tiles: dict[Path, QIcon] = {}
        self._instances: dict[Path, Node] = {}
        self._root = self._built()
        studies.changed.connect(self._take_over)
        thumbnails.ready.connect(self._tile_ready)
        theme.changed.connect(self._recolor)

    # ------------------------------------------------------------------ the model's interface

    def index(self, row: int, column: int, parent: Index = QModelIndex()) -> QModelIndex:  # noqa: B008
        node = self.node(parent)
        if column != 0 or not 0 <= row < len(node.children):
            return QModelIndex()
        return self.createIndex(row, 0, node.children[row])

    def parent(self, child: Index) -> QModelIndex:  # type: ignore[override]
        node = self.node(child).parent
        return QModelIndex() if node is None else self.index_of(node)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return len(self.node(parent).children)

    def columnCount(self, _parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 1

    def flags(self, index: Index) -> Qt.ItemFlag:
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        node = self.node(index)
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(node)
        if role == Qt.ItemDataRole.DecorationRole:
            return self._icon(node)
        if role == Qt.ItemDataRole.SizeHintRole:
            return QSize(0, _TILE_ROW if node.kind is Kind.INSTANCE else _ROW)
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._tip(node)
        if role == Qt.ItemDataRole.ForegroundRole and node.kind is Kind.UNREADABLE:
            return self._theme.color("muted" if node.value.skipped else "danger")
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return self._text(node).replace("\n", ", ")
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
        node = self._instances.get(position.instance.path)
        if node is None:
            return QModelIndex()
        if node.children:
            node = node.children[min(position.frame, len(node.children) - 1)]
        return self.index_of(node)

    # ------------------------------------------------------------------ making the tree

    def _built(self) -> Node:
        root = Node(Kind.ROOT, "", None, None)
        self._instances = {}
        for study in self._studies.studies:
            top = root.add(Kind.STUDY, f"study {study.uid}", study)
            for series in study.series:
                middle = top.add(Kind.SERIES, f"series {series.uid}", series)
                for instance in series.instances:
                    self._instances[instance.path] = _grown(middle, instance)
        if self._studies.unreadable:
            refused = root.add(Kind.REFUSED, "refused", None)
            for file in self._studies.unreadable:
                refused.add(Kind.UNREADABLE, f"file {file.path}", file)
        return root

    def _take_over(self) -> None:
        old_nodes = self._instances
        fresh = self._built()
        fresh_nodes = self._instances
        if self._is_continued(self._root, fresh):
            self._instances = old_nodes
            self._continue(self._root, fresh)
            return
        self.beginResetModel()
        self._root, self._instances = fresh, fresh_nodes
        self.endResetModel()

    def _is_continued(self, old: Node, new: Node) -> bool:
        """Whether `new` is `old` with rows added behind others, at any level."""
        if len(new.children) < len(old.children):
            return False
        pairs = zip(old.children, new.children, strict=False)
        return all(
            a.key == b.key and (a.kind is Kind.INSTANCE or self._is_continued(a, b))
            for a, b in pairs
        )

    def _continue(self, old: Node, new: Node) -> None:
        count = len(old.children)
        for mine, fresh in zip(old.children, new.children, strict=False):
            mine.value = fresh.value
            if mine.kind is not Kind.INSTANCE:
                self._continue(mine, fresh)
        if len(new.children) > count:
            parent = self.index_of(old)
            self.beginInsertRows(parent, count, len(new.children) - 1)
            for node in new.children[count:]:
                node.parent = old
                old.children.append(node)
                self._remember(node)
            self.endInsertRows()
            if old.kind is not Kind.ROOT:
                self.dataChanged.emit(parent, parent)

    def _remember(self, node: Node) -> None:
        if node.kind is Kind.INSTANCE:
            self._instances[node.value.path] = node
        else:
            for child in node.children:
                self._remember(child)

    # ------------------------------------------------------------------ what rows show

    def _text(self, node: Node) -> str:
        value = node.value
        if node.kind is Kind.STUDY:
            return value.description or self.tr("Study")
        if node.kind is Kind.SERIES:
            name = " ".join(t for t in (value.modality, value.description) if t)
            return f"{name or self.tr('Series')} ({len(value.instances)})"
        if node.kind is Kind.INSTANCE:
            return f"{value.path.name}\n{_size(value)}"
        if node.kind is Kind.FRAME:
            return self.tr("Frame {number}").format(number=value + 1)
        if node.kind is Kind.REFUSED:
            return self.tr("Not opened ({count})").format(count=len(node.children))
        return f"{value.path.name}: {value.reason}"

    def _tip(self, node: Node) -> str:
        value = node.value
        if isinstance(value, Instance):
            source = value.provenance
            lines = (str(value.path), _size(value), value.photometric, source.transfer_syntax)
            return "\n".join(line for line in lines if line)
        if isinstance(value, Unreadable):
            return f"{value.path}\n{value.reason}"
        if node.kind is Kind.STUDY:
            return value.uid
        if node.kind is Kind.REFUSED:
            return self.tr("Files that were looked at and not taken, each with its reason")
        return self._text(node)

    def _icon(self, node: Node) -> QIcon | QPixmap | None:
        """A tile for an image; for the rest a pixmap, which the view shows at its own size."""
        if node.kind is Kind.INSTANCE:
            return self._tile(node.value.path)
        if node.kind is Kind.STUDY:
            return self._small("study", "text")
        if node.kind is Kind.REFUSED:
            return self._small("warning", "warning")
        if node.kind is Kind.UNREADABLE and not node.value.skipped:
            return self._small("error", "danger")
        return None

    def _small(self, name: str, color: str) -> QPixmap:
        return icons.icon(name, self._theme, color).pixmap(QSize(ICON, ICON), self.ratio)

    def _tile(self, path: Path) -> QIcon:
        if path not in self._tiles:
            picture = self._thumbnails.get(path)
            if picture is None:
                return _tile(None, self._theme.color("image"))
            self._tiles[path] = _tile(picture, self._theme.color("image"))
        return self._tiles[path]

    def _tile_ready(self, path: Path) -> None:
        node = self._instances.get(path)
        if node is not None:
            index = self.index_of(node)
            self.dataChanged.emit(index, index, [Qt.ItemDataRole.DecorationRole])

    def _recolor(self) -> None:
        if self._root.children:
            last = self.index(len(self._root.children) - 1, 0)
            self.dataChanged.emit(self.index(0, 0), last)


def _grown(series: Node, instance: Instance) -> Node:
    node = series.add(Kind.INSTANCE, f"file {instance.path}", instance)
    if instance.frames > 1:
        for frame in range(instance.frames):
            node.add(Kind.FRAME, f"frame {frame} {instance.path}", frame)
    return node


def _size(instance: Instance) -> str:
    height, width = instance.size
    text = f"{width} × {height}"
    if instance.frames > 1:
        text += f" × {instance.frames}"
    return f"{text}, {instance.bits_stored} bit"


def _tile(picture: QPixmap | None, background: QColor) -> QIcon:
    """A square with the picture in its middle, so that names stand below each other."""
    tile = QPixmap(SIDE, SIDE)
    tile.fill(background)
    if picture is not None:
        size = picture.size().scaled(SIDE, SIDE, Qt.AspectRatioMode.KeepAspectRatio)
        painter = QPainter(tile)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        left, top = (SIDE - size.width()) // 2, (SIDE - size.height()) // 2
        painter.drawPixmap(left, top, size.width(), size.height(), picture)
        painter.end()
    icon = QIcon()
    for mode in (QIcon.Mode.Normal, QIcon.Mode.Selected):
        icon.addPixmap(tile, mode)
    return icon
