"""What is known of the audit that is chosen: facts, and the tags and notes a user gives it."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QFocusEvent
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from medadv_desktop.audit.summaries import AuditRun, BrokenRun
from medadv_desktop.gui import icons
from medadv_desktop.gui.audits.archivist import Archivist
from medadv_desktop.gui.audits.run_list import standing
from medadv_desktop.gui.audits.wording import headline_text, state_text, when_text
from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.labelled.bars import figure
from medadv_desktop.gui.state.audit_library import Run
from medadv_desktop.gui.theme import MEDIUM, SMALL, font
from medadv_desktop.gui.wizards.steps import Callout


class _Notes(QPlainTextEdit):
    """Text that is kept when it is left."""

    def __init__(self, left: object) -> None:
        super().__init__()
        self._left = left
        self.setTabChangesFocus(True)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._left()


class RunDetails(QScrollArea):
    """One run: facts on top, then its tags and notes, which are kept when they are left."""

    def __init__(self, bench: Workbench, archivist: Archivist) -> None:
        super().__init__()
        self._bench, self._archivist = bench, archivist
        self._run: Run | None = None
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName(self.tr("Details of the audit"))
        self.title = QLabel()
        self.title.setFont(font("title"))
        self.title.setWordWrap(True)
        self.title.setTextFormat(Qt.TextFormat.PlainText)
        self.broken = Callout(bench.theme)
        self.facts: dict[str, QLabel] = {}
        self.show_results = QPushButton(self.tr("Show results"))
        icons.bind_icon(self.show_results, "results", bench.theme)
        self.show_results.setToolTip(self.tr("Figures, curves and samples of this audit"))
        self.tags = QLineEdit()
        self.tags.setPlaceholderText(self.tr("Tags, separated by commas"))
        self.tags.setAccessibleName(self.tr("Tags"))
        self.notes = _Notes(self._keep)
        self.notes.setPlaceholderText(self.tr("Notes"))
        self.notes.setAccessibleName(self.tr("Notes"))
        self.notes.setMinimumHeight(56)
        self.tags.editingFinished.connect(self._keep)
        self.show_results.clicked.connect(
            lambda: bench.controller.action_wanted.emit("show-audit-results")
        )
        self._arrange()
        bench.controller.names.changed.connect(self._fill)

    def sizeHint(self) -> QSize:
        return QSize(260, 240)

    def minimumSizeHint(self) -> QSize:
        return QSize(180, 60)

    def show_run(self, run: Run | None) -> None:
        """Show a run, None for none. Words that are being written are not overwritten."""
        if self._run is not None and (run is None or run.folder != self._run.folder):
            self._keep()
        same = run is not None and self._run is not None and run.folder == self._run.folder
        before, self._run = self._run, run
        self._fill()
        if not isinstance(run, AuditRun):
            return
        old = before if same and isinstance(before, AuditRun) else None
        if old is None or self._written() == (old.tags, old.notes):
            self.tags.setText(", ".join(run.tags))
            if self.notes.toPlainText() != run.notes:
                self.notes.setPlainText(run.notes)

    # ------------------------------------------------------------------ inside

    def _written(self) -> tuple[tuple[str, ...], str]:
        tags = (tag.strip() for tag in self.tags.text().split(","))
        return tuple(dict.fromkeys(tag for tag in tags if tag)), self.notes.toPlainText()

    def _keep(self) -> None:
        run = self._run
        if isinstance(run, AuditRun) and self._written() != (run.tags, run.notes):
            self._archivist.keep_words(run.folder, *self._written())

    def _fill(self) -> None:
        run = self._run
        whole = isinstance(run, AuditRun)
        self.widget().setVisible(run is not None)
        for part in (self.grid, self.tags, self.notes, self.show_results):
            part.setVisible(whole)
        names = self._bench.controller.names
        if isinstance(run, BrokenRun):
            self.title.setText(names.name(run.folder))
            self.broken.say("error", names.text(run.reason), names.location(run.folder))
            return
        self.broken.say("info", "")
        if run is None:
            return
        self.title.setText(run.name)
        for name, text in self._facts(run).items():
            self.facts[name].setText(text)
            self.facts[name].setToolTip(text)

    def _facts(self, run: AuditRun) -> dict[str, str]:
        state = state_text(standing(run, self._archivist))
        cells = self.tr("{0} of {1} cells").format(figure(run.done), figure(run.cells))
        if run.failed:
            cells += self.tr(", {0} failed").format(figure(run.failed))
        robust = headline_text(run.robust)
        if run.robust is not None:
            robust += f"\n{run.robust.model}, {run.robust.title}"
        return {
            "state": f"{state}, {cells}",
            "changed": when_text(run.changed),
            "models": ", ".join(run.models),
            "datasets": ", ".join(run.datasets),
            "clean": headline_text(run.clean),
            "robust": robust,
        }

    def _arrange(self) -> None:
        self.grid = QWidget()
        grid = QGridLayout(self.grid)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(MEDIUM)
        grid.setVerticalSpacing(SMALL)
        grid.setColumnStretch(1, 1)
        for row, (name, words) in enumerate(
            (
                ("state", self.tr("State")),
                ("changed", self.tr("Last written")),
                ("models", self.tr("Models")),
                ("datasets", self.tr("Data sets")),
                ("clean", self.tr("Clean")),
                ("robust", self.tr("Robust")),
            )
        ):
            head, value = QLabel(words), QLabel()
            head.setProperty("role", "muted")
            value.setWordWrap(True)
            value.setTextFormat(Qt.TextFormat.PlainText)
            value.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
            self.facts[name] = value
            grid.addWidget(head, row, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(value, row, 1)
        self.facts["clean"].setAccessibleName(self.tr("Lowest clean accuracy"))
        self.facts["robust"].setAccessibleName(self.tr("Lowest robust accuracy"))
        inside = QWidget()
        block = QVBoxLayout(inside)
        block.setContentsMargins(MEDIUM, SMALL, MEDIUM, MEDIUM)
        block.setSpacing(MEDIUM)
        block.addWidget(self.title)
        block.addWidget(self.broken)
        block.addWidget(self.grid)
        block.addWidget(self.show_results, 0, Qt.AlignmentFlag.AlignLeft)
        block.addWidget(self.tags)
        block.addWidget(self.notes, 1)
        self.setWidget(inside)
        inside.setAutoFillBackground(False)
        self.viewport().setAutoFillBackground(False)
