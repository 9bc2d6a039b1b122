"""Rows of probability bars, and the widget that paints them."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QHelpEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from medadv_desktop.audit.requests import Prediction
from medadv_desktop.gui.theme import LARGE, MEDIUM, SMALL, Theme, font
from medadv_desktop.gui.viewers.wording import number, probability, translate

_BAR, _BAR_GAP = 7, 2
_LINE = 21
_ROW_GAP = 7
_EDGE = 8


@dataclass(frozen=True)
class Pair:
    """A probability before and after the attack; None where it is not known (yet)."""

    clean: float | None
    attacked: float | None
    clean_decided: bool
    attacked_decided: bool
    threshold: float | None

    @property
    def flipped(self) -> bool:
        return self.attacked is not None and self.clean_decided != self.attacked_decided

    @property
    def text(self) -> str:
        """ "0.97 → 0.03", or the one that there is."""
        shown = [probability(p) for p in (self.clean, self.attacked) if p is not None]
        return " → ".join(shown)


@dataclass(frozen=True)
class Row:
    """A class or finding. `true` is None where no true label is known."""

    name: str
    first: Pair
    second: Pair | None
    true: bool | None = None


@dataclass(frozen=True)
class Section:
    """Rows under a heading; "" for none."""

    title: str
    rows: tuple[Row, ...]
    pale: bool = False


def sections_of(
    clean: Prediction,
    attacked: Prediction | None,
    second_clean: Prediction | None,
    second_attacked: Prediction | None,
    labels: tuple[int, ...] | None,
) -> tuple[Section, ...]:
    """Rows of all classes. A second model with other classes gets a section of its own.

    Args:
        clean, attacked: of the attacked model.
        second_clean, second_attacked: of the second model.
        labels: true labels: one class index, or 0/1 for each finding.
    """
    count = len(clean.card.classes)
    shared = second_clean is not None and second_clean.card.classes == clean.card.classes
    rows = tuple(
        Row(
            name=clean.card.classes[i],
            first=_pair(clean, attacked, i),
            second=_pair(second_clean, second_attacked, i) if shared else None,
            true=_true(clean, labels, i),
        )
        for i in range(count)
    )
    sections = [Section("", rows)]
    if second_clean is not None and not shared:
        others = tuple(
            Row(name, _pair(second_clean, second_attacked, i), None)
            for i, name in enumerate(second_clean.card.classes)
        )
        sections.append(Section(second_clean.card.name, others, pale=True))
    return tuple(sections)


def _pair(clean: Prediction, attacked: Prediction | None, index: int) -> Pair:
    thresholds = clean.card.thresholds
    return Pair(
        clean=float(clean.probabilities[index]),
        attacked=None if attacked is None else float(attacked.probabilities[index]),
        clean_decided=bool(clean.decisions[index]),
        attacked_decided=attacked is not None and bool(attacked.decisions[index]),
        threshold=thresholds[index] if thresholds else None,
    )


def _true(clean: Prediction, labels: tuple[int, ...] | None, index: int) -> bool | None:
    if labels is None:
        return None
    if clean.card.multi_label:
        return bool(labels[index]) if index < len(labels) else None
    return bool(labels) and labels[0] == index


class ProbabilityBars(QWidget):
    """Each class with its bars: clean above, adversarial below, the second model's paler."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._sections: tuple[Section, ...] = ()
        self._second_name = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(220)
        self.setAccessibleName(self.tr("Probabilities"))
        theme.changed.connect(self.update)

    def set_sections(self, sections: tuple[Section, ...], second_name: str = "") -> None:
        """`second_name` is the model of the paler bars, "" without one."""
        self._sections, self._second_name = sections, second_name
        rows = [self._told(row) for section in sections for row in section.rows]
        self.setAccessibleDescription("\n".join(rows))
        self.setFixedHeight(self._height())
        self.update()

    @property
    def sections(self) -> tuple[Section, ...]:
        return self._sections

    def sizeHint(self) -> QSize:
        return QSize(264, self._height())

    def _height(self) -> int:
        height = sum(
            (_LINE if s.title else 0) + sum(_row_height(r) + _ROW_GAP for r in s.rows)
            for s in self._sections
        )
        return max(height, 1)

    def _laid_out(self) -> list[tuple[Section, Row | None, int, int]]:
        """Section, row (None for its heading), top and height, from top to bottom."""
        result: list[tuple[Section, Row | None, int, int]] = []
        y = 0
        for section in self._sections:
            if section.title:
                result.append((section, None, y, _LINE))
                y += _LINE
            for row in section.rows:
                result.append((section, row, y, _row_height(row)))
                y += _row_height(row) + _ROW_GAP
        return result

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for section, row, top, height in self._laid_out():
            if not event.rect().intersects(QRect(0, top, self.width(), height)):
                continue
            if row is None:
                self._paint_heading(painter, section.title, top)
            else:
                self._paint_row(painter, row, section.pale, top, height)
        painter.end()

    def _paint_heading(self, painter: QPainter, title: str, top: int) -> None:
        painter.setFont(font("strong"))
        painter.setPen(self._theme.color("text"))
        box = QRectF(_EDGE, top, self.width() - 2 * _EDGE, _LINE)
        painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, title)

    def _paint_row(self, painter: QPainter, row: Row, pale: bool, top: int, height: int) -> None:
        flipped = row.first.flipped
        if flipped:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._theme.color("flip"))
            painter.drawRoundedRect(QRectF(2, top - 1, self.width() - 4, height + 4), 4, 4)
        self._paint_name(painter, row, top)
        bars = top + _LINE
        self._paint_pair(painter, row.first, pale, bars, flipped)
        if row.second is not None:
            self._paint_pair(painter, row.second, True, bars + 2 * (_BAR + _BAR_GAP) + 3, False)

    def _paint_name(self, painter: QPainter, row: Row, top: int) -> None:
        decided = row.first.clean_decided or row.first.attacked_decided
        painter.setFont(font("strong" if decided else "body"))
        right = self.width() - _EDGE
        if row.true:
            right -= self._paint_badge(painter, translate("Viewers", "true"), right, top) + SMALL
            painter.setFont(font("strong" if decided else "body"))
        box = QRectF(_EDGE, top, right - _EDGE, _LINE - 2)
        name = painter.fontMetrics().elidedText(
            row.name, Qt.TextElideMode.ElideRight, int(box.width())
        )
        painter.setPen(self._theme.color("text"))
        painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, name)

    def _paint_badge(self, painter: QPainter, text: str, right: float, top: int) -> float:
        """A small pill that ends at `right`; returns its width."""
        painter.setFont(font("small"))
        width = painter.fontMetrics().horizontalAdvance(text) + 2 * MEDIUM
        box = QRectF(right - width, top + 1.5, width, _LINE - 7)
        color = self._theme.color("success")
        painter.setPen(QPen(color, 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(box, box.height() / 2, box.height() / 2)
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
        return width

    def _paint_pair(
        self, painter: QPainter, pair: Pair, pale: bool, top: int, flipped: bool
    ) -> None:
        painter.setFont(font("numbers"))
        widest = QFontMetrics(painter.font()).horizontalAdvance(
            f"{probability(0.999)} → {probability(0.001)}"
        )
        length = self.width() - 2 * _EDGE - widest - MEDIUM
        names = ("second_clean", "second_adversarial") if pale else ("clean", "adversarial")
        shown = [(pair.clean, names[0]), (pair.attacked, names[1])]
        y = top
        for value, name in shown:
            if value is None:
                continue
            track = QRectF(_EDGE, y, length, _BAR)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._theme.color("track"))
            painter.drawRoundedRect(track, 2, 2)
            if value > 0:
                painter.setBrush(self._theme.color(name))
                painter.drawRoundedRect(QRectF(_EDGE, y, max(length * value, 2), _BAR), 2, 2)
            y += _BAR + _BAR_GAP
        bottom = y - _BAR_GAP
        if pair.threshold is not None:
            self._paint_tick(painter, _EDGE + length * pair.threshold, top, bottom)
        painter.setPen(self._text_color(pale, flipped))
        number_font = font("numbers")
        number_font.setBold(flipped)
        painter.setFont(number_font)
        box = QRectF(_EDGE + length, top - 4, self.width() - 2 * _EDGE - length, bottom - top + 8)
        flags = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
        painter.drawText(box, flags, pair.text)

    def _paint_tick(self, painter: QPainter, x: float, top: float, bottom: float) -> None:
        for color, width in ((self._theme.color("panel"), 3.5), (self._theme.color("text"), 1.5)):
            painter.setPen(QPen(color, width))
            painter.drawLine(QPointF(x, top - 2), QPointF(x, bottom + 2))

    def _text_color(self, pale: bool, flipped: bool) -> QColor:
        if flipped:
            return self._theme.color("adversarial_text")
        return self._theme.color("muted" if pale else "text")

    def event(self, event: QEvent) -> bool:
        if event.type() is QEvent.Type.ToolTip:
            self._show_tip(event)
            return True
        return super().event(event)

    def _show_tip(self, event: QHelpEvent) -> None:
        for _, row, top, height in self._laid_out():
            if row is not None and top <= event.pos().y() < top + height + _ROW_GAP:
                QToolTip.showText(event.globalPos(), self._told(row), self)
                return
        QToolTip.hideText()

    def _told(self, row: Row) -> str:
        """All of a row in words, with four decimals."""
        parts = [_pair_told(row.first)]
        if row.second is not None:
            name = self._second_name or translate("Viewers", "second model")
            parts.append(f"{name}: {_pair_told(row.second)}")
        if row.first.threshold is not None:
            parts.append(
                translate("Viewers", "present from {0}").format(number(row.first.threshold, 2))
            )
        if row.true is not None:
            parts.append(
                translate("Viewers", "true label: yes")
                if row.true
                else translate("Viewers", "true label: no")
            )
        return f"{row.name}: " + "; ".join(parts)


def _pair_told(pair: Pair) -> str:
    clean = translate("Viewers", "clean {0}").format(number(pair.clean or 0, 4))
    if pair.attacked is None:
        return clean
    attacked = translate("Viewers", "adversarial {0}").format(number(pair.attacked, 4))
    flipped = translate("Viewers", " (decision flipped)") if pair.flipped else ""
    return f"{clean}, {attacked}{flipped}"


def _row_height(row: Row) -> int:
    first = 2 * (_BAR + _BAR_GAP) if row.first.attacked is not None else _BAR + _BAR_GAP
    height = _LINE + max(first, LARGE)
    if row.second is not None:
        height += 2 * (_BAR + _BAR_GAP) + 3
    return height
