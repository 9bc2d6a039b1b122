"""The preparing of one perturbation: handed in, listened to, stopped, gone on with.

A generator is trained and a universal perturbation fitted; both are called a training here.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from medadv_desktop.attacks.gap.history import GeneratorHead
from medadv_desktop.attacks.prepared import EpochFigures, PreparationPreview
from medadv_desktop.audit.generators import (
    FitUniversalRequest,
    GeneratorTraining,
    TrainGeneratorRequest,
    UniversalFit,
)
from medadv_desktop.audit.requests import LoadedModel, LoadRequest
from medadv_desktop.gui.background import Urgency
from medadv_desktop.gui.desk import Audience
from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.running import Failure
from medadv_desktop.gui.state.jobs import Job, JobState
from medadv_desktop.gui.wizards.generator.draft import GeneratorDraft
from medadv_desktop.gui.wizards.generator.work import Lying, lying_at

PREVIEW_MS = 250
"""Previews are shown no more often than so."""

_SURE_AFTER = 3

Request = TrainGeneratorRequest | FitUniversalRequest


class Stage(StrEnum):
    """How the training stands."""

    IDLE = "idle"
    LOADING = "loading"
    TRAINING = "training"
    STOPPED = "stopped"
    FAILED = "failed"
    DONE = "done"


class GeneratorTrainer(QObject):
    """Lives as long as the window: the dialog that began a training may be closed.

    Signals:
        changed: stage, progress, or what is kept of a stopped training.
        preview_changed: `preview` is another; at most four times a second.
        ended: the training came to its end, whichever it was.

    Attributes:
        draft: what the dialog was told; kept for the next time it is opened.
        request: the training at hand, None where there is none.
        preview: the newest one.
        answer: what came of it.
        failure: why nothing did.
        kept: after a stop or failure, what the file says of the epochs that were saved; None
            where none was, or while the file is being read.
    """

    changed = Signal()
    preview_changed = Signal()
    ended = Signal()

    def __init__(self, bench: Workbench, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bench = bench
        self._library = bench.controller.model_library
        self.draft = GeneratorDraft(bench, self)
        self.stage = Stage.IDLE
        self.request: Request | None = None
        self.preview: PreparationPreview | None = None
        self.answer: GeneratorTraining | UniversalFit | None = None
        self.failure: Failure | None = None
        self.kept: GeneratorHead | None = None
        self._job_id: int | None = None
        self._stamp: int | None = None
        self._first = (0.0, 0.0)
        self._last = (0.0, 0.0)
        self._previews = 0
        self._pending = False
        self._pause = QTimer(self, singleShot=True, interval=PREVIEW_MS)
        self._pause.timeout.connect(self._show_pending)
        bench.jobs.changed.connect(self._job_changed)

    @property
    def running(self) -> bool:
        return self.stage in (Stage.LOADING, Stage.TRAINING)

    @property
    def fits(self) -> bool:
        """A universal perturbation is fitted, not a generator trained."""
        return isinstance(self.request, FitUniversalRequest)

    @property
    def judging(self) -> bool:
        """The epochs of a fit are over, and what came of them is counted."""
        preview = self.preview
        return self.fits and preview is not None and preview.epochs_done >= preview.epochs

    @property
    def job(self) -> Job | None:
        """The entry in the list of jobs."""
        return None if self._job_id is None else self._bench.jobs.get(self._job_id)

    @property
    def history(self) -> tuple[EpochFigures, ...]:
        """Figures of the epochs done, as far as they are known."""
        if self.answer is not None:
            return self.answer.epochs
        if self.kept is not None:
            return self.kept.epochs
        return self.preview.history if self.preview is not None else ()

    def remaining(self) -> float | None:
        """Seconds to go at the pace so far; None before the first batches are done."""
        preview = self.preview
        done, elapsed = self._last[1] - self._first[1], self._last[0] - self._first[0]
        if not self.running or preview is None or self._previews < _SURE_AFTER or done <= 0:
            return None
        return elapsed * (preview.epochs - self._last[1]) / done

    # ------------------------------------------------------------------ what the dialog wants

    def start(self, request: Request, lying: Lying) -> bool:
        """Train; `lying` is what lies at its path now. Nothing where a training runs.

        Returns whether it has begun: if the model has code that nobody has agreed to, it begins
        when somebody has.
        """
        if self.running or self._library.asks(request.model, lambda: self._start(request, lying)):
            return False
        self._start(request, lying)
        return True

    def _start(self, request: Request, lying: Lying) -> None:
        if self.running:
            return
        self.request, self._stamp = request, lying.stamp
        self.preview = self.answer = self.failure = self.kept = None
        self._previews = 0
        self.stage = Stage.LOADING
        self.draft.set_path(request.path)
        model = request.model
        wish = LoadRequest(model, allow_code=self._library.allows(model))
        title = self.tr("Load model {model}").format(model=Path(model).name)
        self._job_id = self._library.compute(wish, self._audience(title, self._loaded))
        self.changed.emit()
        self.preview_changed.emit()

    def stop(self) -> None:
        """Ask the training to stop; whole epochs are kept."""
        if self.running and self._job_id is not None:
            self._library.cancel(self._job_id)

    def go_on(self) -> None:
        """Go on with a stopped training where its file ends."""
        request, kept = self.request, self.kept
        if isinstance(request, TrainGeneratorRequest) and kept is not None and not kept.finished:
            lying = Lying(request.path, self._stamp, kept)
            self.start(replace(request, resume=True), lying)

    def forget(self) -> None:
        """What came of a training was seen; the next one is a new one."""
        if not self.running:
            self.stage, self.request, self._job_id = Stage.IDLE, None, None
            self.preview = self.answer = self.failure = self.kept = None
            self.draft.set_path(None)

    # ------------------------------------------------------------------ its story

    def _audience(self, title: str, done: object) -> Audience:
        def ended() -> None:
            job = self.job
            if job is not None and job.state is JobState.CANCELLED:
                self._end(Stage.STOPPED)

        return Audience(title, done, partial=self._heard, failed=self._failed, ended=ended)

    def _loaded(self, answer: LoadedModel) -> None:
        request = self.request
        self._library.learnt(answer.model, answer.white_box)
        fit, training = self.tr("Fit perturbation {file}"), self.tr("Train generator {file}")
        title = (fit if self.fits else training).format(file=request.path.name)
        self.stage = Stage.TRAINING
        self._job_id = self._library.compute(request, self._audience(title, self._trained))
        self.changed.emit()

    def _heard(self, value: object) -> None:
        if not isinstance(value, PreparationPreview):
            return
        self.preview = value
        self._last = (self._bench.jobs.clock(), value.epochs_done)
        if not self._previews:
            self._first = self._last
        self._previews += 1
        if self._pause.isActive():
            self._pending = True
        else:
            self._pause.start()
            self.preview_changed.emit()

    def _show_pending(self) -> None:
        if self._pending:
            self._pending = False
            self._pause.start()
            self.preview_changed.emit()

    def _job_changed(self, job_id: int) -> None:
        if job_id == self._job_id:
            self.changed.emit()

    def _trained(self, answer: GeneratorTraining | UniversalFit) -> None:
        self.answer = answer
        self._end(Stage.DONE)

    def _failed(self, failure: Failure) -> None:
        self.failure = failure
        self._end(Stage.FAILED)

    def _end(self, stage: Stage) -> None:
        self.stage = stage
        self._pause.stop()
        self._pending = False
        if stage is not Stage.DONE:
            self._read_kept()
        self.preview_changed.emit()
        self.changed.emit()
        self.ended.emit()

    def _read_kept(self) -> None:
        """What the file says now, if it was written since the training began."""
        desk, request = self._bench.controller.librarian.desk, self.request
        if desk.background.stopping or not isinstance(request, TrainGeneratorRequest):
            return  # a fit is written at its end alone

        def read(lying: Lying) -> None:
            if self.request is request and not self.running:
                if request.resume or lying.stamp != self._stamp:
                    self.kept = lying.head
                    self._stamp = lying.stamp
                self.changed.emit()

        path = request.path
        doing = self.tr("Looking at what is kept of the training")
        desk.read(lambda *_: lying_at(path), Urgency.FRAME, Audience(doing, read))
