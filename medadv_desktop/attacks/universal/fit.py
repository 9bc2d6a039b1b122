"""Fitting one perturbation for a whole set of images."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from medadv_desktop.attacks.fitting import need_gradients
from medadv_desktop.attacks.landscape import Landscape, Point
from medadv_desktop.attacks.norm_balls import NORM_BALLS, NormBall
from medadv_desktop.attacks.objectives import Objective
from medadv_desktop.attacks.prepared import EpochFigures, Origin, PreparationPreview, as_pixels
from medadv_desktop.attacks.universal.file import UniversalPerturbation
from medadv_desktop.attacks.universal.recipe import UniversalRecipe
from medadv_desktop.attacks.verification import verified_labels
from medadv_desktop.errors import AttackError
from medadv_desktop.jobs import CancelToken, Emit, Partial, Progress, silent
from medadv_desktop.models.diagnostic import DiagnosticModel
from medadv_desktop.models.isolation import undisturbed

LabelledBatches = Callable[[int], Iterable[tuple[Tensor, Tensor]]]
"""From an epoch, counted from 0, to its batches: images N×C×H×W in [0, 1] and labels, as
`Attack.run` takes them, on any device and of any floating type. Called once more after the last
epoch, to judge what was fitted."""


def fit(
    model: DiagnosticModel,
    batches: LabelledBatches,
    objective: Objective,
    recipe: UniversalRecipe,
    *,
    origin: Origin,
    token: CancelToken | None = None,
    emit: Emit = silent,
) -> UniversalPerturbation:
    """Fit a universal perturbation: δ ← Π(δ + α·direction(Σ ∇ min(L(x + δ), cap))), per batch.

    Shafahi, Najibi, Xu, Dickerson, Davis, Goldstein: Universal Adversarial Training, AAAI 2020,
    algorithm 2 (stochastic gradients with a clipped loss), which reaches the goal of Moosavi-
    Dezfooli, Fawzi, Fawzi, Frossard: Universal Adversarial Perturbations, CVPR 2017, faster than
    their algorithm 1 does. The direction is the sign (linf), or the gradient over its length (l2).
    From δ = 0 and without random numbers: the same batches give the same δ. The model is left as
    it was.

    Raises:
        AttackError: the model gives no gradients, objective, images or labels do not fit it, or an
            epoch has no images.
        JobCancelled: the token was cancelled.
    """
    token = token or CancelToken()
    need_gradients(model)
    objective.check(model.card)
    parameter = next(model.parameters())
    with undisturbed(model, parameter.device, 0, token):
        work = _Fit(model, objective, recipe, origin.samples, token, emit)
        for epoch in range(recipe.epochs):
            work.epoch(epoch, batches(epoch))
        clean_rate, goal_rate = work.judged(batches(recipe.epochs))
    emit(Progress(recipe.epochs, recipe.epochs, f"goal reached on {goal_rate:.1%}"))
    return UniversalPerturbation(
        delta=work.delta[0].cpu(),
        recipe=recipe,
        objective={"name": objective.name, **objective.model_dump(mode="json")},
        origin=origin,
        clean_rate=clean_rate,
        goal_rate=goal_rate,
        epochs=tuple(work.history),
    )


@dataclass
class _Tally:
    images: int = 0
    loss: float = 0.0
    reached: int = 0

    def add(self, point: Point) -> None:
        self.images += len(point.loss)
        self.loss += float(point.loss.sum())
        self.reached += int(point.achieved.sum())


class _Fit:
    """δ while it is fitted; `delta` is 1×C×H×W, beside the model; `history` of the epochs done."""

    def __init__(
        self,
        model: DiagnosticModel,
        objective: Objective,
        recipe: UniversalRecipe,
        samples: int,
        token: CancelToken,
        emit: Emit,
    ) -> None:
        self.model, self.objective, self.recipe = model, objective, recipe
        self.samples = samples
        self.history: list[EpochFigures] = []
        self.shown: Tensor | None = None
        self.token, self.emit = token, emit
        self.ball: NormBall = NORM_BALLS[recipe.norm](recipe.epsilon)
        parameter = next(model.parameters())
        self.delta = torch.zeros(
            (1, *model.card.input_shape), dtype=parameter.dtype, device=parameter.device
        )

    def epoch(self, epoch: int, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
        """One pass with a step after each batch."""
        tally = _Tally()
        for given, labels in batches:
            self.token.check()
            images = given.to(self.delta)
            landscape, rows = self._landscape(images, labels)
            point = landscape.at((images + self.delta).clamp(0, 1), rows, climbing=True)
            self.delta = self._stepped(landscape, point, rows)
            tally.add(point)
            self._tell(epoch, tally, float(point.loss.mean()), images)
        self._need_images(tally, epoch)
        self.history.append(EpochFigures(tally.loss / tally.images, tally.reached / tally.images))

    def judged(self, batches: Iterable[tuple[Tensor, Tensor]]) -> tuple[float, float]:
        """Share of the images on which the goal is reached, without δ and with it."""
        clean, moved = _Tally(), _Tally()
        for given, labels in batches:
            self.token.check()
            images = given.to(self.delta)
            landscape, rows = self._landscape(images, labels)
            clean.add(landscape.at(images, rows))
            moved.add(landscape.at(self.ball.project(images + self.delta, images), rows))
        self._need_images(moved, self.recipe.epochs)
        return clean.reached / clean.images, moved.reached / moved.images

    def _landscape(self, images: Tensor, labels: Tensor) -> tuple[Landscape, Tensor]:
        labels = verified_labels(self.model, images, labels, self.objective)
        rows = torch.arange(len(images), device=images.device)
        landscape = Landscape(self.model, self.objective, labels, tuple(rows.tolist()))
        if self.objective.needs_clean:
            landscape.labels = self.objective.resolved(labels, landscape.at(images, rows).logits)
        return landscape, rows

    def _stepped(self, landscape: Landscape, point: Point, rows: Tensor) -> Tensor:
        cap = self.recipe.loss_cap
        steering = point.loss < cap if cap is not None else torch.ones_like(point.achieved)
        slope = torch.where(steering[:, None], point.slope, 0)
        gradient = landscape.pulled_back(point, slope, rows).sum(0, keepdim=True)
        moved = self.delta + self.recipe.effective_step_size * self.ball.direction(gradient)
        return self.ball.bounded(moved)

    def _tell(self, epoch: int, tally: _Tally, loss: float, images: Tensor) -> None:
        if self.emit is silent:
            return
        if self.shown is None:
            self.shown = images[:1].clone()
        adversarial = self.ball.project(self.shown + self.delta, self.shown)
        preview = PreparationPreview(
            epoch=epoch + 1,
            epochs=self.recipe.epochs,
            loss=loss,
            rate=tally.reached / tally.images,
            original=as_pixels(self.shown),
            adversarial=as_pixels(adversarial),
            history=tuple(self.history),
            seen=tally.images,
            samples=self.samples,
        )
        standing = f"epoch {epoch + 1}: goal reached on {tally.reached} of {tally.images}"
        self.emit(Progress(preview.epochs_done, preview.epochs, standing))
        self.emit(Partial(preview))

    @staticmethod
    def _need_images(tally: _Tally, epoch: int) -> None:
        if tally.images == 0:
            raise AttackError(
                f"there are no images in pass {epoch + 1}",
                subject="batches",
                remedy="Give the images anew for every pass, and at least one",
            )
