"""What is asked before the report of an audit is written: as what, for whom, whose key signs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QT_TRANSLATE_NOOP, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QWidget,
)

from medadv_desktop.gui.audits.reporting import FORMATS, REPORT, ReportWish, make_report, tr
from medadv_desktop.gui.export_dialogs import ExportDialog
from medadv_desktop.gui.theme import MEDIUM, SMALL, font
from medadv_desktop.gui.wizards.steps import Callout

if TYPE_CHECKING:
    from medadv_desktop.gui.main_window import MainWindow
    from medadv_desktop.gui.theme import Theme

_WORDS = {
    "html": QT_TRANSLATE_NOOP("AuditReport", "&HTML: one page for any browser, also without net"),
    "pdf": QT_TRANSLATE_NOOP("AuditReport", "&PDF: to print and to hand on"),
    "json": QT_TRANSLATE_NOOP("AuditReport", "&JSON: every figure, for programs"),
    "csv": QT_TRANSLATE_NOOP("AuditReport", "&CSV: tables of cells and of samples"),
}


class ReportDialog(ExportDialog):
    """Formats, identifiers, folder, and the key that signs.

    Signals:
        chosen: a `ReportWish`.
    """

    chosen = Signal(object)

    def __init__(
        self,
        run: Path,
        name: str,
        theme: Theme,
        wish: ReportWish | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(tr("Write report"), parent)
        self._run = run
        wish = wish or ReportWish()
        title = QLabel(name)
        title.setFont(font("title"))
        title.setWordWrap(True)
        self.content.addWidget(title)
        self.formats = {kind: QCheckBox(tr(_WORDS[kind])) for kind in FORMATS}
        for kind, box in self.formats.items():
            box.setChecked(kind in wish.formats)
            self.content.addWidget(box)
        self.identifiers = QCheckBox(tr("&Identifiers of samples, patients and folders"))
        self.identifiers.setToolTip(tr("Otherwise they are numbered, and nobody learns who it is"))
        self.identifiers.setChecked(wish.identifiers)
        self.content.addSpacing(SMALL)
        self.content.addWidget(self.identifiers)
        self.folder = QLineEdit(str(wish.out or run / REPORT))
        self.key = QLineEdit("" if wish.key is None else str(wish.key))
        self.key.setPlaceholderText(tr("None: the report is not signed"))
        self.passphrase = QLineEdit()
        self.passphrase.setEchoMode(QLineEdit.EchoMode.Password)
        self.passphrase.setPlaceholderText(tr("Where the key has one"))
        self._add_form()
        self.told = Callout(theme)
        self.content.addWidget(self.told)
        self._add_buttons()
        for box in (*self.formats.values(), self.identifiers):
            box.toggled.connect(self._tell)
        for line in (self.folder, self.key):
            line.textChanged.connect(self._tell)
        self.accepted.connect(lambda: self.chosen.emit(self.wish()))
        self._tell()

    def wish(self) -> ReportWish:
        """What is asked for as it stands."""
        own = self._own
        key = self.key.text().strip()
        return ReportWish(
            formats=tuple(kind for kind, box in self.formats.items() if box.isChecked()),
            identifiers=self.identifiers.isChecked(),
            out=None if own else Path(self.folder.text().strip()),
            key=Path(key) if key and own else None,
            passphrase=self.passphrase.text() if key and own else "",
        )

    # ------------------------------------------------------------------ inside

    @property
    def _own(self) -> bool:
        """The report goes into the audit's own folder."""
        return Path(self.folder.text().strip()) == self._run / REPORT

    def _blocked(self) -> str:
        """Why it cannot be written so, "" if it can."""
        key = self.key.text().strip()
        if not any(box.isChecked() for box in self.formats.values()):
            return tr("Choose at least one kind of report.")
        if not Path(self.folder.text().strip()).is_absolute():
            return tr("Choose a folder by its whole path.")
        if key and self._own and not Path(key).is_file():
            return tr("There is no such key file.")
        return ""

    def _tell(self) -> None:
        """What will happen, and what stands against it."""
        own, signed = self._own, bool(self.key.text().strip())
        for part in (self.key, self.key_button):
            part.setEnabled(own)
        self.passphrase.setEnabled(own and signed)
        blocked = self._blocked()
        self.write.setEnabled(not blocked)
        words = []
        if self.identifiers.isChecked():
            words.append(tr("Whoever reads the report may learn who the patients are."))
        if not own:
            words.append(
                tr("In another folder it is not signed, and the audit's integrity file stays.")
            )
        elif signed:
            words.append(tr("The integrity file is signed: whoever trusts the key finds changes."))
        else:
            words.append(
                tr("The integrity file finds mishaps; only if signed, changes on purpose as well.")
            )
        level = "error" if blocked else "warning" if self.identifiers.isChecked() else "info"
        self.told.say(level, blocked or " ".join(words))
        if self.isVisible():
            self.fit()

    def _pick_folder(self) -> None:
        dialog = QFileDialog(self, tr("Folder for the report"), self.folder.text())
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        self._ask(dialog, self.folder)

    def _pick_key(self) -> None:
        dialog = QFileDialog(self, tr("Private key (Ed25519)"), self.key.text())
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilters([tr("All files (*)"), tr("Keys (*.pem *.key)")])
        self._ask(dialog, self.key)

    def _ask(self, dialog: QFileDialog, line: QLineEdit) -> None:
        dialog.fileSelected.connect(line.setText)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    # ------------------------------------------------------------------ making

    def _add_form(self) -> None:
        form = QFormLayout()
        form.setHorizontalSpacing(MEDIUM)
        form.setVerticalSpacing(SMALL)
        self.folder_button, folder = _with_button(self.folder, tr("Choose the folder"))
        self.key_button, key = _with_button(self.key, tr("Choose the key file"))
        self.folder_button.clicked.connect(self._pick_folder)
        self.key_button.clicked.connect(self._pick_key)
        for words, line, row, tip in (
            (tr("&Folder"), self.folder, folder, tr("The report in it is replaced as a whole")),
            (tr("&Sign with"), self.key, key, tr("An Ed25519 private key: PEM or OpenSSH")),
            (tr("Pass&phrase"), self.passphrase, self.passphrase, tr("It is kept nowhere")),
        ):
            label = QLabel(words)
            label.setBuddy(line)
            line.setAccessibleName(words.replace("&", ""))
            line.setToolTip(tip)
            form.addRow(label, row)
        self.content.addSpacing(SMALL)
        self.content.addLayout(form)

    def _add_buttons(self) -> None:
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.write = buttons.addButton(tr("Write report"), QDialogButtonBox.ButtonRole.AcceptRole)
        self.write.setDefault(True)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        self.content.addWidget(buttons)


def ask_for_report(
    window: MainWindow, run: Path, name: str, wish: ReportWish | None = None
) -> ReportDialog:
    """Ask how the report is to be, then write it; where that fails, it can be asked again."""
    dialog = ReportDialog(run, name, window.bench.theme, wish, window)

    def chosen(wanted: ReportWish) -> None:
        def again() -> None:
            ask_for_report(window, run, name, wanted)

        make_report(window.controller, run, name, wanted, again=again)

    dialog.chosen.connect(chosen)
    dialog.open()
    return dialog


def _with_button(line: QLineEdit, words: str) -> tuple[QPushButton, QWidget]:
    """A line with a button that asks for what stands in it."""
    button, row = QPushButton(tr("Choose…")), QWidget()
    button.setToolTip(words)
    button.setAccessibleName(words)
    button.setAutoDefault(False)
    inside = QHBoxLayout(row)
    inside.setContentsMargins(0, 0, 0, 0)
    inside.setSpacing(SMALL)
    inside.addWidget(line, 1)
    inside.addWidget(button)
    return button, row
