"""Analyses of an audit's cells: from the store where they are there, else worked out and kept."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from medadv_desktop.audit.analyses import cache, measuring
from medadv_desktop.audit.analyses.at_hand import FIELDS, chosen_cells
from medadv_desktop.audit.analyses.looking import Looked, look
from medadv_desktop.audit.analyses.pairs import CellPairs
from medadv_desktop.audit.analyses.requests import (
    AnalysisKind,
    AnalyzeRequest,
    AuditAnalyses,
    CellAnalyses,
    Refused,
)
from medadv_desktop.audit.plan.cells import Cell
from medadv_desktop.audit.runner.bench import Bench
from medadv_desktop.audit.shelf import ModelShelf
from medadv_desktop.audit.store.records import CellRecord, Rows
from medadv_desktop.audit.store.store import AuditStore
from medadv_desktop.errors import AnalysisError, AuditError, ExportError, ModelError
from medadv_desktop.jobs import CancelToken, Emit


def analyze(
    shelf: ModelShelf, request: AnalyzeRequest, emit: Emit, token: CancelToken
) -> AuditAnalyses:
    """Answer a request; what one analysis refuses is told, and the others are worked out.

    Raises:
        AuditError: no audit, no such cell, none that is finished, or model or data have changed.
        MedAdvError: something of a cell cannot be opened.
        ExportError: the disk is full.
        JobCancelled: the token was cancelled; answers that were finished are kept.
    """
    with AuditStore.open(request.folder, write=True) as store:
        records = chosen_cells(store, request.cells)
        return AuditAnalyses(
            tuple(_of_cell(shelf, store, r, request, emit, token) for r in records)
        )


def _of_cell(
    shelf: ModelShelf,
    store: AuditStore,
    record: CellRecord,
    request: AnalyzeRequest,
    emit: Emit,
    token: CancelToken,
) -> CellAnalyses:
    cell = record.cell
    found: dict[str, Any] = {}
    refused: list[Refused] = []
    missing: list[AnalysisKind] = []
    for kind in dict.fromkeys(request.kinds):
        token.check()
        key = cache.key_of(store, cell, kind, request)
        known = None if request.fresh else cache.kept(store, key, kind)
        if known is None:
            missing.append(kind)
        else:
            found[FIELDS[kind]] = known
    if missing:
        rows = store.rows(cell.id)
        work = _CellWork(shelf, store, cell, rows, request, emit, token)
        for kind, answer in work.answers(missing):
            if isinstance(answer, Refused):
                refused.append(answer)
                continue
            cache.keep(store, cache.key_of(store, cell, kind, request), kind, cell, answer)
            found[FIELDS[kind]] = answer
    return CellAnalyses(cell, **found, refused=tuple(refused))


class _CellWork:
    """What is missing of one cell."""

    def __init__(
        self,
        shelf: ModelShelf,
        store: AuditStore,
        cell: Cell,
        rows: Rows,
        request: AnalyzeRequest,
        emit: Emit,
        token: CancelToken,
    ) -> None:
        self.shelf, self.store, self.cell, self.rows = shelf, store, cell, rows
        self.request, self.emit, self.token = request, emit, token

    def answers(self, kinds: list[AnalysisKind]) -> Iterator[tuple[AnalysisKind, Any]]:
        """Each answer as soon as it is there, or a `Refused`."""
        card = self.store.models()[self.cell.model].card
        if "label-correlation" in kinds:
            yield self._told("label-correlation", lambda: measuring.correlations(card, self.rows))
        rest = [kind for kind in kinds if kind != "label-correlation"]
        if not rest:
            return
        if not self.rows.changed.any():
            for kind in rest:
                yield kind, Refused(kind, "no image of this cell was changed")
            return
        with self._looked(rest) as looked:
            seed, settings = self.request.embedding.seed, self.request.embedding
            for kind in rest:
                self.token.check()
                if kind == "layers":
                    yield self._told(kind, lambda: _layers(looked))
                elif kind == "detectors":
                    yield self._told(
                        kind, lambda: measuring.detectors(card, looked, seed, self.token)
                    )
                else:
                    yield self._told(
                        kind,
                        lambda: measuring.embedding(card, looked, settings, self.emit, self.token),
                    )

    def _told(self, kind: AnalysisKind, make: Any) -> tuple[AnalysisKind, Any]:
        try:
            return kind, make()
        except (AnalysisError, ModelError) as error:
            return kind, Refused(kind, str(error))

    @contextmanager
    def _looked(self, kinds: Sequence[AnalysisKind]) -> Iterator[Looked]:
        folder = self.store.folder
        with _scratch(folder) as scratch:
            plan = self.store.plan
            bench = Bench(plan, self.shelf, folder, scratch, None, self.emit, self.token)
            try:
                self._check_unchanged(bench)
                looked = look(
                    CellPairs(bench, self.cell, self.rows),
                    self.rows,
                    scratch,
                    layer=self.request.layer,
                    features="embedding" in kinds or "detectors" in kinds,
                    squeezing="detectors" in kinds,
                    layers="layers" in kinds,
                    emit=self.emit,
                    token=self.token,
                )
                yield looked
                del looked
            finally:
                bench.let_go()

    def _check_unchanged(self, bench: Bench) -> None:
        """Model and data are those that were audited.

        Raises:
            AuditError: one has changed.
        """
        model = bench.model_record(self.cell.model)
        known = self.store.models()[self.cell.model]
        dataset = bench.dataset_record(self.cell.dataset)
        told_set = self.store.datasets()[self.cell.dataset]
        for what, same in (
            (model.reference, (known.sha256, known.card) == (model.sha256, model.card)),
            (dataset.name, told_set.sha256 == dataset.sha256),
        ):
            if not same:
                raise AuditError(
                    "has changed since it was audited, so its images cannot be looked at again",
                    subject=what,
                    remedy="Restore it, or begin a new audit",
                )


def _layers(looked: Looked) -> Any:
    if looked.layers is None:
        raise AnalysisError(looked.no_layers.rstrip("."))
    return looked.layers


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """A folder for what is too large for memory; integrity files pass over it."""
    path = folder / "scratch" / f"analysis-{os.getpid()}"
    shutil.rmtree(path, ignore_errors=True)
    try:
        path.mkdir(parents=True)
    except OSError as error:
        raise ExportError(f"cannot be made ({error})", subject=path) from None
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        with suppress(OSError):  # another process works there
            path.parent.rmdir()
