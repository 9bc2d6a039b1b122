"""The panel "Measurements": figures of what was drawn, on every image of the case."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

from PySide6.QtCore import QT_TRANSLATE_NOOP, QCoreApplication, Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QSizePolicy,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from medadv_desktop.gui import icons
from medadv_desktop.gui.docks.spec import DockSpec, Workbench
from medadv_desktop.gui.lists import dress
from medadv_desktop.gui.state.case import Case
from medadv_desktop.gui.state.measurements import Measurement
from medadv_desktop.gui.theme import MEDIUM, SMALL
from medadv_desktop.gui.viewers.measured import (
    extent,
    figure,
    kind_text,
    measure_text,
    statistics_on,
)
from medadv_desktop.gui.viewers.showing import frame_key
from medadv_desktop.imaging.measuring import Measure, RegionStatistics

_NUMBER = Qt.ItemDataRole.UserRole
_HEADINGS = (
    QT_TRANSLATE_NOOP("Measurements", "Measurement"),
    QT_TRANSLATE_NOOP("Measurements", "Size"),
    QT_TRANSLATE_NOOP("Measurements", "Mean"),
    QT_TRANSLATE_NOOP("Measurements", "SD"),
    QT_TRANSLATE_NOOP("Measurements", "Min"),
    QT_TRANSLATE_NOOP("Measurements", "Max"),
    QT_TRANSLATE_NOOP("Measurements", "Units"),
    QT_TRANSLATE_NOOP("Measurements", "Pixels"),
)
_IMAGES = (
    ("source", QT_TRANSLATE_NOOP("Measurements", "Source")),
    ("model-input", QT_TRANSLATE_NOOP("Measurements", "Model input")),
    ("adversarial", QT_TRANSLATE_NOOP("Measurements", "Adversarial")),
)


def _tr(text: str) -> str:
    return QCoreApplication.translate("Measurements", text)


@dataclass(frozen=True)
class Row:
    """A measurement, with its figures on each image that there is (none for lines and angles)."""

    measurement: Measurement
    size: Measure
    found: tuple[tuple[str, RegionStatistics], ...]


def rows_of(case: Case, measured: tuple[Measurement, ...]) -> tuple[Row, ...]:
    """Figures of measurements on the frame of a case."""
    frame = case.frame
    if frame is None:
        return ()
    rows = []
    for measurement in measured:
        region = measurement.region
        found = []
        if region is not None:
            for image, title in _IMAGES:
                figures = statistics_on(case, image, region)
                if figures is not None:
                    found.append((_tr(title), figures))
        rows.append(Row(measurement, extent(measurement, frame.spacing), tuple(found)))
    return tuple(rows)


def as_csv(rows: tuple[Row, ...], file: str) -> str:
    """The figures as comma-separated values, numbers in full, with a heading.

    Args:
        file: name of the image, "" to tell nothing of it.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        [
            "file",
            "number",
            "kind",
            "points_row_column",
            "size",
            "size_unit",
            "image",
            "mean",
            "sd",
            "min",
            "max",
            "units",
            "pixels",
        ]
    )
    for row in rows:
        m = row.measurement
        points = " ".join(f"{r:.3f};{c:.3f}" for r, c in m.points)
        head = [file, m.id, m.kind, points, repr(row.size.value), row.size.unit]
        if not row.found:
            writer.writerow([*head, "", "", "", "", "", "", ""])
        for image, s in row.found:
            figures = [repr(v) for v in (s.mean, s.deviation, s.minimum, s.maximum)]
            writer.writerow([*head, image, *figures, s.units, s.pixels])
    return text.getvalue()


class MeasurementsPanel(QWidget):
    """A measurement in each row, below it the images it was evaluated on."""

    def __init__(self, bench: Workbench, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bench, self._case = bench, bench.case
        self._measured = bench.view.measurements
        self._rows: tuple[Row, ...] = ()
        self._stale = True
        self.tree = _Tree(self)
        dress(self.tree, bench.theme)
        self.words = QLabel()
        self.words.setProperty("role", "muted")
        self.words.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.copy = QPushButton(_tr("&Copy"))
        self.copy.setToolTip(_tr("Copy the figures as a table, as they are shown (Ctrl+C)"))
        self.copy.clicked.connect(lambda _: self.copy_text())
        self.csv = QPushButton(_tr("Copy as CS&V"))
        self.csv.setToolTip(_tr("Copy the figures as comma-separated values, in full"))
        self.csv.clicked.connect(lambda _: self.copy_csv())
        self.remove = QPushButton(_tr("&Delete"))
        self.remove.setToolTip(_tr("Delete the selected measurement (Delete)"))
        self.remove.clicked.connect(lambda _: self.delete_selected())
        for button, icon in ((self.copy, "copy"), (self.csv, "copy"), (self.remove, "remove")):
            icons.bind_icon(button, icon, bench.theme)
        foot = QHBoxLayout()
        foot.setContentsMargins(MEDIUM, 0, MEDIUM, SMALL)
        foot.addWidget(self.words, 1)
        for button in (self.copy, self.csv, self.remove):
            foot.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SMALL)
        layout.addWidget(self.tree, 1)
        layout.addLayout(foot)
        for changed in (
            self._measured.changed,
            bench.case.frame_changed,
            bench.case.prediction_changed,
            bench.case.outcome_changed,
        ):
            changed.connect(self._mark_stale)
        self._measured.selected_changed.connect(self._mark_selected)
        self.tree.itemSelectionChanged.connect(self._selected)
        self._mark_stale()

    def rows(self) -> tuple[Row, ...]:
        return self._rows

    def copy_text(self) -> None:
        """All rows, tabs between columns, as they are shown."""
        lines = ["\t".join(_tr(h) for h in _HEADINGS)]
        for item in self.tree.items():
            lines.append("\t".join(item.text(c) for c in range(len(_HEADINGS))))
        QGuiApplication.clipboard().setText("\n".join(lines) + "\n")

    def copy_csv(self) -> None:
        """All figures in full. The name of the file is left out while patient data is masked."""
        frame = self._case.frame
        masked = self._bench.controller.privacy.masked
        file = "" if frame is None or masked else frame.provenance.path.name
        QGuiApplication.clipboard().setText(as_csv(self._rows, file))

    def delete_selected(self) -> None:
        if self._measured.selected is not None:
            self._measured.delete(self._measured.selected)

    def showEvent(self, event: object) -> None:
        super().showEvent(event)
        if self._stale:
            self._refresh()

    def _mark_stale(self) -> None:
        self._stale = True
        if self.isVisible():
            self._refresh()

    def _refresh(self) -> None:
        self._stale = False
        self._rows = rows_of(self._case, self._measured.on(frame_key(self._case.frame)))
        self.tree.blockSignals(True)
        self.tree.clear()
        for row in self._rows:
            m = row.measurement
            top = _item((f"{m.id}  {kind_text(m.kind)}", measure_text(row.size)), m.id)
            self.tree.addTopLevelItem(top)
            for image, s in row.found:
                figures = (figure(v) for v in (s.mean, s.deviation, s.minimum, s.maximum))
                top.addChild(_item((image, "", *figures, s.units, str(s.pixels)), m.id))
        self.tree.expandAll()
        self.tree.blockSignals(False)
        empty = not self._rows
        self.words.setText(
            _tr("Draw with a tool of the menu Measure; figures appear here.") if empty else ""
        )
        self.copy.setEnabled(not empty)
        self.csv.setEnabled(not empty)
        self._mark_selected()

    def _mark_selected(self) -> None:
        number = self._measured.selected
        self.remove.setEnabled(any(r.measurement.id == number for r in self._rows))
        self.tree.blockSignals(True)
        current = self.tree.currentItem()
        if number is None:
            self.tree.clearSelection()
        elif current is None or current.data(0, _NUMBER) != number:
            for item in self.tree.items():
                if item.data(0, _NUMBER) == number:
                    self.tree.setCurrentItem(item)
                    break
        self.tree.blockSignals(False)

    def _selected(self) -> None:
        item = self.tree.currentItem()
        self._measured.select(item.data(0, _NUMBER) if item is not None else None)


class _Tree(QTreeWidget):
    """Figures in columns; Delete removes, Ctrl+C copies."""

    def __init__(self, panel: MeasurementsPanel) -> None:
        super().__init__()
        self._panel = panel
        self.setAccessibleName(_tr("Measurements"))
        self.setHeaderLabels([_tr(h) for h in _HEADINGS])
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setUniformRowHeights(True)
        self.setFrameShape(QTreeWidget.Shape.NoFrame)
        self.header().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.header().setStretchLastSection(False)
        self.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)

    def items(self) -> list[QTreeWidgetItem]:
        """All items, from top to bottom."""
        result = []
        for row in range(self.topLevelItemCount()):
            top = self.topLevelItem(row)
            result += [top, *(top.child(i) for i in range(top.childCount()))]
        return result

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self._panel.delete_selected()
        elif event.matches(QKeySequence.StandardKey.Copy):
            self._panel.copy_text()
        else:
            super().keyPressEvent(event)


def _item(texts: tuple[str, ...], number: int) -> QTreeWidgetItem:
    item = QTreeWidgetItem(list(texts))
    item.setData(0, _NUMBER, number)
    right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
    for column in (1, 2, 3, 4, 5, 7):
        item.setTextAlignment(column, right)
    return item


DOCK = DockSpec(
    id="measurements",
    title=QT_TRANSLATE_NOOP("Docks", "Measurements"),
    icon="measurements",
    area=Qt.DockWidgetArea.BottomDockWidgetArea,
    build=MeasurementsPanel,
)
