"""The threat model that most attacks share: a norm and a budget. No torch."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from medadv_desktop.attacks.attack import Attack, AttackResult
from medadv_desktop.settings import PixelFraction

if TYPE_CHECKING:
    from medadv_desktop.attacks.gradient.ascent import Ascent
    from medadv_desktop.attacks.session import Session

Norm = Literal["linf", "l2", "l1"]

LinfOrL2 = Literal["linf", "l2"]

GREY_SCALE = "of the [0, 1] grey scale"

LINF_OR_L2: Any = Field(
    "linf",
    description="What ε bounds: the largest change of any pixel (linf), or the Euclidean length "
    "of the change over the whole model input (l2)",
)
"""The norm of attacks that have no form for l1: `norm: LinfOrL2 = LINF_OR_L2`."""


COUNTED_WITHIN: Any = Field(
    None,
    ge=0,
    le=10_000,
    title="Budget ε",
    description="Count only changes within it as success; nothing means any change",
    json_schema_extra={"unit": GREY_SCALE},
)
"""Of attacks for the smallest change: `epsilon: PixelFraction | None = COUNTED_WITHIN`."""

CONFIDENCE: Any = Field(
    0,
    ge=0,
    le=1000,
    title="Confidence κ",
    description="How far past the border the margin must be",
    json_schema_extra={"unit": "logits"},
)
"""Of attacks that go on beyond the border: `confidence: float = CONFIDENCE`."""


def within_grey_scale(epsilon: float, info: ValidationInfo) -> float:
    """Refuse an ε beyond what pixels can change by; for `field_validator`, after the norm.

    Raises:
        ValueError: more than 1 in L∞.
    """
    if info.data.get("norm") == "linf" and epsilon > 1:
        raise ValueError("with norm linf it is at most 1, for pixels lie between 0 and 1")
    return epsilon


class BudgetedAttack(Attack):
    """An attack whose perturbation δ stays within ε in a norm, and the image within [0, 1]."""

    norm: Norm = Field(
        "linf",
        description="What ε bounds: the largest change of any pixel (linf), or over the whole "
        "model input the Euclidean length of the change (l2) or the sum of all changes (l1)",
    )
    epsilon: PixelFraction = Field(
        4 / 255,
        ge=0,
        le=10_000,
        title="Budget ε",
        description="How far the image may be changed; 4/255 is customary for linf, where it may "
        "be 1 at most",
        json_schema_extra={"unit": GREY_SCALE},
    )

    _within = field_validator("epsilon")(within_grey_scale)


class BoundedAttack(BudgetedAttack):
    """Gradient ascent within a budget.

    An attack of this kind says by `ascent` how it climbs; the climb itself is in gradient.py.
    """

    @abstractmethod
    def ascent(self) -> Ascent:
        """How to climb, from the fields. Imports torch."""

    def search(self, session: Session) -> AttackResult:
        from medadv_desktop.attacks.gradient.ascent import ascend

        return ascend(session, self.ascent())


class SteppedAttack(BoundedAttack):
    """One that walks in many steps of a length of their own."""

    steps: int = Field(10, ge=1, le=1000, description="Gradient steps")
    step_size: PixelFraction | None = Field(
        None,
        gt=0,
        le=10_000,
        title="Step size α",
        description="Length of one step; nothing means ε/steps",
        json_schema_extra={"unit": GREY_SCALE},
    )

    @property
    def effective_step_size(self) -> float:
        """The step size given, or the automatic one."""
        return self.epsilon / self.steps if self.step_size is None else self.step_size
