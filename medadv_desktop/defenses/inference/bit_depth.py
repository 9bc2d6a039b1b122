"""Fewer grey levels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from medadv_desktop.defenses.inference.procedure import InferenceDefence

if TYPE_CHECKING:
    from torch import Tensor


class BitDepth(InferenceDefence):
    """round(x·(2^b − 1)) / (2^b − 1); the gradient passes as if nothing happened (BPDA).

    Xu, Evans, Qi: Feature Squeezing, NDSS 2018, sec. III-A.
    """

    name = "bit-depth"
    title = "Fewer grey levels"
    advice = (
        "Rounds grey values coarsely, which swallows very small changes. Free, and no obstacle to "
        "an attack that knows of it; fine structures suffer."
    )
    reference = "Xu et al., NDSS 2018 (arXiv 1704.01155)"

    bits: int = Field(
        4, ge=1, le=16, description="Of each channel", json_schema_extra={"unit": "bits"}
    )

    def changed(self, images: Tensor) -> Tensor:
        levels = 2**self.bits - 1
        rounded: Tensor = (images.detach() * levels).round() / levels
        passed: Tensor = images + (rounded - images.detach())
        return passed
