"""A model, and an attack, over a labelled set: `evaluate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from medadv_desktop import NOT_FOR_DIAGNOSIS
from medadv_desktop.cli.choosing import attack_or_preset, objective_of
from medadv_desktop.cli.datasets import DatasetPath, with_dataset_options
from medadv_desktop.cli.options import (
    AllowCode,
    AttackSettings,
    Budget,
    Device,
    Goal,
    GoalClasses,
    GoalSettings,
    Json,
    ModelName,
    Preset,
    app,
)
from medadv_desktop.cli.running import cancellable, complain, progress_line
from medadv_desktop.datasets.options import DatasetOptions
from medadv_desktop.errors import SettingsError
from medadv_desktop.settings import parse

_COMPLAINTS = 10


@app.command()
@with_dataset_options
def evaluate(
    path: DatasetPath,
    model: ModelName,
    *,
    options: DatasetOptions,
    attack_name: Annotated[
        str, typer.Option("--attack", help="Name of the attack; without it, clean images alone")
    ] = "",
    preset: Preset = "",
    eps: Budget = "",
    settings: AttackSettings = None,
    goal: Goal = "untargeted",
    to: GoalClasses = None,
    goal_settings: GoalSettings = None,
    split: Annotated[str, typer.Option(help="Splits, separated by |; else all samples")] = "",
    only_classes: Annotated[
        str, typer.Option(help="Samples of these classes alone, separated by |")
    ] = "",
    only_where: Annotated[
        str,
        typer.Option("--filter", help="Conditions such as id=ISIC_00* or patient!=17, by ;"),
    ] = "",
    per_class: Annotated[
        int | None, typer.Option(help="At most so many of each class, drawn by the seed", min=1)
    ] = None,
    limit: Annotated[
        int | None, typer.Option(help="At most so many samples, drawn by the seed", min=1)
    ] = None,
    match_order: Annotated[
        bool,
        typer.Option("--match-order", help="The set's classes stand in the model's order"),
    ] = False,
    second_model: Annotated[
        str, typer.Option(help="Another model that judges the same images, clean and attacked")
    ] = "",
    batch_size: Annotated[int, typer.Option(help="Images at a time", min=1)] = 16,
    seed: Annotated[int, typer.Option(help="Of the attack and of the draw", min=0)] = 0,
    workers: Annotated[
        int | None, typer.Option(help="Threads that decode; else what suits the machine", min=1)
    ] = None,
    precision: Annotated[
        str,
        typer.Option(
            help="Of the search: exact, float32 (a faster copy) or mixed (bfloat16 where the "
            "hardware has it, then float32); the model itself judges"
        ),
    ] = "float32",
    out: Annotated[
        Path | None, typer.Option(help="Write everything to this .json, or the rows to this .csv")
    ] = None,
    as_json: Json = False,
    device: Device = "auto",
    allow_code: AllowCode = False,
) -> None:
    """How right a model is on a labelled set, clean and attacked; samples one by one on request."""
    from medadv_desktop.attacks.attack import Precision
    from medadv_desktop.audit.evaluation_files import (
        check_name,
        describe_evaluation,
        save_evaluation,
    )
    from medadv_desktop.datasets.opening import open_dataset
    from medadv_desktop.datasets.subset import Subset
    from medadv_desktop.models.library import find

    card = find(model).card
    chosen = next((known for known in get_args(Precision) if known == precision), None)
    if chosen is None:
        raise SettingsError(
            f"{precision} is none", subject="--precision", remedy="Choose exact, float32 or mixed"
        )
    if not (attack_name or preset) and (eps or settings or to or goal_settings):
        raise SettingsError("is missing, though it has settings", subject="--attack")
    attacked = bool(attack_name or preset)
    attack = attack_or_preset(attack_name, preset, eps, settings) if attacked else None
    objective = objective_of(card, goal if attack else "untargeted", to, goal_settings)
    if out is not None:
        check_name(out)
    with cancellable() as token, progress_line("evaluating") as emit:
        dataset = open_dataset(path, options, token, emit)
        part = {
            "splits": split,
            "classes": only_classes,
            "filter": only_where,
            "per_class": per_class,
            "count": limit,
        }
        if any(part.values()):
            dataset = parse(Subset, part | {"seed": seed}).apply(dataset)
        # What is wrong with the words above is told before torch is waited for.
        from medadv_desktop.audit.engine import Engine
        from medadv_desktop.audit.evaluation import Evaluation, EvaluationRequest

        engine = Engine(device)
        engine.model(model, allow_code=allow_code)
        if second_model:
            engine.model(second_model, allow_code=allow_code)
        request = EvaluationRequest(
            model, dataset, attack, objective, match_order, second_model, batch_size, seed, workers,
            precision=chosen,
        )  # fmt: skip
        found = engine.run(request, emit, token)
    assert isinstance(found, Evaluation)
    if out is not None:
        save_evaluation(found, out)
    for entry in found.left_out[:_COMPLAINTS]:
        complain(f"{entry.path}: left out: {entry.reason}")
    if len(found.left_out) > _COMPLAINTS:
        complain(f"{len(found.left_out) - _COMPLAINTS} more samples are left out")
    if as_json:
        print(json.dumps(describe_evaluation(found), indent=2, ensure_ascii=False))
    else:
        _print_evaluation(found, out)


def _print_evaluation(found: Any, out: Path | None) -> None:
    request, figures = found.request, found.figures
    print(f"model      {found.card.name} ({found.card.id}), sha256 {found.model_sha256}")
    part = f", {'; '.join(request.dataset.history)}" if request.dataset.history else ""
    print(f"data       {request.dataset.name}{part}, fingerprint {found.fingerprint}")
    if request.attack is not None:
        fields = request.attack.model_dump(mode="json").items()
        told = ", ".join(f"{name} {value}" for name, value in fields)
        print(f"attack     {request.attack.title}: {told}; goal '{request.objective.title}'")
    left_out = f", {len(found.left_out)} left out" if found.left_out else ""
    print(
        f"judged     {len(found.samples)} samples{left_out}, {found.seconds:.1f} s, {found.device}"
    )
    for note in found.notes:
        print(f"note       {note}")
    for suspicion in found.suspicions:
        print(f"suspicion  {suspicion.message}. {suspicion.remedy}")
    print("share [95 % interval] (count)")
    _print_figures(figures, request.attack is not None)
    if found.second is not None:
        card = found.second.card
        print(f"second     {card.name} ({card.id}), sha256 {found.second.model_sha256}")
        _print_figures(found.second.figures, request.attack is not None)
    if out is not None:
        print(f"written    {out}")
    print(NOT_FOR_DIAGNOSIS)


def _print_figures(figures: Any, attacked: bool) -> None:
    for title, rate in (
        ("clean accuracy", figures.clean_accuracy),
        ("robust accuracy", figures.robust_accuracy),
        ("attack success rate", figures.attack_success_rate),
        ("fooling rate", figures.fooling_rate),
        ("goal reached", figures.goal_rate),
    ):
        if rate is not None:
            print(f"{title:20} {rate}")
    after = f", attacked {_area(figures.robust_area)}" if attacked else ""
    print(f"{'AUC':20} {_area(figures.area)}{after}")
    for entry in figures.classes:
        after = ""
        if entry.robust_sensitivity is not None:
            after = (
                f"; attacked: AUC {_area(entry.robust_area)}, sensitivity "
                f"{entry.robust_sensitivity}, specificity {entry.robust_specificity}, "
                f"fooling rate {entry.fooling_rate}"
            )
        print(
            f"  {entry.name} ({entry.positives}): AUC {_area(entry.area)}, sensitivity "
            f"{entry.sensitivity}, specificity {entry.specificity}{after}"
        )


def _area(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"
