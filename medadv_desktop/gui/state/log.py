"""What the program has to say, line by line."""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum

from PySide6.QtCore import QObject, Qt, Signal

KEPT_LINES = 5000
_PACKAGE = "medadv_desktop"


class Level(IntEnum):
    """How much a line matters; a filter shows a level and everything above it."""

    INFO = 20
    WARNING = 30
    ERROR = 40

    @classmethod
    def named(cls, name: str) -> Level:
        """The level of a `jobs.Message`: "info", "warning" or "error"."""
        return cls[name.upper()]


@dataclass(frozen=True)
class LogLine:
    """One line. `details` is what "copy" adds to it, a traceback for instance."""

    text: str
    level: Level = Level.INFO
    details: str = ""
    time: datetime = field(default_factory=datetime.now)

    def plain(self) -> str:
        """The line as it is copied."""
        stamp = self.time.isoformat(sep=" ", timespec="seconds")
        head = f"{stamp}  {self.level.name.lower():7}  {self.text}"
        return f"{head}\n{self.details.rstrip()}" if self.details else head


class LogLines(QObject):
    """The last 5000 lines.

    Signals:
        added: one line more, at the end.
        cleared: no lines are left.
    """

    added = Signal(object)
    cleared = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lines: deque[LogLine] = deque(maxlen=KEPT_LINES)

    @property
    def lines(self) -> tuple[LogLine, ...]:
        return tuple(self._lines)

    def add(self, text: str, level: Level = Level.INFO, details: str = "") -> None:
        """Write a line. Call it on the GUI thread."""
        line = LogLine(text, level, details)
        self._lines.append(line)
        self.added.emit(line)

    def clear(self) -> None:
        self._lines.clear()
        self.cleared.emit()


class LoggingTap(QObject):
    """Carries warnings and errors of the package's loggers, from any thread, into the log.

    Signals:
        record: text, level and details of a record; queued to the thread of the receiver.
    """

    record = Signal(str, int, str)

    def __init__(self, lines: LogLines) -> None:
        super().__init__(lines)
        self._lines = lines
        # Queued even on the GUI thread: a line written while a widget paints must not repaint it.
        self.record.connect(self._write, Qt.ConnectionType.QueuedConnection)
        self._handler = _Handler(self)
        logging.getLogger(_PACKAGE).addHandler(self._handler)

    def remove(self) -> None:
        """Stop listening. Call it before the log goes away."""
        logging.getLogger(_PACKAGE).removeHandler(self._handler)

    def _write(self, text: str, level: int, details: str) -> None:
        self._lines.add(text, Level.ERROR if level >= logging.ERROR else Level.WARNING, details)


class _Handler(logging.Handler):
    def __init__(self, tap: LoggingTap) -> None:
        super().__init__(logging.WARNING)
        self._tap = tap
        self._formatter = logging.Formatter()

    def emit(self, record: logging.LogRecord) -> None:
        details = self._formatter.formatException(record.exc_info) if record.exc_info else ""
        self._tap.record.emit(record.getMessage(), record.levelno, details)
