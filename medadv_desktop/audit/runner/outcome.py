"""From the rows of a cell to its figures. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.analysis.metrics.areas import Draw
from medadv_desktop.analysis.metrics.cell import cell_figures
from medadv_desktop.analysis.metrics.figures import Judged, log_odds
from medadv_desktop.audit.plan.cells import Cell
from medadv_desktop.audit.store.records import Rows
from medadv_desktop.corruptions.flips import flips_of
from medadv_desktop.corruptions.registry import SEQUENCES
from medadv_desktop.models.card import ModelCard


def figures_of_cell(
    cell: Cell,
    card: ModelCard,
    rows: Rows,
    *,
    groups: Mapping[str, Sequence[str]] | None = None,
    judges: Sequence[str] = (),
    draw: Draw | None = None,
) -> dict[str, Any]:
    """All figures of a finished cell, as plain values.

    Args:
        rows: of all its samples, by place.
        groups: N strings for each column of subgroups.
        judges: ids of the other models in `rows.judged`.
        draw: how intervals are bootstrapped.
    """
    draw = draw or Draw()
    clean = _judged(card, rows.labels, rows.clean_decisions, rows.clean_logits)
    if cell.kind == "clean":
        return cell_figures(
            card.classes, clean, multi_label=card.multi_label, groups=groups, draw=draw
        ).plain()
    if cell.kind == "sequence":
        return _flips(cell, card, rows)
    after = _judged(card, rows.labels, rows.decisions, rows.logits)
    smallest = cell.kind == "smallest"
    found = cell_figures(
        card.classes,
        clean,
        after,
        multi_label=card.multi_label,
        success=rows.success[rows.changed],
        minimal_epsilon=_budgets(rows) if smallest else None,
        searched_to=cell.budget if smallest else None,
        groups=groups,
        draw=draw,
    ).plain()
    found["change"] = changes(rows)
    if rows.judged is not None and judges:
        found["transfer"] = _transfer(rows, judges)
    return found


def changes(rows: Rows) -> dict[str, Any]:
    """Mean, median and extremes of what the changed images are like; None of nothing.

    PSNR is infinite for equal images; these are counted and left out of its mean.
    """
    found: dict[str, Any] = {"changed": int(rows.changed.sum())}
    for name in ("linf", "l2", "l1", "l0", "ssim", "psnr", "steps", "queries"):
        values = np.asarray(getattr(rows, name), np.float64)[rows.changed]
        finite = values[np.isfinite(values)]
        found[name] = None if not len(finite) else {
            "mean": float(finite.mean()),
            "median": float(np.median(finite)),
            "least": float(finite.min()),
            "most": float(finite.max()),
            "of": len(finite),
        }  # fmt: skip
    return found


def _budgets(rows: Rows) -> NDArray[np.float64]:
    """Smallest budgets; samples that were not attacked have none that sufficed."""
    return np.where(np.isnan(rows.smallest), np.inf, rows.smallest)


def _flips(cell: Cell, card: ModelCard, rows: Rows) -> dict[str, Any]:
    noise = SEQUENCES[cell.name].noise
    if rows.frames is None or not len(rows):
        return {"flip_probability": None, "frames": 0, "noise": noise, "samples": len(rows)}
    share = flips_of(rows.frames, noise)  # N×L
    found: dict[str, Any] = {
        "flip_probability": float(share.mean()),
        "frames": rows.frames.shape[1],
        "noise": noise,
        "samples": len(rows),
        # Of the mean over sequences, which are independent where findings of one image are not.
        "standard_error": None
        if len(rows) < 2
        else float(share.mean(axis=1).std(ddof=1) / np.sqrt(len(rows))),
    }
    if card.multi_label:
        found["findings"] = dict(zip(card.classes, share.mean(axis=0).tolist(), strict=True))
    return found


def _transfer(rows: Rows, judges: Sequence[str]) -> dict[str, Any]:
    """For each judge, how many of the attacked images it still gets right."""
    assert rows.judged is not None
    found = {}
    for k, judge in enumerate(judges):
        judged = rows.judged[:, k]
        seen = (judged >= 0).all(axis=1)
        right = (judged == rows.labels).all(axis=1) & seen
        found[judge] = {"right": int(right.sum()), "of": int(seen.sum())}
    return found


def _judged(
    card: ModelCard,
    labels: NDArray[np.int16],
    decisions: NDArray[np.int16],
    logits: NDArray[np.float32],
) -> Judged:
    wide = logits.astype(np.float64)
    if card.multi_label:
        probabilities = _sigmoid(wide)
        return Judged(labels.astype(np.bool_), decisions.astype(np.bool_), wide, probabilities)
    classes = np.arange(len(card.classes))
    shifted = np.exp(wide - wide.max(axis=1, keepdims=True)) if len(wide) else wide
    probabilities = shifted / shifted.sum(axis=1, keepdims=True)
    return Judged(labels == classes, decisions == classes, log_odds(wide), probabilities)


def _sigmoid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.exp(-np.logaddexp(0, -values)))
