"""What is said of the audit at hand."""

from __future__ import annotations

from PySide6.QtCore import QT_TRANSLATE_NOOP, QCoreApplication

from medadv_desktop.gui.labelled.bars import figure, share
from medadv_desktop.gui.state.audits import Audits, AuditStage, CellStanding

_STAGES = {
    AuditStage.NONE: (QT_TRANSLATE_NOOP("AuditRun", "No audit was begun"), "muted"),
    AuditStage.OPENING: (QT_TRANSLATE_NOOP("AuditRun", "opening…"), "muted"),
    AuditStage.RUNNING: (QT_TRANSLATE_NOOP("AuditRun", "running"), "accent"),
    AuditStage.PAUSING: (QT_TRANSLATE_NOOP("AuditRun", "pausing after this batch…"), "warning"),
    AuditStage.STOPPING: (QT_TRANSLATE_NOOP("AuditRun", "stopping…"), "warning"),
    AuditStage.YIELDING: (
        QT_TRANSLATE_NOOP("AuditRun", "making way after this batch…"),
        "muted",
    ),
    AuditStage.WAITING: (QT_TRANSLATE_NOOP("AuditRun", "waiting for other work"), "muted"),
    AuditStage.PAUSED: (QT_TRANSLATE_NOOP("AuditRun", "paused"), "warning"),
    AuditStage.DONE: (QT_TRANSLATE_NOOP("AuditRun", "done"), "success"),
    AuditStage.FAILED: (QT_TRANSLATE_NOOP("AuditRun", "some cells failed"), "danger"),
    AuditStage.CANCELLED: (QT_TRANSLATE_NOOP("AuditRun", "stopped"), "warning"),
}
_STATES = {
    "waiting": (QT_TRANSLATE_NOOP("AuditRun", "waiting"), "muted"),
    "running": (QT_TRANSLATE_NOOP("AuditRun", "running"), "accent"),
    "done": (QT_TRANSLATE_NOOP("AuditRun", "done"), "success"),
    "failed": (QT_TRANSLATE_NOOP("AuditRun", "failed"), "danger"),
    "cancelled": (QT_TRANSLATE_NOOP("AuditRun", "left out"), "warning"),
}


def tr(text: str) -> str:
    """A text of the run control in the user's language."""
    return QCoreApplication.translate("AuditRun", text)


def stage_text(stage: AuditStage) -> str:
    """How the audit stands, in a word or two."""
    return tr(_STAGES[stage][0])


def stage_color(stage: AuditStage) -> str:
    """The colour of the theme that goes with it."""
    return _STAGES[stage][1]


def cell_state(cell: CellStanding) -> tuple[str, str]:
    """How a cell stands in a word, and the colour of the theme for it."""
    if cell.given_up:
        return tr("left out"), "warning"
    text, color = _STATES[cell.state]
    return tr(text), color


def rights_text(cell: CellStanding) -> str:
    """The share decided rightly so far: before the change, and after it."""
    if not cell.rows or cell.right_before is None or cell.right_after is None:
        return ""
    before = share(cell.right_before, cell.rows)
    if cell.cell.kind == "clean":
        return before
    return tr("{before} → {after}").format(before=before, after=share(cell.right_after, cell.rows))


def end_text(audits: Audits) -> str:
    """How an audit came to its end, in a sentence."""
    name = audits.plan.name if audits.plan is not None else ""
    outcome = audits.outcome
    if outcome is None or not outcome.failures:
        return tr("The audit {name} is done.").format(name=name)
    done = tr("{done} of {all} cells have figures").format(
        done=figure(outcome.done), all=figure(outcome.cells)
    )
    text = tr("The audit {name} ended: {done}, {failed} failed.")
    return text.format(name=name, done=done, failed=figure(len(outcome.failures)))
