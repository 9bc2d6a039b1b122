"""Class-activation maps: the feature maps of one layer, weighed by what they do to the score."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar, Final

from pydantic import Field

from medadv_desktop.analysis.response.method import Answer, LayerMethod, Needs

if TYPE_CHECKING:
    from torch import Tensor

    from medadv_desktop.analysis.response.question import Question


# Layers of one transformer block that lie behind its exchange between places, and some.
_TRIED: Final = 12


class _GradientMap(LayerMethod):
    """A method that needs the activations and their gradients, and no more."""

    def respond(self, question: Question) -> Answer:
        found: Answer | None = None
        # The places of a transformer's last layers do not reach its score; its class token does.
        for layer in question.candidates(self.layer)[:_TRIED]:
            activations, gradients = question.activations_and_gradients(layer)
            if found is None or bool(gradients.any()):
                found = Answer(self.weighed(activations, gradients), layer)
            if bool(gradients.any()):
                break
        assert found is not None
        return found

    @abstractmethod
    def weighed(self, activations: Tensor, gradients: Tensor) -> Tensor:
        """N×h×w, at least 0, of two N×C×h×w."""


class GradCam(_GradientMap):
    """ReLU(Σ_c w_c A_c), w_c the mean of ∂y/∂A_c over all places (equations 1 and 2)."""

    name: ClassVar = "grad-cam"
    title: ClassVar = "Grad-CAM"
    summary: ClassVar = "Feature maps weighed by their mean gradient"
    reference: ClassVar = "Selvaraju et al., ICCV 2017, arXiv 1610.02391"

    def weighed(self, activations: Tensor, gradients: Tensor) -> Tensor:
        weights = gradients.mean(dim=(2, 3), keepdim=True)
        return (weights * activations).sum(dim=1).relu()


class GradCamPlusPlus(_GradientMap):
    """ReLU(Σ_c w_c A_c), w_c = Σ_places α·ReLU(g), α = g² / (2g² + g³·Σ_places A_c).

    Equations 10 and 19 with Y = exp(y), whose derivatives are exp(y) times powers of
    g = ∂y/∂A; that factor is the same everywhere and left out.
    """

    name: ClassVar = "grad-cam++"
    title: ClassVar = "Grad-CAM++"
    summary: ClassVar = "Feature maps weighed by their positive gradients; finds several places"
    reference: ClassVar = "Chattopadhay et al., WACV 2018, arXiv 1710.11063"

    def weighed(self, activations: Tensor, gradients: Tensor) -> Tensor:
        whole = activations.sum(dim=(2, 3), keepdim=True)
        squared = gradients.square()
        below = 2 * squared + gradients * squared * whole
        usable = (squared > 0) & (below != 0)
        alpha = (squared / below.masked_fill(~usable, 1)).masked_fill(~usable, 0)
        weights = (alpha * gradients.relu()).sum(dim=(2, 3), keepdim=True)
        return (weights * activations).sum(dim=1).relu()


class LayerCam(_GradientMap):
    """ReLU(Σ_c ReLU(∂y/∂A_c) · A_c), each place by its own gradient."""

    name: ClassVar = "layer-cam"
    title: ClassVar = "Layer-CAM"
    summary: ClassVar = "Each place weighed by its own gradient; fine maps of early layers too"
    reference: ClassVar = "Jiang et al., IEEE TIP 30:5875-5888, 2021"

    def weighed(self, activations: Tensor, gradients: Tensor) -> Tensor:
        return (gradients.relu() * activations).sum(dim=1).relu()


class ScoreCam(LayerMethod):
    """ReLU(Σ_c α_c A_c), α the softmax over channels of y(x·H_c) − y(0) (algorithm 1).

    H_c is A_c enlarged to the image's size and stretched to [0, 1]; 0 is the black image.
    """

    name: ClassVar = "score-cam"
    title: ClassVar = "Score-CAM"
    summary: ClassVar = "Feature maps weighed by the score of the image seen through them; slow"
    reference: ClassVar = "Wang et al., CVPR Workshops 2020, arXiv 1910.01279"
    needs: ClassVar[Needs] = "scores"

    at_a_time: int = Field(16, ge=1, le=1024, description="Masked images in one pass")

    def respond(self, question: Question) -> Answer:
        import torch

        layer = question.candidates(self.layer)[0]
        activations = question.activations(layer)
        maps = []
        for row, own in enumerate(activations):
            black = question.scores_of(torch.zeros_like(question.images[row : row + 1]), row)
            gained = self._scores(question, row, own, len(activations)) - black
            weights = gained.softmax(dim=0)[:, None, None]
            maps.append((weights * own).sum(dim=0).relu())
        return Answer(torch.stack(maps), layer)

    def _scores(self, question: Question, row: int, own: Tensor, rows: int) -> Tensor:
        """C scores of the image seen through each of C×h×w maps."""
        import torch
        import torch.nn.functional as F

        image = question.images[row]
        scores = []
        for start in range(0, len(own), self.at_a_time):
            done, total = row * len(own) + start, rows * len(own)
            question.progress(done, total, "masked images")
            part = own[None, start : start + self.at_a_time]
            fine = F.interpolate(part, image.shape[-2:], mode="bilinear", align_corners=False)[0]
            low, high = fine.amin(dim=(1, 2), keepdim=True), fine.amax(dim=(1, 2), keepdim=True)
            # A constant map shows nothing of the image.
            mask = (fine - low) / (high - low).masked_fill(high == low, 1)
            scores.append(question.scores_of(image * mask[:, None].to(image), row))
        return torch.cat(scores)
