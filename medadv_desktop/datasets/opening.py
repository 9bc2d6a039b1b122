"""The door of the room: which layout a path has, and the data set it holds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from medadv_desktop.datasets.dataset import Dataset
from medadv_desktop.datasets.layouts import LAYOUTS, Layout, Recognition
from medadv_desktop.datasets.options import DatasetOptions
from medadv_desktop.datasets.problems import Guess
from medadv_desktop.errors import DatasetError
from medadv_desktop.jobs import CancelToken, Emit, silent

LIKELY = 0.5
"""Confidence from which a runner-up is worth a word."""


def recognise(path: Path | str) -> tuple[Recognition, ...]:
    """The layouts that a file or folder may have, the likeliest first; () where it has none.

    Looks at names, headers and first bytes only.
    """
    path = Path(path)
    found = [r for layout in LAYOUTS if (r := layout.recognise(path)) is not None]
    return tuple(sorted(found, key=lambda r: -r.confidence))


def layout_of(layout_id: str) -> Layout:
    """A layout by its id.

    Raises:
        DatasetError: there is none of that id.
    """
    found = next((layout for layout in LAYOUTS if layout.id == layout_id), None)
    if found is None:
        raise DatasetError(
            f"there is no layout {layout_id!r}",
            subject="layout",
            remedy=f"Known are: {', '.join(layout.id for layout in LAYOUTS)}",
        )
    return found


def open_dataset(
    path: Path | str,
    options: DatasetOptions | None = None,
    token: CancelToken | None = None,
    emit: Emit = silent,
) -> Dataset:
    """Open a labelled set: its description and labels, none of its pixels.

    Args:
        path: a folder, a table (CSV, TSV, XLSX, XLS) or an .npz archive.
        options: what to read differently from what would be guessed.

    Raises:
        DatasetError: missing, of no known layout, or broken; says what to choose.
        ImageError: an archive whose arrays are broken or no images.
        JobCancelled: the token was cancelled.
    """
    path, options = Path(path), options or DatasetOptions()
    token = token or CancelToken()
    if not path.exists():
        raise DatasetError("does not exist", subject=path, remedy="Check the path")
    if options.layout:
        return layout_of(options.layout).open(path, options, token, emit)
    found = recognise(path)
    if not found:
        raise DatasetError(
            "is no data set of a known layout",
            subject=path,
            remedy="Known are: " + ", ".join(layout.title for layout in LAYOUTS),
        )
    best = found[0]
    dataset = layout_of(best.layout).open(path, options, token, emit)
    others = [r.layout for r in found[1:] if r.confidence >= LIKELY]
    why = best.evidence + (f"; possible as well: {', '.join(others)}" if others else "")
    guess = Guess(f"The layout is {layout_of(best.layout).title}", why, "layout")
    return replace(dataset, guesses=(guess, *dataset.guesses))
