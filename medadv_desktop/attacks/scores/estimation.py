"""Gradient ascent without gradients: estimated from the scores of pairs of random neighbours."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from medadv_desktop.attacks.attack import AttackResult
from medadv_desktop.attacks.bounded import GREY_SCALE, LINF_OR_L2, BudgetedAttack, LinfOrL2
from medadv_desktop.settings import PixelFraction

if TYPE_CHECKING:
    from medadv_desktop.attacks.norm_balls import NormBall
    from medadv_desktop.attacks.scores.estimation_search import Stride
    from medadv_desktop.attacks.session import Session


class EstimatedAscent(BudgetedAttack):
    """Base: x ← Π(x + step along an estimate of ∇L), Π into ball and [0, 1].

    The estimate is the mean of (L(x + σu) − L(x − σu)) / 2σ · u over random u. A sample leaves when
    the objective is achieved; one that stands keeps the image of the largest loss met.

    Attributes:
        noise: how u is drawn: standard normal, or −1 and 1 (Rademacher).
    """

    knowledge = "scores"
    noise: ClassVar[Literal["normal", "signs"]]

    norm: LinfOrL2 = LINF_OR_L2
    sigma: PixelFraction = Field(
        0.001,
        gt=0,
        le=1,
        title="Distance σ",
        description="How far neighbours lie, as a standard deviation of each pixel",
        json_schema_extra={"unit": GREY_SCALE},
    )
    queries: int = Field(
        1000,
        ge=4,
        le=1_000_000,
        description="Images of each sample that the model may look at, the clean one included",
    )
    pairs: int = Field(
        25,
        ge=1,
        le=10_000,
        title="Pairs per step",
        description="Directions tried for each estimate, each forwards and backwards: two queries",
    )
    step_size: PixelFraction | None = Field(
        None,
        gt=0,
        le=10_000,
        title="Step size α",
        description="Length of one step; nothing means 4·ε/steps, but at least a tenth and at most "
        "half of the budget",
        json_schema_extra={"unit": GREY_SCALE},
    )

    @model_validator(mode="after")
    def _at_least_one_step(self) -> Self:
        if self.steps < 1:
            needed = 2 * self.pairs + 2
            raise ValueError(f"{self.pairs} pairs need at least {needed} queries for one step")
        return self

    @property
    def steps(self) -> int:
        """Whole steps that the queries allow: each takes its pairs, and a look at its end."""
        return (self.queries - 1) // (2 * self.pairs + 1)

    @property
    def effective_step_size(self) -> float:
        """The step size given, or the automatic one."""
        if self.step_size is not None:
            return self.step_size
        return self.epsilon * min(0.5, max(0.1, 4 / self.steps))

    @abstractmethod
    def stride(self, session: Session, ball: NormBall) -> Stride:
        """How a step follows from the estimates so far. Imports torch."""

    def search(self, session: Session) -> AttackResult:
        from medadv_desktop.attacks.scores.estimation_search import search

        return search(session, self)


class NES(EstimatedAscent):
    """Natural evolution strategies: normal u in antithetic pairs, steps as PGD's with momentum.

    Ilyas, Engstrom, Athalye, Lin: Black-box Adversarial Attacks with Limited Queries and
    Information, ICML 2018, sec. 2.2 and algorithm 1; momentum as in its published code.
    """

    name = "nes"
    title = "NES"
    summary = "PGD along a gradient that is estimated from the scores of random neighbours"
    reference = "Ilyas et al., ICML 2018 (arXiv 1804.08598)"
    noise = "normal"

    momentum: float = Field(
        0.9, ge=0, lt=1, description="Weight of the earlier estimates in the running mean"
    )

    def stride(self, session: Session, ball: NormBall) -> Stride:
        from medadv_desktop.attacks.scores.estimation_search import MeanDirection

        return MeanDirection(session, ball, self.momentum)


class SPSA(EstimatedAscent):
    """Simultaneous perturbation stochastic approximation: u of −1 and 1, Adam's steps.

    Uesato, O'Donoghue, van den Oord, Kohli: Adversarial Risk and the Dangers of Evaluating Against
    Weak Attacks, ICML 2018, algorithm 1; Spall 1992.
    """

    name = "spsa"
    title = "SPSA"
    summary = "Adam along a gradient estimated from scores: finds what hidden gradients hide"
    reference = "Uesato et al., ICML 2018 (arXiv 1802.05666)"
    noise = "signs"

    sigma: PixelFraction = Field(
        0.01,
        gt=0,
        le=1,
        title="Distance σ",
        description="How far neighbours lie in every pixel; δ in the paper",
        json_schema_extra={"unit": GREY_SCALE},
    )

    def stride(self, session: Session, ball: NormBall) -> Stride:
        from medadv_desktop.attacks.scores.estimation_search import Adam

        return Adam(session, ball, of_length_one=self.norm == "l2")
