"""σ-zero: the fewest pixels, by gradients of a smooth stand-in for their number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from medadv_desktop.attacks.attack import Attack, AttackResult
from medadv_desktop.attacks.bounded import GREY_SCALE

if TYPE_CHECKING:
    from medadv_desktop.attacks.session import Session


class SigmaZero(Attack):
    """Descend max(−margin, 0) + (1/d)·Σ s² / (s² + σ) over δ, small changes being undone.

    Cinà, Villani, Pintor, Schönherr, Biggio, Pelillo: σ-zero: Gradient-based Optimization of
    ℓ0-norm Adversarial Examples, ICLR 2025, algorithm 1. s is the Euclidean length of a pixel's
    change over its channels, so that a pixel of three channels counts once (the paper counts
    channels); d is the number of pixels. The gradient is divided by its largest entry, the step
    falls on a cosine, and the threshold below which a change is undone grows while the goal is
    reached and falls while it is not.
    """

    name = "sigma-zero"
    title = "σ-zero"
    summary = "Fewest pixels changed, by gradients: the strongest of the sparse attacks, and quick"
    reference = "Cinà et al., ICLR 2025 (arXiv 2402.01879)"
    minimal = True

    steps: int = Field(300, ge=1, le=100_000, description="Gradient steps")
    step_size: float = Field(
        1,
        gt=0,
        le=10,
        description="Of the first step, in the pixel that it moves most; it falls on a cosine",
        json_schema_extra={"unit": GREY_SCALE},
    )
    sigma: float = Field(
        0.001,
        gt=0,
        le=1,
        title="Smoothing σ",
        description="Of the count of changed pixels: a change whose square is σ counts half",
        json_schema_extra={"unit": f"{GREY_SCALE}, squared"},
    )
    threshold: float = Field(
        0.3,
        ge=0,
        le=1,
        title="First threshold τ",
        description="Changes of a pixel below it are undone",
        json_schema_extra={"unit": GREY_SCALE},
    )
    threshold_step: float = Field(
        0.01, ge=0, le=1, description="By which share of the step size the threshold is adapted"
    )
    max_pixels: int | None = Field(
        None,
        ge=1,
        description="Count only changes of at most so many pixels as success; nothing means any",
        json_schema_extra={"unit": "pixels"},
    )

    def search(self, session: Session) -> AttackResult:
        from medadv_desktop.attacks.minimal.sparse_search import sigma_zero

        return sigma_zero(session, self)
