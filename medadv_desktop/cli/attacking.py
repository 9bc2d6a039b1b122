"""What attacks do: `attack`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from medadv_desktop.cli.choosing import attack_or_preset, labels_of, objective_of
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
from medadv_desktop.jobs import CancelToken


@dataclass(frozen=True)
class DicomOptions:
    """How the DICOM is written.

    Attributes:
        mark: the warning is burned into the pixels.
        deidentify: the patient's identity is taken out of the header.
    """

    mark: bool = True
    deidentify: bool = True


@app.command()
def attack(
    paths: Paths,
    model: ModelName,
    out: Annotated[Path, typer.Option(help="Folder for the results")],
    attack_name: Annotated[str, typer.Option("--attack", help="Name of the attack; else pgd")] = "",
    preset: Preset = "",
    eps: Budget = "",
    settings: AttackSettings = None,
    goal: Goal = "untargeted",
    to: GoalClasses = None,
    goal_settings: GoalSettings = None,
    label: Annotated[
        list[str] | None,
        typer.Option(
            help="True class, or a finding that is present (repeatable; 'none': no finding). "
            "Without it the clean prediction is the reference"
        ),
    ] = None,
    second_model: Annotated[
        str, typer.Option(help="Another model that judges the same images")
    ] = "",
    frame: Annotated[int, typer.Option(help="Frame of a multi-frame file, from 0")] = 0,
    seed: Annotated[int, typer.Option(help="Seed of the random start", min=0)] = 0,
    dicom: Annotated[
        bool,
        typer.Option(
            "--dicom",
            help="Also write adversarial.dcm: the perturbation carried back to the source's own "
            "pixels, predicted again",
        ),
    ] = False,
    mark: Annotated[
        bool, typer.Option(help="Burn ADVERSARIAL – NOT FOR DIAGNOSIS into the pixels of the DICOM")
    ] = True,
    deidentify: Annotated[
        bool, typer.Option(help="Take the patient's identity out of the DICOM's header")
    ] = True,
    device: Device = "auto",
    allow_code: AllowCode = False,
) -> None:
    """Attack images; leave adversarial images, exact arrays and a JSON behind."""
    from medadv_desktop.models.library import find

    card = find(model).card
    chosen = attack_or_preset(attack_name or "pgd" * (not preset), preset, eps, settings)
    objective = objective_of(card, goal, to, goal_settings)
    labels = labels_of(card, label)
    from medadv_desktop.audit.engine import Engine
    from medadv_desktop.audit.requests import AttackRequest

    engine = Engine(device)
    engine.model(model, allow_code=allow_code)
    if second_model:
        engine.model(second_model, allow_code=allow_code)

    def one(path: Path, token: CancelToken) -> None:
        from medadv_desktop.imaging.reading import read_frame

        request = AttackRequest(
            model, read_frame(path, frame), chosen, objective, labels, second_model, seed
        )
        export = DicomOptions(mark, deidentify) if dicom else None
        attack_and_save(engine, request, free_folder(out, path), token, export)

    raise typer.Exit(for_each(paths, one))


def attack_and_save(
    engine: Any, request: Any, folder: Path, token: CancelToken, dicom: DicomOptions | None = None
) -> None:
    """Attack a frame, write everything into a folder, and print one line, or with DICOM two."""
    from medadv_desktop.audit.saving import save_outcome

    path = request.frame.provenance.path
    with progress_line(path.name) as emit:
        outcome = engine.run(request, emit, token)
    described, told = None, ""
    if dicom is not None:
        described, told = _export(engine, outcome, folder, token, dicom)
    save_outcome(outcome, folder, described)
    before = ", ".join(outcome.clean.decided) or "no finding"
    after = ", ".join(outcome.attacked.decided) or "no finding"
    verdict = "succeeded" if outcome.success else "failed"
    print(
        f"{path}  {before} -> {after}  attack {verdict}, {_steps(outcome.steps)}, "
        f"Linf {outcome.linf * 255:.2f}/255, L2 {outcome.l2:.3f}  {folder}",
        flush=True,
    )
    for suspicion in outcome.suspicions:
        print(f"{path}  suspicion: {suspicion.message}. {suspicion.remedy}", flush=True)
    if told:
        print(told, flush=True)


def _export(
    engine: Any, outcome: Any, folder: Path, token: CancelToken, options: DicomOptions
) -> tuple[dict[str, Any], str]:
    """Write the DICOM, let the model judge it; what `result.json` and the user are told of it."""
    from medadv_desktop.audit.dicom_export import describe_export, export_dicom

    path = folder / "adversarial.dcm"
    export = export_dicom(outcome, path, burn_in=options.mark, deidentify=options.deidentify)
    result = engine.run(export.recheck(outcome), token=token)
    says = ", ".join(result.prediction.decided) or "no finding"
    verdict = "holds" if result.success else "was lost" if outcome.success else "fails as before"
    alone = result.unmarked_success
    if alone is not None and alone != result.success:
        without = "holds" if alone else "fails"
        verdict += f" with the mark, {without} without it,"
    told = f"{path}  {says}  attack {verdict} in the file's own pixels"
    return describe_export(export, result), told


def free_folder(out: Path, path: Path, story: str = "result.json") -> Path:
    """A folder in `out` named after the file, numbered where the name is taken by another file.

    `story` is the JSON in it that names the file.
    """
    folder, number = out / path.stem, 1
    while (folder / story).exists() and not _is_of(folder / story, path):
        number += 1
        folder = out / f"{path.stem}-{number}"
    return folder


def _is_of(story: Path, path: Path) -> bool:
    try:
        content = json.loads(story.read_text(encoding="utf-8"))
        return bool(content["input"]["path"] == str(path))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _steps(count: int) -> str:
    return f"{count} step" if count == 1 else f"{count} steps"
