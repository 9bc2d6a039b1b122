"""What files hold: `info`, `tags`, `inventory`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from medadv_desktop.cli.options import Json, Paths, app
from medadv_desktop.cli.running import BAD_INPUT, DONE, cancellable, complain, progress_line

ShowPatient = Annotated[
    bool,
    typer.Option(
        "--show-patient-data", help="Show names, dates and identifiers, which are masked otherwise"
    ),
]


@app.command()
def info(paths: Paths, as_json: Json = False, show_patient_data: ShowPatient = False) -> None:
    """What files and folders hold, in studies and series, without decoding their pixels."""
    from medadv_desktop.imaging.frame import Instance, NonImage
    from medadv_desktop.imaging.scanning import scan
    from medadv_desktop.imaging.series import group

    with cancellable() as token:
        found = list(scan(paths, token))
    images = [f for f in found if isinstance(f, Instance)]
    objects = [f for f in found if isinstance(f, NonImage)]
    others = [f for f in found if not isinstance(f, Instance | NonImage)]
    studies = group(images, objects)
    if as_json:
        content = {
            "studies": [_study(study, show_patient_data) for study in studies],
            "files": [_described(f) for f in found],
        }
        print(json.dumps(content, indent=2, ensure_ascii=False))
    else:
        for number, study in enumerate(studies, 1):
            _print_study(number, study, show_patient_data)
        for other in others:
            if other.skipped:
                print(f"{other.path}  skipped: {other.reason}")
    failed = [f for f in others if not f.skipped]
    for failure in failed:
        complain(f"{failure.path}: {failure.reason}")
    raise typer.Exit(BAD_INPUT if failed else DONE)


@app.command()
def tags(
    file: Annotated[Path, typer.Argument(help="A DICOM file, with pixels or without")],
    as_json: Json = False,
    show_patient_data: ShowPatient = False,
    search: Annotated[str, typer.Option(help="Only elements with this in them")] = "",
) -> None:
    """Every element of a DICOM file; what tells of the patient is masked."""
    from medadv_desktop.imaging import tags as reading

    tree = reading.read_tags(file, masked=not show_patient_data)
    shown = reading.search(tree.tags, search)
    print(reading.as_json(shown) if as_json else reading.as_text(shown))
    for note in tree.notes:
        complain(f"{file}: {note}")


@app.command()
def inventory(paths: Paths, as_json: Json = False) -> None:
    """Decode every frame of every DICOM file, and print a table of how that went."""
    from medadv_desktop.imaging.inventory import as_table
    from medadv_desktop.imaging.inventory import inventory as take

    with cancellable() as token, progress_line("inventory") as emit:
        rows = list(take(paths, token, emit))
    if as_json:
        records = [
            {
                "path": str(row.path),
                "transfer_syntax": row.transfer_syntax,
                "photometric": row.photometric,
                "frames": row.frames,
                "read": row.read,
                "outcome": row.outcome,
            }
            for row in rows
        ]
        print(json.dumps(records, indent=2, ensure_ascii=False))
    else:
        root = paths[0] if len(paths) == 1 and paths[0].is_dir() else None
        print(as_table(rows, root))
        read = sum(row.read for row in rows)
        print(f"{read} of {len(rows)} read")
    if not rows:
        complain(f"no DICOM image in {', '.join(map(str, paths))}")
    raise typer.Exit(DONE if rows else BAD_INPUT)


def _print_study(number: int, study: Any, show_patient: bool) -> None:
    print(f"Study {number}: {_study_name(study, show_patient)}".rstrip(": "))
    for series in study.series:
        count = len(series.instances)
        words = (series.modality, _description(series, show_patient))
        name = " ".join(t for t in words if t) or "Series"
        spacing = f", {series.spacing_mm:.4g} mm apart" if series.spacing_mm else ""
        print(f"  {name}: {count} image{'' if count == 1 else 's'}{spacing}")
        for note in series.notes:
            print(f"    note: {note}")
        for instance in series.instances:
            print(f"    {_line(instance)}")
            for note in instance.notes:
                print(f"      note: {note}")
    for item in study.non_images:
        print(f"  {item.path}  {item.description}: no pixels, tags can be read")


def _study_name(study: Any, show_patient: bool) -> str:
    if not show_patient:
        return "" if _is_dicom(study) else study.description
    patient = study.patient
    names = (patient.name, patient.id) if patient else ()
    return ", ".join(t for t in (*names, study.date, study.description) if t)


def _description(series: Any, show_patient: bool) -> str:
    from medadv_desktop.imaging.derived import SERIES_DESCRIPTION

    dicom = bool(series.instances[0].provenance.study_instance_uid)
    if not dicom or show_patient or series.description == SERIES_DESCRIPTION:
        return str(series.description)
    return "" if series.number is None else f"series {series.number}"


def _is_dicom(study: Any) -> bool:
    return study.patient is not None or bool(study.non_images)


def _study(study: Any, show_patient: bool) -> dict[str, Any]:
    described: dict[str, Any] = {
        "uid": study.uid,
        "description": study.description if show_patient or not _is_dicom(study) else None,
        "series": [
            {
                "uid": series.uid,
                "description": _description(series, show_patient),
                "modality": series.modality,
                "number": series.number,
                "spacing_mm": series.spacing_mm,
                "notes": list(series.notes),
                "files": [str(i.path) for i in series.instances],
            }
            for series in study.series
        ],
        "objects": [
            {"path": str(o.path), "sop_class": o.sop_class, "description": o.description}
            for o in study.non_images
        ],
    }
    if show_patient and study.patient is not None:
        described |= {"patient": vars(study.patient), "date": study.date}
    return described


def _line(instance: Any) -> str:
    height, width = instance.size
    frames = f", {instance.frames} frames" if instance.frames > 1 else ""
    source = instance.provenance
    kind = f"{source.modality} " if source.modality else ""
    return (
        f"{instance.path}  {kind}{width}×{height}{frames}, {instance.photometric}, "
        f"{instance.bits_stored} bits, {source.transfer_syntax}"
    )


def _described(found: Any) -> dict[str, Any]:
    from medadv_desktop.imaging.frame import NonImage, Unreadable

    if isinstance(found, NonImage):
        return {
            "path": str(found.path),
            "outcome": "object",
            "reason": found.reason,
            "sop_class": found.sop_class,
            "description": found.description,
        }
    if isinstance(found, Unreadable):
        outcome = "skipped" if found.skipped else "failed"
        return {"path": str(found.path), "outcome": outcome, "reason": found.reason}
    source = found.provenance
    return {
        "path": str(found.path),
        "outcome": "read",
        "modality": source.modality,
        "height": found.size[0],
        "width": found.size[1],
        "frames": found.frames,
        "photometric": found.photometric,
        "bits_stored": found.bits_stored,
        "transfer_syntax": source.transfer_syntax,
        "sop_instance_uid": source.sop_instance_uid,
        "series_instance_uid": source.series_instance_uid,
        "study_instance_uid": source.study_instance_uid,
        "space": found.space.value,
        "notes": list(found.notes),
    }
