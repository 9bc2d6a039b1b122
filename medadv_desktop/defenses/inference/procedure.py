"""What every defence at inference is: a value that changes images before the model. No torch.

The change is part of the defended model's forward pass, so an attack meets it. What has no slope of
its own (rounding, JPEG) passes the gradient as if it were not there: that is BPDA with the identity
(Athalye, Carlini, Wagner, ICML 2018, sec. 4.1), without which such a defence only looks robust.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from medadv_desktop.settings import Settings

if TYPE_CHECKING:
    from torch import Tensor


class InferenceDefence(Settings):
    """Base of all defences at inference.

    Attributes:
        name: the word in plans; `title` the one for people.
        advice: what it buys, what it costs, when to choose it.
        reference: the paper.
        randomised: draws random numbers (torch's own, of the CPU): an attack should average over
            draws (EOT), and an audit without that misleads.
        looks: how often the model sees an image.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    advice: ClassVar[str]
    reference: ClassVar[str]
    randomised: ClassVar[bool] = False

    @property
    def looks(self) -> int:
        return 1

    @abstractmethod
    def changed(self, images: Tensor) -> Tensor:
        """n×C×H×W in [0, 1] to `looks`·n×C×H×W, a whole batch for each look; gradients pass."""
