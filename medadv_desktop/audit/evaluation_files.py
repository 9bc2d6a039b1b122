"""An evaluation as JSON (the whole story) or CSV (a row for each sample). No torch.

Version 2. Both hold every sample, also those that were left out, each with its reason.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from medadv_desktop import NOT_FOR_DIAGNOSIS
from medadv_desktop.analysis.metrics.plain import plain
from medadv_desktop.audit.evaluation import (
    Evaluation,
    Judgement,
    JudgingModel,
    SampleResult,
    details_of,
)
from medadv_desktop.errors import ExportError
from medadv_desktop.files import write_atomically
from medadv_desktop.models.card import ModelCard

EVALUATION_VERSION: Final = 2

_AFTER: Final = ("adversarial", "success")


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
        "figures": plain(evaluation.figures),
        "details": _details(evaluation),
        "judges": [
            {
                "id": judge.card.id,
                "name": judge.card.name,
                "classes": list(judge.card.classes),
                "sha256": judge.model_sha256,
                "figures": plain(judge.figures),
                "transfer_rate": plain(judge.transfer_rate),
            }
            for judge in evaluation.judges
        ],
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


def _details(evaluation: Evaluation) -> dict[str, Any]:
    """Confusion, intervals of areas, ROC curves and calibration, clean and attacked."""
    attacked = evaluation.request.attack is not None
    found = details_of(evaluation.samples, evaluation.card, attacked=attacked)
    return {"clean": plain(found.clean), "attacked": plain(found.attacked)}


def _sample(sample: SampleResult) -> dict[str, Any]:
    values = asdict(sample)
    del values["index"]
    return values | {"right": sample.right, "robust": sample.robust}


def as_csv(evaluation: Evaluation) -> str:
    """A row for each sample in the data set's order; classes by name, findings separated by |."""
    attacked = evaluation.request.attack is not None
    card, judges = evaluation.card, evaluation.judges
    head = ["id", "label", "clean", "clean_right"]
    if attacked:
        head += ["adversarial", "robust", "success", "steps", "queries"]
        head += ["linf", "l2", "l1", "l0", "not_attacked"]
    head += [f"p_clean:{name}" for name in card.classes]
    head += [f"p_adversarial:{name}" for name in card.classes] * attacked
    for name in _column_names(judges):
        head += [f"{what}:{name}" for what in ("label", "clean", *_AFTER * attacked)]
    rows: dict[int, list[object]] = {}
    for sample in evaluation.samples:
        row = _row(sample, card, attacked)
        for judge, own in zip(judges, sample.judgements, strict=True):
            row += _judgement_row(own, judge.card, attacked)
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


def _judgement_row(own: Judgement, card: ModelCard, attacked: bool) -> list[object]:
    row: list[object] = [_named(own.labels, card), _named(own.clean.decisions, card)]
    after = own.attacked
    if attacked and after is not None:
        reached = "" if after.success is None else int(after.success)
        row += [_named(after.decisions, card), reached]
    elif attacked:
        row += [""] * len(_AFTER)
    return row


def _column_names(judges: tuple[JudgingModel, ...]) -> list[str]:
    """Ids, unless two models bear the same."""
    ids = [judge.card.id for judge in judges]
    return ids if len(set(ids)) == len(ids) else [judge.model for judge in judges]


def _named(values: tuple[int, ...], card: ModelCard) -> str:
    if card.multi_label:
        return "|".join(c for c, v in zip(card.classes, values, strict=True) if v)
    return card.classes[values[0]]
