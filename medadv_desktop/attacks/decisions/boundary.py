"""The Boundary attack: a random walk along the decision's boundary, by decisions alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from medadv_desktop.attacks.attack import Attack, AttackResult
from medadv_desktop.attacks.bounded import GREY_SCALE
from medadv_desktop.settings import PixelFraction

if TYPE_CHECKING:
    from medadv_desktop.attacks.session import Session


class Boundary(Attack):
    """From an image that achieves the objective, random steps around the original and towards it.

    Brendel, Rauber, Bethge: Decision-Based Adversarial Attacks, ICLR 2018, sec. 2 and algorithm 1.
    Each step goes along the sphere around the original, then a little inwards, and is kept if the
    objective is still achieved. Every tenth step the point on the sphere is looked at too; by how
    often it achieves the objective, and how often the whole step does, both lengths are adapted.

    It begins where HopSkipJump does, brought to the boundary by bisection. Distances are Euclidean.
    """

    name = "boundary"
    title = "Boundary attack"
    summary = "A patient random walk along the decision's boundary, by decisions alone"
    reference = "Brendel et al., ICLR 2018 (arXiv 1712.04248)"
    knowledge = "decisions"
    minimal = True

    epsilon: PixelFraction | None = Field(
        None,
        ge=0,
        le=10_000,
        title="Budget ε",
        description="Only a change within it, in Euclidean length, counts as a success; nothing "
        "means any change",
        json_schema_extra={"unit": GREY_SCALE},
    )
    queries: int = Field(
        5000,
        ge=2,
        le=1_000_000,
        description="Images of each sample that the model may look at, the clean one included; "
        "the paper goes on to 25000 steps and more",
    )
    spherical_step: float = Field(
        0.01,
        gt=0,
        le=1,
        title="First step around",
        description="Length of the step along the sphere, as a share of the distance",
    )
    source_step: float = Field(
        0.01,
        gt=0,
        le=1,
        title="First step inwards",
        description="Length of the step towards the original, as a share of the distance",
    )

    @property
    def norm(self) -> str:
        """What is made small."""
        return "l2"

    def search(self, session: Session) -> AttackResult:
        from medadv_desktop.attacks.decisions.boundary_walk import search

        return search(session, self)
