"""Trainings in processes of their own, which can be killed. Started by a server that has torch."""

from __future__ import annotations

import multiprocessing
import os
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from medadv_desktop.jobs import Event, Partial
from medadv_desktop.training.recipe import Recipe

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(
    ["medadv_desktop.training.run", "medadv_desktop.attacks.precision.rewriting", "torch.fx"]
)


def start(
    folder: Path,
    recipe: Recipe | None,
    cache: Path,
    *,
    resume: bool = False,
    team: dict[str, str] | None = None,
) -> tuple[BaseProcess, Any]:
    """A process that trains, and the end of a pipe that tells of every step.

    Args:
        team: environment of a member of a team, as torchrun sets it.
    """
    here, there = _SERVER.Pipe(duplex=False)
    process = _SERVER.Process(target=_work, args=(folder, recipe, cache, resume, team or {}, there))
    process.start()
    there.close()
    return process, here


def _work(
    folder: Path,
    recipe: Recipe | None,
    cache: Path,
    resume: bool,
    team: dict[str, str],
    pipe: Any,
) -> None:
    import torch

    os.environ.update(team)
    torch.set_num_threads(1)

    from medadv_desktop.audit.runner.team import join_team, leave_team
    from medadv_desktop.errors import MedAdvError
    from medadv_desktop.training.requests import TrainingRequest, TrainingStanding
    from medadv_desktop.training.run import run_training

    def tell(event: Event) -> None:
        if isinstance(event, Partial) and isinstance(event.value, TrainingStanding):
            pipe.send(("step", event.value.step))

    try:
        members = join_team()
        request = TrainingRequest(folder, recipe, resume=resume, cache=cache)
        found = run_training(request, "cpu", tell, team=members)
        pipe.send(("end", found.ending))
        leave_team(members)
    except MedAdvError as error:
        pipe.send(("error", str(error)))
        os._exit(2)
    except BrokenPipeError:
        os._exit(3)


def told(pipe: Any, kinds: tuple[str, ...], within: float = 100) -> tuple[str, Any] | None:
    """The next word of these kinds; None where the process ended without one."""
    try:
        while pipe.poll(within):
            word = pipe.recv()
            if word[0] in kinds:
                return word
    except EOFError:
        return None
    raise TimeoutError("the training says nothing")
