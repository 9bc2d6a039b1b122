"""Expectation over transformation: climb the mean of many draws of a network that draws at random.

Athalye, Engstrom, Ilyas, Kwok: Synthesizing Robust Adversarial Examples, ICML 2018, eq. 1; against
randomised defences Athalye, Carlini, Wagner: Obfuscated Gradients Give a False Sense of Security,
ICML 2018, sec. 5.2.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from medadv_desktop.attacks.landscape import Point
from medadv_desktop.attacks.session import Session
from medadv_desktop.seeds import sample_seed


@dataclass(frozen=True, eq=False)
class ExpectedPoint(Point):
    """Means over draws: of logits, loss and slope; the goal is achieved by the mean logits.

    Attributes:
        ascent: n×C×H×W, the mean gradient up to a positive factor per sample; None unless climbing.
    """

    ascent: Tensor | None


class Expectation:
    """Looks like a `Landscape`, and takes `draws` looks of its session's for each of its own.

    Every draw runs with a seed made of the session's seed, the sample and which look of the sample
    it is, one sample at a time: a network that draws for the batch as a whole would otherwise see
    other numbers in another batch. So it costs draws · n passes of a single image.
    """

    def __init__(self, session: Session, draws: int) -> None:
        self.session = session
        self.landscape = session.landscape
        self.draws = draws
        self.looks = [0] * len(session.ids)
        self.random = False
        self.told = False

    def at(self, images: Tensor, rows: Tensor, *, climbing: bool = False) -> Point:
        """As `Landscape.at`; counts `draws` queries for each image."""
        points = [
            self._single(image[None], row[None], climbing)
            for image, row in zip(images, rows, strict=True)
        ]
        self._warn_of_sameness()
        logits = torch.cat([p.logits for p in points])
        labels, cutoffs = self.landscape.labels[rows], self.landscape.model.cutoffs
        achieved = self.landscape.objective.achieved(logits, labels, cutoffs)
        if not self.landscape.exact:  # then the model itself must have been seen to give way
            achieved = achieved & torch.cat([p.achieved for p in points])
        return ExpectedPoint(
            images=images,
            logits=logits,
            loss=torch.cat([p.loss for p in points]),
            slope=torch.cat([p.slope for p in points]),
            achieved=achieved,
            ascent=torch.cat([p.ascent for p in points if p.ascent is not None])
            if climbing
            else None,
        )

    def gradient(self, point: Point, rows: Tensor) -> Tensor:  # noqa: ARG002 - as Landscape's
        """∂(mean loss)/∂images, up to a positive factor per sample."""
        assert isinstance(point, ExpectedPoint)
        assert point.ascent is not None, "was not looked at for climbing"
        return point.ascent

    def _single(self, image: Tensor, row: Tensor, climbing: bool) -> ExpectedPoint:
        look = self.looks[int(row)]
        self.looks[int(row)] += 1
        drawn = [self._draw(image, row, climbing, look, draw) for draw in range(self.draws)]
        logits = torch.cat([p.logits.detach() for p in drawn])
        self.random = self.random or bool((logits != logits[:1]).any())
        slopes = torch.cat([p.slope for p in drawn])
        ascent = None
        if climbing:
            # One factor for all draws, lest the slope of a confident network underflows.
            largest = slopes.abs().amax()
            scaled = slopes / torch.where(largest > 0, largest, 1)
            ascent = torch.cat(
                [
                    self.landscape.pulled_back(p, slope[None], row)
                    for p, slope in zip(drawn, scaled, strict=True)
                ]
            ).mean(0, keepdim=True)
        return ExpectedPoint(
            images=image,
            logits=logits.mean(0, keepdim=True),
            loss=torch.cat([p.loss for p in drawn]).mean(0, keepdim=True),
            slope=slopes.mean(0, keepdim=True),
            achieved=torch.cat([p.achieved for p in drawn]).any(0, keepdim=True),
            ascent=ascent,
        )

    def _draw(self, image: Tensor, row: Tensor, climbing: bool, look: int, draw: int) -> Point:
        session = self.session
        seed = sample_seed(session.seed, session.ids[int(row)], "expectation", look, draw)
        torch.default_generator.manual_seed(seed)
        if image.is_cuda:
            with torch.cuda.device(image.device):
                torch.cuda.manual_seed(seed)
        return self.landscape.at(image, row, climbing=climbing)

    def _warn_of_sameness(self) -> None:
        if not self.random and not self.told:
            self.told = True
            self.session.warn(
                f"all {self.draws} draws of the network are the same: it draws no random numbers, "
                "and one draw would do"
            )
