"""A figure that is no share of a count, with its interval and where that comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# Of the normal distribution, two-sided 95 %.
Z: Final = 1.959963984540054


@dataclass(frozen=True)
class Estimate:
    """A value and its 95 % interval.

    Attributes:
        low, high: None where no interval can be given; `method` then says why.
        method: of the interval, by the name docs/metrics.md has it under.
    """

    value: float
    low: float | None
    high: float | None
    method: str

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return f"{self.value:.3f} (no interval: {self.method})"
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"
