"""What a running training tells its audience."""

from __future__ import annotations

import time
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from medadv_desktop.jobs import Emit, Message, Partial, Progress, silent
from medadv_desktop.training.checkpoints import Position
from medadv_desktop.training.gathering import StepSums
from medadv_desktop.training.requests import TrainingStanding

_PICTURES_S: Final = 1.0
"""Between two pictures: each is a copy from the device."""

FirstSample = tuple[torch.Tensor, torch.Tensor | None]


class Teller:
    """Progress by step, a standing with curves, sometimes a picture; a line after every epoch."""

    def __init__(self, emit: Emit, epochs: int, steps: int) -> None:
        self._emit = emit
        self._epochs = epochs
        self._steps = steps
        self._began = self._pictured = 0.0
        self._first_step = 0
        self._samples = 0

    def begin(self, position: Position) -> None:
        """The clock starts, at the beginning or on resuming."""
        self._began = time.perf_counter()
        self._first_step = position.step
        self._samples = 0

    def step(
        self, position: Position, sums: StepSums, rate: float, first: FirstSample | None
    ) -> None:
        """After an optimiser step."""
        if self._emit is silent:
            return
        self._samples += sums.seen
        now = time.perf_counter()
        took = max(now - self._began, 1e-9)
        done = position.step - self._first_step
        left = took / done * (self._steps - position.step)
        told = f"epoch {position.epoch + 1} of {self._epochs}, loss {sums.loss:.4f}"
        self._emit(Progress(position.step, self._steps, f"{told}, {_clock(left)} left"))
        pictures: list[NDArray[np.float32] | None] = [None, None]
        if first is not None and now - self._pictured >= _PICTURES_S:
            self._pictured = now
            pictures = [None if image is None else _copied(image) for image in first]
        self._emit(
            Partial(
                TrainingStanding(
                    epoch=position.epoch + 1,
                    epochs=self._epochs,
                    step=position.step,
                    steps=self._steps,
                    loss=sums.loss,
                    learning_rate=rate,
                    samples_per_second=self._samples / took,
                    seconds_left=left,
                    history=position.history,
                    best=position.best,
                    original=pictures[0],
                    attacked=pictures[1],
                )
            )
        )

    def epoch(self, position: Position) -> None:
        """After an epoch."""
        figures = position.history[-1]
        parts = [f"epoch {figures.epoch} of {self._epochs}: loss {figures.loss:.4f}"]
        if figures.clean is not None and figures.robust is not None:
            best = " (best so far)" if position.best == figures.epoch else ""
            parts.append(f"clean {figures.clean:.3f}, robust {figures.robust:.3f}{best}")
        done = position.step - self._first_step
        if done:
            took = time.perf_counter() - self._began
            parts.append(f"{_clock(took / done * (self._steps - position.step))} left")
        self._emit(Message(", ".join(parts)))


def _copied(images: torch.Tensor) -> NDArray[np.float32]:
    first = images[0].detach().to("cpu", torch.float32, copy=True).contiguous()
    return first.numpy()


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
