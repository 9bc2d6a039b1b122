"""Pages of samples as they are read in the background. No Qt; imported by whoever reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.audit.store.records import RowQuery, Rows, SampleName
from medadv_desktop.audit.store.sample_table import SampleTable
from medadv_desktop.models.card import ModelCard

PAGE = 200


@dataclass(frozen=True, eq=False)
class SampleRow:
    """One sample as the table shows it.

    Attributes:
        label, clean, after: in words; `after` is "" where nothing was changed.
        p_clean, p_after: of the true class; of findings, of the one that changed most, which
            `finding` names. None where nothing was changed, or nobody knows.
        right_before, right_after: of the decisions.
        smallest: ∞ where no budget sufficed, NaN where none was looked for.
    """

    name: SampleName
    label: str
    clean: str
    after: str
    p_clean: float
    p_after: float | None
    finding: str
    right_before: bool
    right_after: bool
    changed: bool
    success: bool
    steps: int
    queries: int
    linf: float
    l2: float
    ssim: float
    psnr: float
    smallest: float
    seconds: float
    note: str
    image: str


def read_order(folder: Path, cell: str, query: RowQuery) -> NDArray[np.int64]:
    """The places of all samples that a query shows, in its order."""
    with SampleTable.open(folder) as store:
        return store.order(cell, query)


def read_rows(
    folder: Path, cell: str, places: NDArray[np.int64], card: ModelCard
) -> tuple[SampleRow, ...]:
    """Some samples of a cell by their places, in that order."""
    with SampleTable.open(folder) as store:
        names, rows = store.rows_at(cell, places)
    return tuple(_row(name, rows, k, card) for k, name in enumerate(names))


def _row(name: SampleName, rows: Rows, k: int, card: ModelCard) -> SampleRow:
    changed = bool(rows.changed[k])
    p_clean, p_after, finding = _probabilities(rows, k, card)
    return SampleRow(
        name=name,
        label=_words(rows.labels[k], card),
        clean=_words(rows.clean_decisions[k], card),
        after=_words(rows.decisions[k], card) if changed else "",
        p_clean=p_clean,
        p_after=p_after if changed else None,
        finding=finding,
        right_before=bool(rows.right_before[k]),
        right_after=bool(rows.right_after[k]),
        changed=changed,
        success=bool(rows.success[k]),
        steps=int(rows.steps[k]),
        queries=int(rows.queries[k]),
        linf=float(rows.linf[k]),
        l2=float(rows.l2[k]),
        ssim=float(rows.ssim[k]),
        psnr=float(rows.psnr[k]),
        smallest=float(rows.smallest[k]),
        seconds=float(rows.seconds[k]),
        note=rows.notes[k] if rows.notes else "",
        image=rows.images[k] if rows.images else "",
    )


def _probabilities(rows: Rows, k: int, card: ModelCard) -> tuple[float, float, str]:
    clean, after = rows.clean_logits[k].astype(np.float64), rows.logits[k].astype(np.float64)
    if card.multi_label:
        before, then = (np.exp(-np.logaddexp(0, -v)) for v in (clean, after))
        at = int(np.abs(then - before).argmax())
        return float(before[at]), float(then[at]), card.classes[at]
    at = int(rows.labels[k, 0])
    return _softmax(clean, at), _softmax(after, at), ""


def _softmax(logits: NDArray[np.float64], at: int) -> float:
    shares = np.exp(logits - logits.max())
    return float(shares[at] / shares.sum())


def _words(decided: NDArray[np.int16], card: ModelCard) -> str:
    if not card.multi_label:
        return card.classes[int(decided[0])]
    return ", ".join(c for c, on in zip(card.classes, decided.tolist(), strict=True) if on) or "–"
