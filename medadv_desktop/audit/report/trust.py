"""How far the figures can be trusted: suspicions, limits, what was left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from medadv_desktop.analysis.charts.values import Table
from medadv_desktop.audit.masking import Naming
from medadv_desktop.audit.report.blocks import Block, Grid, Paragraph, Points
from medadv_desktop.audit.report.summary import named
from medadv_desktop.audit.results.curves import security_curves
from medadv_desktop.audit.results.reading import AuditResults
from medadv_desktop.audit.store.store import AuditStore

_MOST = 100


def suspicion_blocks(results: AuditResults) -> Iterator[Block]:
    """Why models may withstand less than the figures say."""
    rows = [
        (named(record), s["message"], s["remedy"])
        for record in results.records
        if record.outcome is not None
        for s in record.outcome.suspicions
    ]
    if rows:
        yield Paragraph(
            "Something speaks against the robustness that was measured. Until it is explained, "
            "take robust accuracy for what these attacks failed to break, not for what the model "
            "withstands.",
            warning=True,
        )
        yield Grid("What was seen", Table(("where", "sign", "what to try"), tuple(rows)))
    rises = tuple(_rises(results))
    if rises:
        yield Points(rises)
    if not rows and not rises:
        yield Paragraph(
            "No sign was seen. Signs are looked for; their absence proves nothing. After Athalye, "
            "Carlini and Wagner, ICML 2018, sec. 3.1."
        )


def _rises(results: AuditResults) -> Iterator[str]:
    """A larger budget holds every smaller one, so robust accuracy cannot rise with it."""
    for chart in security_curves(results):
        for line in chart.lines:
            known = [(x, y) for x, y in zip(line.x, line.y, strict=True) if y is not None]
            for (a, before), (b, after) in pairwise(known):
                if after > before + 1e-12:
                    yield (
                        f"{chart.title}: robust accuracy under “{line.name}” rises from "
                        f"{before:.3f} at ε {a:.4g} to {after:.3f} at ε {b:.4g}. It cannot under a "
                        "good attack: give the attack more steps or restarts."
                    )


def limit_blocks(results: AuditResults) -> Iterator[Block]:
    """What the figures do not say."""
    plan = results.plan
    limits = [
        "Robust accuracy is what is left after these attacks. Another attack can only lower it: "
        "it is an upper bound of true robustness, never a guarantee.",
        "Intervals are 95 % each, for samples like these ones. They cover the choice of samples, "
        "not another scanner, another site or other patients. With many figures, some intervals "
        "miss by chance.",
        "Attacks change the digital input of the model. Whether they survive printing, scanning "
        "or recompression was not asked.",
        "Differences between groups of patients are what these samples show; few samples show "
        "little.",
    ]
    if not any(a.smallest or a.at(None).minimal for a in plan.attacks):
        limits.append("Smallest budgets were not looked for: nothing is known between the budgets.")
    if not any(a.at(None).knowledge in ("scores", "decisions") for a in plan.attacks):
        limits.append(
            "No black-box attack was run. Where gradients mislead, one might find what these did "
            "not."
        )
    if len(plan.seeds) == 1:
        limits.append("A single seed: how much chance moves the attacks was not measured.")
    if not plan.corruptions and not plan.sequences:
        limits.append("Common corruptions were not measured.")
    yield Points(tuple(limits))


def left_out_blocks(store: AuditStore, results: AuditResults, naming: Naming) -> Iterator[Block]:
    """Samples without results, each with its reason, once for each data set."""
    found: dict[tuple[str, int, str, str], int] = {}
    for record in results.records:
        if record.left_out:
            for place, name, reason in store.left_out(record.cell.id):
                key = (record.cell.dataset, place, name, reason)
                found[key] = found.get(key, 0) + 1
    if not found:
        yield Paragraph("Every sample that was asked for has results.")
        return
    reasons = Counter((dataset, naming.text(reason, name)) for dataset, _, name, reason in found)
    head = ("data set", "reason", "samples")
    rows = [(dataset, reason, count) for (dataset, reason), count in reasons.most_common()]
    yield Grid("By reason", Table(head, tuple(rows)))
    named_rows = [
        (dataset, naming.sample(place, name), naming.text(reason, name), cells)
        for (dataset, place, name, reason), cells in sorted(found.items())
    ]
    caption = ""
    if len(named_rows) > _MOST:
        caption = f"The first {_MOST} of {len(named_rows)}; all of them stand in the JSON."
    yield Grid(
        "One by one",
        Table(("data set", "sample", "reason", "cells"), tuple(named_rows[:_MOST])),
        caption,
    )
