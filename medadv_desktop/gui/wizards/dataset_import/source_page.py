"""The first step: which folder, table or archive, and how it is laid out."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QCoreApplication, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QRadioButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from medadv_desktop.gui import icons
from medadv_desktop.gui.asking import FOLDER_KEY
from medadv_desktop.gui.background import Urgency
from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.running import Failure
from medadv_desktop.gui.theme import LARGE, MEDIUM, SMALL, TINY, Theme, font
from medadv_desktop.gui.wizards.dataset_import.draft import Draft
from medadv_desktop.gui.wizards.dataset_import.work import Source, layouts, look_at
from medadv_desktop.gui.wizards.steps import Callout, StepPage
from medadv_desktop.gui.wizards.task import BackgroundTask


class DropZone(QFrame):
    """A place to drop a folder or file on, with the buttons that ask for one.

    Signals:
        dropped: the path.
    """

    dropped = Signal(object)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme, self._over = theme, False
        self.setAcceptDrops(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if _local(event):
            event.acceptProposedAction()
            self._set_over(True)

    def dragLeaveEvent(self, _event: QDragLeaveEvent) -> None:
        self._set_over(False)

    def dropEvent(self, event: QDropEvent) -> None:
        self._set_over(False)
        if paths := _local(event):
            event.acceptProposedAction()
            self.dropped.emit(paths[0])

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        color = self._theme.color
        pen = QPen(color("accent" if self._over else "border"), 1.5, Qt.PenStyle.DashLine)
        painter.setPen(pen)
        painter.setBrush(color("selection" if self._over else "base"))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 6, 6)
        painter.end()

    def _set_over(self, over: bool) -> None:
        self._over = over
        self.update()


class LayoutCard(QFrame):
    """A layout that can be chosen: what it is called, what speaks for it, and how much."""

    def __init__(self, theme: Theme, title: str, evidence: str, confidence: float) -> None:
        super().__init__()
        self._theme, self._confidence = theme, confidence
        self.button = QRadioButton(title)
        self.button.setFont(font("strong"))
        self.button.setAccessibleDescription(evidence)
        self.button.toggled.connect(self.update)
        words = QLabel(evidence[:1].upper() + evidence[1:])
        words.setWordWrap(True)
        words.setTextFormat(Qt.TextFormat.PlainText)
        words.setProperty("role", "muted")
        words.setContentsMargins(MEDIUM * 2 + SMALL, 0, 0, 0)
        sure = QLabel(_how_sure(confidence))
        sure.setProperty("role", "muted")
        sure.setFont(font("small"))
        sure.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        head = QHBoxLayout()
        head.addWidget(self.button, 1)
        head.addWidget(sure)
        head.addSpacing(72)
        block = QVBoxLayout(self)
        block.setContentsMargins(MEDIUM + TINY, MEDIUM, MEDIUM + TINY, MEDIUM)
        block.setSpacing(TINY)
        block.addLayout(head)
        block.addWidget(words)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)
        theme.changed.connect(self.update)

    def mousePressEvent(self, _event: QMouseEvent) -> None:
        self.button.setFocus()
        self.button.setChecked(True)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        color, chosen = self._theme.color, self.button.isChecked()
        painter.setPen(QPen(color("accent" if chosen else "border"), 1.5 if chosen else 1))
        painter.setBrush(color("base"))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 5, 5)
        track = QRectF(self.width() - 64 - LARGE, self.button.geometry().center().y() - 2, 64, 5)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color("track"))
        painter.drawRoundedRect(track, 2.5, 2.5)
        painter.setBrush(color("accent" if self._confidence >= 0.5 else "muted"))
        painter.drawRoundedRect(
            QRectF(track.left(), track.top(), track.width() * self._confidence, 5), 2.5, 2.5
        )
        painter.end()


class SourcePage(StepPage):
    """Chooses a path and a layout."""

    def __init__(self, bench: Workbench, draft: Draft) -> None:
        super().__init__()
        self.title = self.tr("Source")
        self.heading = self.tr("Choose a labelled data set")
        self.explanation = self.tr(
            "A folder for each class, a table of paths and labels, or an archive of arrays. "
            "Nothing is copied or changed."
        )
        self._bench, self._draft = bench, draft
        self._theme = bench.theme
        self._cards: list[tuple[LayoutCard, str]] = []
        self.task = BackgroundTask(bench.controller.background, self)
        self.zone = DropZone(bench.theme)
        self.path = QLineEdit()
        self.path.setPlaceholderText(self.tr("Path of a folder, table or archive"))
        self.path.setAccessibleName(self.tr("Path of the data set"))
        self.path.setClearButtonEnabled(True)
        self.folder_button = QPushButton(self.tr("Choose &folder…"))
        self.file_button = QPushButton(self.tr("Choose f&ile…"))
        for button, icon in ((self.folder_button, "open-folder"), (self.file_button, "open-file")):
            button.setAutoDefault(False)
            icons.bind_icon(button, icon, bench.theme)
        self.callout = Callout(bench.theme)
        self.others = QComboBox()
        self.others.setAccessibleName(self.tr("Another layout"))
        self._group = QButtonGroup(self)
        self._arrange()
        self.zone.dropped.connect(self.choose)
        self.path.editingFinished.connect(self._typed)
        self.folder_button.clicked.connect(self._ask_for_folder)
        self.file_button.clicked.connect(self._ask_for_file)
        self.others.activated.connect(self._other_chosen)
        self.task.busy_changed.connect(self.changed)
        self.task.finished.connect(self._looked_at)
        self.task.failed.connect(self._failed)
        self.task.stopped.connect(self._stopped)
        self._show_layouts()

    # ------------------------------------------------------------------ what the dialog asks

    def blocked(self) -> str:
        if self._draft.source is None:
            return self.tr("Choose a folder, table or archive first")
        if not self._draft.options.layout:
            return self.tr("Choose how it is laid out first")
        return ""

    def busy(self) -> str:
        return self.tr("Looking at names and headers…") if self.task.busy else ""

    def stop(self) -> None:
        self.task.cancel()

    # ------------------------------------------------------------------ choosing

    def choose(self, path: Path) -> None:
        """Look at a path; what was chosen before is void."""
        path = Path(path).absolute()
        self.path.setText(str(path))
        self._draft.set_source(None)
        self.callout.say("info", "")
        self._show_layouts()
        self.task.run(lambda token, _emit: look_at(path, token), Urgency.FRAME)

    def _typed(self) -> None:
        text = self.path.text().strip()
        source = self._draft.source
        if text and (source is None or str(source.path) != text) and not self.task.busy:
            self.choose(Path(text).expanduser())

    def _ask_for_folder(self) -> None:
        dialog = self._dialog(self.tr("Choose a data set"), QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.open()

    def _ask_for_file(self) -> None:
        dialog = self._dialog(self.tr("Choose a data set"), QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilters(
            [
                self.tr("Tables and archives (*.csv *.tsv *.txt *.tab *.xlsx *.xlsm *.xls *.npz)"),
                self.tr("All files (*)"),
            ]
        )
        dialog.open()

    def _dialog(self, title: str, mode: QFileDialog.FileMode) -> QFileDialog:
        settings = self._bench.controller.settings
        dialog = QFileDialog(self, title, str(settings.value(FOLDER_KEY, "")))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(mode)

        def chosen(path: str) -> None:
            settings.setValue(FOLDER_KEY, str(Path(path).parent))
            self.choose(Path(path))

        dialog.fileSelected.connect(chosen)
        return dialog

    def _looked_at(self, source: Source) -> None:
        self._draft.set_source(source)
        if not source.recognised:
            self.callout.say(
                "warning",
                self.tr("{name} has none of the known layouts.").format(name=source.path.name),
                self.tr(
                    "Choose another folder or file, or name its layout below if you know better."
                ),
            )
        self._show_layouts()
        self.changed.emit()

    def _failed(self, failure: Failure) -> None:
        head = f"{failure.subject}: " if failure.subject else ""
        text = self._bench.controller.names.text(f"{head}{failure.reason}.")
        self.callout.say("error", text, _sentence(failure.remedy))
        self.changed.emit()

    def _stopped(self) -> None:
        text = self.tr("Stopped.")
        self.callout.say("info", text, self.tr("Press Enter in the path to look again."))

    # ------------------------------------------------------------------ layouts

    def _show_layouts(self) -> None:
        for card, _ in self._cards:
            self._group.removeButton(card.button)
            card.hide()
            card.deleteLater()
        self._cards.clear()
        source = self._draft.source
        found = source.recognised if source else ()
        titles = {layout.id: layout.title for layout in layouts()}
        for recognition in found:
            self._add_card(
                titles[recognition.layout],
                recognition.evidence,
                recognition.confidence,
                recognition.layout,
            )
        self._fill_others({r.layout for r in found})
        self._heading.setVisible(source is not None)
        self._others_row.setVisible(source is not None)
        if self._cards:
            self._cards[0][0].button.setChecked(True)

    def _add_card(self, title: str, evidence: str, confidence: float, layout: str) -> None:
        card = LayoutCard(self._theme, title, evidence, confidence)
        self._group.addButton(card.button)
        card.button.toggled.connect(lambda on: self._chosen(layout) if on else None)
        self._cards.append((card, layout))
        self._list.insertWidget(len(self._cards) - 1, card)

    def _fill_others(self, shown: set[str]) -> None:
        self.others.clear()
        self.others.addItem(self.tr("Choose…"), "")
        for layout in layouts():
            if layout.id not in shown:
                self.others.addItem(layout.title, layout.id)

    def _chosen(self, layout: str) -> None:
        self.others.setCurrentIndex(0)
        self._draft.set_layout(layout)
        self.changed.emit()

    def _other_chosen(self) -> None:
        layout = self.others.currentData()
        if not layout:
            return
        self._group.setExclusive(False)
        for card, _ in self._cards:
            card.button.setChecked(False)
        self._group.setExclusive(True)
        self._draft.set_layout(layout)
        self.changed.emit()

    # ------------------------------------------------------------------ making

    def _arrange(self) -> None:
        sign = QLabel(self.tr("Drop a folder, a table (CSV, TSV, XLSX) or an .npz archive here"))
        sign.setFont(font("strong"))
        sign.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        hint = QLabel(
            self.tr(
                "Folder per class, table of paths and labels, MedMNIST, ChestX-ray14, ISIC, "
                "HAM10000, Messidor, APTOS, DICOM by UID"
            )
        )
        hint.setProperty("role", "muted")
        hint.setWordWrap(True)
        hint.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.folder_button)
        buttons.addWidget(self.file_button)
        buttons.addStretch(1)
        inside = QVBoxLayout(self.zone)
        inside.setContentsMargins(LARGE, LARGE + SMALL, LARGE, LARGE + SMALL)
        inside.setSpacing(MEDIUM)
        inside.addWidget(sign)
        inside.addWidget(hint)
        inside.addLayout(buttons)
        self._heading = QLabel(self.tr("Recognised layouts"))
        self._heading.setFont(font("strong"))
        self._others_row = QWidget()
        row = QHBoxLayout(self._others_row)
        row.setContentsMargins(0, SMALL, 0, 0)
        other = QLabel(self.tr("Another &layout"))
        other.setBuddy(self.others)
        row.addWidget(other)
        row.addWidget(self.others)
        row.addStretch(1)
        holder = QWidget()
        self._list = QVBoxLayout(holder)
        self._list.setContentsMargins(0, 0, SMALL, 0)
        self._list.setSpacing(MEDIUM)
        self._list.addWidget(self._others_row)
        self._list.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidget(holder)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setAccessibleName(self.tr("Recognised layouts"))
        block = QVBoxLayout(self)
        block.setContentsMargins(LARGE + SMALL, 0, LARGE + SMALL, MEDIUM)
        block.setSpacing(MEDIUM)
        block.addWidget(self.zone)
        block.addWidget(self.path)
        block.addWidget(self.callout)
        block.addWidget(self._heading)
        block.addWidget(scroll, 1)

    def sizeHint(self) -> QSize:
        return QSize(760, 480)


def _how_sure(confidence: float) -> str:
    def tr(text: str) -> str:
        return QCoreApplication.translate("SourcePage", text)

    if confidence >= 0.9:
        return tr("certain")
    if confidence >= 0.75:
        return tr("very likely")
    return tr("likely") if confidence >= 0.5 else tr("possible")


def _sentence(text: str) -> str:
    return f"{text}." if text else ""


def _local(event: QDropEvent) -> list[Path]:
    urls = event.mimeData().urls() if event.mimeData().hasUrls() else []
    return [Path(url.toLocalFile()) for url in urls if url.isLocalFile()]
