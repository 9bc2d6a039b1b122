"""The smallest budget for one frame: what is asked and what came of it. No torch."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.attacks.bounded import BudgetedAttack
from medadv_desktop.attacks.objectives import Objective, Untargeted
from medadv_desktop.audit.requests import Prediction
from medadv_desktop.imaging.frame import Frame
from medadv_desktop.models.input_plan import InputPlan


@dataclass(frozen=True, eq=False)
class BudgetSearchRequest:
    """Bisect the budget of an attack on one frame. Answer: `BudgetSearchOutcome`.

    Attributes:
        attack: one within a budget; its own ε does not count.
        labels: as in `AttackRequest`.
        highest: the largest budget, in the units of the attack's ε.
        halvings: the grid has 2^halvings steps.
    """

    model: str
    frame: Frame
    attack: BudgetedAttack
    objective: Objective = field(default_factory=Untargeted)
    labels: tuple[int, ...] | None = None
    highest: float = 16 / 255
    halvings: int = 6
    seed: int = 0


@dataclass(frozen=True, eq=False)
class BudgetTry:
    """One budget tried.

    Attributes:
        success: the goal is reached at `adversarial`, as it is saved.
        adversarial: C×H×W float32 in [0, 1], on the grid of a 16-bit picture.
        linf, l2: norms of the change, padding left out.
    """

    epsilon: float
    success: bool
    adversarial: NDArray[np.float32]
    prediction: Prediction
    linf: float
    l2: float


@dataclass(frozen=True, eq=False)
class BudgetSearchOutcome:
    """What bisection found.

    Attributes:
        smallest: smallest budget tried at which the goal is reached; 0 where it is reached by the
            clean image, None where even the highest budget was not enough.
        step: of the grid: the true smallest budget of this attack lies at most so far below.
        tries: by rising budget.
        reference, reference_is_prediction: as in `AttackOutcome`.
    """

    request: BudgetSearchRequest
    plan: InputPlan
    original: NDArray[np.float32]
    clean: Prediction
    smallest: float | None
    step: float
    tries: tuple[BudgetTry, ...]
    reference: tuple[int, ...]
    reference_is_prediction: bool
    device: str
    seconds: float

    def at(self, epsilon: float) -> BudgetTry | None:
        """What a budget of `epsilon` was seen to do: of the tries within it the largest one, or the
        smallest that succeeds; None where even the smallest try is larger.
        """
        within = [tried for tried in self.tries if tried.epsilon <= epsilon * (1 + 1e-9)]
        fallen = [tried for tried in within if tried.success]
        return fallen[0] if fallen else within[-1] if within else None
