"""Whole audits from a plan: `audit`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from medadv_desktop.cli.options import AllowCode, Device, Json, app
from medadv_desktop.cli.running import cancellable, complain, progress_line
from medadv_desktop.errors import AuditError, SettingsError

FAILED_CELLS, UNDER_LIMIT = 3, 4
"""Exit codes beside 0, 2 (bad input) and 130 (cancelled)."""

Limits = dict[str, float]


@app.command()
def audit(
    plan: Annotated[
        Path | None, typer.Argument(help="The plan (.toml); not needed with --resume")
    ] = None,
    *,
    out: Annotated[Path | None, typer.Option(help="Folder of the audit")] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Go on with the audit in the folder; with a plan, begin where none is"
        ),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Check the plan, list its cells and write nothing"),
    ] = False,
    workers: Annotated[
        int | None, typer.Option(help="Threads that decode, instead of the plan's", min=1)
    ] = None,
    fail_under: Annotated[
        list[str] | None,
        typer.Option(
            help="Exit with 4 where a figure of any cell is lower: robust_accuracy=0.6 "
            "(repeatable; also clean_accuracy, area, robust_area)"
        ),
    ] = None,
    as_json: Json = False,
    device: Device = "auto",
    allow_code: AllowCode = False,
) -> None:
    """Run a plan to its end: clean, attacked and corrupted, with figures; resumable at any time.

    Exit codes: 0 done; 2 bad input; 3 a cell failed; 4 a figure under its limit; 130 cancelled.
    Under torchrun the processes share the work.
    """
    from medadv_desktop.audit.plan.files import read_plan

    limits = _limits(fail_under)
    if plan is None and not resume:
        raise SettingsError("is missing", subject="PLAN", remedy="Name a plan, or say --resume")
    chosen = None if plan is None else read_plan(plan)
    if chosen is not None and workers is not None:
        running = chosen.running.model_copy(update={"workers": workers})
        chosen = chosen.model_copy(update={"running": running})
    if dry_run:
        _dry_run(chosen, out)
        return
    if out is None:
        raise SettingsError("is missing", subject="--out", remedy="Name a folder for the audit")
    finished = _run(out, chosen, resume, device, allow_code)
    if finished is None:  # the leader of the team tells
        return
    verdicts = _under(out, limits)
    if as_json:
        print(json.dumps(_described(finished, verdicts), indent=2, ensure_ascii=False))
    else:
        print_cells(out)
        print(f"{finished.done} of {finished.cells} cells done, {finished.seconds:.1f} s, in {out}")
    for reason, titles in _by_reason(finished.failures).items():
        more = f" and {len(titles) - 1} more" if len(titles) > 1 else ""
        complain(f"{titles[0]}{more}: failed: {reason}")
    for verdict in verdicts:
        complain(verdict)
    if finished.failures:
        raise typer.Exit(FAILED_CELLS)
    if verdicts:
        raise typer.Exit(UNDER_LIMIT)


def _limits(texts: list[str] | None) -> Limits:
    """Least values by figure, from texts like "robust_accuracy=0.6".

    Raises:
        SettingsError: no such figure, or no number from 0 to 1.
    """
    known = ("robust_accuracy", "clean_accuracy", "area", "robust_area")
    limits: Limits = {}
    for text in texts or []:
        name, _, value = text.partition("=")
        try:
            limit = float(value)
        except ValueError:
            limit = -1.0
        if name not in known or not 0 <= limit <= 1:
            raise SettingsError(
                "is of no use",
                subject=f"--fail-under {text}",
                remedy=f"Write one of {', '.join(known)}, =, and a number from 0 to 1",
            )
        limits[name] = limit
    return limits


def _dry_run(plan: Any, out: Path | None) -> None:
    from medadv_desktop.audit.plan.cells import cells_of
    from medadv_desktop.audit.store.store import AuditStore

    if plan is None:
        if out is None:
            raise SettingsError("is missing", subject="--out", remedy="Name the audit's folder")
        with AuditStore.open(out) as store:
            records = store.cells()
        for record in records:
            cell = record.cell
            print(f"{record.state:9} {cell.id}  {cell.model} on {cell.dataset}: {cell.title}")
        return
    cells = cells_of(plan)
    for cell in cells:
        print(f"{cell.id}  {cell.model} on {cell.dataset}: {cell.title}")
    print(f"{len(cells)} cells; the plan is sound, nothing was computed")


def _to_begin(plan: Any, out: Path) -> Any:
    """With --resume: the plan where the folder holds no audit yet, None where it holds this one.

    Raises:
        AuditError: it holds another.
    """
    from medadv_desktop.audit.store.store import STORE_NAME, AuditStore

    if plan is None or not (out / STORE_NAME).exists():
        return plan
    with AuditStore.open(out) as store:
        mine = store.plan
    if mine.model_copy(update={"running": plan.running}) != plan:
        raise AuditError(
            "holds an audit of another plan",
            subject=out,
            remedy="Leave the plan out to go on with that one, or choose another folder",
        )
    return None


def _run(out: Path, plan: Any, resume: bool, device: str, allow_code: bool) -> Any:
    """Run it, alone or in a team; None in processes that do not lead."""
    from medadv_desktop.audit.engine import Engine
    from medadv_desktop.audit.runner.run import run_audit
    from medadv_desktop.audit.runner.team import device_of, join_team, leave_team
    from medadv_desktop.audit.runs import AuditRequest
    from medadv_desktop.audit.store.store import AuditStore

    team = join_team()
    try:
        engine = Engine(device_of(team, device))
        if resume and team.leads:
            plan = _to_begin(plan, out)
        if allow_code:
            known = plan
            if known is None:
                with AuditStore.open(out) as store:
                    known = store.plan
            for model in known.models:
                engine.shelf.allow_code(model.model)
        with cancellable() as token, progress_line("auditing") as emit:
            request = AuditRequest(out, plan)
            found = run_audit(engine.shelf, request, emit, token, team=team)
        return found if team.leads else None
    finally:
        leave_team(team)


def _by_reason(failures: Any) -> dict[str, list[str]]:
    """Titles of the cells that failed for the same reason."""
    found: dict[str, list[str]] = {}
    for failure in failures:
        found.setdefault(failure.reason, []).append(failure.title)
    return found


def _under(out: Path, limits: Limits) -> list[str]:
    """Figures under their limits, in words."""
    from medadv_desktop.audit.store.store import AuditStore

    if not limits:
        return []
    found = []
    with AuditStore.open(out) as store:
        for record in store.cells():
            figures = {} if record.outcome is None else record.outcome.figures.get("figures", {})
            for name, limit in limits.items():
                value = figures.get(name)
                value = value.get("value") if isinstance(value, dict) else value
                if value is not None and value < limit:
                    cell = record.cell
                    found.append(
                        f"{cell.model} on {cell.dataset}: {cell.title}: "
                        f"{name.replace('_', ' ')} {value:.3f} is under {limit:g}"
                    )
    return found


def _described(finished: Any, verdicts: list[str]) -> dict[str, Any]:
    return {
        "folder": str(finished.folder),
        "state": finished.state,
        "cells": finished.cells,
        "done": finished.done,
        "seconds": round(finished.seconds, 3),
        "failures": [
            {"cell": f.cell, "title": f.title, "reason": f.reason} for f in finished.failures
        ],
        "under_limit": verdicts,
    }


def print_cells(out: Path) -> None:
    """A line for each cell of an audit, with the figure that tells most."""
    from medadv_desktop.audit.store.store import AuditStore

    with AuditStore.open(out) as store:
        for record in store.cells():
            cell = record.cell
            print(f"{cell.model} on {cell.dataset}: {cell.title}: {_headline(record)}")


def _headline(record: Any) -> str:
    """The figure of a cell that tells most, in one phrase."""
    if record.outcome is None:
        return str(record.state)
    found = record.outcome.figures
    if record.cell.kind == "sequence":
        flips = found.get("flip_probability")
        return "no sequences" if flips is None else f"flip probability {flips:.3f}"
    figures = found["figures"]
    name = "clean_accuracy" if record.cell.kind == "clean" else "robust_accuracy"
    share = figures[name]
    if share["value"] is None:
        return "no samples"
    value, low, high = (f"{share[key]:.3f}" for key in ("value", "low", "high"))
    return f"{name.replace('_', ' ')} {value} [{low}, {high}] ({share['count']} of {share['of']})"
