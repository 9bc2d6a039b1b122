"""A font of our own, for the platforms that have none (off screen, on a bare machine)."""

from __future__ import annotations

from PySide6.QtGui import QFont, QFontDatabase
from PySide6.QtWidgets import QApplication

from medadv_desktop.resources import resource

_FILES = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf")
_FAMILY = "DejaVu Sans"


def ensure_a_font(app: QApplication) -> None:
    """Load the shipped font if the system offers none; otherwise the system's stays."""
    if any(QFontDatabase.isSmoothlyScalable(family) for family in QFontDatabase.families()):
        return
    for name in _FILES:
        QFontDatabase.addApplicationFont(str(resource("fonts", name)))
    app.setFont(QFont(_FAMILY, app.font().pointSize()))
