"""The geometry of a budget: directions, projections and random starts in L∞, L2 and L1 balls.

All images are N×C×H×W within [0, 1]. A ball bounds δ = image − original; every projected image lies
in the ball and within [0, 1], and rounding never carries it out: sums are rounded towards the
original.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from medadv_desktop.seeds import sample_seed


@dataclass(frozen=True)
class NormBall(ABC):
    """All δ of norm at most `epsilon`, in units of the [0, 1] grey scale."""

    epsilon: float

    @abstractmethod
    def direction(self, gradient: Tensor) -> Tensor:
        """The δ of norm 1 that raises the loss fastest to first order; 0 where there is none."""

    def step(self, gradient: Tensor, images: Tensor, length: float) -> Tensor:  # noqa: ARG002
        """The δ of a step of `length` uphill from `images`: along `direction`, unless [0, 1] is in
        the way of it (L1).
        """
        return length * self.direction(gradient)

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


class L1Ball(NormBall):
    """The absolute changes of all entries of a sample add up to ε at most.

    The image nearest to a point within ball and [0, 1] at once is not the nearest of the ball, put
    into [0, 1]: that loses most of a sparse step. So `project` finds it in one piece (Croce, Hein:
    Mind the Box: l1-APGD for Sparse Adversarial Attacks on Image Classifiers, ICML 2021, sec. 2).
    """

    SHARE = 0.01
    """Of all entries, those of one step: the 99th percentile of SLIDE."""

    def direction(self, gradient: Tensor) -> Tensor:
        """Equal changes to the 1 % of entries that matter most, rounded up.

        One entry alone, the steepest of all, would need as many steps as pixels are to change.
        Tramèr, Boneh: Adversarial Training and Robustness for Multiple Perturbations, NeurIPS 2019,
        sec. 4.
        """
        flat = gradient.flatten(1)
        most = math.ceil(self.SHARE * flat.shape[1])
        chosen = flat.abs().topk(most, dim=1).indices
        signs = flat.gather(1, chosen).sign()
        parts = signs / signs.abs().sum(1, keepdim=True).clamp(min=1)
        return torch.zeros_like(flat).scatter_(1, chosen, parts).view_as(gradient)

    def step(self, gradient: Tensor, images: Tensor, length: float) -> Tensor:
        """As `direction`, but an entry goes no farther than to its end of [0, 1].

        What it cannot use goes to the next steepest, lest a step is spent on entries that the
        projection has drawn back from their ends a little.
        """
        flat, x = gradient.flatten(1), images.flatten(1)
        part = length / math.ceil(self.SHARE * flat.shape[1])
        usable = torch.where(flat > 0, 1 - x, x).clamp(max=part).masked_fill(flat == 0, 0)
        order = flat.abs().argsort(dim=1, descending=True, stable=True)
        usable = usable.gather(1, order)
        left = length - (usable.cumsum(1) - usable)
        moved = usable.minimum(left.clamp(min=0))
        return (torch.zeros_like(flat).scatter_(1, order, moved) * flat.sign()).view_as(gradient)

    def bounded(self, delta: Tensor) -> Tensor:
        return self._nearest(delta, torch.full_like(delta, torch.inf, dtype=torch.float64))

    def project(self, images: Tensor, originals: Tensor) -> Tensor:
        delta = images - originals
        wide = originals.double()
        room = torch.where(delta > 0, 1 - wide, wide)
        return displaced(originals, self._nearest(delta, room)).clamp_(0, 1)

    def draw(self, shape: torch.Size, dtype: torch.dtype, generator: torch.Generator) -> Tensor:
        sizes = torch.empty(shape, dtype=torch.float64).exponential_(generator=generator)
        signs = torch.randint(0, 2, shape, generator=generator) * 2 - 1
        radius = torch.rand((), dtype=torch.float64, generator=generator) ** (1 / shape.numel())
        uniform: Tensor = signs * sizes * (self.epsilon * radius / sizes.sum())
        return uniform.to(dtype)

    def _nearest(self, delta: Tensor, room: Tensor) -> Tensor:
        sizes = _shortened(delta.flatten(1).double().abs(), room.flatten(1), self.epsilon)
        return (delta.sign() * sizes.view_as(delta)).to(delta)


NORM_BALLS: dict[str, type[NormBall]] = {"linf": LinfBall, "l2": L2Ball, "l1": L1Ball}


def _shortened(sizes: Tensor, room: Tensor, epsilon: float, rounds: int = 100) -> Tensor:
    """min(max(sizes − λ, 0), room), with the least λ ≥ 0 of each row for a sum of at most ε.

    The sum falls with λ in straight pieces: Newton's steps meet the right piece, mostly in fewer
    than ten; where one leaves the bracket, that is halved. N×D float64, all ≥ 0.
    """
    cut = torch.zeros_like(sizes[:, :1])
    low, high = cut, sizes.amax(1, keepdim=True)
    for _ in range(rounds):
        left = sizes - cut
        kept = left.clamp(min=0).minimum(room)
        excess = kept.sum(1, keepdim=True) - epsilon
        settled = (excess.abs() <= 1e-12 * epsilon) | ((excess <= 0) & (cut == 0))
        if settled.all():
            break
        low, high = torch.where(excess > 0, cut, low), torch.where(excess > 0, high, cut)
        sliding = ((left > 0) & (left < room)).sum(1, keepdim=True)
        newton = cut + excess / sliding.clamp(min=1)
        bracketed = (newton > low) & (newton < high)
        # A settled row stays to the bit, whatever company it is in.
        cut = torch.where(settled, cut, torch.where(bracketed, newton, (low + high) / 2))
    total = kept.sum(1, keepdim=True)
    return kept * torch.where(total > epsilon, epsilon / total, 1)


def free_gradient(gradient: Tensor, images: Tensor) -> Tensor:
    """`gradient` without the entries that point out of [0, 1] where the image is at its end."""
    held = ((images <= 0) & (gradient < 0)) | ((images >= 1) & (gradient > 0))
    return gradient.masked_fill(held, 0)


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
    return torch.Generator().manual_seed(sample_seed(seed, sample_id, restart))
