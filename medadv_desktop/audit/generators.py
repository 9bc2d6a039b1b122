"""Perturbations prepared on a data set, generators and universal ones: requests and answers.

No torch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from medadv_desktop.attacks.gap.recipe import GapRecipe
from medadv_desktop.attacks.objectives import Objective, Untargeted
from medadv_desktop.attacks.universal.recipe import UniversalRecipe
from medadv_desktop.audit.evaluation import LeftOut
from medadv_desktop.datasets.dataset import Dataset

if TYPE_CHECKING:
    from medadv_desktop.attacks.prepared import EpochFigures, Origin


@dataclass(frozen=True, eq=False)
class TrainGeneratorRequest:
    """Train a generator against a model. Answer: `GeneratorTraining`.

    While it runs, `Partial` of a `PreparationPreview` per batch.

    Attributes:
        model: id or path; it is left as it is.
        dataset: images to train on; their labels are not looked at.
        path: file of the generator, written after every epoch.
        resume: go on with an unfinished file of the same recipe, model and data.
        workers: threads that decode; None takes what suits the machine.
        cache: file of remembered digests for the fingerprint; None means the user's own.
    """

    model: str
    dataset: Dataset
    path: Path
    recipe: GapRecipe = field(default_factory=GapRecipe)
    resume: bool = False
    workers: int | None = None
    cache: Path | None = None


@dataclass(frozen=True, eq=False)
class GeneratorTraining:
    """A generator was trained; its file is `request.path`.

    Attributes:
        origin: what it was trained against and on.
        epochs: figures of every epoch.
        left_out: samples that were not trained on, with the reason.
        device, seconds: where and how long, preparation included.
    """

    request: TrainGeneratorRequest
    origin: Origin
    epochs: tuple[EpochFigures, ...]
    left_out: tuple[LeftOut, ...]
    device: str
    seconds: float


@dataclass(frozen=True, eq=False)
class FitUniversalRequest:
    """Fit one perturbation for a whole set. Answer: `UniversalFit`.

    While it runs, `Partial` of a `PreparationPreview` per batch.

    Attributes:
        model, dataset: what is attacked, and labelled images of its classes.
        path: file of the perturbation, written at the end.
        objective: the goal, from the true labels.
        match_order, workers, cache: as in `EvaluationRequest`.
    """

    model: str
    dataset: Dataset
    path: Path
    recipe: UniversalRecipe = field(default_factory=UniversalRecipe)
    objective: Objective = field(default_factory=Untargeted)
    match_order: bool = False
    workers: int | None = None
    cache: Path | None = None


@dataclass(frozen=True, eq=False)
class UniversalFit:
    """A universal perturbation was fitted; its file is `request.path`.

    Attributes:
        clean_rate, goal_rate: share of the images on which the goal is reached without and with it.
        epochs: running figures of every epoch, while it moved.
        origin, left_out, device, seconds: as in `GeneratorTraining`.
    """

    request: FitUniversalRequest
    origin: Origin
    clean_rate: float
    goal_rate: float
    epochs: tuple[EpochFigures, ...]
    left_out: tuple[LeftOut, ...]
    device: str
    seconds: float
