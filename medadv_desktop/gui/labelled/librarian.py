"""Everything for the data set library that takes time: off the GUI thread, each job on the list."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject

from medadv_desktop.audit.requests import Request
from medadv_desktop.errors import DatasetError, ExportError
from medadv_desktop.gui.background import Urgency
from medadv_desktop.gui.desk import Audience
from medadv_desktop.gui.labelled.matching import NamedLabel, SampleLabels
from medadv_desktop.gui.state.dataset_library import (
    DatasetEntry,
    DatasetLibrary,
    StoredCount,
    StoredFingerprint,
    StoredLook,
    StoredSplit,
    now,
    read_library,
)
from medadv_desktop.gui.state.log import Level
from medadv_desktop.jobs import CancelToken, Emit

if TYPE_CHECKING:
    from medadv_desktop.datasets.dataset import Dataset, Sample
    from medadv_desktop.datasets.fingerprint import Fingerprint
    from medadv_desktop.datasets.report import DatasetReport
    from medadv_desktop.gui.controller import Controller
    from medadv_desktop.gui.desk import JobDesk
    from medadv_desktop.gui.state.case import Case

Compute = Callable[[Request, Audience], int]
FINGERPRINT, LOOK_OVER = "fingerprint", "look over"


@dataclass(frozen=True)
class _Task:
    """Something long to be done with an entry."""

    kind: str
    entry_id: str
    title: str
    work: Callable[[DatasetEntry, CancelToken, Emit], object]
    done: Callable[[str, Any], None]


class Librarian(QObject):
    """Reads the list, looks data sets over, fingerprints them, opens samples in the viewers.

    Attributes:
        library: the list.
        labels: true labels of the samples that were opened.
        compute: hands a request to the engine, and its story to an audience.
        desk: where work on files is handed in.
    """

    def __init__(self, controller: Controller, case: Case, desk: JobDesk, compute: Compute) -> None:
        super().__init__(controller)
        self._controller, self._case = controller, case
        self.desk, self.compute = desk, compute
        self.library = DatasetLibrary(parent=self)
        self.labels = SampleLabels(self)
        self._frames: dict[Path, int] = {}
        self._waiting: list[_Task] = []
        self._running: _Task | None = None
        self._job = 0
        self.library.write_failed.connect(self._write_failed)
        self.labels.changed.connect(self._matched_anew)
        case.frame_changed.connect(self._go_to_frame)

    # ------------------------------------------------------------------ the list

    def load(self) -> None:
        """Read the list, and see which of its data is there."""
        path = self.library.path

        def read(*_: object) -> tuple[DatasetEntry, ...]:
            entries = read_library(path)
            _import_datasets()
            return entries

        def failed(failure: object) -> None:
            self.library.refuse(failure.text)  # type: ignore[attr-defined]

        doing = self.tr("Reading the list of data sets")
        audience = Audience(doing, self._loaded, failed=failed)
        self.desk.read(read, Urgency.SCAN, audience)

    def check(self) -> None:
        """See again which data is there."""
        paths = {entry.id: entry.path for entry in self.library.entries}
        doing = self.tr("Looking for the data sets")
        self.desk.read(
            lambda token, _: _missing(paths, token),
            Urgency.SCAN,
            Audience(doing, self.library.set_missing),
        )

    def start_anew(self) -> None:
        """Put a list that cannot be read aside."""
        try:
            aside = self.library.start_anew()
        except ExportError as error:
            self._controller.notices.add(str(error))
            return
        text = self.tr("A new list of data sets is kept; the old one is now {path}")
        self._controller.notices.add(text.format(path=aside), Level.INFO)

    def add(self, entry: DatasetEntry) -> None:
        """Put an entry on the list, and fingerprint it."""
        self._say(entry)
        self.library.add(entry)
        self.fingerprint(entry.id)

    def remove(self, entry_id: str) -> None:
        """Take an entry off the list; its data stays where it is."""
        if self._running is not None and self._running.entry_id == entry_id:
            self.desk.cancel(self._job)
        self.library.remove(entry_id)

    def set_matches(self, entry_id: str, model: str, said: Mapping[str, str]) -> None:
        """Keep how a user matched the classes of an entry and of a model, by its card's id."""
        entry = self.library.find(entry_id)
        if entry is None:
            return
        self.library.update(entry_id, matches={**entry.matches, model: dict(said)})
        self.labels.say(entry_id, model, said)

    # ------------------------------------------------------------------ fingerprint and look-over

    def is_fingerprinting(self, entry_id: str) -> bool:
        return self._is_busy(FINGERPRINT, entry_id)

    def is_looking(self, entry_id: str) -> bool:
        return self._is_busy(LOOK_OVER, entry_id)

    def fingerprint(self, entry_id: str) -> None:
        """Compute the fingerprint of an entry, and tell if it is another than before."""

        def work(entry: DatasetEntry, token: CancelToken, emit: Emit) -> Fingerprint:
            from medadv_desktop.datasets.fingerprint import fingerprint

            return fingerprint(open_entry(entry, token), token, emit)

        title = self.tr("Fingerprint of {name}")
        self._queue(_Task(FINGERPRINT, entry_id, title, work, self._fingerprinted))

    def look_over(self, entry_id: str) -> None:
        """Open every image of an entry, and keep what is found; then fingerprint it anew."""

        def work(entry: DatasetEntry, token: CancelToken, emit: Emit) -> DatasetReport:
            from medadv_desktop.datasets.inspection import inspect

            return inspect(open_entry(entry, token), token, emit)

        title = self.tr("Look over {name}")
        self._queue(_Task(LOOK_OVER, entry_id, title, work, self._looked_over))

    def _is_busy(self, kind: str, entry_id: str) -> bool:
        tasks = [*self._waiting, *([self._running] if self._running else [])]
        return any((task.kind, task.entry_id) == (kind, entry_id) for task in tasks)

    def _queue(self, task: _Task) -> None:
        """Do it when those before are done: two of them would leave no thread for images."""
        if self.library.find(task.entry_id) is None or self._is_busy(task.kind, task.entry_id):
            return
        self._waiting.append(task)
        self._next()
        self.library.changed.emit()

    def _next(self) -> None:
        while self._waiting and self._running is None:
            task = self._waiting.pop(0)
            entry = self.library.find(task.entry_id)
            if entry is not None:
                self._start(task, entry)

    def _start(self, task: _Task, entry: DatasetEntry) -> None:
        def work(token: CancelToken, emit: Emit) -> object:
            return task.work(entry, token, emit)

        def done(answer: object) -> None:
            task.done(entry.id, answer)

        def ended() -> None:
            self._running = None
            if not self.desk.background.stopping:
                self._next()
            self.library.changed.emit()

        self._running = task
        audience = Audience(task.title.format(name=entry.name), done, ended=ended)
        self._job = self.desk.read(work, Urgency.THUMBNAIL, audience, listed=True)

    def _fingerprinted(self, entry_id: str, found: Fingerprint) -> None:
        entry = self.library.find(entry_id)
        if entry is None:
            return
        stored = StoredFingerprint(
            sha256=found.sha256, samples=found.samples, missing=found.missing, computed=now()
        )
        before = entry.fingerprint
        self.library.update(entry_id, fingerprint=stored)
        if before is not None and before.sha256 != found.sha256:
            text = self.tr(
                "{name} is not the same as before: images or labels have changed since {when}. "
                "Results made with it quote the fingerprint {old}, and now it is {new}."
            )
            self._controller.notices.add(
                text.format(
                    name=entry.name,
                    when=f"{before.computed:%Y-%m-%d %H:%M} UTC",
                    old=before.short,
                    new=stored.short,
                ),
                Level.WARNING,
            )

    def _looked_over(self, entry_id: str, report: DatasetReport) -> None:
        entry = self.library.find(entry_id)
        if entry is None:
            return
        self.library.update(entry_id, samples=report.samples, **stored_report(report))
        total = sum(count for _, count in report.problems.counts)
        text = self.tr("{name} looked over: nothing is wrong with it").format(name=entry.name)
        if total:
            text = self.tr("%n problem(s) in {name}", None, total).format(name=entry.name)
        level = Level.WARNING if total else Level.INFO
        self._controller.notices.add(text, level, "\n".join(report.lines()))
        self.fingerprint(entry_id)

    # ------------------------------------------------------------------ samples in the viewers

    def open_samples(
        self, entry: DatasetEntry, dataset: Dataset, samples: Sequence[Sample]
    ) -> None:
        """Open samples as images, each with its true label.

        Samples of an archive are written into the program's cache first, as lossless pictures.
        """
        chosen = tuple(samples)

        def work(token: CancelToken, _emit: Emit) -> tuple[Path, ...]:
            from medadv_desktop.gui.labelled.previews import files_of

            return files_of(dataset, chosen, cache_folder(entry), token)

        def written(paths: tuple[Path, ...]) -> None:
            for sample, path in zip(chosen, paths, strict=True):
                frame = 0 if sample.member else sample.frame
                label = NamedLabel(entry.id, dataset.task, dataset.classes, sample.labels)
                self.labels.put(path.absolute(), frame, label)
            first = chosen[0]
            if not first.member and first.frame:
                self._frames[paths[0].absolute()] = first.frame
            self._controller.open_paths(tuple(dict.fromkeys(paths)), remember=False)

        doing = self.tr("Opening samples of {name}").format(name=entry.name)
        self.desk.read(work, Urgency.FRAME, Audience(doing, written))

    def _go_to_frame(self) -> None:
        """The frame that a sample names, once its file is open."""
        instance = self._case.instance
        frame = self._frames.pop(instance.path, None) if instance is not None else None
        if frame is not None and 0 < frame < instance.frames:
            self._controller.select(instance, frame)

    # ------------------------------------------------------------------ inside

    def _matched_anew(self) -> None:
        """The frame that is looked at may have another label now."""
        case = self._case
        if case.instance is None or case.frame is None:
            return
        path, frame = case.instance.path, case.frame
        if self.labels.named(path, frame.provenance.frame) is not None:
            case.set_labels(self.labels.of(path, frame, self._controller.card(case.model)))

    def _loaded(self, entries: tuple[DatasetEntry, ...]) -> None:
        for entry in entries:
            self._say(entry)
        self.library.take(entries)
        if entries:
            self.check()

    def _say(self, entry: DatasetEntry) -> None:
        for model, said in entry.matches.items():
            self.labels.say(entry.id, model, said)

    def _write_failed(self, reason: str) -> None:
        text = self.tr("The list of data sets was not saved: {reason}").format(reason=reason)
        self._controller.notices.add(text, Level.ERROR)


def open_entry(entry: DatasetEntry, token: CancelToken) -> Dataset:
    """The data set of an entry, after its split and subset.

    Raises:
        DatasetError: the data is gone, or is not what it was.
        JobCancelled: the token was cancelled.
    """
    from medadv_desktop.datasets.opening import open_dataset
    from medadv_desktop.datasets.splitting import SplitSettings, split
    from medadv_desktop.datasets.subset import Subset
    from medadv_desktop.settings import parse

    if reason := why_missing(entry.path):
        raise DatasetError(
            reason, subject=entry.path, remedy="Put it back there, or import it from where it is"
        )
    dataset = open_dataset(entry.path, entry.options, token)
    if entry.split is not None:
        dataset = split(dataset, parse(SplitSettings, entry.split))
    token.check()
    return parse(Subset, entry.subset).apply(dataset) if entry.subset else dataset


def why_missing(path: Path) -> str:
    """Why a path cannot be reached, "" if it can."""
    try:
        path.stat()
    except FileNotFoundError:
        parent = path.parent
        if not parent.exists():
            return f"its folder {parent} does not exist: is the disk or share connected?"
        return "it does not exist any more: was it moved or renamed?"
    except OSError as error:
        return f"it cannot be reached ({error.strerror or error})"
    return ""


def stored_report(report: DatasetReport) -> dict[str, object]:
    """What an entry keeps of a report."""
    return {
        "counts": tuple(
            StoredCount(name=c.name, samples=c.samples, by_split=c.by_split) for c in report.classes
        ),
        "splits": tuple(
            StoredSplit(name=s.name, samples=s.samples, patients=s.patients) for s in report.splits
        ),
        "patients": report.patients,
        "look": stored_look(report),
    }


def stored_look(report: DatasetReport) -> StoredLook:
    problems = tuple((str(kind), count) for kind, count in report.problems.counts)
    return StoredLook(
        when=now(), looked_at=report.looked_at, compared=report.compared, problems=problems
    )


def cache_folder(entry: DatasetEntry) -> Path:
    """Where samples without a file of their own are written."""
    import platformdirs

    cache = Path(platformdirs.user_cache_dir("MedAdv Desktop", appauthor=False))
    return cache / "samples" / entry.id


def _missing(paths: Mapping[str, Path], token: CancelToken) -> dict[str, str]:
    found = {}
    for entry_id, path in paths.items():
        token.check()
        if reason := why_missing(path):
            found[entry_id] = reason
    return found


def _import_datasets() -> None:
    """Import what the wizard needs, which includes the DICOM library, while nobody waits."""
    import medadv_desktop.datasets.inspection
    import medadv_desktop.datasets.opening
    import medadv_desktop.datasets.splitting
    import medadv_desktop.datasets.subset  # noqa: F401
