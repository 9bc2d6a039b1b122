"""Some samples of the data set that is looked at, and what the chosen model says of them."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from medadv_desktop.audit.requests import ManyPredictions, Prediction, PredictManyRequest
from medadv_desktop.gui.background import Urgency
from medadv_desktop.gui.desk import Audience
from medadv_desktop.gui.labelled.librarian import Librarian, open_entry
from medadv_desktop.gui.labelled.matching import Match, Verdict, judge, match_classes
from medadv_desktop.gui.running import Failure
from medadv_desktop.jobs import CancelToken, Emit
from medadv_desktop.models.card import ModelCard

if TYPE_CHECKING:
    from medadv_desktop.datasets.dataset import Dataset
    from medadv_desktop.gui.controller import Controller
    from medadv_desktop.gui.labelled.previews import Preview
    from medadv_desktop.gui.state.case import Case
    from medadv_desktop.gui.state.dataset_library import DatasetEntry
    from medadv_desktop.imaging.frame import Frame

CHUNK = 6
"""Samples predicted by one request: what somebody looks at meanwhile is predicted in between."""


class Stage(Enum):
    """How far the samples are."""

    EMPTY = auto()
    OPENING = auto()
    READY = auto()
    FAILED = auto()


class Deck(QObject):
    """Draws a few samples, shows them, and has them predicted. Idle while nobody looks.

    Signals:
        cleared: other samples will come, or none.
        preview_added: a `Preview` came.
        verdict_changed: a row, and its `Verdict` or None.
        changed: stage, error, match or model are others.

    Attributes:
        stage, error: how far it is; why the data set cannot be opened.
        dataset: opened, after split and subset, None before.
        previews: what came so far.
        verdicts: by row.
        failure: why there is no prediction, "" if nothing is wrong.
    """

    cleared = Signal()
    preview_added = Signal(object)
    verdict_changed = Signal(int, object)
    changed = Signal()

    def __init__(self, controller: Controller, case: Case, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._controller, self._case = controller, case
        self._librarian: Librarian = controller.librarian
        self._library = self._librarian.library
        self.stage, self.error, self.failure = Stage.EMPTY, "", ""
        self.dataset: Dataset | None = None
        self.previews: list[Preview] = []
        self.verdicts: dict[int, Verdict] = {}
        self._predictions: dict[int, Prediction] = {}
        self._wanted = False
        self._shown: DatasetEntry | None = None
        self._seed = 0
        self._job: int | None = None
        self._model_job: int | None = None
        self._model = ""
        self._library.current_changed.connect(self._look)
        self._library.changed.connect(self._look)
        case.model_changed.connect(self._model_changed)
        controller.models_changed.connect(self._model_changed)
        self._librarian.labels.changed.connect(self._judge_all)

    # ------------------------------------------------------------------ wishes

    def set_wanted(self, wanted: bool) -> None:
        """Whether somebody looks."""
        if wanted != self._wanted:
            self._wanted = wanted
            if wanted:
                self._look()
                self._predict()

    def draw_again(self) -> None:
        """Other samples of the same data set."""
        self._seed += 1
        self._shown = None
        self._look()

    @property
    def card(self) -> ModelCard | None:
        """Of the chosen model."""
        return self._controller.card(self._case.model) if self._case.model else None

    @property
    def match(self) -> Match | None:
        """The classes of the data set as the chosen model has them."""
        card, dataset, entry = self.card, self.dataset, self._shown
        if card is None or dataset is None or entry is None:
            return None
        current = self._library.find(entry.id)
        said = current.matches.get(card.id) if current is not None else None
        return match_classes(dataset.task, dataset.classes, card, said)

    @property
    def right(self) -> tuple[int, int]:
        """How many of the shown samples are predicted right, of how many that can be judged."""
        known = [v.right for v in self.verdicts.values() if v.right is not None]
        return sum(known), len(known)

    # ------------------------------------------------------------------ the data set

    def _look(self) -> None:
        entry = self._library.current
        if not self._wanted or _same_samples(entry, self._shown):
            if _same_samples(entry, self._shown):
                self._shown = entry
                self._judge_all()
            return
        self._drop()
        self._shown = entry
        self.dataset, self.error, self.failure = None, "", ""
        self.previews.clear()
        self.verdicts.clear()
        self._predictions.clear()
        self.stage = Stage.EMPTY if entry is None else Stage.OPENING
        self.cleared.emit()
        self.changed.emit()
        if entry is not None:
            self._open(entry, self._seed)

    def _open(self, entry: DatasetEntry, seed: int) -> None:
        def work(token: CancelToken, emit: Emit) -> Dataset:
            from medadv_desktop.gui.labelled.previews import draw_samples, previews
            from medadv_desktop.jobs import Partial

            dataset = open_entry(entry, token)
            emit(Partial(dataset))
            previews(draw_samples(dataset, seed=seed), token, emit)
            return dataset

        def partial(value: Dataset | Preview) -> None:
            from medadv_desktop.gui.labelled.previews import Preview

            if self._job != job:
                return
            if isinstance(value, Preview):
                self.previews.append(value)
                self.preview_added.emit(value)
            else:
                self.dataset, self.stage = value, Stage.READY
                self.changed.emit()

        def failed(failure: Failure) -> None:
            if self._shown is entry:
                self.stage, self.error = Stage.FAILED, failure.text
                self.changed.emit()
                self._librarian.check()

        def done(_dataset: object) -> None:
            if self._shown is not None and self._shown.id == entry.id:
                self._predict()

        def ended() -> None:
            if self._job == job:
                self._job = None

        doing = self.tr("Opening {name}").format(name=entry.name)
        audience = Audience(doing, done, partial=partial, failed=failed, ended=ended)
        job = self._librarian.desk.read(work, Urgency.FRAME, audience)
        self._job = job

    def _drop(self) -> None:
        for job in (self._job, self._model_job):
            if job is not None:
                self._librarian.desk.cancel(job)
        self._job = self._model_job = None

    # ------------------------------------------------------------------ predictions

    def _model_changed(self) -> None:
        if self._case.model != self._model:
            self._model = self._case.model
            if self._model_job is not None:
                self._librarian.desk.cancel(self._model_job)
                self._model_job = None
            self._predictions.clear()
            self.failure = ""
            self._judge_all()
        self.changed.emit()
        self._predict()

    def _predict(self) -> None:
        """Ask for the next few predictions that are wanted and not there."""
        model, dataset = self._case.model, self.dataset
        ready = self._wanted and model and dataset is not None and self._job is None
        if not ready or self._model_job is not None or self.failure or self.card is None:
            return
        rows = [
            row
            for row, preview in enumerate(self.previews)
            if row not in self._predictions and not preview.reason
        ][:CHUNK]
        if rows:
            self._read_frames(model, dataset, rows)

    def _read_frames(self, model: str, dataset: Dataset, rows: Sequence[int]) -> None:
        samples = [self.previews[row].sample for row in rows]

        def work(token: CancelToken, _emit: Emit) -> tuple[Frame, ...]:
            frames = []
            for sample in samples:
                token.check()
                frames.append(dataset.frame(sample))
            return tuple(frames)

        def done(frames: tuple[Frame, ...]) -> None:
            self._ask(model, frames, rows)

        self._run(work, done)

    def _run(self, work, done) -> None:
        def ended() -> None:
            if self._model_job == job:
                self._model_job = None

        doing = self.tr("Reading samples")
        audience = Audience(doing, done, failed=self._failed, ended=ended)
        job = self._librarian.desk.read(work, Urgency.SCAN, audience)
        self._model_job = job

    def _ask(self, model: str, frames: tuple[Frame, ...], rows: Sequence[int]) -> None:
        if model != self._case.model or self._model_job is not None:
            return

        def done(answer: ManyPredictions) -> None:
            for row, prediction in zip(rows, answer.predictions, strict=True):
                if isinstance(prediction, Prediction):
                    self._predictions[row] = prediction
                    self._judge(row)
                else:
                    self.failure = prediction
            self.changed.emit()
            self._predict()

        def ended() -> None:
            if self._model_job == job:
                self._model_job = None

        title = self.tr("Predict %n sample(s)", None, len(frames))
        audience = Audience(title, done, failed=self._failed, ended=ended)
        job = self._librarian.compute(PredictManyRequest(model, frames), audience)
        self._model_job = job

    def _failed(self, failure: Failure) -> None:
        self.failure = failure.text
        self.changed.emit()

    def _judge(self, row: int) -> None:
        match, prediction = self.match, self._predictions.get(row)
        verdict = None
        if match is not None and prediction is not None and row < len(self.previews):
            verdict = judge(prediction, self.previews[row].sample.labels, match)
        if verdict is None:
            self.verdicts.pop(row, None)
        else:
            self.verdicts[row] = verdict
        self.verdict_changed.emit(row, verdict)

    def _judge_all(self) -> None:
        for row in range(len(self.previews)):
            self._judge(row)
        self.changed.emit()


def _same_samples(first: DatasetEntry | None, second: DatasetEntry | None) -> bool:
    """Whether two states of the list mean the same samples."""
    if first is None or second is None:
        return first is second

    def key(entry: DatasetEntry) -> tuple[object, ...]:
        return entry.id, entry.path, entry.options, str(entry.split), str(entry.subset)

    return key(first) == key(second)
