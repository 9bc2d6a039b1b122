"""The search for the smallest budget on the frame that is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from medadv_desktop.attacks.bounded import BudgetedAttack
from medadv_desktop.audit.budget_search import BudgetSearchOutcome, BudgetSearchRequest, BudgetTry
from medadv_desktop.gui.desk import Audience
from medadv_desktop.gui.file_names import named
from medadv_desktop.gui.state.attack_trail import Still

if TYPE_CHECKING:
    from medadv_desktop.gui.controller import Controller
    from medadv_desktop.gui.state.case import Case
    from medadv_desktop.gui.state.jobs import JobList

HIGHEST = {"linf": 16 / 255, "l2": 8.0, "l1": 1020.0}
"""How far a search goes at first, by norm: four times the customary budget."""


class BudgetSearch(QObject):
    """Asks for the smallest budget, and keeps the answer while frame and model stay.

    Signals:
        changed: it began, ended, or the answer came or went; or whether it can be asked for.
        progress_changed: a budget more was tried; tells how many of how many.

    Attributes:
        outcome: the answer, None without one.
    """

    changed = Signal()
    progress_changed = Signal(float, float)

    def __init__(
        self, case: Case, controller: Controller, jobs: JobList, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._case, self._controller, self._jobs = case, controller, jobs
        self.outcome: BudgetSearchOutcome | None = None
        self._job: int | None = None
        for gone in (case.frame_changed, case.model_changed):
            gone.connect(self._forget_others)
        for changed in (case.attack_changed, controller.ready_to_attack_changed):
            changed.connect(self.changed)
        jobs.changed.connect(self._tell_progress)
        self._asked: BudgetSearchRequest | None = None

    @property
    def running(self) -> bool:
        return self._job is not None

    @property
    def norm(self) -> str:
        """What the next search's budget bounds."""
        return str(getattr(self._case.attack, "norm", "linf"))

    def why_not(self) -> str:
        """Why no search can be started now, in words; "" if one can."""
        attack = self._case.attack
        if attack.minimal:
            return self.tr(
                "{0} looks for the smallest change by itself: run it, and read ‖δ‖ of its result"
            ).format(attack.title)
        if not isinstance(attack, BudgetedAttack):
            return self.tr("{0} has no budget to search: choose one within a budget").format(
                attack.title
            )
        if self.running:
            return self.tr("The search is running")
        return self._controller.why_not_attack()

    def start(self, highest: float, halvings: int) -> None:
        """Search a grid of 2^halvings steps from nothing to `highest`, with attack, goal and labels
        as they are set.
        """
        case, frame, attack = self._case, self._case.frame, self._case.attack
        if self.why_not() or frame is None or not isinstance(attack, BudgetedAttack):
            return
        request = BudgetSearchRequest(
            model=case.model,
            frame=frame,
            attack=attack,
            objective=case.objective,
            labels=case.labels,
            highest=highest,
            halvings=halvings,
            seed=case.seed,
        )
        title = self.tr("Smallest budget of {attack} on {file}").format(
            attack=attack.title, file=named(frame.provenance.path)
        )

        def done(outcome: BudgetSearchOutcome) -> None:
            if outcome.request is self._asked:
                self.outcome = outcome
                self.changed.emit()

        def ended() -> None:
            if self._job == job_id:
                self._job = None
                self.changed.emit()

        self._drop_outcome()
        self._asked = request
        job_id = self._controller.model_library.compute(request, Audience(title, done, ended=ended))
        self._job = job_id
        self.changed.emit()

    def cancel(self) -> None:
        """Stop the search, if one runs."""
        if self._job is not None:
            self._controller.cancel(self._job)

    def answer(self, epsilon: float) -> BudgetTry | None:
        """The try that tells what a budget does.

        It lies within the budget; below all tries it is the smallest of them, if not even that
        one reached the goal.
        """
        if self.outcome is None:
            return None
        first = self.outcome.tries[0] if self.outcome.tries else None
        beyond = first if first is not None and not first.success else None
        return self.outcome.at(epsilon) or beyond

    def look_at(self, epsilon: float) -> None:
        """Show what a budget was seen to do: the image of the try that answers for it."""
        tried = self.answer(epsilon)
        if self.outcome is None or tried is None:
            self._case.set_still(None)
            return
        norm = self.outcome.request.attack.norm
        self._case.set_still(Still(tried.adversarial, tried=tried, norm=norm))

    def _forget_others(self) -> None:
        """An answer holds for its frame and model alone."""
        asked, case = self._asked, self._case
        if asked is None or (asked.frame is case.frame and asked.model == case.model):
            return
        self.cancel()
        self._job = self._asked = None
        self._drop_outcome()
        self.changed.emit()

    def _tell_progress(self, job_id: int) -> None:
        job = self._jobs.get(job_id)
        if job is not None and job_id == self._job:
            self.progress_changed.emit(job.progress.done, job.progress.total)

    def _drop_outcome(self) -> None:
        if self._case.still is not None and self._case.still.tried is not None:
            self._case.set_still(None)
        self.outcome = None
