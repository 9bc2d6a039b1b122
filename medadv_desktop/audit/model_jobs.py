"""What is asked of models: load, propose a card, check one, predict, look at feature maps."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from medadv_desktop.analysis.features.maps import feature_maps
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
    first = torch.from_numpy(request.original)[None].to(shelf.device)
    attacked = request.adversarial
    second = None if attacked is None else torch.from_numpy(attacked)[None].to(shelf.device)
    found = feature_maps(model, request.layer, first, second, token=token)
    if found.reading.kind == "vector":
        raise AttackError(
            "gives no feature maps (its output is not channels × height × width)",
            subject=request.layer,
            remedy="Choose a convolutional layer",
        )
    if request.adversarial is None:
        change = found.energy / max(np.linalg.norm(found.energy), np.finfo(np.float64).tiny)
    else:
        change = np.where(found.energy > 0, found.relative_change, 0.0)
    shown = slice(request.channels)
    return FeatureResult(
        request=request,
        original=found.original[shown],
        adversarial=None if found.adversarial is None else found.adversarial[shown],
        channels=found.channels[shown],
        change=change[shown],
        distance=found.distance,
    )


def _layers(model: DiagnosticModel, token: CancelToken) -> tuple[str, ...]:
    with watched(model.network, token):
        return model.spatial_layers()


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
