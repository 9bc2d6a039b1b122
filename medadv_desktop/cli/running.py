"""How a command runs: cancellable, file by file, with progress on a terminal."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from medadv_desktop.errors import MedAdvError
from medadv_desktop.jobs import CancelToken, Event, Message, Progress

DONE, BAD_INPUT, CANCELLED = 0, 2, 130


@contextmanager
def cancellable() -> Iterator[CancelToken]:
    """A token that Ctrl+C cancels; a second Ctrl+C interrupts at once."""
    token = CancelToken()

    def stop(_number: int, _stack: object) -> None:
        if token.cancelled:
            raise KeyboardInterrupt
        token.cancel()

    previous = signal.signal(signal.SIGINT, stop)
    try:
        yield token
    finally:
        signal.signal(signal.SIGINT, previous)


def for_each(paths: list[Path], job: Callable[[Path, CancelToken], None]) -> int:
    """Do a job for every image at the paths; what fails is told and does not stop the rest.

    Returns:
        0, or 2 where a file failed or no image was found.
    """
    from medadv_desktop.imaging.frame import Unreadable
    from medadv_desktop.imaging.scanning import scan

    failures = found_any = 0
    with cancellable() as token:
        for found in scan(paths, token):
            if isinstance(found, Unreadable):
                # In a folder other things than images are no failure; named outright they are.
                if not found.skipped or found.path in paths:
                    complain(f"{found.path}: {found.reason}")
                    failures += 1
                continue
            found_any += 1
            try:
                job(found.path, token)
            except MedAdvError as error:
                text = str(error)
                named = str(found.path) in text
                complain(text if named else f"{found.path}: {text}")
                failures += 1
    if not found_any and not failures:
        complain(f"no image in {', '.join(map(str, paths))}")
        return BAD_INPUT
    return BAD_INPUT if failures else DONE


def complain(text: str) -> None:
    """One line on standard error."""
    print(f"medadv: {' '.join(text.split())}", file=sys.stderr, flush=True)


@contextmanager
def progress_line(title: str) -> Iterator[Callable[[Event], None]]:
    """Progress drawn on a terminal; nothing but messages in a pipe."""
    terminal = sys.stderr.isatty()

    def emit(event: Event) -> None:
        if isinstance(event, Message):
            complain(event.text)
        elif terminal and isinstance(event, Progress) and event.total:
            share = event.done / event.total
            bar = "█" * round(share * 20)
            print(f"\r{title}  {bar:░<20} {share:4.0%}", end="", file=sys.stderr, flush=True)

    try:
        yield emit
    finally:
        if terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
