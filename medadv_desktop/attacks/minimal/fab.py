"""FAB: the shortest way over the nearest border, found by walking along it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from medadv_desktop.attacks.attack import Attack, AttackResult
from medadv_desktop.attacks.bounded import COUNTED_WITHIN, Norm
from medadv_desktop.settings import PixelFraction

if TYPE_CHECKING:
    from medadv_desktop.attacks.session import Session


class FAB(Attack):
    """Steps onto the linearised border nearest by, drawn a little towards the original image.

    Croce, Hein: Minimally distorted Adversarial Examples with a Fast Adaptive Boundary Attack, ICML
    2020, algorithm 1. The way onto the plane and within [0, 1] is the shortest in the norm chosen.

    The borders are those of the goal. "Any other decision" has one for each other class, z_k = z_y,
    or for each finding, logit = cutoff; without `targets` every step goes to the nearest of them
    (one backward pass for each), with `targets` there is one search for each of the likeliest
    (FAB-T of AutoAttack). Other goals may be of several conditions at once (flip all findings): the
    step leads into the region where `Objective.margin` of the linearised logits is positive, and
    costs a backward pass for each logit.

    The result is the nearest image that reaches the goal; with `epsilon` it counts only within it.
    """

    name = "fab"
    title = "FAB"
    summary = "The smallest change that crosses a border of the decision, in any of three norms"
    reference = "Croce and Hein, ICML 2020 (arXiv 1907.02044)"
    minimal = True

    norm: Norm = Field(
        "linf",
        description="What is kept small: the largest change of any pixel (linf), the Euclidean "
        "length of the change (l2), or the sum of all changes (l1)",
    )
    epsilon: PixelFraction | None = COUNTED_WITHIN
    steps: int = Field(100, ge=1, le=10_000, description="Steps of each search")
    restarts: int = Field(
        1,
        ge=1,
        le=100,
        description="Searches: the first from the image itself, others from random points halfway "
        "to what was found",
    )
    targets: int | None = Field(
        None,
        ge=1,
        le=1000,
        description="Search towards so many classes or findings, the likeliest first, each by "
        "itself; nothing means the nearest of all at every step",
    )
    alpha_max: float = Field(
        0.1,
        ge=0,
        le=1,
        title="Pull α",
        description="Most that a step is drawn towards the original image, as a share",
    )
    eta: float = Field(
        1.05,
        ge=1,
        le=2,
        title="Overshoot η",
        description="How far beyond the linearised border a step goes; 1 is onto it",
    )
    beta: float = Field(
        0.9,
        gt=0,
        lt=1,
        title="Way back β",
        description="Where an image over the border goes on from, as a share of its change",
    )

    def search(self, session: Session) -> AttackResult:
        from medadv_desktop.attacks.minimal.fab_search import walk_the_border

        return walk_the_border(session, self)
