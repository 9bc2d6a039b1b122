"""Carrying the training of a generator and the fit of a universal perturbation out."""

from __future__ import annotations

import time
from collections.abc import Iterator

import torch

from medadv_desktop.attacks.gap.training import check_recipe, train_generator
from medadv_desktop.attacks.prepared import Origin
from medadv_desktop.attacks.universal.file import save
from medadv_desktop.attacks.universal.fit import fit
from medadv_desktop.audit.generators import (
    FitUniversalRequest,
    GeneratorTraining,
    TrainGeneratorRequest,
    UniversalFit,
)
from medadv_desktop.audit.inputs_at_hand import Inputs, attackable, inputs_at_hand
from medadv_desktop.audit.matching import match_classes
from medadv_desktop.audit.shelf import ModelShelf
from medadv_desktop.datasets.fingerprint import fingerprint
from medadv_desktop.jobs import CancelToken, Emit
from medadv_desktop.models.diagnostic import DiagnosticModel


def train(
    shelf: ModelShelf, request: TrainGeneratorRequest, emit: Emit, token: CancelToken
) -> GeneratorTraining:
    """Train a generator; see `TrainGeneratorRequest`.

    Raises:
        ModelError: the model cannot be loaded.
        DatasetError: no image can be used, or there is no room to keep them at hand.
        AttackError: as `train_generator`.
        JobCancelled: the token was cancelled; whole epochs are kept in the file.
    """
    began = time.perf_counter()
    model = shelf.model(request.model, token)
    check_recipe(model, request.recipe)
    named = fingerprint(request.dataset, token, emit, workers=request.workers, cache=request.cache)
    with inputs_at_hand(model, request.dataset, request.workers, emit, token) as inputs:
        origin = _origin(shelf, model, request.model, named.sha256, len(inputs))
        recipe, like = request.recipe, _like(model)

        def batches(epoch: int) -> Iterator[torch.Tensor]:
            for places in inputs.shuffled(recipe.seed, epoch, recipe.batch_size):
                yield inputs.batch(places, like)

        trained = train_generator(
            model,
            batches,
            recipe,
            request.path,
            origin=origin,
            resume=request.resume,
            token=token,
            emit=emit,
        )
        left_out = inputs.left_out
    return GeneratorTraining(
        request=request,
        origin=origin,
        epochs=trained.epochs,
        left_out=left_out,
        device=str(shelf.device),
        seconds=time.perf_counter() - began,
    )


def fit_universal(
    shelf: ModelShelf, request: FitUniversalRequest, emit: Emit, token: CancelToken
) -> UniversalFit:
    """Fit one perturbation for a whole set; see `FitUniversalRequest`.

    Raises:
        ModelError: the model cannot be loaded.
        DatasetError: no labelled image can be used, classes that do not match, or no room.
        AttackError: as `fit`.
        ExportError: the file cannot be written.
        JobCancelled: the token was cancelled; nothing is written.
    """
    began = time.perf_counter()
    model = shelf.model(request.model, token)
    request.objective.check(model.card)
    match = match_classes(request.dataset, model.card, by_order=request.match_order)
    named = fingerprint(request.dataset, token, emit, workers=request.workers, cache=request.cache)

    with inputs_at_hand(
        model,
        request.dataset,
        request.workers,
        emit,
        token,
        attackable(match, request.objective, model.card),
    ) as inputs:
        recipe, like, labels = request.recipe, _like(model), _labels(model, inputs)

        def batches(epoch: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
            for places in inputs.shuffled(recipe.seed, epoch, recipe.batch_size):
                yield inputs.batch(places, like), labels[torch.from_numpy(places)].to(like.device)

        fitted = fit(
            model,
            batches,
            request.objective,
            recipe,
            origin=_origin(shelf, model, request.model, named.sha256, len(inputs)),
            token=token,
            emit=emit,
        )
        left_out = inputs.left_out
    save(fitted, request.path)
    return UniversalFit(
        request=request,
        origin=fitted.origin,
        clean_rate=fitted.clean_rate,
        goal_rate=fitted.goal_rate,
        epochs=fitted.epochs,
        left_out=left_out,
        device=str(shelf.device),
        seconds=time.perf_counter() - began,
    )


def _labels(model: DiagnosticModel, inputs: Inputs) -> torch.Tensor:
    if model.card.multi_label:
        return torch.tensor(inputs.labels)
    return torch.tensor([label[0] for label in inputs.labels])


def _like(model: DiagnosticModel) -> torch.Tensor:
    return next(model.parameters()).detach()


def _origin(
    shelf: ModelShelf, model: DiagnosticModel, reference: str, data: str, samples: int
) -> Origin:
    return Origin(model.card.id, shelf.weights_sha256(reference), data, samples)
