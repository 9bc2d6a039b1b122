"""The images that a card is tried on: where they come from, and what is known of their labels.

All of this happens off the GUI thread; no Qt and no torch in here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from medadv_desktop.errors import ImageError, MedAdvError, NotAnImageError
from medadv_desktop.imaging.frame import Frame, Instance
from medadv_desktop.jobs import CancelToken, Emit, Progress
from medadv_desktop.models.card import ModelCard

if TYPE_CHECKING:  # the first paint does not wait for the room of data sets
    from medadv_desktop.datasets.dataset import Dataset

DEFAULT_COUNT = 24
_SCANNED_PER_SAMPLE = 40


@dataclass(frozen=True, eq=False)
class Samples:
    """Images to try a model on.

    Attributes:
        origin: where they come from, in words.
        frames, names: of each.
        labels: of each, in terms of `classes`: (class index,), or 0/1 for every finding; () where
            no labels are known.
        classes: of the labels.
        task: "single-label" or "multi-label"; "" without labels.
        unread: what could not be read, a sentence each.
    """

    origin: str
    frames: tuple[Frame, ...]
    names: tuple[str, ...]
    labels: tuple[tuple[int, ...], ...] = ()
    classes: tuple[str, ...] = ()
    task: str = ""
    unread: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fit:
    """How the labels of samples fit a card.

    Attributes:
        labels: in terms of the card; None where they do not fit or are unknown.
        task_differs: one names classes, the other findings.
        missing: classes of the card that the samples' labels do not know (multi-label), or classes
            of the samples that the card does not know (single-label).
        adoptable: there are as many classes here as there, so the card could take over their names.
    """

    labels: tuple[tuple[int, ...], ...] | None
    task_differs: bool = False
    missing: tuple[str, ...] = ()
    adoptable: bool = False


def fit(samples: Samples, card: ModelCard) -> Fit:
    """Labels of samples in terms of a card: classes are the same where their names are.

    Case and the space around a name, and `_` for a space, make no difference. Nothing is guessed.
    """
    if not samples.labels:
        return Fit(None)
    if samples.task != card.task:
        return Fit(None, task_differs=True)
    adoptable = len(samples.classes) == len(card.classes) and samples.classes != card.classes
    here = {_plain(name): index for index, name in enumerate(card.classes)}
    if card.multi_label:
        there = {_plain(name): index for index, name in enumerate(samples.classes)}
        missing = tuple(name for name in card.classes if _plain(name) not in there)
        if missing:
            return Fit(None, missing=missing, adoptable=adoptable)
        order = [there[_plain(name)] for name in card.classes]
        return Fit(tuple(tuple(row[i] for i in order) for row in samples.labels))
    used = dict.fromkeys(samples.classes[label] for (label,) in samples.labels)
    missing = tuple(name for name in used if _plain(name) not in here)
    if missing:
        return Fit(None, missing=missing, adoptable=adoptable)
    return Fit(tuple((here[_plain(samples.classes[label])],) for (label,) in samples.labels))


def from_instances(
    origin: str, instances: Sequence[Instance], count: int, token: CancelToken, emit: Emit
) -> Samples:
    """At most `count` frames of instances, evenly spread over all of them.

    Raises:
        ImageError: none of them can be read.
        JobCancelled: the token was cancelled.
    """
    places = [(i.path, frame) for i in instances for frame in range(i.frames)]
    return _read(origin, _spread(places, count), token, emit)


def from_paths(
    origin: str, paths: Sequence[Path], count: int, token: CancelToken, emit: Emit
) -> Samples:
    """At most `count` images of files, folders and data sets.

    One path that is a data set brings its labels; a class folder each, a table, an archive.

    Raises:
        MedAdvError: nothing readable is there.
        JobCancelled: the token was cancelled.
    """
    from medadv_desktop.imaging.scanning import scan

    found: list[Instance] = []
    refused: list[str] = []
    if len(paths) == 1 and _may_be_labelled(paths[0]):
        try:
            from medadv_desktop.datasets.opening import open_dataset

            dataset = open_dataset(paths[0], token=token)
            return from_dataset(origin, dataset, count, token, emit)
        except MedAdvError as error:
            refused.append(f"no labels: {error}")  # its images may be good all the same
    for item in scan(paths, token):
        if isinstance(item, Instance):
            found.append(item)
        elif item.path in paths:
            refused.append(f"{item.path.name}: {item.reason}")
        if len(found) >= count * _SCANNED_PER_SAMPLE:
            break
    if not found:
        reason = refused[0] if len(refused) == 1 else "no images were found there"
        raise NotAnImageError(reason, subject=origin, remedy="Choose images, or a folder of them")
    samples = from_instances(origin, found, count, token, emit)
    return replace(samples, unread=(*refused, *samples.unread))


def from_dataset(
    origin: str, dataset: Dataset, count: int, token: CancelToken, emit: Emit
) -> Samples:
    """At most `count` labelled images of a data set, equally of each class as far as there are.

    Raises:
        DatasetError: none of its samples has a known label.
        ImageError: none of its images can be read.
        JobCancelled: the token was cancelled.
    """
    from medadv_desktop.datasets.subset import Subset

    single = dataset.task == "single-label"
    part = Subset(labelled=True, count=count, balanced=single).apply(dataset)
    frames, names, labels, unread = [], [], [], []
    for done, sample in enumerate(part):
        token.check()
        emit(Progress(done, len(part), sample.id))
        try:
            frames.append(dataset.frame(sample))
        except ImageError as error:
            unread.append(str(error))
            continue
        names.append(sample.id)
        labels.append(sample.labels)
    if not frames:
        raise ImageError(
            "none of the images chosen from it can be read", subject=origin, remedy=unread[0]
        )
    return Samples(
        origin,
        tuple(frames),
        tuple(names),
        tuple(labels),
        dataset.classes,
        dataset.task,
        tuple(unread),
    )


def _may_be_labelled(path: Path) -> bool:
    from medadv_desktop.datasets.opening import LIKELY, recognise

    found = recognise(path)
    return bool(found) and found[0].confidence >= LIKELY


def _read(
    origin: str, places: Sequence[tuple[Path, int]], token: CancelToken, emit: Emit
) -> Samples:
    from medadv_desktop.imaging.reading import read_frame

    frames, names, unread = [], [], []
    for done, (path, number) in enumerate(places):
        token.check()
        emit(Progress(done, len(places), path.name))
        try:
            frames.append(read_frame(path, number))
        except ImageError as error:
            unread.append(str(error))
            continue
        several = sum(p == path for p, _ in places) > 1
        names.append(f"{path.name} #{number + 1}" if several else path.name)
    if not frames:
        raise ImageError(
            "no image of it can be read",
            subject=origin,
            remedy=unread[0].rstrip(".") if unread else "Choose other images",
        )
    return Samples(origin, tuple(frames), tuple(names), unread=tuple(unread))


def _spread(places: Sequence[tuple[Path, int]], count: int) -> list[tuple[Path, int]]:
    """At most `count` of them, the first and the last included, evenly spaced."""
    if len(places) <= count:
        return list(places)
    step = (len(places) - 1) / max(count - 1, 1)
    return [places[round(i * step)] for i in range(count)]


def _plain(name: str) -> str:
    return " ".join(name.replace("_", " ").split()).casefold()
