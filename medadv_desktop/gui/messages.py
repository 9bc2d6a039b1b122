"""Messages that do not stop anybody: a strip at the top of the window."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QGuiApplication, QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from medadv_desktop.gui import icons
from medadv_desktop.gui.file_names import FileNames
from medadv_desktop.gui.running import Failure
from medadv_desktop.gui.state.log import Level
from medadv_desktop.gui.theme import LARGE, MEDIUM, SMALL, Theme, font

SHOWN_AT_ONCE = 3
_ids = itertools.count(1)
_ICONS = {Level.INFO: "info", Level.WARNING: "warning", Level.ERROR: "error"}
_COLORS = {Level.INFO: "accent", Level.WARNING: "warning", Level.ERROR: "danger"}


@dataclass(frozen=True)
class NoticeAction:
    """Something that a message offers to do; the message goes when it is done."""

    text: str
    run: Callable[[], object]


@dataclass(frozen=True)
class Notice:
    """One message.

    Attributes:
        text: what it is about, to which file, what is wrong and what to do: plain text.
        details: what "Copy details" adds: the whole list, a traceback.
        actions: what it offers to do, a button each.
    """

    text: str
    level: Level = Level.ERROR
    details: str = ""
    actions: tuple[NoticeAction, ...] = ()
    id: int = field(default_factory=lambda: next(_ids))

    def plain(self) -> str:
        """What is copied."""
        return f"{self.text}\n\n{self.details}".rstrip() + "\n"


class Notices(QObject):
    """The messages that nobody has put away yet, oldest first.

    Signals:
        changed: one came or went.
        added: the one that came.
    """

    changed = Signal()
    added = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._notices: list[Notice] = []

    @property
    def notices(self) -> tuple[Notice, ...]:
        return tuple(self._notices)

    def add(
        self,
        text: str,
        level: Level = Level.ERROR,
        details: str = "",
        actions: tuple[NoticeAction, ...] = (),
    ) -> None:
        """Show a message. One with the same words takes the place of the earlier one."""
        notice = Notice(text, level, details, actions)
        self._notices = [n for n in self._notices if n.text != text]
        self._notices.append(notice)
        self.changed.emit()
        self.added.emit(notice)

    def add_failure(self, doing: str, failure: Failure) -> None:
        """Show why a job failed. `doing` says what was tried, as a noun phrase."""
        self.add(f"{doing}: {failure.text}", Level.ERROR, failure.details)

    def add_list(self, summary: str, lines: Sequence[str], level: Level = Level.ERROR) -> None:
        """Show several of a kind as one: the line itself where it is one, else summary and list."""
        if len(lines) == 1:
            self.add(lines[0], level)
        elif lines:
            self.add(summary, level, "\n".join(lines))

    def dismiss(self, notice_id: int) -> None:
        self._notices = [n for n in self._notices if n.id != notice_id]
        self.changed.emit()

    def clear(self) -> None:
        if self._notices:
            self._notices.clear()
            self.changed.emit()


class MessageBar(QWidget):
    """Shows the latest messages, the newest on top; older ones wait behind them.

    Signals:
        filled: there is something to show (True) or no longer (False).
    """

    filled = Signal(bool)

    def __init__(
        self, notices: Notices, names: FileNames, theme: Theme, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._notices, self._names = notices, names
        self._theme = theme
        self._rows: dict[int, _Row] = {}
        self.setAccessibleName(self.tr("Messages"))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(SMALL)
        self._more = QPushButton()
        self._more.setFlat(True)
        self._more.setToolTip(self.tr("Put all messages away; they stay in the log"))
        self._more.clicked.connect(notices.clear)
        self._layout.addWidget(self._more, 0, Qt.AlignmentFlag.AlignRight)
        notices.changed.connect(self._refresh)
        theme.changed.connect(self._recolor)
        names.changed.connect(self._rename)
        self._refresh()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def event(self, event: QEvent) -> bool:
        done = super().event(event)
        if event.type() == QEvent.Type.LayoutRequest:
            self._fit()
        return done

    @property
    def rows(self) -> tuple[_Row, ...]:
        """The messages on screen, newest first."""
        return tuple(reversed(self._rows.values()))

    def _refresh(self) -> None:
        notices = self._notices.notices
        shown = notices[-SHOWN_AT_ONCE:]
        for notice_id in set(self._rows) - {n.id for n in shown}:
            row = self._rows.pop(notice_id)
            self._layout.removeWidget(row)
            row.hide()
            row.deleteLater()
        for place, notice in enumerate(reversed(shown)):
            if notice.id not in self._rows:
                row = _Row(notice, self._names, self._theme, self)
                row.dismissed.connect(self._notices.dismiss)
                self._rows[notice.id] = row
                self._layout.insertWidget(place, row)
        hidden = len(notices) - len(shown)
        self._more.setVisible(len(notices) > 1)
        dismiss_all = self.tr("Dismiss all %n message(s)", None, len(notices))
        older = self.tr("%n older, in the log too", None, hidden)
        self._more.setText(f"{dismiss_all} ({older})" if hidden else dismiss_all)
        self.filled.emit(bool(notices))

    def _fit(self) -> None:
        """As high as the words need at this width: a tool bar would go by a guess at a width."""
        if self._rows:
            self.setFixedHeight(self._layout.totalHeightForWidth(self.width()))

    def _rename(self) -> None:
        for row in self._rows.values():
            row.rename()

    def _recolor(self) -> None:
        for row in self._rows.values():
            row.recolor()


class _Row(QFrame):
    """One message with its buttons."""

    dismissed = Signal(int)

    def __init__(self, notice: Notice, names: FileNames, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.notice = notice
        self._names, self._theme = names, theme
        self.setObjectName("notice")
        self._picture = QLabel()
        self.text = QLabel()
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setWordWrap(True)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.details = QPlainTextEdit()
        self.details.setReadOnly(True)
        self.details.setFont(font("fixed"))
        self.details.setMaximumHeight(140)
        self.details.setAccessibleName(self.tr("Details"))
        self.details.hide()
        self.show_details = self._button(self.tr("Show details"))
        self.show_details.setCheckable(True)
        self.show_details.setVisible(bool(notice.details))
        self.show_details.toggled.connect(self._toggle_details)
        self.copy = self._button(self.tr("Copy details"))
        self.copy.setToolTip(self.tr("Copy this message with all its details"))
        self.copy.clicked.connect(self._copy)
        # What can be done about it matters more than its text.
        self.copy.setVisible(not notice.actions)
        self.actions_ = tuple(self._offer(action) for action in notice.actions)
        self.dismiss = QToolButton()
        self.dismiss.setAutoRaise(True)
        self.dismiss.setToolTip(self.tr("Put this message away; it stays in the log"))
        self.dismiss.setAccessibleName(self.tr("Dismiss message"))
        self.dismiss.clicked.connect(lambda: self.dismissed.emit(notice.id))
        self._arrange()
        self.rename()
        self.recolor()

    def rename(self) -> None:
        """Call files by what they may be called now."""
        text = self._names.text(self.notice.text)
        self.setAccessibleName(text)
        self.text.setText(text)
        self.details.setPlainText(self._names.text(self.notice.details))

    def recolor(self) -> None:
        """Take the colours of the theme."""
        name = _COLORS[self.notice.level]
        color = self._theme.color(name).name()
        panel = self._theme.color("panel").name()
        self.setStyleSheet(
            f"QFrame#notice {{ background: {panel}; border: 1px solid {color};"
            " border-left-width: 4px; border-radius: 3px; }"
        )
        picture = icons.icon(_ICONS[self.notice.level], self._theme, name)
        self._picture.setPixmap(picture.pixmap(18, 18))
        self.dismiss.setIcon(icons.icon("close", self._theme))

    def _arrange(self) -> None:
        line = QHBoxLayout()
        line.setSpacing(MEDIUM)
        line.addWidget(self._picture, 0, Qt.AlignmentFlag.AlignTop)
        line.addWidget(self.text, 1)
        for button in (*self.actions_, self.show_details, self.copy, self.dismiss):
            line.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
        block = QVBoxLayout(self)
        block.setContentsMargins(LARGE, SMALL, SMALL, SMALL)
        block.setSpacing(SMALL)
        block.addLayout(line)
        block.addWidget(self.details)

    def _offer(self, action: NoticeAction) -> QPushButton:
        button = QPushButton(action.text)

        def run() -> None:
            self.dismissed.emit(self.notice.id)
            action.run()

        button.clicked.connect(run)
        return button

    def _button(self, text: str) -> QPushButton:
        button = QPushButton(text)
        button.setFlat(True)
        return button

    def _toggle_details(self, shown: bool) -> None:
        self.details.setVisible(shown)
        self.show_details.setText(self.tr("Hide details") if shown else self.tr("Show details"))

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self._names.text(self.notice.plain()))
        self.copy.setText(self.tr("Copied"))
