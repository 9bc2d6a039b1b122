"""The step "File": which one, what it is, and what opening it may and may not do."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QLocale, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from medadv_desktop.gui import icons
from medadv_desktop.gui.asking import FOLDER_KEY
from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.running import Failure
from medadv_desktop.gui.theme import LARGE, MEDIUM, SMALL, Theme, font
from medadv_desktop.gui.wizards.model_import.blocks import Choice, Whole, note
from medadv_desktop.gui.wizards.model_import.draft import ModelDraft
from medadv_desktop.gui.wizards.model_import.fields import SIDES, tr
from medadv_desktop.gui.wizards.steps import Callout, StepPage
from medadv_desktop.models.formats import FILE_KINDS

_USUAL_SIDE = 224


class ConsentBox(QFrame):
    """Asks whether the code of a file may run, and names the file.

    Signals:
        decided: yes or no.
    """

    decided = Signal(bool)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.setObjectName("consent")
        self._sign = QLabel()
        self.text = note()
        self.box = QCheckBox()
        self.box.toggled.connect(self.decided)
        words = QVBoxLayout()
        words.setSpacing(SMALL)
        words.addWidget(self.text)
        words.addWidget(self.box)
        line = QHBoxLayout(self)
        line.setContentsMargins(MEDIUM + 2, MEDIUM, MEDIUM, MEDIUM)
        line.setSpacing(MEDIUM)
        line.addWidget(self._sign, 0, Qt.AlignmentFlag.AlignTop)
        line.addLayout(words, 1)
        theme.changed.connect(self._recolor)
        self.ask(None, allowed=False)

    def ask(self, code: Path | None, *, allowed: bool) -> None:
        """Ask about this file; None hides the question."""
        self.setVisible(code is not None)
        if code is None:
            return
        self.text.setText(
            tr(
                "{file} is a program. Opening the model runs its code with your rights: it may "
                "read, change and send whatever you can on this computer."
            ).format(file=code)
        )
        text = tr("Run the code of {file}; I know who wrote it").format(file=code.name)
        self.box.setText(text.replace("&", "&&"))
        self.box.blockSignals(True)
        self.box.setChecked(allowed)
        self.box.blockSignals(False)
        self.setAccessibleName(self.box.text())
        self._recolor()

    def _recolor(self) -> None:
        color, ground = self._theme.color("warning").name(), self._theme.color("base").name()
        self.setStyleSheet(
            f"QFrame#consent {{ background: {ground}; border: 1px solid {color};"
            " border-left-width: 4px; border-radius: 4px; }"
        )
        self._sign.setPixmap(icons.icon("warning", self._theme, "warning").pixmap(18, 18))


class ShapeLine(QWidget):
    """Channels, height and width of an input, for networks that do not say it.

    Signals:
        said: the three numbers, or None where that is left to the file.
    """

    said = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.box = QCheckBox(tr("&Say the network's input, for a file that does not:"))
        self.channels = Choice(tr("Channels"), ((3, tr("3: RGB"), ""), (1, tr("1: grey"), "")))
        self.height_ = Whole(tr("Height"), *SIDES, tr("Height in pixels"))
        self.width_ = Whole(tr("Width"), *SIDES, tr("Width in pixels"))
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(SMALL + 2)
        line.addWidget(self.box)
        for side in (self.height_, self.width_):
            side.show_value(_USUAL_SIDE)
            side.typed.connect(self._tell)
        for widget in (self.channels, QLabel("×"), self.height_, QLabel("×"), self.width_):
            line.addWidget(widget)
        line.addStretch(1)
        self.box.toggled.connect(self._tell)
        self.channels.picked.connect(self._tell)

    def show_shape(self, shape: tuple[int, int, int] | None) -> None:
        """Show what was said; without, the numbers rest."""
        self.box.blockSignals(True)
        self.box.setChecked(shape is not None)
        self.box.blockSignals(False)
        for widget in (self.channels, self.height_, self.width_):
            widget.setEnabled(shape is not None)

    def _tell(self) -> None:
        sides = self.height_.value(), self.width_.value()
        self.said.emit((self.channels.currentData(), *sides) if self.box.isChecked() else None)


class ChoosePage(StepPage):
    """A path, what lies there, and the kinds of files there are."""

    def __init__(self, draft: ModelDraft, bench: Workbench) -> None:
        super().__init__()
        self._draft, self._settings = draft, bench.controller.settings
        theme = bench.theme
        self.title = tr("File")
        self.heading = tr("Choose a model file")
        self.explanation = tr(
            "A checkpoint, an exported network, or a model card. Files are told by their content, "
            "not by their names, and nothing leaves this computer."
        )
        self.setAcceptDrops(True)
        self.path = QLineEdit()
        self.path.setPlaceholderText(tr("Drop a file here, or give its path"))
        self.path.setAccessibleName(tr("Path of the model file"))
        self.path.setClearButtonEnabled(True)
        self.browse = QPushButton(tr("B&rowse…"))
        self.browse.setAutoDefault(False)
        self.callout = Callout(theme)
        self.beside = Callout(theme)
        self.consent = ConsentBox(theme)
        self.shape = ShapeLine()
        self.kinds = _Kinds(theme)
        self.path.returnPressed.connect(self._typed)
        self.path.editingFinished.connect(self._typed)
        self.browse.clicked.connect(self._ask)
        self.beside.acted.connect(self._use_beside)
        self.consent.decided.connect(draft.set_allow_code)
        self.shape.said.connect(draft.say_shape)
        self._arrange()
        draft.looked.connect(self._refresh)
        draft.busy_changed.connect(self._refresh)
        draft.proposed.connect(self._proposed)
        self._refresh()

    # ------------------------------------------------------------------ as a step

    def blocked(self) -> str:
        draft = self._draft
        if draft.look is None:
            return tr("Choose a file first")
        if draft.needs_consent:
            return tr("Say whether the code of {file} may run").format(file=draft.look.path.name)
        return ""

    def busy(self) -> str:
        return self._draft.busy

    def progress(self) -> tuple[int, int]:
        return self._draft.progress

    def advance(self) -> bool:
        if self._draft.values:
            return True
        self._draft.propose()
        return False

    def stop(self) -> None:
        self._draft.stop()

    # ------------------------------------------------------------------ inside

    def _arrange(self) -> None:
        line = QHBoxLayout()
        line.setSpacing(MEDIUM)
        line.addWidget(self.path, 1)
        line.addWidget(self.browse)
        label = QLabel(tr("What a file of each kind may and may not do"))
        label.setFont(font("strong"))
        scroll = QScrollArea()
        scroll.setWidget(self.kinds)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setAccessibleName(label.text())
        self._scroll = scroll
        column = QVBoxLayout(self)
        column.setContentsMargins(LARGE + SMALL, SMALL, LARGE + SMALL, MEDIUM)
        column.setSpacing(MEDIUM + SMALL)
        column.addLayout(line)
        for widget in (self.callout, self.consent, self.shape, self.beside):
            column.addWidget(widget)
        column.addSpacing(SMALL)
        column.addWidget(label)
        column.addWidget(scroll, 1)

    def _refresh(self) -> None:
        draft = self._draft
        if draft.path is not None and self.path.text() != str(draft.path):
            self.path.setText(str(draft.path))
        look = draft.look
        if draft.failure is not None:
            self.callout.say("error", *sentences(draft.failure))
        elif look is not None and not look.file_kind.runs_code:
            size = QLocale().formattedDataSize(
                look.size, 1, QLocale.DataSizeFormat.DataSizeSIFormat
            )
            text = f"{look.path.name}: {look.file_kind.title}, {size}"
            self.callout.say("success", text, look.file_kind.may)
        else:
            self.callout.say("info", "")
        code = look.path if look is not None and look.file_kind.runs_code else None
        self.consent.ask(code, allowed=draft.allow_code)
        self.shape.show_shape(draft.shape)
        self.shape.setVisible(look is not None and look.file_kind.holds_network)
        beside = look.beside if look is not None else None
        self.beside.say(
            "info",
            tr("A model card lies beside it: {name}").format(name=beside.card.name)
            if beside is not None
            else "",
            tr("Take the card as it is, or go on and have one worked out from the file."),
            tr("Use this card"),
        )
        self.kinds.mark(look.kind if look is not None else "")
        self.changed.emit()

    def _typed(self) -> None:
        text = self.path.text().strip().strip('"')
        path = Path(text).expanduser() if text else None
        if path is not None and path != self._draft.path:
            self._draft.choose(path)

    def _ask(self) -> None:
        dialog = QFileDialog(
            self, tr("Choose a model file"), str(self._settings.value(FOLDER_KEY, ""))
        )
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilters(name_filters())

        def chosen(path: str) -> None:
            self._settings.setValue(FOLDER_KEY, str(Path(path).parent))
            self._draft.choose(Path(path))

        dialog.fileSelected.connect(chosen)
        dialog.open()

    def _use_beside(self) -> None:
        look = self._draft.look
        if look is not None and look.beside is not None and not self._draft.needs_consent:
            self._draft.use_card(look.beside)

    def _proposed(self) -> None:
        if self.isVisible():
            self.done.emit()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls() and event.mimeData().urls()[0].isLocalFile():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        event.acceptProposedAction()
        self._draft.choose(Path(event.mimeData().urls()[0].toLocalFile()))


class _Kinds(QWidget):
    """A row for each kind of model file; the one at hand is marked."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._titles: dict[str, QLabel] = {}
        self._marked = ""
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, MEDIUM, 0)
        grid.setHorizontalSpacing(LARGE)
        grid.setVerticalSpacing(MEDIUM + 2)
        grid.setColumnStretch(1, 1)
        for row, (kind, known) in enumerate(FILE_KINDS.items()):
            suffixes = note("muted")
            suffixes.setText(" ".join(known.suffixes))
            suffixes.setFont(font("small"))
            self._titles[kind] = QLabel(known.title)
            title = QVBoxLayout()
            title.setSpacing(0)
            title.addWidget(self._titles[kind])
            title.addWidget(suffixes)
            title.addStretch(1)
            may = note("warning" if known.runs_code else "")
            may.setText(known.may)
            grid.addLayout(title, row, 0)
            grid.addWidget(may, row, 1, Qt.AlignmentFlag.AlignTop)
        grid.setColumnMinimumWidth(0, 190)
        grid.setRowStretch(len(FILE_KINDS), 1)
        theme.changed.connect(lambda: self.mark(self._marked))

    def mark(self, kind: str) -> None:
        self._marked = kind
        for name, title in self._titles.items():
            title.setFont(font("strong" if name == kind else "body"))
            color = self._theme.color("accent" if name == kind else "text").name()
            title.setStyleSheet(f"color: {color}")


def size_text(size: int) -> str:
    """Bytes in words."""
    return QLocale().formattedDataSize(size, 1, QLocale.DataSizeFormat.DataSizeSIFormat)


def name_filters() -> list[str]:
    """The kinds of model files for a file dialog, all of them first."""
    every = " ".join(dict.fromkeys(f"*{s}" for k in FILE_KINDS.values() for s in k.suffixes))
    kinds = [f"{k.title} ({' '.join(f'*{s}' for s in k.suffixes)})" for k in FILE_KINDS.values()]
    return [f"{tr('Model files')} ({every} *.toml)", *kinds, f"{tr('All files')} (*)"]


def sentences(failure: Failure) -> tuple[str, str]:
    """Why something failed and what to do about it, each a sentence; paths by their names."""
    subject = Path(failure.subject).name if failure.subject else ""
    reason = f"{subject}: {failure.reason}" if subject else failure.reason
    return f"{reason}.", f"{failure.remedy}." if failure.remedy else ""
