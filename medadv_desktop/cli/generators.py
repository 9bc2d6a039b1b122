"""Perturbations prepared beforehand: `gap train` and `info`, `universal fit` and `info`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medadv_desktop.cli.choosing import assignments, objective_of
from medadv_desktop.cli.datasets import (
    DatasetPath,
    opened_part,
    tell_left_out,
    with_dataset_options,
)
from medadv_desktop.cli.options import (
    AllowCode,
    AttackSettings,
    Device,
    Goal,
    GoalClasses,
    GoalSettings,
    Json,
    Limit,
    MatchOrder,
    ModelName,
    Split,
    app,
)
from medadv_desktop.cli.running import cancellable, progress_line
from medadv_desktop.datasets.options import DatasetOptions
from medadv_desktop.errors import ExportError
from medadv_desktop.settings import Settings, parse

if TYPE_CHECKING:
    from medadv_desktop.attacks.prepared import EpochFigures, Origin

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
    split: Split = "",
    limit: Limit = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an unfinished file")] = False,
    device: Device = "auto",
    allow_code: AllowCode = False,
) -> None:
    """Train a generator against a model on a data set; its labels are not used.

    --set takes the fields of the recipe: form, network, width, norm, epsilon, goal, target, epochs,
    batch_size, learning_rate, seed.
    """
    from medadv_desktop.attacks.gap.recipe import GapRecipe

    recipe = parse(GapRecipe, assignments(settings))
    _check_name(out, "a generator")
    if out.exists() and not resume:
        raise ExportError(
            "exists", subject=out, remedy="Add --resume to go on with it, or choose another name"
        )
    with cancellable() as token, progress_line("training") as emit:
        dataset = opened_part(
            path, options, token, emit, seed=recipe.seed, splits=split, count=limit
        )
        from medadv_desktop.audit.engine import Engine
        from medadv_desktop.audit.generators import GeneratorTraining, TrainGeneratorRequest

        engine = Engine(device)
        engine.model(model, allow_code=allow_code)
        request = TrainGeneratorRequest(model, dataset, out, recipe, resume)
        found = engine.run(request, emit, token)
    assert isinstance(found, GeneratorTraining)
    tell_left_out(found.left_out)
    _print_epochs(found.epochs, "fooling rate")
    print(
        f"written    {out} ({found.origin.samples} images, {found.seconds:.1f} s, {found.device})"
    )


@gap.command()
def info(
    path: Annotated[Path, typer.Argument(help="File of a generator")], as_json: Json = False
) -> None:
    """What a generator was trained for, against and on."""
    from medadv_desktop.attacks.gap.history import read_head
    from medadv_desktop.attacks.gap.recipe import GENERATOR

    head = read_head(path)
    told = {
        "recipe": head.recipe.model_dump(mode="json"),
        "shape": head.shape,
        "origin": asdict(head.origin),
        "epochs": GENERATOR.figures_out(head.epochs),
        "finished": head.finished,
    }
    if as_json:
        print(json.dumps(told, indent=2))
        return
    print(f"generator  {path.name}, {'finished' if head.finished else 'unfinished'}")
    _print_story(head.recipe, head.origin, head.epochs, "fooling rate")


def _print_story(
    recipe: Settings, origin: Origin, epochs: Sequence[EpochFigures], rate: str
) -> None:
    print(f"model      {origin.model}, sha256 {origin.model_sha256}")
    print(f"data       {origin.samples} images, fingerprint {origin.data_sha256 or 'none'}")
    for name, value in recipe.model_dump(mode="json").items():
        print(f"{name:14} {'' if value is None else value}")
    _print_epochs(epochs, rate)


def _print_epochs(epochs: Sequence[EpochFigures], rate: str) -> None:
    for number, figures in enumerate(epochs, start=1):
        print(f"epoch {number:3}  loss {figures.loss:.4f}  {rate} {figures.rate:.1%}")


universal = typer.Typer(help="Universal perturbations: fit one, look at one", no_args_is_help=True)
app.add_typer(universal, name="universal")


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
    split: Split = "",
    limit: Limit = None,
    match_order: MatchOrder = False,
    device: Device = "auto",
    allow_code: AllowCode = False,
) -> None:
    """Fit one perturbation that fools a model on as many images of a data set as it can.

    --set takes the fields of the recipe: norm, epsilon, epochs, step_size, loss_cap,
    batch_size, seed.
    """
    from medadv_desktop.attacks.universal.recipe import UniversalRecipe
    from medadv_desktop.models.library import find

    recipe = parse(UniversalRecipe, assignments(settings))
    objective = objective_of(find(model).card, goal, to, goal_settings)
    _check_name(out, "a perturbation")
    if out.exists():
        raise ExportError("exists", subject=out, remedy="Choose another name")
    with cancellable() as token, progress_line("fitting") as emit:
        dataset = opened_part(
            path, options, token, emit, seed=recipe.seed, splits=split, count=limit
        )
        from medadv_desktop.audit.engine import Engine
        from medadv_desktop.audit.generators import FitUniversalRequest, UniversalFit

        engine = Engine(device)
        engine.model(model, allow_code=allow_code)
        request = FitUniversalRequest(model, dataset, out, recipe, objective, match_order)
        found = engine.run(request, emit, token)
    assert isinstance(found, UniversalFit)
    tell_left_out(found.left_out)
    _print_epochs(found.epochs, "goal reached")
    print(
        f"goal '{objective.title}' reached on {found.goal_rate:.1%} of {found.origin.samples} "
        f"images, on {found.clean_rate:.1%} without it"
    )
    print(f"written    {out} ({found.seconds:.1f} s, {found.device})")


@universal.command("info")
def info_universal(
    path: Annotated[Path, typer.Argument(help="File of a perturbation")], as_json: Json = False
) -> None:
    """What a universal perturbation was fitted for, against and on."""
    from medadv_desktop.attacks.universal.file import load
    from medadv_desktop.attacks.universal.recipe import UNIVERSAL

    fitted = load(path)
    told = {
        "recipe": fitted.recipe.model_dump(mode="json"),
        "shape": tuple(fitted.delta.shape),
        "objective": fitted.objective,
        "origin": asdict(fitted.origin),
        "epochs": UNIVERSAL.figures_out(fitted.epochs),
        "clean_rate": fitted.clean_rate,
        "goal_rate": fitted.goal_rate,
    }
    if as_json:
        print(json.dumps(told, indent=2))
        return
    fields = ", ".join(f"{name} {value}" for name, value in fitted.objective.items())
    print(f"universal  {path.name}")
    print(
        f"goal       {fields}; reached on {fitted.goal_rate:.1%}, {fitted.clean_rate:.1%} without"
    )
    _print_story(fitted.recipe, fitted.origin, fitted.epochs, "goal reached")


def _check_name(out: Path, what: str) -> None:
    if out.suffix != ".safetensors":
        raise ExportError(
            f"{what} is kept as .safetensors", subject=out, remedy="End the name with that"
        )
