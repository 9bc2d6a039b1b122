"""All that is needed to do it again, and to see that it was done as is said."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from medadv_desktop import __version__
from medadv_desktop.analysis.charts.values import Table
from medadv_desktop.audit.library import state_of
from medadv_desktop.audit.masking import Naming
from medadv_desktop.audit.plan.files import values_text
from medadv_desktop.audit.report.blocks import Block, Facts, Grid, Listing, Points
from medadv_desktop.audit.results.reading import AuditResults
from medadv_desktop.audit.store.store import AuditStore


def provenance_blocks(store: AuditStore, results: AuditResults, naming: Naming) -> Iterator[Block]:
    """Program, machine, times, models, data, cells, notes and the plan."""
    yield Facts("This audit", tuple(_facts(store, results)))
    yield Grid("Models", _models(results, naming), "SHA-256 of the weights as they were loaded.")
    yield Grid(
        "Data sets",
        _datasets(results, naming),
        "SHA-256 over images and labels of the samples that were used.",
    )
    yield Grid("Parts of the audit", _cells(results, naming))
    notes = tuple(
        dict.fromkeys(
            naming.text(note)
            for record in results.records
            if record.outcome is not None
            for note in record.outcome.notes
        )
    )
    if notes:
        yield Points(notes)
    if results.plan.notes:
        yield Facts("Notes of the plan", (("", results.plan.notes),))
    yield Listing("The plan, with every default", values_text(naming.plan(results.plan)))


def devices_and_versions(results: AuditResults) -> tuple[tuple[str, ...], dict[str, str]]:
    """What computed it; several versions of one library are all named."""
    devices: dict[str, None] = {}
    found: dict[str, dict[str, None]] = {}
    for record in results.records:
        if record.outcome is None:
            continue
        if record.outcome.device:
            devices[record.outcome.device] = None
        for name, version in record.outcome.versions.items():
            found.setdefault(name, {})[version] = None
    return tuple(devices), {name: ", ".join(own) for name, own in found.items()}


def _facts(store: AuditStore, results: AuditResults) -> Iterator[tuple[str, str]]:
    yield "State", state_of(results.records)
    for title, key in (("Begun", "created"), ("Last worked on", "ended")):
        if text := store.get(key):
            yield title, _time(text)
    seconds = sum(record.seconds for record in results.records)
    attack = sum(record.attack_seconds for record in results.records)
    yield "Work", f"{seconds:.1f} s, {attack:.1f} s of them inside attacks"
    devices, versions = devices_and_versions(results)
    yield "Device", "; ".join(devices) or "not known yet"
    yield "Seeds", ", ".join(map(str, results.plan.seeds))
    yield "Search precision", results.plan.running.precision
    yield "Versions", ", ".join(f"{name} {version}" for name, version in versions.items()) or "–"
    yield "Report written by", f"medadv-desktop {__version__}"


def _time(text: str) -> str:
    try:
        return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S %Z}"
    except ValueError:
        return text


def _models(results: AuditResults, naming: Naming) -> Table:
    rows = []
    for model in results.plan.models:
        own = results.models.get(model.id)
        reference = naming.path(model.model)
        if own is None:
            rows.append((model.id, reference, "not loaded yet", "", ""))
            continue
        classes = ", ".join(own.card.classes)
        name = f"{own.card.name} ({own.card.architecture}, {own.card.task})"
        rows.append((model.id, reference, name, classes, own.sha256))
    return Table(("model", "from", "what it is", "classes", "SHA-256"), tuple(rows))


def _datasets(results: AuditResults, naming: Naming) -> Table:
    rows: list[tuple[str | float | None, ...]] = []
    judged = {dataset.id for _, dataset in results.plan.pairs()}
    for dataset in results.plan.datasets:
        own = results.datasets.get(dataset.id)
        if own is None:
            told = "not opened yet" if dataset.id in judged else "for preparing attacks alone"
            rows.append((dataset.id, told, "", None, None, ""))
            continue
        part = "; ".join(naming.text(text) for text in own.part)
        layout = own.layout + (f", {own.name}" if naming.identifiers else "")
        rows.append((dataset.id, layout, part or "all", own.samples, own.missing, own.sha256))
    head = ("data set", "layout", "part", "samples", "files missing", "SHA-256")
    return Table(head, tuple(rows))


def _cells(results: AuditResults, naming: Naming) -> Table:
    rows = []
    for record in results.records:
        cell = record.cell
        state = record.state + (f": {naming.text(record.reason)}" if record.reason else "")
        rows.append(
            (
                cell.model, cell.dataset, cell.title, state, record.rows, record.left_out,
                round(record.seconds, 1), cell.id,
            )
        )  # fmt: skip
    head = ("model", "data set", "what", "state", "samples", "left out", "seconds", "id")
    return Table(head, tuple(rows))
