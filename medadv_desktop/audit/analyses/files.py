"""Answers as files: a picture and a table for each, and everything as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from medadv_desktop.analysis.charts.values import Chart, Table, table_csv
from medadv_desktop.analysis.detectors import roc_chart
from medadv_desktop.audit.analyses import cache
from medadv_desktop.audit.analyses.requests import AuditAnalyses, CellAnalyses
from medadv_desktop.audit.analyses.sections import (
    detector_table,
    point_table,
    scatter_chart,
    separation_table,
    title_of,
)
from medadv_desktop.files import write_atomically

_Parts = tuple[dict[str, Chart], dict[str, Table]]


def plain(analyses: AuditAnalyses) -> dict[str, Any]:
    """Everything as plain values."""
    cells = []
    for own in analyses.cells:
        cell: dict[str, Any] = {
            "cell": own.cell.id,
            "model": own.cell.model,
            "dataset": own.cell.dataset,
            "title": own.cell.title,
        }
        for kind in cache.ANSWERS:
            answer = getattr(own, kind.replace("-", "_"))
            if answer is not None:
                cell[kind.replace("-", "_")] = cache.plain(kind, answer)
        cell["refused"] = {refused.kind: refused.reason for refused in own.refused}
        cells.append(cell)
    return {"version": cache.VERSION, "cells": cells}


def write_files(analyses: AuditAnalyses, out: Path) -> tuple[Path, ...]:
    """Write `analyses.json`, and for each cell into a folder of its id SVG, PNG and CSV.

    Raises:
        ExportError: a file cannot be written.
    """
    from medadv_desktop.analysis.charts.drawing import draw

    written = []

    def put(path: Path, content: bytes) -> None:
        write_atomically(path, content)
        written.append(path)

    for own in analyses.cells:
        charts, tables = parts_of(own)
        folder = out / own.cell.id
        for name, chart in charts.items():
            put(folder / f"{name}.svg", draw(chart, "svg"))
            put(folder / f"{name}.png", draw(chart, "png"))
        for name, table in tables.items():
            put(folder / f"{name}.csv", table_csv(table).encode())
    text = json.dumps(plain(analyses), indent=1, ensure_ascii=False)
    put(out / "analyses.json", text.encode())
    return tuple(written)


def parts_of(own: CellAnalyses) -> _Parts:
    """Charts and tables of a cell, by the names of their files."""
    charts: dict[str, Chart] = {}
    tables: dict[str, Table] = {}
    title = title_of(own)
    if own.embedding is not None:
        charts["embedding"] = scatter_chart(own.embedding, title)
        tables["embedding"] = separation_table(own.embedding)
        tables["embedding-points"] = point_table(own.embedding)
    if own.label_correlation is not None:
        for found in (own.label_correlation.phi, own.label_correlation.pearson):
            for name, chart in zip(
                ("clean", "adversarial", "difference"), found.charts(title), strict=True
            ):
                stem = f"label-correlation-{found.kind}-{name}"
                charts[stem] = chart
                tables[stem] = chart.table()
        tables["label-correlation-impossible"] = own.label_correlation.phi.impossible_table()
    if own.layers is not None:
        names = ("layers", "layers-by-class", "batch-norm")
        charts |= dict(zip(names, own.layers.charts(title), strict=False))
        tables["layers"] = own.layers.table()
        if own.layers.norms:
            tables["batch-norm"] = own.layers.norm_table()
    if own.detectors is not None and own.detectors.detections:
        charts["detectors"] = roc_chart(own.detectors.detections, title)
        tables["detectors"] = detector_table(own.detectors)
    return charts, tables
