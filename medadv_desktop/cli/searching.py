"""Searches over a labelled set: `curve`, `erasable`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medadv_desktop import NOT_FOR_DIAGNOSIS
from medadv_desktop.cli.choosing import attack_of, objective_of
from medadv_desktop.cli.datasets import (
    DatasetPath,
    opened_part,
    tell_left_out,
    with_dataset_options,
)
from medadv_desktop.cli.options import (
    AllowCode,
    AttackSettings,
    BatchSize,
    Budget,
    Device,
    Goal,
    GoalClasses,
    GoalSettings,
    Json,
    Limit,
    MatchOrder,
    ModelName,
    Seed,
    Split,
    app,
)
from medadv_desktop.cli.running import cancellable, progress_line
from medadv_desktop.datasets.options import DatasetOptions
from medadv_desktop.errors import SettingsError
from medadv_desktop.files import write_atomically
from medadv_desktop.settings import format_pixel_fraction, parse_fraction

if TYPE_CHECKING:
    from medadv_desktop.audit.searches import ErasableShares, RobustnessCurve

AttackName = Annotated[str, typer.Option("--attack", help="Name of an attack within a budget")]
Out = Annotated[Path | None, typer.Option(help="Write everything to this .json")]


@app.command()
@with_dataset_options
def curve(
    path: DatasetPath,
    model: ModelName,
    *,
    options: DatasetOptions,
    attack_name: AttackName = "apgd",
    settings: AttackSettings = None,
    highest: Annotated[
        str, typer.Option(help="Largest budget, like 16/255, in the units of the attack")
    ] = "16/255",
    halvings: Annotated[
        int, typer.Option(help="The grid of budgets has 2^halvings steps", min=1, max=16)
    ] = 6,
    goal: Goal = "untargeted",
    to: GoalClasses = None,
    goal_settings: GoalSettings = None,
    split: Split = "",
    limit: Limit = None,
    match_order: MatchOrder = False,
    batch_size: BatchSize = 16,
    seed: Seed = 0,
    out: Out = None,
    as_json: Json = False,
    device: Device = "auto",
    allow_code: AllowCode = False,
) -> None:
    """The whole curve of robust accuracy, from the smallest budget that each sample withstands."""
    from medadv_desktop.attacks.bounded import BudgetedAttack
    from medadv_desktop.models.library import find

    attack = attack_of(attack_name, "", settings)
    if not isinstance(attack, BudgetedAttack):
        raise SettingsError(
            f"{attack.title} has no budget that could be bisected",
            subject="--attack",
            remedy="Choose one within a budget, such as apgd (see `medadv attacks`)",
        )
    largest = _budget(highest)
    objective = objective_of(find(model).card, goal, to, goal_settings)
    with cancellable() as token, progress_line("bisecting") as emit:
        dataset = opened_part(path, options, token, emit, seed=seed, splits=split, count=limit)
        from medadv_desktop.audit.engine import Engine
        from medadv_desktop.audit.searches import CurveRequest, RobustnessCurve

        engine = Engine(device)
        engine.model(model, allow_code=allow_code)
        request = CurveRequest(
            model,
            dataset,
            attack,
            objective,
            largest,
            halvings,
            match_order,
            batch_size,
            seed,
            precision="float32",
        )
        found = engine.run(request, emit, token)
    assert isinstance(found, RobustnessCurve)
    tell_left_out(found.left_out)
    told = _describe_curve(found)
    _keep(told, out)
    if as_json:
        print(json.dumps(told, indent=2, ensure_ascii=False))
        return
    print(f"model      {found.card.name} ({found.card.id}), sha256 {found.model_sha256}")
    print(f"data       {dataset.name}, fingerprint {found.fingerprint}")
    print(f"judged     {len(found.samples)} samples, {found.seconds:.1f} s, {found.device}")
    print(f"{'budget':>12}  robust accuracy [95 % interval] (count)")
    for budget in found.budgets():
        print(f"{format_pixel_fraction(budget):>12}  {found.standing(budget)}")
    middle = found.median()
    within = "" if middle != float("inf") else "beyond the highest"
    print(f"half of the samples fall at {within or format_pixel_fraction(middle)}")
    if out is not None:
        print(f"written    {out}")
    print(NOT_FOR_DIAGNOSIS)


@app.command()
@with_dataset_options
def erasable(
    path: DatasetPath,
    model: ModelName,
    *,
    options: DatasetOptions,
    attack_name: AttackName = "pgd",
    eps: Budget = "",
    settings: AttackSettings = None,
    hold: Annotated[
        bool, typer.Option(help="Every other decision of the model must stay as it is")
    ] = True,
    split: Split = "",
    limit: Limit = None,
    batch_size: BatchSize = 16,
    seed: Seed = 0,
    out: Out = None,
    as_json: Json = False,
    device: Device = "auto",
    allow_code: AllowCode = False,
) -> None:
    """Which findings can be erased from a report without touching the rest."""
    attack = attack_of(attack_name, eps, settings)
    with cancellable() as token, progress_line("erasing") as emit:
        dataset = opened_part(path, options, token, emit, seed=seed, splits=split, count=limit)
        from medadv_desktop.audit.engine import Engine
        from medadv_desktop.audit.searches import ErasableShares, EraseRequest

        engine = Engine(device)
        engine.model(model, allow_code=allow_code)
        request = EraseRequest(model, dataset, attack, hold, batch_size, seed, precision="float32")
        found = engine.run(request, emit, token)
    assert isinstance(found, ErasableShares)
    tell_left_out(found.left_out)
    told = _describe_erasable(found)
    _keep(told, out)
    if as_json:
        print(json.dumps(told, indent=2, ensure_ascii=False))
        return
    rest = "while every other decision stays" if hold else "whatever becomes of the others"
    print(f"model      {found.card.name} ({found.card.id}), sha256 {found.model_sha256}")
    print(f"judged     {found.samples} samples, {found.seconds:.1f} s, {found.device}")
    print(f"erased by {attack.title} {rest}, of the images that report it:")
    for name, rate in found.findings:
        print(f"  {name:24} {rate if rate.of else 'is not reported'}")
    if out is not None:
        print(f"written    {out}")
    print(NOT_FOR_DIAGNOSIS)


def _budget(text: str) -> float:
    try:
        value = parse_fraction(text)
    except ValueError as error:
        raise SettingsError(str(error), subject="--highest") from None
    assert isinstance(value, float)
    return value


def _describe_curve(found: RobustnessCurve) -> dict[str, Any]:
    request = found.request
    return _head(found) | {
        "goal": {"name": request.objective.name} | request.objective.model_dump(mode="json"),
        "highest": request.highest,
        "step": found.step,
        "curve": [
            {"epsilon": budget} | _rate(found.standing(budget)) for budget in found.budgets()
        ],
        "samples": [
            {"id": s.id, "epsilon": None if s.epsilon == float("inf") else s.epsilon}
            for s in found.samples
        ],
    }


def _describe_erasable(found: ErasableShares) -> dict[str, Any]:
    return _head(found) | {
        "hold_others": found.request.hold_others,
        "samples": found.samples,
        "findings": [{"name": name} | _rate(rate) for name, rate in found.findings],
    }


def _head(found: RobustnessCurve | ErasableShares) -> dict[str, Any]:
    attack = found.request.attack
    return {
        "format": "medadv-search",
        "version": 1,
        "model": {"id": found.card.id, "name": found.card.name, "sha256": found.model_sha256},
        "data": {"name": found.request.dataset.name, "sha256": found.fingerprint.sha256},
        "attack": {"name": attack.name} | attack.model_dump(mode="json"),
        "seed": found.request.seed,
        "left_out": [{"id": e.id, "reason": e.reason} for e in found.left_out],
        "device": found.device,
        "seconds": round(found.seconds, 3),
    }


def _rate(rate: Any) -> dict[str, Any]:
    return {"count": rate.count, "of": rate.of, "low": rate.low, "high": rate.high}


def _keep(told: dict[str, Any], out: Path | None) -> None:
    if out is not None:
        write_atomically(out, json.dumps(told, indent=2, ensure_ascii=False).encode())
