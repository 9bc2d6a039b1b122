"""Where a model looks, and what an attack does to that: `explain`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medadv_desktop.cli.attacking import free_folder
from medadv_desktop.cli.choosing import (
    assignments,
    attack_or_preset,
    class_index,
    labels_of,
    objective_of,
)
from medadv_desktop.cli.options import (
    AllowCode,
    AttackSettings,
    Budget,
    Device,
    Goal,
    GoalClasses,
    GoalSettings,
    ModelName,
    Paths,
    Preset,
    app,
)
from medadv_desktop.cli.running import for_each, progress_line
from medadv_desktop.errors import SettingsError
from medadv_desktop.jobs import CancelToken, Emit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from medadv_desktop.analysis.perturbation.visibility import Display
    from medadv_desktop.audit.analysis_requests import Explanation, Target, View
    from medadv_desktop.audit.engine import Engine
    from medadv_desktop.audit.explanation_files import AttackStudy
    from medadv_desktop.audit.requests import AttackRequest
    from medadv_desktop.imaging.frame import Frame


@app.command()
def explain(
    paths: Paths,
    model: ModelName,
    out: Annotated[Path, typer.Option(help="Folder for the results")],
    method: Annotated[
        str,
        typer.Option(
            help="grad-cam, grad-cam++, layer-cam, score-cam, integrated-gradients, occlusion or "
            "attention"
        ),
    ] = "grad-cam",
    layer: Annotated[
        str, typer.Option(help="Whose maps are weighed; else the last with maps")
    ] = "",
    method_settings: Annotated[
        list[str] | None,
        typer.Option("--method-set", help="Another field of the method: steps=128 (repeatable)"),
    ] = None,
    target: Annotated[
        str,
        typer.Option(
            help="Class or finding, by name or index; 'predicted': of the image before the attack; "
            "'own': before and after the attack each its own; 'true': the --label"
        ),
    ] = "predicted",
    mask: Annotated[
        Path | None,
        typer.Option(help="Image of the frame's size, above 0 where the lesion is"),
    ] = None,
    attack_name: Annotated[
        str,
        typer.Option("--attack", help="Attack the image, and explain both; else only the image"),
    ] = "",
    preset: Preset = "",
    eps: Budget = "",
    settings: AttackSettings = None,
    goal: Goal = "untargeted",
    to: GoalClasses = None,
    goal_settings: GoalSettings = None,
    label: Annotated[
        list[str] | None,
        typer.Option(help="True class, or a finding that is present (repeatable; 'none')"),
    ] = None,
    second_model: Annotated[
        str, typer.Option(help="Another model, a defended one for example, explained beside")
    ] = "",
    display: Annotated[
        list[str] | None,
        typer.Option(
            "--display",
            help="Of the display that visibility is judged on: luminance_max=350 (repeatable)",
        ),
    ] = None,
    frame: Annotated[int, typer.Option(help="Frame of a multi-frame file, from 0")] = 0,
    seed: Annotated[int, typer.Option(help="Seed of the attack", min=0)] = 0,
    device: Device = "auto",
    allow_code: AllowCode = False,
) -> None:
    """Show where in images a model's answer comes from, before and after an attack."""
    from medadv_desktop.analysis.perturbation.visibility import Display
    from medadv_desktop.analysis.response.registry import make_method
    from medadv_desktop.models.library import find
    from medadv_desktop.settings import parse

    card = find(model).card
    wanted = {"layer": layer} if layer else {}
    chosen = make_method(method, wanted | assignments(method_settings))
    screen = parse(Display, assignments(display))
    attacked = bool(attack_name or preset)
    attack = attack_or_preset(attack_name, preset, eps, settings) if attacked else None
    objective = objective_of(card, goal, to, goal_settings)
    labels = labels_of(card, label)
    asked = _target(card, target, labels)
    lesion = None if mask is None else _read_mask(mask)

    from medadv_desktop.audit.analysis_requests import ExplainRequest
    from medadv_desktop.audit.engine import Engine
    from medadv_desktop.audit.explanation_files import save_explanation
    from medadv_desktop.audit.requests import AttackRequest
    from medadv_desktop.imaging.reading import read_frame

    engine = Engine(device)
    for name in filter(None, (model, second_model)):
        engine.model(name, allow_code=allow_code)

    def one(path: Path, token: CancelToken) -> None:
        image = read_frame(path, frame)
        study = None
        with progress_line(path.name) as emit:
            if attack is None:
                views = _clean_views(engine, image, (model, second_model), token)
            else:
                request = AttackRequest(model, image, attack, objective, labels, second_model, seed)
                views, study = _attacked(engine, request, screen, emit, token)
            question = ExplainRequest(views, chosen, asked, lesion, image.shape)
            explanation: Any = engine.run(question, emit, token)
        folder = free_folder(out, path, "explanation.json")
        save_explanation(explanation, image, folder, study)
        _tell(path, explanation, study, folder)

    raise typer.Exit(for_each(paths, one))


def _clean_views(
    engine: Engine, image: Frame, models: tuple[str, str], token: CancelToken
) -> tuple[View, ...]:
    from medadv_desktop.audit.analysis_requests import View
    from medadv_desktop.audit.requests import PredictRequest

    views = []
    for name, model in zip(("clean", "second clean"), models, strict=True):
        if model:
            said: Any = engine.run(PredictRequest(model, image), token=token)
            views.append(View(name, model, said.image, said.plan))
    return tuple(views)


def _attacked(
    engine: Engine, request: AttackRequest, screen: Display, emit: Emit, token: CancelToken
) -> tuple[tuple[View, ...], AttackStudy]:
    from medadv_desktop.audit.analysis_requests import (
        LayerCurveRequest,
        PerturbationRequest,
        views_of,
    )
    from medadv_desktop.audit.explanation_files import AttackStudy
    from medadv_desktop.imaging.display import default_voi

    outcome: Any = engine.run(request, emit, token)
    voi = default_voi(request.frame)
    seen: Any = engine.run(PerturbationRequest(outcome, voi, screen), token=token)
    curve: Any = None
    if engine.model(request.model).layers():
        pair = outcome.original, outcome.adversarial
        curve = engine.run(LayerCurveRequest(request.model, *pair), token=token)
    attack, objective = request.attack, request.objective
    study = AttackStudy(
        {"name": attack.name, **attack.model_dump(mode="json")},
        {"name": objective.name, **objective.model_dump(mode="json")},
        outcome.success,
        curve,
        seen,
    )
    return views_of(outcome), study


def _target(card: Any, word: str, labels: tuple[int, ...] | None) -> Target:
    if word == "predicted" and word not in card.classes:
        return "predicted"
    if word == "own" and word not in card.classes:
        return "own"
    if word != "true" or word in card.classes:
        return class_index(card, word)
    if labels is None or card.multi_label:
        raise SettingsError(
            "there is no one true class",
            subject="--target",
            remedy="Name the finding" if card.multi_label else "Give it by --label",
        )
    return labels[0]


def _read_mask(path: Path) -> NDArray[np.bool_]:
    from medadv_desktop.imaging.reading import read_frame

    stored = read_frame(path).stored
    lit = stored > 0  # type: ignore[operator]
    found: NDArray[np.bool_] = lit.any(axis=2) if lit.ndim == 3 else lit
    if not found.any():
        raise SettingsError("is black: there is no lesion in it", subject=path)
    return found


def _tell(path: Path, explanation: Explanation, study: AttackStudy | None, folder: Path) -> None:
    for shown in explanation.views:
        classes = shown.prediction.card.classes
        decided = ", ".join(shown.prediction.decided) or "no finding"
        within = shown.inside
        share = "" if within is None else f", inside the lesion {_percent(within.share)}"
        share += "" if within is None else f" (its area {_percent(within.area)})"
        print(f"{path}  {shown.view.name}: {decided}; response to {classes[shown.target]}{share}")
        for note in shown.notes:
            print(f"{path}  {shown.view.name}: {note}")
    for pair in explanation.overlaps:
        if pair.overlap is None:
            print(f"{path}  {pair.first} and {pair.second}: {pair.reason}")
            continue
        found = pair.overlap
        rank = "undefined" if found.rank_correlation is None else f"{found.rank_correlation:.3f}"
        iou = "undefined" if found.iou is None else f"{found.iou:.3f}"
        print(f"{path}  {pair.first} and {pair.second}: IoU {iou}, rank correlation {rank}")
    if study is not None:
        seen = study.seen.visibility
        print(f"{path}  visible pixels {_percent(seen.visible_share)}")
    print(f"{path}  {folder}", flush=True)


def _percent(share: float | None) -> str:
    return "undefined" if share is None else f"{share:.1%}"
