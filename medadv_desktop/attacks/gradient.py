"""The one loop behind every attack that climbs the gradient of the loss.

Each step is one forward and one backward pass over the samples that are still in the batch. Success
is read from the step's own forward pass, so a result is what the model said of exactly that image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from medadv_desktop.attacks.attack import AttackPreview, AttackResult
from medadv_desktop.attacks.bounded import Norm
from medadv_desktop.attacks.isolation import undisturbed
from medadv_desktop.attacks.norm_balls import (
    NORM_BALLS,
    NormBall,
    l2_norms,
    linf_norms,
    sample_generator,
)
from medadv_desktop.attacks.objectives import Objective
from medadv_desktop.attacks.verification import need_gradients, verified_ids, verified_labels
from medadv_desktop.errors import AttackError
from medadv_desktop.jobs import CancelToken, Emit, Message, Partial, Progress, silent
from medadv_desktop.models.diagnostic import DiagnosticModel


@dataclass(frozen=True)
class Ascent:
    """How to climb.

    Attributes:
        norm, epsilon, step_size: ball and step, in units of the [0, 1] grey scale.
        steps, restarts: `steps` for each of `restarts` tries.
        random_start: from a uniform point of the ball, else from the image itself.
        stop_when_beaten: a sample leaves when the objective is achieved.
        keep: of the images met by a sample that never achieves it, the one of largest loss (the
            clean one included), or the last one.
    """

    norm: Norm
    epsilon: float
    step_size: float
    steps: int
    random_start: bool
    restarts: int
    stop_when_beaten: bool
    keep: Literal["best", "last"]


@dataclass(frozen=True, eq=False)
class _Point:
    """n images of the batch and what the model says of them; `slope` is ∂loss/∂logits."""

    images: Tensor
    logits: Tensor
    loss: Tensor
    slope: Tensor
    achieved: Tensor


class _Landscape:
    """The loss over images: one model, one objective."""

    def __init__(self, model: DiagnosticModel, objective: Objective, ids: tuple[int, ...]) -> None:
        self.model = model
        self.objective = objective
        self.ids = ids

    def at(self, images: Tensor, labels: Tensor, rows: Tensor, *, climbing: bool) -> _Point:
        """Forward pass; `climbing` keeps the graph for `gradient`.

        The loss is taken in float64, where a confident model's does not run out of digits.
        """
        images = _in_memory_format(images.detach()).requires_grad_(climbing)
        with torch.set_grad_enabled(climbing):
            logits = self.model(images)
        self._check_logits(logits, rows, climbing)
        wide = logits.detach().double().requires_grad_()
        loss = self.objective.loss(wide, labels[rows])
        (slope,) = torch.autograd.grad(loss.sum(), wide)
        achieved = self.objective.achieved(logits.detach(), labels[rows], self.model.cutoffs)
        return _Point(images, logits, loss.detach(), slope, achieved)

    def gradient(self, point: _Point, rows: Tensor) -> Tensor:
        """Backward pass: ∂loss/∂images of each sample, up to a positive factor of its own.

        Attacks use only the direction, and a slope scaled to 1 does not underflow on its way back.
        """
        largest = point.slope.abs().amax(1, keepdim=True)
        slope = point.slope / torch.where(largest > 0, largest, 1)
        (gradient,) = torch.autograd.grad(
            point.logits, point.images, slope.to(point.logits), materialize_grads=True
        )
        finite = gradient.isfinite().flatten(1).all(1)
        if not finite.all():
            raise self._error("the gradient of the loss is NaN or infinite", rows[~finite])
        return gradient

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


@dataclass(eq=False)
class _Found:
    """The result so far, for all N samples: the one thing that the loop changes."""

    adversarial: Tensor
    logits: Tensor
    loss: Tensor
    success: Tensor
    steps: Tensor

    @classmethod
    def before(cls, clean: _Point, ascent: Ascent) -> _Found:
        last = ascent.keep == "last"
        return cls(
            adversarial=clean.images.detach().clone(),
            logits=clean.logits.detach().clone(),
            loss=torch.full_like(clean.loss, -torch.inf) if last else clean.loss.clone(),
            success=clean.achieved & ascent.stop_when_beaten,
            steps=torch.zeros_like(clean.achieved, dtype=torch.int64),
        )

    def consider(self, point: _Point, rows: Tensor) -> None:
        """Keep the point where it achieves the objective for the first time, or is worse."""
        had = self.success[rows]
        better = (point.achieved & ~had) | (
            (point.achieved == had) & (point.loss > self.loss[rows])
        )
        taken = rows[better]
        self.adversarial[taken] = point.images.detach()[better]
        self.logits[taken] = point.logits.detach()[better]
        self.loss[taken] = point.loss[better]
        self.success[taken] = point.achieved[better]


class _Search:
    """One run of the loop over one batch."""

    def __init__(
        self, landscape: _Landscape, images: Tensor, labels: Tensor, ascent: Ascent, emit: Emit
    ) -> None:
        self.landscape = landscape
        self.originals = images
        self.labels = labels
        self.ascent = ascent
        self.ball: NormBall = NORM_BALLS[ascent.norm](ascent.epsilon)
        self.emit = emit
        self.flat = False

    def run(self, seed: int, token: CancelToken) -> tuple[_Point, _Found]:
        """The clean point, and what was found."""
        ascent = self.ascent
        rows = torch.arange(len(self.originals), device=self.originals.device)
        token.check()
        clean = self.landscape.at(
            self.originals, self.labels, rows, climbing=not ascent.random_start
        )
        found = _Found.before(clean, ascent)
        point = clean
        for restart in range(ascent.restarts):
            if ascent.random_start:
                rows = rows[self._staying(found, rows)]
                if len(rows) == 0:
                    break
                point = self._random_point(rows, seed, restart)
                if ascent.keep == "best":
                    found.consider(point, rows)
            self._climb(point, rows, found, restart, token)
        total = ascent.steps * ascent.restarts
        self.emit(Progress(total, total, _standing(found)))
        return clean, found

    def _random_point(self, rows: Tensor, seed: int, restart: int) -> _Point:
        ids = [self.landscape.ids[row] for row in rows.tolist()]
        generators = [sample_generator(seed, sample, restart) for sample in ids]
        start = self.ball.start(self.originals[rows], generators)
        return self.landscape.at(start, self.labels, rows, climbing=True)

    def _climb(
        self, point: _Point, rows: Tensor, found: _Found, restart: int, token: CancelToken
    ) -> None:
        ascent = self.ascent
        for step in range(1, ascent.steps + 1):
            token.check()
            stay = self._staying(found, rows)
            if not stay.any():
                return
            gradient = self.landscape.gradient(point, rows)
            self._warn_of_flatness(gradient)
            rows, images = rows[stay], point.images.detach()[stay]
            moved = images + ascent.step_size * self.ball.direction(gradient[stay])
            images = self.ball.project(moved, self.originals[rows])
            last = step == ascent.steps
            point = self.landscape.at(images, self.labels, rows, climbing=not last)
            found.steps[rows] += 1
            if last or ascent.keep == "best":
                found.consider(point, rows)
            self._report(restart, step, point, rows, found)

    def _staying(self, found: _Found, rows: Tensor) -> Tensor:
        beaten = found.success[rows]
        return ~beaten if self.ascent.stop_when_beaten else torch.ones_like(beaten)

    def _warn_of_flatness(self, gradient: Tensor) -> None:
        flat = (gradient == 0).flatten(1).all(1)
        if not self.flat and flat.any():
            self.flat = True
            self.emit(
                Message(
                    f"the gradient is zero for {int(flat.sum())} of {len(flat)} samples: there the "
                    "attack sees no direction, and its failure is no proof of robustness",
                    "warning",
                )
            )

    def _report(self, restart: int, step: int, point: _Point, rows: Tensor, found: _Found) -> None:
        if self.emit is silent:
            return
        done, total = restart * self.ascent.steps + step, self.ascent.steps * self.ascent.restarts
        self.emit(Progress(done, total, _standing(found)))
        first = point.images[0] if int(rows[0]) == 0 else found.adversarial[0]
        pixels = first.detach().to("cpu", torch.float32, copy=True).contiguous().numpy()
        self.emit(Partial(AttackPreview(done, total, pixels)))


def ascend(
    model: DiagnosticModel,
    images: Tensor,
    labels: Tensor,
    objective: Objective,
    *,
    ascent: Ascent,
    seed: int,
    sample_ids: Sequence[int] | None,
    token: CancelToken | None,
    emit: Emit,
) -> AttackResult:
    """Attack a batch by gradient ascent on the loss; arguments and errors as in `Attack.run`."""
    need_gradients(model)
    labels = verified_labels(model, images, labels, objective)
    ids = verified_ids(sample_ids, len(images))
    with undisturbed(model, images.device, seed, token):
        originals = _in_memory_format(images.detach().clone())
        landscape = _Landscape(model, objective, ids)
        search = _Search(landscape, originals, labels, ascent, emit)
        clean, found = search.run(seed, token or CancelToken())
        delta = found.adversarial - originals
        return AttackResult(
            adversarial=found.adversarial.contiguous(),
            success=found.success,
            steps=found.steps,
            linf=linf_norms(delta),
            l2=l2_norms(delta).to(images.dtype),
            clean_logits=clean.logits.detach().clone(),
            adversarial_logits=found.logits,
        )


def _in_memory_format(images: Tensor) -> Tensor:
    # The order that a GPU's convolutions work in; on a CPU both orders measure alike.
    if images.is_cuda and images.dtype == torch.float32:
        return images.contiguous(memory_format=torch.channels_last)
    return images.contiguous()


def _standing(found: _Found) -> str:
    return f"goal reached on {int(found.success.sum())} of {len(found.success)}"
