"""What is said of an audit in words."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QLocale

from medadv_desktop.gui.labelled.bars import figure


def tr(text: str) -> str:
    """A text of the audit's dialogs in the user's language."""
    return QCoreApplication.translate("Audit", text)


def duration_text(seconds: float) -> str:
    """A long time, no finer than anybody can foretell it: "40 s", "12 min", "3 h 20 min", "2 d"."""
    if seconds < 1:
        return tr("under a second")
    if seconds < 90:
        return f"{round(seconds)} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return tr("{0} min").format(minutes)
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return tr("{0} h {1:02d} min").format(hours, minutes)
    return tr("{0} days {1} h").format(hours // 24, hours % 24)


def bytes_text(count: int) -> str:
    """Room on a disk or in memory."""
    return QLocale().formattedDataSize(count, 1)


def cells_text(count: int) -> str:
    """How many cells an audit has."""
    return tr("1 cell") if count == 1 else tr("{0} cells").format(figure(count))
