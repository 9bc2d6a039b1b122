"""AWP: the weights are attacked as well, around any objective."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from medadv_desktop.settings import Settings

if TYPE_CHECKING:
    from torch import Tensor

    from medadv_desktop.defenses.objectives.lesson import Lesson
    from medadv_desktop.defenses.objectives.objective import Losses, TrainingObjective


class WeightPerturbation(Settings):
    """The gradient is taken at w + v, v = γ·‖w‖·g/‖g‖ layer by layer, g = ∇_w of the objective.

    Wu, Xia, Wang: Adversarial Weight Perturbation Helps Robust Generalization, NeurIPS 2020, eq. 8
    to 10, one step. Only weights of two dimensions and more are perturbed, as in the authors' code.
    Where a batch is cut into parts, each part has its own v.

    It costs one more forward and backward pass of the objective, and narrows the gap between the
    robustness on training images and on others. `title` and `advice` as an objective's.
    """

    gamma: float = Field(
        0.005,
        gt=0,
        le=1,
        title="γ",
        description="Length of the perturbation, relative to that of each layer's weights",
    )
    begin: int = Field(0, ge=0, le=10_000, description="Epochs without it at first")

    def backward(self, objective: TrainingObjective, lesson: Lesson, scale: float) -> Losses:
        """As `TrainingObjective.backward`; weights and statistics end as they would there."""
        import torch

        from medadv_desktop.defenses.objectives.objective import learn

        attacked = objective.attacked(lesson)
        weights = [w for w in lesson.network.parameters() if w.requires_grad and w.ndim > 1]
        buffers = list(lesson.network.buffers())
        before = [b.clone() for b in buffers]
        loss = objective.losses(lesson, attacked).each.mean()
        slopes = torch.autograd.grad(loss, weights, materialize_grads=True)
        kept = [w.detach().clone() for w in weights]
        with torch.no_grad():
            for buffer, value in zip(buffers, before, strict=True):
                buffer.copy_(value)
            for weight, slope in zip(weights, slopes, strict=True):
                weight.add_(self._perturbation(weight, slope))
        try:
            losses = objective.losses(lesson, attacked)
            learn(losses, scale)
        finally:
            with torch.no_grad():
                for weight, value in zip(weights, kept, strict=True):
                    weight.copy_(value)
        return losses

    def _perturbation(self, weight: Tensor, slope: Tensor) -> Tensor:
        factor: Tensor = self.gamma * weight.norm() / slope.norm().clamp_min(1e-20)
        return slope * factor
