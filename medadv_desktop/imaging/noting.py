"""Warnings of the libraries, turned into notes instead of lines on a terminal.

`warnings.catch_warnings` alone would do in a program of one thread. Here files are read in several
at once, and its filters belong to the whole process: so they are put in place by the first reader,
taken away by the last, and each warning goes to the list of the thread it happened in.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_LIBRARIES = r"(pydicom|PIL|SimpleITK)(\.|$)"

_lock = threading.Lock()
_readers = 0
_catcher: warnings.catch_warnings[Any] | None = None
_show_elsewhere: Any = None
_here = threading.local()


@contextmanager
def noting() -> Iterator[list[str]]:
    """Collect what the imaging libraries warn about on this thread while the block runs.

    Yields:
        the messages so far, each once, in order; it grows while the block runs.
    """
    outer = getattr(_here, "notes", None)
    notes: list[str] = []
    _here.notes = notes
    _enter()
    try:
        yield notes
    finally:
        _leave()
        _here.notes = outer


def note(text: str) -> None:
    """Add to the notes of the block that this thread is in; outside of one, nobody reads them."""
    notes = getattr(_here, "notes", None)
    if notes is not None and (line := " ".join(text.split())) not in notes:
        notes.append(line)


def _enter() -> None:
    global _readers, _catcher, _show_elsewhere  # noqa: PLW0603 - the filters are global as well
    with _lock:
        if _readers == 0:
            _catcher = warnings.catch_warnings()
            _catcher.__enter__()
            _show_elsewhere = warnings.showwarning
            warnings.showwarning = _show
            warnings.filterwarnings("always", module=_LIBRARIES)
        _readers += 1


def _leave() -> None:
    global _readers, _catcher  # noqa: PLW0603
    with _lock:
        _readers -= 1
        if _readers == 0 and _catcher is not None:
            _catcher.__exit__(None, None, None)
            _catcher = None


def _show(message: Any, category: Any, *where: Any, **more: Any) -> None:
    notes = getattr(_here, "notes", None)
    if notes is None:
        _show_elsewhere(message, category, *where, **more)
    elif (text := " ".join(str(message).split())) not in notes:
        notes.append(text)
