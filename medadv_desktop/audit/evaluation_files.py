"""An evaluation as JSON (the whole story) or CSV (a row for each sample). No torch.

Version 1. Both hold every sample, also those that were left out, each with its reason.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Final

from medadv_desktop import NOT_FOR_DIAGNOSIS
from medadv_desktop.audit.evaluation import Evaluation, SampleResult
from medadv_desktop.audit.figures import Figures, Rate
from medadv_desktop.errors import ExportError
from medadv_desktop.files import write_atomically
from medadv_desktop.models.card import ModelCard

EVALUATION_VERSION: Final = 1


def save_evaluation(evaluation: Evaluation, path: Path) -> None:
    """Write an evaluation, whole or not at all; the end of the name decides: .json or .csv.

    Raises:
        ExportError: another end, or the file cannot be written.
    """
    check_name(path)
    if path.suffix.lower() == ".csv":
        write_atomically(path, as_csv(evaluation).encode())
        return
    content = json.dumps(describe_evaluation(evaluation), indent=2, ensure_ascii=False)
    write_atomically(path, content.encode())


def check_name(path: Path) -> None:
    """Refuse a name that says of no format that can be written.

    Raises:
        ExportError: it ends in neither .json nor .csv.
    """
    if path.suffix.lower() not in (".json", ".csv"):
        raise ExportError(
            "says of no format that can be written", subject=path, remedy="End it in .json or .csv"
        )


def describe_evaluation(evaluation: Evaluation) -> dict[str, Any]:
    """The content of the JSON."""
    request, card = evaluation.request, evaluation.card
    attack, objective = request.attack, request.objective
    return {
        "format": "medadv-evaluation",
        "version": EVALUATION_VERSION,
        "notice": NOT_FOR_DIAGNOSIS,
        "model": {
            "id": card.id,
            "name": card.name,
            "task": card.task,
            "classes": list(card.classes),
            "thresholds": list(card.thresholds),
            "preprocessing": card.preprocessing.model_dump(mode="json"),
            "sha256": evaluation.model_sha256,
        },
        "dataset": {
            "name": request.dataset.name,
            "path": str(request.dataset.root),
            "layout": request.dataset.layout,
            "part": list(request.dataset.history),
            "samples": len(request.dataset),
            "classes": list(request.dataset.classes),
            "fingerprint": asdict(evaluation.fingerprint),
        },
        "attack": None
        if attack is None
        else {"name": attack.name, **attack.model_dump(mode="json")},
        "objective": None
        if attack is None
        else {"name": objective.name, **objective.model_dump(mode="json")},
        "seed": request.seed,
        "figures": plain_figures(evaluation.figures),
        "second_model": None
        if (second := evaluation.second) is None
        else {
            "id": second.card.id,
            "name": second.card.name,
            "classes": list(second.card.classes),
            "sha256": second.model_sha256,
            "figures": plain_figures(second.figures),
        },
        "judged": len(evaluation.samples),
        "left_out": [
            {"id": entry.id, "path": str(entry.path), "reason": entry.reason}
            for entry in evaluation.left_out
        ],
        "samples": [_sample(sample) for sample in evaluation.samples],
        "device": evaluation.device,
        "seconds": round(evaluation.seconds, 3),
        "versions": dict(evaluation.versions),
        "notes": list(evaluation.notes),
        "suspicions": [
            {"sign": s.sign, "message": s.message, "remedy": s.remedy}
            for s in evaluation.suspicions
        ],
    }


def plain_figures(found: Figures) -> dict[str, Any]:
    """Figures as plain values; every rate with its count and 95 % interval."""
    return _plain(found) | {"classes": [_plain(entry) for entry in found.classes]}


def _plain(found: Any) -> dict[str, Any]:
    result = {}
    for field in fields(found):
        value = getattr(found, field.name)
        if isinstance(value, Rate):
            value = {
                "value": value.value,
                "count": value.count,
                "of": value.of,
                "low": value.low,
                "high": value.high,
            }
        result[field.name] = value
    return result


def _sample(sample: SampleResult) -> dict[str, Any]:
    values = asdict(sample)
    del values["index"]
    return values | {"right": sample.right, "robust": sample.robust}


def as_csv(evaluation: Evaluation) -> str:
    """A row for each sample in the data set's order; classes by name, findings separated by |."""
    attacked = evaluation.request.attack is not None
    card, second = evaluation.card, evaluation.second
    head = ["id", "label", "clean", "clean_right"]
    if attacked:
        head += ["adversarial", "robust", "success", "steps", "queries"]
        head += ["linf", "l2", "l1", "l0", "not_attacked"]
    head += [f"p_clean:{name}" for name in card.classes]
    head += [f"p_adversarial:{name}" for name in card.classes] * attacked
    if second is not None:
        head += ["second_label", "second_clean", *["second_adversarial"] * attacked]
    rows: dict[int, list[object]] = {}
    for sample in evaluation.samples:
        row = _row(sample, card, attacked)
        if second is not None:
            row += _second_row(sample, second.card, attacked)
        rows[sample.index] = [*row, ""]
    for entry in evaluation.left_out:
        rows[entry.index] = [entry.id, *[""] * (len(head) - 1), entry.reason]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*head, "left_out"])
    writer.writerows(rows[index] for index in sorted(rows))
    return out.getvalue()


def _row(sample: SampleResult, card: ModelCard, attacked: bool) -> list[object]:
    clean, after = sample.clean, sample.attacked
    row: list[object] = [sample.id, _named(sample.labels, card), _named(clean.decisions, card)]
    row.append(int(sample.right))
    if attacked and after is not None:
        row += [_named(after.decisions, card), int(sample.robust), int(after.success)]
        row += [after.steps, after.queries, after.linf, after.l2, after.l1, after.l0, ""]
    elif attacked:
        row += ["", int(sample.robust), *[""] * 7, sample.not_attacked]
    row += clean.probabilities
    if attacked:
        row += after.probabilities if after is not None else [""] * len(clean.probabilities)
    return row


def _second_row(sample: SampleResult, card: ModelCard, attacked: bool) -> list[object]:
    own = sample.second
    assert own is not None
    row: list[object] = [_named(own.labels, card), _named(own.clean.decisions, card)]
    if attacked:
        row.append("" if own.attacked is None else _named(own.attacked.decisions, card))
    return row


def _named(values: tuple[int, ...], card: ModelCard) -> str:
    if card.multi_label:
        return "|".join(c for c, v in zip(card.classes, values, strict=True) if v)
    return card.classes[values[0]]
