"""What an attack does inside a model, over the samples of an audit: `analyze`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medadv_desktop import NOT_FOR_DIAGNOSIS
from medadv_desktop.cli.choosing import assignments
from medadv_desktop.cli.options import AllowCode, Device, Json, app
from medadv_desktop.cli.running import BAD_INPUT, cancellable, complain, progress_line

if TYPE_CHECKING:
    from medadv_desktop.analysis.label_correlation import LabelCorrelation
    from medadv_desktop.audit.analyses.requests import (
        AuditAnalyses,
        CellAnalyses,
        Detectors,
        EmbeddingResult,
    )


@app.command()
def analyze(
    run: Annotated[Path, typer.Argument(help="Folder of an audit")],
    embedding: Annotated[
        bool, typer.Option("--embedding", help="Features in the plane, and how classes lie apart")
    ] = False,
    label_correlation: Annotated[
        bool, typer.Option("--label-correlation", help="Which findings are said together")
    ] = False,
    layers: Annotated[
        bool, typer.Option("--layers", help="Where along the network the attack grows")
    ] = False,
    detectors: Annotated[
        bool, typer.Option("--detectors", help="How conspicuous the attacked images are")
    ] = False,
    cells: Annotated[
        list[str] | None,
        typer.Option(
            "--cell",
            help="Id of a cell, or its beginning (repeatable); else for each model and data set "
            "the attack that leaves least right",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="A field of the embedding: method=pca, perplexity=20, iterations=1000, "
            "dimensions=50, points=10000, seed=0 (repeatable)",
        ),
    ] = None,
    layer: Annotated[
        str, typer.Option(help="Whose features are taken; else what the last linear layer is given")
    ] = "",
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Work out anew what is known already")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder for pictures (SVG, PNG), tables (CSV) and JSON")
    ] = None,
    device: Device = "auto",
    allow_code: AllowCode = False,
    as_json: Json = False,
) -> None:
    """Analyse what an audit's attacks do inside its models; without a choice, all of it.

    Answers are kept in the audit's store, so that asking again takes no time.
    """
    from medadv_desktop.analysis.embedding import EmbeddingSettings
    from medadv_desktop.audit.analyses.requests import KINDS, AnalyzeRequest
    from medadv_desktop.settings import parse

    asked = dict(zip(KINDS, (embedding, label_correlation, layers, detectors), strict=True))
    kinds = tuple(kind for kind in KINDS if asked[kind]) or KINDS
    request = AnalyzeRequest(
        run,
        kinds,
        tuple(cells or ()),
        parse(EmbeddingSettings, assignments(settings)),
        layer,
        fresh,
    )
    found = _analyses(request, device, allow_code)
    written: tuple[Path, ...] = ()
    if out is not None:
        from medadv_desktop.audit.analyses.files import write_files

        written = write_files(found, out)
    if as_json:
        from medadv_desktop.audit.analyses.files import plain

        print(json.dumps(plain(found), indent=2, ensure_ascii=False))
    else:
        for own in found.cells:
            _print_cell(own)
        if written:
            print(f"written    {len(written)} files in {out}")
        for warning in dict.fromkeys(c.detectors.warning for c in found.cells if c.detectors):
            print(warning)
        print(NOT_FOR_DIAGNOSIS)
    answered = False
    for own in found.cells:
        answered = answered or len(own.refused) < len(kinds)
        for refused in own.refused:
            complain(f"{own.cell.model} on {own.cell.dataset}: {refused.kind}: {refused.reason}")
    if not answered:
        raise typer.Exit(BAD_INPUT)


def _analyses(request: object, device: str, allow_code: bool) -> AuditAnalyses:
    from medadv_desktop.audit.analyses.requests import AnalyzeRequest, AuditAnalyses
    from medadv_desktop.audit.engine import Engine
    from medadv_desktop.audit.store.store import AuditStore

    assert isinstance(request, AnalyzeRequest)
    engine = Engine(device)
    if allow_code:
        with AuditStore.open(request.folder) as store:
            for model in store.plan.models:
                engine.shelf.allow_code(model.model)
    with cancellable() as token, progress_line("analysing") as emit:
        found = engine.run(request, emit, token)
    assert isinstance(found, AuditAnalyses)
    return found


def _print_cell(own: CellAnalyses) -> None:
    print(f"\n{own.cell.model} on {own.cell.dataset}: {own.cell.title}")
    if own.embedding is not None:
        _print_embedding(own.embedding)
    if own.label_correlation is not None:
        for found in (own.label_correlation.phi, own.label_correlation.pearson):
            _print_correlation(found)
        for pair in own.label_correlation.phi.impossible:
            print(
                f"  never together in the labels: {pair.first} and {pair.second}; said together of "
                f"{pair.adversarial} adversarial, {pair.clean} clean images "
                f"({pair.expected:.1f} expected)"
            )
    if own.layers is not None:
        first = own.layers.groups[0]
        known = [(m, k) for k, m in enumerate(first.mean) if m is not None]
        if known:
            most, place = max(known)
            print(
                f"  feature distance  {known[0][0]:.3f} in {own.layers.layers[known[0][1]]}, most "
                f"{most:.3f} in {own.layers.layers[place]}, {known[-1][0]:.3f} in "
                f"{own.layers.layers[known[-1][1]]}"
            )
    if own.detectors is not None:
        _print_detectors(own.detectors)
    notes = [note for part in (own.embedding, own.detectors) if part for note in part.notes]
    for note in dict.fromkeys(notes):
        print(f"  note: {note}")


def _print_embedding(found: EmbeddingResult) -> None:
    print(f"  features of {found.layer}: {found.width}, {found.samples} samples")
    for own in found.separations:
        first, second = own.clean, own.adversarial
        print(
            f"  {own.what:17} silhouette {_number(first.silhouette)} → {_number(second.silhouette)}"
            f" (in the picture {_number(own.picture_clean)} → {_number(own.picture_adversarial)}),"
            f" probe {_number(first.probe)} → {_number(second.probe)}"
            f" (fitted to clean {_number(own.across)}),"
            f" class distance {_number(first.distance)} → {_number(second.distance)}"
        )
        for reason in dict.fromkeys((*first.reasons, *second.reasons)):
            print(f"  note: {own.what}: {reason}")


def _print_correlation(found: LabelCorrelation) -> None:
    what = {"phi": "φ of decisions", "pearson": "r of probabilities"}[found.kind]
    constant = ", ".join(found.constant_adversarial)
    print(
        f"  {what:17} Frobenius distance {_number(found.distance)}, {found.undefined} of "
        f"{found.pairs} pairs undefined"
        + (f"; constant under attack: {constant}" if constant else "")
    )


def _print_detectors(found: Detectors) -> None:
    for own in found.detections:
        print(
            f"  {own.detector}: area {_number(own.area)} [{_number(own.low)}, {_number(own.high)}],"
            f" {own.adversarial} adversarial against {own.clean} clean"
        )


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"
