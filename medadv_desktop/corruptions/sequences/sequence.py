"""What every perturbation sequence is: a frozen value whose `sequence` yields frames."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from medadv_desktop.jobs import CancelToken
from medadv_desktop.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

FRAMES = 10
"""Of a sequence in Xu et al. 2021: the first ten of ImageNet-P's."""
MOST_FRAMES = 31
"""Of a sequence in ImageNet-P."""


class PerturbationSequence(Settings):
    """Base of all perturbation sequences; `unrolled` says what frame i, from 0, is.

    The formulas are ImageNet-P's in i, so more frames are those before and some more. Where it
    rounds to 8 bits and compresses a video, frames here are exact. Lengths in pixels are those of
    224×224 images and grow with the shorter side; strengths of noise stay.

    Attributes:
        name: the word on the command line and in plans; `title` the one for people.
        summary: one line with the formula.
        noise: frames after the first are independent draws around it, so predictions are compared
            with that of the first, clean frame; else with that of the frame before.
        validation: held out by ImageNet-P, to choose methods on; not part of the mean flip rate.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]
    reference: ClassVar[str] = "Hendrycks & Dietterich, ICLR 2019 (ImageNet-P)"
    noise: ClassVar[bool] = False
    validation: ClassVar[bool] = False

    frames: int = Field(FRAMES, ge=2, le=MOST_FRAMES, description="Of a sequence, with the first")

    @abstractmethod
    def unrolled(self, images: Tensor, rngs: list[np.random.Generator]) -> Iterator[Tensor]:
        """Frames 0, 1, …, without end, of N×C×H×W float32 or float64; they may leave [0, 1]."""

    def sequence(
        self,
        images: Tensor,
        *,
        seed: int,
        sample_ids: Sequence[int],
        token: CancelToken | None = None,
    ) -> Iterator[Tensor]:
        """The frames of a batch, one after the other.

        Every sample draws from its own generator, made of `seed`, its id and the kind: results
        depend neither on the batch nor on its order.

        Args:
            images: N×C×H×W floating point within [0, 1], C 1 or 3.
            sample_ids: N.
            token: checked before every frame.

        Returns:
            `frames` tensors of shape, dtype and device of `images`, clipped to [0, 1]. Each may be
            changed by whoever takes it.

        Raises:
            CorruptionError: the images are none such, or the ids are not as many; at once.
            JobCancelled: the token was cancelled; when a frame is asked for.
        """
        from medadv_desktop.corruptions.batches import checked, generators, working

        checked(images, sample_ids)
        rngs = generators(seed, sample_ids, "sequence", self.name)
        return self._clipped(working(images), images, rngs, token or CancelToken())

    def _clipped(
        self, source: Tensor, like: Tensor, rngs: list[np.random.Generator], token: CancelToken
    ) -> Iterator[Tensor]:
        import torch

        frames = self.unrolled(source, rngs)
        for _ in range(self.frames):
            token.check()
            with torch.no_grad():
                frame = next(frames).clamp(0, 1).to(like.dtype)
            yield frame
