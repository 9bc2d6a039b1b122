"""What attacks that only look at a model share: own random numbers, the best image so far, limits.

They count every look. Many candidates of a sample go through the model in one batch, as many as fit
in `MOST_VALUES` grey values, or as the batch itself has images.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from medadv_desktop.attacks.landscape import Point
from medadv_desktop.attacks.session import Session

MOST_VALUES = 2**23
GROUP_VALUES = 2**16


class Streams:
    """Random numbers of each sample, drawn from its own generator alone.

    Args:
        stream: tells the streams of one attack from each other.
    """

    def __init__(self, session: Session, stream: int = 0) -> None:
        self._generators = session.generators(session.rows, stream)
        self._device = session.originals.device

    def uniform(self, rows: Tensor, *shape: int) -> Tensor:
        """n×`shape` float64 in [0, 1)."""
        drawn = [torch.rand(shape, dtype=torch.float64, generator=g) for g in self._of(rows)]
        return torch.stack(drawn).to(self._device)

    def normal(self, rows: Tensor, counts: Sequence[int], shape: torch.Size) -> Tensor:
        """Σcounts×`shape` float32, standard normal: `counts` of them for each row in turn."""
        return self._grouped(lambda size, g: torch.randn(size, generator=g), rows, counts, shape)

    def signs(self, rows: Tensor, counts: Sequence[int], shape: torch.Size) -> Tensor:
        """Σcounts×`shape` float32, −1 or 1 (Rademacher)."""

        def draw(size: tuple[int, ...], generator: torch.Generator) -> Tensor:
            return 2.0 * torch.randint(2, size, generator=generator) - 1.0

        return self._grouped(draw, rows, counts, shape)

    def _grouped(
        self,
        draw: Callable[[tuple[int, ...], torch.Generator], Tensor],
        rows: Tensor,
        counts: Sequence[int],
        shape: torch.Size,
    ) -> Tensor:
        """`group_size` at a time, for numbers drawn together differ from numbers drawn apart."""
        group = group_size(shape)
        drawn = [
            draw((min(group, count - first), *shape), generator)
            for generator, count in zip(self._of(rows), counts, strict=True)
            for first in range(0, count, group)
        ]
        return torch.cat(drawn).to(self._device)

    def _of(self, rows: Tensor) -> list[torch.Generator]:
        return [self._generators[row] for row in rows.tolist()]


def group_size(shape: torch.Size) -> int:
    """How many images of C×H×W are drawn at a time: a number of the image's size alone."""
    return max(1, min(64, GROUP_VALUES // shape.numel()))


def at_once(samples: int, shape: torch.Size) -> int:
    """How many candidates of each sample go through the model together: whole groups."""
    group = group_size(shape)
    return group * max(1, MOST_VALUES // (samples * group * shape.numel()))


def pieces(total: int, images: Tensor) -> Iterator[slice]:
    """Slices of `total` candidates, each as many as go through the model in one batch.

    Args:
        images: the batch under attack.
    """
    most = max(len(images), MOST_VALUES // images[0].numel())
    for first in range(0, total, most):
        yield slice(first, min(total, first + most))


@dataclass(eq=False)
class Best:
    """For all N samples, the image that stands as the attack's find; attributes as the result's."""

    adversarial: Tensor
    logits: Tensor
    loss: Tensor
    success: Tensor
    steps: Tensor

    @classmethod
    def of(cls, clean: Point) -> Best:
        """The images themselves."""
        return cls(
            adversarial=clean.images.detach().clone(),
            logits=clean.logits.detach().clone(),
            loss=clean.loss.clone(),
            success=clean.achieved.clone(),
            steps=torch.zeros_like(clean.achieved, dtype=torch.int64),
        )

    def standing(self, rows: Tensor) -> Tensor:
        """The rows among `rows` on which the objective is not achieved."""
        return rows[~self.success[rows]]

    def take(self, point: Point, rows: Tensor, which: Tensor) -> None:
        """Put the point, one image for each of `rows`, where `which` (n bool) says."""
        taken = rows[which]
        self.adversarial[taken] = point.images[which]
        self.logits[taken] = point.logits[which]
        self.loss[taken] = point.loss[which]
        self.success[taken] = point.achieved[which]

    def consider(self, point: Point, rows: Tensor) -> None:
        """Take what achieves the objective, or comes nearer to it; `rows` are all standing."""
        self.take(point, rows, point.achieved | (point.loss > self.loss[rows]))


def best_per_row(point: Point, candidates: int) -> Tensor:
    """n places in the point, of n·candidates images row by row: of those that achieve the
    objective, or else of all, the one of largest loss.
    """
    achieved, loss = point.achieved.view(-1, candidates), point.loss.view(-1, candidates)
    eligible = achieved | ~achieved.any(1, keepdim=True)
    choice = torch.where(eligible, loss, -torch.inf).argmax(1)
    return torch.arange(len(choice), device=choice.device) * candidates + choice
