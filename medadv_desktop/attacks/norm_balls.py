"""The geometry of a budget: directions, projections and random starts in L∞ and L2 balls.

All images are N×C×H×W within [0, 1]. A ball bounds δ = image − original; every projected image lies
in the ball and within [0, 1], and rounding never carries it out: sums are rounded towards the
original.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from hashlib import blake2b

import torch
from torch import Tensor


@dataclass(frozen=True)
class NormBall(ABC):
    """All δ of norm at most `epsilon`, in units of the [0, 1] grey scale."""

    epsilon: float

    @abstractmethod
    def direction(self, gradient: Tensor) -> Tensor:
        """The δ of norm 1 that raises the loss fastest to first order; 0 where there is none."""

    @abstractmethod
    def bounded(self, delta: Tensor) -> Tensor:
        """The nearest point of the ball, for each sample."""

    @abstractmethod
    def draw(self, shape: torch.Size, dtype: torch.dtype, generator: torch.Generator) -> Tensor:
        """One sample's δ, uniform in the ball, on the CPU."""

    def project(self, images: Tensor, originals: Tensor) -> Tensor:
        """Into the ball around `originals`, then into [0, 1], which keeps it in the ball."""
        return displaced(originals, self.bounded(images - originals)).clamp_(0, 1)

    def start(self, originals: Tensor, generators: list[torch.Generator]) -> Tensor:
        """A random point for each sample, drawn from its own generator."""
        deltas = [self.draw(originals.shape[1:], originals.dtype, g) for g in generators]
        return self.project(originals + torch.stack(deltas).to(originals.device), originals)


class LinfBall(NormBall):
    """No pixel changes by more than ε."""

    def direction(self, gradient: Tensor) -> Tensor:
        return gradient.sign()

    def bounded(self, delta: Tensor) -> Tensor:
        return delta.clamp(-self.epsilon, self.epsilon)

    def draw(self, shape: torch.Size, dtype: torch.dtype, generator: torch.Generator) -> Tensor:
        uniform = torch.rand(shape, dtype=dtype, generator=generator)
        return (2 * uniform - 1) * self.epsilon


class L2Ball(NormBall):
    """The Euclidean length of the whole change of a sample is at most ε."""

    def direction(self, gradient: Tensor) -> Tensor:
        # The largest entry first, so that squares of tiny gradients do not underflow to zero.
        largest = gradient.abs().amax((1, 2, 3), keepdim=True)
        scaled = gradient / torch.where(largest > 0, largest, 1)
        length = l2_norms(scaled)[:, None, None, None]
        return scaled / torch.where(length > 0, length, 1).to(gradient)

    def bounded(self, delta: Tensor) -> Tensor:
        length = l2_norms(delta)
        shrink = torch.where(length > self.epsilon, self.epsilon / length, 1).to(delta)
        return delta * shrink[:, None, None, None]

    def draw(self, shape: torch.Size, dtype: torch.dtype, generator: torch.Generator) -> Tensor:
        normal = torch.randn(shape, dtype=torch.float64, generator=generator)
        radius = torch.rand((), dtype=torch.float64, generator=generator) ** (1 / shape.numel())
        uniform: Tensor = normal * (self.epsilon * radius / torch.linalg.vector_norm(normal))
        return uniform.to(dtype)


NORM_BALLS: dict[str, type[NormBall]] = {"linf": LinfBall, "l2": L2Ball}


def displaced(originals: Tensor, delta: Tensor) -> Tensor:
    """`originals` + `delta`, rounded so that nothing moves farther than `delta` says."""
    moved = originals + delta
    too_far = (moved - originals).abs() > delta.abs()
    return torch.where(too_far, torch.nextafter(moved, originals), moved)


def l2_norms(delta: Tensor) -> Tensor:
    """N: Euclidean length of each sample, summed in float64."""
    norms: Tensor = torch.linalg.vector_norm(delta, dim=(1, 2, 3), dtype=torch.float64)
    return norms


def linf_norms(delta: Tensor) -> Tensor:
    """N: the largest absolute entry of each sample."""
    return delta.abs().amax((1, 2, 3))


def l1_norms(delta: Tensor) -> Tensor:
    """N: sum of the absolute entries of each sample, in float64."""
    return delta.abs().sum((1, 2, 3), dtype=torch.float64)


def l0_norms(delta: Tensor) -> Tensor:
    """N int64: pixels that differ; one that differs in several channels counts once."""
    return (delta != 0).any(1).sum((1, 2))


def sample_generator(seed: int, sample_id: int, restart: int) -> torch.Generator:
    """The generator of one sample in one restart: the same in whatever batch it comes."""
    digest = blake2b(f"{seed}/{sample_id}/{restart}".encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "big"))
