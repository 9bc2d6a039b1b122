"""The report for programs: JSON, and CSV with a row for each cell and each sample."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from medadv_desktop import NOT_FOR_DIAGNOSIS
from medadv_desktop.analysis.charts.values import table_csv
from medadv_desktop.audit.library import state_of
from medadv_desktop.audit.masking import Naming
from medadv_desktop.audit.report.provenance import devices_and_versions
from medadv_desktop.audit.report.summary import Verdict, verdicts
from medadv_desktop.audit.results.perturbations import (
    RelativeFigure,
    mean_corruption_errors,
    mean_flip_rates,
)
from medadv_desktop.audit.results.reading import AuditResults, Told, figures_of
from medadv_desktop.audit.results.tables import cells_table
from medadv_desktop.audit.store.records import CellRecord, Rows, SampleName
from medadv_desktop.audit.store.sample_stream import SampleStream
from medadv_desktop.audit.store.store import AuditStore
from medadv_desktop.jobs import CancelToken
from medadv_desktop.models.card import ModelCard

REPORT_VERSION: Final = 1
"""Of the JSON; docs/report-schema.md describes it."""

_HEAD: Final = (
    "sample", "patient", "split", "label", "clean", "clean right", "changed", "after",
    "after right", "success", "steps", "queries", "linf", "l2", "l1", "l0", "ssim", "psnr",
    "smallest", "seconds", "note",
)  # fmt: skip


def describe_report(store: AuditStore, results: AuditResults, naming: Naming) -> dict[str, Any]:
    """The content of the JSON: all that is known of an audit but its samples."""
    devices, versions = devices_and_versions(results)
    return {
        "format": "medadv-report",
        "version": REPORT_VERSION,
        "notice": NOT_FOR_DIAGNOSIS,
        "name": results.plan.name,
        "state": state_of(results.records),
        "created": store.get("created"),
        "ended": store.get("ended"),
        "identifiers": naming.identifiers,
        "devices": list(devices),
        "versions": versions,
        "plan": naming.plan(results.plan),
        "models": [_model(results, model.id, naming) for model in results.plan.models],
        "datasets": [_dataset(results, entry.id, naming) for entry in results.plan.datasets],
        "summary": [_verdict(verdict) for verdict in verdicts(results)],
        "mean_corruption_error": [_relative(own) for own in mean_corruption_errors(results)],
        "mean_flip_rate": [_relative(own) for own in mean_flip_rates(results)],
        "cells": [_cell(store, record, naming) for record in results.records],
    }


def json_of(store: AuditStore, results: AuditResults, naming: Naming) -> str:
    """The file."""
    described = describe_report(store, results, naming)
    return json.dumps(described, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def cells_csv(results: AuditResults) -> str:
    """A row for each cell."""
    return table_csv(cells_table(results))


def write_samples(
    store: SampleStream,
    results: AuditResults,
    record: CellRecord,
    naming: Naming,
    path: Path,
    token: CancelToken,
) -> None:
    """A row for each sample of a cell, few in memory at a time.

    Raises:
        JobCancelled: the token was cancelled.
    """
    card = results.models[record.cell.model].card
    groups = results.plan.dataset(record.cell.dataset).groups
    classes = card.classes
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(
            [
                *_HEAD[:3], *groups * naming.identifiers, *_HEAD[3:],
                *(f"logit:{name}" for name in classes),
                *(f"logit after:{name}" for name in classes),
            ]
        )  # fmt: skip
        for rows in store.pieces(record.cell.id):
            token.check()
            names = store.names(record.cell.dataset, rows.places)
            writer.writerows(_samples(names, rows, card, naming))


def _samples(
    names: list[SampleName], rows: Rows, card: ModelCard, naming: Naming
) -> Iterator[list[object]]:
    right, still = rows.right_before.tolist(), rows.right_after.tolist()
    for k, name in enumerate(names):
        changed = bool(rows.changed[k])
        yield [
            naming.sample(name.place, name.id),
            name.patient if naming.identifiers else "",
            name.split,
            *name.groups * naming.identifiers,
            _named(rows.labels[k].tolist(), card),
            _named(rows.clean_decisions[k].tolist(), card),
            int(right[k]),
            int(changed),
            _named(rows.decisions[k].tolist(), card) if changed else "",
            int(still[k]) if changed else "",
            int(rows.success[k]) if changed else "",
            *(_number(getattr(rows, column)[k].item(), known=changed) for column in _HEAD[10:18]),
            _number(float(rows.smallest[k])),
            _number(float(rows.seconds[k])),
            naming.text(rows.notes[k], name.id, name.patient) if rows.notes else "",
            *rows.clean_logits[k].tolist(),
            *(rows.logits[k].tolist() if changed else [""] * len(card.classes)),
        ]


def _named(decision: list[int], card: ModelCard) -> str:
    if card.multi_label:
        return "|".join(c for c, found in zip(card.classes, decision, strict=True) if found)
    return card.classes[decision[0]]


def _number(value: float, *, known: bool = True) -> object:
    return "" if not known or math.isnan(value) else value


def _model(results: AuditResults, name: str, naming: Naming) -> dict[str, Any]:
    own, plan = results.models.get(name), results.plan.model(name)
    found: dict[str, Any] = {"id": name, "reference": naming.path(plan.model)}
    if own is not None:
        found |= {
            "name": own.card.name,
            "architecture": own.card.architecture,
            "task": own.card.task,
            "classes": list(own.card.classes),
            "thresholds": list(own.card.thresholds),
            "preprocessing": own.card.preprocessing.model_dump(mode="json"),
            "sha256": own.sha256,
        }
    return found


def _dataset(results: AuditResults, name: str, naming: Naming) -> dict[str, Any]:
    own = results.datasets.get(name)
    if own is None:
        return {"id": name}
    return {
        "id": name,
        "name": own.name if naming.identifiers else "",
        "layout": own.layout,
        "part": [naming.text(text) for text in own.part],
        "samples": own.samples,
        "classes": list(own.classes),
        "task": own.task,
        "sha256": own.sha256,
        "missing": own.missing,
        "groups": list(own.groups),
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "model": verdict.model,
        "dataset": verdict.dataset,
        "clean_accuracy": _told(verdict.clean),
        "clean_light": verdict.clean_light,
        "robust_accuracy": _told(verdict.robust),
        "robust_light": verdict.robust_light,
        "cell": None if verdict.cell is None else verdict.cell.cell.id,
        "suspicions": verdict.doubted,
    }


def _told(own: Told | None) -> dict[str, Any] | None:
    if own is None:
        return None
    names = ("value", "count", "of", "low", "high")
    return {name: getattr(own, name) for name in names}


def _relative(own: RelativeFigure) -> dict[str, Any]:
    found: dict[str, Any] = {"model": own.model, "dataset": own.dataset, "mean": None}
    if own.relative is not None:
        found |= {
            "mean": own.relative.mean,
            "kinds": dict(own.relative.by_kind),
            "undefined": list(own.relative.undefined),
        }
    return found


def _cell(store: AuditStore, record: CellRecord, naming: Naming) -> dict[str, Any]:
    cell, outcome = record.cell, record.outcome
    return {
        "id": cell.id,
        "title": cell.title,
        "kind": cell.kind,
        "model": cell.model,
        "dataset": cell.dataset,
        "name": cell.name,
        "budget": cell.budget,
        "seed": cell.seed,
        "state": record.state,
        "reason": naming.text(record.reason),
        "samples": record.rows,
        "left_out": [
            {"sample": naming.sample(place, name), "reason": naming.text(reason, name)}
            for place, name, reason in (store.left_out(cell.id) if record.left_out else ())
        ],
        "seconds": round(record.seconds, 3),
        "attack_seconds": round(record.attack_seconds, 3),
        "device": outcome.device if outcome is not None else "",
        "versions": dict(outcome.versions) if outcome is not None else {},
        "notes": [naming.text(note) for note in outcome.notes] if outcome is not None else [],
        "suspicions": [dict(s) for s in outcome.suspicions] if outcome is not None else [],
        "figures": _figures(record, naming),
    }


def _figures(record: CellRecord, naming: Naming) -> dict[str, Any]:
    """The figures, with groups called as they may be."""
    found = dict(figures_of(record))
    columns = []
    for column in found.get("subgroups") or []:
        names = [group["name"] for group in column["groups"]]
        samples = sum(group["samples"] for group in column["groups"])
        called = dict(zip(names, naming.groups(column["column"], names, samples), strict=True))
        columns.append(_renamed(column, called))
    return found | ({"subgroups": columns} if columns else {})


def _renamed(value: Any, called: dict[str, str]) -> Any:
    """Names of groups stand as "name", and as "highest" and "lowest" of a gap."""
    if isinstance(value, dict):
        return {
            key: called.get(own, own)
            if key in ("name", "highest", "lowest") and isinstance(own, str)
            else own
            if key == "figures"
            else _renamed(own, called)
            for key, own in value.items()
        }
    return [_renamed(own, called) for own in value] if isinstance(value, list) else value
