"""An attack's outcome on disk: pictures, exact arrays, and a JSON that tells the whole story.

Files of one outcome, in a folder of its own:

- ``original.png``, ``adversarial.png``: the model inputs, 16 bits a channel, marked as such, so
  that a later `predict` takes them as they are. What was judged is exactly what these hold.
- ``perturbation.png``: adversarial minus original, in colour, for eyes only.
- ``arrays.npz``: original, adversarial, perturbation as float32, C×H×W.
- ``adversarial.dcm``: where it was asked for: the source with the perturbation carried back.
- ``result.json``: settings, predictions, norms, seed, versions, fingerprints. `RESULT_VERSION`.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from medadv_desktop import NOT_FOR_DIAGNOSIS
from medadv_desktop.audit.devices import versions
from medadv_desktop.audit.grid import GRID
from medadv_desktop.audit.requests import AttackOutcome, Prediction
from medadv_desktop.errors import ExportError
from medadv_desktop.files import write_atomically
from medadv_desktop.imaging.export import write_arrays, write_png
from medadv_desktop.imaging.frame import PixelSpace
from medadv_desktop.imaging.signed import render_signed

RESULT_VERSION: Final = 1


def save_outcome(
    outcome: AttackOutcome, folder: Path, dicom: dict[str, Any] | None = None
) -> tuple[Path, ...]:
    """Write an outcome into `folder`, which is made where it is missing.

    The JSON is written last: a folder that has it is complete.

    Args:
        dicom: what `dicom_export.describe_export` says of a DICOM file written before, or None.

    Raises:
        ExportError: a file cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ExportError(
            f"the folder cannot be made ({error.strerror or error})", subject=folder
        ) from None
    delta = outcome.perturbation
    strongest = delta[np.abs(delta).argmax(axis=0), *np.indices(delta.shape[1:])]
    pictures = {
        "original.png": _sixteen_bits(outcome.original),
        "adversarial.png": _sixteen_bits(outcome.adversarial),
    }
    for name, pixels in pictures.items():
        write_png(folder / name, pixels, _labels(outcome, name))
    limit = max(outcome.linf, 1 / 255)
    write_png(folder / "perturbation.png", render_signed(strongest, limit))
    write_arrays(
        folder / "arrays.npz",
        original=outcome.original,
        adversarial=outcome.adversarial,
        perturbation=delta,
    )
    content = json.dumps(describe_outcome(outcome) | {"dicom": dicom}, indent=2, ensure_ascii=False)
    write_atomically(folder / "result.json", content.encode())
    names = (*pictures, "perturbation.png", "arrays.npz", "result.json")
    return tuple(folder / name for name in names)


def describe_outcome(outcome: AttackOutcome) -> dict[str, Any]:
    """The content of ``result.json``. Holds no value of the patient's."""
    request, source = outcome.request, outcome.request.frame.provenance
    return {
        "format": "medadv-attack-result",
        "version": RESULT_VERSION,
        "notice": NOT_FOR_DIAGNOSIS,
        "input": {
            "path": str(source.path),
            "sha256": file_sha256(source.path),
            "frame": source.frame,
            "sop_instance_uid": source.sop_instance_uid,
            "notes": list(request.frame.notes),
        },
        "model": _model(outcome.clean),
        "second_model": _model(outcome.second_clean) if outcome.second_clean else None,
        "preprocessing": {
            "low": outcome.plan.low,
            "high": outcome.plan.high,
            "inverted": outcome.plan.inverted,
            "resized": outcome.plan.resized,
            "crop": outcome.plan.crop,
        },
        "attack": {"name": request.attack.name, **request.attack.model_dump(mode="json")},
        "objective": {"name": request.objective.name, **request.objective.model_dump(mode="json")},
        "seed": request.seed,
        "reference": {
            "labels": list(outcome.reference),
            "is": "clean prediction" if outcome.reference_is_prediction else "true label",
        },
        "success": outcome.success,
        "steps": outcome.steps,
        "norms": {
            "linf": outcome.linf,
            "linf_255": outcome.linf * 255,
            "l2": outcome.l2,
            "unit": "of the model input's grey scale [0, 1]",
        },
        "predictions": {
            "clean": _prediction(outcome.clean),
            "adversarial": _prediction(outcome.attacked),
            "second_clean": _prediction(outcome.second_clean),
            "second_adversarial": _prediction(outcome.second_attacked),
        },
        "device": outcome.device,
        "seconds": round(outcome.seconds, 3),
        "versions": dict(versions()),
        "suspicions": [f"{s.message} {s.remedy}" for s in outcome.suspicions],
        "notes": list(outcome.notes),
    }


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal.

    Raises:
        ExportError: the file is gone or cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise ExportError(
            f"its fingerprint cannot be taken ({error.strerror or error})",
            subject=path,
            remedy="Put the file back where it was opened from",
        ) from None


def _labels(outcome: AttackOutcome, name: str) -> dict[str, str]:
    what = "adversarial" if name.startswith("adversarial") else "original"
    return {
        "medadv-space": PixelSpace.MODEL_INPUT.value,
        "Description": f"Model input ({what}) of {outcome.clean.card.id}. {NOT_FOR_DIAGNOSIS}.",
        "Software": "MedAdv Desktop",
    }


def _sixteen_bits(image: NDArray[np.float32]) -> NDArray[np.uint16]:
    """C×H×W in [0, 1] to H×W or H×W×3."""
    levels = np.rint(image.astype(np.float64) * GRID).astype(np.uint16)
    return levels[0] if levels.shape[0] == 1 else levels.transpose(1, 2, 0)


def _model(prediction: Prediction) -> dict[str, Any]:
    card = prediction.card
    return {"id": card.id, "name": card.name, "sha256": card.sha256, "task": card.task}


def _prediction(prediction: Prediction | None) -> dict[str, Any] | None:
    if prediction is None:
        return None
    card = prediction.card
    return {
        "decided": list(prediction.decided),
        "probabilities": dict(zip(card.classes, prediction.probabilities.tolist(), strict=True)),
        "thresholds": dict(zip(card.classes, card.thresholds, strict=False)),
        "logits": prediction.logits.tolist(),
    }
