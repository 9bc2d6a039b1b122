"""How many samples each class has, as bars: drawn by hand in the colours of the theme."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QLocale, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QHelpEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QSizePolicy, QToolTip, QVBoxLayout, QWidget

from medadv_desktop.gui.theme import MEDIUM, SMALL, Theme, font

ROW, BAR = 22, 10
_LEGEND = 22
_NAME_SHARE = 0.36
_SPLIT_COLORS = ("accent", "clean", "adversarial", "second_clean", "second_adversarial", "muted")


@dataclass(frozen=True)
class Count:
    """Samples of a class: in all, and (split, number) for each split."""

    name: str
    samples: int
    by_split: tuple[tuple[str, int], ...] = ()


class ClassBars(QWidget):
    """A bar for each class, with its count and its share of all samples.

    Where there are several splits, each bar is made of one part for each of them.
    """

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.counts: tuple[Count, ...] = ()
        self.total = 0
        self.splits: tuple[str, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("Samples of each class"))
        theme.changed.connect(self.update)

    def set_counts(self, counts: Sequence[Count], total: int) -> None:
        """Show counts; shares are of `total` samples (of which one may have several findings)."""
        self.counts, self.total = tuple(counts), total
        names = dict.fromkeys(name for c in counts for name, _ in c.by_split)
        self.splits = tuple(names) if len(names) > 1 else ()
        self.setAccessibleDescription("; ".join(self.words(c) for c in self.counts))
        self.updateGeometry()
        self.update()

    def words(self, count: Count) -> str:
        """A class in words: for the tooltip and for a screen reader."""
        text = f"{count.name}: {figure(count.samples)} ({share(count.samples, self.total)})"
        parts = ", ".join(f"{name} {figure(n)}" for name, n in count.by_split)
        return f"{text}: {parts}" if parts else text

    def sizeHint(self) -> QSize:
        legend = _LEGEND if self.splits else 0
        return QSize(300, legend + max(len(self.counts), 1) * ROW + SMALL)

    def minimumSizeHint(self) -> QSize:
        return QSize(180, self.sizeHint().height())

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent):
            at = int((event.pos().y() - (_LEGEND if self.splits else 0)) // ROW)
            text = self.words(self.counts[at]) if 0 <= at < len(self.counts) else ""
            QToolTip.showText(event.globalPos(), text, self)
            return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        top = 0
        if self.splits:
            self._paint_legend(painter)
            top = _LEGEND
        most = max((c.samples for c in self.counts), default=0)
        metrics = QFontMetrics(font("numbers"))
        ends = (figure(most), share(self.total, self.total))
        figures = metrics.horizontalAdvance(ends[0]), metrics.horizontalAdvance(ends[1])
        names = min(
            2
            + max(
                (QFontMetrics(font("body")).horizontalAdvance(c.name) for c in self.counts),
                default=0,
            )
            + MEDIUM,
            int(self.width() * _NAME_SHARE),
        )
        for row, count in enumerate(self.counts):
            place = QRectF(0, top + row * ROW, self.width(), ROW)
            if place.bottom() >= event.rect().top() and place.top() <= event.rect().bottom():
                self._paint_row(painter, place, count, most, names, figures)
        painter.end()

    def _paint_row(
        self,
        painter: QPainter,
        place: QRectF,
        count: Count,
        most: int,
        names: int,
        figures: tuple[int, int],
    ) -> None:
        color = self._theme.color
        left, middle = Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignVCenter
        painter.setFont(font("body"))
        # A class without samples, or with a single one, is seldom meant so.
        alarm = {0: "danger", 1: "warning"}.get(count.samples, "")
        painter.setPen(color(alarm or "text"))
        room = QRectF(place.left(), place.top(), names - MEDIUM, ROW)
        name = painter.fontMetrics().elidedText(
            count.name, Qt.TextElideMode.ElideMiddle, int(room.width())
        )
        painter.drawText(room, left | middle, name)
        painter.setFont(font("numbers"))
        right = Qt.AlignmentFlag.AlignRight
        shares = QRectF(place.right() - figures[1] - 1, place.top(), figures[1], ROW)
        painter.setPen(color("muted"))
        painter.drawText(shares, right | middle, share(count.samples, self.total))
        numbers = QRectF(shares.left() - MEDIUM - figures[0], place.top(), figures[0], ROW)
        painter.setPen(color(alarm or "text"))
        painter.drawText(numbers, right | middle, figure(count.samples))
        track = QRectF(names, place.center().y() - BAR / 2, numbers.left() - MEDIUM - names, BAR)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color("track"))
        painter.drawRoundedRect(track, 2, 2)
        if not most or not count.samples:
            return
        painter.setClipRect(track.adjusted(-1, -1, 1, 1))
        x = track.left()
        for part, shade in self._parts(count):
            width = track.width() * part / most
            painter.setBrush(shade)
            painter.drawRoundedRect(QRectF(x, track.top(), max(width, 1.5), BAR), 2, 2)
            x += width
        painter.setClipping(False)

    def _parts(self, count: Count) -> list[tuple[int, QColor]]:
        if not self.splits:
            return [(count.samples, self._theme.color("accent"))]
        found = dict(count.by_split)
        parts = [(found.get(name, 0), self.split_color(name)) for name in self.splits]
        rest = count.samples - sum(n for n, _ in parts)
        if rest > 0:
            parts.append((rest, self._theme.color("muted")))
        return [(n, shade) for n, shade in parts if n]

    def split_color(self, name: str) -> QColor:
        """The colour of a split's part."""
        at = self.splits.index(name) if name in self.splits else len(_SPLIT_COLORS) - 1
        return self._theme.color(_SPLIT_COLORS[min(at, len(_SPLIT_COLORS) - 1)])

    def _paint_legend(self, painter: QPainter) -> None:
        painter.setFont(font("small"))
        x = 0.0
        for name in self.splits:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self.split_color(name))
            painter.drawRoundedRect(QRectF(x, (_LEGEND - 10) / 2 - 2, 10, 10), 2, 2)
            painter.setPen(self._theme.color("muted"))
            painter.drawText(QPointF(x + 10 + SMALL, _LEGEND / 2 + 2), name)
            x += 10 + SMALL + painter.fontMetrics().horizontalAdvance(name) + 2 * MEDIUM


class ScrolledBars(QScrollArea):
    """The bars of any number of classes."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.bars = ClassBars(theme)
        holder = QWidget()
        block = QVBoxLayout(holder)
        block.setContentsMargins(0, 0, SMALL, 0)
        block.addWidget(self.bars)
        block.addStretch(1)
        self.setWidget(holder)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def set_counts(self, counts: Sequence[Count], total: int) -> None:
        """As `ClassBars.set_counts`; the area grows no higher than they are."""
        self.bars.set_counts(counts, total)
        height = self.bars.sizeHint().height()
        self.setMaximumHeight(height + SMALL)
        self.setMinimumHeight(min(height, 5 * ROW))


def counted(number: int, one: str, many: str) -> str:
    """A count in words: `one` for 1, else `many`, with the figure in place of {0}."""
    return (one if number == 1 else many).format(figure(number))


def figure(number: int) -> str:
    """A count in the writing of the locale."""
    return QLocale().toString(number)


def share(part: int, whole: int) -> str:
    """A share in per cent, with one decimal; 0 of 0 is 0."""
    value = 100 * part / whole if whole else 0.0
    return QLocale().toString(value, "f", 1) + " %"
