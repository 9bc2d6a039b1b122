"""Attributions to the pixels themselves: integrated gradients and occlusion. No layer is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from medadv_desktop.analysis.response.method import Answer, Needs, ResponseMethod
from medadv_desktop.errors import AnalysisError

if TYPE_CHECKING:
    from torch import Tensor

    from medadv_desktop.analysis.response.question import Question

Fill = Literal["black", "mean"]


def _filled(image: Tensor, fill: Fill) -> Tensor:
    """C×H×W without a picture: black, or the image's own mean in each channel."""
    import torch

    if fill == "black":
        return torch.zeros_like(image)
    return image.mean(dim=(1, 2), keepdim=True).expand_as(image)


class IntegratedGradients(ResponseMethod):
    """(x − x′) · ∫₀¹ ∂y(x′ + a(x − x′))/∂x da, summed over the channels (equation 1).

    The integral by the midpoint rule. Over all pixels the attributions add up to y(x) − y(x′);
    what is missing to it is reported.
    """

    name: ClassVar = "integrated-gradients"
    title: ClassVar = "Integrated gradients"
    summary: ClassVar = "Each pixel's share of the change in score from an empty image"
    reference: ClassVar = "Sundararajan, Taly and Yan, ICML 2017, arXiv 1703.01365"
    signed: ClassVar = True

    steps: int = Field(64, ge=1, le=4096, description="Points on the way from the empty image")
    baseline: Fill = Field("black", description="The empty image: black, or the image's own mean")
    at_a_time: int = Field(16, ge=1, le=1024, description="Points in one pass")

    def respond(self, question: Question) -> Answer:
        import torch

        maps, missing = [], []
        for row, image in enumerate(question.images):
            empty = _filled(image, self.baseline)
            slopes = self._mean_gradient(question, row, image, empty)
            shares = ((image - empty) * slopes).sum(dim=0)
            ends = question.scores_of(torch.stack((image, empty)), row)
            missing.append(ends[0] - ends[1] - shares.sum())
            maps.append(shares)
        return Answer(torch.stack(maps), unexplained=torch.stack(missing))

    def _mean_gradient(self, question: Question, row: int, image: Tensor, empty: Tensor) -> Tensor:
        import torch

        total = torch.zeros_like(image)
        places = (torch.arange(self.steps, dtype=torch.float64) + 0.5) / self.steps
        for start in range(0, self.steps, self.at_a_time):
            done = row * self.steps + start
            question.progress(done, self.steps * len(question.images), "points on the way")
            part = places[start : start + self.at_a_time].to(image)[:, None, None, None]
            points = (empty + part * (image - empty)).requires_grad_()
            targets = question.targets[row].expand(len(points))
            score = question.scores(question.model(points), targets).sum()
            (slopes,) = torch.autograd.grad(score, points)
            total += slopes.sum(dim=0)
        return total / self.steps


class Occlusion(ResponseMethod):
    """The fall of the score when a square is covered: y(x) − y(x covered), mean over the squares
    that cover a pixel.
    """

    name: ClassVar = "occlusion"
    title: ClassVar = "Occlusion"
    summary: ClassVar = "How far the score falls when a square of the image is covered"
    reference: ClassVar = "Zeiler and Fergus, ECCV 2014, arXiv 1311.2901, section 4.2"
    needs: ClassVar[Needs] = "scores"
    signed: ClassVar = True

    window: int = Field(
        32,
        ge=1,
        le=4096,
        description="Side of the square",
        json_schema_extra={"unit": "pixels of the model input"},
    )
    stride: int = Field(
        16,
        ge=1,
        le=4096,
        description="Between the squares; the last ones end at the border",
        json_schema_extra={"unit": "pixels of the model input"},
    )
    fill: Fill = Field("mean", description="What covers: black, or the image's own mean")
    at_a_time: int = Field(16, ge=1, le=1024, description="Covered images in one pass")

    def respond(self, question: Question) -> Answer:
        import torch

        height, width = question.images.shape[-2:]
        if self.window > min(height, width) or self.stride > self.window:
            raise AnalysisError(
                f"squares of {self.window} pixels every {self.stride} do not cover an image of "
                f"{height}×{width}",
                subject=self.title,
                remedy="Choose a window within the image, and a stride of at most the window",
            )
        return Answer(torch.stack([self._falls(question, r) for r in range(len(question.images))]))

    def _falls(self, question: Question, row: int) -> Tensor:
        """H×W."""

        image = question.images[row]
        empty, size = _filled(image, self.fill), self.window
        corners = [
            (y, x) for y in self._starts(image.shape[1]) for x in self._starts(image.shape[2])
        ]
        clean = question.scores_of(image[None], row)[0]
        fall, times = image.new_zeros(image.shape[1:]), image.new_zeros(image.shape[1:])
        for start in range(0, len(corners), self.at_a_time):
            total = len(corners) * len(question.images)
            question.progress(row * len(corners) + start, total, "covered images")
            part = corners[start : start + self.at_a_time]
            covered = image.repeat(len(part), 1, 1, 1)
            for one, (y, x) in zip(covered, part, strict=True):
                one[:, y : y + size, x : x + size] = empty[:, y : y + size, x : x + size]
            falls = clean - question.scores_of(covered, row)
            for amount, (y, x) in zip(falls, part, strict=True):
                fall[y : y + size, x : x + size] += amount
                times[y : y + size, x : x + size] += 1
        return fall / times

    def _starts(self, extent: int) -> list[int]:
        starts = list(range(0, extent - self.window + 1, self.stride))
        return starts if starts[-1] == extent - self.window else [*starts, extent - self.window]
