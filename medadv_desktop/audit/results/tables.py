"""Figures of all cells, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from medadv_desktop.analysis.charts.values import Number, Table
from medadv_desktop.audit.results.reading import (
    AuditResults,
    Told,
    figures_of,
    flips_told,
    told,
    told_of,
)
from medadv_desktop.audit.store.records import CellRecord

FIGURES: Final = (
    ("clean accuracy", "clean_accuracy"),
    ("robust accuracy", "robust_accuracy"),
    ("attack success rate", "attack_success_rate"),
    ("fooling rate", "fooling_rate"),
)
"""Names for people and of the figures: shares of counts, each with an interval."""


def cell_rates(record: CellRecord) -> dict[str, Told | None]:
    """Every figure of a cell that has an interval, by its name for people."""
    found = {name: told(record, key) for name, key in FIGURES}
    for name, side in (("AUC", "clean"), ("AUC after", "attacked")):
        areas = (figures_of(record).get(side) or {}).get("areas") or {}
        found[name] = told_of(areas.get("macro"))
    found["flip probability"] = flips_told(record)
    return found


def cells_table(results: AuditResults) -> Table:
    """A row for every cell, finished or not; a figure has columns for its interval.

    For spreadsheets: columns `… low` and `… high` are the ends of 95 % intervals.
    """
    names = [name for name, _ in FIGURES] + ["AUC", "AUC after", "flip probability"]
    head = ["cell", "kind", "model", "dataset", "name", "budget", "seed", "state", "samples",
            "left out", "seconds"]  # fmt: skip
    for name in names:
        head += [name, f"{name} low", f"{name} high"]
    head += ["mean SSIM", "mean PSNR", "mean linf", "mean l2"]
    rows = []
    for record in results.records:
        cell = record.cell
        row: list[str | Number] = [
            cell.id, cell.kind, cell.model, cell.dataset, cell.name, cell.budget, cell.seed,
            record.state, record.rows, record.left_out, round(record.seconds, 3),
        ]  # fmt: skip
        rates = cell_rates(record)
        for name in names:
            own = rates[name]
            row += [None] * 3 if own is None else [own.value, own.low, own.high]
        row += [change(record, name) for name in ("ssim", "psnr", "linf", "l2")]
        rows.append(tuple(row))
    return Table(tuple(head), tuple(rows))


def further_figures(record: CellRecord) -> Table:
    """Figures of a cell that no chart shows, on clean and on changed images."""
    figures = figures_of(record)
    sides = [figures.get(key) or {} for key in ("clean", "attacked")]
    rows: list[tuple[str | Number, ...]] = []
    for name, key in (("macro AUC", "macro"), ("micro AUC", "micro")):
        areas = [told_of((side.get("areas") or {}).get(key)) for side in sides]
        rows.append((name, *map(_text, areas)))
    for name, key in (("macro F1", "macro_f1"), ("balanced accuracy", "balanced_accuracy")):
        own = told_of(figures.get(key)), told_of(figures.get(f"attacked_{key}"))
        rows.append((name, *map(_text, own)))
    calibrations = [side.get("calibration") or {} for side in sides]
    rows.append(("Brier score", *(_text(told_of(c.get("brier"))) for c in calibrations)))
    rows.append(("expected calibration error", *(c.get("ece") for c in calibrations)))
    known = [row for row in rows if any(value is not None for value in row[1:])]
    return Table(("figure", "clean", "changed"), tuple(known))


def changes_table(records: Sequence[CellRecord]) -> Table:
    """What the changed images of cells are like, on average; norms in steps of 1/255."""
    columns = (
        ("mean L∞ (of 255)", "linf", 255.0), ("mean L2 (of 255)", "l2", 255.0),
        ("mean SSIM", "ssim", 1.0), ("mean PSNR (dB)", "psnr", 1.0), ("mean steps", "steps", 1.0),
        ("mean queries", "queries", 1.0),
    )  # fmt: skip
    rows = []
    for record in records:
        values = [(change(record, name), scale) for _, name, scale in columns]
        if any(value is not None for value, _ in values):
            rows.append(
                (
                    record.cell.title,
                    *(None if value is None else value * scale for value, scale in values),
                )
            )
    return Table(("what", *(title for title, _, _ in columns)), tuple(rows))


def quantiles_table(records: Sequence[CellRecord]) -> Table:
    """The ε at which a share of all samples has fallen, with its interval, in steps of 1/255."""
    rows = []
    shares: dict[str, None] = {}
    for record in records:
        budgets = figures_of(record).get("budgets")
        if not budgets:
            continue
        own = {f"{100 * q['share']:g} %": q for q in budgets["quantiles"]}
        shares |= dict.fromkeys(own)
        rows.append((record.cell.title, *(_quantile(q) for q in own.values())))
    return Table(("what", *(f"{share} fallen at" for share in shares)), tuple(rows))


def _quantile(quantile: Mapping[str, Any]) -> str:
    if quantile["epsilon"] is None:
        return "beyond what was tried"
    low, high = (
        "?" if quantile[end] is None else f"{255 * quantile[end]:.3g}" for end in ("low", "high")
    )
    return f"{255 * quantile['epsilon']:.3g} [{low},\u00a0{high}]"


def _text(own: Told | None) -> str | None:
    return None if own is None else str(own)


def change(record: CellRecord, name: str, which: str = "mean") -> float | None:
    """What the changed images of a cell are like: "ssim", "linf", …; see `runner.outcome`."""
    found = (figures_of(record).get("change") or {}).get(name)
    return None if found is None else float(found[which])
