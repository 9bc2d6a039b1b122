"""The step "Preview": what the network sees of sample images, and what it says of them."""

from __future__ import annotations

import functools
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QIcon, QPixmap
from PySide6.QtWidgets import (
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from medadv_desktop.audit.requests import CheckedModel
from medadv_desktop.gui import icons
from medadv_desktop.gui.asking import FOLDER_KEY
from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.labelled.librarian import open_entry
from medadv_desktop.gui.lists import dress
from medadv_desktop.gui.state.dataset_library import DatasetEntry
from medadv_desktop.gui.theme import LARGE, MEDIUM, SMALL, TINY, font
from medadv_desktop.gui.viewers.bars import ProbabilityBars, sections_of
from medadv_desktop.gui.viewers.wording import verdict_text
from medadv_desktop.gui.wizards.dataset_import.drops import FILE_SUFFIXES
from medadv_desktop.gui.wizards.model_import.blocks import note
from medadv_desktop.gui.wizards.model_import.choose_page import ConsentBox, sentences
from medadv_desktop.gui.wizards.model_import.draft import Mode, ModelDraft
from medadv_desktop.gui.wizards.model_import.fields import tr
from medadv_desktop.gui.wizards.model_import.input_view import InputView, numbers_of, picture
from medadv_desktop.gui.wizards.model_import.samples import (
    DEFAULT_COUNT,
    from_dataset,
    from_instances,
    from_paths,
)
from medadv_desktop.gui.wizards.steps import Callout, StepPage

_THUMB = 44
_MOST = 256

# The field of the card that a sign points to.
_FIELD_OF = {
    "class-order": "classes",
    "below-chance": "classes",
    "normalisation": "mean",
    "saturated": "mean",
    "constant": "mean",
    "not-finite": "mean",
}


class PreviewPage(StepPage):
    """Samples on the left, the input of one in the middle, what is said of it on the right.

    Signals:
        field_wanted: the user wants to mend a field of the card, by its name.
    """

    field_wanted = Signal(str)

    def __init__(self, draft: ModelDraft, bench: Workbench) -> None:
        super().__init__()
        self._draft, self._bench = draft, bench
        theme = bench.theme
        self.title = tr("Preview")
        self.heading = tr("What the network sees, and what it says")
        self.explanation = tr(
            "Try the card on images that you know. A few dozen with labels, of all classes, tell "
            "most: then the order of the classes is checked as well."
        )
        self.series = self._button(tr("Open series"), tr("Images of the series at hand"), "study")
        self.files = self._button(tr("Images…"), tr("Choose image files"), "open-file")
        self.folder = self._button(
            tr("Folder…"),
            tr("A folder of images; of a folder for each class the labels are used as well"),
            "open-folder",
        )
        self.dataset = self._button(
            tr("Data set"), tr("A data set of the library, or one by its table or archive"), "tags"
        )
        self.menu = QMenu(self)
        self.menu.setToolTipsVisible(True)
        self.menu.aboutToShow.connect(self._fill_menu)
        self.dataset.setMenu(self.menu)
        self.count = QSpinBox()
        self.count.setRange(1, _MOST)
        self.count.setValue(DEFAULT_COUNT)
        self.count.setPrefix(tr("at most "))
        self.count.setToolTip(tr("How many images are taken at most"))
        self.count.setAccessibleName(tr("Number of images"))
        self.again = QPushButton(tr("&Run again"))
        self.again.setAutoDefault(False)
        self.again.setToolTip(tr("Try the card as it is now on the same images"))
        self.origin = note("muted")
        self.consent = ConsentBox(theme)
        self.failure = Callout(theme)
        self.labels = Callout(theme)
        self.verdict = Callout(theme)
        self.warnings: list[Callout] = []
        self.list = QListWidget()
        self.view = InputView(theme)
        self.numbers = note("muted")
        self.said = note()
        self.said.setFont(font("strong"))
        self.bars = ProbabilityBars(theme)
        self.words = note()
        self._connect()
        self._arrange()
        self._show_one()
        self._refresh()

    # ------------------------------------------------------------------ as a step

    def entered(self) -> None:
        draft = self._draft
        if draft.needs_consent:
            return
        if draft.samples is not None:
            if draft.stale:
                draft.check()
        elif not draft.busy and draft.instances_at_hand():
            self._take_series()

    def blocked(self) -> str:
        return "" if self._draft.card is not None else tr("Mend the card first")

    def busy(self) -> str:
        return self._draft.busy

    def progress(self) -> tuple[int, int]:
        return self._draft.progress

    def stop(self) -> None:
        self._draft.stop()

    def next_text(self) -> str:
        return tr("Close") if self._draft.mode is Mode.CHECK else ""

    # ------------------------------------------------------------------ samples

    def take_paths(self, paths: list[Path]) -> None:
        """Take images, a folder of them, or a data set as samples."""
        origin = paths[0].name if len(paths) == 1 else tr("{n} files").format(n=len(paths))
        count = self.count.value()

        def work(token, emit):  # type: ignore[no-untyped-def]
            return from_paths(origin, paths, count, token, emit)

        self._draft.gather(work)

    def take_entry(self, entry: DatasetEntry) -> None:
        """Take samples of a data set of the library, with their labels."""
        count = self.count.value()

        def work(token, emit):  # type: ignore[no-untyped-def]
            return from_dataset(entry.name, open_entry(entry, token), count, token, emit)

        self._draft.gather(work)

    def _fill_menu(self) -> None:
        """The data sets of the library, and the way to any other."""
        self.menu.clear()
        for entry in self._bench.controller.librarian.library.entries:
            action = self.menu.addAction(entry.name.replace("&", "&&"))
            action.setToolTip(str(entry.path))
            action.triggered.connect(functools.partial(self.take_entry, entry))
        self.menu.addSeparator()
        kinds = [f"{tr('Data sets')} ({' '.join(f'*{s}' for s in sorted(FILE_SUFFIXES))})"]
        self.menu.addAction(
            tr("Table or archive…"), lambda: self._ask(QFileDialog.FileMode.ExistingFile, kinds)
        )

    def _take_series(self) -> None:
        instances, count = self._draft.instances_at_hand(), self.count.value()
        origin = tr("the open series")

        def work(token, emit):  # type: ignore[no-untyped-def]
            return from_instances(origin, instances, count, token, emit)

        self._draft.gather(work)

    def _ask(self, mode: QFileDialog.FileMode, filters: list[str]) -> None:
        settings = self._bench.controller.settings
        dialog = QFileDialog(self, tr("Images to try"), str(settings.value(FOLDER_KEY, "")))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(mode)
        if filters:
            dialog.setNameFilters(filters)

        def chosen(paths: list[str]) -> None:
            if paths:
                settings.setValue(FOLDER_KEY, str(Path(paths[0]).parent))
                self.take_paths([Path(p) for p in paths])

        dialog.filesSelected.connect(chosen)
        dialog.open()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls() and all(u.isLocalFile() for u in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        event.acceptProposedAction()
        self.take_paths([Path(url.toLocalFile()) for url in event.mimeData().urls()])

    # ------------------------------------------------------------------ showing

    def _refresh(self) -> None:
        draft = self._draft
        free = not draft.busy and not draft.needs_consent
        for button in (self.files, self.folder, self.dataset):
            button.setEnabled(free)
        self.series.setEnabled(free and bool(draft.instances_at_hand()))
        self.again.setEnabled(free and draft.samples is not None and draft.card is not None)
        self.again.setVisible(draft.samples is not None)
        asked_before = draft.look is not None and draft.code == draft.look.path
        self.consent.ask(None if asked_before else draft.code, allowed=draft.allow_code)
        failure = draft.failure
        self.failure.say("error", *(self._told_failure() if failure is not None else ("",)))
        self._show_labels()
        self._show_warnings()
        self.changed.emit()

    def _show_samples(self) -> None:
        samples = self._draft.samples
        self.list.clear()
        if samples is None:
            return
        for row in range(len(samples.names)):
            item = QListWidgetItem(self._name(row), self.list)
            item.setSizeHint(QSize(0, _THUMB + SMALL))
        self._show_origin()
        self.list.setCurrentRow(0)

    def _show_origin(self) -> None:
        samples, names = self._draft.samples, self._bench.controller.names
        origin = samples.origin if names.may_be_seen(samples.origin) else tr("what was chosen")
        text = tr("{n} of {origin}").format(n=len(samples.frames), origin=origin)
        if samples.unread:
            text += ". " + tr("Not read: {n}").format(n=len(samples.unread))
        self.origin.setText(text)
        self.origin.setToolTip("\n".join(map(names.text, map(names.quoted, samples.unread))))

    def _told_failure(self) -> tuple[str, ...]:
        names = self._bench.controller.names
        return tuple(names.text(names.quoted(text)) for text in sentences(self._draft.failure))

    def _name(self, row: int) -> str:
        """What a sample is called, by what may be seen while patient data is hidden."""
        samples, names = self._draft.samples, self._bench.controller.names
        medical = bool(samples.frames[row].provenance.study_instance_uid)
        if (names.masked and medical) or not names.may_be_seen(samples.names[row]):
            return tr("image {n}").format(n=row + 1)
        return samples.names[row]

    def _show_checked(self) -> None:
        checked = None if self._draft.stale else self._draft.checked
        if checked is not None:
            for row, (values, said) in enumerate(
                zip(checked.inputs, checked.predictions, strict=True)
            ):
                item, name = self.list.item(row), self._name(row)
                item.setIcon(_thumb(picture(values)))
                right = self._right(checked, row)
                mark = "" if right is None else "✓ " if right else "✗ "
                item.setText(f"{mark}{verdict_text(said)}\n{name}")
                item.setToolTip(item.text())
                color = "text" if right is not False else "danger"
                item.setForeground(self._bench.theme.color(color))
        self._show_one()
        self._refresh()

    def _show_one(self) -> None:
        draft, row = self._draft, self.list.currentRow()
        checked = None if draft.stale else draft.checked
        there = checked is not None and 0 <= row < len(checked.inputs)
        for widget in (self.numbers, self.said, self.bars, self._how, self.words):
            widget.setVisible(there)
        if not there:
            self.view.show_input(None, self._missing())
            return
        values, said = checked.inputs[row], checked.predictions[row]
        labels = checked.request.labels[row] if checked.request.labels is not None else None
        self.view.show_input(values)
        self.numbers.setText(numbers_of(values, checked.request.card))
        self.said.setText(verdict_text(said))
        self.bars.set_sections(sections_of(said, None, None, None, labels))
        plan = checked.plans[row]
        lines = [f"{label}: {text}" for label, text in plan.describe()]
        notes = (note[:1].upper() + note[1:] for note in plan.notes)
        self.words.setText("\n".join((*lines, *notes)))

    def _show_labels(self) -> None:
        draft = self._draft
        fit, samples = draft.fit, draft.samples
        if samples is None or not samples.labels or fit.labels is not None:
            self.labels.say("info", "")
            return
        if fit.task_differs:
            text = tr("The labels are left out: the data set is {there}, the card {here}.")
            task = draft.card.task if draft.card is not None else ""
            self.labels.say("warning", text.format(there=samples.task, here=task))
            return
        names = ", ".join(fit.missing[:4]) + (", …" if len(fit.missing) > 4 else "")
        text = tr("The labels are left out: names differ between data set and card ({names}).")
        remedy = tr("Give the classes of the card the names that the data set uses: {names}.")
        self.labels.say(
            "warning",
            text.format(names=names),
            remedy.format(names=", ".join(samples.classes[:8])),
            tr("Use these names, in this order")
            if fit.adoptable and draft.mode is not Mode.CHECK
            else "",
        )

    def _show_warnings(self) -> None:
        draft = self._draft
        checked = None if draft.stale else draft.checked
        found = checked.warnings if checked is not None else ()
        while len(self.warnings) < len(found):
            callout = Callout(self._bench.theme)
            self.warnings.append(callout)
            self._strip.insertWidget(self._strip.count(), callout)
            place = len(self.warnings) - 1
            callout.acted.connect(functools.partial(self._mend, place))
        for place, callout in enumerate(self.warnings):
            if place >= len(found):
                callout.say("warning", "")
                continue
            warning = found[place]
            field = _FIELD_OF.get(warning.sign, "")
            action = tr("Change") if field and draft.mode is not Mode.CHECK else ""
            text, remedy = (t[:1].upper() + t[1:] + "." for t in (warning.message, warning.remedy))
            callout.say("warning", text, remedy, action)
        self._show_verdict(checked)

    def _show_verdict(self, checked: CheckedModel | None) -> None:
        draft = self._draft
        if checked is None:
            changed = draft.samples is not None and draft.checked is not None and not draft.busy
            text = tr("The card was changed since: run it again.") if changed else ""
            self.verdict.say("info", text)
            return
        count = len(checked.predictions)
        access = tr("white box") if checked.white_box else tr("scores only")
        judged = [r for row in range(count) if (r := self._right(checked, row)) is not None]
        parts = [access]
        if judged:
            share = round(100 * sum(judged) / len(judged))
            text = tr("{right} of {all} right ({share} %)")
            parts.insert(0, text.format(right=sum(judged), all=len(judged), share=share))
        if checked.warnings:
            text = tr("{n} images tried: {facts}.")
            self.verdict.say("info", text.format(n=count, facts=", ".join(parts)))
            return
        if not judged:
            text = tr("Nothing suspicious on {n} images ({facts}), as far as can be seen.")
            remedy = tr("Without labels, the order of the classes cannot be checked.")
            self.verdict.say("info", text.format(n=count, facts=", ".join(parts)), remedy)
            return
        text = tr("Nothing suspicious on {n} images: {facts}.")
        self.verdict.say("success", text.format(n=count, facts=", ".join(parts)))

    def _right(self, checked: CheckedModel, row: int) -> bool | None:
        """Whether all that was decided is true; None without labels."""
        labels = checked.request.labels
        if labels is None:
            return None
        said = checked.predictions[row]
        if said.card.multi_label:
            return tuple(int(d) for d in said.decisions) == labels[row]
        return int(said.decisions.argmax()) == labels[row][0]

    def _missing(self) -> str:
        draft = self._draft
        if draft.busy:
            return draft.busy
        if draft.samples is None:
            return tr("Choose images above, or drop them here, to see what the network sees.")
        return tr("Run the card on these images to see what the network sees.")

    def _mend(self, place: int) -> None:
        checked = self._draft.checked
        if checked is not None and place < len(checked.warnings):
            self.field_wanted.emit(_FIELD_OF[checked.warnings[place].sign])

    def _adopt(self) -> None:
        self._draft.adopt_classes()
        self._draft.check()

    def _consented(self, allowed: bool) -> None:
        self._draft.set_allow_code(allowed)
        self._refresh()
        self.entered()

    # ------------------------------------------------------------------ making

    def _connect(self) -> None:
        draft, file_mode = self._draft, QFileDialog.FileMode
        self.series.clicked.connect(self._take_series)
        self.files.clicked.connect(lambda: self._ask(file_mode.ExistingFiles, []))
        self.folder.clicked.connect(lambda: self._ask(file_mode.Directory, []))
        self.again.clicked.connect(draft.check)
        self.labels.acted.connect(self._adopt)
        self.consent.decided.connect(self._consented)
        self.list.currentRowChanged.connect(self._show_one)
        draft.samples_changed.connect(self._show_samples)
        draft.checked_changed.connect(self._show_checked)
        draft.busy_changed.connect(self._refresh)
        draft.busy_changed.connect(self._say_missing)
        self._bench.theme.changed.connect(self._show_checked)
        self._bench.controller.names.changed.connect(self._names_changed)
        self.setAcceptDrops(True)

    def _names_changed(self) -> None:
        if self._draft.samples is not None:
            for row in range(self.list.count()):
                self.list.item(row).setText(self._name(row))
            self._show_origin()
        self._show_checked()

    def _say_missing(self) -> None:
        if self.view.image is None:
            self.view.show_input(None, self._missing())

    def _arrange(self) -> None:
        bar = QHBoxLayout()
        bar.setSpacing(MEDIUM)
        for widget in (self.series, self.files, self.folder, self.dataset, self.count):
            bar.addWidget(widget)
        bar.addStretch(1)
        bar.addWidget(self.again)
        self.list.setIconSize(QSize(_THUMB, _THUMB))
        self.list.setAccessibleName(tr("Images that were tried"))
        self.list.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setMinimumWidth(190)
        dress(self.list, self._bench.theme)
        left = _column(self.list, self.origin)
        middle = _column(self.view, self.numbers)
        across = QHBoxLayout()
        across.setSpacing(LARGE)
        across.addLayout(left, 3)
        across.addLayout(middle, 5)
        across.addWidget(self._told(), 4)
        self._strip = QVBoxLayout()
        self._strip.setSpacing(SMALL)
        for callout in (self.consent, self.failure, self.verdict, self.labels):
            self._strip.addWidget(callout)
        page = QVBoxLayout(self)
        page.setContentsMargins(LARGE + SMALL, SMALL, LARGE + SMALL, MEDIUM)
        page.setSpacing(MEDIUM)
        page.addLayout(bar)
        page.addLayout(self._strip)
        page.addLayout(across, 1)

    def _told(self) -> QScrollArea:
        """What is said of one image, and how it became the input."""
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, SMALL, 0)
        column.setSpacing(SMALL + TINY)
        column.addWidget(self.said)
        column.addWidget(self.bars)
        self._how = QLabel(tr("How the image became the input"))
        self._how.setFont(font("strong"))
        column.addSpacing(MEDIUM)
        column.addWidget(self._how)
        column.addWidget(self.words)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidget(inside)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setMinimumWidth(240)
        return scroll

    def _button(self, text: str, tip: str, icon: str) -> QPushButton:
        button = QPushButton(text)
        button.setToolTip(tip)
        button.setAutoDefault(False)
        icons.bind_icon(button, icon, self._bench.theme)
        return button


def _column(upper: QWidget, lower: QWidget) -> QVBoxLayout:
    column = QVBoxLayout()
    column.setSpacing(SMALL)
    column.addWidget(upper, 1)
    column.addWidget(lower)
    return column


def _thumb(image):  # type: ignore[no-untyped-def]
    fitted = image.scaled(
        _THUMB,
        _THUMB,
        Qt.AspectRatioMode.KeepAspectRatio,
        Qt.TransformationMode.SmoothTransformation,
    )
    return QIcon(QPixmap.fromImage(fitted))
