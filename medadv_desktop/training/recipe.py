"""What a training is: model, data, objective, optimiser, budget, validation. No torch.

Version 1. Every field has its default here, and the copy that a training keeps in its folder has
all of them written out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal, Self, TypeVar

from pydantic import Field, ValidationInfo, field_validator, model_validator

from medadv_desktop.datasets.options import DatasetOptions
from medadv_desktop.datasets.splitting import SplitSettings
from medadv_desktop.datasets.subset import Subset
from medadv_desktop.defenses.objectives.awp import WeightPerturbation
from medadv_desktop.defenses.objectives.base_loss import BaseLoss
from medadv_desktop.defenses.objectives.objective import TrainingObjective
from medadv_desktop.defenses.objectives.registry import make_training_objective
from medadv_desktop.errors import MedAdvError
from medadv_desktop.models.architectures import ARCHITECTURES
from medadv_desktop.models.card import Preprocessing
from medadv_desktop.settings import PixelFraction, Settings

_T = TypeVar("_T")

RECIPE_VERSION: Final = 1


class TrainedModel(Settings):
    """The model that comes of it, and what it starts from."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", description="Of the new model")
    name: str = Field("", description="For people; nothing means the id")
    base: str = Field(
        "", description="Model to start from, by id or path; nothing means random weights"
    )
    architecture: str = Field("compact-resnet", description="Without a base: see medadv models")
    architecture_options: dict[str, int | float | str | bool] = Field(
        default_factory=dict, description="Of the architecture"
    )
    preprocessing: Preprocessing = Field(
        Preprocessing(), description="Without a base: from an image to the model input"
    )
    mean: tuple[float, ...] = Field((0.5,), description="Without a base: of each channel, or all")
    std: tuple[float, ...] = Field((0.25,), description="Without a base: of each channel, or all")
    trained: Literal["all", "last-blocks", "head"] = Field(
        "all", description="Which weights learn: all, the last blocks and the head, or the head"
    )
    last_blocks: int = Field(
        2, ge=1, le=100, description="With last-blocks: how many, the head counted as one"
    )
    batch_norm: Literal["learns", "frozen"] = Field(
        "learns",
        description="frozen: batch norms keep the statistics of the base and use them in training",
    )

    @field_validator("architecture")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in ARCHITECTURES:
            raise ValueError(f"there is no architecture {name!r}; see medadv models")
        return name

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.base and self.trained != "all":
            raise ValueError("trained: random weights must all learn; name a base")
        if not self.base and self.batch_norm == "frozen":
            raise ValueError("batch_norm: without a base there are no statistics to be kept")
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) not in (1, self.preprocessing.channels):
                raise ValueError(f"{name}: one value, or one for each channel")
        if min(self.std) <= 0:
            raise ValueError("std: must be above 0")
        return self


class TrainingData(Settings):
    """What is learned from, and what the model is judged by meanwhile."""

    path: str = Field(
        min_length=1, description="Folder, table or archive; seen from the recipe's own folder"
    )
    options: DatasetOptions = Field(DatasetOptions(), description="How it is read")
    split: SplitSettings | None = Field(
        None, description="Split anew, by patient; without it the set's own splits are used"
    )
    train: Subset = Field(Subset(splits="train"), description="Samples learned from")
    val: Subset = Field(Subset(splits="val"), description="Samples judged by")
    match_order: bool = Field(
        False, description="Its classes stand in the base's order, whatever their names"
    )
    workers: int | None = Field(
        None, ge=1, le=256, description="Threads that decode; nothing means what suits the machine"
    )


class Augmentation(Settings):
    """Changes of training images before any attack. 0 and false change nothing."""

    flip_horizontal: bool = Field(False, description="Mirror half of the images left to right")
    flip_vertical: bool = Field(False, description="Mirror half of the images top to bottom")
    rotate: float = Field(
        0, ge=0, le=180, description="Largest turn either way", json_schema_extra={"unit": "°"}
    )
    shift: float = Field(
        0,
        ge=0,
        le=0.5,
        description="Largest shift either way",
        json_schema_extra={"unit": "of the side"},
    )
    scale: float = Field(0, ge=0, le=0.5, description="Largest change of size either way")
    brightness: float = Field(0, ge=0, le=1, description="Largest change either way")
    contrast: float = Field(0, ge=0, le=1, description="Largest change of the factor either way")
    mixup: float = Field(
        0, ge=0, le=10, title="Mixup α", description="Of the Beta distribution of the shares"
    )
    corruptions: tuple[str, ...] = Field(
        (), description="Kinds of common corruption applied in training; see medadv corruptions"
    )
    corrupted: float = Field(0.5, ge=0, le=1, description="Share of images that are corrupted")
    severity: int = Field(3, ge=1, le=5, description="Most severe corruption drawn")

    @field_validator("corruptions")
    @classmethod
    def _known(cls, kinds: tuple[str, ...]) -> tuple[str, ...]:
        from medadv_desktop.corruptions.registry import CORRUPTIONS

        for kind in kinds:
            if kind not in CORRUPTIONS:
                raise ValueError(
                    f"there is no corruption {kind!r}; name of {', '.join(CORRUPTIONS)}"
                )
        return kinds


class Optimiser(Settings):
    """How weights move."""

    kind: Literal["sgd", "adam", "adamw"] = Field("adamw", description="Algorithm")
    learning_rate: float = Field(1e-3, gt=0, le=1e6, description="Largest of the schedule")
    weight_decay: float = Field(1e-2, ge=0, le=1, description="Not of biases and norms")
    momentum: float = Field(0.9, ge=0, lt=1, description="Of SGD; β₁ of the others")
    nesterov: bool = Field(False, description="Of SGD")
    clip: float | None = Field(
        None, gt=0, description="Largest Euclidean length of the gradient; nothing clips nothing"
    )


class Schedule(Settings):
    """How the learning rate goes over the training."""

    kind: Literal["constant", "cosine", "step", "one-cycle"] = Field(
        "one-cycle",
        description="constant; cosine to 0; step: times `factor` at `milestones`; one-cycle: up "
        "over `warmup`, then by cosine to 0",
    )
    warmup: float = Field(
        0.2, ge=0, lt=1, description="Share of the steps in which the rate rises (all kinds)"
    )
    milestones: tuple[float, ...] = Field(
        (0.5, 0.75), description="Of step: shares of the training after which the rate falls"
    )
    factor: float = Field(0.1, gt=0, lt=1, description="Of step")

    @field_validator("milestones")
    @classmethod
    def _in_order(cls, milestones: tuple[float, ...]) -> tuple[float, ...]:
        if list(milestones) != sorted(milestones) or not all(0 < m < 1 for m in milestones):
            raise ValueError("milestones are rising shares between 0 and 1")
        return milestones


class Budget(Settings):
    """How long, and in what pieces."""

    epochs: int = Field(10, ge=1, le=100_000, description="Passes over the training samples")
    minutes: float | None = Field(
        None, gt=0, description="No epoch is begun beyond it; nothing means no limit"
    )
    batch_size: int = Field(32, ge=1, le=65_536, description="Samples of an optimiser step")
    part_size: int | None = Field(
        None,
        ge=1,
        le=65_536,
        description="Samples in memory at a time: gradients of a batch add up over its parts. "
        "Nothing means the whole batch. Halved by itself where memory does not suffice",
    )
    checkpoint_steps: int = Field(
        0, ge=0, description="Steps between checkpoints within an epoch; 0: at its end alone"
    )
    patience: int | None = Field(
        None,
        ge=1,
        description="Validations without a better score after which the training ends; nothing "
        "means never",
    )


class Validation(Settings):
    """How the best epoch is found: by its score under attack, not on clean images."""

    epsilon: PixelFraction = Field(
        4 / 255,
        gt=0,
        le=1,
        title="Budget ε",
        description="Of PGD (L∞)",
        json_schema_extra={"unit": "of the [0, 1] grey scale"},
    )
    steps: int = Field(10, ge=1, le=1000, description="Of PGD")
    every: int = Field(1, ge=1, le=10_000, description="Epochs between validations; the last one "
                       "is always validated")  # fmt: skip
    select: Literal["robust", "mean", "clean"] = Field(
        "robust",
        description="Score of an epoch: robust; the mean of robust and clean; or clean. The "
        "highest is kept, of equals the earliest",
    )
    measure: Literal["balanced-accuracy", "accuracy"] = Field(
        "balanced-accuracy",
        description="What a score is for one class each: balanced is the mean over classes, by "
        "which a model that always names the commonest class is worth nothing. For findings it is "
        "the macro AUC, under attack with all findings flipped",
    )
    batch_size: int = Field(64, ge=1, le=65_536, description="Images at a time")


class Recipe(Settings):
    """The whole recipe."""

    version: Literal[1] = RECIPE_VERSION
    notes: str = Field("", description="Whatever a reader should know")
    seed: int = Field(0, ge=0, le=2**31 - 1, description="Of weights, order and every draw")
    model: TrainedModel
    data: TrainingData
    objective: str = Field("mpadvt", description="Its name; see docs/defences.md")
    objective_settings: dict[str, Any] = Field(
        default_factory=dict, validate_default=True, description="Fields of the objective"
    )
    loss: BaseLoss = BaseLoss()
    awp: WeightPerturbation | None = Field(
        None, description="Adversarial weight perturbation around the objective"
    )
    augmentation: Augmentation = Augmentation()
    optimiser: Optimiser = Optimiser()
    schedule: Schedule = Schedule()
    budget: Budget = Budget()
    validation: Validation = Validation()
    precision: Literal["float32", "mixed"] = Field(
        "float32", description="mixed: layers compute in bfloat16 where that is exact enough"
    )
    ema: float | None = Field(
        None,
        gt=0,
        lt=1,
        title="EMA",
        description="Decay of a running mean of the weights, which is validated and kept; nothing "
        "keeps the weights themselves",
    )

    @field_validator("objective_settings")
    @classmethod
    def _of_the_objective(cls, values: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        name = info.data.get("objective")
        if name is None:  # refused already
            return values
        made = told(lambda: make_training_objective(name, values)).model_dump(mode="json")
        return {key: value for key, value in made.items() if value is not None}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        objective = self.made_objective()
        if self.augmentation.mixup and not objective.soft_labels:
            raise ValueError(f"augmentation.mixup: {objective.title} needs one true class each")
        plain = not self.loss.focal_gamma and not self.loss.label_smoothing
        if objective.own_loss and not plain:
            name = "focal_gamma" if self.loss.focal_gamma else "label_smoothing"
            raise ValueError(f"loss.{name}: {objective.title} has a loss of its own")
        if self.awp is not None and not objective.weights_may_be_perturbed:
            raise ValueError(f"awp: {objective.title} has one pass for weights and attack alike")
        if (self.budget.part_size or 0) > self.budget.batch_size:
            raise ValueError("budget.part_size: at most the batch size")
        return self

    def made_objective(self) -> TrainingObjective:
        """The objective.

        Raises:
            ValueError: there is none of that name, or a field is wrong.
        """
        return told(lambda: make_training_objective(self.objective, self.objective_settings))


def told(make: Callable[[], _T]) -> _T:
    """What `make` gives; its refusal as the ValueError that pydantic collects."""
    try:
        return make()
    except MedAdvError as error:
        raise ValueError(str(error).rstrip(".")) from None
