"""The first step: what is prepared, against which model, on which images, and where it goes."""

from __future__ import annotations

import functools
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFormLayout,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QRadioButton,
    QScrollArea,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from medadv_desktop.gui import icons
from medadv_desktop.gui.asking import FOLDER_KEY
from medadv_desktop.gui.attack_panel.choosers import ModelChooser, let_grow
from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.forms import ignore_wheel
from medadv_desktop.gui.labelled.bars import counted, figure
from medadv_desktop.gui.state.dataset_library import DatasetEntry
from medadv_desktop.gui.theme import LARGE, MEDIUM, SMALL, font
from medadv_desktop.gui.wizards.generator.draft import GeneratorDraft
from medadv_desktop.gui.wizards.generator.kinds import KINDS, Kind
from medadv_desktop.gui.wizards.generator.wording import tr
from medadv_desktop.gui.wizards.model_import.blocks import note
from medadv_desktop.gui.wizards.model_import.choose_page import sentences
from medadv_desktop.gui.wizards.steps import Callout, StepPage

_MOST = 10_000_000
_LABEL = 84
_ELSEWHERE = "elsewhere"


class ChoosePage(StepPage):
    """Model, images, file."""

    def __init__(self, bench: Workbench, draft: GeneratorDraft) -> None:
        super().__init__()
        self.title = tr("What and on what")
        self.heading = tr("Prepare a perturbation")
        self.explanation = tr(
            "What is prepared here perturbs any image at once and without gradients afterwards. "
            "The model is left as it is."
        )
        self._bench, self._draft = bench, draft
        self._datasets = bench.controller.librarian.library
        self.kinds = {kind: QRadioButton(tr(spec.title)) for kind, spec in KINDS.items()}
        self.model = ModelChooser(
            bench, tr("Choose a model…"), tr("Model"), tr("The model that is to be deceived")
        )
        self.model_note = _beside()
        self.model_trouble = Callout(bench.theme)
        self.data = QComboBox()
        self.data.setAccessibleName(tr("Data set"))
        self.data.setToolTip(tr("The images to work on; generators do not look at their labels"))
        let_grow(self.data)
        self.folder_button = QPushButton(tr("Choose &folder…"))
        self.file_button = QPushButton(tr("Choose &table…"))
        self.split = QComboBox()
        self.split.setAccessibleName(tr("Split"))
        self.split.setToolTip(tr("Prepare on one split, and judge on another later"))
        let_grow(self.split)
        self.count = QSpinBox()
        self.count.setRange(0, _MOST)
        self.count.setSpecialValueText(tr("all"))
        self.count.setAccessibleName(tr("At most so many images"))
        self.count.setToolTip(tr("At most so many images, drawn by chance but always the same"))
        self.count.setKeyboardTracking(False)
        self.count.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        ignore_wheel(self.count)
        self.data_note = _beside()
        self.data_trouble = Callout(bench.theme)
        self.path = QLineEdit()
        self.path.setAccessibleName(tr("File to write"))
        self.path.setToolTip(tr("A new file, or an unfinished generator to go on with"))
        self.path_button = QPushButton(tr("&Choose…"))
        self.path_note = _beside()
        self.setAcceptDrops(True)
        self._arrange()
        self._connect()
        self._show()

    # ------------------------------------------------------------------ what the dialog asks

    def entered(self) -> None:
        """Begin with the model and the data set at hand, where nothing was chosen yet."""
        draft = self._draft
        self.kinds[draft.kind].setFocus()
        if not draft.model and self._bench.case.model:
            draft.set_model(self._bench.case.model)
        if draft.source is None and (entry := self._datasets.current) is not None:
            draft.set_source(entry)
        elif draft.lying is None:
            draft.look()

    def blocked(self) -> str:
        draft = self._draft
        if not draft.model or draft.card is None:
            return tr("Choose a model first")
        if not draft.has_gradients:
            return tr("Choose a model that has gradients")
        if draft.source is None:
            return tr("Choose images first")
        if draft.images is None:
            return tr("These images cannot be used")
        return "" if draft.path is not None else tr("Choose a file to write")

    def busy(self) -> str:
        if self._draft.opening.busy:
            return tr("Opening the data set…")
        return tr("Looking for a place…") if self._draft.looking.busy else ""

    def stop(self) -> None:
        self._draft.opening.cancel()

    # ------------------------------------------------------------------ from the user

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if _local(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        if paths := _local(event):
            event.acceptProposedAction()
            self._draft.set_source(paths[0])

    def _kind_chosen(self, kind: Kind, _checked: bool = True) -> None:
        self._draft.set_kind(kind)

    def _data_chosen(self) -> None:
        chosen = self.data.currentData()
        entry = self._datasets.find(chosen) if chosen not in (None, _ELSEWHERE) else None
        if entry is not None and entry != self._draft.source:
            self._draft.set_source(entry)
        else:
            self._show_data()

    def _part_chosen(self) -> None:
        self._draft.set_part(self.split.currentData() or "", self.count.value() or None)

    def _typed(self) -> None:
        text = self.path.text().strip()
        path = Path(text).expanduser().absolute() if text else None
        if path != self._draft.path:
            self._draft.set_path(path)

    def _ask_for_folder(self) -> None:
        dialog = self._dialog(tr("Choose images"), QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.open()

    def _ask_for_file(self) -> None:
        dialog = self._dialog(tr("Choose images"), QFileDialog.FileMode.ExistingFile)
        tables = tr("Tables and archives (*.csv *.tsv *.txt *.tab *.xlsx *.xlsm *.xls *.npz)")
        dialog.setNameFilters([tables, tr("All files (*)")])
        dialog.open()

    def _dialog(self, title: str, mode: QFileDialog.FileMode) -> QFileDialog:
        settings = self._bench.controller.settings
        dialog = QFileDialog(self, title, str(settings.value(FOLDER_KEY, "")))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(mode)

        def chosen(path: str) -> None:
            settings.setValue(FOLDER_KEY, str(Path(path).parent))
            self._draft.set_source(Path(path))

        dialog.fileSelected.connect(chosen)
        return dialog

    def _ask_for_path(self) -> None:
        """A file that exists may be chosen: whether it is replaced is asked with the recipe."""
        path = self._draft.path
        dialog = QFileDialog(self, tr("File to write"), str(path.parent) if path else "")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setFileMode(QFileDialog.FileMode.AnyFile)
        dialog.setOption(QFileDialog.Option.DontConfirmOverwrite)
        dialog.setNameFilters([tr("Prepared perturbations (*.safetensors)")])
        dialog.setDefaultSuffix("safetensors")
        if path is not None:
            dialog.selectFile(path.name)
        dialog.fileSelected.connect(lambda chosen: self._draft.set_path(Path(chosen)))
        dialog.open()

    # ------------------------------------------------------------------ from the draft

    def _show(self) -> None:
        self.kinds[self._draft.kind].setChecked(True)
        self._show_model()
        self._show_data()
        self._show_images()
        self._show_path()
        self.changed.emit()

    def _show_model(self) -> None:
        draft, card = self._draft, self._draft.card
        self.model.show_model(draft.model)
        self.model_note.setVisible(card is not None)
        if card is not None:
            kind = tr("{0} findings") if card.multi_label else tr("{0} classes")
            _, height, width = card.input_shape
            size = tr("images of {0} × {1}").format(figure(width), figure(height))
            self.model_note.setText(f"{kind.format(figure(len(card.classes)))}, {size}")
        text = remedy = ""
        if card is not None and not draft.has_gradients:
            text = tr("{0} gives scores but no gradients to learn from.").format(card.name)
            remedy = tr("Prepare it against another model, and try it on this one.")
        self.model_trouble.say("error", text, remedy)

    def _show_data(self) -> None:
        source = self._draft.source
        self.data.blockSignals(True)
        self.data.clear()
        self.data.addItem(tr("Choose a data set…"), None)
        for entry in self._datasets.entries:
            samples = counted(entry.samples, tr("{0} image"), tr("{0} images"))
            self.data.addItem(f"{entry.name} ({samples})", entry.id)
            if reason := self._datasets.missing.get(entry.id):
                self.data.setItemData(self.data.count() - 1, reason, Qt.ItemDataRole.ToolTipRole)
        if isinstance(source, Path):
            self.data.addItem(source.name, _ELSEWHERE)
            tip = str(source)
            self.data.setItemData(self.data.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
            self.data.setCurrentIndex(self.data.count() - 1)
        elif isinstance(source, DatasetEntry):
            self.data.setCurrentIndex(max(self.data.findData(source.id), 0))
        self.data.blockSignals(False)

    def _show_images(self) -> None:
        draft, images = self._draft, self._draft.images
        for widget in (self.split, self.count):
            widget.blockSignals(True)
            widget.setEnabled(images is not None)
        if images is not None:
            self.split.clear()
            self.split.addItem(tr("All samples"), "")
            for name in images.whole.split_names:
                self.split.addItem(name, name)
            self.split.setEnabled(bool(images.whole.split_names))
        self.split.setCurrentIndex(max(self.split.findData(draft.split), 0))
        self.count.setValue(draft.count or 0)
        for widget in (self.split, self.count):
            widget.blockSignals(False)
        if images is not None:
            whole = figure(len(images.whole))
            text = (
                tr("{0} of {1} images are fitted on, by their labels")
                if draft.spec.fitted
                else tr("{0} of {1} images are trained on; their labels are not looked at")
            )
            self.data_note.setText(text.format(figure(len(images.chosen)), whole))
        else:
            self.data_note.setText("")
        self.data_note.setVisible(images is not None)
        text, remedy = sentences(draft.failure) if draft.failure is not None else ("", "")
        names = self._bench.controller.names
        self.data_trouble.say("error", names.text(text), names.text(remedy))

    def _show_path(self) -> None:
        draft = self._draft
        shown = str(draft.path or "")
        if shown != self.path.text() and not draft.looking.busy:
            self.path.setText(shown)
        lying, told = draft.lying, ""
        if lying is not None and not lying.free:
            told = tr("This file exists: the next step asks what is to become of it.")
        self.path_note.setText(told)
        self.path_note.setVisible(bool(told))

    # ------------------------------------------------------------------ making

    def _connect(self) -> None:
        draft = self._draft
        for kind, button in self.kinds.items():
            button.clicked.connect(functools.partial(self._kind_chosen, kind))
        self.model.chosen.connect(draft.set_model)
        self.data.activated.connect(self._data_chosen)
        self.folder_button.clicked.connect(self._ask_for_folder)
        self.file_button.clicked.connect(self._ask_for_file)
        self.split.activated.connect(self._part_chosen)
        self.count.valueChanged.connect(self._part_chosen)
        self.path.editingFinished.connect(self._typed)
        self.path_button.clicked.connect(self._ask_for_path)
        draft.changed.connect(self._show)
        self._bench.controller.models_changed.connect(self._show)
        self._bench.controller.model_library.changed.connect(self._show)
        self._datasets.changed.connect(self._show_data)

    def _arrange(self) -> None:
        for button, icon in (
            (self.folder_button, "open-folder"),
            (self.file_button, "open-file"),
            (self.path_button, "save"),
        ):
            button.setAutoDefault(False)
            icons.bind_icon(button, icon, self._bench.theme)
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, SMALL, 0)
        column.setSpacing(MEDIUM)
        column.addWidget(_heading(tr("What")))
        column.addLayout(self._kind_rows())
        column.addSpacing(SMALL)
        column.addWidget(_heading(tr("Model")))
        form = _form()
        form.addRow(_buddied(tr("&Model"), self.model), self.model)
        form.addRow("", self.model_note)
        column.addLayout(form)
        column.addWidget(self.model_trouble)
        column.addSpacing(SMALL)
        column.addWidget(_heading(tr("Images")))
        form = _form()
        form.addRow(
            _buddied(tr("&Data set"), self.data),
            _line(self.data, self.folder_button, self.file_button),
        )
        form.addRow(_buddied(tr("&Split"), self.split), self.split)
        form.addRow(_buddied(tr("At most"), self.count), _line(self.count, stretched=True))
        form.addRow("", self.data_note)
        column.addLayout(form)
        column.addWidget(self.data_trouble)
        column.addSpacing(SMALL)
        column.addWidget(_heading(tr("File")))
        form = _form()
        form.addRow(_buddied(tr("&Goes to"), self.path), _line(self.path, self.path_button))
        form.addRow("", self.path_note)
        column.addLayout(form)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidget(content)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setAccessibleName(self.title)
        page = QVBoxLayout(self)
        page.setContentsMargins(LARGE + SMALL, SMALL, LARGE, MEDIUM)
        page.addWidget(scroll)

    def _kind_rows(self) -> QGridLayout:
        """Each kind with its sentence beside it."""
        grid = QGridLayout()
        grid.setHorizontalSpacing(LARGE)
        grid.setVerticalSpacing(SMALL + 2)
        grid.setColumnStretch(1, 1)
        for row, (kind, button) in enumerate(self.kinds.items()):
            sentence = note("muted")
            sentence.setText(tr(KINDS[kind].sentence))
            button.setAccessibleDescription(tr(KINDS[kind].sentence))
            grid.addWidget(button, row, 0)
            grid.addWidget(sentence, row, 1)
        return grid


def _heading(text: str) -> QLabel:
    label = QLabel(text)
    label.setFont(font("strong"))
    return label


def _beside() -> QLabel:
    """A note in the column of the fields, on one line."""
    label = note("muted")
    label.setWordWrap(False)
    return label


def _form() -> QFormLayout:
    form = QFormLayout()
    form.setHorizontalSpacing(LARGE)
    form.setVerticalSpacing(SMALL + 2)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
    return form


def _buddied(text: str, widget: QWidget) -> QLabel:
    label = QLabel(text)
    label.setBuddy(widget)
    label.setMinimumWidth(_LABEL)  # so that the forms of all headings stand in line
    return label


def _line(*widgets: QWidget, stretched: bool = False) -> QHBoxLayout:
    line = QHBoxLayout()
    line.setSpacing(SMALL + 2)
    for place, widget in enumerate(widgets):
        line.addWidget(widget, 0 if place or stretched else 1)
    if stretched:
        line.addStretch(1)
    return line


def _local(event: QDropEvent) -> list[Path]:
    urls = event.mimeData().urls() if event.mimeData().hasUrls() else []
    return [Path(url.toLocalFile()) for url in urls if url.isLocalFile()]
