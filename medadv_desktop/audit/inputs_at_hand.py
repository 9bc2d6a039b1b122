"""All model inputs of a data set, decoded once and read as often as epochs ask for them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from medadv_desktop.attacks.objectives import Objective
from medadv_desktop.audit.evaluation import LeftOut
from medadv_desktop.audit.grid import GRID
from medadv_desktop.audit.judging import prepared
from medadv_desktop.audit.matching import ClassMatch
from medadv_desktop.datasets.dataset import Dataset, Sample
from medadv_desktop.datasets.streaming import stream
from medadv_desktop.errors import AttackError, DatasetError, ModelError
from medadv_desktop.imaging.frame import Unreadable
from medadv_desktop.jobs import CancelToken, Emit, Progress
from medadv_desktop.models.card import ModelCard
from medadv_desktop.models.diagnostic import DiagnosticModel
from medadv_desktop.models.input_plan import plan_input

_SPARE_BYTES = 1 << 30

Labels = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Inputs:
    """The samples of a data set that can be used.

    Attributes:
        images: N×C×H×W in steps of the grid, in a file that memory is mapped to.
        labels: per sample, in the model's classes.
        ids: per sample, its name in the data set.
        left_out: those that cannot be used, with the reason.
    """

    images: NDArray[np.uint16]
    labels: tuple[Labels, ...]
    ids: tuple[str, ...]
    left_out: tuple[LeftOut, ...]

    def __len__(self) -> int:
        return len(self.images)

    def shuffled(self, seed: int, epoch: int, size: int) -> Iterator[NDArray[np.int64]]:
        """The places of each batch of an epoch: every sample once, the same for the same epoch."""
        order = np.random.default_rng((seed, epoch)).permutation(len(self))
        for first in range(0, len(self), size):
            yield np.sort(order[first : first + size])

    def batch(self, places: NDArray[np.int64], like: torch.Tensor) -> torch.Tensor:
        """n×C×H×W in [0, 1], of the type and on the device of `like`."""
        return (torch.from_numpy(self.images[places].astype(np.float32)) / GRID).to(like)


def unlabelled(_sample: Sample) -> Labels:
    """Labels where none are needed."""
    return ()


def unattackable(objective: Objective, labels: Labels, card: ModelCard) -> str:
    """Why a goal leaves nothing to do in a sample of these labels; "" where it does."""
    whole = torch.tensor([labels])
    try:
        objective.check_labels(whole if card.multi_label else whole[:, 0])
    except AttackError:
        return "its labels are the goal already"
    return ""


def attackable(
    match: ClassMatch, objective: Objective, card: ModelCard
) -> Callable[[Sample], Labels | str | None]:
    """Labels in the model's classes, or why a sample is left out, for `inputs_at_hand`."""

    def label(sample: Sample) -> Labels | str | None:
        labels = match.label(sample.labels)
        return labels if labels is None else unattackable(objective, labels, card) or labels

    return label


@contextmanager
def inputs_at_hand(
    model: DiagnosticModel,
    dataset: Dataset,
    workers: int | None,
    emit: Emit,
    token: CancelToken,
    label: Callable[[Sample], Labels | str | None] = unlabelled,
) -> Iterator[Inputs]:
    """Decode a data set into a temporary file, which is gone when the context ends.

    Args:
        label: a sample's labels in the model's classes; None leaves it out as unknown, and a text
            for the reason that it tells.

    Raises:
        DatasetError: no sample can be used, or the temporary folder has no room.
        JobCancelled: the token was cancelled.
    """
    shape = model.card.input_shape
    count, bytes_each = len(dataset), 2 * int(np.prod(shape))
    if not count:
        raise DatasetError("has no samples", subject=dataset.name)
    with tempfile.TemporaryDirectory(prefix="medadv-inputs-") as folder:
        room = shutil.disk_usage(folder).free - _SPARE_BYTES
        if count * bytes_each > room:
            raise DatasetError(
                f"its {count} prepared images take {count * bytes_each / 1e9:.1f} GB, and the "
                f"temporary folder has room for {max(room, 0) / 1e9:.1f} GB",
                subject=dataset.name,
                remedy="Use fewer samples, or point TMPDIR to a larger disk",
            )
        images = np.memmap(Path(folder) / "inputs", np.uint16, "w+", shape=(count, *shape))
        labels: list[Labels] = []
        ids: list[str] = []
        left_out: list[LeftOut] = []
        for sample, frame in stream(dataset, workers, token):
            said = label(sample)
            reason = (
                "its label is unknown" if said is None else said if isinstance(said, str) else ""
            )
            if isinstance(frame, Unreadable):
                reason = frame.reason
            elif said is not None and not isinstance(said, str):
                try:
                    image = prepared(frame, plan_input(model.card.preprocessing, frame))
                except ModelError as error:
                    reason = error.reason
                else:
                    steps = (image[0].double() * GRID).round().numpy()
                    images[len(labels)] = steps.astype(np.uint16)
                    labels.append(said)
                    ids.append(sample.id)
            if reason:
                left_out.append(LeftOut(sample.index, sample.id, sample.path, reason))
            emit(Progress(len(labels) + len(left_out), count, "images prepared"))
        if not labels:
            raise DatasetError(
                f"none of its {count} samples can be used; the first: {left_out[0].reason}",
                subject=dataset.name,
            )
        try:
            yield Inputs(images[: len(labels)], tuple(labels), tuple(ids), tuple(left_out))
        finally:
            del images
