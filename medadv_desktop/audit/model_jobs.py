"""What is asked of models: load, propose a card, check one, predict, look at feature maps."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from medadv_desktop.audit.judging import as_array, judge, prediction_of, prepared
from medadv_desktop.audit.requests import (
    CheckedModel,
    CheckModelRequest,
    FeatureRequest,
    FeatureResult,
    LoadedModel,
    LoadRequest,
    ManyPredictions,
    Prediction,
    PredictManyRequest,
    PredictRequest,
    PredictResult,
    ProposeCardRequest,
    ProposedCard,
)
from medadv_desktop.audit.shelf import ModelShelf
from medadv_desktop.errors import AttackError, MedAdvError, ModelError
from medadv_desktop.jobs import CancelToken, Emit, Partial, Progress
from medadv_desktop.models.checking import check_model
from medadv_desktop.models.diagnostic import DiagnosticModel
from medadv_desktop.models.input_plan import plan_input
from medadv_desktop.models.loading import open_model
from medadv_desktop.models.proposal import propose_card
from medadv_desktop.models.watch import watched


def load(shelf: ModelShelf, request: LoadRequest, _emit: Emit, token: CancelToken) -> LoadedModel:
    """Load a model, anew where its files changed; see `LoadRequest`."""
    if request.allow_code:
        shelf.allow_code(request.model)
    shelf.refresh(request.model)
    model = shelf.model(request.model, token)
    return LoadedModel(
        request.model,
        model.card,
        _layers(model, token),
        str(shelf.device),
        white_box=model.white_box,
        notes=model.notes,
    )


def propose(
    _shelf: ModelShelf, request: ProposeCardRequest, _emit: Emit, token: CancelToken
) -> ProposedCard:
    """Work out a card; see `ProposeCardRequest`."""
    return ProposedCard(
        request,
        propose_card(request.path, allow_code=request.allow_code, shape=request.shape, token=token),
    )


def check(
    shelf: ModelShelf, request: CheckModelRequest, emit: Emit, token: CancelToken
) -> CheckedModel:
    """Run a card on samples; see `CheckModelRequest`."""
    if not request.frames:
        raise ModelError(
            "there are no images to check it with",
            subject=request.card.name,
            remedy="Open an image or a data set first",
        )
    card = request.card
    model = open_model(
        card, request.folder, shelf.device, allow_code=request.allow_code, token=token
    )
    plans = tuple(plan_input(card.preprocessing, frame) for frame in request.frames)
    images, predictions = [], []
    for done, (frame, plan) in enumerate(zip(request.frames, plans, strict=True)):
        emit(Progress(done, len(plans), "samples"))
        token.check()
        images.append(prepared(frame, plan))
        # Outputs that are not finite are shown as they are: the check names them.
        with torch.no_grad(), watched(model.network, token):
            predictions.append(prediction_of(model, model(images[-1].to(shelf.device))))
    warnings = check_model(model, torch.cat(images), _truth(request), token)
    return CheckedModel(
        request,
        warnings,
        tuple(as_array(image[0]) for image in images),
        plans,
        tuple(predictions),
        _layers(model, token),
        model.white_box,
        model.notes,
    )


def predict(
    shelf: ModelShelf, request: PredictRequest, _emit: Emit, token: CancelToken
) -> PredictResult:
    """Predict one frame; see `PredictRequest`."""
    model = shelf.model(request.model, token)
    plan = plan_input(model.card.preprocessing, request.frame)
    image = prepared(request.frame, plan).to(shelf.device)
    return PredictResult(request, as_array(image[0]), plan, judge(model, image, token))


def predict_many(
    shelf: ModelShelf, request: PredictManyRequest, emit: Emit, token: CancelToken
) -> ManyPredictions:
    """Predict several frames; one that cannot be stops none; see `PredictManyRequest`."""
    model = shelf.model(request.model, token)
    found: list[Prediction | str] = []
    for index, frame in enumerate(request.frames):
        token.check()
        try:
            plan = plan_input(model.card.preprocessing, frame)
            found.append(judge(model, prepared(frame, plan).to(shelf.device), token))
        except MedAdvError as error:
            found.append(str(error))
        else:
            emit(Partial((index, found[-1])))
        emit(Progress(index + 1, len(request.frames), "predictions"))
    return ManyPredictions(request, tuple(found))


def features(
    shelf: ModelShelf, request: FeatureRequest, _emit: Emit, token: CancelToken
) -> FeatureResult:
    """The feature maps that change most; see `FeatureRequest`."""
    model = shelf.model(request.model, token)
    original = _maps(shelf, model, request.layer, request.original, token)
    energy = original.flatten(1).norm(dim=1)
    if request.adversarial is None:
        adversarial, distance = None, 0.0
        change = energy / energy.norm().clamp_min(torch.finfo(energy.dtype).tiny)
    else:
        adversarial = _maps(shelf, model, request.layer, request.adversarial, token)
        moved = adversarial - original
        tiny = torch.finfo(energy.dtype).tiny
        change = moved.flatten(1).norm(dim=1) / energy.clamp_min(tiny)
        change = torch.where(energy > 0, change, torch.zeros_like(change))
        distance = float(moved.norm() / original.norm().clamp_min(tiny))
    # Ranked by what changed in absolute terms: a dead channel's quotient says nothing.
    ranking = energy if adversarial is None else (adversarial - original).flatten(1).norm(dim=1)
    order = ranking.argsort(descending=True, stable=True)[: request.channels]
    return FeatureResult(
        request=request,
        original=as_array(original[order]),
        adversarial=None if adversarial is None else as_array(adversarial[order]),
        channels=tuple(int(i) for i in order),
        change=change[order].double().cpu().numpy(),
        distance=distance,
    )


def _layers(model: DiagnosticModel, token: CancelToken) -> tuple[str, ...]:
    with watched(model.network, token):
        return model.spatial_layers()


def _maps(
    shelf: ModelShelf,
    model: DiagnosticModel,
    layer: str,
    image: NDArray[np.float32],
    token: CancelToken,
) -> torch.Tensor:
    with torch.no_grad(), watched(model.network, token), model.tap((layer,)) as outputs:
        model(torch.from_numpy(image)[None].to(shelf.device))
    maps = outputs.get(layer)
    if maps is None or maps.dim() != 4:
        raise AttackError(
            "gives no feature maps (its output is not channels × height × width)",
            subject=layer,
            remedy="Choose a convolutional layer",
        )
    return maps[0]


def _truth(request: CheckModelRequest) -> NDArray[np.bool_] | list[int] | None:
    """The labels in the form of `check_model`."""
    if request.labels is None:
        return None
    if request.card.multi_label:
        if any(state not in (0, 1) for row in request.labels for state in row):
            raise ModelError(
                "a label of the samples is neither 0 nor 1",
                subject=request.card.name,
                remedy="Check it with samples whose labels are known",
            )
        return np.asarray(request.labels, dtype=np.bool_)
    return [label for (label,) in request.labels]
