"""Random noise within a budget: the floor that every attack must beat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, ValidationInfo, field_validator

from medadv_desktop.attacks.attack import Attack, AttackResult
from medadv_desktop.attacks.bounded import GREY_SCALE
from medadv_desktop.settings import PixelFraction

if TYPE_CHECKING:
    from medadv_desktop.attacks.session import Session

NoiseNorm = Literal["linf", "l2", "l1", "l0"]
NoiseKind = Literal["surface", "ball", "gaussian"]


class Noise(Attack):
    """Draws that know nothing of the model; of several, the first that achieves the objective.

    surface: uniform on the surface of the ball of radius ε: ±ε in every pixel (linf), a random
    direction of length ε (l2, l1), ε random pixels black or white in each channel (l0).
    ball: uniform within it (l0: ε random pixels of random value).
    gaussian: independent normal values whose expected norm is ε (linf: of standard deviation ε/2),
    cut back into the ball.

    Then clamped to [0, 1]. Of draws that all fail, the one of largest loss is handed out, or the
    image itself where none of them raises the loss.
    """

    name = "noise"
    title = "Random noise"
    summary = "Noise within the budget: what every attack must beat"
    reference = "Fawzi et al., NeurIPS 2016 (arXiv 1608.08967), on random against worst noise"
    knowledge = "nothing"

    norm: NoiseNorm = Field(
        "linf",
        description="What ε bounds: the largest change of any pixel (linf), the Euclidean length "
        "of the change (l2), the sum of all changes (l1), or the number of pixels changed (l0)",
    )
    epsilon: PixelFraction = Field(
        4 / 255,
        ge=0,
        le=1_000_000,
        title="Budget ε",
        description="How far the image may be changed, at most 1 for linf; with l0 a number of "
        "pixels",
        json_schema_extra={"unit": f"{GREY_SCALE}, or pixels"},
    )
    kind: NoiseKind = Field(
        "surface",
        description="On the surface of the ball of radius ε, anywhere within it, or independent "
        "normal values cut back into it (not for l0)",
    )
    draws: int = Field(
        1, ge=1, le=10_000, description="Tries for each sample; the first that succeeds counts"
    )

    @field_validator("epsilon")
    @classmethod
    def _fits_the_norm(cls, epsilon: float, info: ValidationInfo) -> float:
        norm = info.data.get("norm")
        if norm == "linf" and epsilon > 1:
            raise ValueError("with norm linf it is at most 1, for pixels lie between 0 and 1")
        if norm == "l0" and epsilon != int(epsilon):
            raise ValueError("with norm l0 it is a whole number of pixels")
        return epsilon

    @field_validator("kind")
    @classmethod
    def _has_a_meaning(cls, kind: NoiseKind, info: ValidationInfo) -> NoiseKind:
        if kind == "gaussian" and info.data.get("norm") == "l0":
            raise ValueError("normal values change every pixel; with norm l0 choose another kind")
        return kind

    def search(self, session: Session) -> AttackResult:
        from medadv_desktop.attacks.scores.noise_draws import search

        return search(session, self)
