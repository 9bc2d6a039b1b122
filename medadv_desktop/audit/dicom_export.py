"""An attack's outcome as a DICOM instance: the perturbation on the source's own pixels. No torch.

What is judged in an attack is the model input. Here its perturbation is carried back to the stored
values of the source, which resamples, rounds and clips it, and a mark is burned in: the exported
image may deceive the model no longer. `RecheckRequest` asks the model.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from medadv_desktop.audit.requests import AttackOutcome, Prediction, RecheckRequest, RecheckResult
from medadv_desktop.errors import ExportError
from medadv_desktop.imaging.derived import DerivedDicom, write_derived_dicom
from medadv_desktop.imaging.frame import Frame, PixelSpace
from medadv_desktop.imaging.reading import read_frame
from medadv_desktop.models.stored_space import CarriedBack, carried_back
from medadv_desktop.settings import format_pixel_fraction


@dataclass(frozen=True, eq=False)
class DicomExport:
    """What was written.

    Attributes:
        file: path, UIDs, mark.
        carried: what became of the perturbation on its way.
        frame: the file, read back.
        unmarked: the same values before the mark was burned in; None without a mark.
    """

    file: DerivedDicom
    carried: CarriedBack
    frame: Frame
    unmarked: Frame | None

    def recheck(self, outcome: AttackOutcome) -> RecheckRequest:
        """The request to judge what was written against the goal of its attack."""
        return RecheckRequest(outcome, self.frame, self.unmarked)


def export_dicom(
    outcome: AttackOutcome, path: Path, *, burn_in: bool = True, deidentify: bool = True
) -> DicomExport:
    """Write the source of an outcome, attacked, as a new DICOM instance, and read it back.

    Args:
        outcome: of an attack on a frame of a file.
        path: replaced if it exists.
        burn_in: write "ADVERSARIAL – NOT FOR DIAGNOSIS" into the pixels.
        deidentify: take the patient's identity out of the header (PS3.15 basic profile).

    Raises:
        ExportError: there is no way back to stored values, or the file cannot be written.
        ModelError: the source's modality table turns back on itself.
        ImageError: the written file cannot be read back.
    """
    frame = outcome.request.frame
    if frame.space is PixelSpace.MODEL_INPUT:
        raise ExportError(
            "is a model input, not a source image: there is nothing to carry the perturbation to",
            subject=frame.provenance.path,
            remedy="Attack the source image, or export PNG or NPZ",
        )
    if path.exists() and frame.provenance.path.exists() and path.samefile(frame.provenance.path):
        raise ExportError("is the source itself", subject=path, remedy="Choose another name")
    carried = carried_back(frame, outcome.plan, outcome.perturbation)
    written = write_derived_dicom(
        frame,
        carried.stored,
        path,
        attack=f"{attack_text(outcome)} {carried.description}",
        burn_in=burn_in,
        deidentify=deidentify,
    )
    read = read_frame(path)
    unmarked = None if written.mark is None else replace(read, stored=carried.stored)
    return DicomExport(written, carried, read, unmarked)


def attack_text(outcome: AttackOutcome) -> str:
    """Attack, budget, goal and model in a sentence; nothing of the patient."""
    request = outcome.request
    epsilon = getattr(request.attack, "epsilon", None)
    budget = f", epsilon {format_pixel_fraction(epsilon)}" if epsilon is not None else ""
    return (
        f"{request.attack.title}{budget} of the model input's grey scale, {outcome.steps} steps, "
        f"goal '{request.objective.title}', seed {request.seed}, "
        f"against model {outcome.clean.card.id}."
    )


def describe_export(export: DicomExport, recheck: RecheckResult) -> dict[str, Any]:
    """The export for ``result.json``. Holds no value of the patient's."""
    file, carried, unmarked = export.file, export.carried, recheck.unmarked_prediction
    (height, width), (rows, columns) = carried.resampled
    return {
        "path": str(file.path),
        "sop_instance_uid": file.sop_instance_uid,
        "series_instance_uid": file.series_instance_uid,
        "study_instance_uid": file.study_instance_uid,
        "mark": None
        if file.mark is None
        else dict(zip(("top", "left", "height", "width"), file.mark, strict=True)),
        "carried_back": {
            "from": [height, width],
            "to": [rows, columns],
            "clipped": carried.clipped,
            "rounded_away": carried.rounded_away,
            "beyond_window": carried.beyond_window,
            "kept_from_padding": carried.kept_from_padding,
        },
        "prediction": _prediction(recheck.prediction),
        "success": recheck.success,
        "prediction_without_mark": None if unmarked is None else _prediction(unmarked),
        "success_without_mark": recheck.unmarked_success,
        "notes": list(file.notes),
    }


def _prediction(prediction: Prediction) -> dict[str, Any]:
    names = prediction.card.classes
    return {
        "decided": list(prediction.decided),
        "probabilities": dict(zip(names, prediction.probabilities.tolist(), strict=True)),
    }
