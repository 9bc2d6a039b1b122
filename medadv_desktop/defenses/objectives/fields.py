"""Fields that several objectives share. No torch."""

from __future__ import annotations

from typing import Any

from pydantic import Field

GREY_SCALE = "of the [0, 1] grey scale"


def budget(default: float, description: str = "How far training images are changed (L∞)") -> Any:
    """A budget: `epsilon: PixelFraction = budget(8 / 255)`."""
    return Field(
        default,
        ge=0,
        le=1,
        title="Budget ε",
        description=description,
        json_schema_extra={"unit": GREY_SCALE},
    )


def step_length(default: float) -> Any:
    """Of the inner attack: `step_size: PixelFraction = step_length(2 / 255)`."""
    return Field(
        default,
        gt=0,
        le=1,
        title="Step size α",
        description="Length of one step of the inner attack",
        json_schema_extra={"unit": GREY_SCALE},
    )


def step_count(default: int) -> Any:
    """Of the inner attack: `steps: int = step_count(10)`."""
    return Field(default, ge=1, le=100, description="Gradient steps of the inner attack")
