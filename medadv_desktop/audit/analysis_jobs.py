"""Analyses of one image: responses, features, the perturbation itself, the way of an attack."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import torch
from numpy.typing import NDArray

from medadv_desktop.analysis.along import along_attack
from medadv_desktop.analysis.features.distances import feature_distances
from medadv_desktop.analysis.features.maps import feature_maps
from medadv_desktop.analysis.perturbation.figures import perturbation
from medadv_desktop.analysis.perturbation.visibility import displayed, visibility
from medadv_desktop.analysis.response.masks import mask_on_input
from medadv_desktop.analysis.response.method import LayerMethod, ResponseMethod
from medadv_desktop.analysis.response.overlap import inside, overlap
from medadv_desktop.audit.analysis_requests import (
    Along,
    AlongRequest,
    ExplainedView,
    ExplainRequest,
    Explanation,
    LayerCurve,
    LayerCurveRequest,
    LayerMaps,
    LayerMapsRequest,
    PerturbationRequest,
    PerturbationView,
    View,
    ViewOverlap,
)
from medadv_desktop.audit.judging import judge
from medadv_desktop.audit.requests import Prediction
from medadv_desktop.audit.shelf import ModelShelf
from medadv_desktop.errors import AnalysisError
from medadv_desktop.jobs import CancelToken, Emit


def explain(
    shelf: ModelShelf, request: ExplainRequest, emit: Emit, token: CancelToken
) -> Explanation:
    """Responses of several views, and how far they agree; see `ExplainRequest`."""
    if not request.views:
        raise AnalysisError("there is nothing to explain", subject="views")
    predictions = []
    for view in request.views:
        image = _on(shelf, view.image)
        predictions.append(judge(shelf.model(view.model, token), image, token))
    explained: list[ExplainedView] = []
    for view, prediction in zip(request.views, predictions, strict=True):
        target = _target(request, predictions[0], prediction)
        explained.append(_explained(shelf, request, view, prediction, target, emit, token))
    pairs = [_compared(a, b, request.top_share) for a, b in combinations(explained, 2)]
    return Explanation(request, tuple(explained), tuple(pairs))


def layer_maps(
    shelf: ModelShelf, request: LayerMapsRequest, _emit: Emit, token: CancelToken
) -> LayerMaps:
    """The channels of one layer; see `LayerMapsRequest`."""
    second = None if request.adversarial is None else _on(shelf, request.adversarial)
    maps = feature_maps(
        shelf.model(request.model, token),
        request.layer,
        _on(shelf, request.original),
        second,
        channels=request.channels,
        token=token,
    )
    return LayerMaps(request, maps)


def layer_curve(
    shelf: ModelShelf, request: LayerCurveRequest, _emit: Emit, token: CancelToken
) -> LayerCurve:
    """Distances along the network; see `LayerCurveRequest`."""
    pair = _on(shelf, request.original), _on(shelf, request.adversarial)
    model = shelf.model(request.model, token)
    return LayerCurve(request, feature_distances(model, *pair, request.layers, token=token))


def look_at_perturbation(
    _shelf: ModelShelf, request: PerturbationRequest, _emit: Emit, token: CancelToken
) -> PerturbationView:
    """What a perturbation is in the image; see `PerturbationRequest`."""
    outcome = request.outcome
    plan, frame = outcome.plan, outcome.request.frame
    padding = plan.padding(frame)
    found = perturbation(outcome.original, outcome.adversarial, padding)
    token.check()
    before, after = (
        displayed(plan, image, request.voi, color=frame.is_color)
        for image in (outcome.original, outcome.adversarial)
    )
    return PerturbationView(request, found, visibility(before, after, request.display, padding))


def along(shelf: ModelShelf, request: AlongRequest, emit: Emit, token: CancelToken) -> Along:
    """Loss, probabilities and distances step by step; see `AlongRequest`."""
    outcome = request.outcome
    model = shelf.model(outcome.request.model, token)
    objective, reference = outcome.request.objective, outcome.reference
    labels = torch.tensor([reference] if model.card.multi_label else reference)
    labels = objective.resolved(labels, torch.from_numpy(outcome.clean.logits)[None])
    cutoffs = None if model.cutoffs is None else model.cutoffs.cpu().double()

    def loss(logits: torch.Tensor) -> torch.Tensor:
        return objective.loss(logits, labels.expand(len(logits), *labels.shape[1:]), cutoffs)

    way = along_attack(
        model,
        _on(shelf, outcome.original),
        [torch.from_numpy(image) for image in request.images],
        request.steps,
        loss,
        request.layers,
        token=token,
        emit=emit,
    )
    return Along(request, way)


def _on(shelf: ModelShelf, image: NDArray[np.float32]) -> torch.Tensor:
    """1×C×H×W on the shelf's device."""
    return torch.from_numpy(image)[None].to(shelf.device)


def _target(request: ExplainRequest, first: Prediction, own: Prediction) -> int:
    """The class that a view is asked about, in its own model's order."""
    if request.target == "own":
        return int(own.probabilities.argmax())
    asked = int(first.probabilities.argmax()) if request.target == "predicted" else request.target
    if not 0 <= asked < len(first.card.classes):
        raise AnalysisError(
            f"has no class {asked}",
            subject=first.card.name,
            remedy=f"Give indices from 0 to {len(first.card.classes) - 1}",
        )
    name = first.card.classes[asked]
    if name not in own.card.classes:
        raise AnalysisError(
            f"does not know {name}, which {first.card.name} is asked about",
            subject=own.card.name,
            remedy=f"Compare models of the same classes; its own are {', '.join(own.card.classes)}",
        )
    return own.card.classes.index(name)


def _explained(
    shelf: ModelShelf,
    request: ExplainRequest,
    view: View,
    prediction: Prediction,
    target: int,
    emit: Emit,
    token: CancelToken,
) -> ExplainedView:
    model = shelf.model(view.model, token)
    method = _of_the_view(request.method, view)
    response = method.run(model, _on(shelf, view.image), [target], token=token, emit=emit)
    notes = response.notes
    mask = within = None
    if request.mask is not None:
        try:
            mask = mask_on_input(request.mask, view.plan, request.frame_shape)
            within = inside(response.maps[0], mask, request.top_share)
        except AnalysisError as error:
            notes = (*notes, str(error))
    return ExplainedView(
        view=view,
        prediction=prediction,
        target=target,
        score=float(response.scores[0]),
        response=response.maps[0],
        layer=response.layer,
        mask=mask,
        inside=within,
        unexplained=None if response.unexplained is None else float(response.unexplained[0]),
        notes=notes,
    )


def _of_the_view(method: ResponseMethod, view: View) -> ResponseMethod:
    if view.layer and isinstance(method, LayerMethod):
        return method.model_copy(update={"layer": view.layer})
    return method


def _compared(first: ExplainedView, second: ExplainedView, top_share: float) -> ViewOverlap:
    names = first.view.name, second.view.name
    try:
        return ViewOverlap(*names, overlap(first.response, second.response, top_share))
    except AnalysisError as error:
        return ViewOverlap(*names, None, str(error))
