"""What an audit will cost, and what stands against it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
import pytest
from PIL import Image

from medadv_desktop.audit.calibration import TimeLimit, timed
from medadv_desktop.audit.engine import Engine
from medadv_desktop.audit.plan.cells import cells_of
from medadv_desktop.audit.plan.schema import AuditPlan
from medadv_desktop.audit.runs import Estimate, EstimateRequest
from medadv_desktop.jobs import CancelToken, Emit, JobCancelled, Progress

WriteModel = Callable[..., Path]
LONG = 60.0


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda *_a, **_k: str(tmp_path / "c"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for number in range(8):
        path = tmp_path / "set" / ("naevus", "melanoma")[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (36, 40), dtype=np.uint8)).save(path)
    return tmp_path / "set"


def _plan(model: Path | str, folder: Path | str, **values: Any) -> AuditPlan:
    values = {"running": {"batch_size": 4, "probed": 0}, **values}
    return AuditPlan(
        models=[{"id": "net", "model": str(model)}],
        datasets=[{"id": "set", "path": str(folder)}],
        **values,
    )


def _estimate(plan: AuditPlan) -> Estimate:
    found = Engine("cpu").run(EstimateRequest(plan, seconds_each=LONG))
    assert isinstance(found, Estimate)
    return found


def test_that_every_kind_of_cell_is_tried(write_model: WriteModel, folder: Path) -> None:
    plan = _plan(
        write_model(),
        folder,
        attacks=[
            {"id": "fgsm", "attack": "fgsm", "epsilons": ["1/255", "2/255"]},
            {"id": "curve", "attack": "fgsm", "smallest": {"halvings": 3}},
            {
                "id": "uni",
                "attack": "universal",
                "train": {"dataset": "set", "recipe": {"epochs": 1, "batch_size": 4}},
            },
        ],
        corruptions=[{"kind": "gaussian-noise", "severities": [1, 5]}],
        sequences=[{"kind": "brightness", "frames": 3}],
        running={"batch_size": 4, "probed": 2},
    )
    found = _estimate(plan)
    assert found.problems == ()
    assert [cell.cell for cell in found.cells] == [cell.id for cell in cells_of(plan)]
    seconds = {cell.title: cell.seconds for cell in found.cells}
    assert all(s is not None and s > 0 for s in seconds.values())
    assert {cell.samples for cell in found.cells} == {8}
    assert found.seconds == pytest.approx(sum(s for s in seconds.values() if s is not None))
    assert seconds["fgsm at 1/255"] == seconds["fgsm at 2/255"]  # both were tried at once
    assert found.device == "cpu"
    assert found.memory_bytes > 0


def test_that_kept_images_and_rows_take_room(write_model: WriteModel, folder: Path) -> None:
    model = write_model()
    attack = {"id": "fgsm", "attack": "fgsm"}
    plain = _estimate(_plan(model, folder, attacks=[attack], keep={"gallery": 0}))
    kept = _estimate(_plan(model, folder, attacks=[attack], keep={"adversarial": "all"}))
    more = kept.disk_bytes - plain.disk_bytes
    # Eight pairs of 32×32 pixels in 16 bits, of which noise can hardly be compressed.
    assert 8 * 32 * 32 * 2 < more < 8 * (2 * 32 * 32 * 2 + 1024)


def test_that_all_problems_are_told_by_their_fields(
    write_model: WriteModel, folder: Path, tmp_path: Path
) -> None:
    chest = write_model("chest", classes=("effusion", "mass"), multi_label=True)
    plan = AuditPlan(
        models=[
            {"id": "net", "model": str(write_model())},
            {"id": "chest", "model": str(chest)},
            {"id": "gone", "model": str(tmp_path / "gone.toml")},
        ],
        datasets=[
            {"id": "set", "path": str(folder)},
            {"id": "lost", "path": str(tmp_path / "lost")},
            {"id": "sexes", "path": str(folder), "groups": ["sex"]},
        ],
        attacks=[
            {"id": "gap", "attack": "gap"},
            {"id": "goal", "attack": "fgsm", "objective": "targeted",
             "objective_settings": {"target": 7}},
        ],
        running={"batch_size": 2, "probed": 0},
    )  # fmt: skip
    found = _estimate(plan)
    told = [problem.split(": ")[0] for problem in found.problems]
    assert {"models.gone", "datasets.lost", "datasets.sexes", "attacks.gap"} <= set(told)
    assert "attacks.goal" in told
    mismatch = [p for p in found.problems if p.startswith("datasets.set: ")]
    assert any("multi-label" in problem for problem in mismatch)
    cells = {cell.id: cell for cell in cells_of(plan)}
    by_cell = {(cells[c.cell].model, cells[c.cell].dataset, cells[c.cell].name): c
               for c in found.cells}  # fmt: skip
    assert by_cell["net", "set", ""].seconds is not None
    assert by_cell["net", "set", "gap"].seconds is None
    assert by_cell["gone", "set", ""].reason
    assert by_cell["chest", "set", ""].seconds is None


def test_that_unreadable_samples_are_told(write_model: WriteModel, folder: Path) -> None:
    (folder / "naevus" / "0.png").write_bytes(b"\x89PNG\r\n\x1a\n no picture")
    found = _estimate(_plan(write_model(), folder, running={"batch_size": 8}))
    assert len(found.problems) == 1
    assert "1 of 8 samples tried cannot be used" in found.problems[0]
    assert found.cells[0].seconds is not None


def test_that_a_limit_tells_the_whole_from_its_share() -> None:
    import torch

    def work(token: CancelToken, emit: Emit) -> None:
        for step in range(1000):
            emit(Progress(step + 1, 1000))
            if step == 9:
                break
        while True:
            token.check()

    seconds = timed(work, 0.05, CancelToken(), torch.device("cpu"))
    assert seconds is not None
    assert seconds > 0

    def silent(token: CancelToken, _emit: Emit) -> None:
        while True:
            token.check()

    assert timed(silent, 0.01, CancelToken(), torch.device("cpu")) is None


def test_that_a_cancel_is_no_limit() -> None:
    import torch

    token = CancelToken()

    def work(inner: CancelToken, _emit: Emit) -> None:
        token.cancel()
        inner.check()

    with pytest.raises(JobCancelled):
        timed(work, LONG, token, torch.device("cpu"))
    assert TimeLimit(token, LONG).cancelled
