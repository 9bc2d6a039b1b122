"""Audits that are killed, and audits shared by several processes: the same content in the end."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import audit_cases
import processes
import pytest

from medadv_desktop.audit.engine import Engine
from medadv_desktop.audit.plan.files import write_plan
from medadv_desktop.audit.plan.schema import AuditPlan
from medadv_desktop.audit.runs import AuditRequest
from medadv_desktop.audit.store.store import AuditStore

KILLS = 20

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no kill -9")


@pytest.fixture
def plan(write_model: Callable[..., Path], tmp_path: Path) -> AuditPlan:
    return audit_cases.plan_with(write_model(), audit_cases.write_set(tmp_path))


@pytest.fixture
def whole(plan: AuditPlan, tmp_path: Path) -> dict[str, list[object]]:
    """What an undisturbed run of one process leaves."""
    request = AuditRequest(tmp_path / "whole", plan, cache=tmp_path / "digests")
    Engine("cpu").run(request)
    return audit_cases.content(tmp_path / "whole")


def kill(process: object) -> None:
    os.kill(process.pid, signal.SIGKILL)  # type: ignore[attr-defined]
    process.join()  # type: ignore[attr-defined]


def test_that_killed_at_random_moments_and_resumed_it_ends_with_the_same_content(
    plan: AuditPlan, whole: dict[str, list[object]], tmp_path: Path
) -> None:
    chance = random.Random(1)
    kills = finished = 0
    while kills < KILLS or not finished:
        folder = tmp_path / f"run{finished}"
        fresh = not (folder / "audit.sqlite").exists()
        process, pipe = processes.start(folder, plan if fresh else None, tmp_path / "digests")
        # Some batches on, and then at any moment of the next: that of its commit is among them.
        for _ in range(chance.randrange(1, 6)):
            word = processes.told(pipe, ("batch", "end", "error"))
            if word is None or word[0] != "batch":
                break
        if word is not None and word[0] == "batch":
            process.join(timeout=chance.random() * 0.05)
            if process.is_alive():
                kill(process)
                kills += 1
                continue
            word = processes.told(pipe, ("end", "error"))
        assert word == ("end", "done")
        process.join()
        assert audit_cases.content(folder) == whole
        finished += 1


def team(size: int) -> list[dict[str, str]]:
    """What torchrun tells each process of a team on this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    return [
        {
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": port,
            "WORLD_SIZE": str(size),
            "RANK": str(rank),
            "LOCAL_RANK": str(rank),
        }
        for rank in range(size)
    ]


@pytest.mark.parametrize("size", [2, 4])
def test_that_a_team_finds_what_one_process_finds(
    size: int, plan: AuditPlan, whole: dict[str, list[object]], tmp_path: Path
) -> None:
    members = [
        processes.start(tmp_path / "run", plan, tmp_path / "digests", env) for env in team(size)
    ]
    worked = [sum(1 for _ in iter(lambda p=pipe: processes.told(p, ("batch",)), None))
              for _, pipe in members]  # fmt: skip
    for process, _ in members:
        process.join()
        assert process.exitcode == 0
    assert all(worked)
    assert audit_cases.content(tmp_path / "run") == whole
    assert not list((tmp_path / "run" / "shards").iterdir())


def test_that_a_lost_member_is_named_and_its_work_is_kept(
    plan: AuditPlan, whole: dict[str, list[object]], tmp_path: Path
) -> None:
    members = [
        processes.start(tmp_path / "run", plan, tmp_path / "digests", env) for env in team(2)
    ]
    for _ in range(6):
        processes.told(members[1][1], ("batch",))
    kill(members[1][0])
    word = processes.told(members[0][1], ("error", "end"))
    assert word is not None
    assert word[0] == "error"
    assert "another process was lost" in word[1]
    members[0][0].join()
    assert not [r for r in cells(tmp_path / "run") if r.state == "done"]
    process, pipe = processes.start(tmp_path / "run", None, tmp_path / "digests")
    message = processes.told(pipe, ("message",))
    assert message is not None
    assert message[1].startswith("rank ")
    assert processes.told(pipe, ("end", "error")) == ("end", "done")
    process.join()
    assert audit_cases.content(tmp_path / "run") == whole


def cells(folder: Path) -> tuple[object, ...]:
    with AuditStore.open(folder) as store:
        return store.cells()


def test_that_torchrun_shares_the_command(plan: AuditPlan, tmp_path: Path) -> None:
    short = plan.model_copy(update={"corruptions": (), "sequences": (), "attacks": ()})
    write_plan(short, tmp_path / "plan.toml")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2",
               "-m", "medadv_desktop", "audit", str(tmp_path / "plan.toml"), "--json",
               "--out", str(tmp_path / "run"), "--device", "cpu"]  # fmt: skip
    own = {"OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = subprocess.run(
        command, env=os.environ | own, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    assert '"state": "done"' in done.stdout
    assert [r.state for r in cells(tmp_path / "run")] == ["done"]
