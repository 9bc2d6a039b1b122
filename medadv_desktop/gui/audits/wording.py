"""States, shares and dates of audits in words. Numbers by the locale."""

from __future__ import annotations

import math
from datetime import datetime

from PySide6.QtCore import QCoreApplication, QDateTime, QLocale

from medadv_desktop.audit.summaries import AuditRun, Headline

STATE_LOOKS = {
    "waiting": ("recent", "muted"),
    "running": ("run", "accent"),
    "paused": ("pause", "warning"),
    "done": ("success", "success"),
    "failed": ("error", "danger"),
    "cancelled": ("cancel", "muted"),
    "interrupted": ("warning", "warning"),
    "unreadable": ("warning", "danger"),
}
"""By state: icon and colour."""


def tr(text: str) -> str:
    return QCoreApplication.translate("Audits", text)


def state_text(state: str) -> str:
    """A state of an audit or a cell in a word."""
    return {
        "waiting": tr("waiting"),
        "running": tr("running"),
        "paused": tr("paused"),
        "done": tr("done"),
        "failed": tr("failed"),
        "cancelled": tr("cancelled"),
        "interrupted": tr("interrupted"),
        "unreadable": tr("cannot be read"),
    }[state]


def percent(value: float | None, decimals: int = 1) -> str:
    """A share in per cent; "–" where there is none."""
    if value is None or math.isnan(value):
        return "–"
    return QLocale().toString(100.0 * value, "f", decimals) + " %"


def interval(low: float | None, high: float | None) -> str:
    """Both ends of an interval of shares in per cent, "" where there is none."""
    if low is None or high is None:
        return ""
    ends = [QLocale().toString(100.0 * value, "f", 1) for value in (low, high)]
    return f"{ends[0]}–{ends[1]} %"


def headline_text(found: Headline | None) -> str:
    """A share with its interval."""
    if found is None:
        return "–"
    return f"{percent(found.value)} ({interval(found.low, found.high)})"


def when_text(when: datetime) -> str:
    """A moment in local time."""
    local = QDateTime.fromSecsSinceEpoch(int(when.timestamp()))
    return QLocale().toString(local, QLocale.FormatType.ShortFormat)


def second_line(run: AuditRun, state: str) -> str:
    """What a list says below the name."""
    parts = [state_text(state)]
    if state == "running" or (run.done < run.cells and state != "waiting"):
        parts[0] += " " + tr("{0} of {1}").format(run.done, run.cells)
    if run.robust is not None:
        parts.append(tr("robust {0}").format(percent(run.robust.value)))
    elif run.clean is not None:
        parts.append(tr("clean {0}").format(percent(run.clean.value)))
    parts.append(when_text(run.changed))
    return " · ".join(parts)
