"""A dialog that asks in steps: a rail of steps, a page for each, what is wrong, and the buttons.

It is not modal and waits for nothing: a page that needs an answer says that it is busy, and goes on
when the answer comes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QCloseEvent,
    QFontMetrics,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QMessageBox,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from medadv_desktop.gui import icons
from medadv_desktop.gui.theme import LARGE, MEDIUM, SMALL, TINY, Theme, font

Level = Literal["info", "success", "warning", "error"]

_COLORS = {"info": "accent", "success": "success", "warning": "warning", "error": "danger"}
_RAIL_WIDTH = 176
_STEP_HEIGHT = 44
_BADGE = 22
_SIZE, _LEAST_SIZE = (1060, 700), (860, 600)
# What the frame of a window and a task bar take of a screen.
_RIM = 60


class Callout(QFrame):
    """One sentence with its sign and colour, what to do about it, and perhaps a button for that.

    Signals:
        acted: the button was pressed.
    """

    acted = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._level: Level = "info"
        self.setObjectName("callout")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)
        self._sign = QLabel()
        self.text = _wrapped()
        self.remedy = _wrapped("muted")
        self.button = QPushButton()
        self.button.clicked.connect(self.acted)
        words = QVBoxLayout()
        words.setSpacing(TINY)
        words.addWidget(self.text)
        words.addWidget(self.remedy)
        line = QHBoxLayout(self)
        line.setContentsMargins(MEDIUM + TINY, MEDIUM, MEDIUM, MEDIUM)
        line.setSpacing(MEDIUM)
        line.addWidget(self._sign, 0, Qt.AlignmentFlag.AlignTop)
        line.addLayout(words, 1)
        line.addWidget(self.button, 0, Qt.AlignmentFlag.AlignVCenter)
        theme.changed.connect(self._recolor)
        self.say("info", "")

    @property
    def level(self) -> Level:
        return self._level

    def say(self, level: Level, text: str, remedy: str = "", action: str = "") -> None:
        """Show a sentence; without text the callout hides. `action` is the button's text."""
        self._level = level
        self.text.setText(text)
        self.remedy.setText(remedy)
        self.remedy.setVisible(bool(remedy))
        self.button.setText(action)
        self.button.setVisible(bool(action))
        self.setVisible(bool(text))
        self.setAccessibleName(text)
        self.setAccessibleDescription(remedy)
        self._recolor()

    def _recolor(self) -> None:
        name = _COLORS[self._level]
        color, ground = self._theme.color(name).name(), self._theme.color("base").name()
        self.setStyleSheet(
            f"QFrame#callout {{ background: {ground}; border: 1px solid {color};"
            " border-left-width: 4px; border-radius: 4px; }"
        )
        self._sign.setPixmap(icons.icon(self._level, self._theme, name).pixmap(18, 18))


class StepPage(QWidget):
    """What one step asks.

    Signals:
        changed: what it says of itself (`blocked`, `busy`, ...) may be otherwise.
        done: the answer that `advance` waited for has come; go on.

    Attributes:
        title: of the step, in the rail.
        heading, explanation: above the page.
    """

    changed = Signal()
    done = Signal()
    title = ""
    heading = ""
    explanation = ""

    def entered(self) -> None:
        """The page is on screen now."""

    def blocked(self) -> str:
        """Why one cannot go on, in words; "" if one can."""
        return ""

    def busy(self) -> str:
        """What the page waits for, in words; "" if for nothing."""
        return ""

    def progress(self) -> tuple[int, int]:
        """How much of it is done; (0, 0) where nobody knows."""
        return 0, 0

    def advance(self) -> bool:
        """Go on: True at once, or False and `done` later."""
        return True

    def stop(self) -> None:
        """Stop what the page waits for."""

    def next_text(self) -> str:
        """What the button to the next step says; "" for the usual word."""
        return ""


class StepDialog(QDialog):
    """Shows pages one after the other.

    Signals:
        left: the dialog is closed for good.
    """

    left = Signal()

    def __init__(self, theme: Theme, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme = theme
        self._settled = False
        self._question: QMessageBox | None = None
        self.setWindowTitle(title)
        self.setModal(False)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setSizeGripEnabled(True)
        self.pages: list[StepPage] = []
        self._reached = 0
        self.rail = Rail(theme)
        self.rail.chosen.connect(self.go_to)
        self.heading = QLabel()
        self.heading.setFont(font("title"))
        self.explanation = _wrapped("muted")
        self.stack = QStackedWidget()
        self.busy_text = QLabel()
        self.busy_text.setProperty("role", "muted")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedSize(140, 6)
        self.stop_button = QPushButton(self.tr("&Stop"))
        self.stop_button.setToolTip(self.tr("Stop what is running and stay on this page"))
        self.back = QPushButton(self.tr("&Back"))
        self.next = QPushButton()
        self.next.setProperty("primary", True)
        self.next.setDefault(True)
        self.cancel = QPushButton(self.tr("Cancel"))
        self.cancel.setAutoDefault(False)
        self.stop_button.setAutoDefault(False)
        self.back.setAutoDefault(False)
        self.stop_button.clicked.connect(self._stop)
        self.back.clicked.connect(lambda: self.go_to(self.stack.currentIndex() - 1))
        self.next.clicked.connect(self._go_on)
        self.cancel.clicked.connect(self.close)
        self._arrange()
        self._fit_on_screen()

    # ------------------------------------------------------------------ what subclasses say

    def unsaved(self) -> str:
        """What would be lost by closing now, as a question; "" for nothing."""
        return ""

    def finish(self) -> None:
        """The last page was left forwards."""
        self.leave()

    # ------------------------------------------------------------------ steps

    @property
    def page(self) -> StepPage:
        return self.pages[self.stack.currentIndex()]

    def set_pages(self, pages: Sequence[StepPage]) -> None:
        """The steps, in their order; the first is shown."""
        self.pages = list(pages)
        for page in pages:
            self.stack.addWidget(page)
            page.changed.connect(self.refresh)
            page.done.connect(self._page_done)
        self.rail.set_steps([page.title for page in pages])
        self.rail.setVisible(len(pages) > 1)
        self.back.setVisible(len(pages) > 1)
        self._show(0)

    def go_to(self, index: int) -> None:
        """Go to a step that was reached before; stops what the page waits for."""
        if 0 <= index <= self._reached and index != self.stack.currentIndex():
            self.page.stop()
            self._show(index)

    def forget_beyond(self, index: int) -> None:
        """The steps after this one have to be gone through again."""
        self._reached = min(self._reached, index)
        self.refresh()

    def refresh(self) -> None:
        """Show what can be done now."""
        if not self.pages:
            return
        index, page = self.stack.currentIndex(), self.page
        busy, blocked = page.busy(), page.blocked()
        last = index == len(self.pages) - 1
        self.back.setEnabled(index > 0)
        self.next.setText(page.next_text() or (self.tr("Finish") if last else self.tr("&Next")))
        self.next.setEnabled(not busy and not blocked)
        self.next.setToolTip(blocked)
        self.busy_text.setText(busy)
        done, total = page.progress()
        self.bar.setRange(0, total)
        self.bar.setValue(done)
        for widget in (self.busy_text, self.bar, self.stop_button):
            widget.setVisible(bool(busy))
        self.rail.show_place(index, self._reached)

    def _show(self, index: int) -> None:
        self._reached = max(self._reached, index)
        self.stack.setCurrentIndex(index)
        page = self.page
        self.heading.setText(page.heading)
        self.explanation.setText(page.explanation)
        self.explanation.setVisible(bool(page.explanation))
        self.refresh()
        page.entered()
        self.refresh()

    def _stop(self) -> None:
        self.page.stop()

    def _go_on(self) -> None:
        if not self.page.busy() and not self.page.blocked() and self.page.advance():
            self._page_done()

    def _page_done(self) -> None:
        if self.sender() in self.pages and self.sender() is not self.page:
            return
        index = self.stack.currentIndex()
        if index == len(self.pages) - 1:
            self.finish()
        else:
            self.page.stop()
            self._show(index + 1)

    # ------------------------------------------------------------------ leaving

    def leave(self) -> None:
        """Close for good, without a question."""
        self._settled = True
        self.close()

    def reject(self) -> None:
        self.close()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.page.busy():
            self.page.stop()
            return
        super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        question = "" if self._settled else self.unsaved()
        if question:
            event.ignore()
            self._ask(question)
            return
        self._settled = True
        if self._question is not None:
            self._question.close()
        for page in self.pages:
            page.stop()
        event.accept()
        self.left.emit()

    def _ask(self, question: str) -> None:
        if self._question is not None:
            return
        box = QMessageBox(QMessageBox.Icon.Question, self.windowTitle(), question, parent=self)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        leave = box.addButton(self.tr("Discard"), QMessageBox.ButtonRole.DestructiveRole)
        box.setDefaultButton(box.addButton(self.tr("Stay"), QMessageBox.ButtonRole.RejectRole))
        self._question = box

        def answered() -> None:
            wants = box.clickedButton() is leave
            self._question = None
            if wants:
                self.leave()

        box.finished.connect(answered)
        box.open()

    # ------------------------------------------------------------------ making

    def _fit_on_screen(self) -> None:
        room = self.screen().availableSize() - QSize(_RIM, _RIM)
        self.resize(QSize(*_SIZE).boundedTo(room).expandedTo(QSize(*_LEAST_SIZE)))

    def _arrange(self) -> None:
        head = QVBoxLayout()
        head.setContentsMargins(LARGE + SMALL, LARGE, LARGE + SMALL, MEDIUM)
        head.setSpacing(TINY)
        head.addWidget(self.heading)
        head.addWidget(self.explanation)
        foot = QHBoxLayout()
        foot.setContentsMargins(LARGE + SMALL, MEDIUM, LARGE, MEDIUM + TINY)
        foot.setSpacing(MEDIUM)
        foot.addWidget(self.bar)
        foot.addWidget(self.busy_text)
        foot.addWidget(self.stop_button)
        foot.addStretch(1)
        for button in (self.cancel, self.back, self.next):
            foot.addWidget(button)
        line = QFrame()
        line.setFrameShape(QFrame.Shape.HLine)
        line.setFrameShadow(QFrame.Shadow.Plain)
        line.setEnabled(False)
        body = QVBoxLayout()
        body.setContentsMargins(0, 0, 0, 0)
        body.setSpacing(0)
        body.addLayout(head)
        body.addWidget(self.stack, 1)
        body.addWidget(line)
        body.addLayout(foot)
        across = QHBoxLayout(self)
        across.setContentsMargins(0, 0, 0, 0)
        across.setSpacing(0)
        across.addWidget(self.rail)
        across.addLayout(body, 1)


class Rail(QWidget):
    """The steps, one under the other: which is at hand, which are behind.

    Signals:
        chosen: a step that was reached before was clicked.
    """

    chosen = Signal(int)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._titles: list[str] = []
        self._place, self._reached = 0, 0
        self.setFixedWidth(_RAIL_WIDTH)
        self.setMouseTracking(True)
        self.setAccessibleName(self.tr("Steps"))
        theme.changed.connect(self.update)

    def set_steps(self, titles: Sequence[str]) -> None:
        self._titles = list(titles)
        self.update()

    def show_place(self, place: int, reached: int) -> None:
        """Which step is at hand, and the furthest that can be gone to."""
        self._place, self._reached = place, reached
        told = self.tr("Step {0} of {1}: {2}")
        if self._titles:
            text = told.format(place + 1, len(self._titles), self._titles[place])
            self.setAccessibleDescription(text)
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        index = self._step_at(event.position())
        if index is not None:
            self.chosen.emit(index)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        over = self._step_at(event.position()) is not None
        self.setCursor(Qt.CursorShape.PointingHandCursor if over else Qt.CursorShape.ArrowCursor)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), self._theme.color("raised"))
        for index, title in enumerate(self._titles):
            self._paint_step(painter, index, title)
        painter.end()

    def _paint_step(self, painter: QPainter, index: int, title: str) -> None:
        top = LARGE + index * _STEP_HEIGHT
        color = self._theme.color
        at_hand, reachable = index == self._place, index <= self._reached
        if at_hand:
            ground = QRectF(SMALL + TINY, top, self.width() - 2 * (SMALL + TINY), _STEP_HEIGHT - 6)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(color("selection"))
            painter.drawRoundedRect(ground, 5, 5)
        badge = QRectF(LARGE, top + (_STEP_HEIGHT - 6 - _BADGE) / 2, _BADGE, _BADGE)
        painter.setPen(QPen(color("accent" if reachable else "muted"), 1.4))
        painter.setBrush(color("accent") if at_hand else Qt.BrushStyle.NoBrush)
        painter.drawEllipse(badge)
        behind = reachable and index < self._place
        painter.setPen(color("accent_text" if at_hand else "accent" if reachable else "muted"))
        painter.setFont(font("strong"))
        painter.drawText(badge, Qt.AlignmentFlag.AlignCenter, "✓" if behind else str(index + 1))
        painter.setFont(font("strong" if at_hand else "body"))
        painter.setPen(color("text" if reachable else "muted"))
        left = badge.right() + MEDIUM
        room = QRectF(left, top, self.width() - left - MEDIUM, _STEP_HEIGHT - 6)
        metrics = QFontMetrics(painter.font())
        shown = metrics.elidedText(title, Qt.TextElideMode.ElideRight, int(room.width()))
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, shown)

    def _step_at(self, point: QPointF) -> int | None:
        index = int((point.y() - LARGE) // _STEP_HEIGHT)
        usable = 0 <= index < len(self._titles) and index <= self._reached
        return index if usable and index != self._place else None


def _wrapped(role: str = "") -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    if role:
        label.setProperty("role", role)
    return label
