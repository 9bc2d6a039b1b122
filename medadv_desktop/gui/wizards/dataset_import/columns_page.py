"""The second step: how the columns and labels were understood, and what to say otherwise."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout

from medadv_desktop.errors import SettingsError
from medadv_desktop.gui.background import Urgency
from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.labelled.bars import counted, figure
from medadv_desktop.gui.running import Failure
from medadv_desktop.gui.theme import LARGE, MEDIUM, SMALL, font
from medadv_desktop.gui.wizards.dataset_import.classes import ClassOrder, Guesses
from medadv_desktop.gui.wizards.dataset_import.controls import ReadingControls
from medadv_desktop.gui.wizards.dataset_import.draft import Draft
from medadv_desktop.gui.wizards.dataset_import.rows import RowsView
from medadv_desktop.gui.wizards.dataset_import.work import Reading, read_source
from medadv_desktop.gui.wizards.steps import Callout, StepPage
from medadv_desktop.gui.wizards.task import BackgroundTask
from medadv_desktop.jobs import Progress


class ColumnsPage(StepPage):
    """Opens the data set with what was said so far, and shows what it was taken for."""

    def __init__(self, bench: Workbench, draft: Draft) -> None:
        super().__init__()
        self.title = self.tr("Columns, labels")
        self.heading = self.tr("How it is understood")
        self.explanation = self.tr(
            "Check what each column was taken for, and the order of the classes: it must be the "
            "one that the labels mean."
        )
        self._draft, self._names = draft, bench.controller.names
        self._shown: Reading | None = None
        self._refusal = ""
        self._progress = Progress(0, 0)
        self.task = BackgroundTask(bench.controller.background, self)
        self.controls = ReadingControls()
        self.callout = Callout(bench.theme)
        self.summary = QLabel()
        self.summary.setWordWrap(True)
        self.summary.setFont(font("strong"))
        self.rows = RowsView(bench.theme, bench.controller.privacy)
        self.classes = ClassOrder(bench.theme)
        self.guesses = Guesses(bench.theme)
        self._arrange()
        self.controls.edited.connect(self._edited)
        self.classes.edited.connect(self._edited)
        self.guesses.change_wanted.connect(self._go_to)
        self.callout.acted.connect(self._read)
        self.task.busy_changed.connect(self.changed)
        self.task.progress.connect(self._progressed)
        self.task.finished.connect(self._read_it)
        self.task.failed.connect(self._failed)
        self.task.stopped.connect(self._stopped)

    # ------------------------------------------------------------------ what the dialog asks

    def entered(self) -> None:
        if self._draft.reading is None:
            self._read()
        elif self._draft.reading is not self._shown:
            self._show(self._draft.reading)

    def blocked(self) -> str:
        reading = self._draft.reading
        if self._refusal:
            return self._refusal
        if reading is None or reading.dataset is None:
            return self.tr("The data set cannot be read like this")
        if len(reading.dataset.classes) < 2 and reading.dataset.task == "single-label":
            return self.tr("A data set has at least two classes")
        return ""

    def busy(self) -> str:
        if not self.task.busy:
            return ""
        done = int(self._progress.done)
        return self.tr("Reading… {0}").format(figure(done)) if done else self.tr("Reading…")

    def stop(self) -> None:
        self.controls.stop()
        self.task.cancel()

    # ------------------------------------------------------------------ reading

    def _read(self) -> None:
        source, options = self._draft.source, self._draft.options
        if source is None:
            return
        self._progress = Progress(0, 0)
        self.callout.say("info", "")
        path = source.path
        self.task.run(lambda token, emit: read_source(path, options, token, emit), Urgency.FRAME)

    def _edited(self) -> None:
        try:
            options = self.controls.options(self._draft.options.layout, self.classes.value())
        except SettingsError as error:
            self._refusal = f"{error.subject}: {error.reason}"
            self.callout.say(
                "error", f"{self._refusal}.", f"{error.remedy}." if error.remedy else ""
            )
            self.changed.emit()
            return
        self._refusal = ""
        if options != self._draft.options:
            self._draft.set_options(options)
            self._read()

    def _progressed(self, progress: Progress) -> None:
        self._progress = progress
        self.changed.emit()

    def _read_it(self, reading: Reading) -> None:
        self._draft.set_reading(reading)
        if self._draft.reading is reading:
            self._show(reading)
        self.changed.emit()

    def _failed(self, failure: Failure) -> None:
        self.callout.say("error", self._names.text(failure.text))
        self.changed.emit()

    def _stopped(self) -> None:
        text = self.tr("Reading was stopped.")
        self.callout.say("warning", text, action=self.tr("Read again"))
        self.changed.emit()

    # ------------------------------------------------------------------ showing

    def _show(self, reading: Reading) -> None:
        before = self._shown
        self._shown = reading
        self.controls.show_reading(reading)
        self.controls.setVisible(reading.options.layout != "class-folders")
        self.rows.show_reading(reading)
        dataset, error = reading.dataset, reading.error
        if error is not None:
            head = f"{error.subject}: " if error.subject else ""
            remedy = f"{error.remedy}." if error.remedy else ""
            self.callout.say("error", self._names.text(f"{head}{error.reason}."), remedy)
        else:
            self.callout.say("info", "")
        self.guesses.show_guesses(dataset.guesses if dataset else ())
        for widget in (self.guessed, self.guesses):
            widget.setVisible(dataset is not None)
        self.summary.setText(self._summary(reading))
        if dataset is not None:
            said = bool(reading.options.classes)
            known = set(dataset.classes)
            same_place = before is not None and before.path == reading.path
            left_out = (
                [n for n in self._all_classes(before) if n not in known] if same_place else []
            )
            typed = dataset.layout == "medmnist"
            self.classes.show_classes(
                reading.counts, said=said, editable=typed, others=left_out if said else ()
            )
        self.classes.setEnabled(dataset is not None)

    def _all_classes(self, before: Reading | None) -> tuple[str, ...]:
        """Classes that were shown before, ticked or not."""
        if before is None or before.dataset is None or before.dataset.layout == "medmnist":
            return ()
        items = (self.classes.list.item(i) for i in range(self.classes.list.count()))
        return tuple(item.data(0x0100) for item in items)

    def _summary(self, reading: Reading) -> str:
        dataset = reading.dataset
        if dataset is None:
            return ""
        k = len(dataset.classes)
        kind = (
            counted(k, self.tr("{0} class"), self.tr("{0} classes"))
            if dataset.task == "single-label"
            else counted(k, self.tr("{0} finding"), self.tr("{0} findings, any number in an image"))
        )
        samples = counted(len(dataset), self.tr("{0} sample"), self.tr("{0} samples"))
        parts = [samples, kind]
        if dataset.split_names:
            parts.append(self.tr("splits: {0}").format(", ".join(dataset.split_names)))
        parts.append(self.tr("patients named") if dataset.has_patients else self.tr("no patients"))
        unknown = int((~dataset.known()).sum())
        if unknown:
            parts.append(self.tr("{0} without a full label").format(figure(unknown)))
        return " · ".join(parts)

    def _go_to(self, option: str) -> None:
        if option == "classes":
            self.classes.list.setFocus()
        else:
            self.controls.go_to(option)

    # ------------------------------------------------------------------ making

    def _arrange(self) -> None:
        self.guessed = QLabel(self.tr("What was guessed, and why"))
        self.guessed.setFont(font("strong"))
        right_foot = QVBoxLayout()
        right_foot.setSpacing(SMALL)
        right_foot.addWidget(self.guessed)
        right_foot.addWidget(self.guesses, 1)
        below = QHBoxLayout()
        below.setSpacing(LARGE)
        below.addWidget(self.classes, 2)
        below.addLayout(right_foot, 3)
        right = QVBoxLayout()
        right.setSpacing(MEDIUM)
        right.addWidget(self.summary)
        right.addWidget(self.callout)
        right.addWidget(self.rows, 3)
        right.addLayout(below, 4)
        block = QHBoxLayout(self)
        block.setContentsMargins(LARGE + SMALL, 0, LARGE + SMALL, MEDIUM)
        block.setSpacing(LARGE)
        self.controls.setFixedWidth(262)
        block.addWidget(self.controls)
        block.addLayout(right, 1)
