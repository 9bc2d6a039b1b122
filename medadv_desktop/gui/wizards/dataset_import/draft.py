"""What the pages of the data set wizard have settled so far."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from medadv_desktop.datasets.options import DatasetOptions

if TYPE_CHECKING:
    from medadv_desktop.datasets.report import DatasetReport
    from medadv_desktop.gui.wizards.dataset_import.work import Division, Reading, Source


_GENERIC = frozenset({"manifest", "labels", "metadata", "index", "data", "train", "table"})
"""Names of tables that say nothing: their folder is called for the data set."""


class Draft(QObject):
    """A data set on its way into the library. What is settled anew voids what rests on it.

    Signals:
        source_changed: `source` or the layout is another.
        reading_changed: the data set was opened with other options, or not yet.
        report_changed: it was looked over, or not yet.

    Attributes:
        source: the path and what it may be, None before one is chosen.
        options: how it is read; `options.layout` is never empty once a source is there.
        reading: what it holds, None until it was opened with these options.
        report: of the look-over, None until it was done for this reading.
        division: after split and subset, None until these were worked out.
        name: as it will be called.
    """

    source_changed = Signal()
    reading_changed = Signal()
    report_changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.source: Source | None = None
        self.options = DatasetOptions()
        self.reading: Reading | None = None
        self.report: DatasetReport | None = None
        self.division: Division | None = None
        self.name = ""

    def set_source(self, source: Source | None) -> None:
        """Another path; its likeliest layout is chosen."""
        self.source = source
        best = source.recognised[0].layout if source and source.recognised else ""
        self.options = DatasetOptions(layout=best)
        self.name = _name(source.path) if source else ""
        self._void_reading()
        self.source_changed.emit()

    def set_layout(self, layout: str) -> None:
        """Read the source in another layout; what was said of its columns is forgotten."""
        if layout != self.options.layout:
            self.options = DatasetOptions(layout=layout)
            self._void_reading()
            self.source_changed.emit()

    def set_options(self, options: DatasetOptions) -> None:
        if options != self.options:
            self.options = options
            self._void_reading()

    def set_reading(self, reading: Reading) -> None:
        """What the source holds; nothing where it was read with options no longer in force."""
        if self.source and (reading.path, reading.options) == (self.source.path, self.options):
            self.reading = reading
            self.reading_changed.emit()

    def set_report(self, report: DatasetReport | None) -> None:
        self.report = report
        self.report_changed.emit()

    def _void_reading(self) -> None:
        self.reading = self.division = None
        self.reading_changed.emit()
        self.set_report(None)


def _name(path: Path) -> str:
    if path.suffix and path.stem.lower() not in _GENERIC:
        return path.stem
    folder = path.parent if path.suffix else path
    return folder.name or str(path)
