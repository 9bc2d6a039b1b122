"""The saliency-map attack: the few pixels that matter most, one step after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from medadv_desktop.attacks.attack import Attack, AttackResult
from medadv_desktop.attacks.bounded import GREY_SCALE
from medadv_desktop.settings import PixelFraction

if TYPE_CHECKING:
    from medadv_desktop.attacks.session import Session


class JSMA(Attack):
    """Change the pixels whose change helps the goal most and its rivals least, until it is reached.

    Papernot, McDaniel, Jha, Fredrikson, Celik, Swami: The Limitations of Deep Learning in
    Adversarial Settings, EuroS&P 2016, algorithms 2 and 3: of all pairs of pixels p, q with
    α = α_p + α_q > 0 and β = β_p + β_q < 0 the one of largest −α·β, where α is the slope of the
    target's logit and β that of all others summed. The pair is found exactly without looking at all
    of them: its pixels lie on the first two Pareto fronts of (α, −β).

    Generalised: the target of an untargeted attack is the runner-up of the clean image; for every
    other objective (multi-label, top-k) α is the slope of its margin and β is −α. A pixel is all of
    its channels together and is changed once; it may be brightened, darkened, or each channel moved
    as its own slope says. Slopes are weighed by how far the pixel can still move.
    """

    name = "jsma"
    title = "JSMA"
    summary = "Changes the most telling pixels one pair after the other: sparse, and seen to be so"
    reference = "Papernot et al., EuroS&P 2016 (arXiv 1511.07528)"
    minimal = True

    theta: PixelFraction = Field(
        1,
        gt=0,
        le=1,
        title="Change θ",
        description="By how much a chosen pixel is changed",
        json_schema_extra={"unit": GREY_SCALE},
    )
    direction: Literal["both", "brighter", "darker"] = Field(
        "both", description="Where a pixel may go; the paper's is brighter"
    )
    pairs: bool = Field(
        True, description="Two pixels a step, as in the paper; off: one, which is fewer in the end"
    )
    max_share: float = Field(
        0.1, gt=0, le=1, description="Share of the pixels that may be changed", title="Share γ"
    )

    def search(self, session: Session) -> AttackResult:
        from medadv_desktop.attacks.minimal.sparse_search import saliency_steps

        return saliency_steps(session, self)
