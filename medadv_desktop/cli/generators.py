"""Perturbations prepared beforehand: `gap train`, `gap info` and `universal fit`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medadv_desktop.cli.choosing import assignments, objective_of
from medadv_desktop.cli.datasets import DatasetPath, with_dataset_options
from medadv_desktop.cli.options import (
    AllowCode,
    AttackSettings,
    Device,
    Goal,
    GoalClasses,
    GoalSettings,
    Json,
    ModelName,
    app,
)
from medadv_desktop.cli.running import cancellable, complain, progress_line
from medadv_desktop.datasets.options import DatasetOptions
from medadv_desktop.errors import ExportError
from medadv_desktop.settings import parse

if TYPE_CHECKING:
    from medadv_desktop.audit.evaluation import LeftOut

_COMPLAINTS = 10

gap = typer.Typer(
    help="Perturbation generators (GAP): train one, look at one", no_args_is_help=True
)
app.add_typer(gap, name="gap")


@gap.command()
@with_dataset_options
def train(
    path: DatasetPath,
    model: ModelName,
    *,
    options: DatasetOptions,
    out: Annotated[Path, typer.Option(help="File of the generator, .safetensors")],
    settings: AttackSettings = None,
    split: Annotated[str, typer.Option(help="Splits, separated by |; else all samples")] = "",
    limit: Annotated[
        int | None, typer.Option(help="At most so many samples, drawn by the seed", min=1)
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an unfinished file")] = False,
    device: Device = "auto",
    allow_code: AllowCode = False,
) -> None:
    """Train a generator against a model on a data set; its labels are not used.

    --set takes the fields of the recipe: form, network, width, norm, epsilon, goal, target, epochs,
    batch_size, learning_rate, seed.
    """
    from medadv_desktop.attacks.gap.recipe import GapRecipe
    from medadv_desktop.datasets.opening import open_dataset
    from medadv_desktop.datasets.subset import Subset

    recipe = parse(GapRecipe, assignments(settings))
    _check_name(out, "a generator")
    if out.exists() and not resume:
        raise ExportError(
            "exists", subject=out, remedy="Add --resume to go on with it, or choose another name"
        )
    with cancellable() as token, progress_line("training") as emit:
        dataset = open_dataset(path, options, token, emit)
        if split or limit:
            dataset = Subset(splits=split, count=limit, seed=recipe.seed).apply(dataset)
        from medadv_desktop.audit.engine import Engine
        from medadv_desktop.audit.generators import GeneratorTraining, TrainGeneratorRequest

        engine = Engine(device)
        engine.model(model, allow_code=allow_code)
        request = TrainGeneratorRequest(model, dataset, out, recipe, resume)
        found = engine.run(request, emit, token)
    assert isinstance(found, GeneratorTraining)
    _complain_of(found.left_out)
    for number, figures in enumerate(found.epochs, start=1):
        print(f"epoch {number:3}  loss {figures.loss:.4f}  fooling rate {figures.fooling_rate:.1%}")
    print(
        f"written    {out} ({found.origin.samples} images, {found.seconds:.1f} s, {found.device})"
    )


@gap.command()
def info(
    path: Annotated[Path, typer.Argument(help="File of a generator")], as_json: Json = False
) -> None:
    """What a generator was trained for, against and on."""
    from medadv_desktop.attacks.gap.file import load

    trained = load(path)
    told = {
        "recipe": trained.recipe.model_dump(mode="json"),
        "shape": trained.shape,
        "origin": asdict(trained.origin),
        "epochs": [asdict(figures) for figures in trained.epochs],
        "finished": trained.finished,
    }
    if as_json:
        print(json.dumps(told, indent=2))
        return
    origin = trained.origin
    print(f"generator  {path.name}, {'finished' if trained.finished else 'unfinished'}")
    print(f"model      {origin.model}, sha256 {origin.model_sha256}")
    print(f"data       {origin.samples} images, fingerprint {origin.data_sha256 or 'none'}")
    for name, value in trained.recipe.model_dump(mode="json").items():
        print(f"{name:14} {'' if value is None else value}")
    for number, figures in enumerate(trained.epochs, start=1):
        print(f"epoch {number:3}  loss {figures.loss:.4f}  fooling rate {figures.fooling_rate:.1%}")


universal = typer.Typer(help="Universal perturbations: fit one", no_args_is_help=True)
app.add_typer(universal, name="universal")


@universal.callback()
def _group() -> None:
    """A group of commands, though it has one only."""


@universal.command("fit")
@with_dataset_options
def fit_universal(
    path: DatasetPath,
    model: ModelName,
    *,
    options: DatasetOptions,
    out: Annotated[Path, typer.Option(help="File of the perturbation, .safetensors")],
    settings: AttackSettings = None,
    goal: Goal = "untargeted",
    to: GoalClasses = None,
    goal_settings: GoalSettings = None,
    split: Annotated[str, typer.Option(help="Splits, separated by |; else all samples")] = "",
    limit: Annotated[
        int | None, typer.Option(help="At most so many samples, drawn by the seed", min=1)
    ] = None,
    match_order: Annotated[
        bool,
        typer.Option("--match-order", help="The set's classes stand in the model's order"),
    ] = False,
    batch_size: Annotated[int, typer.Option(help="Images per step", min=1)] = 16,
    seed: Annotated[int, typer.Option(help="Of the order and of the draw", min=0)] = 0,
    device: Device = "auto",
    allow_code: AllowCode = False,
) -> None:
    """Fit one perturbation that fools a model on as many images of a data set as it can.

    --set takes the fields of the recipe: norm, epsilon, epochs, step_size, loss_cap.
    """
    from medadv_desktop.attacks.universal.recipe import UniversalRecipe
    from medadv_desktop.datasets.opening import open_dataset
    from medadv_desktop.datasets.subset import Subset
    from medadv_desktop.models.library import find

    recipe = parse(UniversalRecipe, assignments(settings))
    objective = objective_of(find(model).card, goal, to, goal_settings)
    _check_name(out, "a perturbation")
    if out.exists():
        raise ExportError("exists", subject=out, remedy="Choose another name")
    with cancellable() as token, progress_line("fitting") as emit:
        dataset = open_dataset(path, options, token, emit)
        if split or limit:
            dataset = Subset(splits=split, count=limit, seed=seed).apply(dataset)
        from medadv_desktop.audit.engine import Engine
        from medadv_desktop.audit.generators import FitUniversalRequest, UniversalFit

        engine = Engine(device)
        engine.model(model, allow_code=allow_code)
        request = FitUniversalRequest(
            model, dataset, out, recipe, objective, batch_size, seed, match_order
        )
        found = engine.run(request, emit, token)
    assert isinstance(found, UniversalFit)
    _complain_of(found.left_out)
    print(
        f"goal '{objective.title}' reached on {found.goal_rate:.1%} of {found.origin.samples} "
        f"images, on {found.clean_rate:.1%} without it"
    )
    print(f"written    {out} ({found.seconds:.1f} s, {found.device})")


def _check_name(out: Path, what: str) -> None:
    if out.suffix != ".safetensors":
        raise ExportError(
            f"{what} is kept as .safetensors", subject=out, remedy="End the name with that"
        )


def _complain_of(left_out: Sequence[LeftOut]) -> None:
    for entry in left_out[:_COMPLAINTS]:
        complain(f"{entry.path}: left out: {entry.reason}")
    if len(left_out) > _COMPLAINTS:
        complain(f"{len(left_out) - _COMPLAINTS} more samples are left out")
