"""Square Attack: random search with squares at the edge of the budget, by scores alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from medadv_desktop.attacks.attack import AttackResult
from medadv_desktop.attacks.bounded import LINF_OR_L2, BudgetedAttack, LinfOrL2

if TYPE_CHECKING:
    from medadv_desktop.attacks.session import Session


class Square(BudgetedAttack):
    """Squares of ±ε (linf), or of mass moved between windows (l2), kept where they raise the loss.

    Andriushchenko, Croce, Flammarion, Hein: Square Attack: a query-efficient black-box adversarial
    attack via random search, ECCV 2020, algorithms 1 to 3. Squares cover the share p of the image;
    p is halved along the schedule of sec. 3.2, stretched to the number of queries.

    Of the published code's ways we leave three: a square that would change nothing is not tried
    (it draws another one); squares reach the last row and column; every sample has its own squares.
    """

    name = "square"
    title = "Square"
    summary = "Random squares, kept where the score gets worse: the standard attack by scores"
    reference = "Andriushchenko et al., ECCV 2020 (arXiv 1912.00049)"
    knowledge = "scores"

    norm: LinfOrL2 = LINF_OR_L2
    queries: int = Field(
        1000,
        ge=2,
        le=100_000,
        description="Images of each sample that the model may look at, the clean one included; "
        "5000 in the paper's comparisons",
    )
    p: float = Field(
        0.8,
        gt=0,
        le=1,
        title="First share p",
        description="Share of the image that the first squares cover",
    )

    def search(self, session: Session) -> AttackResult:
        from medadv_desktop.attacks.scores.square_search import search

        return search(session, self)
