"""A font of our own, for machines that have none (a bare server, off screen)."""

from __future__ import annotations

from PySide6.QtGui import QFont, QFontDatabase, QFontMetrics
from PySide6.QtWidgets import QApplication

from medadv_desktop.resources import resource

_FILES = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf")
_FAMILY = "DejaVu Sans"


def ensure_a_font(app: QApplication) -> None:
    """Load the shipped font if the system's has no letters; otherwise the system's stays."""
    # QFontDatabase names families even where there is no font file at all.
    if QFontMetrics(app.font()).inFont("a"):
        return
    for name in _FILES:
        QFontDatabase.addApplicationFont(str(resource("fonts", name)))
    app.setFont(QFont(_FAMILY, max(app.font().pointSize(), 9)))
