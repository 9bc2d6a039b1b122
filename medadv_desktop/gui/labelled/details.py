"""What is known of the data set at hand: where it is, its classes, its fingerprint, its splits."""

from __future__ import annotations

from PySide6.QtCore import QDateTime, QLocale, QSize, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from medadv_desktop.gui import icons
from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.labelled.bars import ClassBars, Count, counted, figure
from medadv_desktop.gui.state.dataset_library import DatasetEntry
from medadv_desktop.gui.theme import MEDIUM, SMALL, TINY, font


class EntryDetails(QScrollArea):
    """One entry in full. Facts on top, then the bars of its classes."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._bench = bench
        self._librarian = bench.controller.librarian
        self._entry: DatasetEntry | None = None
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName(self.tr("Details of the data set"))
        self.title = QLabel()
        self.title.setFont(font("title"))
        self.title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.path = QLabel()
        self.path.setProperty("role", "muted")
        self.path.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.path.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.missing = QLabel()
        self.missing.setProperty("role", "danger")
        self.missing.setWordWrap(True)
        self.fingerprint = QLabel()
        self.fingerprint.setFont(font("fixed"))
        self.fingerprint.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.copy = QToolButton()
        self.copy.setAutoRaise(True)
        self.copy.setToolTip(self.tr("Copy the fingerprint in full"))
        self.copy.setAccessibleName(self.copy.toolTip())
        icons.bind_icon(self.copy, "copy", bench.theme)
        self.copy.clicked.connect(self._copy)
        self.rows: dict[str, QLabel] = {}
        self.bars = ClassBars(bench.theme)
        self._arrange()
        self._librarian.library.changed.connect(self._refresh)
        bench.controller.names.changed.connect(self._refresh)

    def show_entry(self, entry: DatasetEntry | None) -> None:
        self._entry = entry
        self._refresh()

    def sizeHint(self) -> QSize:
        return QSize(320, 240)

    def minimumSizeHint(self) -> QSize:
        return QSize(200, 60)

    # ------------------------------------------------------------------ showing

    def _refresh(self) -> None:
        entry = self._entry and self._librarian.library.find(self._entry.id)
        self._entry = entry
        self.widget().setVisible(entry is not None)
        if entry is None:
            return
        self.title.setText(entry.name)
        shown = self._bench.controller.names.location(entry.path)
        self.path.setText(shown)
        self.path.setToolTip(shown)
        missing = self._librarian.library.missing.get(entry.id, "")
        self.missing.setText(self.tr("Missing: {0}").format(missing))
        self.missing.setVisible(bool(missing))
        self._show_fingerprint(entry)
        for name, text in self._facts(entry).items():
            self.rows[name].setText(text)
        counts = [Count(c.name, c.samples, c.by_split) for c in entry.counts]
        self.bars.set_counts(counts, entry.samples)

    def _facts(self, entry: DatasetEntry) -> dict[str, str]:
        parts = []
        for part in entry.splits:
            words = f"{part.name or self.tr('in none')} {figure(part.samples)}"
            if part.patients:
                people = counted(part.patients, self.tr("{0} patient"), self.tr("{0} patients"))
                words += f" ({people})"
            parts.append(words)
        k = len(entry.counts)
        kind = (
            counted(k, self.tr("{0} class"), self.tr("{0} classes"))
            if entry.task == "single-label"
            else counted(k, self.tr("{0} finding"), self.tr("{0} findings"))
        )
        samples = f"{figure(entry.samples)} · {kind}"
        return {
            "samples": samples,
            "splits": ", ".join(parts) + self._how_split(entry),
            "part": self._part(entry),
            "look": self._look(entry),
        }

    def _how_split(self, entry: DatasetEntry) -> str:
        if entry.split is None:
            return ""
        how = self.tr("by patient") if entry.split.get("by_patient", True) else self.tr("by image")
        seed = entry.split.get("seed", 0)
        return "\n" + self.tr("assigned anew {0}, seed {1}").format(how, seed)

    def _part(self, entry: DatasetEntry) -> str:
        if not entry.subset:
            return self.tr("all samples")
        return ", ".join(f"{name} {value}" for name, value in entry.subset.items())

    def _look(self, entry: DatasetEntry) -> str:
        if self._librarian.is_looking(entry.id):
            return self.tr("being looked over…")
        if entry.look is None:
            return self.tr("not yet")
        total = sum(count for _, count in entry.look.problems)
        kinds = ", ".join(f"{kind} {figure(count)}" for kind, count in entry.look.problems)
        found = self.tr("nothing wrong") if not total else kinds
        return f"{_when(entry.look.when)}: {found}"

    def _show_fingerprint(self, entry: DatasetEntry) -> None:
        found = entry.fingerprint
        running = self._librarian.is_fingerprinting(entry.id)
        self.copy.setVisible(found is not None)
        if running:
            self.fingerprint.setText(self.tr("being computed…"))
            self.fingerprint.setToolTip("")
        elif found is None:
            self.fingerprint.setText(self.tr("not computed yet"))
            self.fingerprint.setToolTip("")
        else:
            self.fingerprint.setText(found.short)
            text = self.tr("{0}\nof {1} samples, computed {2}")
            tip = text.format(found.sha256, figure(found.samples), _when(found.computed))
            if found.missing:
                tip += "\n" + self.tr("%n of them missing", None, found.missing)
            self.fingerprint.setToolTip(tip)
        self.when.setText(_when(found.computed) if found and not running else "")

    def _copy(self) -> None:
        if self._entry is not None and self._entry.fingerprint is not None:
            QGuiApplication.clipboard().setText(self._entry.fingerprint.sha256)

    # ------------------------------------------------------------------ making

    def _arrange(self) -> None:
        content = QWidget()
        block = QVBoxLayout(content)
        block.setContentsMargins(MEDIUM, SMALL, MEDIUM, MEDIUM)
        block.setSpacing(SMALL)
        block.addWidget(self.title)
        block.addWidget(self.path)
        block.addWidget(self.missing)
        grid = QGridLayout()
        grid.setHorizontalSpacing(MEDIUM)
        grid.setVerticalSpacing(TINY)
        grid.setColumnStretch(1, 1)
        for row, (name, text) in enumerate(
            (
                ("samples", self.tr("Samples")),
                ("splits", self.tr("Splits")),
                ("part", self.tr("Part used")),
                ("look", self.tr("Looked over")),
            )
        ):
            value = QLabel()
            value.setWordWrap(True)
            value.setTextFormat(Qt.TextFormat.PlainText)
            value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            value.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
            grid.addWidget(_muted(text), row, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(value, row, 1)
            self.rows[name] = value
        printed = QHBoxLayout()
        printed.setSpacing(SMALL)
        self.when = _muted("")
        self.when.setFont(font("small"))
        self.when.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        printed.addWidget(self.fingerprint)
        printed.addWidget(self.copy)
        printed.addStretch(1)
        grid.addWidget(_muted(self.tr("Fingerprint")), len(self.rows), 0)
        grid.addLayout(printed, len(self.rows), 1)
        grid.addWidget(self.when, len(self.rows) + 1, 1)
        block.addLayout(grid)
        block.addSpacing(SMALL)
        block.addWidget(self.bars)
        block.addStretch(1)
        self.setWidget(content)


def _muted(text: str) -> QLabel:
    label = QLabel(text)
    label.setProperty("role", "muted")
    return label


def _when(time: object) -> str:
    moment = QDateTime.fromSecsSinceEpoch(int(time.timestamp()))  # type: ignore[attr-defined]
    return QLocale().toString(moment, QLocale.FormatType.ShortFormat)
