"""The user's own models: `model info`, `model import`, `model remove`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from medadv_desktop.cli.options import AllowCode, Device, Json, app
from medadv_desktop.cli.running import cancellable, complain, progress_line
from medadv_desktop.errors import ModelError, SettingsError
from medadv_desktop.jobs import CancelToken

model_app = typer.Typer(help="Single models.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(model_app, name="model")

Model = Annotated[str, typer.Argument(help="Id of a model (see `medadv models`), or a path")]
_SAMPLE = 32
_SHOWN = 20


@model_app.command("info")
def info(
    model: Model,
    device: Device = "auto",
    allow_code: AllowCode = False,
    as_json: Json = False,
) -> None:
    """A model's card, its file, and what can be done with it once loaded."""
    from medadv_desktop.models.formats import FILE_KINDS, kind_of
    from medadv_desktop.models.library import find, runs_code

    entry = find(model)
    weights = entry.path.parent / entry.card.weights
    kind = FILE_KINDS[kind_of(weights)]
    code = runs_code(model)
    content: dict[str, Any] = {
        "card": entry.card.model_dump(mode="json"),
        "path": str(entry.path),
        "shipped": entry.shipped,
        "file": {"path": str(weights), "kind": kind.title, "bytes": weights.stat().st_size},
        "may": kind.may,
        "code": None if code is None else str(code),
        "loaded": None,
    }
    if code is None or allow_code:
        from medadv_desktop.audit.engine import Engine
        from medadv_desktop.audit.requests import LoadedModel, LoadRequest

        loaded = Engine(device).run(LoadRequest(model, allow_code))
        assert isinstance(loaded, LoadedModel)
        content["loaded"] = {
            "device": loaded.device,
            "white_box": loaded.white_box,
            "layers": list(loaded.layers),
            "notes": list(loaded.notes),
        }
    if as_json:
        print(json.dumps(content, indent=2, ensure_ascii=False))
    else:
        _print_info(content)


def _print_info(content: dict[str, Any]) -> None:
    card, file, loaded = content["card"], content["file"], content["loaded"]
    print(f"{card['name']} ({card['id']})")
    print(f"  card: {content['path']}")
    print(f"  file: {file['path']}, {file['kind']}, {file['bytes'] / 1e6:,.1f} MB")
    print(f"  {content['may']}")
    _print_card(card)
    for figure in card["figures"]:
        print(f"  {figure['name']}: {figure['value']:.3f} (n = {figure['samples']})")
    if loaded is None:
        print(f"  not loaded: it would run {content['code']}; see --allow-code")
        return
    box = "white box: gradients pass" if loaded["white_box"] else "black box: scores only"
    print(f"  {box}; on {loaded['device']}")
    layers = loaded["layers"]
    print(f"  layers with maps: {', '.join(layers) if layers else 'none can be read'}")
    for note in loaded["notes"]:
        print(f"  note: {note}")


def _print_card(card: dict[str, Any]) -> None:
    p = card["preprocessing"]
    span = "" if p["window"] in ("full-range", "file") else f" {p['low']:g} to {p['high']:g}"
    crop = f" from {p['resize_side']}" if p["resize_side"] else ""
    print(f"  architecture: {card['architecture']}")
    classes, more = card["classes"], len(card["classes"]) - _SHOWN
    listed = ", ".join(classes[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
    print(f"  task: {card['task']}, {len(classes)} classes: {listed}")
    if card["thresholds"]:
        print(f"  thresholds: {', '.join(f'{t:g}' for t in card['thresholds'])}")
    print(
        f"  input: {p['channels']} × {p['height']} × {p['width']}, {p['resize']}{crop}; "
        f"window {p['window']}{span}"
    )
    print(
        f"  mean {_numbers(card['mean'])}, std {_numbers(card['std'])}; outputs {card['outputs']}"
    )
    print(f"  sha256: {card['sha256'] or 'not written down'}")
    for name in ("summary", "provenance", "training"):
        if card[name]:
            print(f"  {name}: {card[name]}")


def _numbers(values: list[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)


@model_app.command("remove")
def remove(model_id: Annotated[str, typer.Argument(help="Id of a model of your library")]) -> None:
    """Take a model out of your library, with its weights."""
    from medadv_desktop.models.installing import remove as take_out

    take_out(model_id)
    print(f"{model_id} is removed")


@model_app.command("import")
def import_model(
    file: Annotated[
        Path, typer.Argument(help="A model file, or the model card beside one (.toml)")
    ],
    model_id: Annotated[str, typer.Option("--id", help="Id to name it by")] = "",
    name: Annotated[str, typer.Option(help="Name for people")] = "",
    classes: Annotated[str, typer.Option(help="Class names in order, separated by |")] = "",
    task: Annotated[str, typer.Option(help="single-label or multi-label")] = "",
    thresholds: Annotated[str, typer.Option(help="Of the findings: one for all, or by |")] = "",
    window: Annotated[str, typer.Option(help="full-range, file, fixed or percentile")] = "",
    low: Annotated[float | None, typer.Option(help="What becomes 0 (fixed, percentile)")] = None,
    high: Annotated[float | None, typer.Option(help="What becomes 1 (fixed, percentile)")] = None,
    resize: Annotated[str, typer.Option(help="stretch, crop or pad")] = "",
    resize_side: Annotated[
        int | None, typer.Option(help="With crop: the shorter side before it")
    ] = None,
    channels: Annotated[int | None, typer.Option(help="1 (grey) or 3 (RGB)")] = None,
    height: Annotated[int | None, typer.Option(help="Of the model input")] = None,
    width: Annotated[int | None, typer.Option(help="Of the model input")] = None,
    mean: Annotated[str, typer.Option(help="Of each channel, separated by |")] = "",
    std: Annotated[str, typer.Option(help="Of each channel, separated by |")] = "",
    outputs: Annotated[str, typer.Option(help="logits, sigmoid or softmax")] = "",
    provenance: Annotated[str, typer.Option(help="Where it comes from")] = "",
    check_data: Annotated[
        Path | None, typer.Option(help="Labelled set whose samples it is tried on")
    ] = None,
    match_order: Annotated[
        bool, typer.Option("--match-order", help="The set's classes stand in the model's order")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="A model of that id in your library gives way")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Install without asking")] = False,
    device: Device = "auto",
    allow_code: AllowCode = False,
) -> None:
    """Work out a model's card, try it, and put it into your library."""
    from medadv_desktop.audit.engine import Engine
    from medadv_desktop.models.installing import install, refuse_taken

    engine = Engine(device)
    shape = (channels or 3, height, width) if height and width else None
    card = _proposed(engine, file, allow_code, shape)
    preprocessing = {
        "window": window, "low": low, "high": high, "resize": resize, "resize_side": resize_side,
        "height": height, "width": width, "channels": channels,
    }  # fmt: skip
    said = {
        "id": model_id, "name": name, "classes": _words(classes), "task": task,
        "thresholds": _floats(thresholds, "thresholds"), "mean": _floats(mean, "mean"),
        "std": _floats(std, "std"), "outputs": outputs, "provenance": provenance,
    }  # fmt: skip
    card = _corrected(card, _said(said), _said(preprocessing))
    refuse_taken(card.id, replace=replace)
    print("The card:")
    _print_card(card.model_dump(mode="json"))
    with cancellable() as token:
        _try(engine, card, file.parent, check_data, match_order, allow_code, token)
        if not yes and not _agreed(card.id):
            raise ModelError(
                "was not installed", subject=card.id, remedy="Say --yes, or answer y when asked"
            )
        with progress_line("copying") as emit:
            entry = install(card, file.parent, replace=replace, token=token, emit=emit)
    print(f"Installed as {entry.card.id}: {entry.path}")


def _proposed(engine: Any, file: Path, allow_code: bool, shape: tuple[int, int, int] | None) -> Any:
    """The card in a .toml, or the one worked out from a model file, told with its guesses."""
    from medadv_desktop.audit.requests import ProposeCardRequest, ProposedCard
    from medadv_desktop.models.card import read_card
    from medadv_desktop.models.formats import FILE_KINDS, kind_of

    if file.suffix.lower() == ".toml":
        return read_card(file)
    kind = FILE_KINDS[kind_of(file)]
    print(f"{file}: {kind.title}. {kind.may}")
    answer = engine.run(ProposeCardRequest(file, allow_code, shape))
    assert isinstance(answer, ProposedCard)
    proposal = answer.proposal
    print("Worked out, the least certain first:")
    for guess in proposal.guesses:
        print(f"  {guess.confidence:8} {guess.field}: {guess.value} ({guess.reason})")
    for note in proposal.notes:
        print(f"  note: {note}")
    return proposal.card


def _corrected(card: Any, said: dict[str, Any], preprocessing: dict[str, Any]) -> Any:
    """The card with what the user said in place of what was worked out."""
    from medadv_desktop.models.card import ModelCard, Preprocessing
    from medadv_desktop.settings import parse

    values = card.model_dump() | said
    count, many = len(values["classes"]), values["task"] == "multi-label"
    if count != len(card.classes):
        raise SettingsError(
            f"names {count} classes; the model has {len(card.classes)}",
            subject="--classes",
            remedy="Name each of them in the order of the model's outputs",
        )
    given = said.get("thresholds", ())
    if not many and not given:
        values["thresholds"] = ()
    elif many and len(given or values["thresholds"]) != count:
        values["thresholds"] = (given or (0.5,)) * count if len(given) < 2 else given
    if many:
        values["single_output"] = False
    values["preprocessing"] = parse(
        Preprocessing, card.preprocessing.model_dump() | preprocessing
    ).model_dump()
    return parse(ModelCard, values)


def _try(
    engine: Any,
    card: Any,
    folder: Path,
    data: Path | None,
    match_order: bool,
    allow_code: bool,
    token: CancelToken,
) -> None:
    """Load the model by its card, with samples where there are some; tell what looks wrong."""
    from medadv_desktop.audit.requests import CheckedModel, CheckModelRequest
    from medadv_desktop.models.loading import open_model

    if data is None:
        model = open_model(card, folder, engine.device, allow_code=allow_code, token=token)
        _print_loaded(model.white_box, model.notes)
        print("It was not tried on any image: see --check-data.")
        return
    frames, labels = _samples(data, card, match_order, token)
    with progress_line("trying it") as emit:
        request = CheckModelRequest(card, folder, frames, labels, allow_code)
        checked = engine.run(request, emit, token)
    assert isinstance(checked, CheckedModel)
    _print_loaded(checked.white_box, checked.notes)
    for warning in checked.warnings:
        complain(f"warning: {warning.message}. {warning.remedy}.")
    wrong = len(checked.warnings)
    signs = "1 sign" if wrong == 1 else f"{wrong or 'no'} signs"
    print(f"Tried on {len(frames)} images of {data}: {signs} of a wrong card.")


def _print_loaded(white_box: bool, notes: tuple[str, ...]) -> None:
    print(f"It loads; {'gradients pass' if white_box else 'scores only, no gradients'}.")
    for note in notes:
        print(f"  note: {note}")


def _samples(data: Path, card: Any, match_order: bool, token: CancelToken) -> tuple[Any, Any]:
    """Some frames of a labelled set, and their labels in the model's classes."""
    from medadv_desktop.audit.matching import match_classes
    from medadv_desktop.datasets.opening import open_dataset
    from medadv_desktop.datasets.streaming import stream
    from medadv_desktop.datasets.subset import Subset
    from medadv_desktop.imaging.frame import Frame

    dataset = open_dataset(data, token=token)
    match = match_classes(dataset, card, by_order=match_order)
    subset = Subset(labelled=True, count=_SAMPLE, balanced=dataset.task == "single-label")
    frames, labels = [], []
    for sample, frame in stream(subset.apply(dataset), token=token):
        label = match.label(sample.labels)
        if isinstance(frame, Frame) and label is not None:
            frames.append(frame)
            labels.append(label)
        elif not isinstance(frame, Frame):
            complain(f"{sample.path}: {frame.reason}")
    return tuple(frames), tuple(labels)


def _agreed(model_id: str) -> bool:
    if not sys.stdin.isatty():
        return False
    return typer.confirm(f"Install as {model_id}?")


def _said(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in ("", None, ())}


def _words(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split("|") if part.strip())


def _floats(text: str, what: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in _words(text))
    except ValueError:
        raise SettingsError(
            f"{text} is no list of numbers", subject=f"--{what}", remedy="Write 0.5|0.5|0.5"
        ) from None
