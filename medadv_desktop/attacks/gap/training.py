"""Training a generator against a frozen model."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from medadv_desktop.attacks.fitting import need_gradients
from medadv_desktop.attacks.gap.file import TrainedGenerator, load, save
from medadv_desktop.attacks.gap.networks import Generator
from medadv_desktop.attacks.gap.recipe import GapRecipe
from medadv_desktop.attacks.prepared import EpochFigures, Origin, PreparationPreview, as_pixels
from medadv_desktop.errors import AttackError
from medadv_desktop.jobs import CancelToken, Emit, Partial, Progress, silent
from medadv_desktop.models.diagnostic import DiagnosticModel
from medadv_desktop.models.isolation import undisturbed

Batches = Callable[[int], Iterable[Tensor]]
"""From an epoch, counted from 0, to its batches, N×C×H×W in [0, 1]: the same for the same epoch."""

_BETAS = (0.9, 0.999)
_STATE = ("step", "exp_avg", "exp_avg_sq")


def train_generator(
    model: DiagnosticModel,
    batches: Batches,
    recipe: GapRecipe,
    path: Path,
    *,
    origin: Origin,
    resume: bool = False,
    token: CancelToken | None = None,
    emit: Emit = silent,
) -> TrainedGenerator:
    """Train a generator and write its file after every epoch.

    Loss (Poursaeed et al. 2018, eq. 4 and 6): cross-entropy of the adversarial image to the class
    that is least likely for the clean one, or to the chosen class; for findings the BCE to all
    decisions flipped. The model is left as it was.

    Args:
        batches: what is trained on.
        path: the file; with `resume`, an unfinished one is gone on with, to the same weights as
            without the break.

    Raises:
        AttackError: the model has no gradients, the recipe does not fit it, the file to be resumed
            is another one, there are no images, or the loss is no number any more (what the last
            whole epoch gave is kept).
        JobCancelled: the token was cancelled; the file of the last whole epoch stays.
    """
    token = token or CancelToken()
    check_recipe(model, recipe)
    parameter = next(model.parameters())
    trained = _resumed(path, recipe, origin) if resume else _fresh(model, recipe, origin)
    generator = trained.generator.to(parameter.device).train().requires_grad_(True)
    optimiser = torch.optim.Adam(generator.parameters(), lr=recipe.learning_rate, betas=_BETAS)
    _remember(optimiser, generator, trained.optimiser)
    epochs = list(trained.epochs)
    with undisturbed(model, parameter.device, recipe.seed, token):
        lesson = _Lesson(model, generator, optimiser, recipe, origin.samples, token, emit)
        while len(epochs) < recipe.epochs:
            epochs.append(lesson.epoch(len(epochs), batches, tuple(epochs)))
            over = len(epochs) == recipe.epochs
            trained = TrainedGenerator(
                recipe=recipe,
                generator=generator,
                shape=model.card.input_shape,
                origin=origin,
                epochs=tuple(epochs),
                optimiser={} if over else _memory(optimiser, generator),
            )
            save(trained, path)
    emit(Progress(recipe.epochs, recipe.epochs, "trained"))
    return load(path)


def check_recipe(model: DiagnosticModel, recipe: GapRecipe) -> None:
    """Refuse a recipe that does not fit the model.

    Raises:
        AttackError: no gradients, findings with a target class, no such class.
    """
    need_gradients(model)
    if recipe.target is None:
        return
    if model.card.multi_label:
        raise AttackError(
            f"{model.card.name} reports findings; a chosen class is for models of one class each",
            subject="goal",
            remedy="Choose the goal least-likely, which flips every finding",
        )
    if recipe.target >= len(model.card.classes):
        named = ", ".join(f"{i} {name}" for i, name in enumerate(model.card.classes))
        raise AttackError(
            f"{model.card.name} has no class {recipe.target}",
            subject="target",
            remedy=f"Choose from {named}",
        )


class _Lesson:
    """What all epochs share."""

    def __init__(
        self,
        model: DiagnosticModel,
        generator: Generator,
        optimiser: torch.optim.Optimizer,
        recipe: GapRecipe,
        samples: int,
        token: CancelToken,
        emit: Emit,
    ) -> None:
        self.samples = samples
        self.model = model
        self.generator = generator
        self.weights = list(generator.parameters())
        self.optimiser = optimiser
        self.recipe = recipe
        self.token = token
        self.emit = emit
        self.shown: Tensor | None = None

    def epoch(
        self, number: int, batches: Batches, history: tuple[EpochFigures, ...]
    ) -> EpochFigures:
        losses, fooled, seen = 0.0, 0, 0
        for images in batches(number):
            self.token.check()
            loss, changed = self._step(images)
            losses += loss * len(images)
            fooled += changed
            seen += len(images)
            self._tell(number, loss, fooled / seen, seen, images, history)
        if not seen:
            raise AttackError("there are no images to train on", subject="data set")
        return EpochFigures(losses / seen, fooled / seen)

    def _step(self, images: Tensor) -> tuple[float, int]:
        with torch.no_grad():
            clean = self.model(images)
        logits = self.model((images + self.generator(images)).clamp(0, 1))
        loss = _loss(self.model, logits, clean, self.recipe)
        if not bool(loss.isfinite()):
            raise AttackError(
                "the loss is not a number any more",
                subject="training",
                remedy="Choose a smaller learning rate, and look at the model's outputs",
            )
        # Not by backward(): the model's own weights may want gradients and shall get none.
        gradients = torch.autograd.grad(loss, self.weights)
        for weight, gradient in zip(self.weights, gradients, strict=True):
            weight.grad = gradient
        self.optimiser.step()
        self.optimiser.zero_grad()
        decided = self.model.decisions(logits.detach()) != self.model.decisions(clean)
        changed = decided if decided.ndim == 1 else decided.any(1)
        return float(loss.detach()), int(changed.sum())

    def _tell(
        self,
        number: int,
        loss: float,
        rate: float,
        seen: int,
        images: Tensor,
        history: tuple[EpochFigures, ...],
    ) -> None:
        if self.emit is silent:
            return
        if self.shown is None:
            self.shown = images[:1].clone()
        with torch.no_grad():
            adversarial = (self.shown + self.generator(self.shown)).clamp(0, 1)
        preview = PreparationPreview(
            epoch=number + 1,
            epochs=self.recipe.epochs,
            loss=loss,
            rate=rate,
            original=as_pixels(self.shown),
            adversarial=as_pixels(adversarial),
            history=history,
            seen=seen,
            samples=self.samples,
        )
        told = f"loss {loss:.3f}, {rate:.0%} of decisions change"
        self.emit(Progress(preview.epochs_done, preview.epochs, told))
        self.emit(Partial(preview))


def _loss(model: DiagnosticModel, logits: Tensor, clean: Tensor, recipe: GapRecipe) -> Tensor:
    if model.card.multi_label:
        assert model.cutoffs is not None
        wanted = (~model.decisions(clean)).to(logits)
        # From the cutoffs, as the objectives': a finding past its threshold is flipped.
        return F.binary_cross_entropy_with_logits(logits - model.cutoffs, wanted)
    if recipe.target is None:
        return F.cross_entropy(logits, clean.argmin(1))
    return F.cross_entropy(logits, torch.full_like(clean.argmin(1), recipe.target))


def _fresh(model: DiagnosticModel, recipe: GapRecipe, origin: Origin) -> TrainedGenerator:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(recipe.seed)
        generator = Generator(recipe, model.card.input_shape)
    # In the model's own precision, so that one arithmetic goes all the way through.
    generator.to(next(model.parameters()).dtype)
    return TrainedGenerator(recipe, generator, model.card.input_shape, origin, (), {})


def _resumed(path: Path, recipe: GapRecipe, origin: Origin) -> TrainedGenerator:
    trained = load(path)
    for name, ours, theirs in (
        ("recipe", recipe, trained.recipe),
        ("model and data set", origin, trained.origin),
    ):
        if ours != theirs:
            raise AttackError(
                f"was begun with another {name}",
                subject=path,
                remedy="Go on with the same, or begin anew under another name",
            )
    return trained


def _memory(optimiser: torch.optim.Optimizer, generator: nn.Module) -> dict[str, Tensor]:
    return {
        f"{name}/{key}": torch.as_tensor(optimiser.state[weight][key]).clone()
        for name, weight in generator.named_parameters()
        for key in _STATE
    }


def _remember(
    optimiser: torch.optim.Optimizer, generator: nn.Module, memory: dict[str, Tensor]
) -> None:
    if not memory:
        return
    for name, weight in generator.named_parameters():
        state = {key: memory[f"{name}/{key}"].clone() for key in _STATE}
        optimiser.state[weight] = {
            key: value if key == "step" else value.to(weight) for key, value in state.items()
        }
