"""Training models, plainly or defended: `train`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from medadv_desktop.cli.options import Device, app
from medadv_desktop.cli.running import cancellable, complain
from medadv_desktop.errors import SettingsError
from medadv_desktop.jobs import Event, Message, Progress

ENDED_BADLY = 3
"""Exit code beside 0, 2 (bad input) and 130 (cancelled): it diverged or collapsed."""

_LINE_S = 10.0
"""Between two lines of progress in a pipe."""


@app.command()
def train(
    recipe: Annotated[
        Path | None, typer.Argument(help="The recipe (.toml); not needed with --resume")
    ] = None,
    *,
    out: Annotated[Path, typer.Option(help="Folder of the training")],
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the checkpoint in the folder")
    ] = False,
    device: Device = "auto",
) -> None:
    """Train a model by a recipe; the best by its robust validation score is kept.

    Exit codes: 0 done; 2 bad input; 3 diverged or collapsed, what was best before is kept; 130
    cancelled, to be gone on with by --resume. Under torchrun the processes share every batch.
    """
    from medadv_desktop.training.files import read_recipe

    if recipe is None and not resume:
        raise SettingsError("is missing", subject="RECIPE", remedy="Name a recipe, or --resume")
    chosen = None if recipe is None else read_recipe(recipe)
    finished = _run(out, chosen, resume, device)
    if finished is None:  # the leader of the team tells
        return
    from medadv_desktop.training.requests import ENDINGS

    print(f"{len(finished.history)} epochs; {ENDINGS[finished.ending]}")
    if finished.card is not None:
        best = finished.history[finished.best - 1]
        scores = f"clean {best.clean:.3f}, robust {best.robust:.3f} on the validation split"
        print(f"epoch {finished.best} is the best: {scores}")
        print(f"model: {finished.card}")
    if finished.ending in ("diverged", "collapsed"):
        if finished.ending == "collapsed":  # a divergence was told when it happened
            complain(ENDINGS["collapsed"])
        raise typer.Exit(ENDED_BADLY)


def _run(out: Path, recipe: Any, resume: bool, device: str) -> Any:
    """Train, alone or in a team; None in processes that do not lead."""
    from medadv_desktop.audit.devices import choose_device
    from medadv_desktop.audit.runner.team import device_of, join_team, leave_team
    from medadv_desktop.jobs import silent
    from medadv_desktop.training.requests import TrainingRequest
    from medadv_desktop.training.run import run_training

    team = join_team()
    try:
        chosen = choose_device(device_of(team, device))
        request = TrainingRequest(out, recipe, resume=resume)
        with cancellable() as token, _progress() as emit:
            heard = emit if team.leads else silent
            finished = run_training(request, chosen, heard, token, team=team)
        return finished if team.leads else None
    finally:
        leave_team(team)


@contextmanager
def _progress() -> Iterator[Callable[[Event], None]]:
    """One line that is drawn over on a terminal; in a pipe a line every few seconds."""
    terminal = sys.stderr.isatty()
    told = time.monotonic()

    def emit(event: Event) -> None:
        nonlocal told
        if isinstance(event, Message):
            if event.level == "info":
                print(f"{_erased(terminal)}{event.text}", file=sys.stderr, flush=True)
            else:
                complain(event.text)
        elif isinstance(event, Progress) and event.total:
            line = f"{event.done / event.total:4.0%}  {event.message}"
            if terminal:
                print(f"\r{line}\x1b[K", end="", file=sys.stderr, flush=True)
            elif time.monotonic() - told >= _LINE_S:
                told = time.monotonic()
                print(line, file=sys.stderr, flush=True)

    try:
        yield emit
    finally:
        print(_erased(terminal), end="", file=sys.stderr, flush=True)


def _erased(terminal: bool) -> str:
    return "\r\x1b[K" if terminal else ""
