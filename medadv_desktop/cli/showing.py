"""The window and the demo: `gui`, `demo`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from medadv_desktop import NOT_FOR_DIAGNOSIS
from medadv_desktop.cli.attacking import attack_and_save
from medadv_desktop.cli.options import Device, ModelName, app
from medadv_desktop.cli.running import DONE, cancellable, complain, for_each, progress_line
from medadv_desktop.errors import MedAdvError
from medadv_desktop.jobs import CancelToken


@app.command()
def gui(
    paths: Annotated[list[Path] | None, typer.Argument(help="Scans or folders to open")] = None,
    model: ModelName = "",
) -> None:
    """Open the window."""
    from medadv_desktop.gui.application import run_window

    raise typer.Exit(run_window([Path(p) for p in paths or ()], model=model))


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for study and results")] = Path("medadv-demo"),
    window: Annotated[
        bool | None,
        typer.Option(help="In a window, or without; by default as the display allows"),
    ] = None,
    device: Device = "auto",
) -> None:
    """The main job on phantoms: open, predict, attack, look; then a small audit with its report."""
    from medadv_desktop.audit.demo import DEMO_ATTACK, write_demo_study

    images = write_demo_study(out / "study")
    print(f"Demo study: {out / 'study'} ({len(images)} images). {NOT_FOR_DIAGNOSIS}.", flush=True)
    if window if window is not None else display_works():
        from medadv_desktop.gui.application import run_demo_window

        print("Opening the window. `medadv demo --no-window` runs the same job without it.")
        raise typer.Exit(run_demo_window(images, device=device, audit=out.absolute()))
    from medadv_desktop.audit.engine import Engine
    from medadv_desktop.audit.requests import AttackRequest
    from medadv_desktop.imaging.reading import read_frame

    engine = Engine(device)
    by_path = {image.path: image for image in images}

    def one(path: Path, token: CancelToken) -> None:
        image = by_path[path]
        request = AttackRequest(
            image.model, read_frame(path), DEMO_ATTACK, image.objective, image.labels
        )
        attack_and_save(engine, request, out / "results" / path.stem, token)

    code = for_each([image.path for image in images], one)
    if code == DONE:
        screenshot = out / "window.png"
        draw_window_offscreen(out, screenshot)
        print(f"The window, drawn off screen: {screenshot}", flush=True)
        _audit(engine, out)
    raise typer.Exit(code)


def _audit(engine: Any, out: Path) -> None:
    """The demo audit over the three demo models, and its report."""
    from medadv_desktop.audit.demo import write_demo_audit
    from medadv_desktop.audit.integrity import make_integrity
    from medadv_desktop.audit.plan.files import read_plan
    from medadv_desktop.audit.report.building import build_report
    from medadv_desktop.audit.runs import AuditFinished, AuditRequest
    from medadv_desktop.audit.store.store import STORE_NAME
    from medadv_desktop.cli.auditing import print_cells

    plan, run = read_plan(write_demo_audit(out / "audit-data")), out / "audit"
    fresh = not (run / STORE_NAME).exists()
    print(f"Auditing the three demo models on phantoms, into {run}", flush=True)
    with cancellable() as token, progress_line("auditing") as emit:
        found = engine.run(AuditRequest(run, plan if fresh else None), emit, token)
        assert isinstance(found, AuditFinished)
        written = build_report(run, formats=("html", "pdf"), emit=emit, token=token)
        make_integrity(run, emit=emit, token=token)
    print_cells(run)
    for path in written:
        print(f"Report: {path}")


def display_works() -> bool:
    """Whether a window can be opened here. Asked in a process of its own: Qt aborts where not."""
    platform = os.environ.get("QT_QPA_PLATFORM", "")
    if platform in ("offscreen", "minimal"):
        return False
    unix = sys.platform not in ("win32", "darwin")
    if unix and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False
    trial = "from PySide6.QtGui import QGuiApplication; QGuiApplication([])"
    try:
        done = subprocess.run(
            [sys.executable, "-c", trial], capture_output=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    if done.returncode != 0:
        complain("a display is set, but no window can be opened on it; going on without")
    return done.returncode == 0


def draw_window_offscreen(folder: Path, screenshot: Path) -> None:
    """Run the demo in a window that is drawn off screen, in a process of its own."""
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen"}
    command = [sys.executable, "-m", "medadv_desktop.gui.snapshot", str(folder), str(screenshot)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0 or not screenshot.exists():
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise MedAdvError(f"the window could not be drawn off screen ({last})", subject=screenshot)
