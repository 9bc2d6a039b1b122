"""What models say: `models`, `predict`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from medadv_desktop.cli.options import AllowCode, Device, Json, ModelName, Paths, app
from medadv_desktop.cli.running import complain, for_each
from medadv_desktop.jobs import CancelToken


@app.command()
def models(as_json: Json = False) -> None:
    """The models that can be chosen by name."""
    from medadv_desktop.models.library import BrokenEntry, library

    entries = library()
    good = [e for e in entries if not isinstance(e, BrokenEntry)]
    if as_json:
        cards = [e.card.model_dump(mode="json") | {"path": str(e.path)} for e in good]
        print(json.dumps(cards, indent=2, ensure_ascii=False))
    else:
        for card in (e.card for e in good):
            print(f"{card.id}  {card.task}, {len(card.classes)} classes: {', '.join(card.classes)}")
            if card.summary:
                print(f"    {card.summary}")
            for figure in card.figures:
                print(f"    {figure.name}: {figure.value:.3f} (n = {figure.samples})")
    for broken in (e for e in entries if isinstance(e, BrokenEntry)):
        complain(broken.reason)


@app.command()
def predict(
    paths: Paths,
    model: ModelName,
    second_model: Annotated[
        str, typer.Option(help="Another model, which says what it thinks beside")
    ] = "",
    frame: Annotated[int, typer.Option(help="Frame of a multi-frame file, from 0")] = 0,
    device: Device = "auto",
    allow_code: AllowCode = False,
    as_json: Json = False,
) -> None:
    """What a model, or two, say of images."""
    from medadv_desktop.audit.engine import Engine
    from medadv_desktop.audit.requests import PredictRequest, PredictResult
    from medadv_desktop.imaging.reading import read_frame

    engine = Engine(device)
    asked = (model, second_model) if second_model else (model,)
    for name in asked:
        engine.model(name, allow_code=allow_code)
    records: list[dict[str, Any]] = []

    def one(path: Path, token: CancelToken) -> None:
        image = read_frame(path, frame)
        said = []
        for name in asked:
            result = engine.run(PredictRequest(name, image), token=token)
            assert isinstance(result, PredictResult)
            said.append(result)
        if as_json:
            own, *other = (_record(result) for result in said)
            second = {"second": other[0]} if other else {}
            records.append({"path": str(path)} | own | second)
            return
        for place, result in enumerate(said):
            prediction = result.prediction
            who = path if place == 0 else f"  {prediction.card.id}:"
            decided = ", ".join(prediction.decided) or "no finding"
            print(f"{who}  {decided}  ({_scores(prediction)})")

    code = for_each(paths, one)
    if as_json:
        print(json.dumps(records, indent=2, ensure_ascii=False))
    raise typer.Exit(code)


def _record(result: Any) -> dict[str, Any]:
    prediction = result.prediction
    scores = zip(prediction.card.classes, prediction.probabilities.tolist(), strict=True)
    return {
        "model": prediction.card.id,
        "decided": list(prediction.decided),
        "probabilities": dict(scores),
        "notes": [*result.request.frame.notes, *result.plan.notes],
    }


def _scores(prediction: Any) -> str:
    pairs = zip(prediction.card.classes, prediction.probabilities, strict=True)
    return ", ".join(f"{name} {value:.3f}" for name, value in pairs)
