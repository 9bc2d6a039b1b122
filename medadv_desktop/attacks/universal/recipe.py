"""How a universal perturbation is fitted: every field, readable without torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from medadv_desktop.attacks.bounded import GREY_SCALE
from medadv_desktop.settings import PixelFraction, Settings


class UniversalRecipe(Settings):
    """Norm, budget and steps of a fit."""

    norm: Literal["linf", "l2"] = Field("linf", description="What ε bounds")
    epsilon: PixelFraction = Field(
        10 / 255,
        gt=0,
        le=10_000,
        title="Budget ε",
        description="How far an image may be changed",
        json_schema_extra={"unit": GREY_SCALE},
    )
    epochs: int = Field(10, ge=1, le=10_000, description="Passes over the images")
    step_size: PixelFraction | None = Field(
        None,
        gt=0,
        le=10_000,
        title="Step size α",
        description="Length of the step after each batch; nothing means ε/10",
        json_schema_extra={"unit": GREY_SCALE},
    )
    loss_cap: float | None = Field(
        9,
        gt=0,
        le=1e6,
        description="An image whose loss has come so far no longer steers; nothing means every one "
        "does",
    )

    @field_validator("epsilon")
    @classmethod
    def _within_the_grey_scale(cls, epsilon: float, info: ValidationInfo) -> float:
        if info.data.get("norm") == "linf" and epsilon > 1:
            raise ValueError("with norm linf it is at most 1, for pixels lie between 0 and 1")
        return epsilon

    @property
    def effective_step_size(self) -> float:
        """The step size given, or the automatic one."""
        return self.epsilon / 10 if self.step_size is None else self.step_size
