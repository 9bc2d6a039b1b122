"""A strip of samples: a picture each, its label, and what a model says of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QFontMetrics, QPainter, QPen, QPixmap, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
)

from medadv_desktop.gui import icons
from medadv_desktop.gui.labelled.matching import Verdict
from medadv_desktop.gui.lists import dress
from medadv_desktop.gui.state.privacy import Privacy
from medadv_desktop.gui.theme import SMALL, TINY, Theme, font
from medadv_desktop.gui.thumbnails import to_image

if TYPE_CHECKING:
    from medadv_desktop.gui.labelled.previews import Preview

PICTURE, LEAST_STACKED, LEAST_PICTURE = 88, 60, 32
_BESIDE = 92
_LINE = 16
_ROLE = Qt.ItemDataRole
ITEM = _ROLE.UserRole
Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, eq=False)
class Item:
    """A sample with its picture and, once it is there, the verdict on a model's prediction."""

    preview: Preview
    picture: QPixmap | None
    verdict: Verdict | None = None


class StripModel(QAbstractListModel):
    """The samples in their order."""

    def __init__(self, privacy: Privacy) -> None:
        super().__init__()
        self._privacy = privacy
        self.items: list[Item] = []

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.items)

    def data(self, index: Index, role: int = _ROLE.DisplayRole) -> object:
        item = self.items[index.row()]
        if role == ITEM:
            return item
        if role == _ROLE.DisplayRole:
            return item.preview.label
        if role in (_ROLE.ToolTipRole, _ROLE.AccessibleTextRole):
            return self.words(item)
        return None

    def words(self, item: Item) -> str:
        """A sample in words: for the tooltip and for a screen reader."""
        preview = item.preview
        lines = [preview.sample.id, self.tr("Label: {0}").format(preview.label)]
        if preview.sample.patient and not self._privacy.masked:
            lines.append(self.tr("Patient: {0}").format(preview.sample.patient))
        if preview.sample.split:
            lines.append(self.tr("Split: {0}").format(preview.sample.split))
        if preview.reason:
            lines.append(self.tr("Cannot be read: {0}").format(preview.reason))
        if item.verdict is not None:
            right = item.verdict.right
            verdict = (
                self.tr("nobody knows whether that is right")
                if right is None
                else self.tr("right")
                if right
                else self.tr("wrong")
            )
            said = self.tr("The model says: {0} ({1})")
            lines.append(said.format(item.verdict.words, verdict))
        return "\n".join(lines)

    def clear(self) -> None:
        self.beginResetModel()
        self.items = []
        self.endResetModel()

    def add(self, preview: Preview) -> None:
        picture = None
        if preview.pixels is not None:
            picture = QPixmap.fromImage(to_image(preview.pixels))
        at = len(self.items)
        self.beginInsertRows(QModelIndex(), at, at)
        self.items.append(Item(replace(preview, pixels=None, frame=None), picture))
        self.endInsertRows()

    def set_verdict(self, row: int, verdict: Verdict | None) -> None:
        if row < len(self.items):
            item = self.items[row]
            self.items[row] = Item(item.preview, item.picture, verdict)
            index = self.index(row)
            self.dataChanged.emit(index, index)

    def forget_verdicts(self) -> None:
        for row in range(len(self.items)):
            self.set_verdict(row, None)


class SampleStrip(QListView):
    """Shows samples in rows that fill its width; where it is low and wide, in one, and smaller.

    Signals:
        chosen: the `Preview` that was clicked, or on which Enter was pressed.
    """

    chosen = Signal(object)

    def __init__(self, theme: Theme, privacy: Privacy, *, judged: bool = False) -> None:
        super().__init__()
        self.samples = StripModel(privacy)
        self.setModel(self.samples)
        self._tiles = _Tiles(theme, judged, self)
        self.setItemDelegate(self._tiles)
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setMovement(QListView.Movement.Static)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setUniformItemSizes(True)
        self.setSpacing(SMALL)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setAccessibleName(self.tr("Samples"))
        self.setMouseTracking(True)
        dress(self, theme)
        self.activated.connect(self._activated)
        self.clicked.connect(self._activated)

    def minimumSizeHint(self) -> QSize:
        return QSize(PICTURE + 3 * SMALL, LEAST_PICTURE)

    def sizeHint(self) -> QSize:
        return QSize(420, PICTURE + 4 * _LINE)

    def show_previews(self, previews: Sequence[Preview]) -> None:
        self.samples.clear()
        for preview in previews:
            self.samples.add(preview)

    def resizeEvent(self, event: QResizeEvent) -> None:
        bar = self.horizontalScrollBar().sizeHint().height()
        room = self.height() - bar - 4 * SMALL
        whole = self._tiles.height(PICTURE) + 2 * SMALL
        column = self.width() < 3 * (PICTURE + 3 * SMALL) and self.height() >= whole
        rows = column or self.height() >= 2 * whole - SMALL
        # Where words below the picture would leave too little of it, they stand beside it.
        beside = room - self._tiles.height(0) < LEAST_STACKED
        most = room - 2 * SMALL if beside else room - self._tiles.height(0)
        side = PICTURE if rows else min(max(most, LEAST_PICTURE), PICTURE)
        if (side, beside, rows) != (self._tiles.side, self._tiles.beside, self.isWrapping()):
            self._tiles.side, self._tiles.beside = side, beside
            self.setWrapping(rows)
            self.scheduleDelayedItemsLayout()
        super().resizeEvent(event)

    def _activated(self, index: QModelIndex) -> None:
        self.chosen.emit(index.data(ITEM).preview)


class _Tiles(QStyledItemDelegate):
    """Paints a picture on the dark ground that pictures stand on, and words below it."""

    def __init__(self, theme: Theme, judged: bool, parent: SampleStrip) -> None:
        super().__init__(parent)
        self._theme, self._lines = theme, 2 if judged else 1
        self.side, self.beside = PICTURE, False
        theme.changed.connect(parent.viewport().update)

    def height(self, side: int) -> int:
        """Of a tile whose picture has this side."""
        return side + 3 * SMALL + self._lines * _LINE

    def sizeHint(self, _option: QStyleOptionViewItem, _index: Index) -> QSize:
        if self.beside:
            return QSize(self.side + _BESIDE + 3 * SMALL, self.side + 2 * SMALL)
        return QSize(max(self.side, 72) + 2 * SMALL, self.height(self.side))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        item: Item = index.data(ITEM)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        state = QStyle.StateFlag
        if option.state & (state.State_Selected | state.State_MouseOver):
            picked = bool(option.state & state.State_Selected)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._theme.color("selection" if picked else "raised"))
            painter.drawRoundedRect(QRectF(option.rect), 4, 4)
        left, top = option.rect.left() + SMALL, option.rect.top() + SMALL
        ground = QRect(left, top, self.side, self.side)
        self._paint_picture(painter, ground, item)
        words = QRect(left, ground.bottom() + SMALL, option.rect.width() - 2 * SMALL, _LINE)
        if self.beside:
            above = (self.side - self._lines * _LINE) // 2
            words = QRect(ground.right() + 2 * SMALL, top + above, _BESIDE - SMALL, _LINE)
        painter.setFont(font("small"))
        painter.setPen(self._theme.color("text"))
        _line(painter, words, item.preview.label)
        if item.verdict is not None and self._lines > 1:
            self._paint_verdict(painter, words.translated(0, _LINE), item.verdict)
        if option.state & state.State_HasFocus:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(self._theme.color("accent"), 1))
            painter.drawRoundedRect(QRectF(option.rect).adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
        painter.restore()

    def _paint_picture(self, painter: QPainter, ground: QRect, item: Item) -> None:
        painter.fillRect(ground, self._theme.color("image"))
        if item.picture is None:
            sign = icons.icon("warning", self._theme, "crosshair").pixmap(24, 24)
            painter.drawPixmap(ground.center().x() - 12, ground.center().y() - 12, sign)
            return
        size = item.picture.size().scaled(ground.size(), Qt.AspectRatioMode.KeepAspectRatio)
        # A thumbnail of 28 pixels shows its pixels, as they are.
        small = item.picture.width() * 2 <= size.width()
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, not small)
        place = QRect(0, 0, size.width(), size.height())
        place.moveCenter(ground.center())
        painter.drawPixmap(place, item.picture)
        verdict = item.verdict
        if verdict is not None and verdict.right is not None and not self.beside:
            name = "success" if verdict.right else "error"
            disc = QRectF(ground.right() - 21, ground.top() + TINY, 20, 20)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._theme.color("image"))
            painter.drawEllipse(disc)
            color = "measure" if verdict.right else "image_adversarial"
            sign = icons.icon(name, self._theme, color).pixmap(18, 18)
            painter.drawPixmap(int(disc.left()) + 1, int(disc.top()) + 1, sign)

    def _paint_verdict(self, painter: QPainter, words: QRect, verdict: Verdict) -> None:
        name = {True: "success", False: "danger", None: "muted"}[verdict.right]
        sign = {True: "✓ ", False: "✗ ", None: "? "}[verdict.right]
        painter.setPen(self._theme.color(name))
        _line(painter, words, sign + verdict.words)


def _line(painter: QPainter, place: QRect, text: str) -> None:
    shown = QFontMetrics(painter.font()).elidedText(
        text, Qt.TextElideMode.ElideRight, place.width()
    )
    painter.drawText(place, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, shown)
