"""The threat model that gradient attacks share: a norm and a budget. No torch."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Literal

from pydantic import Field, ValidationInfo, field_validator

from medadv_desktop.attacks.attack import Attack, AttackResult
from medadv_desktop.settings import PixelFraction

if TYPE_CHECKING:
    from medadv_desktop.attacks.gradient import Ascent
    from medadv_desktop.attacks.session import Session

Norm = Literal["linf", "l2"]

GREY_SCALE = "of the [0, 1] grey scale"


class BoundedAttack(Attack):
    """Gradient ascent whose perturbation δ stays within ε in a norm, and the image within [0, 1].

    An attack of this kind says by `ascent` how it climbs; the climb itself is in gradient.py.
    """

    norm: Norm = Field(
        "linf",
        description="What ε bounds: the largest change of any pixel (linf), or the Euclidean "
        "length of the change over the whole model input (l2)",
    )
    epsilon: PixelFraction = Field(
        4 / 255,
        ge=0,
        le=100,
        title="Budget ε",
        description="How far the image may be changed; 4/255 is customary for linf, where it may "
        "be 1 at most",
        json_schema_extra={"unit": GREY_SCALE},
    )

    @field_validator("epsilon")
    @classmethod
    def _within_the_grey_scale(cls, epsilon: float, info: ValidationInfo) -> float:
        if info.data.get("norm") == "linf" and epsilon > 1:
            raise ValueError("with norm linf it is at most 1, for pixels lie between 0 and 1")
        return epsilon

    @abstractmethod
    def ascent(self) -> Ascent:
        """How to climb, from the fields. Imports torch."""

    def search(self, session: Session) -> AttackResult:
        from medadv_desktop.attacks.gradient import ascend

        return ascend(session, self.ascent())
