"""The samples that fall first: right without an attack, wrong after the smallest change."""

from __future__ import annotations

import math
from collections.abc import Iterator

from medadv_desktop.analysis.charts.values import Table
from medadv_desktop.audit.masking import Naming
from medadv_desktop.audit.report.blocks import Block, Grid, Paragraph
from medadv_desktop.audit.report.summary import named
from medadv_desktop.audit.results.reading import AuditResults, told
from medadv_desktop.audit.store.records import CellRecord, RowQuery
from medadv_desktop.audit.store.sample_stream import SampleStream
from medadv_desktop.settings import format_pixel_fraction

_EACH = 10


def failure_blocks(store: SampleStream, results: AuditResults, naming: Naming) -> Iterator[Block]:
    """A table for each model and data set: of its smallest budgets, else of its smallest ε."""
    nothing = True
    for model, dataset in results.plan.pairs():
        record = _most_telling(results, model.id, dataset.id)
        if record is None:
            continue
        query = RowQuery(
            show="right-wrong",
            sort="smallest" if record.cell.kind == "smallest" else "linf",
            count=_EACH,
        )
        names, rows = store.page(record.cell.id, query)
        if not len(rows):
            continue
        nothing = False
        card = results.models[model.id].card
        table = []
        for k, name in enumerate(names):
            said = rows.decisions[k]
            table.append(
                (
                    naming.sample(name.place, name.id),
                    _classes(card.classes, rows.labels[k].tolist(), several=card.multi_label),
                    _classes(card.classes, said.tolist(), several=card.multi_label),
                    _budget(float(rows.smallest[k]), record),
                    round(float(rows.linf[k]) * 255, 2),
                    None if math.isnan(rows.ssim[k]) else round(float(rows.ssim[k]), 4),
                )
            )
        head = ("sample", "truly and at first", "said afterwards", "budget",
                "largest change (of 255)", "SSIM")  # fmt: skip
        total = store.count(record.cell.id, query)
        yield Grid(
            named(record),
            Table(head, tuple(table)),
            f"The first {len(table)} of {total} samples that were right and are wrong, by "
            + ("smallest budget." if record.cell.kind == "smallest" else "largest change."),
        )
    if nothing:
        yield Paragraph("No finished attack has made a right decision wrong.")


def _most_telling(results: AuditResults, model: str, dataset: str) -> CellRecord | None:
    """Smallest budgets, else the attack with the smallest budget that made something wrong."""
    own = [
        r
        for r in results.done("smallest", "attack")
        if (r.cell.model, r.cell.dataset) == (model, dataset) and _hurts(r)
    ]
    return min(
        own, key=lambda r: (r.cell.kind != "smallest", r.cell.budget or math.inf, r.rank),
        default=None,
    )  # fmt: skip


def _hurts(record: CellRecord) -> bool:
    rate = told(record, "attack_success_rate")
    return rate is not None and bool(rate.count)


def _budget(smallest: float, record: CellRecord) -> str:
    value = smallest if record.cell.kind == "smallest" else record.cell.budget
    if value is None or not math.isfinite(value):
        return "–"
    return format_pixel_fraction(value)


def _classes(names: tuple[str, ...], decision: list[int], *, several: bool) -> str:
    if several:
        return ", ".join(n for n, found in zip(names, decision, strict=True) if found) or "nothing"
    return names[decision[0]]
