"""Answers in the audit's store, under a key of everything that decides them. No torch."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from medadv_desktop.analysis.layer_statistics import LayerStatistics
from medadv_desktop.audit.analyses.requests import (
    AnalysisKind,
    AnalyzeRequest,
    Detectors,
    EmbeddingResult,
    LabelCorrelations,
)
from medadv_desktop.audit.plan.cells import Cell
from medadv_desktop.audit.store.store import AuditStore

VERSION: Final = 1
"""Of what answers mean; with another one they are worked out anew."""

ANSWERS: Final[dict[AnalysisKind, Any]] = {
    "embedding": EmbeddingResult,
    "label-correlation": LabelCorrelations,
    "layers": LayerStatistics,
    "detectors": Detectors,
}


def key_of(store: AuditStore, cell: Cell, kind: AnalysisKind, request: AnalyzeRequest) -> str:
    """The key of an answer: the cell, its model and data as they were, and the settings."""
    settings: dict[str, Any] = {}
    if kind in ("embedding", "detectors"):
        settings["layer"] = request.layer
    if kind == "embedding":
        settings["embedding"] = request.embedding.model_dump(mode="json")
    if kind == "detectors":
        settings["seed"] = request.embedding.seed
    identity = {
        "version": VERSION,
        "kind": kind,
        "cell": cell.id,
        "model": store.models()[cell.model].sha256,
        "dataset": store.datasets()[cell.dataset].sha256,
        "settings": settings,
    }
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    return f"{kind}-{digest[:32]}"


def kept(store: AuditStore, key: str, kind: AnalysisKind) -> Any | None:
    """The answer under a key; None where there is none, or none that can be read any more."""
    content = store.analysis(key)
    if content is None:
        return None
    try:
        return _adapter(kind).validate_json(content)
    except ValidationError:
        return None


def keep(store: AuditStore, key: str, kind: AnalysisKind, cell: Cell, answer: Any) -> None:
    """Keep an answer; the store is open for writing."""
    made = f"{kind} of {cell.model} on {cell.dataset}, {cell.title}"
    store.keep_analysis(key, made, _adapter(kind).dump_json(answer))


def plain(kind: AnalysisKind, answer: Any) -> Any:
    """An answer as plain values, for JSON."""
    return _adapter(kind).dump_python(answer, mode="json")


@cache
def _adapter(kind: AnalysisKind) -> TypeAdapter[Any]:
    return TypeAdapter(ANSWERS[kind])
