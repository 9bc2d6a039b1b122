"""Stores of many processes: each writes its own, the leader brings them together."""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from medadv_desktop.audit.runner.team import Team
from medadv_desktop.audit.store.merging import merge
from medadv_desktop.audit.store.store import AuditStore
from medadv_desktop.files import write_atomically
from medadv_desktop.jobs import Emit, Message

SHARDS: Final = "shards"
_ALIVE: Final = "process.json"


@contextmanager
def own_store(folder: Path, team: Team) -> Iterator[AuditStore]:
    """The store that this process writes: the audit's own, or in a team a copy of it.

    A copy begins with the cells and what is done of them; the leader gathers all copies.

    Raises:
        AuditError, ExportError: it cannot be opened or written.
    """
    if team.alone:
        with AuditStore.open(folder, write=True) as store:
            yield store
        return
    shard = folder / SHARDS / f"rank-{team.rank}"
    shutil.rmtree(shard, ignore_errors=True)
    shard.mkdir(parents=True)
    team.meet("shards were made")
    with AuditStore.open(folder) as whole, AuditStore.create(shard, whole.plan) as store:
        store.take_progress(whole)
        team.meet("shards were filled")
        told = {"rank": team.rank, "host": socket.gethostname(), "process": os.getpid()}
        write_atomically(shard / _ALIVE, json.dumps(told).encode())
        yield store
        (shard / _ALIVE).unlink(missing_ok=True)


@contextmanager
def gathered(folder: Path) -> Iterator[AuditStore]:
    """The audit's store with everything that shards hold; they are gone afterwards.

    Raises:
        AuditError, ExportError: a store cannot be opened or written.
    """
    with AuditStore.open(folder, write=True) as store:
        for shard in sorted((folder / SHARDS).glob("rank-*")):
            if (shard / "audit.sqlite").is_file():
                merge(store, shard / "audit.sqlite")
            shutil.rmtree(shard, ignore_errors=True)
        yield store


def tell_losses(folder: Path, emit: Emit) -> None:
    """Name the processes of an earlier run that ended before their work did."""
    for path in sorted((folder / SHARDS).glob(f"rank-*/{_ALIVE}")):
        try:
            told = json.loads(path.read_bytes())
        except (OSError, ValueError):
            continue
        emit(
            Message(
                f"rank {told.get('rank')} on {told.get('host')} (process {told.get('process')}) "
                "of the last run ended before its work did; what it stored is kept",
                "warning",
            )
        )
