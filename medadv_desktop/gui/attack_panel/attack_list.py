"""The attacks that fit a threat model, in groups, each with what it is for."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPalette, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import (
    QComboBox,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from medadv_desktop.attacks.attack import Attack
from medadv_desktop.attacks.fitting import ModelFacts, why_not
from medadv_desktop.attacks.registry import ATTACKS
from medadv_desktop.attacks.threat import GROUPS, Threat, group_of
from medadv_desktop.gui.attack_panel.choosers import let_grow
from medadv_desktop.gui.attack_panel.wording import group_title, translated
from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.theme import MEDIUM, SMALL, TINY, font

_WIDEST_POPUP = 460
_SECOND_LINE = Qt.ItemDataRole.UserRole + 1
_HEADING = Qt.ItemDataRole.UserRole + 2


class AttackList(QComboBox):
    """Chooses an attack. Its data are names of the registry; headings have none.

    An attack that is beyond the threat model is not listed; one that does not fit the model is,
    with the reason, and cannot be chosen.
    """

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self.setAccessibleName(self.tr("Attack"))
        let_grow(self)
        self.setMaxVisibleItems(14)
        self.setItemDelegate(_TwoLines(bench, self))
        self._listed: tuple[object, ...] = ()

    def offer(self, threat: Threat, model: ModelFacts | None) -> None:
        """List what fits. The choice is empty until `show_attack`, if anything changed."""
        if (threat, model) == self._listed:
            return
        self._listed = (threat, model)
        items = QStandardItemModel(self)
        for group in GROUPS:
            kinds = [k for k in ATTACKS.values() if group_of(k) == group and threat.admits(k)]
            if kinds:
                items.appendRow(_heading(group_title(group)))
            for kind in kinds:
                items.appendRow(_entry(kind, why_not(kind, model) if model is not None else ""))
        self.setModel(items)
        self.setCurrentIndex(-1)

    def show_attack(self, attack: Attack) -> None:
        """Show which one is chosen."""
        self.setCurrentIndex(self.findData(attack.name))
        summary, reference = translated(attack.summary), attack.reference
        self.setToolTip(f"{summary}\n{reference}")
        self.setAccessibleDescription(summary)

    def reason_against(self, name: str) -> str:
        """Why an attack that is listed cannot be chosen, "" if it can."""
        item = self.model().item(self.findData(name))
        return "" if item is None or item.isEnabled() else str(item.data(_SECOND_LINE))

    def showPopup(self) -> None:
        self.view().setMinimumWidth(max(_WIDEST_POPUP, self.width()))
        super().showPopup()


def _heading(text: str) -> QStandardItem:
    item = QStandardItem(text)
    item.setData(True, _HEADING)
    item.setFlags(Qt.ItemFlag.NoItemFlags)
    return item


def _entry(kind: type[Attack], reason: str) -> QStandardItem:
    title, summary = translated(kind.title), translated(kind.summary)
    item = QStandardItem(title)
    item.setData(kind.name, Qt.ItemDataRole.UserRole)
    item.setData(reason or summary, _SECOND_LINE)
    item.setToolTip("\n".join(t for t in (reason, summary, kind.reference) if t))
    item.setData(f"{title}. {reason or summary}", Qt.ItemDataRole.AccessibleTextRole)
    item.setEnabled(not reason)
    return item


class _TwoLines(QStyledItemDelegate):
    """Title, and below it in smaller print what it is for, or why it cannot be chosen."""

    def __init__(self, bench: Workbench, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = bench.theme

    def sizeHint(self, _option: QStyleOptionViewItem, index: QModelIndex) -> QSize:
        line = QFontMetrics(font("strong")).height()
        if index.data(_HEADING):
            return QSize(0, line + 2 * SMALL)
        return QSize(0, line + QFontMetrics(font("small")).height() + 2 * SMALL + TINY)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        painter.save()
        color, heading = self._theme.color, bool(index.data(_HEADING))
        usable = bool(index.flags() & Qt.ItemFlag.ItemIsEnabled)
        chosen = usable and bool(option.state & QStyle.StateFlag.State_Selected)
        ground = color("raised") if heading else color("selection" if chosen else "base")
        painter.fillRect(option.rect, ground)
        inner: QRect = option.rect.adjusted(MEDIUM, SMALL, -MEDIUM, -SMALL)
        kind = "small" if heading else "strong"
        painter.setFont(font(kind))
        painter.setPen(color("text" if usable else "muted"))
        metrics = QFontMetrics(painter.font())
        left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop
        painter.drawText(inner, left, str(index.data()))
        second = index.data(_SECOND_LINE)
        if second:
            below = inner.adjusted(0, metrics.height() + TINY, 0, 0)
            painter.setFont(font("small"))
            painter.setPen(color("text" if chosen else "muted" if usable else "warning"))
            fitting = QFontMetrics(painter.font()).elidedText(
                str(second), Qt.TextElideMode.ElideRight, below.width()
            )
            painter.drawText(below, left, fitting)
        painter.restore()

    def initStyleOption(self, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        super().initStyleOption(option, index)
        option.palette.setColor(QPalette.ColorRole.Text, self._theme.color("text"))
