"""The last step: splits, the part that is used, and the name."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QRadioButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from medadv_desktop.datasets.splitting import SplitSettings
from medadv_desktop.errors import SettingsError
from medadv_desktop.gui.background import Urgency
from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.forms import SettingsForm
from medadv_desktop.gui.labelled.bars import ScrolledBars, counted, figure
from medadv_desktop.gui.running import Failure
from medadv_desktop.gui.theme import LARGE, MEDIUM, SMALL, font
from medadv_desktop.gui.wizards.dataset_import.draft import Draft
from medadv_desktop.gui.wizards.dataset_import.facts import Fact, Facts
from medadv_desktop.gui.wizards.dataset_import.part_form import PartForm
from medadv_desktop.gui.wizards.dataset_import.work import Division, Reading, divide
from medadv_desktop.gui.wizards.steps import Callout, StepPage
from medadv_desktop.gui.wizards.task import BackgroundTask

SPLIT_NAMES = ("train", "val", "test")
_PAUSE_MS = 250


class DividePage(StepPage):
    """Works out split and subset as they are edited, and shows what comes of them."""

    def __init__(self, bench: Workbench, draft: Draft) -> None:
        super().__init__()
        self.title = self.tr("Splits and name")
        self.heading = self.tr("Which part is used, and what it is called")
        self.explanation = self.tr(
            "The library keeps this description, not the images. The same seeds give the same "
            "splits and the same samples again."
        )
        self._bench, self._draft = bench, draft
        self._reading: Reading | None = None
        self._error = ""
        self._stale = True
        self.task = BackgroundTask(bench.controller.background, self)
        self.name = QLineEdit()
        self.name.setAccessibleName(self.tr("Name of the data set"))
        self.keep = QRadioButton()
        self.anew = QRadioButton(self.tr("Assign splits anew"))
        self._group = QButtonGroup(self)
        self._group.addButton(self.keep)
        self._group.addButton(self.anew)
        self.keep.setChecked(True)
        self.split = SettingsForm(SplitSettings)
        self.part = PartForm()
        self.callout = Callout(bench.theme)
        self.summary = QLabel()
        self.summary.setFont(font("title"))
        self.summary.setWordWrap(True)
        self.described = QLabel()
        self.described.setProperty("role", "muted")
        self.described.setWordWrap(True)
        self.bars = ScrolledBars(bench.theme)
        self.facts = Facts()
        self._rest = QTimer(self, interval=_PAUSE_MS, singleShot=True)
        self._rest.timeout.connect(self._divide)
        self._arrange()
        self._group.buttonToggled.connect(self._split_chosen)
        self.split.changed.connect(self._edited)
        self.part.edited.connect(self._edited)
        self.name.textEdited.connect(self._named)
        self.task.busy_changed.connect(self.changed)
        self.task.finished.connect(self._divided)
        self.task.failed.connect(self._failed)
        self.task.stopped.connect(self._stopped)
        self.callout.acted.connect(self._divide)

    # ------------------------------------------------------------------ what the dialog asks

    def entered(self) -> None:
        reading = self._draft.reading
        if reading is None or reading.dataset is None:
            return
        if reading is not self._reading:
            self._reading = reading
            splits = reading.dataset.split_names
            self.keep.setText(
                self.tr("As the files say: {0}").format(", ".join(splits))
                if splits
                else self.tr("No splits")
            )
            self._offer()
            self._stale = True
        self.name.setText(self._draft.name)
        if self._stale or self._draft.division is None:
            self._divide()

    def blocked(self) -> str:
        if not self._draft.name.strip():
            return self.tr("Give the data set a name")
        if any(e.name == self._draft.name.strip() for e in self._library.entries):
            return self.tr("There is a data set of this name in the library already")
        if self._error:
            return self._error
        if self._rest.isActive() or self._stale or self._draft.division is None:
            return self.tr("The part that is used is being worked out")
        return ""

    def busy(self) -> str:
        return self.tr("Working out…") if self.task.busy else ""

    def stop(self) -> None:
        self._rest.stop()
        self.task.cancel()

    def next_text(self) -> str:
        return self.tr("Add to library")

    @property
    def _library(self):
        return self._bench.controller.librarian.library

    # ------------------------------------------------------------------ editing

    def _named(self, text: str) -> None:
        self._draft.name = text.strip()
        self._show_name()
        self.changed.emit()

    def _show_name(self) -> None:
        taken = any(e.name == self._draft.name for e in self._library.entries)
        self.name_error.setText(
            self.tr("There is a data set of this name already") if taken else ""
        )
        self.name_error.setVisible(taken)

    def _split_chosen(self) -> None:
        self.split.setVisible(self.anew.isChecked())
        self._offer()
        self._edited()

    def _offer(self) -> None:
        if self._reading is None or self._reading.dataset is None:
            return
        dataset = self._reading.dataset
        splits = SPLIT_NAMES if self.anew.isChecked() else dataset.split_names
        self.part.offer(splits, dataset.classes, single=dataset.task == "single-label")

    def _edited(self) -> None:
        self._stale = True
        self._rest.start()
        self.changed.emit()

    def _divide(self) -> None:
        self._rest.stop()
        dataset = self._reading.dataset if self._reading else None
        if dataset is None:
            return
        split = None
        self._error = self.part.nothing_ticked()
        if self.anew.isChecked():
            try:
                split = self.split.value().model_dump()
            except SettingsError as error:
                self._error = f"{error.subject}: {error.reason}"
        if self._error:
            self.callout.say("error", f"{self._error}.")
            self.changed.emit()
            return
        part = self.part.values()
        self._stale = False
        self.task.run(lambda token, _emit: divide(dataset, split, part, token), Urgency.FRAME)
        self.changed.emit()

    def _divided(self, division: Division) -> None:
        self._draft.division = division
        self._show(division)
        self._show_name()
        self.changed.emit()

    def _failed(self, failure: Failure) -> None:
        self._error = failure.reason
        self._draft.division = None
        remedy = f"{failure.remedy}." if failure.remedy else ""
        self.callout.say("error", f"{_capital(failure.reason)}.", remedy)
        self.changed.emit()

    def _stopped(self) -> None:
        self._stale = True
        self.callout.say("warning", self.tr("Stopped."), action=self.tr("Work it out"))
        self.changed.emit()

    # ------------------------------------------------------------------ showing

    def _show(self, division: Division) -> None:
        count = len(division.dataset)
        self.summary.setText(
            counted(count, self.tr("{0} sample"), self.tr("{0} samples"))
            if count == division.out_of
            else self.tr("{0} of {1} samples").format(figure(count), figure(division.out_of))
        )
        self.described.setText("; ".join(division.dataset.history) or self.tr("All of them"))
        self.bars.set_counts(division.counts, count)
        facts = [Fact(self.tr("Splits"))]
        for name, samples, patients in division.parts:
            words = counted(samples, self.tr("{0} sample"), self.tr("{0} samples"))
            if division.patients:
                words += ", " + counted(patients, self.tr("{0} patient"), self.tr("{0} patients"))
            facts.append(Fact(name or self.tr("in no split"), words, "" if samples else "warning"))
        self.facts.show_facts(facts)
        self.callout.say(*self._remark(division))

    def _remark(self, division: Division) -> tuple[str, str, str]:
        empty = [name for name, samples, _ in division.parts if name and not samples]
        missing = [count.name for count in division.counts if not count.samples]
        if division.split is not None and not division.split.by_patient and division.patients:
            return (
                "warning",
                self.tr("Images of one patient may come into several splits."),
                self.tr("Figures of the test split would then be too good: split by patient."),
            )
        if division.split is not None and not division.patients:
            return (
                "info",
                self.tr("No patients are named, so each image is split by itself."),
                self.tr("Where several images are of one patient, splits may share patients."),
            )
        if missing and len(missing) < len(division.counts):
            listed = ", ".join(missing[:5])
            return "info", self.tr("Without samples in this part: {0}").format(listed), ""
        if empty and division.subset.splits == "":
            return "warning", self.tr("Empty: {0}").format(", ".join(empty)), ""
        return "info", "", ""

    # ------------------------------------------------------------------ making

    def _arrange(self) -> None:
        self.name_error = QLabel()
        self.name_error.setProperty("role", "danger")
        self.name_error.setWordWrap(True)
        self.name_error.hide()
        self.split.hide()
        content = QWidget()
        form = QVBoxLayout(content)
        form.setContentsMargins(0, 0, MEDIUM, 0)
        form.setSpacing(SMALL + 2)
        for title, widgets in (
            (self.tr("Name"), (self.name, self.name_error)),
            (self.tr("Splits"), (self.keep, self.anew, self.split)),
            (self.tr("Part that is used"), (self.part,)),
        ):
            head = QLabel(title)
            head.setFont(font("strong"))
            form.addWidget(head)
            for widget in widgets:
                form.addWidget(widget)
            form.addSpacing(MEDIUM)
        form.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidget(content)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setAccessibleName(self.tr("Splits and part"))
        scroll.setFixedWidth(330)
        right = QVBoxLayout()
        right.setSpacing(MEDIUM)
        right.addWidget(self.summary)
        right.addWidget(self.described)
        right.addWidget(self.callout)
        right.addWidget(self.bars, 3)
        right.addWidget(self.facts, 2)
        block = QHBoxLayout(self)
        block.setContentsMargins(LARGE + SMALL, 0, LARGE + SMALL, MEDIUM)
        block.setSpacing(LARGE)
        block.addWidget(scroll)
        block.addLayout(right, 1)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
