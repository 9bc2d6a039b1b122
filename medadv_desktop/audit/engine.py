"""The engine: answers requests on one device. It owns the loaded models; one thread uses it."""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from medadv_desktop import __version__
from medadv_desktop.attacks.objectives import Objective
from medadv_desktop.audit.requests import (
    AttackOutcome,
    AttackRequest,
    EngineReady,
    FeatureRequest,
    FeatureResult,
    LoadedModel,
    LoadRequest,
    Prediction,
    PredictRequest,
    PredictResult,
    RecheckRequest,
    RecheckResult,
    Request,
    WarmUp,
)
from medadv_desktop.audit.transfer import transferred
from medadv_desktop.errors import AttackError, DeviceError
from medadv_desktop.imaging.frame import Frame
from medadv_desktop.jobs import CancelToken, Emit, silent
from medadv_desktop.models.diagnostic import DiagnosticModel
from medadv_desktop.models.input_plan import InputPlan, plan_input
from medadv_desktop.models.loading import load_model
from medadv_desktop.models.preprocessing import model_input
from medadv_desktop.models.watch import watched

# 65535 = 255 × 257: the grid of a 16-bit PNG holds every k/255, so a budget of 4/255 stays exact.
GRID = 65535
_KEPT_MODELS = 4

Answer = EngineReady | LoadedModel | PredictResult | AttackOutcome | RecheckResult | FeatureResult


class Engine:
    """Runs requests, one at a time, on one device.

    Args:
        device: "auto" (the first GPU, else the CPU), "cpu" or "cuda:N".

    Raises:
        DeviceError: no such device.
    """

    def __init__(self, device: str = "auto") -> None:
        self.device = choose_device(device)
        self._models: OrderedDict[str, DiagnosticModel] = OrderedDict()
        self._answers: dict[type, Callable[[Any, Emit, CancelToken], Answer]] = {
            WarmUp: self._warm_up,
            LoadRequest: self._load,
            PredictRequest: self._predict,
            AttackRequest: self._attack,
            RecheckRequest: self._recheck,
            FeatureRequest: self._features,
        }

    def run(
        self, request: Request, emit: Emit = silent, token: CancelToken | None = None
    ) -> Answer:
        """Answer one request; see `requests` for which answer belongs to which.

        Raises:
            MedAdvError: what the request asks for cannot be done; the message says why.
            JobCancelled: the token was cancelled; the engine stays usable.
        """
        token = token or CancelToken()
        token.check()
        try:
            return self._answers[type(request)](request, emit, token)
        except torch.OutOfMemoryError:
            self._models.clear()
            torch.cuda.empty_cache()
            raise DeviceError(
                "ran out of memory",
                subject=self.device,
                remedy="Close other programs that use it, or choose the CPU",
            ) from None

    def model(self, reference: str) -> DiagnosticModel:
        """A loaded model; the few most recently used stay in memory.

        Raises:
            ModelError: it cannot be loaded.
        """
        if reference not in self._models:
            self._models[reference] = load_model(reference, self.device)
            while len(self._models) > _KEPT_MODELS:
                self._models.popitem(last=False)
        self._models.move_to_end(reference)
        return self._models[reference]

    def _warm_up(self, _request: WarmUp, _emit: Emit, _token: CancelToken) -> EngineReady:
        return EngineReady(
            device=str(self.device),
            device_title=device_title(self.device),
            devices=("auto", "cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))),
            versions=versions(),
        )

    def _load(self, request: LoadRequest, _emit: Emit, token: CancelToken) -> LoadedModel:
        model = self.model(request.model)
        with watched(model.network, token):
            layers = model.spatial_layers()
        return LoadedModel(request.model, model.card, layers, str(self.device))

    def _predict(self, request: PredictRequest, _emit: Emit, token: CancelToken) -> PredictResult:
        model = self.model(request.model)
        plan = plan_input(model.card.preprocessing, request.frame)
        image = self._input(request.frame, plan)
        prediction = self._judge(model, image, token)
        return PredictResult(request, _array(image[0]), plan, prediction)

    def _attack(self, request: AttackRequest, emit: Emit, token: CancelToken) -> AttackOutcome:
        model = self.model(request.model)
        plan = plan_input(model.card.preprocessing, request.frame)
        original = self._input(request.frame, plan)
        clean = self._judge(model, original, token)
        reference = _reference(model, request, clean)
        began = time.perf_counter()
        result = request.attack.run(
            model,
            original,
            torch.tensor([reference] if model.card.multi_label else reference, device=self.device),
            request.objective,
            seed=request.seed,
            token=token,
            emit=emit,
        )
        seconds = time.perf_counter() - began
        adversarial = on_grid(original, result.adversarial)
        attacked = self._judge(model, adversarial, token)
        success = _achieved(model, request.objective, attacked, reference)
        notes = list(plan.notes)
        if bool(result.success[0]) and not success:
            notes.append("the attack succeeded, but not after rounding to a 16-bit image")
        second = self._second(request, plan, adversarial - original, token)
        # In whole steps of the grid: float32 would add errors of its own to the norms.
        levels = (adversarial.double() * GRID).round() - (original.double() * GRID).round()
        padding = torch.from_numpy(plan.padding(request.frame)).to(levels.device)
        difference = levels.masked_fill(padding, 0).flatten() / GRID
        return AttackOutcome(
            request=request,
            plan=plan,
            original=_array(original[0]),
            adversarial=_array(adversarial[0]),
            clean=clean,
            attacked=attacked,
            success=success,
            steps=int(result.steps[0]),
            linf=float(difference.abs().max()),
            l2=float(difference.norm()),
            reference=reference,
            reference_is_prediction=request.labels is None,
            device=str(self.device),
            seconds=seconds,
            notes=tuple(notes) + second.pop("notes"),
            **second,
        )

    def _recheck(self, request: RecheckRequest, _emit: Emit, token: CancelToken) -> RecheckResult:
        prediction, success = self._rejudged(request.outcome, request.frame, token)
        if request.unmarked is None:
            return RecheckResult(request, prediction, success)
        unmarked = self._rejudged(request.outcome, request.unmarked, token)
        return RecheckResult(request, prediction, success, *unmarked)

    def _rejudged(
        self, outcome: AttackOutcome, frame: Frame, token: CancelToken
    ) -> tuple[Prediction, bool]:
        model = self.model(outcome.request.model)
        image = self._input(frame, plan_input(model.card.preprocessing, frame))
        prediction = self._judge(model, image, token)
        return prediction, _achieved(
            model, outcome.request.objective, prediction, outcome.reference
        )

    def _second(
        self, request: AttackRequest, plan: InputPlan, delta: torch.Tensor, token: CancelToken
    ) -> dict[str, Any]:
        """The second model's view of the same two images, as fields of `AttackOutcome`."""
        if not request.second_model:
            names = ("second_clean", "second_attacked", "second_plan")
            return dict.fromkeys((*names, "second_original", "second_adversarial")) | {"notes": ()}
        model = self.model(request.second_model)
        own = plan_input(model.card.preprocessing, request.frame)
        original = self._input(request.frame, own)
        moved, notes = transferred(delta, plan, own, request.frame.shape)
        adversarial = on_grid(original, (original + moved).clamp(0, 1))
        return {
            "second_plan": own,
            "second_original": _array(original[0]),
            "second_adversarial": _array(adversarial[0]),
            "second_clean": self._judge(model, original, token),
            "second_attacked": self._judge(model, adversarial, token),
            "notes": notes,
        }

    def _features(self, request: FeatureRequest, _emit: Emit, token: CancelToken) -> FeatureResult:
        model = self.model(request.model)
        original = self._maps(model, request.layer, request.original, token)
        energy = original.flatten(1).norm(dim=1)
        if request.adversarial is None:
            adversarial, distance = None, 0.0
            change = energy / energy.norm().clamp_min(torch.finfo(energy.dtype).tiny)
        else:
            adversarial = self._maps(model, request.layer, request.adversarial, token)
            difference = adversarial - original
            tiny = torch.finfo(energy.dtype).tiny
            change = difference.flatten(1).norm(dim=1) / energy.clamp_min(tiny)
            change = torch.where(energy > 0, change, torch.zeros_like(change))
            distance = float(difference.norm() / original.norm().clamp_min(tiny))
        # Ranked by what changed in absolute terms: a dead channel's quotient says nothing.
        ranking = energy if adversarial is None else (adversarial - original).flatten(1).norm(dim=1)
        order = ranking.argsort(descending=True, stable=True)[: request.channels]
        return FeatureResult(
            request=request,
            original=_array(original[order]),
            adversarial=None if adversarial is None else _array(adversarial[order]),
            channels=tuple(int(i) for i in order),
            change=change[order].double().cpu().numpy(),
            distance=distance,
        )

    def _maps(
        self, model: DiagnosticModel, layer: str, image: NDArray[np.float32], token: CancelToken
    ) -> torch.Tensor:
        with torch.no_grad(), watched(model.network, token), model.tap((layer,)) as outputs:
            model(torch.from_numpy(image)[None].to(self.device))
        maps = outputs.get(layer)
        if maps is None or maps.dim() != 4:
            raise AttackError(
                "gives no feature maps (its output is not channels × height × width)",
                subject=layer,
                remedy="Choose a convolutional layer",
            )
        return maps[0]

    def _input(self, frame: Frame, plan: InputPlan) -> torch.Tensor:
        image = (model_input(frame, plan) * GRID).round() / GRID
        return image.to(self.device)

    def _judge(self, model: DiagnosticModel, image: torch.Tensor, token: CancelToken) -> Prediction:
        with torch.no_grad(), watched(model.network, token):
            logits = model(image)
        if not bool(logits.isfinite().all()):
            raise AttackError(
                "gives outputs that are not finite for this image",
                subject=model.card.name,
                remedy="Check its weights and normalisation",
            )
        decisions = model.decisions(logits)[0]
        if not model.card.multi_label:
            decisions = torch.arange(logits.shape[1], device=logits.device) == decisions
        return Prediction(
            card=model.card,
            logits=logits[0].double().cpu().numpy(),
            probabilities=model.probabilities(logits.double())[0].cpu().numpy(),
            decisions=decisions.cpu().numpy(),
        )


def on_grid(original: torch.Tensor, adversarial: torch.Tensor) -> torch.Tensor:
    """`adversarial` on the grid of a 16-bit image, each pixel rounded towards `original`.

    What is judged is then what is saved, and no pixel leaves the budget. `original` is on the grid.
    """
    steps = ((adversarial - original).double() * GRID).trunc()
    # 1.0 pixel of slack for float32 differences that fall a hair short of a grid point.
    nearest = ((adversarial - original).double() * GRID).round()
    close = ((adversarial - original).double() * GRID - nearest).abs() < 1e-2
    steps = torch.where(close, nearest, steps)
    levels = (original.double() * GRID).round() + steps
    return (levels.to(original.dtype) / GRID).clamp(0, 1)


def choose_device(name: str) -> torch.device:
    """ "auto", "cpu" or "cuda:N" as a device that exists.

    Raises:
        DeviceError: no such device.
    """
    if name == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    kind, _, index = name.partition(":")
    count = torch.cuda.device_count()
    choices = ", ".join(("auto", "cpu", *(f"cuda:{i}" for i in range(count))))
    if name == "cpu":
        return torch.device("cpu")
    if kind == "cuda" and (index or "0").isdecimal():
        if int(index or 0) < count:
            return torch.device(f"cuda:{int(index or 0)}")
        raise DeviceError(
            "there is no such GPU here" if count else "no CUDA GPU is available here",
            subject=name,
            remedy=f"Choose one of: {choices}",
        )
    raise DeviceError("is not a device", subject=name, remedy=f"Choose one of: {choices}")


def device_title(device: torch.device) -> str:
    """The device in words: the GPU's name, or the CPU and its threads."""
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    return f"CPU, {torch.get_num_threads()} of {os.cpu_count()} threads"


def versions() -> tuple[tuple[str, str], ...]:
    """Name and version of what a result depends on."""
    names = ("torchvision", "numpy", "pydicom")
    ours = (("medadv-desktop", __version__), ("torch", str(torch.__version__)))
    return ours + tuple((name, version(name)) for name in names)


def _achieved(
    model: DiagnosticModel, objective: Objective, prediction: Prediction, reference: tuple[int, ...]
) -> bool:
    labels = torch.tensor([reference] if model.card.multi_label else reference)
    logits = torch.from_numpy(prediction.logits)[None]
    cutoffs = None if model.cutoffs is None else model.cutoffs.cpu().double()
    return bool(objective.achieved(logits, labels, cutoffs)[0])


def _reference(
    model: DiagnosticModel, request: AttackRequest, clean: Prediction
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


def _array(tensor: torch.Tensor) -> NDArray[np.float32]:
    return np.ascontiguousarray(tensor.detach().float().cpu().numpy()).copy()
