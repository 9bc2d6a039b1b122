"""One process or many: who works on which batch, and how they meet (torch.distributed)."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import torch

from medadv_desktop.errors import AuditError, DeviceError

_TIMEOUT: Final = timedelta(days=7)


@dataclass(frozen=True)
class Team:
    """The processes of a run. A process alone is a team of one.

    Attributes:
        rank: of this process, from 0; rank 0 keeps the store.
        size: how many there are.
    """

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        return self.rank == 0

    @property
    def alone(self) -> bool:
        return self.size == 1

    @property
    def name(self) -> str:
        return f"rank {self.rank} of {self.size} on {socket.gethostname()}, process {os.getpid()}"

    def takes(self, turn: int) -> bool:
        """Whether the unit of work number `turn` is this process's."""
        return turn % self.size == self.rank

    def meet(self, where: str) -> None:
        """Wait until all processes are here.

        Raises:
            AuditError: a process is gone; what is stored is kept.
        """
        if self.alone:
            return
        try:
            if torch.distributed.get_backend() == "gloo":
                # It names who is missing.
                torch.distributed.monitored_barrier(timeout=_TIMEOUT, wait_all_ranks=True)
            else:
                torch.distributed.barrier()
        except RuntimeError as error:
            raise AuditError(
                f"another process was lost while {where} ({str(error).splitlines()[0]})",
                subject=self.name,
                remedy="Start the same command again with --resume: what was stored is kept",
            ) from None


def join_team() -> Team:
    """The team that torchrun made this process a part of; a team of one without torchrun.

    Raises:
        DeviceError: the processes cannot find each other.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1 or "RANK" not in os.environ:
        return Team()
    backend = "nccl" if torch.cuda.is_available() else "gloo"
    try:
        if backend == "nccl":
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        if not torch.distributed.is_initialized():
            torch.distributed.init_process_group(backend, timeout=_TIMEOUT)
    except (RuntimeError, ValueError) as error:
        raise DeviceError(
            f"the processes cannot find each other ({str(error).splitlines()[0]})",
            subject="torchrun",
            remedy="Check the rendezvous address, and that all processes are started",
        ) from None
    return Team(torch.distributed.get_rank(), torch.distributed.get_world_size())


def leave_team(team: Team) -> None:
    """Let go of the others."""
    if not team.alone and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def device_of(team: Team, wanted: str) -> str:
    """The device of this process: with "auto" every process takes the GPU of its local rank."""
    if wanted == "auto" and not team.alone and torch.cuda.is_available():
        return f"cuda:{int(os.environ.get('LOCAL_RANK', '0')) % torch.cuda.device_count()}"
    return wanted
