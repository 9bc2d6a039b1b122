"""Training a perturbation generator on a data set: what is asked and what came of it. No torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from medadv_desktop.attacks.gap.recipe import GapRecipe
from medadv_desktop.audit.evaluation import LeftOut
from medadv_desktop.datasets.dataset import Dataset

if TYPE_CHECKING:
    from medadv_desktop.attacks.gap.file import EpochFigures, Origin


@dataclass(frozen=True, eq=False)
class TrainGeneratorRequest:
    """Train a generator against a model. Answer: `GeneratorTraining`.

    While it runs, `Partial` of a `GapPreview` per batch.

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
