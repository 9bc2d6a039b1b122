"""Follows one run: reads it in the background, and again while something is written to it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from medadv_desktop.gui.audits.archivist import Archivist
from medadv_desktop.gui.background import Urgency
from medadv_desktop.gui.desk import Audience
from medadv_desktop.gui.running import Failure

if TYPE_CHECKING:
    from medadv_desktop.gui.audits.results.content import CellCharts, RunContent
    from medadv_desktop.gui.controller import Controller

POLL_MS, _IDLE_MS = 1000, 5000
"""How often a run is looked at: while it is at work, and to see whether it was begun elsewhere."""


class RunFollower(QObject):
    """Knows what stands in the store of the run that is looked at.

    Signals:
        changed: another run, another content, or its reading failed.
        cell_read: the charts of a cell are there, a `CellCharts`.

    Attributes:
        folder: of the run, None for none.
        content: what was read last, None before.
        failure: why it cannot be read, "" if it can.
    """

    changed = Signal()
    cell_read = Signal(object)

    def __init__(self, controller: Controller, archivist: Archivist, parent: QObject) -> None:
        super().__init__(parent)
        self._controller, self._archivist = controller, archivist
        self._desk = controller.librarian.desk
        self.folder: Path | None = None
        self.content: RunContent | None = None
        self.failure = ""
        self._wanted = False
        self._reading = False
        self._charts: dict[str, CellCharts] = {}
        self._poll = QTimer(self, singleShot=True)
        self._poll.timeout.connect(self.read)
        archivist.audits.changed.connect(self.read)
        archivist.audits.ended.connect(lambda _: self.read())

    @property
    def live(self) -> bool:
        """The run is at work, here or in another program."""
        here = self.folder is not None and self._archivist.is_running(self.folder)
        return here or (self.content is not None and self.content.at_work)

    def follow(self, folder: Path | None) -> None:
        """Look at another run, None for none."""
        if folder == self.folder:
            return
        self.folder, self.content, self.failure = folder, None, ""
        self._charts.clear()
        self._poll.stop()
        self.changed.emit()
        self.read()

    def set_wanted(self, wanted: bool) -> None:
        """Whether anybody looks; nothing is read for nobody."""
        self._wanted = wanted
        if wanted:
            self.read()
        else:
            self._poll.stop()

    def read(self) -> None:
        """Read what is new, if the run is looked at."""
        folder, known = self.folder, self.content
        if folder is None or not self._wanted or self._reading:
            return
        if self._controller.background.stopping:
            return
        self._reading = True

        def work(*_: object) -> RunContent | None:
            from medadv_desktop.gui.audits.results.content import read_content

            return read_content(folder, known)

        def done(content: RunContent | None) -> None:
            if folder == self.folder and content is not None:
                self.failure, self.content = "", content
                self._charts = {
                    cell: charts
                    for cell, charts in self._charts.items()
                    if known is not None and content.cells.get(cell) == known.cells.get(cell)
                }
                self.changed.emit()

        def failed(failure: Failure) -> None:
            # A run that begins has no store yet; it is looked for again while it works.
            if folder == self.folder and not self._archivist.is_running(folder):
                self.failure = failure.text
                self.changed.emit()

        def ended() -> None:
            self._reading = False
            if folder != self.folder:
                self.read()
            elif self._wanted and not self._controller.background.stopping:
                self._poll.start(POLL_MS if self.live else _IDLE_MS)

        audience = Audience(self.tr("Reading an audit"), done, failed=failed, ended=ended)
        self._poll.stop()
        self._desk.read(work, Urgency.FRAME, audience)

    def ask_for_cell(self, cell: str) -> CellCharts | None:
        """The charts of a finished cell if they are at hand, else they follow by `cell_read`."""
        content = self.content
        record = content.cells.get(cell) if content is not None else None
        if record is None or record.outcome is None:
            return None
        if (found := self._charts.get(cell)) is not None:
            return found

        def work(*_: object) -> CellCharts:
            from medadv_desktop.gui.audits.results.content import cell_charts

            return cell_charts(record)

        def done(charts: CellCharts) -> None:
            if self.content is not None and self.content.cells.get(cell) == record:
                self._charts[cell] = charts
                self.cell_read.emit(charts)

        self._desk.read(work, Urgency.FRAME, Audience(self.tr("Drawing a chart"), done))
        return None
