"""A model on its way into the library: its file, its card, what it was tried on. No widget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from medadv_desktop.audit.requests import (
    CheckedModel,
    CheckModelRequest,
    ProposeCardRequest,
    ProposedCard,
    Request,
)
from medadv_desktop.errors import ModelError
from medadv_desktop.gui.background import Work
from medadv_desktop.gui.desk import Audience
from medadv_desktop.gui.running import Failure
from medadv_desktop.gui.state.log import Level
from medadv_desktop.gui.state.model_library import code_file
from medadv_desktop.gui.wizards.model_import.fields import GUESSED, card_of, values_of
from medadv_desktop.gui.wizards.model_import.samples import Fit, Samples, fit
from medadv_desktop.imaging.frame import Instance
from medadv_desktop.models.card import ModelCard, write_card
from medadv_desktop.models.formats import FILE_KINDS, FileKind, kind_of
from medadv_desktop.models.formats.pickles import refuse_pickled_code
from medadv_desktop.models.library import LibraryEntry, find

if TYPE_CHECKING:
    from medadv_desktop.gui.docks.spec import Workbench
    from medadv_desktop.models.proposal import Guess


class Mode(StrEnum):
    """What the wizard was opened for."""

    IMPORT = "import"
    EDIT = "edit"
    CHECK = "check"


@dataclass(frozen=True)
class Look:
    """What a file is, before anything of it is opened.

    Attributes:
        kind: a key of `FILE_KINDS`.
        size: bytes.
        beside: the model card that lies beside it, None without one.
    """

    path: Path
    kind: str
    size: int
    beside: LibraryEntry | None

    @property
    def file_kind(self) -> FileKind:
        return FILE_KINDS[self.kind]


def look_at(path: Path) -> Look:
    """Tell a model file by its content; a pickle that would run code is refused here already.

    A model card stands for the file that it names.

    Raises:
        ModelError: it cannot be read, is of no known kind, or wants to run code.
    """
    if path.suffix.lower() == ".toml":
        path = path.parent / find(path).card.weights
    if path.is_dir():
        raise ModelError("is a folder", subject=path, remedy="Choose the model file in it")
    kind = kind_of(path)
    if kind == "checkpoint":
        refuse_pickled_code(path)
    try:
        beside = find(path)
    except ModelError:
        beside = None
    return Look(path, kind, path.stat().st_size, beside)


class ModelDraft(QObject):
    """Everything the wizard knows. One job at a time runs for it, off the GUI thread.

    Signals:
        looked: `look` is another.
        card_changed: values, card, errors or guesses are others.
        samples_changed: `samples` are others.
        checked_changed: `checked` came, went, or no longer fits the card.
        busy_changed: `busy`, `progress` or `failure` are others.
        proposed, was_saved: a card was proposed; the model is in the library.

    Attributes:
        path: of the model file.
        look: what it is; None until that is known.
        allow_code: the user agreed that its Python code runs.
        shape: channels, height, width of the input, where the user says it for the file.
        values, card, errors: of the card as it stands; `card` is None while there are errors.
        guesses: by the names of `fields.GUESSED`.
        edited: fields that the user changed.
        notes: what was noted when the file was opened.
        entry: of the library, where its card is edited or checked.
        samples, checked: what the card was tried on, and what came of it.
        busy: what runs, in words; "" for nothing.
        failure: why the last job failed.
        saved: the model as it lies in the library.
    """

    looked = Signal()
    card_changed = Signal()
    samples_changed = Signal()
    checked_changed = Signal()
    busy_changed = Signal()
    proposed = Signal()
    was_saved = Signal()

    def __init__(self, bench: Workbench, mode: Mode, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bench, self.mode = bench, mode
        self.library = bench.controller.model_library
        self.path: Path | None = None
        self.look: Look | None = None
        self.allow_code = False
        self.shape: tuple[int, int, int] | None = None
        self.values: dict[str, Any] = {}
        self.card: ModelCard | None = None
        self.errors: dict[str, str] = {}
        self.guesses: dict[str, Guess] = {}
        self.edited: set[str] = set()
        self.notes: tuple[str, ...] = ()
        self.entry: LibraryEntry | None = None
        self.samples: Samples | None = None
        self.checked: CheckedModel | None = None
        self.saved: LibraryEntry | None = None
        self.busy = ""
        self.progress = (0, 0)
        self.failure: Failure | None = None
        self._job: int | None = None
        bench.jobs.changed.connect(self._job_changed)

    # ------------------------------------------------------------------ the file

    def choose(self, path: Path) -> None:
        """Take a file, and find out what it is."""
        self.stop()
        self.path, self.look, self.allow_code, self.shape = path, None, False, None
        self._forget_card()
        doing = self.tr("Looking at {file}").format(file=path.name)

        def looked(look: Look) -> None:
            self.path, self.look = look.path, look
            self.looked.emit()

        self.looked.emit()
        self._read(doing, lambda *_: look_at(path), looked)

    def set_allow_code(self, allowed: bool) -> None:
        """Whether the user agrees that the file's code runs, with all the rights of the user."""
        if allowed != self.allow_code:
            self.allow_code = allowed
            if allowed and self.entry is not None and self.code is not None:
                self.library.agree_to(self.code)
            self.looked.emit()

    def say_shape(self, shape: tuple[int, int, int] | None) -> None:
        """Say the input of a network that does not say it itself; None leaves it to the file."""
        if shape != self.shape:
            self.shape = shape
            self._forget_card()
            self.looked.emit()

    @property
    def needs_consent(self) -> bool:
        """Opening the file would run its code, and nobody has agreed to that."""
        return self.code is not None and not self.allow_code

    @property
    def code(self) -> Path | None:
        """The Python file whose code opening the model runs."""
        if self.card is not None and (code := code_file(self.card, self.folder)) is not None:
            return code
        look = self.look
        return look.path if look is not None and look.file_kind.runs_code else None

    def propose(self) -> None:
        """Work out a card from the file."""
        assert self.path is not None
        request = ProposeCardRequest(self.path, self.allow_code, self.shape)
        doing = self.tr("Reading {file}").format(file=self.path.name)

        def done(answer: ProposedCard) -> None:
            proposal = answer.proposal
            self._take(proposal.card, proposal.guesses, proposal.notes)
            self.proposed.emit()

        self._compute(doing, request, done)

    def use_card(self, entry: LibraryEntry) -> None:
        """Begin with a card that there is: beside the file, or in the library."""
        if self.path is None:
            self.path = entry.path.parent / entry.card.weights
        if self.mode is not Mode.IMPORT:
            self.entry = entry
            self.allow_code = self.library.allows(self.library.reference(entry))
        self._take(entry.card, (), entry.card.conversions)
        self.proposed.emit()

    @property
    def folder(self) -> Path:
        """Where the weights lie."""
        assert self.path is not None
        return self.path.parent

    # ------------------------------------------------------------------ the card

    def set(self, **values: Any) -> None:
        """Change values of the card by hand."""
        changed = {n: v for n, v in values.items() if self.values.get(n) != v}
        if changed:
            self.values |= changed
            self.edited |= set(changed)
            self._fields_changed()

    def set_task(self, task: str) -> None:
        """Change the task, with the thresholds that it takes."""
        many = task == "multi-label"
        thresholds = (0.5,) * len(self.values["classes"]) if many else ()
        self.set(task=task, thresholds=thresholds)

    def guess_of(self, name: str) -> Guess | None:
        """The guess that the value of a field rests on; None once it was changed by hand."""
        for guessed, fields in GUESSED.items():
            if name in fields and not self.edited.intersection(fields):
                return self.guesses.get(guessed)
        return None

    def adopt_classes(self) -> None:
        """Take over the class names of the samples, in their order."""
        if self.samples is not None:
            self.set(classes=self.samples.classes)

    # ------------------------------------------------------------------ trying it

    def gather(self, work: Callable[..., Samples]) -> None:
        """Get samples by a call of `samples`, with token and emit to be given."""
        doing = self.tr("Reading images to try the model on")

        def done(samples: Samples) -> None:
            self.samples = samples
            self.checked = None
            self.samples_changed.emit()
            self.checked_changed.emit()
            self.check()

        self._read(doing, work, done, listed=True)

    def instances_at_hand(self) -> Sequence[Instance]:
        """Those of the series that is looked at."""
        studies = self._bench.studies
        series = studies.series_of(studies.current.instance) if studies.current else None
        return () if series is None else series.instances

    @property
    def fit(self) -> Fit:
        """How the labels of the samples fit the card."""
        if self.samples is None or self.card is None:
            return Fit(None)
        return fit(self.samples, self.card)

    @property
    def stale(self) -> bool:
        """The card was changed since it was tried, or it was never tried."""
        return self.checked is None or self.checked.request.card != self.card

    def check(self) -> None:
        """Try the card on the samples."""
        if self.card is None or self.samples is None or self.busy or self.needs_consent:
            return
        request = CheckModelRequest(
            self.card, self.folder, self.samples.frames, self.fit.labels, self.allow_code
        )
        doing = self.tr("Trying {name}").format(name=self.card.name)

        def done(checked: CheckedModel) -> None:
            self.checked = checked
            if self.entry is not None:
                self.library.learnt(self.library.reference(self.entry), checked.white_box)
            self.checked_changed.emit()

        self._compute(doing, request, done)

    # ------------------------------------------------------------------ saving

    def save(self, *, replace: bool) -> None:
        """Put the model into the library, or its card in place of the one there."""
        card, folder, entry = self.card, self.folder, self.entry
        assert card is not None

        def work(token: Any, emit: Any) -> LibraryEntry:
            if entry is not None:
                write_card(card, entry.path)
                return LibraryEntry(card, entry.path, entry.shipped)
            from medadv_desktop.models.installing import install

            return install(card, folder, replace=replace, token=token, emit=emit)

        def done(saved: LibraryEntry) -> None:
            self.saved = saved
            code = code_file(saved.card, saved.path.parent)
            if code is not None and self.allow_code:
                self.library.agree_to(code)
            self.library.renew(self.library.reference(saved))
            if self.checked is not None:
                self.library.learnt(saved.card.id, self.checked.white_box)
            self.was_saved.emit()

        doing = self.tr("Saving {name}").format(name=card.name)
        self._read(doing, work, done, listed=True)

    # ------------------------------------------------------------------ jobs

    def stop(self) -> None:
        """Stop what runs; nothing more of it is heard."""
        if self._job is not None:
            self.library.cancel(self._job)
            self._end()
        self._set_failure(None)

    def _compute(self, doing: str, request: Request, done: Callable[..., None]) -> None:
        self._begin(doing, lambda audience: self.library.compute(request, audience), done)

    def _read(
        self, doing: str, work: Work, done: Callable[..., None], *, listed: bool = False
    ) -> None:
        self._begin(doing, lambda audience: self.library.read(work, audience, listed=listed), done)

    def _begin(
        self, doing: str, submit: Callable[[Audience], int], done: Callable[..., None]
    ) -> None:
        self.stop()

        def ended() -> None:
            if self._job == job_id:
                self._end()

        def failed(failure: Failure) -> None:
            self._set_failure(failure)

        self.busy, self.progress = doing + "…", (0, 0)
        job_id = submit(Audience(doing, done, failed=failed, ended=ended))
        self._job = job_id
        self.busy_changed.emit()

    def _end(self) -> None:
        self._job, self.busy, self.progress = None, "", (0, 0)
        self.busy_changed.emit()

    def _set_failure(self, failure: Failure | None) -> None:
        if failure is not None and not failure.expected:
            self._bench.log.add(failure.text, Level.ERROR, failure.details)
        if failure != self.failure:
            self.failure = failure
            self.busy_changed.emit()

    def _job_changed(self, job_id: int) -> None:
        job = self._bench.jobs.get(job_id)
        if job_id != self._job or job is None or job.progress.total <= 0:
            return
        share = min(job.progress.done / job.progress.total, 1.0)
        self.progress = (round(1000 * share), 1000)
        self.busy_changed.emit()

    # ------------------------------------------------------------------ inside

    def _take(self, card: ModelCard, guesses: Sequence[Guess], notes: tuple[str, ...]) -> None:
        self.values = values_of(card)
        self.guesses = {guess.field: guess for guess in guesses}
        self.edited = set()
        self.notes = notes
        self.checked = None
        self._fields_changed()

    def _forget_card(self) -> None:
        self.values, self.card, self.errors, self.guesses = {}, None, {}, {}
        self.edited, self.notes, self.checked, self.saved = set(), (), None, None
        self.card_changed.emit()
        self.checked_changed.emit()

    def _fields_changed(self) -> None:
        self.card, self.errors = card_of(self.values)
        self.card_changed.emit()
        self.checked_changed.emit()
