"""Frames one after the other, at a rate."""

from __future__ import annotations

import math

from PySide6.QtCore import QObject, QTimer, Signal

SLOWEST, FASTEST = 0.5, 120.0
"""Bounds of the rate, in frames a second."""

USUAL_RATE = 10.0
"""Where the file names none, as for the slices of a series."""


class Cine(QObject):
    """Asks for the next frame at a steady rate, but never before the last one is on screen.

    Signals:
        step: the frame that many further on is wanted.
        changed: playing, rate, or looping changed.
        place_changed: another frame is shown, or there are more or fewer.

    Attributes:
        index, count: which of how many frames is shown, from 0; a count of 0 without a frame.
        playing: frames are asked for.
        rate: frames a second.
        loop: begin anew behind the last frame, else stop there.
    """

    step = Signal(int)
    changed = Signal()
    place_changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.index, self.count = 0, 0
        self.playing = False
        self.rate = USUAL_RATE
        self.loop = True
        self._chosen = False
        self._awaited = False
        self._asked = 0
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.tick)

    def set_place(self, index: int, count: int) -> None:
        """The frame that is on screen now. Without several there is nothing to play."""
        self._awaited = False
        self._asked = index
        if (index, count) != (self.index, self.count):
            self.index, self.count = index, count
            self.place_changed.emit()
        if count < 2:
            self.stop()

    def set_file_rate(self, frame_time_ms: float | None) -> None:
        """Another file: play at the rate it names. One without keeps a rate chosen by hand."""
        if frame_time_ms and math.isfinite(frame_time_ms) and frame_time_ms > 0:
            self._chosen = False
            self._set_rate(1000 / frame_time_ms)
        elif not self._chosen:
            self._set_rate(USUAL_RATE)

    def set_rate(self, rate: float) -> None:
        """Choose the rate by hand, in frames a second."""
        self._chosen = True
        self._set_rate(rate)

    def set_loop(self, loop: bool) -> None:
        if loop != self.loop:
            self.loop = loop
            self.changed.emit()

    def go_to(self, index: int) -> None:
        """Ask for a frame by its number, from 0."""
        self._ask(index - self._asked)

    def toggle(self) -> None:
        """Play, or stop."""
        if self.playing:
            self.stop()
        else:
            self.play()

    def play(self) -> None:
        """Play from here; from the start where this is the end."""
        if self.playing or self.count < 2:
            return
        self.playing, self._awaited = True, False
        self._timer.start(self._interval())
        self.changed.emit()
        if self.index == self.count - 1:
            self._ask(-self.index)

    def stop(self) -> None:
        if self.playing:
            self.playing = False
            self._timer.stop()
            self.changed.emit()

    def tick(self) -> None:
        """Ask for the next frame, unless the last one asked for is still being read."""
        if not self.playing or self._awaited:
            return
        if self.index < self.count - 1:
            self._ask(1)
        elif self.loop:
            self._ask(-self.index)
        else:
            self.stop()

    def _ask(self, step: int) -> None:
        self._awaited = True
        self._asked += step
        self.step.emit(step)

    def _set_rate(self, rate: float) -> None:
        rate = min(max(rate, SLOWEST), FASTEST)
        if rate != self.rate:
            self.rate = rate
            if self.playing:
                self._timer.start(self._interval())
            self.changed.emit()

    def _interval(self) -> int:
        return max(round(1000 / self.rate), 1)
