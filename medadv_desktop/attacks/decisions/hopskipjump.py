"""HopSkipJump: along the boundary of the decision, by decisions alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from medadv_desktop.attacks.attack import Attack, AttackResult
from medadv_desktop.attacks.bounded import COUNTED_WITHIN, LinfOrL2
from medadv_desktop.settings import PixelFraction

if TYPE_CHECKING:
    from medadv_desktop.attacks.session import Session


class HopSkipJump(Attack):
    """Bisect to the boundary, estimate its normal from decisions around, jump along it, repeat.

    Chen, Jordan, Wainwright: HopSkipJumpAttack: A Query-Efficient Decision-Based Attack, IEEE S&P
    2020, algorithm 2. The samples of an estimate grow with the square root of the iteration; the
    step is halved until the objective is achieved (geometric progression).

    It begins at the nearest that achieves the objective of some simple images (black, the negative,
    a mirror image, ...) or else of random images of every grain; a sample for which none does is
    given up. Of all images looked at, the nearest that achieves the objective is handed out.
    """

    name = "hopskipjump"
    title = "HopSkipJump"
    summary = "The smallest change found by decisions alone, along the decision's boundary"
    reference = "Chen et al., IEEE S&P 2020 (arXiv 1904.02144)"
    knowledge = "decisions"
    minimal = True

    norm: LinfOrL2 = Field(
        "l2",
        description="What is made small: the largest change of any pixel (linf), or the "
        "Euclidean length of the change (l2)",
    )
    epsilon: PixelFraction | None = COUNTED_WITHIN
    queries: int = Field(
        2500,
        ge=2,
        le=1_000_000,
        description="Images of each sample that the model may look at, the clean one included",
    )
    samples: int = Field(
        100,
        ge=2,
        le=10_000,
        title="First samples",
        description="Images around the boundary for the first estimate; later ones take more",
    )

    def search(self, session: Session) -> AttackResult:
        from medadv_desktop.attacks.decisions.hopskipjump_search import search

        return search(session, self)
