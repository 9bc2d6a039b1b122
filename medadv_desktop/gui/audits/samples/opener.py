"""Opens a sample of an audit in the linked viewers, with what the audit did to it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, Signal

from medadv_desktop.audit.requests import AttackOutcome, AttackRequest, Prediction
from medadv_desktop.gui.background import Urgency
from medadv_desktop.gui.desk import Audience
from medadv_desktop.gui.file_names import named
from medadv_desktop.gui.labelled.matching import NamedLabel
from medadv_desktop.gui.running import Failure
from medadv_desktop.gui.state.case import Case
from medadv_desktop.jobs import CancelToken, Emit

if TYPE_CHECKING:
    from medadv_desktop.gui.audits.results.content import RunContent
    from medadv_desktop.gui.audits.samples.preparing import PreparedSample
    from medadv_desktop.gui.controller import Controller


class SampleOpener(QObject):
    """One sample at a time; a newer wish takes the place of an older one.

    Signals:
        told: what is shown, or why not, in a sentence; and its role: "", "warning" or "danger".
    """

    told = Signal(str, str)

    def __init__(self, controller: Controller, case: Case, parent: QObject) -> None:
        super().__init__(parent)
        self._controller, self._case = controller, case
        self._desk = controller.librarian.desk
        self._wish = 0
        self._waiting: PreparedSample | None = None
        self._model = ""
        self._job: int | None = None
        self._attack: int | None = None
        case.frame_changed.connect(self._look)
        case.prediction_changed.connect(self._look)
        case.model_changed.connect(self._look)

    def open(self, content: RunContent, cell: str, place: int) -> None:
        """Open a sample of a cell by its place in the data set."""
        record = content.cells.get(cell)
        if record is None:
            return
        self._wish += 1
        wish, plan, folder = self._wish, content.results.plan, content.folder
        own = record.cell
        model = content.results.models.get(own.model)
        reference = model.reference if model is not None else plan.model(own.model).model
        match_order = plan.dataset(own.dataset).match_order

        def work(token: CancelToken, _emit: Emit) -> PreparedSample:
            from medadv_desktop.gui.audits.samples.preparing import prepare

            return prepare(folder, plan, own, place, _cache(folder), token)

        def done(sample: PreparedSample) -> None:
            if wish == self._wish:
                self._job = None
                self._show(sample, folder, own.dataset, reference, match_order=match_order)

        def failed(failure: Failure) -> None:
            self.told.emit(self._controller.names.text(failure.text), "danger")

        self.stop()
        self.told.emit(self.tr("Opening the sample…"), "muted")
        doing = self.tr("Opening a sample of an audit")
        self._job = self._desk.read(work, Urgency.FRAME, Audience(doing, done, failed=failed))

    def stop(self) -> None:
        """What was asked for is not wanted any more; an attack that runs is stopped."""
        self._waiting = None
        for job in (self._job, self._attack):
            if job is not None:
                self._desk.cancel(job)
        self._job = self._attack = None

    # ------------------------------------------------------------------ inside

    def _show(
        self, sample: PreparedSample, folder: Path, dataset: str, model: str, *, match_order: bool
    ) -> None:
        controller = self._controller
        entry = f"audit:{folder}:{dataset}"
        labels = controller.librarian.labels
        card = controller.card(model)
        if match_order and card is not None:
            labels.say(entry, card.id, dict(zip(sample.classes, card.classes, strict=False)))
        label = NamedLabel(entry, sample.task, sample.classes, sample.labels)
        labels.put(sample.path, sample.frame, label)
        self._model, self._waiting = model, sample
        controller.choose_model(model)
        controller.open_paths([sample.path], remember=False)

    def _look(self) -> None:
        """Whether the frame that was asked for is there, and its model has seen it."""
        sample, case = self._waiting, self._case
        if sample is None or case.instance is None or case.frame is None:
            return
        if case.instance.path != sample.path:
            return
        if case.frame.provenance.frame != sample.frame:
            if 0 <= sample.frame < case.instance.frames:
                self._controller.select(case.instance, sample.frame)
            return
        if case.prediction is None or case.model != self._model:
            return
        self._waiting = None
        self._apply(sample)

    def _apply(self, sample: PreparedSample) -> None:
        case, prediction = self._case, self._case.prediction
        assert case.frame is not None
        if sample.attack is None:
            note = sample.row.notes[0] if sample.row.notes else ""
            words = self.tr("The audit did not change this image")
            self.told.emit(f"{words}: {note}" if note else words, "")
            return
        request = AttackRequest(
            model=case.model,
            frame=case.frame,
            attack=sample.attack,
            objective=sample.objective,
            labels=_true_labels(sample, prediction.prediction.card.multi_label),
            second_model=case.second_model,
            seed=sample.seed,
            sample_id=sample.sample_id,
            precision=sample.precision,
        )
        if sample.settable:
            case.set_attack(sample.attack, sample.objective, sample.seed)
        kept = sample.kept
        if kept is not None and kept[0].shape == prediction.image.shape:
            case.begin_attack()
            case.set_outcome(kept_outcome(sample, request, case))
            self.told.emit(self.tr("Shown as the audit kept it"), "success")
        else:
            self._run(request, corrupted=not sample.settable)

    def _run(self, request: AttackRequest, *, corrupted: bool) -> None:
        case, wish = self._case, self._wish
        file = named(request.frame.provenance.path)
        title = self.tr("{attack} on {file}, as in the audit")

        def done(outcome: AttackOutcome) -> None:
            if outcome.request.frame is case.frame and case.model == outcome.request.model:
                # Doubts are about attacks that fail; a corruption is none.
                case.set_outcome(replace(outcome, suspicions=()) if corrupted else outcome)
                if wish == self._wish:
                    self.told.emit(again, "success")

        def failed(failure: Failure) -> None:
            self.told.emit(self._controller.names.text(failure.text), "danger")

        begins = self.tr("Not kept by the audit: the attack runs again…")
        again = self.tr("Not kept: attacked again with the audit's settings and seed")
        if corrupted:
            begins = self.tr("Not kept by the audit: it is corrupted again…")
            again = self.tr("Not kept: corrupted again with the audit's seed")
        self.told.emit(begins, "muted")
        case.begin_attack()
        doing = title.format(attack=request.attack.title, file=file)
        audience = Audience(doing, done, failed=failed)
        self._attack = self._controller.librarian.compute(request, audience)


def kept_outcome(sample: PreparedSample, request: AttackRequest, case: Case) -> AttackOutcome:
    """What the audit stored of a sample, as the answer of an attack on the frame at hand."""
    assert sample.kept is not None
    assert case.prediction is not None
    original, changed = sample.kept
    row, card = sample.row, case.prediction.prediction.card
    reference = _true_labels(sample, card.multi_label)
    return AttackOutcome(
        request=request,
        plan=case.prediction.plan,
        original=original,
        adversarial=changed,
        clean=_prediction(row.clean_logits[0], row.clean_decisions[0], card),
        attacked=_prediction(row.logits[0], row.decisions[0], card),
        success=bool(row.success[0]),
        steps=int(row.steps[0]),
        linf=float(row.linf[0]),
        l2=float(row.l2[0]),
        reference=reference,
        reference_is_prediction=False,
        second_clean=None,
        second_attacked=None,
        second_plan=None,
        second_original=None,
        second_adversarial=None,
        device="",
        seconds=float(row.seconds[0]),
        notes=("from an audit",),
        queries=int(row.queries[0]),
        l1=float(row.l1[0]),
        l0=int(row.l0[0]),
    )


def _prediction(logits: np.ndarray, decided: np.ndarray, card: object) -> Prediction:
    """A stored verdict as the model would say it."""
    wide = logits.astype(np.float64)
    if card.multi_label:
        probabilities = np.exp(-np.logaddexp(0, -wide))
        return Prediction(card, wide, probabilities, decided.astype(bool))
    shares = np.exp(wide - wide.max())
    return Prediction(card, wide, shares / shares.sum(), np.arange(len(wide)) == int(decided[0]))


def _true_labels(sample: PreparedSample, multi_label: bool) -> tuple[int, ...]:
    labels = tuple(int(v) for v in sample.row.labels[0])
    return labels if multi_label else labels[:1]


def _cache(folder: Path) -> Path:
    """Where samples of archives are written as pictures."""
    import hashlib

    import platformdirs

    cache = Path(platformdirs.user_cache_dir("MedAdv Desktop", appauthor=False))
    return cache / "samples" / hashlib.sha256(str(folder).encode()).hexdigest()[:16]
