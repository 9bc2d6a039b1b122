"""Figures, curves and the inside of the worst cells."""

from __future__ import annotations

from collections.abc import Iterator

from medadv_desktop.analysis.charts.values import Chart, LineChart, Table
from medadv_desktop.audit.masking import Naming
from medadv_desktop.audit.report.blocks import Block, Grid, Paragraph, Picture
from medadv_desktop.audit.report.summary import worst_cell
from medadv_desktop.audit.results.cell_charts import (
    calibration_chart,
    class_table,
    confusion_charts,
    group_charts,
    roc_charts,
)
from medadv_desktop.audit.results.curves import security_curves, smallest_curves
from medadv_desktop.audit.results.maps import attack_maps, transfer_maps
from medadv_desktop.audit.results.perturbations import (
    RelativeFigure,
    corruption_curves,
    flip_bars,
    mean_corruption_errors,
    mean_flip_rates,
)
from medadv_desktop.audit.results.reading import AuditResults, Told, figures_of
from medadv_desktop.audit.results.tables import (
    cell_rates,
    changes_table,
    further_figures,
    quantiles_table,
)
from medadv_desktop.audit.store.records import CellRecord

_MOST_CURVES = 4
"""ROC curves of a model; with more classes those that lost most are shown."""


def accuracy_blocks(results: AuditResults) -> Iterator[Block]:
    """Every figure with its interval; then the same as pictures."""
    yield Paragraph(
        "Clean accuracy: right without a change. Robust accuracy: right before and after it, over "
        "all samples. Attack success rate: of those right before, made wrong. Fooling rate: "
        "decisions that changed. Every figure with its 95 % interval."
    )
    for model, dataset in results.plan.pairs():
        records = [
            r for r in results.done()
            if (r.cell.model, r.cell.dataset) == (model.id, dataset.id)
            and r.cell.kind != "sequence"
        ]  # fmt: skip
        if not records:
            continue
        title = f"{model.id} on {dataset.id}"
        yield Grid(title, _figures(records))
        for name, table in (
            ("what the changes are like", changes_table(records)),
            ("smallest ε of 255 (“?”: beyond what was tried)", quantiles_table(records)),
        ):
            if table.rows:
                yield Grid(f"{title}: {name}", table)
    charts: tuple[Chart, ...] = attack_maps(results)
    charts += (*security_curves(results), *smallest_curves(results))
    for chart in charts:
        yield Picture(chart)


def inside_blocks(results: AuditResults, naming: Naming) -> Iterator[Block]:
    """For every model and data set, clean images against the attack that hurts most."""
    nothing = True
    for model, dataset in results.plan.pairs():
        record = worst_cell(results, model.id, dataset.id) or results.clean(model.id, dataset.id)
        if record is None:
            continue
        nothing = False
        yield Paragraph(f"{model.id} on {dataset.id}: {record.cell.title}.")
        curves = roc_charts(record)
        shown = _most_lost(record, curves)
        for chart in shown:
            yield Picture(chart)
        if len(shown) < len(curves):
            yield Paragraph(
                f"The {len(shown)} of {len(curves)} classes whose area under the ROC fell most; "
                "all of them stand in the table."
            )
        for matrix in confusion_charts(record):
            yield Picture(matrix)
        reliability = calibration_chart(record)
        if reliability is not None:
            yield Picture(reliability)
        yield Grid("Class by class", class_table(record))
        yield Grid("Further figures", further_figures(record))
        for bars in group_charts(record, naming.groups):
            yield Picture(bars)
    if nothing:
        yield Paragraph("No cell is finished yet.")


def perturbation_blocks(results: AuditResults) -> Iterator[Block]:
    """Corruptions and sequences."""
    for curve in corruption_curves(results):
        yield Picture(curve)
    errors = mean_corruption_errors(results)
    if errors:
        yield _relative(results, "Mean corruption error (mCE)", errors)
    for bars in flip_bars(results):
        yield Picture(bars)
    rates = mean_flip_rates(results)
    if rates:
        yield _relative(results, "Mean flip rate (mFR)", rates)


def transfer_blocks(results: AuditResults) -> Iterator[Block]:
    """Which attacked images carry over."""
    for chart in transfer_maps(results):
        yield Picture(chart)


def interval(own: Told | None) -> str | None:
    """A figure and its interval."""
    if own is None:
        return None
    if own.low is None or own.high is None:
        return f"{own.value:.3f}"
    return f"{own.value:.3f} [{own.low:.3f},\u00a0{own.high:.3f}]"


def _figures(records: list[CellRecord]) -> Table:
    names = ("clean accuracy", "robust accuracy", "attack success rate", "fooling rate", "AUC",
             "AUC after")  # fmt: skip
    rates = [cell_rates(record) for record in records]
    shown = [name for name in names if any(own[name] is not None for own in rates)]
    rows = [
        (record.cell.title, record.rows, *(interval(own[name]) for name in shown))
        for record, own in zip(records, rates, strict=True)
    ]
    return Table(("what", "samples", *shown), tuple(rows))


def _most_lost(record: CellRecord, charts: tuple[LineChart, ...]) -> tuple[LineChart, ...]:
    if len(charts) <= _MOST_CURVES:
        return charts
    classes = figures_of(record).get("classes") or []

    def lost(k: int) -> float:
        area, after = classes[k].get("area"), classes[k].get("robust_area")
        return 0.0 if area is None or after is None else area - after

    # A class without a curve has no chart; then the places do not correspond, and all are shown.
    if len(charts) != len(classes):
        return charts[:_MOST_CURVES]
    worst = sorted(range(len(charts)), key=lost, reverse=True)[:_MOST_CURVES]
    return tuple(charts[k] for k in sorted(worst))


def _relative(results: AuditResults, title: str, figures: tuple[RelativeFigure, ...]) -> Grid:
    rows: list[tuple[str | float | None, ...]] = []
    for own in figures:
        if own.relative is None:
            rows.append((own.model, own.dataset, None, "measured on other kinds than the baseline"))
            continue
        note = ""
        if own.relative.undefined:
            note = f"without {', '.join(own.relative.undefined)}: the baseline has 0 there"
        mean = own.relative.mean
        rows.append((own.model, own.dataset, None if mean is None else round(mean, 3), note))
    return Grid(
        title,
        Table(("model", "data set", "relative to the baseline", "note"), tuple(rows)),
        f"Relative to {results.plan.baseline}; below 1 is better than it.",
    )
