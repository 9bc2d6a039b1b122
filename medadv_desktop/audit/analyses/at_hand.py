"""Answers that are in the store, and the cells that are asked about. No torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from medadv_desktop.audit.analyses import cache
from medadv_desktop.audit.analyses.requests import (
    AnalysisKind,
    AnalyzeRequest,
    AuditAnalyses,
    CellAnalyses,
)
from medadv_desktop.audit.results.reading import told
from medadv_desktop.audit.store.records import CellRecord
from medadv_desktop.audit.store.store import AuditStore
from medadv_desktop.errors import AuditError

CHANGING: Final = ("attack", "smallest", "corruption")
"""Kinds of cells with changed images."""

FIELDS: Final[dict[AnalysisKind, str]] = {
    "embedding": "embedding",
    "label-correlation": "label_correlation",
    "layers": "layers",
    "detectors": "detectors",
}
"""Where an answer stands in `CellAnalyses`."""


def answers_at_hand(folder: Path, request: AnalyzeRequest) -> AuditAnalyses:
    """What is in the store of the answers to a request; nothing is worked out.

    Raises:
        AuditError: no audit, or no such cell.
    """
    with AuditStore.open(folder) as store:
        records = chosen_cells(store, request.cells)
        return AuditAnalyses(tuple(_known(store, record, request) for record in records))


def all_at_hand(store: AuditStore) -> AuditAnalyses:
    """For every finished cell what is kept of it with the default settings, for the report; cells
    of which nothing is kept are left out.
    """
    request = AnalyzeRequest(store.folder)
    records = [r for r in store.cells() if r.state == "done" and r.cell.kind in CHANGING]
    found = [_known(store, record, request) for record in records]
    return AuditAnalyses(
        tuple(c for c in found if any(getattr(c, name) is not None for name in FIELDS.values()))
    )


def _known(store: AuditStore, record: CellRecord, request: AnalyzeRequest) -> CellAnalyses:
    found: dict[str, Any] = {
        FIELDS[kind]: cache.kept(store, cache.key_of(store, record.cell, kind, request), kind)
        for kind in request.kinds
    }
    return CellAnalyses(record.cell, **found)


def chosen_cells(store: AuditStore, names: tuple[str, ...]) -> tuple[CellRecord, ...]:
    """The cells of these ids, or beginnings of ids; of none, for each model and data set the
    finished attack that leaves least right.

    Raises:
        AuditError: no such cell, more than one, or it is not finished or changes no images.
    """
    records = store.cells()
    if names:
        return tuple(_named(store, records, name) for name in names)
    worst: dict[tuple[str, str], tuple[float, CellRecord]] = {}
    for record in records:
        rate = told(record, "robust_accuracy")
        if record.state != "done" or record.cell.kind != "attack" or rate is None:
            continue
        pair = record.cell.model, record.cell.dataset
        if pair not in worst or rate.value < worst[pair][0]:
            worst[pair] = rate.value, record
    if not worst:
        raise AuditError(
            "has no finished attack to look into",
            subject=store.folder,
            remedy="Finish the audit (medadv audit --resume), or name a cell",
        )
    return tuple(record for _, record in worst.values())


def _named(store: AuditStore, records: tuple[CellRecord, ...], name: str) -> CellRecord:
    found = [r for r in records if r.cell.id.startswith(name)]
    if len(found) != 1:
        raise AuditError(
            f"has {'no cell' if not found else 'several cells'} {name}",
            subject=store.folder,
            remedy="medadv audit --dry-run --resume --out RUN lists their ids",
        )
    record = found[0]
    if record.state != "done":
        raise AuditError(f"is {record.state}, not finished", subject=f"cell {record.cell.id}")
    if record.cell.kind not in CHANGING:
        raise AuditError(
            "has no changed images to compare with clean ones",
            subject=f"cell {record.cell.id} ({record.cell.title})",
            remedy="Name that of an attack or corruption",
        )
    return record
