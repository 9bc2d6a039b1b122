"""Gaussian augmentation: the training that randomised smoothing needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from medadv_desktop.defenses.objectives.fields import GREY_SCALE
from medadv_desktop.defenses.objectives.standard import Standard

if TYPE_CHECKING:
    from torch import Tensor

    from medadv_desktop.defenses.objectives.lesson import Lesson


class Gaussian(Standard):
    """The base loss on x + σ·n, n ~ N(0, I); nothing is clipped to [0, 1].

    Cohen, Rosenfeld, Kolter: Certified Adversarial Robustness via Randomized Smoothing, ICML 2019,
    sec. 3.3.
    """

    name = "gaussian"
    title = "Gaussian augmentation"
    advice = (
        "Learns from images with fresh noise. As cheap as standard training. By itself it hardly "
        "resists attacks; it is what a model needs that is to be wrapped in randomised smoothing, "
        "whose certificate then holds in L2. Choose the same σ there."
    )
    reference = "Cohen et al., ICML 2019 (arXiv 1902.02918)"

    sigma: float = Field(
        0.25,
        ge=0,
        le=2,
        title="σ",
        description="Standard deviation of the noise",
        json_schema_extra={"unit": GREY_SCALE},
    )

    def attacked(self, lesson: Lesson) -> Tensor:
        return lesson.images + self.sigma * lesson.draws.normal(lesson.images, "noise")
