"""Noise around the clean first frame: Gaussian, shot, speckle. Channels draw independently."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from medadv_desktop.corruptions.sequences.sequence import PerturbationSequence

if TYPE_CHECKING:
    from torch import Tensor


class _Noise(PerturbationSequence):
    noise = True

    @abstractmethod
    def draw(self, image: Tensor, rng: np.random.Generator) -> Tensor:
        """C×H×W with one draw of noise."""

    def unrolled(self, images: Tensor, rngs: list[np.random.Generator]) -> Iterator[Tensor]:
        import torch

        yield images.clone()
        while True:
            pairs = zip(images, rngs, strict=True)
            yield torch.stack([self.draw(image, rng) for image, rng in pairs])


class GaussianNoiseSequence(_Noise):
    """x + N(0, 0.03²)."""

    name = "gaussian-noise"
    title = "Gaussian noise"
    summary = "Clean, then x + N(0, 0.03²) anew in every frame"

    def draw(self, image: Tensor, rng: np.random.Generator) -> Tensor:
        from medadv_desktop.corruptions.batches import drawn

        return image + 0.03 * drawn(rng.standard_normal(image.shape, dtype=np.float32), image)


class ShotNoiseSequence(_Noise):
    """Poisson(300·x)/300."""

    name = "shot-noise"
    title = "Shot noise"
    summary = "Clean, then Poisson(300·x)/300 anew in every frame"

    def draw(self, image: Tensor, rng: np.random.Generator) -> Tensor:
        from medadv_desktop.corruptions.batches import drawn

        return drawn(rng.poisson(300 * image.double().cpu().numpy()) / 300, image)


class SpeckleNoiseSequence(_Noise):
    """x + x·N(0, 0.05²)."""

    name = "speckle-noise"
    title = "Speckle noise"
    summary = "Clean, then x + x·N(0, 0.05²) anew in every frame"
    validation = True

    def draw(self, image: Tensor, rng: np.random.Generator) -> Tensor:
        from medadv_desktop.corruptions.batches import drawn

        noise = drawn(rng.standard_normal(image.shape, dtype=np.float32), image)
        return image + image * (0.05 * noise)
