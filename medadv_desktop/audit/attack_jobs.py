"""Attacks on one frame: the attack itself, and judging what was made of it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import torch

from medadv_desktop.attacks.searches.smallest_budget import smallest_budgets
from medadv_desktop.attacks.trust.suspicion import Suspicion
from medadv_desktop.audit.budget_search import BudgetSearchOutcome, BudgetSearchRequest, BudgetTry
from medadv_desktop.audit.doubts import doubts
from medadv_desktop.audit.judging import achieved, as_array, difference, judge, on_grid, prepared
from medadv_desktop.audit.requests import (
    AttackOutcome,
    AttackRequest,
    Prediction,
    RecheckRequest,
    RecheckResult,
)
from medadv_desktop.audit.shelf import ModelShelf
from medadv_desktop.audit.transfer import transferred
from medadv_desktop.errors import AttackError
from medadv_desktop.imaging.frame import Frame
from medadv_desktop.jobs import CancelToken, Emit, Progress
from medadv_desktop.models.diagnostic import DiagnosticModel
from medadv_desktop.models.input_plan import InputPlan, plan_input


@dataclass(frozen=True, eq=False)
class _Opened:
    """A frame that is ready to be attacked: the input 1×C×H×W, and what holds of it.

    Attributes:
        reference, labels: what is attacked, as plain values and as `Attack.run` takes it.
        padding: H×W bool.
    """

    model: DiagnosticModel
    plan: InputPlan
    original: torch.Tensor
    clean: Prediction
    reference: tuple[int, ...]
    labels: torch.Tensor
    padding: torch.Tensor


def _opened(
    shelf: ModelShelf, request: AttackRequest | BudgetSearchRequest, token: CancelToken
) -> _Opened:
    model = shelf.model(request.model, token)
    plan = plan_input(model.card.preprocessing, request.frame)
    original = prepared(request.frame, plan).to(shelf.device)
    clean = judge(model, original, token)
    reference = _reference(model, request, clean)
    labels = torch.tensor([reference] if model.card.multi_label else reference, device=shelf.device)
    padding = torch.from_numpy(plan.padding(request.frame)).to(shelf.device)
    return _Opened(model, plan, original, clean, reference, labels, padding)


def attack(
    shelf: ModelShelf, request: AttackRequest, emit: Emit, token: CancelToken
) -> AttackOutcome:
    """Attack one frame; see `AttackRequest`."""
    at_hand = _opened(shelf, request, token)
    model, plan, original = at_hand.model, at_hand.plan, at_hand.original
    clean, reference, labels = at_hand.clean, at_hand.reference, at_hand.labels
    began = time.perf_counter()
    result = request.attack.run(
        model,
        original,
        labels,
        request.objective,
        seed=request.seed,
        sample_ids=None if request.sample_id is None else (request.sample_id,),
        token=token,
        emit=emit,
        precision=request.precision,
    )
    seconds = time.perf_counter() - began
    adversarial = on_grid(original, result.adversarial)
    attacked = judge(model, adversarial, token)
    success = achieved(model, request.objective, attacked, reference, clean)
    notes = list(plan.notes)
    if bool(result.success[0]) and not success:
        notes.append("the attack succeeded, but not after rounding to a 16-bit image")
    second = _second(shelf, request, plan, adversarial - original, token)
    suspicions: tuple[Suspicion, ...] = ()
    if not success:
        emit(Progress(0, 0, "looking for signs of a false sense of security"))
        suspicions = doubts(
            model, original, labels, request.objective, request.attack, (False,), token
        )
    delta = difference(original, adversarial).masked_fill(at_hand.padding, 0)
    return AttackOutcome(
        request=request,
        plan=plan,
        original=as_array(original[0]),
        adversarial=as_array(adversarial[0]),
        clean=clean,
        attacked=attacked,
        success=success,
        steps=int(result.steps[0]),
        linf=float(delta.abs().max()),
        l2=float(delta.norm()),
        reference=reference,
        reference_is_prediction=request.labels is None,
        device=str(shelf.device),
        seconds=seconds,
        notes=tuple(notes) + second.pop("notes"),
        suspicions=suspicions,
        queries=int(result.queries[0]),
        l1=float(delta.abs().sum()),
        l0=int((delta[0] != 0).any(dim=0).sum()),
        **second,
    )


def search_budget(
    shelf: ModelShelf, request: BudgetSearchRequest, emit: Emit, token: CancelToken
) -> BudgetSearchOutcome:
    """Bisect the budget of an attack on one frame; see `BudgetSearchRequest`."""
    at_hand = _opened(shelf, request, token)
    model, plan, original = at_hand.model, at_hand.plan, at_hand.original
    clean, reference, labels = at_hand.clean, at_hand.reference, at_hand.labels
    began = time.perf_counter()
    found = smallest_budgets(
        request.attack,
        model,
        original,
        labels,
        request.objective,
        highest=request.highest,
        halvings=request.halvings,
        seed=request.seed,
        token=token,
        emit=emit,
    )
    tries = []
    for tried in sorted(found.tries, key=lambda tried: tried.epsilon):
        adversarial = on_grid(original, tried.result.adversarial)
        prediction = judge(model, adversarial, token)
        delta = difference(original, adversarial).masked_fill(at_hand.padding, 0).flatten()
        tries.append(
            BudgetTry(
                epsilon=tried.epsilon,
                success=achieved(model, request.objective, prediction, reference, clean),
                adversarial=as_array(adversarial[0]),
                prediction=prediction,
                linf=float(delta.abs().max()),
                l2=float(delta.norm()),
            )
        )
    falls = [tried.epsilon for tried in tries if tried.success]
    at_once = achieved(model, request.objective, clean, reference, clean)
    return BudgetSearchOutcome(
        request=request,
        plan=plan,
        original=as_array(original[0]),
        clean=clean,
        smallest=0.0 if at_once else min(falls, default=None),
        step=found.step,
        tries=tuple(tries),
        reference=reference,
        reference_is_prediction=request.labels is None,
        device=str(shelf.device),
        seconds=time.perf_counter() - began,
    )


def recheck(
    shelf: ModelShelf, request: RecheckRequest, _emit: Emit, token: CancelToken
) -> RecheckResult:
    """Judge a frame against the goal of the attack that it carries; see `RecheckRequest`."""
    prediction, success = _rejudged(shelf, request.outcome, request.frame, token)
    if request.unmarked is None:
        return RecheckResult(request, prediction, success)
    unmarked = _rejudged(shelf, request.outcome, request.unmarked, token)
    return RecheckResult(request, prediction, success, *unmarked)


def _rejudged(
    shelf: ModelShelf, outcome: AttackOutcome, frame: Frame, token: CancelToken
) -> tuple[Prediction, bool]:
    model = shelf.model(outcome.request.model, token)
    image = prepared(frame, plan_input(model.card.preprocessing, frame)).to(shelf.device)
    prediction = judge(model, image, token)
    objective, clean = outcome.request.objective, outcome.clean
    return prediction, achieved(model, objective, prediction, outcome.reference, clean)


def _second(
    shelf: ModelShelf,
    request: AttackRequest,
    plan: InputPlan,
    delta: torch.Tensor,
    token: CancelToken,
) -> dict[str, Any]:
    """The second model's view of the same two images, as fields of `AttackOutcome`."""
    if not request.second_model:
        names = ("second_clean", "second_attacked", "second_plan")
        return dict.fromkeys((*names, "second_original", "second_adversarial")) | {"notes": ()}
    model = shelf.model(request.second_model, token)
    own = plan_input(model.card.preprocessing, request.frame)
    original = prepared(request.frame, own).to(shelf.device)
    moved, notes = transferred(delta, plan, own, request.frame.shape)
    adversarial = on_grid(original, (original + moved).clamp(0, 1))
    return {
        "second_plan": own,
        "second_original": as_array(original[0]),
        "second_adversarial": as_array(adversarial[0]),
        "second_clean": judge(model, original, token),
        "second_attacked": judge(model, adversarial, token),
        "notes": tuple(f"{model.card.name}: {note}" for note in notes),
    }


def _reference(
    model: DiagnosticModel, request: AttackRequest | BudgetSearchRequest, clean: Prediction
) -> tuple[int, ...]:
    """The labels to be attacked: the true ones, or the clean prediction."""
    card = model.card
    if request.labels is None:
        if card.multi_label:
            return tuple(int(d) for d in clean.decisions)
        return (int(clean.decisions.argmax()),)
    expected = len(card.classes) if card.multi_label else 1
    highest = 1 if card.multi_label else len(card.classes) - 1
    if len(request.labels) != expected or not all(0 <= v <= highest for v in request.labels):
        form = "a 0 or 1 per finding" if card.multi_label else f"one index from 0 to {highest}"
        raise AttackError(
            f"{request.labels} do not fit {card.name}",
            subject="labels",
            remedy=f"Give {form}, or none to use the clean prediction",
        )
    return request.labels
