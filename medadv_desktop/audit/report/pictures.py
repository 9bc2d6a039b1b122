"""Kept images as small PNGs: before, the change amplified, after."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.audit.masking import Naming
from medadv_desktop.audit.report.blocks import Gallery, Paragraph, Triple
from medadv_desktop.audit.results.reading import AuditResults
from medadv_desktop.audit.store.images import load_pair
from medadv_desktop.audit.store.records import CellRecord, SampleName
from medadv_desktop.audit.store.sample_stream import SampleStream
from medadv_desktop.errors import AuditError
from medadv_desktop.jobs import CancelToken
from medadv_desktop.models.card import ModelCard

SIDE: Final = 128
"""Longer side of a picture in pixels."""

ROOM: Final = 4_500_000
"""Bytes that all pictures of a report may take together."""

EACH: Final = 6
"""Of one cell, at most."""


@dataclass(frozen=True, eq=False)
class _Shown:
    """A kept image that is to be shown; `said`: the truth, and the decisions before and after."""

    record: CellRecord
    name: SampleName
    said: tuple[NDArray[np.int16], NDArray[np.int16], NDArray[np.int16]]
    digest: str


def galleries(
    store: SampleStream, results: AuditResults, naming: Naming, token: CancelToken
) -> Iterator[Gallery | Paragraph]:
    """Images of every attack and corruption that has kept some, first ones of each first, as far
    as there is room; then what could not be shown.

    Raises:
        JobCancelled: the token was cancelled.
    """
    cells = results.done("attack", "smallest", "corruption")
    queues = [list(_shown(store, record)) for record in cells]
    found: dict[str, list[tuple[_Shown, Triple, int]]] = {}
    room, more, lost = ROOM, 0, []
    for turn in zip_longest(*queues):
        for shown in turn:
            if shown is None:
                continue
            token.check()
            try:
                triple, gain = _triple(store, results, naming, shown)
            except AuditError as error:
                lost.append(f"{shown.record.cell.title}: {naming.text(error.reason)}")
                continue
            size = len(triple.original) + len(triple.change) + len(triple.changed)
            if size > room:
                more += 1
                continue
            room -= size
            found.setdefault(shown.record.cell.id, []).append((shown, triple, gain))
    for record in cells:
        if record.cell.id in found:
            yield _gallery(record, found[record.cell.id])
    if more:
        yield Paragraph(f"{more} more kept images are left out here to keep this report small.")
    for text in dict.fromkeys(lost):
        yield Paragraph(f"Not shown: {text}.", warning=True)


def _shown(store: SampleStream, record: CellRecord) -> Iterator[_Shown]:
    places = store.kept(record.cell.id, EACH)
    names, rows = store.rows_at(record.cell.id, places)
    for k, name in enumerate(names):
        said = rows.labels[k], rows.clean_decisions[k], rows.decisions[k]
        yield _Shown(record, name, said, rows.images[k])


def _gallery(record: CellRecord, entries: list[tuple[_Shown, Triple, int]]) -> Gallery:
    gains = sorted({gain for _, _, gain in entries})
    times = " to ".join(f"{gain}" for gain in (gains[0], gains[-1])[: len(gains)])
    return Gallery(
        f"{record.cell.model} on {record.cell.dataset}, {record.cell.title}",
        f"Original, change amplified {times} times around mid-grey, changed image; as the model "
        f"sees them, at most {SIDE} pixels wide.",
        tuple(triple for _, triple, _ in entries),
    )


def _triple(
    store: SampleStream, results: AuditResults, naming: Naming, shown: _Shown
) -> tuple[Triple, int]:
    """The pictures, and how many times the change is amplified."""
    original, changed = load_pair(store.folder, shown.digest)
    change = changed - original
    largest = float(np.abs(change).max())
    gain = max(1, int(0.5 / largest)) if largest else 1
    card = results.models[shown.record.cell.model].card
    truth, before, after = (_said(card, decision) for decision in shown.said)
    name = naming.sample(shown.name.place, shown.name.id)
    text = f"{name}: truly {truth}; said {before} → {after}"
    return (
        Triple(png(original), png(np.clip(0.5 + gain * change, 0, 1)), png(changed), text),
        gain,
    )


def _said(card: ModelCard, decision: NDArray[np.int16]) -> str:
    if card.multi_label:
        names = [name for name, found in zip(card.classes, decision, strict=True) if found]
        return ", ".join(names) or "nothing"
    return card.classes[int(decision[0])]


def png(image: NDArray[np.floating], side: int = SIDE) -> bytes:
    """A C×H×W image in [0, 1], C being 1 or 3, scaled down where it is larger than `side`."""
    from PIL import Image

    values = np.rint(np.asarray(image) * 255).astype(np.uint8)
    picture = Image.fromarray(values[0] if len(values) == 1 else values.transpose(1, 2, 0))
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    picture.save(out, format="png", optimize=True)
    return out.getvalue()
