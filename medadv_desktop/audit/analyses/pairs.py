"""Clean and changed images of a cell, batch by batch: kept ones, else made again as they were."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from medadv_desktop.audit.plan.cells import Cell
from medadv_desktop.audit.runner.bench import Bench
from medadv_desktop.audit.runner.inputs import ahead
from medadv_desktop.audit.runner.subjects import Ready, Subject
from medadv_desktop.audit.runner.work import AttackWork, Work
from medadv_desktop.audit.store.images import load_pair
from medadv_desktop.audit.store.records import Rows
from medadv_desktop.errors import AuditError
from medadv_desktop.jobs import CancelToken, Emit, Progress


@dataclass(frozen=True, eq=False)
class Pairs:
    """n samples before and after.

    Attributes:
        rows: n int64, their places among the rows of the cell.
        clean, changed: n×C×H×W float32 in [0, 1], on the model's device and on the grid.
        made_again: how many of the changed images were not kept.
    """

    rows: NDArray[np.int64]
    clean: torch.Tensor
    changed: torch.Tensor
    made_again: int


class CellPairs:
    """The changed samples of a finished cell.

    An attack draws from plan seed and sample, not from the batch, so that what is made again is
    what was judged; with another device or version of torch single bits, and then decisions, may
    differ.

    Raises:
        AnalysisError, ModelError, DatasetError: something of the cell cannot be opened any more.
    """

    def __init__(self, bench: Bench, cell: Cell, rows: Rows) -> None:
        self._bench = bench
        self._cell = cell
        self._rows = rows
        self.subject: Subject = bench.subject(cell.model, cell.dataset)
        self._work: Work | None = None
        self._wanted = {
            int(place): k
            for k, (place, changed) in enumerate(zip(rows.places, rows.changed, strict=True))
            if changed
        }

    def __len__(self) -> int:
        return len(self._wanted)

    def batches(self, emit: Emit, token: CancelToken) -> Iterator[Pairs]:
        """All of them, by place.

        Raises:
            AuditError: a sample is not as it was, or a kept image is missing or changed.
            JobCancelled: the token was cancelled.
        """
        bounds = [
            (first, stop)
            for first, stop in self._bench.batches(self._cell.dataset)
            if any(place in self._wanted for place in range(first, stop))
        ]
        slices = ahead(self.subject.inputs, bounds, token)
        done = 0
        try:
            for part in slices:
                token.check()
                ready, _ = self.subject.ready(part)
                found = [] if ready is None else ready.places.tolist()
                chosen = [k for k, place in enumerate(found) if place in self._wanted]
                first, stop = bounds[done]
                expected = sum(place in self._wanted for place in range(first, stop))
                if ready is None or len(chosen) < expected:
                    raise AuditError(
                        "samples that this audit judged can no longer be read",
                        subject=self._cell.dataset,
                        remedy="Restore the data set",
                    )
                yield self._pairs(ready.part(chosen), token)
                done += 1
                emit(Progress(done, len(bounds), "looking at clean and changed images"))
        finally:
            slices.close()  # type: ignore[attr-defined]

    def _pairs(self, ready: Ready, token: CancelToken) -> Pairs:
        own = np.array([self._wanted[int(place)] for place in ready.places], np.int64)
        changed = torch.empty_like(ready.images)
        again = []
        for k, row in enumerate(own.tolist()):
            digest = self._rows.images[row] if self._rows.images else ""
            if digest:
                image = load_pair(self._bench.folder, digest)[1]
                changed[k] = torch.from_numpy(image).to(changed.device)
            else:
                again.append(k)
        if again:
            fresh = self._made(ready.part(again))
            changed[torch.tensor(again, device=changed.device)] = fresh.to(changed)
        token.check()
        return Pairs(own, ready.images, changed, len(again))

    def _made(self, ready: Ready) -> torch.Tensor:
        try:
            judged = self._working().on(ready)
        except torch.OutOfMemoryError:
            if len(ready) == 1:
                raise
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            half = (len(ready) + 1) // 2
            everyone = list(range(len(ready)))
            parts = (everyone[:half], everyone[half:])
            return torch.cat([self._made(ready.part(part)) for part in parts])
        if judged.changed is None or len(judged.changed) != len(ready):
            raise AuditError(
                "samples that this audit changed are left as they are now",
                subject=self._cell.title,
                remedy="Restore the data set and its labels",
            )
        return judged.changed

    def _working(self) -> Work:
        if self._work is None:
            work, _ = self._bench.work(self._cell)
            work.check()
            work = replace(work, similarity=False)
            self._work = replace(work, others=None) if isinstance(work, AttackWork) else work
        return self._work
