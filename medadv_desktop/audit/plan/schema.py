"""What an audit is: models, data sets, attacks, corruptions, budgets, seeds, metrics. No torch.

Version 1. Every field has its default here, and the copy of the plan that an audit keeps has all of
them written out. Whatever names something else in the plan is checked when the plan is built.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Literal, Self, TypeVar

from pydantic import Field, ValidationInfo, field_validator, model_validator

from medadv_desktop.attacks.attack import Attack, Precision
from medadv_desktop.attacks.bounded import BudgetedAttack
from medadv_desktop.attacks.objectives import Objective
from medadv_desktop.attacks.registry import make_attack, make_objective
from medadv_desktop.datasets.options import DatasetOptions
from medadv_desktop.datasets.subset import Subset
from medadv_desktop.errors import MedAdvError
from medadv_desktop.settings import PixelFraction, Settings

_T = TypeVar("_T")

PLAN_VERSION: Final = 1

_ID: Final = r"^[a-z0-9][a-z0-9._-]*$"

TRAINED: Final = ("gap", "universal")
"""Attacks that an audit can prepare itself, by a `train` table."""


class PlanModel(Settings):
    """A model to be audited."""

    id: str = Field(pattern=_ID, description="Its name in this plan")
    model: str = Field(min_length=1, description="Id in the library, or a path")
    datasets: tuple[str, ...] = Field((), description="Data sets it is tried on; nothing means all")


class PlanDataset(Settings):
    """A labelled set, and the part of it that is used."""

    id: str = Field(pattern=_ID, description="Its name in this plan")
    path: str = Field(
        min_length=1, description="Folder, table or archive; seen from the plan's own folder"
    )
    options: DatasetOptions = Field(DatasetOptions(), description="How it is read")
    subset: Subset = Field(Subset(), description="Which of its samples are used")
    match_order: bool = Field(
        False, description="Its classes stand in the models' order, whatever their names"
    )
    groups: tuple[str, ...] = Field(
        (), description="Columns of its table by which figures are told apart, such as sex"
    )


class SmallestBudget(Settings):
    """Bisect the budget of an attack for every sample, instead of trying fixed budgets."""

    highest: PixelFraction = Field(
        16 / 255,
        gt=0,
        le=10_000,
        description="Largest budget",
        json_schema_extra={"unit": "of the [0, 1] grey scale"},
    )
    halvings: int = Field(6, ge=1, le=12, description="The grid of budgets has 2^halvings steps")


class Training(Settings):
    """How a generator or universal perturbation is made before the audit attacks with it."""

    dataset: str = Field(description="Data set of this plan that it is made on")
    recipe: dict[str, Any] = Field(
        default_factory=dict, description="Fields of its recipe; see medadv attacks"
    )


class PlanAttack(Settings):
    """An attack, its goal and its budgets."""

    id: str = Field(pattern=_ID, description="Its name in this plan")
    attack: str = Field(description="Its name; see medadv attacks")
    settings: dict[str, Any] = Field(
        default_factory=dict, validate_default=True, description="Fields of the attack"
    )
    epsilons: tuple[PixelFraction, ...] = Field(
        (),
        description="Budgets to try; nothing means the one of the settings, or what the attack "
        "itself decides",
        json_schema_extra={"unit": "of the [0, 1] grey scale"},
    )
    objective: str = Field("untargeted", description="Its goal")
    objective_settings: dict[str, Any] = Field(
        default_factory=dict, validate_default=True, description="Fields of the goal"
    )
    smallest: SmallestBudget | None = Field(
        None, description="Bisect the budget for every sample; then there are no epsilons"
    )
    train: Training | None = Field(
        None, description="Prepare it first (gap and universal); then it needs no file"
    )
    models: tuple[str, ...] = Field((), description="Models attacked; nothing means all")
    transfer: bool = Field(
        False, description="The other models of the data set judge the attacked images as well"
    )

    @field_validator("settings")
    @classmethod
    def _of_the_attack(cls, values: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        name = info.data.get("attack")
        if name is None:  # refused already
            return values
        return _written_out(_told(lambda: make_attack(name, values)))

    @field_validator("objective_settings")
    @classmethod
    def _of_the_goal(cls, values: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        name = info.data.get("objective")
        if name is None:
            return values
        return _written_out(_told(lambda: make_objective(name, values)))

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        budgeted = "epsilon" in type(self.at(None)).model_fields
        if self.epsilons and not budgeted:
            raise ValueError(f"epsilons: {self.attack} has no budget to vary")
        if len(set(self.epsilons)) < len(self.epsilons):
            raise ValueError("epsilons: a budget is named twice")
        for epsilon in self.epsilons:
            self.at(epsilon)
        if self.smallest is not None:
            if self.epsilons:
                raise ValueError("smallest: the budget is bisected, so name no epsilons")
            if not isinstance(self.at(None), BudgetedAttack):
                raise ValueError(f"smallest: {self.attack} has no budget to bisect")
            self.at(self.smallest.highest)
        if self.train is not None:
            self._check_training()
        return self

    def _check_training(self) -> None:
        if self.attack not in TRAINED:
            raise ValueError(f"train: {self.attack} needs no preparation")
        self.recipe()

    def at(self, epsilon: float | None) -> Attack:
        """The attack at a budget; None means that of the settings.

        Raises:
            ValueError: it cannot have that budget.
        """
        budget = {} if epsilon is None else {"epsilon": epsilon}
        return _told(lambda: make_attack(self.attack, self.settings | budget))

    def goal(self) -> Objective:
        """The objective."""
        return _told(lambda: make_objective(self.objective, self.objective_settings))

    def recipe(self) -> Settings:
        """Of `train`: a `GapRecipe` or `UniversalRecipe`.

        Raises:
            ValueError: there is no training, or a field is wrong.
        """
        from medadv_desktop.attacks.gap.recipe import GapRecipe
        from medadv_desktop.attacks.universal.recipe import UniversalRecipe
        from medadv_desktop.settings import parse

        if self.train is None:
            raise ValueError(f"{self.id} is not trained")
        kind: type[Settings] = GapRecipe if self.attack == "gap" else UniversalRecipe
        values = self.train.recipe
        return _told(lambda: parse(kind, values))


class PlanCorruption(Settings):
    """A common corruption at several severities."""

    kind: str = Field(description="Its name; see medadv corruptions")
    severities: tuple[int, ...] = Field(
        (1, 2, 3, 4, 5), min_length=1, description="From 1, hardly seen, to 5"
    )
    models: tuple[str, ...] = Field((), description="Models tried; nothing means all")

    @field_validator("kind")
    @classmethod
    def _known(cls, kind: str) -> str:
        from medadv_desktop.corruptions.registry import CORRUPTIONS

        return _one_of(kind, CORRUPTIONS, "corruption")

    @field_validator("severities")
    @classmethod
    def _one_to_five(cls, severities: tuple[int, ...]) -> tuple[int, ...]:
        if not set(severities) <= {1, 2, 3, 4, 5} or len(set(severities)) < len(severities):
            raise ValueError("severities are different whole numbers from 1 to 5")
        return severities


class PlanSequence(Settings):
    """A perturbation sequence of the common-perturbation benchmark."""

    kind: str = Field(description="Its name; see medadv corruptions")
    frames: int = Field(10, ge=2, le=31, description="Of each sequence, the first one included")
    models: tuple[str, ...] = Field((), description="Models tried; nothing means all")

    @field_validator("kind")
    @classmethod
    def _known(cls, kind: str) -> str:
        from medadv_desktop.corruptions.registry import SEQUENCES

        return _one_of(kind, SEQUENCES, "perturbation sequence")


class Metrics(Settings):
    """How figures are made."""

    bootstrap: int = Field(
        1000, ge=0, le=100_000, description="Resamples where an interval is bootstrapped; 0: none"
    )
    similarity: bool = Field(True, description="SSIM and PSNR of every changed image")


class Keep(Settings):
    """What of the attacked images stays on disk."""

    adversarial: Literal["none", "fooled", "all"] = Field(
        "none", description="Which attacked images are kept, beside those of the gallery"
    )
    gallery: int = Field(
        6, ge=0, le=200, description="Images kept of every attack for the report's pictures"
    )
    disk_budget: int = Field(
        4096,
        ge=1,
        le=10_000_000,
        description="No more images are kept beyond it; the audit goes on",
        json_schema_extra={"unit": "MiB"},
    )


class Lights(Settings):
    """From which figure on the report shows green or amber; below amber is red."""

    clean_green: float = Field(0.85, ge=0, le=1, description="Clean accuracy")
    clean_amber: float = Field(0.7, ge=0, le=1, description="Clean accuracy")
    robust_green: float = Field(0.6, ge=0, le=1, description="Robust accuracy")
    robust_amber: float = Field(0.3, ge=0, le=1, description="Robust accuracy")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.clean_amber > self.clean_green or self.robust_amber > self.robust_green:
            raise ValueError("amber begins at or below green")
        return self


class Running(Settings):
    """How the audit is computed; none of it is part of a cell's name."""

    batch_size: int = Field(16, ge=1, le=65_536, description="Images at a time")
    workers: int | None = Field(
        None, ge=1, le=256, description="Threads that decode; nothing means what suits the machine"
    )
    precision: Precision = Field(
        "float32", description="Of the search (see medadv evaluate); the model itself judges"
    )
    probed: int = Field(
        24, ge=0, le=10_000, description="Attacked samples looked at for a false sense of security"
    )


class AuditPlan(Settings):
    """The whole plan."""

    version: Literal[1] = PLAN_VERSION
    name: str = Field("Audit", min_length=1, max_length=200, description="Title of the report")
    notes: str = Field("", description="Whatever a reader should know")
    seeds: tuple[int, ...] = Field(
        (0,), min_length=1, description="Every attack and corruption runs once for each"
    )
    baseline: str = Field("", description="Model that mean flip rate and mean corruption error "
                          "are relative to; nothing means none")  # fmt: skip
    models: tuple[PlanModel, ...] = Field(min_length=1)
    datasets: tuple[PlanDataset, ...] = Field(min_length=1)
    attacks: tuple[PlanAttack, ...] = ()
    corruptions: tuple[PlanCorruption, ...] = ()
    sequences: tuple[PlanSequence, ...] = ()
    metrics: Metrics = Metrics()
    keep: Keep = Keep()
    lights: Lights = Lights()
    running: Running = Running()

    @field_validator("seeds")
    @classmethod
    def _different(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(seeds)) < len(seeds) or not all(0 <= s < 2**31 for s in seeds):
            raise ValueError("seeds are different whole numbers from 0 to 2147483647")
        return seeds

    @model_validator(mode="after")
    def _names_stand_for_something(self) -> Self:
        models = _unique((m.id for m in self.models), "models")
        sets = _unique((d.id for d in self.datasets), "datasets")
        _unique((a.id for a in self.attacks), "attacks")
        _unique((c.kind for c in self.corruptions), "corruptions")
        _unique((s.kind for s in self.sequences), "sequences")
        for model in self.models:
            _known(model.datasets, sets, f"models.{model.id}.datasets")
        for attack in self.attacks:
            _known(attack.models, models, f"attacks.{attack.id}.models")
            if attack.train is not None:
                _known((attack.train.dataset,), sets, f"attacks.{attack.id}.train.dataset")
        for corruption in self.corruptions:
            _known(corruption.models, models, f"corruptions.{corruption.kind}.models")
        for sequence in self.sequences:
            _known(sequence.models, models, f"sequences.{sequence.kind}.models")
        if self.baseline:
            _known((self.baseline,), models, "baseline")
        return self

    def dataset(self, name: str) -> PlanDataset:
        return next(d for d in self.datasets if d.id == name)

    def model(self, name: str) -> PlanModel:
        return next(m for m in self.models if m.id == name)

    def attack(self, name: str) -> PlanAttack:
        return next(a for a in self.attacks if a.id == name)

    def pairs(self) -> tuple[tuple[PlanModel, PlanDataset], ...]:
        """Every model with every data set it is tried on, in the plan's order."""
        return tuple(
            (model, dataset)
            for model in self.models
            for dataset in self.datasets
            if not model.datasets or dataset.id in model.datasets
        )


def _told(make: Callable[[], _T]) -> _T:
    """What `make` gives; its refusal as the ValueError that pydantic collects."""
    try:
        return make()
    except MedAdvError as error:
        raise ValueError(str(error).rstrip(".")) from None


def _written_out(settings: Settings) -> dict[str, Any]:
    """All fields as plain values; what is None means automatic and is left out, as TOML needs."""
    values = settings.model_dump(mode="json")
    return {name: value for name, value in values.items() if value is not None}


def _one_of(name: str, known: Mapping[str, object], what: str) -> str:
    if name not in known:
        raise ValueError(f"there is no {what} {name!r}; name one of {', '.join(known)}")
    return name


def _unique(names: Iterable[str], where: str) -> set[str]:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{where}: {name!r} stands there twice")
        seen.add(name)
    return seen


def _known(names: Iterable[str], known: set[str], where: str) -> None:
    for name in names:
        if name not in known:
            raise ValueError(f"{where}: there is no {name!r}; known are {', '.join(sorted(known))}")
