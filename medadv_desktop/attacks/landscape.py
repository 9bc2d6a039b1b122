"""The loss over images: one model, one objective, one batch. Every look at the model goes here.

So NaN logits are named, queries are counted and success is read in one place, for attacks that
follow gradients and for those that see scores or decisions alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from medadv_desktop.attacks.objectives import Objective
from medadv_desktop.errors import AttackError
from medadv_desktop.models.diagnostic import DiagnosticModel


@dataclass(frozen=True, eq=False)
class Point:
    """n images of the batch and what the model says of them.

    Attributes:
        images: n×C×H×W; requires grad if it was looked at for climbing.
        logits: n×K, with the graph if climbing.
        loss: n float64, without graph: the objective's loss, larger nearer to the goal.
        slope: n×K float64: ∂loss/∂logits.
        achieved: n bool: the objective is achieved.
    """

    images: Tensor
    logits: Tensor
    loss: Tensor
    slope: Tensor
    achieved: Tensor


class Landscape:
    """What the model says of images near the originals.

    Args:
        ids: names of the N samples of the batch, for errors.
        labels: of all N samples, as `verification.verified_labels` gives them.
        quick: what is looked at instead of `model`, to the same end and faster; what it says
            reaches the goal is judged by `model` itself.
        mixed: gradients are computed in bfloat16.

    Attributes:
        queries: N int64 on the CPU: images of each sample that the model has looked at.
    """

    def __init__(
        self,
        model: DiagnosticModel,
        objective: Objective,
        labels: Tensor,
        ids: tuple[int, ...],
        *,
        quick: DiagnosticModel | None = None,
        mixed: bool = False,
    ) -> None:
        self.model = model
        self.quick = model if quick is None else quick
        self.mixed = mixed
        self.objective = objective
        self.labels = labels
        self.ids = ids
        self.queries = torch.zeros(len(ids), dtype=torch.int64)

    def at(self, images: Tensor, rows: Tensor, *, climbing: bool = False) -> Point:
        """One forward pass.

        Args:
            images: n×C×H×W in [0, 1].
            rows: n: whose images they are; a sample may come several times.
            climbing: keep the graph, for `gradient` and `pulled_back`.

        The loss is taken in float64, where a confident model's does not run out of digits.

        Raises:
            AttackError: NaN or infinite logits, or none that a gradient passes through.
        """
        images = in_memory_format(images.detach()).requires_grad_(climbing)
        self._count(rows)
        coarse = self.mixed and climbing
        autocast = torch.autocast(images.device.type, dtype=torch.bfloat16, enabled=coarse)
        with torch.set_grad_enabled(climbing), autocast:
            logits = self.quick(images)
        logits = logits.to(images.dtype)
        self._check_logits(logits, rows, climbing)
        labels = self.labels[rows]
        with torch.enable_grad():
            wide = logits.detach().double().requires_grad_()
            loss = self.objective.loss(wide, labels, self.model.cutoffs)
            (slope,) = torch.autograd.grad(loss.sum(), wide)
        achieved = self.objective.achieved(logits.detach(), labels, self.model.cutoffs)
        if self.quick is not self.model:
            achieved = achieved & self._judged(images, labels, achieved)
        return Point(images, logits, loss.detach(), slope, achieved)

    def gradient(self, point: Point, rows: Tensor) -> Tensor:
        """Backward pass: ∂loss/∂images of each sample, up to a positive factor of its own.

        For attacks that use only the direction: a slope scaled to 1 does not underflow on its way
        back. Frees the graph.
        """
        largest = point.slope.abs().amax(1, keepdim=True)
        return self.pulled_back(point, point.slope / torch.where(largest > 0, largest, 1), rows)

    def pulled_back(
        self, point: Point, slope: Tensor, rows: Tensor, *, keep_graph: bool = False
    ) -> Tensor:
        """Backward pass of any `slope`, n×K: Σ_k slope_k · ∂logit_k/∂images, n×C×H×W, exact.

        Raises:
            AttackError: it is NaN or infinite.
        """
        (gradient,) = torch.autograd.grad(
            point.logits,
            point.images,
            slope.to(point.logits),
            retain_graph=keep_graph,
            materialize_grads=True,
        )
        finite = gradient.isfinite().flatten(1).all(1)
        if not finite.all():
            raise self._error("the gradient of the loss is NaN or infinite", rows[~finite])
        return gradient

    @property
    def exact(self) -> bool:
        """Whether every logit comes from the model itself."""
        return self.quick is self.model and not self.mixed

    def judged(self, images: Tensor) -> Tensor:
        """n×K logits of the model itself; not counted as a query."""
        with torch.no_grad():
            logits: Tensor = self.model(images)
        return logits

    def _judged(self, images: Tensor, labels: Tensor, candidates: Tensor) -> Tensor:
        """n bool: of the candidates, those that achieve the objective on the model itself."""
        achieved = torch.zeros_like(candidates)
        rows = candidates.nonzero().flatten()
        if len(rows):
            logits = self.judged(images.detach()[rows])
            achieved[rows] = self.objective.achieved(logits, labels[rows], self.model.cutoffs)
        return achieved

    def _count(self, rows: Tensor) -> None:
        self.queries.index_add_(0, rows.cpu(), torch.ones(len(rows), dtype=torch.int64))

    def _check_logits(self, logits: Tensor, rows: Tensor, climbing: bool) -> None:
        name, classes = self.model.card.name, len(self.model.card.classes)
        shape = tuple(logits.shape)
        if shape != (len(rows), classes):
            raise AttackError(
                f"returns {'×'.join(map(str, shape))} for {len(rows)} images and {classes} classes",
                subject=name,
            )
        if climbing and not logits.requires_grad:
            raise AttackError(
                "its logits are cut off from the image, so there is no gradient to follow",
                subject=name,
                remedy="Use a network that is differentiable, or an attack without gradients",
            )
        finite = logits.isfinite().all(1)
        if not finite.all():
            raise self._error("the model returns NaN or infinite logits", rows[~finite])

    def _error(self, reason: str, rows: Tensor) -> AttackError:
        first = self.ids[int(rows[0])]
        more = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
        return AttackError(
            reason, subject=f"sample {first}{more}", remedy="Look at the model's weights"
        )


def in_memory_format(images: Tensor) -> Tensor:
    """Contiguous, in the order that a GPU's convolutions work in; CPUs measure alike in both."""
    if images.is_cuda and images.dtype == torch.float32:
        return images.contiguous(memory_format=torch.channels_last)
    return images.contiguous()
