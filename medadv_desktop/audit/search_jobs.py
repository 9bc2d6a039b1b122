"""Carrying searches over a labelled set out."""

from __future__ import annotations

import time

import numpy as np
import torch

from medadv_desktop.analysis.metrics.proportions import Rate
from medadv_desktop.attacks.searches.erasable import erasable_findings
from medadv_desktop.attacks.searches.smallest_budget import smallest_budgets
from medadv_desktop.audit.inputs_at_hand import attackable, inputs_at_hand
from medadv_desktop.audit.matching import match_classes
from medadv_desktop.audit.searches import (
    CurveRequest,
    ErasableShares,
    EraseRequest,
    RobustnessCurve,
    SampleBudget,
)
from medadv_desktop.audit.shelf import ModelShelf
from medadv_desktop.datasets.fingerprint import fingerprint
from medadv_desktop.datasets.subset import hashed
from medadv_desktop.jobs import CancelToken, Emit, Progress


def curve(
    shelf: ModelShelf, request: CurveRequest, emit: Emit, token: CancelToken
) -> RobustnessCurve:
    """The smallest budget of every sample; see `CurveRequest`.

    Raises:
        ModelError, DatasetError, AttackError, SettingsError: model, data, attack or goal do not
            fit each other, or `highest` is no budget of the attack.
        JobCancelled: the token was cancelled.
    """
    began = time.perf_counter()
    model, dataset = shelf.model(request.model, token), request.dataset
    request.attack.check(model, request.objective)
    match = match_classes(dataset, model.card, by_order=request.match_order)
    named = fingerprint(dataset, token, emit, workers=request.workers, cache=request.cache)
    labelled = attackable(match, request.objective, model.card)
    with inputs_at_hand(model, dataset, request.workers, emit, token, labelled) as inputs:
        like = next(model.parameters()).detach()
        samples: list[SampleBudget] = []
        for first in range(0, len(inputs), request.batch_size):
            places = np.arange(first, min(first + request.batch_size, len(inputs)))
            labels = [inputs.labels[place] for place in places]
            found = smallest_budgets(
                request.attack,
                model,
                inputs.batch(places, like),
                torch.tensor(labels if model.card.multi_label else [own[0] for own in labels]),
                request.objective,
                highest=request.highest,
                halvings=request.halvings,
                seed=request.seed,
                sample_ids=[hashed(0, inputs.ids[place]) for place in places],
                token=token,
                precision=request.precision,
            )
            samples += [
                SampleBudget(inputs.ids[place], float(epsilon))
                for place, epsilon in zip(places, found.epsilon, strict=True)
            ]
            emit(Progress(len(samples), len(inputs), "samples"))
        left_out = inputs.left_out
    return RobustnessCurve(
        request=request,
        card=model.card,
        model_sha256=shelf.weights_sha256(request.model),
        fingerprint=named,
        samples=tuple(samples),
        step=request.highest / 2**request.halvings,
        left_out=left_out,
        device=str(shelf.device),
        seconds=time.perf_counter() - began,
    )


def erase(
    shelf: ModelShelf, request: EraseRequest, emit: Emit, token: CancelToken
) -> ErasableShares:
    """Which findings can be erased; see `EraseRequest`.

    Raises:
        ModelError, DatasetError, AttackError: model, data and attack do not fit each other.
        JobCancelled: the token was cancelled.
    """
    began = time.perf_counter()
    model, dataset = shelf.model(request.model, token), request.dataset
    named = fingerprint(dataset, token, emit, workers=request.workers, cache=request.cache)
    reported = np.zeros(len(model.card.classes), dtype=np.int64)
    erased = np.zeros_like(reported)
    with inputs_at_hand(model, dataset, request.workers, emit, token) as inputs:
        like = next(model.parameters()).detach()
        for first in range(0, len(inputs), request.batch_size):
            places = np.arange(first, min(first + request.batch_size, len(inputs)))
            found = erasable_findings(
                model,
                inputs.batch(places, like),
                request.attack,
                hold_others=request.hold_others,
                seed=request.seed,
                sample_ids=[hashed(0, inputs.ids[place]) for place in places],
                token=token,
                precision=request.precision,
            )
            reported += found.reported.sum(0).cpu().numpy()
            erased += found.erased.sum(0).cpu().numpy()
            emit(Progress(int(places[-1]) + 1, len(inputs), "samples"))
        samples, left_out = len(inputs), inputs.left_out
    rates = [Rate(int(gone), int(of)) for gone, of in zip(erased, reported, strict=True)]
    return ErasableShares(
        request=request,
        card=model.card,
        model_sha256=shelf.weights_sha256(request.model),
        fingerprint=named,
        findings=tuple(zip(model.card.classes, rates, strict=True)),
        samples=samples,
        left_out=left_out,
        device=str(shelf.device),
        seconds=time.perf_counter() - began,
    )
