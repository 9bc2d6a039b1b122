"""Training: what is asked, what is told while it runs, and what came of it. No torch."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from medadv_desktop.training.recipe import Recipe

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class TrainingControl:
    """What a user asks of a running training, from any thread; it is heeded between batches."""

    def __init__(self) -> None:
        self._paused = threading.Event()
        self._finished = threading.Event()

    def pause(self) -> None:
        """Write a checkpoint after the batch in flight and end; resuming is a new request."""
        self._paused.set()

    def finish(self) -> None:
        """End after the batch in flight, as if the epochs were over: the best so far is kept."""
        self._finished.set()

    @property
    def paused(self) -> bool:
        return self._paused.is_set()

    @property
    def finishing(self) -> bool:
        return self._finished.is_set()


@dataclass(frozen=True, eq=False)
class TrainingRequest:
    """Train by a recipe, or go on with a training. Answer: `TrainingFinished`.

    While it runs, `Progress` in steps over the whole training and `Partial` of `TrainingStanding`.

    Attributes:
        folder: of the training; made where it is missing.
        recipe: None goes on with the one in the folder; with `resume` it must be the same.
        resume: go on with what is in the folder; else it must hold no training.
        control: how it is paused and ended early.
        cache: file of remembered digests for the fingerprint; None means the user's own.
    """

    folder: Path
    recipe: Recipe | None = None
    resume: bool = False
    control: TrainingControl = field(default_factory=TrainingControl)
    cache: Path | None = None


@dataclass(frozen=True)
class EpochFigures:
    """One finished epoch.

    Attributes:
        epoch: from 1.
        loss: mean of the objective over the batches.
        accuracy: share of decisions right on what was learned from (attacked images where they
            are; findings: over all of them); None with labels that are shares.
        learning_rate: of its last step.
        seconds: it took, validation included.
        clean, robust: scores on the validation split; None where it was not validated.
        score: by which the best is chosen; None where it was not validated.
    """

    epoch: int
    loss: float
    accuracy: float | None
    learning_rate: float
    seconds: float
    clean: float | None = None
    robust: float | None = None
    score: float | None = None


@dataclass(frozen=True, eq=False)
class TrainingStanding:
    """A training as it stands, as the value of a `jobs.Partial`.

    Attributes:
        epoch, epochs: the one being worked on, from 1, of how many.
        step, steps: optimiser steps done, of how many.
        loss: of the last batch.
        learning_rate: of the last step.
        samples_per_second: since the start or the resuming.
        seconds_left: estimated; None where nothing is known yet.
        history: of the finished epochs.
        best: number of the best epoch, 0 for none yet.
        original, attacked: C×H×W float32, the first sample of the last batch, where one is shown.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    learning_rate: float
    samples_per_second: float
    seconds_left: float | None
    history: tuple[EpochFigures, ...]
    best: int
    original: NDArray[np.float32] | None = None
    attacked: NDArray[np.float32] | None = None


Ending = Literal["epochs", "time", "patience", "asked", "collapsed", "diverged", "paused"]

ENDINGS: dict[Ending, str] = {
    "epochs": "all epochs are done",
    "time": "the time is over",
    "patience": "the score has not risen any more",
    "asked": "it was ended early",
    "collapsed": "robustness collapsed (catastrophic overfitting); the epoch before is kept",
    "diverged": "it diverged; the best epoch before is kept",
    "paused": "it was paused",
}


@dataclass(frozen=True)
class TrainingFinished:
    """What came of a training.

    Attributes:
        folder: of the training.
        ending: why it ended; "paused" and nothing to keep have no `card`.
        card: path of the model card, ready for the library.
        best: number of the epoch kept, 0 for none.
        history: of all epochs.
        diagnosis: of a training that diverged: what happened, and what to do.
    """

    folder: Path
    ending: Ending
    card: Path | None
    best: int
    history: tuple[EpochFigures, ...]
    diagnosis: str = ""
