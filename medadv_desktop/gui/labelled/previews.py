"""What happens off the GUI thread to show samples: drawn, decoded, made small. No Qt in here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.datasets.dataset import Dataset, Sample
from medadv_desktop.datasets.subset import Subset
from medadv_desktop.errors import ImageError
from medadv_desktop.gui.labelled.matching import label_text
from medadv_desktop.imaging.frame import Frame
from medadv_desktop.jobs import CancelToken, Emit, Partial

SIDE = 96
SHOWN = 24


@dataclass(frozen=True, eq=False)
class Preview:
    """A sample as it is shown.

    Attributes:
        label: in words.
        pixels: h×w or h×w×3 uint8, None where the image cannot be read: `reason` says why.
        frame: the image itself, where it was asked for.
    """

    sample: Sample
    label: str
    pixels: NDArray[np.uint8] | None
    reason: str = ""
    frame: Frame | None = None


def draw_samples(dataset: Dataset, count: int = SHOWN, seed: int = 0) -> Dataset:
    """A few samples, of each class as many as of any other as far as there are, by a seed."""
    balanced = dataset.task == "single-label"
    drawn = dataset
    if len(dataset) > count:
        drawn = Subset(count=count, balanced=balanced, seed=seed).apply(dataset)
    return _mixed(drawn) if balanced else drawn


def _mixed(dataset: Dataset) -> Dataset:
    """The first of every class, then the second of every class, and so on."""
    labels = dataset.labels
    ranks = np.zeros(len(labels), np.int64)
    for label in np.unique(labels):
        ranks[labels == label] = np.arange((labels == label).sum())
    return dataset.select(np.argsort(ranks, kind="stable"))


def previews(
    dataset: Dataset, token: CancelToken, emit: Emit, *, keep_frames: bool = False
) -> tuple[Preview, ...]:
    """Every sample of a small set; a `Partial(Preview)` each as soon as it is there.

    Raises:
        JobCancelled: the token was cancelled.
    """
    from medadv_desktop.imaging.thumbnails import thumbnail_of

    found = []
    for sample in dataset:
        token.check()
        label = label_text(dataset.task, dataset.classes, sample.labels)
        try:
            frame = dataset.frame(sample)
        except ImageError as error:
            preview = Preview(sample, label, None, error.reason)
        else:
            kept = frame if keep_frames else None
            preview = Preview(sample, label, thumbnail_of(frame, SIDE), frame=kept)
        found.append(preview)
        emit(Partial(preview))
    return tuple(found)


def files_of(
    dataset: Dataset, samples: Sequence[Sample], folder: Path, token: CancelToken
) -> tuple[Path, ...]:
    """A file for each sample that the viewers can open.

    A sample of an archive has no file of its own: its pixels, which are of 8 or 16 bits, are
    written to `folder` as PNG, without loss.

    Raises:
        ImageError, ExportError: it cannot be read, or written.
        JobCancelled: the token was cancelled.
    """
    from medadv_desktop.imaging.export import write_png

    paths = []
    for sample in samples:
        token.check()
        if not sample.member:
            paths.append(sample.path)
            continue
        path = folder / f"{sample.path.stem}-{sample.member}-{sample.frame}.png"
        write_png(path, dataset.frame(sample).stored)
        paths.append(path)
    return tuple(paths)
