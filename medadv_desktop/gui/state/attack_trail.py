"""The way that an attack took: some of the images between the original and the result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from medadv_desktop.attacks.attack import AttackPreview

if TYPE_CHECKING:
    from medadv_desktop.audit.budget_search import BudgetTry
    from medadv_desktop.audit.requests import AttackOutcome

MOST_FRAMES = 60
MOST_BYTES = 128 * 2**20
"""Of all frames together: large inputs leave room for fewer of them, but for two at least."""


@dataclass(frozen=True, eq=False)
class Still:
    """An adversarial image that is looked at instead of the result.

    Attributes:
        adversarial: C×H×W.
        step, steps: where on its way the attack was.
        tried: the budget that was tried, in `norm`; None for a step of the way, of which nobody
            asked the model for a prediction.
    """

    adversarial: NDArray[np.float32]
    step: int = 0
    steps: int = 0
    tried: BudgetTry | None = None
    norm: str = "linf"


class AttackTrail(QObject):
    """Keeps previews, thinned out evenly as they become many.

    Signals:
        changed: frames came or went, or belong to a result now.

    Attributes:
        outcome: the result that the way led to; None while the attack runs, or was stopped.
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.outcome: AttackOutcome | None = None
        self._kept: list[tuple[int, AttackPreview]] = []
        self._last: tuple[int, AttackPreview] | None = None
        self._stride = 1
        self._seen = 0

    @property
    def frames(self) -> tuple[AttackPreview, ...]:
        """In the order they came; the newest is always among them."""
        kept = [preview for _, preview in self._kept]
        if self._last is not None and (not self._kept or self._kept[-1][0] != self._last[0]):
            kept.append(self._last[1])
        return tuple(kept)

    def clear(self) -> None:
        """An attack begins, or its result holds no longer."""
        empty = self._last is None and self.outcome is None
        self.outcome, self._last, self._kept = None, None, []
        self._stride, self._seen = 1, 0
        if not empty:
            self.changed.emit()

    def add(self, preview: AttackPreview) -> None:
        """The attack has come so far."""
        most = min(MOST_FRAMES, max(MOST_BYTES // max(preview.adversarial.nbytes, 1), 2)) - 1
        self._last = (self._seen, preview)
        if self._seen % self._stride == 0:
            self._kept.append(self._last)
        while len(self._kept) > most:
            self._stride *= 2
            self._kept = [kept for kept in self._kept if kept[0] % self._stride == 0]
        self._seen += 1
        self.changed.emit()

    def finish(self, outcome: AttackOutcome) -> None:
        """The attack is done."""
        self.outcome = outcome
        self.changed.emit()
