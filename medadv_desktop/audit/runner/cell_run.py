"""One cell, batch by batch: what is stored already is not computed again."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import torch

from medadv_desktop.audit.plan.cells import Cell
from medadv_desktop.audit.plan.schema import Keep
from medadv_desktop.audit.runner.bench import Bench, columns_of
from medadv_desktop.audit.runner.inputs import Slice, ahead
from medadv_desktop.audit.runner.subjects import Ready
from medadv_desktop.audit.runner.work import Judged, Work
from medadv_desktop.audit.store.images import keep_pair
from medadv_desktop.audit.store.records import Batch, Rows, SampleName
from medadv_desktop.audit.store.rows import joined
from medadv_desktop.errors import AttackError, CorruptionError, ModelError
from medadv_desktop.jobs import CancelToken

_MIB: Final = 1 << 20


@dataclass(frozen=True, eq=False)
class CellRun:
    """A cell that is worked on.

    Attributes:
        bounds: of all of its batches, samples from and up to.
        mine: numbers of those that are to be done here.
        known: from and up to which place, what the clean cell stored: it need not be asked again,
            for its batches are the same.
    """

    cell: Cell
    work: Work
    judges: tuple[str, ...]
    bounds: list[tuple[int, int]]
    mine: list[int]
    bench: Bench
    keep: Keep
    folder: Path
    known: Callable[[int, int], Rows] | None = None

    def go(self, store: Callable[[Batch], None], token: CancelToken) -> None:
        """All batches that are to be done; `store` takes each as soon as it is finished.

        Raises:
            MedAdvError: the attack works on no sample of the first batch, or `store` refuses.
            JobCancelled: the token was cancelled, or `store` raised it.
        """
        size = self.bench.plan.running.batch_size
        slices = ahead(self.work.subject.inputs, [self.bounds[k] for k in self.mine], token)
        try:
            for number, part in zip(self.mine, slices, strict=True):
                began = time.perf_counter()
                doing = _Batch(self, size)
                batch = doing.batch(number, part)
                size = doing.size
                refusal = doing.refusal
                if refusal is not None and number == 0 and not len(batch.rows):
                    raise refusal
                store(replace(batch, seconds=time.perf_counter() - began))
        finally:
            slices.close()  # type: ignore[attr-defined]


class _Batch:
    """One batch under way: halved where memory is short, and where a sample is at fault."""

    def __init__(self, run: CellRun, size: int) -> None:
        self.run = run
        self.size = size
        self.refusal: Exception | None = None
        self._parts: list[Judged] = []
        self._left_out: list[tuple[int, str, str]] = []
        self._notes: list[str] = []

    def batch(self, number: int, part: Slice) -> Batch:
        """The finished batch."""
        began = time.perf_counter()
        ready, left_out = self.run.work.subject.ready(part)
        if ready is not None and self.run.known is not None:
            ready = ready.with_clean(self.run.known(*self.run.bounds[number]))
        self._left_out = list(left_out)
        if ready is not None:
            for first in range(0, len(ready), self.size):
                own = list(range(first, min(first + self.size, len(ready))))
                self._take(ready if len(own) == len(ready) else ready.part(own))
        rows = self._rows()
        kept: list[tuple[str, int]] = []
        if len(rows):
            each = (time.perf_counter() - began) / len(rows)
            rows, kept = self._with_images(replace(rows, seconds=np.full(len(rows), each)), number)
        return Batch(
            number=number,
            rows=rows,
            names=self._names(rows),
            left_out=tuple(sorted(self._left_out)),
            attack_seconds=sum(part.attack_seconds for part in self._parts),
            notes=tuple(dict.fromkeys(self._notes)),
            images=tuple(kept),
        )

    def _take(self, ready: Ready) -> None:
        try:
            judged = self.run.work.on(ready)
        except torch.OutOfMemoryError:
            if len(ready) == 1:
                raise
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            self.size = max(1, (len(ready) + 1) // 2)
            self._notes.append(f"out of memory: went on with {self.size} images at a time")
            self._halves(ready)
        except (AttackError, CorruptionError, ModelError) as error:
            if len(ready) > 1:
                self._halves(ready)
                return
            place = int(ready.places[0])
            self.refusal = error
            name = self.run.work.subject.dataset[place].id
            self._left_out.append((place, name, error.reason))
        else:
            self._parts.append(judged)
            self._notes.extend(judged.notes)

    def _halves(self, ready: Ready) -> None:
        half = (len(ready) + 1) // 2
        everyone = list(range(len(ready)))
        self._take(ready.part(everyone[:half]))
        self._take(ready.part(everyone[half:]))

    def _rows(self) -> Rows:
        if not self._parts:
            return no_rows(self.run)
        return joined([part.rows for part in self._parts])

    def _names(self, rows: Rows) -> tuple[SampleName, ...]:
        subject, bench = self.run.work.subject, self.run.bench
        columns = bench.plan.dataset(subject.dataset_id).groups
        own = columns_of(bench.groups(subject.dataset_id), columns, rows.places)
        names = []
        for k, place in enumerate(rows.places.tolist()):
            sample = subject.dataset[place]
            groups = tuple(own[column][k] for column in columns)
            names.append(SampleName(place, sample.id, sample.patient, sample.split, groups))
        return tuple(names)

    def _with_images(self, rows: Rows, number: int) -> tuple[Rows, list[tuple[str, int]]]:
        """The rows with the digests of what is kept of them: every batch has its share of the
        gallery, so that it does not matter who works on which.
        """
        keep = self.run.keep
        changed = [part.changed for part in self._parts if part.changed is not None]
        if not changed or (keep.adversarial == "none" and not keep.gallery):
            return rows, []
        before = torch.cat([p.originals for p in self._parts if p.originals is not None])
        after = torch.cat(changed)
        fooled = rows.right_before & ~rows.right_after
        share = math.ceil(keep.gallery / len(self.run.bounds))
        if number >= keep.gallery:
            share = 0
        images, kept = [""] * len(rows), []
        room = keep.disk_budget * _MIB
        gallery = 0
        for at, k in enumerate(np.flatnonzero(rows.changed).tolist()):
            shown = bool(fooled[k]) and gallery < share
            wanted = keep.adversarial == "all" or (keep.adversarial == "fooled" and fooled[k])
            if not (shown or wanted):
                continue
            if self.run.bench.kept_bytes >= room:
                self._notes.append(
                    f"images take {keep.disk_budget} MiB, the plan's budget: no more are kept"
                )
                break
            gallery += shown
            digest, size = keep_pair(self.run.folder, before[at].numpy(), after[at].numpy())
            self.run.bench.kept_bytes += size
            images[k] = digest
            kept.append((digest, size))
        return replace(rows, images=tuple(images)), kept


def no_rows(run: CellRun) -> Rows:
    """The rows of a batch of which nothing could be used."""
    card = run.work.subject.model.card
    classes = len(card.classes)
    labels = np.zeros((0, classes if card.multi_label else 1), np.int16)
    logits = np.zeros((0, classes), np.float32)
    real, whole, flag = np.zeros(0), np.zeros(0, np.int64), np.zeros(0, np.bool_)
    return Rows(whole, labels, labels, logits, flag, labels, logits, flag, whole, whole, real, real,
                real, whole, real, real, real, real)  # fmt: skip
