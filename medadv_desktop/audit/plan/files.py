"""A plan as a TOML file: read with one clear error, written with every default. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from medadv_desktop.audit.plan.schema import PLAN_VERSION, AuditPlan, PlanAttack
from medadv_desktop.errors import PlanError
from medadv_desktop.files import write_atomically
from medadv_desktop.settings import fields_of
from medadv_desktop.toml_files import TomlKind, as_toml

_PLAN: Final = TomlKind(AuditPlan, PLAN_VERSION, "an audit plan", PlanError, "docs/audits.md")


def read_plan(path: Path) -> AuditPlan:
    """The plan in a file; paths in it are made absolute, seen from the file's own folder.

    Raises:
        PlanError: missing, no TOML, of a newer version, or a field is wrong; names file and field.
    """
    return plan_of(_PLAN.text(path), subject=str(path), folder=path.parent)


def plan_of(text: str, *, subject: str = "plan", folder: Path | None = None) -> AuditPlan:
    """The plan that a TOML text describes.

    Args:
        subject: what an error calls it.
        folder: relative paths of data sets and models are seen from it; None leaves them.

    Raises:
        PlanError: as `read_plan`.
    """
    return plan_from(_PLAN.values(text, subject), subject=subject, folder=folder)


def plan_from(
    values: Mapping[str, Any], *, subject: str = "plan", folder: Path | None = None
) -> AuditPlan:
    """The plan of plain values; see `plan_of`."""
    plan = _PLAN.build(values, subject)
    return plan if folder is None else _resolved(plan, folder.resolve())


def write_plan(plan: AuditPlan, path: Path) -> None:
    """Write a plan with every default, whole or not at all.

    Raises:
        ExportError: it cannot be written.
    """
    write_atomically(path, plan_text(plan).encode())


def plan_text(plan: AuditPlan) -> str:
    """The plan as TOML with every default; what is absent is automatic."""
    return values_text(plan.model_dump(mode="json"))


def values_text(values: Mapping[str, Any]) -> str:
    """A plan's plain values as TOML; what is None is left out."""
    return as_toml(values)


def _resolved(plan: AuditPlan, folder: Path) -> AuditPlan:
    """The plan with absolute paths; an id of the model library stays an id."""

    def absolute(text: str) -> str:
        return str((folder / Path(text).expanduser()).resolve())

    def model(text: str) -> str:
        return absolute(text) if (folder / text).exists() or "/" in text or "\\" in text else text

    def settings(attack: PlanAttack) -> dict[str, Any]:
        files = {f.name for f in fields_of(type(attack.at(None))) if f.kind == "file"}
        return {k: absolute(v) if k in files and v else v for k, v in attack.settings.items()}

    values = plan.model_dump()
    values["models"] = [m | {"model": model(m["model"])} for m in values["models"]]
    values["datasets"] = [d | {"path": absolute(d["path"])} for d in values["datasets"]]
    for attack, written in zip(plan.attacks, values["attacks"], strict=True):
        written["settings"] = settings(attack)
    return AuditPlan(**values)
