"""Perturbation generators: `gap train` and `gap info`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from medadv_desktop.cli.choosing import assignments
from medadv_desktop.cli.datasets import DatasetPath, with_dataset_options
from medadv_desktop.cli.options import (
    AllowCode,
    AttackSettings,
    Device,
    Json,
    ModelName,
    app,
)
from medadv_desktop.cli.running import cancellable, complain, progress_line
from medadv_desktop.datasets.options import DatasetOptions
from medadv_desktop.errors import ExportError
from medadv_desktop.settings import parse

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
    if out.suffix != ".safetensors":
        raise ExportError(
            "a generator is kept as .safetensors", subject=out, remedy="End the name with that"
        )
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
    for entry in found.left_out[:10]:
        complain(f"{entry.path}: left out: {entry.reason}")
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
