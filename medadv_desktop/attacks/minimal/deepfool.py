"""DeepFool: step by step to the nearest linearised decision border."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from medadv_desktop.attacks.attack import Attack, AttackResult
from medadv_desktop.attacks.bounded import COUNTED_WITHIN
from medadv_desktop.settings import PixelFraction

if TYPE_CHECKING:
    from medadv_desktop.attacks.session import Session


class DeepFool(Attack):
    """At each step to the border that is nearest if the model were linear, and a little beyond.

    Moosavi-Dezfooli, Fawzi, Frossard: DeepFool: a simple and accurate method to fool deep neural
    networks, CVPR 2016, algorithm 2 (L2), eq. 11 for L∞: r ← r + |f_l| / ‖w_l‖_q^q' · w_l over the
    border l of least |f_l| / ‖w_l‖_q; the image tried is x + (1 + overshoot)·r. The paper knows no
    [0, 1]: here pixels that have come to its ends, and would go on, are left out of w.

    Borders: against each of the likeliest other classes (untargeted, single-label), or the cutoff
    of each finding (untargeted, multi-label: any one of them flipped). Every other objective has
    one border at a time, where its margin is zero; if it asks for several things at once, the one
    farthest from being fulfilled is stepped towards, and the length found is an upper bound.
    """

    name = "deepfool"
    title = "DeepFool"
    summary = "Smallest change by stepping to the nearest linearised border: quick, and close to it"
    reference = "Moosavi-Dezfooli et al., CVPR 2016 (arXiv 1511.04599)"
    minimal = True

    norm: Literal["linf", "l2"] = Field("l2", description="How the change is measured")
    steps: int = Field(50, ge=1, le=1000, description="Steps at most")
    overshoot: float = Field(
        0.02, ge=0, le=1, description="Share of the way added, so that the border is crossed"
    )
    candidates: int = Field(
        10,
        ge=2,
        le=1000,
        description="Classes that are looked at, the likeliest ones of the clean image (findings: "
        "those nearest to their cutoff); each costs a backward pass a step",
    )
    epsilon: PixelFraction | None = COUNTED_WITHIN

    def search(self, session: Session) -> AttackResult:
        from medadv_desktop.attacks.minimal.deepfool_search import deepfool

        return deepfool(session, self)
