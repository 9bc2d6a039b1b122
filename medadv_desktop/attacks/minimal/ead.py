"""The elastic-net attack: small changes in L1, so few pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from medadv_desktop.attacks.attack import Attack, AttackResult
from medadv_desktop.attacks.bounded import CONFIDENCE, GREY_SCALE
from medadv_desktop.settings import PixelFraction

if TYPE_CHECKING:
    from medadv_desktop.attacks.session import Session


class ElasticNet(Attack):
    """Minimise c·max(κ − margin(x), 0) + ‖δ‖₂² + β‖δ‖₁ by iterative shrinkage, and search c.

    Chen, Sharma, Zhang, Yi, Hsieh: EAD: Elastic-Net Attacks to Deep Neural Networks via Adversarial
    Examples, AAAI 2018, eq. 7 and algorithm 1; the step falls with the square root of what is left
    of the round, as in the authors' code. The margin is the objective's.
    """

    name = "ead"
    title = "EAD"
    summary = "Smallest change in L1 or elastic net by optimisation: few pixels, changed much"
    reference = "Chen et al., AAAI 2018 (arXiv 1709.04114)"
    minimal = True

    decision: Literal["elastic-net", "l1"] = Field(
        "l1",
        title="Decision rule",
        description="Which of the successful images is handed out: that of least β‖δ‖₁ + ‖δ‖₂², or "
        "of least ‖δ‖₁",
    )
    beta: float = Field(
        0.01,
        ge=0,
        le=1,
        title="L1 weight β",
        description="Changes of a pixel within it are undone at every step; also what L1 weighs",
        json_schema_extra={"unit": GREY_SCALE},
    )
    steps: int = Field(1000, ge=1, le=100_000, description="Steps for each constant")
    step_size: float = Field(
        0.01,
        gt=0,
        le=10,
        description="Multiple of the slope that the first step of a round takes; it falls to 0 as "
        "the square root of the steps left",
    )
    momentum: bool = Field(
        True, description="The faster method (FISTA); off: the plain one (ISTA)", title="FISTA"
    )
    constants: int = Field(
        9, ge=1, le=30, description="Constants c tried: tenfold until one succeeds, then bisection"
    )
    initial_constant: float = Field(0.001, gt=0, le=1e6, description="First constant c")
    confidence: float = CONFIDENCE
    abort_early: bool = Field(
        False,
        description="Go on to the next constant when a fifth of the steps brought no progress: "
        "several times faster, with changes about a tenth larger",
    )
    epsilon: PixelFraction | None = Field(
        None,
        ge=0,
        le=1e6,
        title="Budget ε",
        description="Count only changes of at most this L1 norm as success; nothing means any",
        json_schema_extra={"unit": GREY_SCALE},
    )

    def search(self, session: Session) -> AttackResult:
        from medadv_desktop.attacks.minimal.ead_search import search

        return search(session, self)
