"""Audits in processes of their own, which can be killed. Started by a server that has torch."""

from __future__ import annotations

import multiprocessing
import os
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from medadv_desktop.audit.plan.schema import AuditPlan
from medadv_desktop.jobs import Event, Partial

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(["medadv_desktop.audit.engine"])


def start(
    folder: Path, plan: AuditPlan | None, cache: Path, team: dict[str, str] | None = None
) -> tuple[BaseProcess, Any]:
    """A process that runs an audit, and the end of a pipe that tells of every stored batch.

    Args:
        team: environment of a member of a team, as torchrun sets it.
    """
    here, there = _SERVER.Pipe(duplex=False)
    process = _SERVER.Process(target=_work, args=(folder, plan, cache, team or {}, there))
    process.start()
    there.close()
    return process, here


def _work(
    folder: Path, plan: AuditPlan | None, cache: Path, team: dict[str, str], pipe: Any
) -> None:
    import torch

    os.environ.update(team)
    torch.set_num_threads(1)

    from medadv_desktop.audit.runner.run import run_audit
    from medadv_desktop.audit.runner.team import join_team, leave_team
    from medadv_desktop.audit.runs import AuditRequest, CellProgress
    from medadv_desktop.audit.shelf import ModelShelf
    from medadv_desktop.errors import MedAdvError
    from medadv_desktop.jobs import CancelToken, Message

    def tell(event: Event) -> None:
        if isinstance(event, Message):
            pipe.send(("message", event.text))
        elif isinstance(event, Partial) and isinstance(event.value, CellProgress):
            pipe.send(("batch", event.value.batches_done))

    request = AuditRequest(folder, plan, cache=cache)
    try:
        members = join_team()
        found = run_audit(
            ModelShelf(torch.device("cpu")), request, tell, CancelToken(), team=members
        )
        pipe.send(("end", "; ".join(f.reason for f in found.failures) or found.state))
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
    raise TimeoutError("the audit says nothing")
