"""The third step: classes, splits, sizes and problems, and pictures of some samples."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from medadv_desktop.datasets.dataset import Dataset
from medadv_desktop.datasets.inspection import InspectionSettings
from medadv_desktop.datasets.problems import ProblemKind
from medadv_desktop.datasets.report import DatasetReport
from medadv_desktop.gui import icons
from medadv_desktop.gui.asking import ask_where_to_write
from medadv_desktop.gui.background import Urgency
from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.file_names import located
from medadv_desktop.gui.labelled.bars import Count, ScrolledBars, counted, figure
from medadv_desktop.gui.labelled.previews import Preview, draw_samples, previews
from medadv_desktop.gui.labelled.strip import SampleStrip
from medadv_desktop.gui.running import Failure
from medadv_desktop.gui.theme import LARGE, MEDIUM, SMALL, font
from medadv_desktop.gui.wizards.dataset_import.draft import Draft
from medadv_desktop.gui.wizards.dataset_import.facts import Facts, facts_of
from medadv_desktop.gui.wizards.dataset_import.problems import GRAVE, ProblemTable
from medadv_desktop.gui.wizards.dataset_import.work import look_over, write_report
from medadv_desktop.gui.wizards.steps import Callout, StepPage
from medadv_desktop.gui.wizards.task import BackgroundTask
from medadv_desktop.jobs import Progress

SAMPLE, ALL, NONE = "sample", "all", "none"


class LookOverPage(StepPage):
    """Looks over the data set while it is shown; one may go on before it is done."""

    def __init__(self, bench: Workbench, draft: Draft) -> None:
        super().__init__()
        self.title = self.tr("Look over")
        self.heading = self.tr("What it holds, and what is wrong with it")
        self.explanation = self.tr(
            "Labels, splits and patients are checked in full, and that every file exists. Images "
            "are opened as chosen; copies are looked for when all are."
        )
        self._bench, self._draft = bench, draft
        self._progress = Progress(0, 0)
        self._pictured: Dataset | None = None
        self._looked: Dataset | None = None
        background = bench.controller.background
        self.task = BackgroundTask(background, self)
        self.drawing = BackgroundTask(background, self)
        self.writing = BackgroundTask(background, self)
        self.images = QComboBox()
        self.images.addItem(self.tr("Open a sample of 500 images"), SAMPLE)
        self.images.addItem(self.tr("Open all images, compare contents"), ALL)
        self.images.addItem(self.tr("Open no image"), NONE)
        self.images.setAccessibleName(self.tr("Which images are opened"))
        self.again = QPushButton(self.tr("Look again"))
        self.export = QPushButton(self.tr("Export report…"))
        self.export.setToolTip(
            self.tr(
                "Save everything found, with all problems, as text or JSON; while patient data is "
                "hidden, without the names of patients"
            )
        )
        for button, icon in ((self.again, "reset"), (self.export, "export")):
            button.setAutoDefault(False)
            icons.bind_icon(button, icon, bench.theme)
        self.callout = Callout(bench.theme)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(6)
        self.bar.setAccessibleName(self.tr("How much was looked at"))
        self.bar.hide()
        self.bars = ScrolledBars(bench.theme)
        self.facts = Facts()
        self.problems = ProblemTable(bench.theme, bench.controller.privacy)
        self.strip = SampleStrip(bench.theme, bench.controller.privacy)
        self.strip.setFixedHeight(140)
        self._arrange()
        self.images.activated.connect(self._look)
        self.again.clicked.connect(self._look)
        self.callout.acted.connect(self._acted)
        self.export.clicked.connect(self._ask_where)
        self.task.busy_changed.connect(self._busy_changed)
        self.task.progress.connect(self._progressed)
        self.task.finished.connect(self._found)
        self.task.failed.connect(self._failed)
        self.task.stopped.connect(self._stopped)
        self.drawing.partial.connect(self._pictured_one)
        self.writing.failed.connect(self._failed)
        self.writing.finished.connect(self._written)
        draft.reading_changed.connect(self._forget)
        self._show(None)

    # ------------------------------------------------------------------ what the dialog asks

    def entered(self) -> None:
        dataset = self._dataset()
        if dataset is None:
            return
        counts = self._draft.reading.counts if self._draft.reading else ()
        self.bars.set_counts(counts, len(dataset))
        if dataset is not self._pictured:
            self._pictured = dataset
            self.strip.show_previews(())
            self.drawing.run(
                lambda token, emit: previews(draw_samples(dataset), token, emit), Urgency.FRAME
            )
        if self._draft.report is None and not self.task.busy:
            self._look()

    def blocked(self) -> str:
        return ""

    def busy(self) -> str:
        # One may go on while it runs: what is found is a warning, not a condition.
        return ""

    def stop(self) -> None:
        self.task.cancel()
        if self.drawing.busy:
            self.drawing.cancel()
            self._pictured = None

    # ------------------------------------------------------------------ looking

    def _dataset(self) -> Dataset | None:
        return self._draft.reading.dataset if self._draft.reading else None

    def _forget(self) -> None:
        if self._draft.reading is None:
            self._show(None)

    def _look(self) -> None:
        dataset = self._dataset()
        if dataset is None:
            return
        settings = InspectionSettings(images=self.images.currentData())
        self._progress = Progress(0, 0)
        self._looked = dataset
        self._draft.set_report(None)
        self.task.run(lambda token, emit: look_over(dataset, settings, token, emit))
        self._show_busy()

    def _acted(self) -> None:
        if self.task.busy:
            self.task.cancel()
        else:
            self._look()

    def _progressed(self, progress: Progress) -> None:
        self._progress = progress
        self._show_busy()

    def _busy_changed(self) -> None:
        self.again.setEnabled(not self.task.busy)
        self.bar.setVisible(self.task.busy)
        self.changed.emit()

    def _show_busy(self) -> None:
        done, total = int(self._progress.done), int(self._progress.total)
        what = {
            "images": self.tr("Opening images"),
            "fingerprint": self.tr("Comparing contents"),
        }.get(self._progress.message, self.tr("Checking labels, splits and files"))
        count = self.tr("{0} of {1}").format(figure(done), figure(total)) if total else ""
        words = f"{what}… {count}".strip()
        self.bar.setRange(0, total)
        self.bar.setValue(done)
        if self.callout.button.text() == self.tr("Stop") and self.callout.isVisibleTo(self):
            self.callout.text.setText(words)  # several times a second: the look stays
        else:
            self.callout.say("info", words, action=self.tr("Stop"))

    def _found(self, report: DatasetReport) -> None:
        if self._dataset() is self._looked:
            self._draft.set_report(report)
            self._show(report)

    def _failed(self, failure: Failure) -> None:
        text = self._bench.controller.names.text(failure.text)
        self.callout.say("error", text, action=self.tr("Look again"))

    def _stopped(self) -> None:
        text = self.tr("Stopped before everything was looked at.")
        self.callout.say("warning", text, action=self.tr("Look again"))

    def _pictured_one(self, preview: Preview) -> None:
        self.strip.samples.add(preview)

    # ------------------------------------------------------------------ showing

    def _show(self, report: DatasetReport | None) -> None:
        self.export.setEnabled(report is not None)
        if report is None:
            self.facts.show_facts(())
            self.problems.setVisible(False)
            self.problems.kinds.setVisible(False)
            self.callout.say("info", "")
            return
        counts = [Count(c.name, c.samples, c.by_split) for c in report.classes]
        self.bars.set_counts(counts, report.samples)
        self.facts.show_facts(facts_of(report))
        self.problems.show_problems(report.problems)
        self.problems.setVisible(bool(report.problems))
        self.problems.kinds.setVisible(bool(report.problems))
        self.callout.say(*self._verdict(report))

    def _verdict(self, report: DatasetReport) -> tuple[str, str, str]:
        """Level, sentence and remedy."""
        problems = report.problems
        leaking = problems.count(ProblemKind.PATIENT_IN_TWO_SPLITS)
        lost = problems.count(ProblemKind.MISSING_IMAGE) + problems.count(
            ProblemKind.UNREADABLE_IMAGE
        )
        if leaking:
            return (
                "error",
                counted(
                    leaking,
                    self.tr("{0} patient is in two splits"),
                    self.tr("{0} patients are in two splits"),
                )
                + self.tr(": figures of the test split would be too good."),
                self.tr("Split anew by patient in the next step, or mend the table."),
            )
        if lost:
            return (
                "warning",
                counted(
                    lost,
                    self.tr("{0} image is missing or cannot be read."),
                    self.tr("{0} images are missing or cannot be read."),
                ),
                self.tr("They cannot be predicted or attacked; each is listed with file and row."),
            )
        total = sum(count for _, count in problems.counts)
        grave = any(kind in GRAVE for kind, _ in problems.counts)
        part = "" if report.compared else self.tr("Contents were not compared for copies.")
        if total:
            level = "warning" if grave else "info"
            text = counted(
                total, self.tr("{0} thing to know of."), self.tr("{0} things to know of.")
            )
            return level, text, part
        return "success", self.tr("Nothing is wrong with what was looked at."), part

    # ------------------------------------------------------------------ exporting

    def export_to(self, path: Path) -> None:
        """Write the report, as JSON where the name ends so, else as text."""
        report = self._draft.report
        if report is not None:
            masked = self._bench.controller.privacy.masked
            self.writing.run(lambda *_: write_report(report, path, masked=masked), Urgency.FRAME)

    def _written(self, path: Path) -> None:
        self._bench.log.add(self.tr("Report written: {0}").format(located(path)))

    def _ask_where(self) -> None:
        ask_where_to_write(
            self,
            self._bench.controller.settings,
            self.tr("Export the report"),
            f"{self._draft.name}-report.txt",
            (self.tr("Text (*.txt)"), self.tr("JSON (*.json)")),
            self.export_to,
        )

    # ------------------------------------------------------------------ making

    def _arrange(self) -> None:
        bar = QHBoxLayout()
        bar.setSpacing(MEDIUM)
        for widget in (self.images, self.again):
            bar.addWidget(widget)
        bar.addStretch(1)
        bar.addWidget(self.problems.kinds)
        bar.addWidget(self.export)
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SMALL)
        title = QLabel(self.tr("Samples of each class"))
        title.setFont(font("strong"))
        column.addWidget(title)
        column.addWidget(self.bars, 3)
        column.addWidget(self.facts, 4)
        left.setMinimumWidth(250)
        across = QSplitter(Qt.Orientation.Horizontal)
        across.setChildrenCollapsible(False)
        right = QWidget()
        listed = QVBoxLayout(right)
        listed.setContentsMargins(0, 0, 0, 0)
        listed.addWidget(self.callout)
        listed.addWidget(self.bar)
        listed.addWidget(self.problems, 1)
        listed.addStretch(0)
        across.addWidget(left)
        across.addWidget(right)
        across.setSizes([300, 530])
        across.setStretchFactor(1, 1)
        block = QVBoxLayout(self)
        block.setContentsMargins(LARGE + SMALL, 0, LARGE + SMALL, MEDIUM)
        block.setSpacing(MEDIUM)
        block.addLayout(bar)
        block.addWidget(across, 1)
        block.addWidget(self.strip)
