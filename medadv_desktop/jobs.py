"""What a long computation and its audience say to each other. No Qt, no torch.

A job is a plain call that takes an `Emit` for its events and a `CancelToken` that it checks. The
window, the command line and the tests are three audiences of the same calls.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


class JobCancelled(BaseException):
    """Raised by `CancelToken.check`. A BaseException, for libraries swallow Exception."""


class CancelToken:
    """A request to stop that any thread may make and the job looks at."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        """Ask the job to stop. Returns at once; asking twice is harmless."""
        self._event.set()

    @property
    def cancelled(self) -> bool:
        return self._event.is_set()

    def check(self) -> None:
        """Raise `JobCancelled` if a stop was asked for.

        Raises:
            JobCancelled: `cancel` was called.
        """
        if self._event.is_set():
            raise JobCancelled


@dataclass(frozen=True)
class Progress:
    """`done` of `total` units of work are behind us; `total` 0 means unknown."""

    done: float
    total: float
    message: str = ""


@dataclass(frozen=True)
class Message:
    """A line for the log. `level` is one of "info", "warning", "error"."""

    text: str
    level: str = "info"


@runtime_checkable
class Keyed(Protocol):
    """A partial result of one of several things: it replaces only an earlier one of its key."""

    @property
    def key(self) -> str: ...


@dataclass(frozen=True)
class Partial:
    """An intermediate result worth showing: a picture so far, a file found.

    Whatever crosses to another thread this way is a detached copy on the CPU.
    """

    value: object


Event = Progress | Message | Partial
Emit = Callable[[Event], None]


def silent(event: Event) -> None:
    """The audience of a job that nobody watches."""


class Notes:
    """An audience of messages alone: who tells it progress and previews need not make them."""

    wants_progress = False

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, event: Event) -> None:
        if isinstance(event, Message) and event.text not in self.texts:
            self.texts.append(event.text)


def wants_progress(emit: Emit) -> bool:
    """Whether an audience looks at progress and previews, which may cost something to make."""
    return emit is not silent and bool(getattr(emit, "wants_progress", True))
