"""What a store hands in and out: frozen values, columns of many samples at a time. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.audit.plan.cells import Cell
from medadv_desktop.models.card import ModelCard

CellState = Literal["waiting", "running", "done", "failed", "cancelled"]

AuditState = Literal["waiting", "running", "paused", "done", "failed", "cancelled"]


@dataclass(frozen=True)
class ModelRecord:
    """A model as it was when the audit began: `id` of the plan, `sha256` of its weights."""

    id: str
    reference: str
    card: ModelCard
    sha256: str


@dataclass(frozen=True)
class DatasetRecord:
    """A data set as it was when the audit began.

    Attributes:
        id: of the plan.
        name, layout, part: of the set that was opened, and which of it is used, in words.
        samples: how many are used.
        classes, task: of the set itself.
        sha256, missing: of its fingerprint.
        groups: columns by which figures are told apart.
    """

    id: str
    name: str
    layout: str
    part: tuple[str, ...]
    samples: int
    classes: tuple[str, ...]
    task: str
    sha256: str
    missing: int
    groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class CellOutcome:
    """What is known of a finished cell beside its rows.

    Attributes:
        figures: plain values (`analysis.metrics`), as they stand in the report's JSON.
        suspicions: why the model may withstand less than the figures say: sign, message, remedy.
        notes: what a reader should know.
        device: that computed it.
        versions: of what the results depend on.
        judges: ids of the other models in `Rows.judged`, in its order.
    """

    figures: Mapping[str, Any]
    suspicions: tuple[Mapping[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    device: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    judges: tuple[str, ...] = ()


@dataclass(frozen=True)
class CellRecord:
    """A cell and how far it is.

    Attributes:
        rank: place in the order of work, which a user may change.
        reason: why it failed.
        batches: how many there are; 0 before it began. `batches_done` are in the store.
        rows, left_out: samples with and without results so far.
        seconds: of work, and `attack_seconds` of them inside the attack.
        outcome: once it is done.
    """

    cell: Cell
    rank: int
    state: CellState
    reason: str
    batches: int
    batches_done: int
    rows: int
    left_out: int
    seconds: float
    attack_seconds: float
    outcome: CellOutcome | None


@dataclass(frozen=True)
class SampleName:
    """A sample of a data set: `groups` are its values in the columns that the plan names."""

    place: int
    id: str
    patient: str = ""
    split: str = ""
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Rows:
    """N samples of a cell, column by column, by rising place.

    L is 1 (the class) for single-label models and K (0/1 per finding) for multi-label ones; F are
    frames of a sequence; J the other models that judged.

    Attributes:
        places: N int64, of the sample in its data set.
        labels, clean_decisions: N×L int16.
        clean_logits: N×K float32.
        changed: N bool: attacked, corrupted or searched; not so where the goal left nothing to do.
            What follows says nothing of the other rows (False, 0, NaN; decisions and logits there
            are those of the clean image).
        decisions, logits: of the changed image, as it would be saved.
        success: N bool: the attack's objective is achieved.
        steps, queries, l0: N int64.
        linf, l2, l1, ssim, psnr: N float64; PSNR is ∞ for equal images.
        seconds: N float64: its share of the time of its batch.
        smallest: N float64: smallest budget of a bisection, ∞ where none sufficed, NaN elsewhere.
        frames: N×F×L int16 decisions along a sequence, or None.
        judged: N×J×L int16 decisions of other models on the changed image, or None; which ones
            stands in the cell's outcome.
        images: SHA-256 of the changed image where it was kept, else "".
        notes: why a sample was not changed, else "".
    """

    places: NDArray[np.int64]
    labels: NDArray[np.int16]
    clean_decisions: NDArray[np.int16]
    clean_logits: NDArray[np.float32]
    changed: NDArray[np.bool_]
    decisions: NDArray[np.int16]
    logits: NDArray[np.float32]
    success: NDArray[np.bool_]
    steps: NDArray[np.int64]
    queries: NDArray[np.int64]
    linf: NDArray[np.float64]
    l2: NDArray[np.float64]
    l1: NDArray[np.float64]
    l0: NDArray[np.int64]
    ssim: NDArray[np.float64]
    psnr: NDArray[np.float64]
    seconds: NDArray[np.float64]
    smallest: NDArray[np.float64]
    frames: NDArray[np.int16] | None = None
    judged: NDArray[np.int16] | None = None
    images: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.places)

    @property
    def right_before(self) -> NDArray[np.bool_]:
        """N bool: every decision on the clean image is right."""
        return np.asarray((self.labels == self.clean_decisions).all(axis=1))

    @property
    def right_after(self) -> NDArray[np.bool_]:
        """N bool: every decision on the changed image is right."""
        return np.asarray((self.labels == self.decisions).all(axis=1))


@dataclass(frozen=True)
class Batch:
    """What is committed at once: the rows of one batch of a cell, and what was left out.

    Attributes:
        number: from 0; a batch that is in the store already is not stored again.
        names: samples that occur in it.
        left_out: (place, id, reason).
        seconds, attack_seconds: what it took.
        notes: for the cell.
        images: kept images, SHA-256 and bytes on disk.
    """

    number: int
    rows: Rows
    names: tuple[SampleName, ...]
    left_out: tuple[tuple[int, str, str], ...] = ()
    seconds: float = 0.0
    attack_seconds: float = 0.0
    notes: tuple[str, ...] = ()
    images: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class RowQuery:
    """Which samples of a cell a table shows.

    Attributes:
        show: "right-wrong": right before, wrong after; "withstood": right after.
        text: part of the sample's id.
        sort, descending: the order; what has no value there comes last.
        first, count: the page.
    """

    show: Literal["all", "right-wrong", "wrong-before", "withstood"] = "all"
    text: str = ""
    sort: Literal["place", "id", "linf", "l2", "ssim", "psnr", "steps", "queries", "smallest",
                  "seconds"] = "place"  # fmt: skip
    descending: bool = False
    first: int = 0
    count: int = 200
