"""The elements of a DICOM object as a tree for a view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from medadv_desktop.gui.theme import Theme

if TYPE_CHECKING:
    from medadv_desktop.imaging.tags import Tag

TAG, NAME, VR, VALUE = range(4)
_ROLE = Qt.ItemDataRole
Index = QModelIndex | QPersistentModelIndex


class TagNode:
    """An element, or (with `tag` None) an item of a sequence.

    Attributes:
        key: the way to it: numbers of elements and items.
    """

    def __init__(
        self, tag: Tag | None, row: int, parent: TagNode | None, inner: Sequence[Tag] = ()
    ) -> None:
        self.tag, self.row, self.parent = tag, row, parent
        self._inner = inner
        self._children: list[TagNode] | None = None
        name = f"{tag.number:08x}" if tag is not None else str(row)
        self.key: str = f"{parent.key}/{name}" if parent is not None else ""

    @property
    def children(self) -> list[TagNode]:
        """The rows below, made when they are first asked for."""
        if self._children is None:
            if self.tag is not None:
                items = enumerate(self.tag.items)
                self._children = [TagNode(None, i, self, item) for i, item in items]
            else:
                self._children = [TagNode(t, i, self) for i, t in enumerate(self._inner)]
        return self._children


class TagModel(QAbstractItemModel):
    """Number, name, VR and value of elements; items of sequences below them."""

    def __init__(self, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._root = TagNode(None, 0, None)

    def set_tags(self, tags: Sequence[Tag]) -> None:
        """Show other elements."""
        self.beginResetModel()
        self._root = TagNode(None, 0, None, tags)
        self.endResetModel()

    def node(self, index: Index) -> TagNode:
        return index.internalPointer() if index.isValid() else self._root

    def index(self, row: int, column: int, parent: Index = QModelIndex()) -> QModelIndex:  # noqa: B008
        children = self.node(parent).children
        if not (0 <= row < len(children) and 0 <= column < 4):
            return QModelIndex()
        return self.createIndex(row, column, children[row])

    def parent(self, child: Index) -> QModelIndex:  # type: ignore[override]
        node = self.node(child).parent
        if node is None or node.parent is None:
            return QModelIndex()
        return self.createIndex(node.row, 0, node)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.column() > 0 else len(self.node(parent).children)

    def columnCount(self, _parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 4

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = _ROLE.DisplayRole
    ) -> object:
        if role == _ROLE.DisplayRole and orientation is Qt.Orientation.Horizontal:
            return (self.tr("Tag"), self.tr("Name"), self.tr("VR"), self.tr("Value"))[section]
        return None

    def data(self, index: Index, role: int = _ROLE.DisplayRole) -> object:
        tag, column = self.node(index).tag, index.column()
        if role == _ROLE.DisplayRole:
            if tag is None:
                number = self.node(index).row + 1
                return self.tr("Item {number}").format(number=number) if column == TAG else ""
            return (tag.label, tag.name, tag.vr, tag.value)[column]
        if tag is None:
            return None
        if role == _ROLE.ToolTipRole:
            hidden = self.tr("Patient data is hidden: View, Show patient data")
            lines = (f"{tag.label} {tag.name} {tag.keyword}".rstrip(), tag.value)
            return "\n".join((*lines, hidden) if tag.masked else lines)
        if role == _ROLE.ForegroundRole and (tag.masked or column in (TAG, VR)):
            return self._theme.color("muted")
        return None


def row_text(node: TagNode) -> str:
    """A row for the clipboard, fields separated by tabs."""
    if node.tag is None:
        return f"item {node.row + 1}"
    return "\t".join((node.tag.label, node.tag.vr, node.tag.name, node.tag.value))


def without_private(tags: Sequence[Tag]) -> tuple[Tag, ...]:
    """The tree without private elements, at every depth."""
    return tuple(
        replace(tag, items=tuple(without_private(item) for item in tag.items)) if tag.items else tag
        for tag in tags
        if not tag.private
    )
