"""A plan as a TOML file: read with one clear error, written with every default. No torch."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import tomli_w
from pydantic import ValidationError

from medadv_desktop.audit.plan.schema import PLAN_VERSION, AuditPlan, PlanAttack
from medadv_desktop.errors import PlanError
from medadv_desktop.files import write_atomically
from medadv_desktop.settings import fields_of

_LARGEST: Final = 4 << 20


def read_plan(path: Path) -> AuditPlan:
    """The plan in a file; paths in it are made absolute, seen from the file's own folder.

    Raises:
        PlanError: missing, no TOML, of a newer version, or a field is wrong; names file and field.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise PlanError("is far too large for an audit plan", subject=path)
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise PlanError(f"cannot be read ({error.strerror or error})", subject=path) from None
    except UnicodeDecodeError:
        raise PlanError("is no text in UTF-8", subject=path) from None
    return plan_of(text, subject=str(path), folder=path.parent)


def plan_of(text: str, *, subject: str = "plan", folder: Path | None = None) -> AuditPlan:
    """The plan that a TOML text describes.

    Args:
        subject: what an error calls it.
        folder: relative paths of data sets and models are seen from it; None leaves them.

    Raises:
        PlanError: as `read_plan`.
    """
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PlanError(f"is no TOML: {error}", subject=subject) from None
    return plan_from(values, subject=subject, folder=folder)


def plan_from(
    values: Mapping[str, Any], *, subject: str = "plan", folder: Path | None = None
) -> AuditPlan:
    """The plan of plain values; see `plan_of`."""
    version = values.get("version", PLAN_VERSION)
    if version != PLAN_VERSION:
        newer = isinstance(version, int) and version > PLAN_VERSION
        raise PlanError(
            f"has version {version!r}; this program knows version {PLAN_VERSION}",
            subject=subject,
            remedy="Update this program" if newer else f"Write version = {PLAN_VERSION}",
        )
    try:
        plan = AuditPlan(**values)
    except ValidationError as error:
        first = error.errors()[0]
        where = _where(first["loc"], values)
        reason = first["msg"].removeprefix("Value error, ").rstrip(".")
        if first["type"] == "extra_forbidden":
            reason = "there is no such field"
        elif first["type"] == "missing":
            reason = "is missing"
        raise PlanError(
            f"{where}: {reason[:1].lower()}{reason[1:]}" if where else reason,
            subject=subject,
            remedy="See docs/audits.md for all fields",
        ) from None
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
    return tomli_w.dumps(_without_none(values))


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_none(v) for k, v in value.items() if v is not None}
    if isinstance(value, (list, tuple)):
        return [_without_none(v) for v in value]
    return value


def _where(location: tuple[int | str, ...], values: Mapping[str, Any]) -> str:
    """ "attacks[1] (pgd).epsilons[0]": the place of an error, entries with their ids."""
    text, here = "", values
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
        try:
            here = here[part]  # type: ignore[index]
        except (KeyError, IndexError, TypeError):
            here = {}
        if isinstance(part, int) and isinstance(here, Mapping):
            name = here.get("id", here.get("kind"))
            text += f" ({name})" if isinstance(name, str) else ""
    return text


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
