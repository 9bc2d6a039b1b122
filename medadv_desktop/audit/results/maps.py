"""Heat maps: models by attacks, and which attacked images carry over to other models."""

from __future__ import annotations

from medadv_desktop.analysis.charts.values import Axis, HeatMap
from medadv_desktop.audit.plan.cells import Cell
from medadv_desktop.audit.results.reading import (
    AuditResults,
    Told,
    accuracy_after,
    figures_of,
    pooled,
    told,
)
from medadv_desktop.settings import format_pixel_fraction

_MOST_COLUMNS = 8

CLEAN = "clean"


def attack_maps(results: AuditResults) -> tuple[HeatMap, ...]:
    """For each data set, accuracy of every model: clean, and robust under every attack and ε."""
    charts = []
    for dataset in results.dataset_ids:
        found: dict[tuple[str, str], list[Told]] = {}
        for record in results.done("clean", "attack"):
            cell = record.cell
            clean = cell.kind == "clean"
            rate = told(record, "clean_accuracy" if clean else "robust_accuracy")
            if cell.dataset == dataset and rate is not None:
                found.setdefault((cell.model, _column(cell)), []).append(rate)
        columns = tuple(dict.fromkeys(column for _, column in found))
        if len(columns) > 1:
            charts.append(_models_by(results, dataset, columns, found))
    return tuple(charts)


def transfer_maps(results: AuditResults) -> tuple[HeatMap, ...]:
    """For each attack and ε that others judged: accuracy of judges on images made for a model."""
    groups: dict[tuple[str, str], list[tuple[Cell, str, float]]] = {}
    for record in results.done("attack"):
        judged = figures_of(record).get("transfer")
        if not judged:
            continue
        entries = groups.setdefault((record.cell.dataset, _column(record.cell)), [])
        own = accuracy_after(record)
        several = results.models[record.cell.model].card.multi_label
        if own is not None and not several:
            entries.append((record.cell, record.cell.model, own.value))
        for judge, counts in judged.items():
            if counts["of"]:
                entries.append((record.cell, judge, counts["right"] / counts["of"]))
    return tuple(_transfer(dataset, what, entries) for (dataset, what), entries in groups.items())


def _models_by(
    results: AuditResults,
    dataset: str,
    columns: tuple[str, ...],
    found: dict[tuple[str, str], list[Told]],
) -> HeatMap:
    models = tuple(m.id for m in results.plan.models if any(m.id == own for own, _ in found))
    means = {place: pooled(rates) for place, rates in found.items()}
    values = tuple(
        tuple(None if (mean := means.get((m, c))) is None else mean.value for c in columns)
        for m in models
    )
    title = f"Accuracy under attack, {dataset}"
    caption = (
        "Clean accuracy, then the share of all samples still right after each attack; light is "
        "good."
    )
    attacks, rows = Axis("attack and ε"), Axis("model")
    if len(columns) > _MOST_COLUMNS:
        turned = tuple(zip(*values, strict=True))
        return HeatMap(title, caption, rows, attacks, models, columns, turned)
    return HeatMap(title, caption, attacks, rows, columns, models, values)


def _transfer(dataset: str, what: str, entries: list[tuple[Cell, str, float]]) -> HeatMap:
    crafted = tuple(dict.fromkeys(cell.model for cell, _, _ in entries))
    judges = tuple(dict.fromkeys((*crafted, *(judge for _, judge, _ in entries))))
    by_place: dict[tuple[str, str], list[float]] = {}
    for cell, judge, value in entries:
        by_place.setdefault((cell.model, judge), []).append(value)

    def mean(place: tuple[str, str]) -> float | None:
        values = by_place.get(place)
        return sum(values) / len(values) if values else None

    return HeatMap(
        f"Transfer of {what}, {dataset}",
        "Images attacked on the model of a row, judged by that of a column: the share that is "
        "right. Dark off the diagonal means that the attack carries over.",
        Axis("judged by"),
        Axis("attacked on"),
        judges,
        crafted,
        tuple(tuple(mean((craft, judge)) for judge in judges) for craft in crafted),
    )


def _column(cell: Cell) -> str:
    if cell.kind == "clean":
        return CLEAN
    if cell.budget is None:
        return cell.name
    return f"{cell.name} {format_pixel_fraction(cell.budget)}"
