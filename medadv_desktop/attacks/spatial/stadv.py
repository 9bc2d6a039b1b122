"""stAdv: pixels are not repainted but shifted, by fractions of a pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from medadv_desktop.attacks.attack import Attack, AttackResult

if TYPE_CHECKING:
    from medadv_desktop.attacks.session import Session


class SpatialAttack(Attack):
    """Find a smooth flow field along which the image is resampled, so that the goal is reached.

    Xiao, Zhu, Li, He, Liu, Song: Spatially Transformed Adversarial Examples, ICLR 2018: bilinear
    sampling (eq. 1), and the objective L_adv + τ·L_flow (eq. 2), L_adv = max(−margin, −κ) (eq. 3),
    L_flow = the length of the difference of flow between neighbours, summed (eq. 4). Minimised by
    Adam (the paper: L-BFGS), the displacement of every pixel being held to a length. The image is
    clamped at its border: what would come from outside is its outermost pixel.

    A sample leaves when the goal is reached; with `stop_when_beaten` off all steps are taken and
    the successful image of the smoothest flow is kept.
    """

    name = "stadv"
    title = "stAdv"
    summary = "Shifts pixels along a smooth field instead of repainting them: hard to see"
    reference = "Xiao et al., ICLR 2018 (arXiv 1801.02612)"

    max_displacement: float = Field(
        2,
        ge=0,
        le=64,
        title="Largest displacement",
        description="How far a pixel may be shifted",
        json_schema_extra={"unit": "pixels of the model input"},
    )
    smoothness: float = Field(
        0.05,
        ge=0,
        le=100,
        title="Smoothness τ",
        description="How much a smooth flow weighs against reaching the goal",
    )
    confidence: float = Field(
        0,
        ge=0,
        le=1000,
        title="Confidence κ",
        description="How far past the border the margin is pushed",
        json_schema_extra={"unit": "logits"},
    )
    steps: int = Field(100, ge=1, le=10_000, description="Steps of Adam")
    step_size: float = Field(
        0.1,
        gt=0,
        le=10,
        description="Of Adam",
        json_schema_extra={"unit": "pixels of the model input"},
    )
    stop_when_beaten: bool = Field(
        True,
        description="A sample leaves once the goal is reached; off: all steps are taken, for the "
        "smoothest flow",
    )

    def search(self, session: Session) -> AttackResult:
        from medadv_desktop.attacks.spatial.stadv_search import search

        return search(session, self)
