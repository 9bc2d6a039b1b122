"""What a reader of the last result should know before trusting it."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QFrame, QLabel, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.theme import SMALL, font

_HIGHEST = 110


class ResultNotes(QScrollArea):
    """Suspicions, then notes, of the last outcome. Not there without any."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._case = bench.case
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName(self.tr("What to know of the result"))
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setFont(font("small"))
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.text.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.MinimumExpanding)
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SMALL)
        column.addWidget(self.text)
        self.setWidget(inside)
        bench.case.outcome_changed.connect(self._show)
        self._show()

    def _show(self) -> None:
        outcome = self._case.outcome
        suspicions = outcome.suspicions if outcome is not None else ()
        said = [f"⚠ {_sentence(s.message)} {s.remedy}" for s in suspicions]
        notes = outcome.notes if outcome is not None else ()
        said += [QCoreApplication.translate("Settings", note) for note in notes]
        role = "warning" if suspicions else "muted"
        if self.text.property("role") != role:
            self.text.setProperty("role", role)
            self.text.style().unpolish(self.text)
            self.text.style().polish(self.text)
        self.text.setText("\n".join(said))
        self.setVisible(bool(said))
        self._fit()

    def resizeEvent(self, event: object) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        wanted = self.text.heightForWidth(max(self.viewport().width(), 120))
        self.setFixedHeight(min(max(wanted, 1), _HIGHEST))


def _sentence(text: str) -> str:
    """With a capital and a full stop."""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
