"""How a universal perturbation is fitted: every field, readable without torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from medadv_desktop.attacks.bounded import GREY_SCALE, within_grey_scale
from medadv_desktop.attacks.prepared import FileKind
from medadv_desktop.settings import PixelFraction, Settings

UNIVERSAL = FileKind(
    key="medadv-universal",
    version=1,
    title="universal perturbation",
    noun="perturbation",
    verb="fit",
    made="fitted",
    source="Fit one by medadv universal fit",
    rate="goal_rate",
)


class UniversalRecipe(Settings):
    """Norm, budget, steps and order of a fit."""

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
    batch_size: int = Field(16, ge=1, le=4096, description="Images per step")
    seed: int = Field(0, ge=0, le=2**31 - 1, description="Of the order of the images")

    _within = field_validator("epsilon")(within_grey_scale)

    @property
    def effective_step_size(self) -> float:
        """The step size given, or the automatic one."""
        return self.epsilon / 10 if self.step_size is None else self.step_size
