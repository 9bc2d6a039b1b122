"""Look-up tables of a DICOM header: from stored to modality values, from modality values to light.

PS3.3 C.11.1.1 and C.11.2.1.1 describe both alike: a descriptor of three numbers (how many entries,
which input the first one belongs to, how many bits an entry has) and the entries themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class LookupTable:
    """A table of whole numbers over consecutive whole inputs.

    Attributes:
        values: one entry for each input from `first` on, uint16, read-only, at least one.
        first: the input that the first entry belongs to.
        bits: significant bits of an entry, 1 to 16; entries lie in 0 … 2**bits − 1.
        explanation: LUT Explanation, the name for people; "" where the file gives none.

    Raises:
        ValueError: there are no entries, or one does not fit into `bits`.
    """

    values: NDArray[np.uint16]
    first: int
    bits: int
    explanation: str = ""

    def __post_init__(self) -> None:
        if self.values.ndim != 1 or not self.values.size or not 1 <= self.bits <= 16:
            raise ValueError("a look-up table needs entries of 1 to 16 bits")
        if int(self.values.max()) >= 2**self.bits:
            raise ValueError(f"an entry of {int(self.values.max())} does not fit {self.bits} bits")
        values = np.array(self.values, dtype=np.uint16)
        values.flags.writeable = False
        object.__setattr__(self, "values", values)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    @property
    def last(self) -> int:
        """The input that the last entry belongs to."""
        return self.first + len(self.values) - 1

    @property
    def top(self) -> int:
        """The largest output that the bits allow."""
        return int(2**self.bits - 1)

    @property
    def is_monotonic(self) -> bool:
        """The entries never turn back: they rise, or they fall, or stay."""
        steps = np.diff(self.values.astype(np.int64))
        return bool((steps >= 0).all() or (steps <= 0).all())

    def look_up(self, inputs: NDArray[np.generic]) -> NDArray[np.float64]:
        """Outputs for inputs of any shape.

        Inputs before the first entry take the first, those behind the last take the last (C.11.1.1,
        C.11.2.1.1). Between whole inputs, where the standard is silent, outputs are interpolated
        linearly, so that the same table has a gradient. What is not a number stays none.
        """
        place = np.clip(np.asarray(inputs, np.float64) - self.first, 0, len(self.values) - 1)
        unknown = np.isnan(place)
        place = np.where(unknown, 0.0, place)
        below = np.floor(place).astype(np.intp)
        above = np.minimum(below + 1, len(self.values) - 1)
        entries = self.values.astype(np.float64)
        outputs = entries[below] + (place - below) * (entries[above] - entries[below])
        return np.asarray(np.where(unknown, np.nan, outputs))

    def input_of(self, outputs: NDArray[np.generic]) -> NDArray[np.float64]:
        """Inputs that `look_up` turns into the outputs, for outputs of any shape.

        Where several inputs share an output, the one nearest to the middle of the table's slope; a
        table that turns back is taken for its hull. Outputs it never gives take the nearest end.
        """
        entries = self.values.astype(np.float64)
        inputs = self.first + np.arange(len(entries), dtype=np.float64)
        if entries[0] > entries[-1]:
            entries, inputs = entries[::-1], inputs[::-1]
        entries = np.maximum.accumulate(entries)
        start = int(np.searchsorted(entries, entries[0], side="right")) - 1
        stop = int(np.searchsorted(entries, entries[-1], side="left")) + 1
        part = slice(min(start, stop - 1), stop)
        return np.asarray(np.interp(np.asarray(outputs, np.float64), entries[part], inputs[part]))

    def _key(self) -> tuple[int, int, str, bytes]:
        return self.first, self.bits, self.explanation, self.values.tobytes()


class ModalityLut(LookupTable):
    """Stored values to modality values (PS3.3 C.11.1.1)."""


class VoiLut(LookupTable):
    """Modality values to light: 0 is black, 2**bits − 1 is white (PS3.3 C.11.2.1.1)."""
