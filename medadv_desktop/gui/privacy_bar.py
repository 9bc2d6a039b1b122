"""What says whether patient data is in sight, and changes it."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QToolButton, QWidget

from medadv_desktop.gui import icons
from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.theme import MEDIUM, SMALL, font


class PrivacyButton(QToolButton):
    """An eye: open, in the colour of warnings, while patient data is shown."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._privacy, self._theme = bench.controller.privacy, bench.theme
        self.setCheckable(True)
        self.setAutoRaise(True)
        self.setAccessibleName(self.tr("Show patient data"))
        self.clicked.connect(lambda on: self._privacy.set_masked(not on))
        self._privacy.changed.connect(self._show)
        self._theme.changed.connect(self._show)
        self._show()

    def _show(self) -> None:
        masked = self._privacy.masked
        self.setChecked(not masked)
        name, color = ("eye-off", "muted") if masked else ("eye", "warning")
        self.setIcon(icons.icon(name, self._theme, color))
        state = self.tr("Patient data is hidden.") if masked else self.tr("Patient data is shown.")
        tip = self.tr("Show or hide names, dates, identifiers and descriptions of the patient")
        self.setToolTip(f"{state} {tip}")


class PrivacyBar(QWidget):
    """A line: "Patient data hidden", or in the colour of warnings "Patient data shown"."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._privacy, self._theme = bench.controller.privacy, bench.theme
        self.words = QLabel()
        self.words.setFont(font("small"))
        self.words.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.button = PrivacyButton(bench)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(MEDIUM, 0, SMALL, 0)
        layout.setSpacing(SMALL)
        layout.addWidget(self.words, 1)
        layout.addWidget(self.button)
        self._privacy.changed.connect(self._show)
        self._theme.changed.connect(self._show)
        self._show()

    def _show(self) -> None:
        masked = self._privacy.masked
        self.words.setText(
            self.tr("Patient data hidden") if masked else self.tr("Patient data shown")
        )
        color = self._theme.color("muted" if masked else "warning").name()
        self.words.setStyleSheet(f"color: {color}")
