"""Common perturbations: `corruptions` lists them, `corrupt` writes a perturbed data set."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from medadv_desktop.cli.datasets import DatasetPath, with_dataset_options
from medadv_desktop.cli.options import Json, app
from medadv_desktop.cli.running import cancellable, complain, progress_line
from medadv_desktop.datasets.options import DatasetOptions, written_columns
from medadv_desktop.errors import SettingsError

_COMPLAINTS = 10


@app.command()
def corruptions(as_json: Json = False) -> None:
    """Every corruption and every perturbation sequence, with their fields."""
    from medadv_desktop.corruptions.registry import CORRUPTIONS, SEQUENCES

    if as_json:
        told: dict[str, Any] = {
            "corruptions": [
                _told(kind)
                | {"modalities": list(kind.modalities), "constants": list(kind.constants)}
                for kind in CORRUPTIONS.values()
            ],
            "sequences": [
                _told(kind) | {"noise": kind.noise, "validation": kind.validation}
                for kind in SEQUENCES.values()
            ],
        }
        print(json.dumps(told, indent=2, ensure_ascii=False))
        return
    for modality in ("", "dermoscopy", "fundus", "radiograph"):
        print(f"\n{modality or 'any image'}")
        for kind in CORRUPTIONS.values():
            if (modality in kind.modalities) if modality else not kind.modalities:
                print(f"  {kind.name:16} {kind.summary}")
                print(f"  {'':16} severities {_severities(kind.constants)}; {kind.reference}")
    print("\nperturbation sequences")
    for series in SEQUENCES.values():
        said = (("noise", series.noise), ("held out", series.validation))
        marks = ", ".join(mark for mark, holds in said if holds)
        print(f"  {series.name:16} {series.summary}{marks and f' ({marks})'}")


@app.command()
@with_dataset_options
def corrupt(
    path: DatasetPath,
    *,
    out: Annotated[Path, typer.Option(help="Folder to make; it must not exist")],
    options: DatasetOptions,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            "--kind",
            help="A corruption (see `medadv corruptions`) at all severities, or NAME:SEVERITY at "
            "one (repeatable)",
        ),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Every corruption for any image, and the modality's own")
    ] = False,
    modality: Annotated[
        str, typer.Option(help="With --all: dermoscopy, fundus or radiograph")
    ] = "",
    model: Annotated[
        str, typer.Option("--model", "-m", help="Write exact inputs of this model; else as large")
    ] = "",
    split: Annotated[str, typer.Option(help="Splits, separated by |; else all samples")] = "",
    limit: Annotated[
        int | None, typer.Option(help="At most so many samples, drawn by the seed", min=1)
    ] = None,
    seed: Annotated[int, typer.Option(help="Of corruptions and draw", min=0)] = 0,
    workers: Annotated[
        int | None, typer.Option(help="Threads that decode; else what suits the machine", min=1)
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a labelled set under common corruptions: PNG files, and a manifest to open them by."""
    from medadv_desktop.corruptions.registry import make_corruption
    from medadv_desktop.datasets.opening import open_dataset
    from medadv_desktop.datasets.subset import Subset
    from medadv_desktop.models.library import find
    from medadv_desktop.settings import parse

    chosen = _chosen(kind or [], every, modality)
    made = [make_corruption(name, {"severity": severity}) for name, severity in chosen]
    preprocessing = find(model).card.preprocessing if model else None
    if out.exists():
        raise SettingsError(
            "exists already", subject=str(out), remedy="Choose a folder that does not exist yet"
        )
    with cancellable() as token, progress_line("corrupting") as emit:
        dataset = open_dataset(path, options, token, emit)
        if split or limit:
            part = {"splits": split, "count": limit, "seed": seed}
            dataset = parse(Subset, part).apply(dataset)
        # torch is waited for when nothing is left to be said against the words above.
        from medadv_desktop.audit.perturbed_set import build_perturbed_set

        found = build_perturbed_set(
            dataset,
            made,
            out,
            preprocessing=preprocessing,
            seed=seed,
            workers=workers,
            token=token,
            emit=emit,
        )
    for place, reason in found.left_out[:_COMPLAINTS]:
        complain(f"{place}: left out: {reason}")
    if len(found.left_out) > _COMPLAINTS:
        complain(f"{len(found.left_out) - _COMPLAINTS} more samples are left out")
    built = found.built
    if as_json:
        counts = {"images": built.images, "originals": built.originals}
        lost = [{"path": str(place), "reason": reason} for place, reason in found.left_out]
        print(json.dumps({"manifest": str(built.manifest), **counts, "left_out": lost}, indent=2))
        return
    print(f"{built.images} images from {built.originals} in {built.folder}")
    said = ""
    if dataset.task == "multi-label":
        # Left to guess, a finding that is never absent would be none.
        columns = shlex.quote(written_columns(dataset.classes))
        said = f" --task multi-label --label-columns {columns}"
    print(f"open       {built.manifest}{said}")


def _chosen(kinds: list[str], every: bool, modality: str) -> list[tuple[str, object]]:
    """(name, severity) of everything asked for, each once, in the order asked."""
    from medadv_desktop.corruptions.corruption import MODALITIES, SEVERITIES
    from medadv_desktop.corruptions.registry import corruptions_for

    if modality and (modality not in MODALITIES or not every):
        raise SettingsError(
            f"{modality} is none" if modality not in MODALITIES else "chooses among --all",
            subject="--modality",
            remedy=f"Choose {', '.join(MODALITIES)}, together with --all",
        )
    if every == bool(kinds):
        raise SettingsError(
            "says what is done to the images, and so does --all" if every else "is missing",
            subject="--kind",
            remedy="Give --kind NAME[:SEVERITY], or --all",
        )
    chosen: dict[tuple[str, object], None] = {}
    if every:
        kinds = [kind.name for kind in corruptions_for(modality)]
    for words in kinds:
        name, colon, severity = words.partition(":")
        chosen |= dict.fromkeys(
            (name.strip(), s) for s in ([severity.strip()] if colon else map(str, SEVERITIES))
        )
    return list(chosen)


def _severities(constants: tuple[float | tuple[float, ...], ...]) -> str:
    return ", ".join(
        f"({', '.join(f'{part:g}' for part in value)})"
        if isinstance(value, tuple)
        else f"{value:g}"
        for value in constants
    )


def _told(kind: Any) -> dict[str, Any]:
    from medadv_desktop.cli.listing import described_fields

    return {
        "name": kind.name,
        "title": kind.title,
        "summary": kind.summary,
        "reference": kind.reference,
        "fields": described_fields(kind),
    }
