"""The rows of the study tree, made when somebody looks at them.

A series of 100,000 images is a thousand rows that stand for a hundred images each, and costs
nothing until one of them is opened.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from medadv_desktop.gui.state.studies import Position, StudyList

MOST_ROWS = 200
"""More rows of a kind than this are put into pages."""

PAGE = 100


class Kind(Enum):
    ROOT = "root"
    STUDY = "study"
    SERIES = "series"
    PAGE = "page"
    INSTANCE = "instance"
    FRAME = "frame"
    OBJECT = "object"
    REFUSED = "not opened"
    UNREADABLE = "unreadable"


@dataclass(frozen=True)
class Page:
    """Some of many rows: `values` are of the same kind, the first of them is number `start`."""

    kind: Kind
    values: Sequence[object]
    start: int


Wanted = tuple[Kind, str, object]
"""What a row is to be: kind, key, value."""


class Node:
    """One row.

    Attributes:
        kind: what it stands for.
        key: tells it from its siblings, and stays the same when the tree changes.
        value: study, series, page, instance, non-image object, unreadable file, or the index of a
            frame; of the root the list of studies, of REFUSED the unreadable files.
        parent: None for the root.
        row: its place among its siblings.
    """

    def __init__(
        self,
        wanted: Wanted,
        parent: Node | None,
        row: int,
        made: Callable[[Node], None],
    ) -> None:
        self.kind, self.key, self.value = wanted
        self.parent, self.row = parent, row
        self._made = made
        self._children: list[Node] | None = None
        made(self)

    @property
    def children(self) -> list[Node]:
        """The rows below, made when they are first asked for."""
        if self._children is None:
            self._children = [self.child(w, row) for row, w in enumerate(self.wanted())]
        return self._children

    @property
    def is_grown(self) -> bool:
        """Whether the rows below have been made."""
        return self._children is not None

    @property
    def has_children(self) -> bool:
        """Whether there are rows below; without making them."""
        if self._children is not None:
            return bool(self._children)
        if self.kind is Kind.INSTANCE:
            return self.value.frames > 1
        return self.kind not in (Kind.FRAME, Kind.OBJECT, Kind.UNREADABLE)

    def child(self, wanted: Wanted, row: int) -> Node:
        return Node(wanted, self, row, self._made)

    def wanted(self) -> list[Wanted]:
        """What the rows below are to be."""
        value = self.value
        if self.kind is Kind.ROOT:
            return _of_list(value)
        if self.kind is Kind.STUDY:
            series = [(Kind.SERIES, f"series {s.uid}", s) for s in value.series]
            return series + [(Kind.OBJECT, f"object {o.path}", o) for o in value.non_images]
        if self.kind is Kind.SERIES:
            return _rows(Kind.INSTANCE, value.instances)
        if self.kind is Kind.PAGE:
            return _single(value.kind, value.values)
        if self.kind is Kind.INSTANCE and value.frames > 1:
            return _rows(Kind.FRAME, range(value.frames))
        if self.kind is Kind.REFUSED:
            return _rows(Kind.UNREADABLE, value)
        return []

    def above(self, kind: Kind) -> Node | None:
        """The row itself or the nearest one above it that is of a kind."""
        node: Node | None = self
        while node is not None and node.kind is not kind:
            node = node.parent
        return node

    @property
    def position(self) -> Position | None:
        """The frame that a row stands for: its own, or the first of an instance or a series."""
        if self.kind is Kind.SERIES:
            return Position(self.value.instances[0], 0)
        if self.kind is Kind.INSTANCE:
            return Position(self.value, 0)
        if self.kind is Kind.FRAME:
            return Position(self.above(Kind.INSTANCE).value, self.value)
        return None

    def below(self, number: int) -> Node | None:
        """The row of an instance or frame by its number, through pages; None if there is none."""
        rows = self.children
        if rows and rows[0].kind is Kind.PAGE:
            page, number = divmod(number, PAGE)
            rows = rows[page].children if page < len(rows) else []
        return rows[number] if number < len(rows) else None


def _of_list(studies: StudyList) -> list[Wanted]:
    rows = [(Kind.STUDY, f"study {s.uid}", s) for s in studies.studies]
    if studies.unreadable:
        rows.append((Kind.REFUSED, "refused", studies.unreadable))
    return rows


def _rows(kind: Kind, values: Sequence[object]) -> list[Wanted]:
    if len(values) <= MOST_ROWS:
        return _single(kind, values)
    starts = range(0, len(values), PAGE)
    return [(Kind.PAGE, f"page {i}", Page(kind, values[i : i + PAGE], i)) for i in starts]


def _single(kind: Kind, values: Sequence[object]) -> list[Wanted]:
    return [(kind, f"{kind.value} {getattr(v, 'path', v)}", v) for v in values]
