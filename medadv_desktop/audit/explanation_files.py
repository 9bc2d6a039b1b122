"""Analyses of one image on disk: pictures laid over it, exact arrays, and a JSON of figures.

Files of one explanation, in a folder of its own:

- ``response-VIEW.png``: each view's image with its response over it, for eyes. Views of one model
  share the colour scale, whose end the JSON tells.
- ``visibility.png``: where the change exceeds one just-noticeable difference; with an attack.
- ``arrays.npz``: every image and response as float32, and the change in just-noticeable
  differences.
- ``explanation.json``: settings, predictions, overlap figures, feature distances, norms and
  visibility. `EXPLANATION_VERSION`. Written last: a folder that has it is complete.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from medadv_desktop import NOT_FOR_DIAGNOSIS
from medadv_desktop.audit.analysis_requests import (
    ExplainedView,
    Explanation,
    LayerCurve,
    PerturbationView,
)
from medadv_desktop.audit.saving import file_sha256
from medadv_desktop.errors import ExportError
from medadv_desktop.files import write_atomically
from medadv_desktop.imaging.export import write_arrays, write_png
from medadv_desktop.imaging.frame import Frame
from medadv_desktop.imaging.signed import render_signed

EXPLANATION_VERSION: Final = 1
_OPACITY: Final = 0.75
_SCALE_END: Final = 99.5


@dataclass(frozen=True, eq=False)
class AttackStudy:
    """What else is told where the image was attacked.

    Attributes:
        attack, objective: settings by field, with the name.
        success: the objective is achieved.
        curve: feature distances of the attacked model; None where its layers cannot be read.
        seen: the perturbation, and whether it can be seen.
    """

    attack: dict[str, Any]
    objective: dict[str, Any]
    success: bool
    curve: LayerCurve | None
    seen: PerturbationView


def overlay(
    image: NDArray[np.floating], response: NDArray[np.floating], limit: float
) -> NDArray[np.uint8]:
    """A response over a model input: H×W×3, orange for, blue against, the clearer the stronger.

    Args:
        image: C×H×W in [0, 1], one channel or three.
        response: H×W.
        limit: the response that is shown strongest, above 0.
    """
    grey = np.asarray(image, np.float64) * 255
    picture = np.repeat(grey, 3, axis=0) if len(grey) == 1 else grey
    strength = np.clip(np.abs(np.asarray(response, np.float64)) / limit, 0, 1)
    opacity = (_OPACITY * strength)[..., None]
    mixed = picture.transpose(1, 2, 0) * (1 - opacity) + render_signed(response, limit) * opacity
    return np.rint(np.clip(mixed, 0, 255)).astype(np.uint8)


def save_explanation(
    explanation: Explanation, frame: Frame, folder: Path, study: AttackStudy | None = None
) -> tuple[Path, ...]:
    """Write an explanation into `folder`, which is made where it is missing.

    Raises:
        ExportError: a file cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ExportError(
            f"the folder cannot be made ({error.strerror or error})", subject=folder
        ) from None
    limits = _limits(explanation)
    arrays: dict[str, NDArray[np.generic]] = {}
    written = []
    for shown in explanation.views:
        slug = shown.view.name.replace(" ", "-")
        arrays[f"image-{slug}"], arrays[f"response-{slug}"] = shown.view.image, shown.response
        path = folder / f"response-{slug}.png"
        picture = overlay(shown.view.image, shown.response, limits[shown.view.model] or 1.0)
        write_png(path, picture, {"Description": NOT_FOR_DIAGNOSIS, "Software": "MedAdv Desktop"})
        written.append(path)
    if study is not None:
        jnds = study.seen.visibility.jnds
        arrays["jnds"] = jnds.astype(np.float32)
        excess = np.copysign(study.seen.visibility.excess, jnds)
        original = study.seen.request.outcome.original
        path = folder / "visibility.png"
        write_png(path, overlay(original, excess, max(float(np.abs(excess).max()), 1.0)))
        written.append(path)
    write_arrays(folder / "arrays.npz", **arrays)
    content = describe(explanation, frame, limits, study)
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    write_atomically(folder / "explanation.json", text.encode())
    return (*written, folder / "arrays.npz", folder / "explanation.json")


def describe(
    explanation: Explanation,
    frame: Frame,
    limits: dict[str, float],
    study: AttackStudy | None = None,
) -> dict[str, Any]:
    """The content of ``explanation.json``. What is undefined is null. No value of the patient's.

    Args:
        limits: by model, the end of the colour scale.
    """
    method, source = explanation.request.method, frame.provenance
    return {
        "format": "medadv-explanation",
        "version": EXPLANATION_VERSION,
        "notice": NOT_FOR_DIAGNOSIS,
        "input": {
            "path": str(source.path),
            "sha256": file_sha256(source.path),
            "frame": source.frame,
            "sop_instance_uid": source.sop_instance_uid,
        },
        "method": {"name": method.name, **method.model_dump(mode="json")},
        "top_share": explanation.request.top_share,
        "views": [_view(shown, limits[shown.view.model]) for shown in explanation.views],
        "overlaps": [
            {
                "first": pair.first,
                "second": pair.second,
                "iou": pair.overlap.iou if pair.overlap else None,
                "rank_correlation": pair.overlap.rank_correlation if pair.overlap else None,
                "reason": pair.reason,
            }
            for pair in explanation.overlaps
        ],
        "attack": _study(study) if study else None,
    }


def _view(shown: ExplainedView, limit: float) -> dict[str, Any]:
    prediction, within = shown.prediction, shown.inside
    card = prediction.card
    return {
        "name": shown.view.name,
        "model": {"id": card.id, "name": card.name, "sha256": card.sha256},
        "decided": list(prediction.decided),
        "probabilities": dict(zip(card.classes, prediction.probabilities.tolist(), strict=True)),
        "target": card.classes[shown.target],
        "score": shown.score,
        "layer": shown.layer,
        "colour_scale": limit,
        "unexplained": shown.unexplained,
        "lesion": None
        if within is None
        else {
            "response_share": within.share,
            "region_share": within.region_share,
            "area": within.area,
            "peak_inside": within.peak,
        },
        "notes": list(shown.notes),
    }


def _study(study: AttackStudy) -> dict[str, Any]:
    found, seen = study.seen.perturbation, study.seen.visibility
    norms = found.norms
    return {
        **study.attack,
        "objective": study.objective,
        "success": study.success,
        "feature_distance": None if study.curve is None else _curve(study.curve),
        "perturbation": {
            "linf": norms.linf,
            "l2": norms.l2,
            "l1": norms.l1,
            "l0": norms.l0,
            "unit": "of the model input's grey scale [0, 1]",
            "ssim": found.ssim,
            "psnr_db": _finite(found.psnr),
            "spectrum": {
                "cycles_per_pixel": found.spectrum.frequencies.tolist(),
                "power": found.spectrum.power.tolist(),
                "centroid": found.spectrum.centroid,
            },
        },
        "visibility": {
            "display": seen.display.model_dump(mode="json"),
            "jnds_from_black_to_white": seen.steps,
            "visible_share": seen.visible_share,
            "largest_jnds": seen.largest,
            "mean_jnds": seen.mean,
            "pixels": seen.counted,
        },
    }


def _curve(curve: LayerCurve) -> dict[str, Any]:
    found = curve.curve
    distances = zip(found.layers, found.distances[:, 0].tolist(), strict=True)
    return {
        "layers": {name: _finite(distance) for name, distance in distances},
        "left_out": dict(found.left_out),
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _limits(explanation: Explanation) -> dict[str, float]:
    """By model, the end of the colour scale of its views; 0 where there is no response.

    The 99.5th percentile of all of them: attributions have a few pixels far above the rest.
    """
    sizes: dict[str, list[NDArray[np.float32]]] = {}
    for shown in explanation.views:
        sizes.setdefault(shown.view.model, []).append(np.abs(shown.response).ravel())
    limits = {}
    for model, parts in sizes.items():
        values = np.concatenate(parts)
        limits[model] = float(np.percentile(values, _SCALE_END)) or float(values.max())
    return limits
