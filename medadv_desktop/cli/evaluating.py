"""A model, and an attack, over a labelled set: `evaluate`, and on other models: `transfer`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medadv_desktop import NOT_FOR_DIAGNOSIS
from medadv_desktop.cli.choosing import attack_or_preset, objective_of, precision_of
from medadv_desktop.cli.datasets import (
    DatasetPath,
    opened_part,
    tell_left_out,
    with_dataset_options,
)
from medadv_desktop.cli.options import (
    AllowCode,
    AttackName,
    AttackSettings,
    BatchSize,
    Budget,
    Device,
    EvaluationFile,
    Goal,
    GoalClasses,
    GoalSettings,
    Json,
    Limit,
    MatchOrder,
    ModelName,
    OnlyClasses,
    OnlyWhere,
    PerClass,
    Preset,
    SearchPrecision,
    Seed,
    Split,
    Workers,
    app,
)
from medadv_desktop.cli.running import cancellable, progress_line
from medadv_desktop.datasets.options import DatasetOptions
from medadv_desktop.errors import SettingsError

if TYPE_CHECKING:
    from medadv_desktop.analysis.metrics.figures import Figures
    from medadv_desktop.analysis.metrics.proportions import Rate
    from medadv_desktop.audit.evaluation import Evaluation


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
    split: Split = "",
    only_classes: OnlyClasses = "",
    only_where: OnlyWhere = "",
    per_class: PerClass = None,
    limit: Limit = None,
    match_order: MatchOrder = False,
    second_model: Annotated[
        list[str] | None,
        typer.Option(
            "--judge",
            "--second-model",
            help="Another model that judges the same images, clean and attacked (repeatable)",
        ),
    ] = None,
    batch_size: BatchSize = 16,
    seed: Seed = 0,
    workers: Workers = None,
    precision: SearchPrecision = "float32",
    out: EvaluationFile = None,
    as_json: Json = False,
    device: Device = "auto",
    allow_code: AllowCode = False,
) -> None:
    """How right a model is on a labelled set, clean and attacked; samples one by one on request."""
    if not (attack_name or preset) and (eps or settings or to or goal_settings):
        raise SettingsError("is missing, though it has settings", subject="--attack")
    attacked = bool(attack_name or preset)
    attack = attack_or_preset(attack_name, preset, eps, settings) if attacked else None
    part = {
        "splits": split,
        "classes": only_classes,
        "filter": only_where,
        "per_class": per_class,
        "count": limit,
    }
    found = _evaluated(
        path, model, options, attack, (goal if attack else "untargeted", to, goal_settings), part,
        match_order=match_order, judges=tuple(second_model or ()), batch_size=batch_size, seed=seed,
        workers=workers, precision=precision, out=out, device=device, allow_code=allow_code,
    )  # fmt: skip
    if as_json:
        _print_json(found)
    else:
        _print_evaluation(found, out)


@app.command()
@with_dataset_options
def transfer(
    path: DatasetPath,
    model: ModelName,
    judge: Annotated[
        list[str], typer.Option(help="A model that judges what was crafted (repeatable)")
    ],
    *,
    options: DatasetOptions,
    attack_name: AttackName = "",
    preset: Preset = "",
    eps: Budget = "",
    settings: AttackSettings = None,
    goal: Goal = "untargeted",
    to: GoalClasses = None,
    goal_settings: GoalSettings = None,
    split: Split = "",
    limit: Limit = None,
    match_order: MatchOrder = False,
    batch_size: BatchSize = 16,
    seed: Seed = 0,
    workers: Workers = None,
    precision: SearchPrecision = "float32",
    out: EvaluationFile = None,
    as_json: Json = False,
    device: Device = "auto",
    allow_code: AllowCode = False,
) -> None:
    """Craft images on one model, and see how others do on them that the attacker has never seen.

    Without --attack it is mifgsm, which carries over better than most.
    """
    named = attack_name or ("" if preset else "mifgsm")
    attack = attack_or_preset(named, preset, eps, settings)
    found = _evaluated(
        path, model, options, attack, (goal, to, goal_settings),
        {"splits": split, "count": limit},
        match_order=match_order, judges=tuple(judge), batch_size=batch_size, seed=seed,
        workers=workers, precision=precision, out=out, device=device, allow_code=allow_code,
    )  # fmt: skip
    if as_json:
        _print_json(found)
    else:
        _print_transfer(found, out)


def _evaluated(
    path: Path,
    model: str,
    options: DatasetOptions,
    attack: Any,
    goal: tuple[str, list[str] | None, list[str] | None],
    part: dict[str, Any],
    *,
    judges: tuple[str, ...],
    precision: str,
    out: Path | None,
    device: str,
    allow_code: bool,
    seed: int,
    **how: Any,
) -> Evaluation:
    """Evaluate, write what is to be written, and tell what was left out.

    What is wrong with the words is told before torch is waited for.
    """
    from medadv_desktop.audit.evaluation_files import check_name, save_evaluation
    from medadv_desktop.models.library import find

    how["precision"] = precision_of(precision)
    objective = objective_of(find(model).card, *goal)
    for name in judges:
        find(name)
    if out is not None:
        check_name(out)
    with cancellable() as token, progress_line("evaluating") as emit:
        dataset = opened_part(path, options, token, emit, seed=seed, **part)
        from medadv_desktop.audit.engine import Engine
        from medadv_desktop.audit.evaluation import Evaluation, EvaluationRequest

        engine = Engine(device)
        for name in (model, *judges):
            engine.model(name, allow_code=allow_code)
        request = EvaluationRequest(
            model, dataset, attack, objective, judges=judges, seed=seed, **how
        )
        found = engine.run(request, emit, token)
    assert isinstance(found, Evaluation)
    if out is not None:
        save_evaluation(found, out)
    tell_left_out(found.left_out)
    return found


def _print_json(found: Evaluation) -> None:
    from medadv_desktop.audit.evaluation_files import describe_evaluation

    print(json.dumps(describe_evaluation(found), indent=2, ensure_ascii=False))


def _print_evaluation(found: Evaluation, out: Path | None) -> None:
    attacked = found.request.attack is not None
    _print_head(found)
    print("share [95 % interval] (count)")
    _print_figures(found.figures, attacked)
    for judge in found.judges:
        print(f"judge      {judge.card.name} ({judge.card.id}), sha256 {judge.model_sha256}")
        _print_figures(judge.figures, attacked)
        if attacked:
            print(f"{'transferred':20} {_told(judge.transfer_rate)}")
    _print_foot(out)


def _print_transfer(found: Evaluation, out: Path | None) -> None:
    """A row for the attacked model and for each that judges."""
    from medadv_desktop.audit.evaluation import transfer_rate

    _print_head(found)
    rows = [(f"{found.card.name} (attacked)", found.figures, transfer_rate(found.samples))]
    rows += [(judge.card.name, judge.figures, judge.transfer_rate) for judge in found.judges]
    table = [("model", "clean accuracy", "accuracy attacked", "goal reached"), *(
        (name, str(own.clean_accuracy), str(own.robust_accuracy), _told(rate))
        for name, own, rate in rows
    )]  # fmt: skip
    print("share [95 % interval] (count); the goal where it was not reached before")
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())
    _print_foot(out)


def _told(rate: Rate | None) -> str:
    return "cannot be told" if rate is None else str(rate)


def _print_foot(out: Path | None) -> None:
    if out is not None:
        print(f"written    {out}")
    print(NOT_FOR_DIAGNOSIS)


def _print_head(found: Evaluation) -> None:
    """Model, data, attack, notes and suspicions."""
    request = found.request
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


def _print_figures(figures: Figures, attacked: bool) -> None:
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
