"""What is read before a sample of an audit can be shown, off the GUI thread. No Qt.

Imported by whoever reads in the background.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.attacks.attack import Attack, Precision
from medadv_desktop.attacks.objectives import Objective, Untargeted
from medadv_desktop.audit.corrupted_image import CorruptedImage
from medadv_desktop.audit.plan.cells import Cell
from medadv_desktop.audit.plan.schema import AuditPlan
from medadv_desktop.audit.store.records import Rows
from medadv_desktop.audit.store.sample_table import SampleTable
from medadv_desktop.datasets.dataset import Dataset, Sample
from medadv_desktop.datasets.opening import open_dataset
from medadv_desktop.datasets.subset import Subset, hashed
from medadv_desktop.errors import DatasetError
from medadv_desktop.gui.labelled.previews import files_of
from medadv_desktop.jobs import CancelToken


@dataclass(frozen=True, eq=False)
class PreparedSample:
    """A sample ready to be opened.

    Attributes:
        path, frame: the file that the viewers open, and the frame in it.
        labels: in the words of the data set: task, classes, values.
        row: what the audit knows of it (one row).
        kept: image before and after, C×H×W in [0, 1], where the audit kept it.
        attack: that made the change, a corruption among them; None for clean images and sequences.
        settable: it is one that the attack panel can show.
        sample_id: number by which it draws from the seed.
    """

    path: Path
    frame: int
    task: str
    classes: tuple[str, ...]
    labels: tuple[int, ...]
    row: Rows
    kept: tuple[NDArray[np.float32], NDArray[np.float32]] | None
    attack: Attack | None
    settable: bool
    objective: Objective
    seed: int
    sample_id: int
    precision: Precision


def prepare(
    folder: Path, plan: AuditPlan, cell: Cell, place: int, cache: Path, token: CancelToken
) -> PreparedSample:
    """Open the data set of a cell, find a sample, and read what the audit kept of it.

    Args:
        folder: of the run.
        cache: where samples without a file of their own are written.

    Raises:
        DatasetError: the data set is gone or has changed.
        AuditError: a kept image is missing or was changed.
        ImageError, ExportError: a sample of an archive cannot be read, or written to the cache.
        JobCancelled: the token was cancelled.
    """
    with SampleTable.open(folder) as store:
        (name,), row = store.rows_at(cell.id, [place])
    entry = plan.dataset(cell.dataset)
    dataset = open_dataset(Path(entry.path), entry.options, token)
    if entry.subset != Subset():
        dataset = entry.subset.apply(dataset)
    sample = _found(dataset, place, name.id)
    (path,) = files_of(dataset, [sample], cache, token)
    kept = None
    if row.images and row.images[0]:
        from medadv_desktop.audit.store.images import load_pair

        kept = load_pair(folder, row.images[0])
    attack, objective, settable = _change(folder, plan, cell, float(row.smallest[0]))
    return PreparedSample(
        path=path.absolute(),
        frame=0 if sample.member else sample.frame,
        task=dataset.task,
        classes=dataset.classes,
        labels=sample.labels,
        row=row,
        kept=kept,
        attack=attack if bool(row.changed[0]) else None,
        settable=settable,
        objective=objective,
        seed=cell.seed,
        sample_id=hashed(0, sample.id),
        precision=plan.running.precision if settable else "exact",
    )


def _found(dataset: Dataset, place: int, name: str) -> Sample:
    if place < len(dataset) and dataset[place].id == name:
        return dataset[place]
    raise DatasetError(
        f"no longer holds {name} where the audit found it",
        subject=dataset.root,
        remedy="Restore the data set as it was; medadv verify tells whether it has changed",
    )


def _change(
    folder: Path, plan: AuditPlan, cell: Cell, smallest: float
) -> tuple[Attack | None, Objective, bool]:
    """What changed the images of a cell, its goal, and whether the attack panel knows it."""
    if cell.kind == "corruption":
        kind, severity = cell.name, round(cell.budget or 0)
        return CorruptedImage(kind=kind, severity=severity), Untargeted(), False
    if cell.kind not in ("attack", "smallest"):
        return None, Untargeted(), False
    entry = plan.attack(cell.name)
    budget = cell.budget
    if cell.kind == "smallest" and np.isfinite(smallest) and smallest > 0:
        budget = smallest
    if entry.train is not None:
        # Made by the audit itself, beside its store.
        path = folder / "generators" / f"{cell.model}-{entry.id}.safetensors"
        name = "generator" if entry.attack == "gap" else "file"
        settings = {**entry.settings, name: str(path)}
        entry = entry.model_copy(update={"settings": settings, "train": None})
    return entry.at(budget), entry.goal(), True
