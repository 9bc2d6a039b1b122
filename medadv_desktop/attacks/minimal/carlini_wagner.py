"""Carlini and Wagner's attacks: the smallest change in L2, and in L∞, by optimisation."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, ValidationInfo, field_validator

from medadv_desktop.attacks.attack import Attack, AttackResult
from medadv_desktop.attacks.bounded import CONFIDENCE, COUNTED_WITHIN, GREY_SCALE, Norm
from medadv_desktop.settings import PixelFraction

if TYPE_CHECKING:
    from medadv_desktop.attacks.session import Session


_IN_W = "in w = artanh(2x − 1)"


class _CarliniWagner(Attack):
    """What both share: x = (tanh w + 1)/2, Adam on w, and f(x) = max(κ − margin, 0)."""

    minimal = True
    norm: ClassVar[Norm]

    confidence: float = CONFIDENCE
    epsilon: PixelFraction | None = COUNTED_WITHIN


class CarliniWagnerL2(_CarliniWagner):
    """Minimise ‖x − x₀‖₂² + c·max(κ − margin(x), 0), and search the smallest c that succeeds.

    Carlini, Wagner: Towards Evaluating the Robustness of Neural Networks, IEEE S&P 2017, sec. V-B
    (change of variables) and VI-A, with f₆; the margin is the objective's (`Objective.margin`: for
    one class of many it is theirs). c, the optimiser's state and giving up early are each sample's
    own.
    """

    name = "cw"
    title = "C&W L2"
    summary = "Smallest Euclidean change by optimisation: slow, and among the closest there are"
    reference = "Carlini and Wagner, IEEE S&P 2017 (arXiv 1608.04644)"
    norm = "l2"

    steps: int = Field(1000, ge=1, le=100_000, description="Steps of Adam for each constant")
    step_size: float = Field(
        0.01,
        gt=0,
        le=10,
        description="Of Adam, in the variable w",
        json_schema_extra={"unit": _IN_W},
    )
    constants: int = Field(
        9, ge=1, le=30, description="Constants c tried: tenfold until one succeeds, then bisection"
    )
    initial_constant: float = Field(0.001, gt=0, le=1e6, description="First constant c")
    abort_early: bool = Field(
        True, description="Go on to the next constant when a fifth of the steps brought no progress"
    )

    def search(self, session: Session) -> AttackResult:
        from medadv_desktop.attacks.minimal.carlini_wagner_search import search_l2

        return search_l2(session, self)


class CarliniWagnerLinf(_CarliniWagner):
    """Minimise c·max(κ − margin(x), 0) + Σ max(|xᵢ − x₀ᵢ| − τ, 0) for smaller and smaller τ.

    Carlini, Wagner: Towards Evaluating the Robustness of Neural Networks, IEEE S&P 2017, sec. VI-C.
    τ begins at 1 and becomes `shrink` of itself, or of the largest change found if that is less,
    each time both terms come to nothing; the optimisation goes on from where it is. Where they do
    not within `steps`, c is doubled, up to `largest_constant`. Unlike theirs, a step is at most
    0.1·τ in w, so that it does not oscillate across a small allowance.
    """

    name = "cw-linf"
    title = "C&W L∞"
    summary = "Smallest largest-pixel change by optimisation with a shrinking allowance"
    reference = "Carlini and Wagner, IEEE S&P 2017 (arXiv 1608.04644)"
    norm = "linf"

    steps: int = Field(
        1000, ge=1, le=100_000, description="Steps of Adam for each allowance and constant, at most"
    )
    step_size: float = Field(
        0.005,
        gt=0,
        le=10,
        description="Of Adam, in the variable w",
        json_schema_extra={"unit": _IN_W},
    )
    initial_constant: float = Field(1e-5, gt=0, le=1e6, description="First constant c")
    largest_constant: float = Field(20, gt=0, le=1e6, description="A sample leaves beyond it")
    smallest_allowance: PixelFraction = Field(
        1 / 256,
        gt=0,
        le=1,
        title="Smallest τ",
        description="A sample leaves when its allowance τ falls below",
        json_schema_extra={"unit": GREY_SCALE},
    )
    shrink: float = Field(
        0.9,
        ge=0.5,
        lt=1,
        description="What τ is multiplied by; nearer to 1 is closer to the smallest, and slower",
    )
    abort_early: bool = Field(
        True, description="Double the constant when a fifth of the steps brought no progress"
    )

    @field_validator("largest_constant")
    @classmethod
    def _not_below_the_first(cls, largest: float, info: ValidationInfo) -> float:
        if largest < info.data.get("initial_constant", 0):
            raise ValueError("the first constant already lies above it")
        return largest

    def search(self, session: Session) -> AttackResult:
        from medadv_desktop.attacks.minimal.carlini_wagner_search import search_linf

        return search_linf(session, self)
