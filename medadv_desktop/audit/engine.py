"""The engine: answers requests on one device. It owns the loaded models; one thread uses it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import torch

from medadv_desktop.audit import analysis_jobs, attack_jobs, generator_job, model_jobs, search_jobs
from medadv_desktop.audit.analyses.requests import AnalyzeRequest, AuditAnalyses
from medadv_desktop.audit.analyses.run import analyze
from medadv_desktop.audit.analysis_requests import (
    AlongRequest,
    AnalysisAnswer,
    AnalysisRequest,
    ExplainRequest,
    LayerCurveRequest,
    LayerMapsRequest,
    PerturbationRequest,
)
from medadv_desktop.audit.budget_search import BudgetSearchOutcome, BudgetSearchRequest
from medadv_desktop.audit.devices import choose_device, device_names, device_title, versions
from medadv_desktop.audit.estimation import estimate
from medadv_desktop.audit.evaluation import Evaluation, EvaluationRequest
from medadv_desktop.audit.evaluation_job import evaluate
from medadv_desktop.audit.generators import (
    FitUniversalRequest,
    GeneratorTraining,
    TrainGeneratorRequest,
    UniversalFit,
)
from medadv_desktop.audit.requests import (
    AttackOutcome,
    AttackRequest,
    CheckedModel,
    CheckModelRequest,
    EngineReady,
    FeatureRequest,
    FeatureResult,
    LoadedModel,
    LoadRequest,
    ManyPredictions,
    PredictManyRequest,
    PredictRequest,
    PredictResult,
    ProposeCardRequest,
    ProposedCard,
    RecheckRequest,
    RecheckResult,
    Request,
    WarmUp,
)
from medadv_desktop.audit.runner.run import run_audit
from medadv_desktop.audit.runs import AuditFinished, AuditRequest, Estimate, EstimateRequest
from medadv_desktop.audit.searches import (
    CurveRequest,
    ErasableShares,
    EraseRequest,
    RobustnessCurve,
)
from medadv_desktop.audit.shelf import ModelShelf
from medadv_desktop.errors import DeviceError
from medadv_desktop.jobs import CancelToken, Emit, silent
from medadv_desktop.models.diagnostic import DiagnosticModel

Answer = (
    EngineReady
    | LoadedModel
    | ProposedCard
    | CheckedModel
    | PredictResult
    | ManyPredictions
    | AttackOutcome
    | RecheckResult
    | FeatureResult
    | BudgetSearchOutcome
    | Evaluation
    | RobustnessCurve
    | ErasableShares
    | GeneratorTraining
    | UniversalFit
    | AnalysisAnswer
    | AuditAnalyses
    | Estimate
    | AuditFinished
)


LongRequest = (
    BudgetSearchRequest
    | EvaluationRequest
    | CurveRequest
    | EraseRequest
    | TrainGeneratorRequest
    | FitUniversalRequest
    | AnalysisRequest
    | AnalyzeRequest
    | EstimateRequest
    | AuditRequest
)


def _warm_up(shelf: ModelShelf, _request: WarmUp, _emit: Emit, _token: CancelToken) -> EngineReady:
    return EngineReady(
        device=str(shelf.device),
        device_title=device_title(shelf.device),
        devices=device_names(),
        versions=versions(),
    )


_ANSWERS: Final[Mapping[type, Callable[[ModelShelf, Any, Emit, CancelToken], Answer]]] = (
    MappingProxyType(
        {
            WarmUp: _warm_up,
            LoadRequest: model_jobs.load,
            ProposeCardRequest: model_jobs.propose,
            CheckModelRequest: model_jobs.check,
            PredictRequest: model_jobs.predict,
            PredictManyRequest: model_jobs.predict_many,
            AttackRequest: attack_jobs.attack,
            RecheckRequest: attack_jobs.recheck,
            FeatureRequest: model_jobs.features,
            BudgetSearchRequest: attack_jobs.search_budget,
            EvaluationRequest: evaluate,
            CurveRequest: search_jobs.curve,
            EraseRequest: search_jobs.erase,
            TrainGeneratorRequest: generator_job.train,
            FitUniversalRequest: generator_job.fit_universal,
            ExplainRequest: analysis_jobs.explain,
            LayerMapsRequest: analysis_jobs.layer_maps,
            LayerCurveRequest: analysis_jobs.layer_curve,
            PerturbationRequest: analysis_jobs.look_at_perturbation,
            AlongRequest: analysis_jobs.along,
            AuditRequest: run_audit,
            AnalyzeRequest: analyze,
            EstimateRequest: estimate,
        }
    )
)


class Engine:
    """Runs requests, one at a time, on one device.

    Args:
        device: "auto" (the first GPU, else the CPU), "cpu" or "cuda:N".

    Raises:
        DeviceError: no such device.
    """

    def __init__(self, device: str = "auto") -> None:
        self._shelf = ModelShelf(choose_device(device))

    @property
    def shelf(self) -> ModelShelf:
        """Its models; whoever uses it runs in the engine's thread."""
        return self._shelf

    @property
    def device(self) -> torch.device:
        return self._shelf.device

    def run(
        self,
        request: Request | LongRequest,
        emit: Emit = silent,
        token: CancelToken | None = None,
    ) -> Answer:
        """Answer one request; see `requests` and `evaluation` for which answer belongs to which.

        Raises:
            MedAdvError: what the request asks for cannot be done; the message says why.
            JobCancelled: the token was cancelled; the engine stays usable.
        """
        token = token or CancelToken()
        token.check()
        try:
            return _ANSWERS[type(request)](self._shelf, request, emit, token)
        except torch.OutOfMemoryError:
            self._shelf.clear()
            torch.cuda.empty_cache()
            raise DeviceError(
                "ran out of memory",
                subject=self.device,
                remedy="Close other programs that use it, or choose the CPU",
            ) from None

    def model(self, reference: str, *, allow_code: bool = False) -> DiagnosticModel:
        """A loaded model; the few most recently used stay in memory.

        Args:
            allow_code: the user was asked and agreed that the model's Python file runs; remembered
                for this reference as long as the file stays the same.

        Raises:
            ModelError: it cannot be loaded, or has code that nobody agreed to.
        """
        if allow_code:
            self._shelf.allow_code(reference)
        return self._shelf.model(reference)
