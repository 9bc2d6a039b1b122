"""What every corruption is: a frozen value with a severity and `apply`. Readable without torch."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from medadv_desktop.jobs import CancelToken
from medadv_desktop.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

Modality = Literal["dermoscopy", "fundus", "radiograph"]
MODALITIES: tuple[Modality, ...] = ("dermoscopy", "fundus", "radiograph")
SEVERITIES = (1, 2, 3, 4, 5)

REFERENCE_SIDE = 224
"""Lengths in pixels are those of an image whose shorter side has so many; others scale along."""

IMAGENET_C = "Hendrycks & Dietterich, ICLR 2019 (ImageNet-C)"
MEDMNIST_C = "Di Salvo et al. 2024 (MedMNIST-C)"
OURS = "this program"


class Corruption(Settings):
    """Base of all corruptions: `corrupt` changes one image, `apply` a batch.

    Attributes:
        name: the word on the command line and in plans; `title` the one for people.
        summary: one line; `reference`: where formula and constants come from.
        modalities: what it may happen to; () for every image.
        constants: what the kind's docstring says, for severity 1 to 5.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]
    reference: ClassVar[str]
    modalities: ClassVar[tuple[Modality, ...]] = ()
    constants: ClassVar[tuple[float | tuple[float, ...], ...]]

    severity: int = Field(3, ge=1, le=5, description="From 1, hardly to be seen, to 5, severe")

    @abstractmethod
    def corrupt(self, image: Tensor, rng: np.random.Generator) -> Tensor:
        """One image, C×H×W float32 or float64 within [0, 1]; the result may leave [0, 1]."""

    @property
    def constant(self) -> float:
        """The constant of this severity, where it is one number."""
        value = self.constants[self.severity - 1]
        assert not isinstance(value, tuple)
        return value

    @property
    def constant_tuple(self) -> tuple[float, ...]:
        """The constants of this severity, where they are several."""
        value = self.constants[self.severity - 1]
        assert isinstance(value, tuple)
        return value

    def apply(
        self,
        images: Tensor,
        *,
        seed: int,
        sample_ids: Sequence[int],
        token: CancelToken | None = None,
    ) -> Tensor:
        """Corrupt a batch.

        Every sample draws from its own generator, made of `seed`, its id and the kind: results
        depend neither on the batch nor on its order. The severity is not part of it, so that the
        same grain, or the same hairs and more, come back at the next severity.

        Args:
            images: N×C×H×W floating point within [0, 1], C 1 or 3.
            sample_ids: N.
            token: checked before every sample.

        Returns:
            Shape, dtype and device of `images`, clipped to [0, 1].

        Raises:
            CorruptionError: the images are none such, or the ids are not as many.
            JobCancelled: the token was cancelled.
        """
        import torch

        from medadv_desktop.corruptions.batches import checked, generators, working

        checked(images, sample_ids)
        rngs = generators(seed, sample_ids, "corruption", self.name)
        result = torch.empty_like(images)
        with torch.no_grad():
            for row, rng in enumerate(rngs):
                if token is not None:
                    token.check()
                result[row] = self.corrupt(working(images[row]), rng).clamp(0, 1)
        return result
