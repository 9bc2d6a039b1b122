"""The differential evolution of the one-pixel attack (one_pixel.py)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from medadv_desktop.attacks.attack import AttackResult
from medadv_desktop.attacks.landscape import Point
from medadv_desktop.attacks.scores.looking import Best, Streams, best_per_row, pieces
from medadv_desktop.attacks.session import Session

if TYPE_CHECKING:
    from medadv_desktop.attacks.scores.one_pixel import OnePixel

F = 0.5
"""The scale of a difference (Su et al. 2019, eq. 3)."""


def search(session: Session, attack: OnePixel) -> AttackResult:
    """Attack the batch: one generation of all samples that stand in each look."""
    rows = session.rows
    clean = session.landscape.at(session.originals, rows)
    best = Best.of(clean)
    rows = best.standing(rows)
    streams = Streams(session)
    channels = session.originals.shape[1]
    shape = (attack.population, attack.pixels, 2 + channels)
    parents = _Population.empty(len(best.success), shape, session.originals.device)
    for generation in range(attack.generations + 1):
        session.token.check()
        if len(rows) == 0:
            break
        if generation == 0:
            genes = first_genes(streams.uniform(rows, *shape))
        else:
            genes = children(parents.genes[rows], streams.uniform(rows, attack.population, 3))
        loss = _look(session, genes, rows, best)
        parents.replace(genes, loss, rows)
        best.steps[rows] += 1
        rows = best.standing(rows)
        session.report(generation, attack.generations, best.adversarial, best.success)
    session.progress(attack.generations, attack.generations, best.success)
    return session.result(clean, best.adversarial, best.logits, best.success, best.steps)


@dataclass(eq=False)
class _Population:
    """The candidates of all N samples: genes N×P×pixels×(2 + C) in [0, 1], losses N×P.

    The first two genes of a pixel are its place, down and across, as parts of the image's sides.
    """

    genes: Tensor
    loss: Tensor

    @classmethod
    def empty(cls, samples: int, shape: tuple[int, ...], device: torch.device) -> _Population:
        genes = torch.zeros(samples, *shape, dtype=torch.float64, device=device)
        worst = torch.full((samples, shape[0]), -torch.inf, dtype=torch.float64, device=device)
        return cls(genes, worst)

    def replace(self, genes: Tensor, loss: Tensor, rows: Tensor) -> None:
        """Put each candidate where it is at least as good as the one in its place."""
        better = loss >= self.loss[rows]
        self.genes[rows] = torch.where(better[:, :, None, None], genes, self.genes[rows])
        self.loss[rows] = torch.where(better, loss, self.loss[rows])


def first_genes(uniform: Tensor) -> Tensor:
    """From uniform numbers, n×P×pixels×(2 + C): places stay uniform, values become normal."""
    genes = uniform.clone()
    normal = torch.special.ndtri(uniform[..., 2:].clamp(1e-12, 1 - 1e-12))
    genes[..., 2:] = (0.5 + 0.5 * normal).clamp(0, 1)
    return genes


def children(genes: Tensor, uniform: Tensor) -> Tensor:
    """a + F·(b − c) for every candidate, a, b and c being three others.

    Args:
        genes: n×P×pixels×(2 + C), P ≥ 4.
        uniform: n×P×3, in [0, 1).
    """
    samples, population = genes.shape[:2]
    steps = distinct_steps(uniform, population)
    own = torch.arange(population, device=genes.device)[None, :, None]
    others = (own + steps) % population
    sample = torch.arange(samples, device=genes.device)[:, None]
    a, b, c = (genes[sample, others[..., k]] for k in range(3))
    return (a + F * (b - c)).clamp_(0, 1)


def distinct_steps(uniform: Tensor, population: int) -> Tensor:
    """From …×3 uniform numbers, three distinct numbers from 1 to P − 1, every choice as likely."""
    limits = torch.tensor([population - 1, population - 2, population - 3], device=uniform.device)
    first, second, third = (uniform * limits).long().unbind(-1)
    second = second + (second >= first)
    low, high = torch.minimum(first, second), torch.maximum(first, second)
    third = third + (third >= low)
    third = third + (third >= high)
    return torch.stack([first, second, third], -1) + 1


def painted(originals: Tensor, genes: Tensor) -> Tensor:
    """n×C×H×W with pixels set; where two pixels of a candidate meet, the later one counts.

    Args:
        originals: n×C×H×W.
        genes: n×pixels×(2 + C).
    """
    images = originals.clone()
    height, width = images.shape[2:]
    row = torch.arange(len(images), device=images.device)
    down = (genes[..., 0] * height).long().clamp_(max=height - 1)
    across = (genes[..., 1] * width).long().clamp_(max=width - 1)
    for pixel in range(genes.shape[1]):
        images[row, :, down[:, pixel], across[:, pixel]] = genes[:, pixel, 2:].to(images)
    return images


def _look(session: Session, genes: Tensor, rows: Tensor, best: Best) -> Tensor:
    """n×P losses; what achieves the objective, or comes nearer to it, becomes the best."""
    population = genes.shape[1]
    owners = rows.repeat_interleave(population)
    flat = genes.flatten(0, 1)
    seen: list[Point] = []
    for piece in pieces(len(flat), session.originals):
        session.token.check()
        images = painted(session.originals[owners[piece]], flat[piece])
        point = session.landscape.at(images, owners[piece])
        seen.append(_without_images(point))
    together = Point(
        images=flat,
        logits=torch.cat([p.logits for p in seen]),
        loss=torch.cat([p.loss for p in seen]),
        slope=torch.cat([p.slope for p in seen]),
        achieved=torch.cat([p.achieved for p in seen]),
    )
    chosen = best_per_row(together, population)
    foremost = Point(
        images=painted(session.originals[rows], flat[chosen]),
        logits=together.logits[chosen],
        loss=together.loss[chosen],
        slope=together.slope[chosen],
        achieved=together.achieved[chosen],
    )
    best.consider(foremost, rows)
    return together.loss.view(len(rows), population)


def _without_images(point: Point) -> Point:
    """Of thousands of candidates only the best one's image is needed, and is painted again."""
    nothing = point.images[:0]
    return Point(nothing, point.logits, point.loss, point.slope, point.achieved)
