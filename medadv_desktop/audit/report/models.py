"""Models of one audit against each other, on the same samples."""

from __future__ import annotations

from collections.abc import Iterator

from medadv_desktop.analysis.charts.values import Table
from medadv_desktop.audit.comparison import Difference, compare_cells
from medadv_desktop.audit.plan.cells import Cell
from medadv_desktop.audit.report.blocks import Block, Grid, Paragraph
from medadv_desktop.audit.results.reading import AuditResults
from medadv_desktop.audit.store.records import CellRecord
from medadv_desktop.audit.store.store import AuditStore
from medadv_desktop.jobs import CancelToken


def model_blocks(store: AuditStore, results: AuditResults, token: CancelToken) -> Iterator[Block]:
    """Every model against the plan's baseline, or its first model, on every common data set: clean
    images, and each attack at its largest ε.

    Raises:
        JobCancelled: the token was cancelled.
    """
    told = False
    for dataset in results.dataset_ids:
        models = [m.id for m, d in results.plan.pairs() if d.id == dataset]
        first = results.plan.baseline if results.plan.baseline in models else "".join(models[:1])
        for second in models:
            if second == first:
                continue
            rows = []
            for one, other in _pairs(results, dataset, first, second):
                token.check()
                found = compare_cells(store, results, one, other)
                own = found.clean if one.cell.kind == "clean" else found.robust
                if own is not None:
                    rows.append((one.cell.title, found.samples, *_row(own)))
            if not rows:
                continue
            if not told:
                yield Paragraph(
                    "The same samples, judged by both. Clean images: clean accuracy; attacks, each "
                    "at its largest ε and made for the model itself: robust accuracy. A difference "
                    "has Tango's 95 % interval; p is of McNemar's exact test that both are right "
                    "equally often. Nothing corrects for the number of tests."
                )
                told = True
            head = ("what", "samples", first, second, "difference", "p")
            yield Grid(f"{second} against {first} on {dataset}", Table(head, tuple(rows)))


def _pairs(
    results: AuditResults, dataset: str, first: str, second: str
) -> list[tuple[CellRecord, CellRecord]]:
    own = [r for r in results.done("clean", "attack") if r.cell.dataset == dataset]
    theirs = {_key(r.cell): r for r in own if r.cell.model == second}
    largest: dict[tuple[str, int], float] = {}
    for record in own:
        cell = record.cell
        place = cell.name, cell.seed
        largest[place] = max(cell.budget or 0.0, largest.get(place, 0.0))
    return [
        (r, theirs[_key(r.cell)])
        for r in own
        if r.cell.model == first
        and _key(r.cell) in theirs
        and (r.cell.budget or 0.0) == largest[r.cell.name, r.cell.seed]
    ]


def _key(cell: Cell) -> tuple[str, str, float | None, int]:
    return cell.kind, cell.name, cell.budget, cell.seed


def _row(own: Difference) -> tuple[str | float | None, ...]:
    found, text = own.difference, None
    if found is not None:
        text = f"{found.value:+.3f}"
        if found.low is not None and found.high is not None:
            text += f" [{found.low:+.3f},\u00a0{found.high:+.3f}]"
    p = None if own.p is None else "< 0.001" if own.p < 0.001 else f"{own.p:.3f}"
    return f"{own.first.value:.3f}", f"{own.second.value:.3f}", text, p
