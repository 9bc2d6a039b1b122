"""The last step: the whole plan, what it will cost, what stands against it, and where it goes."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from medadv_desktop.audit.plan.cells import KINDS, cells_of
from medadv_desktop.audit.plan.files import write_plan
from medadv_desktop.audit.plan.schema import AuditPlan
from medadv_desktop.audit.runs import Estimate, EstimateRequest
from medadv_desktop.audit.store.store import STORE_NAME
from medadv_desktop.errors import ExportError
from medadv_desktop.gui import icons
from medadv_desktop.gui.asking import ask_where_to_write
from medadv_desktop.gui.consent import with_consent
from medadv_desktop.gui.desk import Audience
from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.labelled.bars import figure
from medadv_desktop.gui.running import Failure
from medadv_desktop.gui.state.audits import audits_folder, audits_of
from medadv_desktop.gui.state.log import Level
from medadv_desktop.gui.theme import LARGE, MEDIUM, SMALL
from medadv_desktop.gui.wizards.audit.draft import AuditDraft
from medadv_desktop.gui.wizards.audit.parts import heading, scrolled
from medadv_desktop.gui.wizards.audit.wording import bytes_text, cells_text, duration_text, tr
from medadv_desktop.gui.wizards.model_import.blocks import note
from medadv_desktop.gui.wizards.model_import.sheet import Sheet
from medadv_desktop.gui.wizards.steps import Callout, StepPage

_MOST_PROBLEMS = 12


@dataclass(frozen=True)
class _Asked:
    """An estimate that is being made."""

    plan: AuditPlan
    job_id: int


class ReviewPage(StepPage):
    """Shows the plan, estimates it, and begins.

    Signals:
        step_wanted: of the step that edits what is wrong.
    """

    step_wanted = Signal(int)

    def __init__(self, bench: Workbench, draft: AuditDraft) -> None:
        super().__init__()
        self.title = tr("Review")
        self.heading = tr("The plan")
        self.explanation = tr(
            "A batch of every kind is tried on this machine to tell what the whole will cost."
        )
        self._bench, self._draft = bench, draft
        self._desk = bench.controller.librarian.desk
        self._audits = audits_of(bench.controller)
        self._waiting = False
        self._asked: _Asked | None = None
        self._known: tuple[AuditPlan, Estimate] | None = None
        self._stopped_for: AuditPlan | None = None
        self._named_for = ""
        self.failure = ""
        self.sheet = Sheet(bench.theme)
        self.estimate = QPushButton(tr("&Estimate again"))
        self.estimate.setToolTip(tr("Try a batch of every kind of cell on this machine"))
        self.problems = QVBoxLayout()
        self.problems.setSpacing(SMALL)
        self.callouts: list[Callout] = []
        self.folder = QLineEdit()
        self.folder.setAccessibleName(tr("Folder of the audit"))
        self.folder.setToolTip(tr("A new folder; everything that the audit finds goes there"))
        self.choose = QPushButton(tr("&Choose…"))
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setAccessibleName(tr("The plan as a file"))
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.copy = QPushButton(tr("C&opy"))
        self.save = QPushButton(tr("&Save as file…"))
        self.save.setToolTip(tr("For medadv audit, and to be opened here again"))
        for button, icon in (
            (self.estimate, "look-over"),
            (self.choose, "open-folder"),
            (self.copy, "copy"),
            (self.save, "save"),
        ):
            button.setAutoDefault(False)
            icons.bind_icon(button, icon, bench.theme)
        self._arrange()
        self._connect()

    # ------------------------------------------------------------------ what the dialog asks

    def entered(self) -> None:
        self._propose_folder()
        self._show()
        waits = self._draft.plan not in (None, self._stopped_for) and not self._audits.running
        if self._answer() is None and waits:
            self.ask()

    def blocked(self) -> str:
        if self._draft.plan is None:
            return self._draft.error
        if self._audits.running:
            return tr("An audit is running already")
        return self._folder_error()

    def busy(self) -> str:
        return tr("Trying a batch of every kind…") if self._asked is not None else ""

    def progress(self) -> tuple[int, int]:
        job = self._desk.job(self._asked.job_id) if self._asked is not None else None
        return (0, 0) if job is None else (int(job.progress.done), int(job.progress.total))

    def stop(self) -> None:
        if self._asked is not None:
            self._stopped_for = self._asked.plan
            self._bench.controller.cancel(self._asked.job_id)
            self._asked = None
            self._show()

    def next_text(self) -> str:
        return tr("&Start")

    def advance(self) -> bool:
        plan = self._draft.plan
        if plan is None:
            return False
        self._waiting = not self._audits.start(self.target, plan)
        return not self._waiting

    def _begun(self) -> None:
        """An audit has begun, later than it was asked for: somebody had to agree to a code."""
        if self._waiting and self._audits.running and self._audits.folder == self.target:
            self._waiting = False
            self.done.emit()
        self._show()

    # ------------------------------------------------------------------ the estimate

    @property
    def target(self) -> Path:
        """The folder that the audit goes to."""
        return Path(self.folder.text().strip()).expanduser()

    def ask(self) -> None:
        """Estimate the plan as it is now."""
        plan = self._draft.plan
        if plan is None:
            return
        if self._asked is not None:
            self.stop()
        self._known, self._stopped_for, self.failure = None, plan, ""
        with_consent(
            self._bench.controller, [m.model for m in plan.models], lambda: self._hand_in(plan)
        )

    def _hand_in(self, plan: AuditPlan) -> None:
        if plan != self._draft.plan or self._asked is not None:
            return

        def done(answer: Estimate) -> None:
            self._known = (plan, answer)
            self._show()

        def failed(failure: Failure) -> None:
            self.failure = failure.text
            self._show()

        def ended() -> None:
            if self._asked is not None and self._asked.plan is plan:
                self._asked = None
                self._show()

        audience = Audience(tr("Estimate an audit"), done, failed=failed, ended=ended)
        job_id = self._bench.controller.librarian.compute(EstimateRequest(plan), audience)
        self._asked = _Asked(plan, job_id)
        self._show()

    def _answer(self) -> Estimate | None:
        """The estimate of the plan as it is now, None where there is none."""
        if self._known is None or self._known[0] != self._draft.plan:
            return None
        return self._known[1]

    def _job_changed(self, job_id: int) -> None:
        if self._asked is not None and job_id == self._asked.job_id:
            self.changed.emit()

    # ------------------------------------------------------------------ showing

    def _show(self) -> None:
        plan, answer = self._draft.plan, self._answer()
        self.text.setPlainText(self._draft.text)
        for button in (self.copy, self.save):
            button.setEnabled(plan is not None)
        free = self._asked is None and not self._audits.running  # else it waits for its end
        self.estimate.setEnabled(plan is not None and free)
        self.sheet.show_lines(tr("What it comes to"), self._lines(plan, answer))
        self._tell(self._complaints(answer))
        self.changed.emit()

    def _lines(self, plan: AuditPlan | None, answer: Estimate | None) -> list[tuple[str, str]]:
        if plan is None:
            return []
        cells = cells_of(plan)
        kinds = Counter(cell.kind for cell in cells)
        words = {
            "clean": tr("clean images"),
            "attack": tr("attacks"),
            "smallest": tr("smallest budgets"),
            "corruption": tr("corruptions"),
            "sequence": tr("sequences"),
        }
        parts = [f"{figure(kinds[kind])} {words[kind]}" for kind in KINDS if kinds[kind]]
        lines = [(tr("Cells"), f"{figure(len(cells))}: {', '.join(parts)}")]
        if answer is None:
            return lines
        untold = sum(cell.seconds is None for cell in answer.cells)
        more = tr(" and {0} that could not be tried").format(cells_text(untold)) if untold else ""
        judged = sum(cell.samples for cell in answer.cells)
        return [
            *lines,
            (tr("Samples judged"), figure(judged)),
            (tr("Time"), tr("about {0}").format(duration_text(answer.seconds)) + more),
            (tr("On disk"), tr("up to {0}").format(bytes_text(answer.disk_bytes))),
            (tr("Memory"), tr("about {0} at the peak").format(bytes_text(answer.memory_bytes))),
            (tr("Device"), answer.device),
            *self._dearest(answer),
        ]

    def _dearest(self, answer: Estimate) -> list[tuple[str, str]]:
        """The cells that take longest, where they matter."""
        known = [cell for cell in answer.cells if cell.seconds]
        if len(known) < 3:
            return []
        worst = max(known, key=lambda cell: cell.seconds or 0.0)
        share = (worst.seconds or 0.0) / max(answer.seconds, 1e-9)
        if share < 0.2:
            return []
        text = f"{worst.title}: {duration_text(worst.seconds or 0.0)}"
        return [(tr("Dearest cell"), text)]

    def _complaints(self, answer: Estimate | None) -> list[tuple[str, str, str]]:
        """(level, where, what) of everything that stands against the plan."""
        if self._draft.plan is None:
            return [("error", self._draft.error, "")]
        found = []
        if self.failure:
            found.append(("error", "", tr("The estimate failed. ") + self.failure))
        if answer is not None:
            for problem in answer.problems:
                found.append(("warning", *_parted(problem)))
            free = _free(self.target)
            if free is not None and answer.disk_bytes > free:
                text = tr("The disk has {0} left.").format(bytes_text(free))
                found.append(("warning", "", text))
        return found

    def _tell(self, complaints: list[tuple[str, str, str]]) -> None:
        names = self._bench.controller.names
        for callout in self.callouts:
            self.problems.removeWidget(callout)
            callout.hide()
            callout.deleteLater()
        self.callouts = []
        for level, where, what in complaints[:_MOST_PROBLEMS]:
            callout = Callout(self._bench.theme)
            text = f"{where}: {what}" if where and what else where or what
            step = self._draft.step_of(where) if where else None
            callout.say(level, names.text(text), "", tr("Go there") if step is not None else "")
            if step is not None:
                callout.acted.connect(lambda step=step: self.step_wanted.emit(step))
            self.problems.addWidget(callout)
            self.callouts.append(callout)
        more = len(complaints) - _MOST_PROBLEMS
        self.more.setText(tr("and {0} more").format(more) if more > 0 else "")
        self.more.setVisible(more > 0)

    # ------------------------------------------------------------------ file and folder

    def _propose_folder(self) -> None:
        name = str(self._draft.values["name"])
        if name != self._named_for:
            self._named_for = name
            self.folder.setText(str(free_folder(audits_folder(), name)))

    def _folder_error(self) -> str:
        text = self.folder.text().strip()
        if not text or not self.target.is_absolute():
            return tr("Choose a folder for the audit")
        if (self.target / STORE_NAME).exists():
            return tr("That folder holds an audit already; choose another")
        return ""

    def _choose_folder(self) -> None:
        dialog = QFileDialog(self, tr("Folder that the audit's own folder goes into"))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.finished.connect(dialog.deleteLater)

        def chosen(path: str) -> None:
            self.folder.setText(str(free_folder(Path(path), self._named_for)))
            self._show()

        dialog.fileSelected.connect(chosen)
        dialog.open()

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self._draft.text)

    def _ask_where(self) -> None:
        name = f"{_slug(str(self._draft.values['name']))}.toml"
        filters = (tr("Audit plan (*.toml)"),)
        settings = self._bench.controller.settings
        ask_where_to_write(self, settings, tr("Save the plan"), name, filters, self.save_to)

    def save_to(self, path: Path) -> None:
        """Write the plan; the log tells where, or the strip of messages why not."""
        plan, controller = self._draft.plan, self._bench.controller
        if plan is None:
            return
        try:
            write_plan(plan, path)
        except ExportError as error:
            controller.notices.add(str(error), Level.ERROR)
        else:
            self._bench.log.add(tr("Plan saved: {path}").format(path=path))

    # ------------------------------------------------------------------ making

    def _connect(self) -> None:
        self.estimate.clicked.connect(self.ask)
        self.choose.clicked.connect(self._choose_folder)
        self.copy.clicked.connect(self._copy)
        self.save.clicked.connect(self._ask_where)
        self.folder.textEdited.connect(self.changed)
        self._bench.jobs.changed.connect(self._job_changed)
        self._audits.changed.connect(self._begun)

    def _arrange(self) -> None:
        self.more = note("muted")
        place = QHBoxLayout()
        place.setSpacing(SMALL)
        place.addWidget(self.folder, 1)
        place.addWidget(self.choose)
        content = QWidget()
        facts = QVBoxLayout(content)
        facts.setContentsMargins(0, 0, MEDIUM, 0)
        facts.setSpacing(MEDIUM)
        facts.addWidget(self.sheet)
        facts.addLayout(self.problems)
        facts.addWidget(self.more)
        facts.addStretch(1)
        left = QVBoxLayout()
        left.setSpacing(MEDIUM)
        left.addWidget(scrolled(content, tr("What it comes to")), 1)
        again = QHBoxLayout()
        again.addWidget(self.estimate)
        again.addStretch(1)
        left.addLayout(again)
        left.addWidget(heading(tr("Goes to")))
        left.addLayout(place)
        buttons = QHBoxLayout()
        buttons.setSpacing(SMALL)
        buttons.addWidget(heading(tr("As a file")), 1)
        buttons.addWidget(self.copy)
        buttons.addWidget(self.save)
        right = QVBoxLayout()
        right.setSpacing(MEDIUM)
        right.addLayout(buttons)
        right.addWidget(self.text, 1)
        page = QHBoxLayout(self)
        page.setContentsMargins(LARGE + SMALL, SMALL, LARGE + SMALL, MEDIUM)
        page.setSpacing(LARGE + SMALL)
        page.addLayout(left, 1)
        page.addLayout(right, 1)


def free_folder(parent: Path, name: str) -> Path:
    """A folder of a telling name that does not exist yet."""
    stem = f"{datetime.now().astimezone():%Y-%m-%d}-{_slug(name)}"
    number, path = 1, parent / stem
    while path.exists():
        number += 1
        path = parent / f"{stem}-{number}"
    return path


def _slug(name: str) -> str:
    return re.sub(r"\W+", "-", name).strip("-").lower()[:60] or "audit"


def _parted(problem: str) -> tuple[str, str]:
    """Field and reason of an estimate's problem."""
    where, _, what = problem.partition(": ")
    return where, what


def _free(folder: Path) -> int | None:
    """Bytes left on the disk of a folder that need not exist."""
    for place in (folder, *folder.parents):
        try:
            return shutil.disk_usage(place).free
        except OSError:
            continue
    return None
