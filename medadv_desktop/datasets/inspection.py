"""Looking a data set over before anything runs on it."""

from __future__ import annotations

import os
import stat
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from medadv_desktop.datasets.columns import Indices
from medadv_desktop.datasets.dataset import Dataset, Sample
from medadv_desktop.datasets.fingerprint import contents
from medadv_desktop.datasets.hash_cache import status_of
from medadv_desktop.datasets.problems import LISTED_PER_KIND, ProblemKind, ProblemLog
from medadv_desktop.datasets.report import ClassCount, DatasetReport, SizeCount, SplitCount
from medadv_desktop.datasets.streaming import default_workers, in_order
from medadv_desktop.errors import ImageError
from medadv_desktop.imaging.reading import open_instance
from medadv_desktop.jobs import CancelToken, Emit, Progress, silent
from medadv_desktop.settings import Settings


class InspectionSettings(Settings):
    """How closely the images are looked at. Labels, splits and patients are always all checked."""

    images: Literal["all", "sample", "none"] = Field(
        "all", description="Which images are opened; that files exist is always checked"
    )
    sample_size: int = Field(500, ge=1, description="Images that are opened of a sample")
    decode: bool = Field(
        True, description="Decode every pixel, which finds files that are cut off, or headers only"
    )
    duplicates: bool = Field(
        True, description="Compare the content of all files of equal size by SHA-256"
    )


def inspect(
    dataset: Dataset,
    token: CancelToken | None = None,
    emit: Emit = silent,
    settings: InspectionSettings | None = None,
    *,
    workers: int | None = None,
    cache: Path | None = None,
) -> DatasetReport:
    """Everything that should be known of a data set before it is used.

    Args:
        workers, cache: as `fingerprint` takes them.

    Raises:
        JobCancelled: the token was cancelled.
    """
    token, settings = token or CancelToken(), settings or InspectionSettings()
    log = ProblemLog()
    log.extend(dataset.problems)
    classes = _class_counts(dataset, log)
    splits = _split_counts(dataset, log)
    _leakage(dataset, log)
    token.check()
    _duplicate_rows(dataset, log)
    token.check()
    present = _present(dataset, token, log)
    looked = _chosen(present, settings)
    sizes = _sizes(dataset.select(looked), token, emit, settings.decode, workers, log)
    compared = settings.duplicates and settings.images == "all"
    if compared:
        _duplicate_content(dataset, present, token, emit, workers, cache, log)
    return DatasetReport(
        name=dataset.name,
        root=dataset.root,
        layout=dataset.layout,
        task=dataset.task,
        samples=len(dataset),
        classes=classes,
        splits=splits,
        patients=_patients(dataset),
        sizes=sizes,
        looked_at=len(looked),
        decoded=settings.decode,
        compared=compared,
        encodings=dataset.encodings,
        roles=dataset.roles,
        history=dataset.history,
        guesses=dataset.guesses,
        problems=log.frozen(),
    )


def _class_counts(dataset: Dataset, log: ProblemLog) -> tuple[ClassCount, ...]:
    labels, k = dataset.labels, len(dataset.classes)
    present = labels[:, None] == np.arange(k) if labels.ndim == 1 else labels == 1
    splits = dataset.columns.splits.codes[dataset.indices]
    names = dataset.columns.splits.vocabulary
    table = np.stack([present[splits == s].sum(axis=0) for s in range(len(names))])
    counts = []
    for index, name in enumerate(dataset.classes):
        total = int(table[:, index].sum())
        by_split = tuple((s, int(n)) for s, n in zip(names, table[:, index], strict=True) if s)
        counts.append(ClassCount(name, total, by_split))
        if total == 1:
            row = int(np.flatnonzero(present[:, index])[0])
            _note(
                dataset,
                row,
                ProblemKind.SINGLE_SAMPLE_CLASS,
                f"{name!r} has this sample alone",
                log,
            )
        elif total == 0:
            log.add(ProblemKind.EMPTY_CLASS, f"the class {name!r} has no samples")
    return tuple(counts)


def _split_counts(dataset: Dataset, log: ProblemLog) -> tuple[SplitCount, ...]:
    splits = dataset.columns.splits.codes[dataset.indices]
    patients = dataset.columns.patients.codes[dataset.indices]
    named = np.array([bool(p) for p in dataset.columns.patients.vocabulary], np.bool_)
    known = dataset.known()
    counts = []
    for code, name in enumerate(dataset.columns.splits.vocabulary):
        inside = splits == code
        samples = int(inside.sum())
        if name or samples:
            own = np.unique(patients[inside])
            unlabelled = int((inside & ~known).sum())
            counts.append(SplitCount(name, samples, int(named[own].sum()), unlabelled))
        # A subset of one split is no news; a split that the whole set lacks is.
        if name and not (dataset.columns.splits.codes == code).any():
            log.add(ProblemKind.EMPTY_SPLIT, f"the split {name!r} has no samples")
        if not name and samples and dataset.split_names:
            for row in np.flatnonzero(inside)[:LISTED_PER_KIND].tolist():
                text = f"{dataset.columns.ids[int(dataset.indices[row])]!r} is in no split"
                _note(dataset, row, ProblemKind.UNKNOWN_SPLIT, text, log)
            log.counts[ProblemKind.UNKNOWN_SPLIT] += max(0, samples - LISTED_PER_KIND)
    return tuple(counts)


def _patients(dataset: Dataset) -> int:
    words = dataset.columns.patients.vocabulary
    used = np.unique(dataset.columns.patients.codes[dataset.indices])
    return sum(bool(words[code]) for code in used.tolist())


def _leakage(dataset: Dataset, log: ProblemLog) -> None:
    patients = dataset.columns.patients.codes[dataset.indices].astype(np.int64)
    splits = dataset.columns.splits.codes[dataset.indices].astype(np.int64)
    names, people = dataset.columns.splits.vocabulary, dataset.columns.patients.vocabulary
    pairs, first, counts = np.unique(
        patients * len(names) + splits, return_index=True, return_counts=True
    )
    found: dict[int, list[tuple[str, int, int]]] = defaultdict(list)
    for pair, row, count in zip(pairs.tolist(), first.tolist(), counts.tolist(), strict=True):
        person, split = divmod(pair, len(names))
        if people[person] and names[split]:
            found[person].append((names[split], row, count))
    for person, places in found.items():
        if len(places) > 1:
            listed = " and ".join(f"{name} ({count})" for name, _, count in places)
            text = f"patient {people[person]!r} is in {listed}"
            row = max(row for _, row, _ in places)
            _note(dataset, row, ProblemKind.PATIENT_IN_TWO_SPLITS, text, log)


def _note(dataset: Dataset, place: int, kind: ProblemKind, text: str, log: ProblemLog) -> None:
    """A problem of one sample, named by the table's row, or by its file where there is no table."""
    if log.counts[kind] >= LISTED_PER_KIND:
        log.counts[kind] += 1
        return
    sample = dataset[place]
    log.add(kind, text, sample.file or sample.path, sample.row)


def _duplicate_rows(dataset: Dataset, log: ProblemLog) -> None:
    """Samples that name the same frame of the same file."""
    c = dataset.columns
    rows = dataset.indices.tolist()
    frames = None if c.frames is None else c.frames.tolist()

    def key(row: int) -> tuple[str, int, str]:
        return c.paths[row], frames[row] if frames else 0, c.members[row] if c.members else ""

    keys = np.fromiter((hash(key(row)) for row in rows), np.int64, len(rows))
    order = np.argsort(keys, kind="stable")
    equal = np.flatnonzero(np.diff(keys[order]) == 0)
    for at in equal.tolist():
        earlier, later = int(order[at]), int(order[at + 1])
        if key(rows[earlier]) != key(rows[later]):
            continue
        first = dataset[earlier]
        where = f"row {first.row}" if first.row else f"sample {earlier}"
        same = np.array_equal(c.labels[rows[earlier]], c.labels[rows[later]])
        kind = ProblemKind.DUPLICATE_ROW if same else ProblemKind.CONFLICTING_ROW
        text = f"{first.path.name} is named in {where} already"
        _note(dataset, later, kind, text + ("" if same else ", with another label"), log)


def _present(dataset: Dataset, token: CancelToken, log: ProblemLog) -> Indices:
    """Places of samples whose file exists; the others are noted."""
    if dataset.columns.members is not None:
        return np.arange(len(dataset), dtype=np.int64)
    root, paths = os.fspath(dataset.root), dataset.columns.paths
    there = np.zeros(len(dataset), np.bool_)
    for place, row in enumerate(dataset.indices.tolist()):
        if place % 1024 == 0:
            token.check()
        text = paths[row]
        status = status_of(os.path.join(root, text))  # noqa: PTH118 - a Path takes far longer
        there[place] = status is not None and stat.S_ISREG(status.st_mode)
        if not there[place]:
            _note(dataset, place, ProblemKind.MISSING_IMAGE, f"{text} does not exist", log)
    return np.flatnonzero(there)


def _chosen(present: Indices, settings: InspectionSettings) -> Indices:
    """All, none, or an evenly spaced sample of the places."""
    if settings.images == "none":
        return present[:0]
    if settings.images == "all" or len(present) <= settings.sample_size:
        return present
    return present[np.linspace(0, len(present) - 1, settings.sample_size).astype(np.int64)]


def _sizes(
    dataset: Dataset,
    token: CancelToken,
    emit: Emit,
    decode: bool,
    workers: int | None,
    log: ProblemLog,
) -> tuple[SizeCount, ...]:
    count = default_workers() if workers is None else workers
    look = _looker(dataset, decode)
    sizes: Counter[tuple[int, int, bool]] = Counter()
    samples: Iterator[Sample] = iter(dataset)
    single = 1 if dataset.columns.members is not None else count
    for done, (sample, found) in enumerate(in_order(look, samples, single, token), start=1):
        emit(Progress(done, len(dataset), "images"))
        if isinstance(found, str):
            text = f"{sample.path.name} cannot be read: {found}"
            log.add(ProblemKind.UNREADABLE_IMAGE, text, sample.file or sample.path, sample.row)
        else:
            sizes[found] += 1
    ranked = sorted(sizes.items(), key=lambda item: (-item[1], item[0]))
    return tuple(SizeCount(h, w, color, n) for (h, w, color), n in ranked)


def _looker(dataset: Dataset, decode: bool) -> Callable[[Sample], tuple[int, int, bool] | str]:
    """Height, width and whether it is in colour, or the reason why a sample cannot be read."""

    def look(sample: Sample) -> tuple[int, int, bool] | str:
        try:
            if decode or sample.member:
                frame = dataset.frame(sample)
                return *frame.shape, frame.is_color
            instance = open_instance(sample.path)
        except ImageError as error:
            return error.reason
        if sample.frame >= instance.frames:
            return f"it has no frame {sample.frame}"
        grey = instance.photometric.startswith(("MONOCHROME", "L", "I", "F", "1"))
        return *instance.size, not grey

    return look


def _duplicate_content(
    dataset: Dataset,
    present: Indices,
    token: CancelToken,
    emit: Emit,
    workers: int | None,
    cache: Path | None,
    log: ProblemLog,
) -> None:
    """Samples of equal content in different files (or places of an archive)."""
    alike = present if dataset.columns.members is not None else _of_equal_size(dataset, present)
    part = dataset.select(alike)
    groups: dict[bytes, list[int]] = defaultdict(list)
    for sample, content in contents(part, token, emit, workers, cache):
        if content is not None:
            groups[content].append(int(alike[sample.index]))
    for places in groups.values():
        samples = [dataset[place] for place in places]
        seen: dict[tuple[Path, str, int], Sample] = {}
        for sample in samples:
            # Several frames, or rows, of one file are no copies of each other.
            seen.setdefault(
                (sample.path, sample.member, sample.frame * bool(sample.member)), sample
            )
        if len(seen) < 2:
            continue
        different = list(seen.values())
        kind = ProblemKind.DUPLICATE_CONTENT
        if len({s.labels for s in different}) > 1:
            kind = ProblemKind.DUPLICATE_OTHER_LABEL
        if len({s.split for s in different if s.split}) > 1:
            kind = ProblemKind.DUPLICATE_ACROSS_SPLITS
        first = different[0]
        for sample in different[1:]:
            text = f"{_called(sample)} has the same content as {_called(first)}"
            log.add(kind, text, sample.file or sample.path, sample.row)


def _called(sample: Sample) -> str:
    return f"{sample.id} [{sample.split}]" if sample.split else sample.id


def _of_equal_size(dataset: Dataset, present: Indices) -> Indices:
    """Places whose file has the size of another file: only these can be equal."""
    paths, rows = dataset.columns.paths, dataset.indices
    root = os.fspath(dataset.root)
    bytes_of = np.full(len(present), -1, np.int64)
    for k, place in enumerate(present.tolist()):
        status = status_of(os.path.join(root, paths[int(rows[place])]))  # noqa: PTH118
        bytes_of[k] = -1 if status is None else status.st_size
    _, inverse, counts = np.unique(bytes_of, return_inverse=True, return_counts=True)
    return present[(counts[inverse] > 1) & (bytes_of >= 0)]
