"""Trainings that are killed, and trainings shared by processes: the same weights in the end."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import pytest
import torch
import training_cases
import training_processes

from medadv_desktop.training.requests import TrainingRequest
from medadv_desktop.training.run import run_training

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no kill -9")


def test_that_killed_in_any_step_and_resumed_it_ends_in_the_same_bits(tmp_path: Path) -> None:
    recipe = training_cases.recipe_for(
        training_cases.write_set(tmp_path),
        objective="mpadvt",
        objective_settings={"steps_high": 2},
        optimiser={"kind": "adamw"},
        augmentation={"flip_horizontal": True},
        budget={"checkpoint_steps": 1},
        ema=0.9,
    )
    cache, folder = tmp_path / "digests", tmp_path / "run"
    whole, pipe = training_processes.start(tmp_path / "whole", recipe, cache)
    assert training_processes.told(pipe, ("end", "error")) == ("end", "epochs")
    whole.join()
    for step in (2, 5):
        fresh = not (folder / "checkpoint.safetensors").exists()
        process, pipe = training_processes.start(
            folder, recipe if fresh else None, cache, resume=not fresh
        )
        while training_processes.told(pipe, ("step",)) not in (None, ("step", step)):
            pass
        os.kill(process.pid, signal.SIGKILL)  # type: ignore[arg-type]
        process.join()
    process, pipe = training_processes.start(folder, None, cache, resume=True)
    assert training_processes.told(pipe, ("end", "error")) == ("end", "epochs")
    process.join()
    training_cases.assert_same(folder, tmp_path / "whole")
    assert (folder / "model" / "tiny.safetensors").read_bytes() == (
        tmp_path / "whole" / "model" / "tiny.safetensors"
    ).read_bytes()


def team(size: int) -> list[dict[str, str]]:
    """What torchrun tells each process of a team on this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    common = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": str(size)}
    return [common | {"RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(size)]


def test_that_two_processes_learn_what_one_learns(tmp_path: Path) -> None:
    # Statistics of batch norms are those of a process's own rows, so they are frozen here.
    data = training_cases.write_set(tmp_path)
    short = training_cases.recipe_for(data, budget={"epochs": 1})
    base = run_training(TrainingRequest(tmp_path / "base", short, cache=tmp_path / "digests"))
    recipe = training_cases.recipe_for(
        data, model={"id": "tuned", "base": str(base.card), "batch_norm": "frozen"}
    )
    run_training(TrainingRequest(tmp_path / "one", recipe, cache=tmp_path / "digests"))
    members = [
        training_processes.start(tmp_path / "two", recipe, tmp_path / "digests", team=env)
        for env in team(2)
    ]
    for process, pipe in members:
        assert training_processes.told(pipe, ("end", "error")) == ("end", "epochs")
        process.join()
        assert process.exitcode == 0
    one, two = (training_cases.weights(tmp_path / name) for name in ("one", "two"))
    start = training_cases.weights(tmp_path / "base")
    learned = [n for n in one if n.startswith("network/") and not torch.equal(one[n], start[n])]
    assert learned
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=1e-4, atol=1e-6)
