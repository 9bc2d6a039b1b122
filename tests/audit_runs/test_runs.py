"""Whole audits on a tiny model: figures, failures, resuming, pausing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import audit_cases
import numpy as np
import pytest
import torch

from medadv_desktop.attacks.gradient.pgd import PGD
from medadv_desktop.attacks.objectives import Untargeted
from medadv_desktop.audit.engine import Engine
from medadv_desktop.audit.evaluation import Evaluation, EvaluationRequest
from medadv_desktop.audit.plan.schema import AuditPlan
from medadv_desktop.audit.runner.subjects import Ready
from medadv_desktop.audit.runner.work import CorruptionWork, Judged
from medadv_desktop.audit.runs import AuditControl, AuditFinished, AuditRequest, CellProgress
from medadv_desktop.audit.store.images import load_pair
from medadv_desktop.audit.store.records import CellRecord, RowQuery
from medadv_desktop.audit.store.store import AuditStore
from medadv_desktop.datasets.opening import open_dataset
from medadv_desktop.errors import AuditError
from medadv_desktop.jobs import CancelToken, Event, JobCancelled, Partial, silent

WriteModel = Callable[..., Path]


@pytest.fixture
def plan(write_model: WriteModel, tmp_path: Path) -> AuditPlan:
    return audit_cases.plan_with(write_model(), audit_cases.write_set(tmp_path))


def ran(
    folder: Path,
    plan: AuditPlan | None,
    emit: Callable[[Event], None] = lambda _e: None,
    token: CancelToken | None = None,
    control: AuditControl | None = None,
) -> AuditFinished:
    request = AuditRequest(folder, plan, control or AuditControl(), folder.parent / "digests")
    found = Engine("cpu").run(request, emit, token)
    assert isinstance(found, AuditFinished)
    return found


def cell(store: AuditStore, name: str, budget: float | None = None) -> CellRecord:
    return next(
        r
        for r in store.cells()
        if r.cell.name == name and (budget is None or r.cell.budget == pytest.approx(budget))
    )


def test_that_every_cell_of_a_plan_gets_figures_that_follow_from_its_rows(
    plan: AuditPlan, tmp_path: Path
) -> None:
    found = ran(tmp_path / "run", plan)
    assert (found.state, found.done, found.cells, found.failures) == ("done", 8, 8, ())
    with AuditStore.open(tmp_path / "run") as store:
        assert {r.state for r in store.cells()} == {"done"}
        clean = cell(store, "")
        rows = store.rows(clean.cell.id)
        share = float((rows.labels == rows.clean_decisions).all(axis=1).mean())
        assert clean.outcome is not None
        assert clean.outcome.figures["figures"]["clean_accuracy"]["value"] == pytest.approx(share)
        weak, strong = cell(store, "pgd", 1 / 255), cell(store, "pgd", 4 / 255)
        rows = store.rows(strong.cell.id)
        assert rows.linf.max() <= 4 / 255 * (1 + 1e-6)
        assert (rows.ssim[rows.changed] < 1).any()
        counts = [
            r.outcome.figures["figures"]["robust_accuracy"]["count"]
            for r in (weak, strong)
            if r.outcome is not None
        ]
        assert counts[1] == int((rows.right_before & rows.right_after).sum())
        assert counts[0] >= counts[1]
        groups = {
            group["name"]: group["samples"]
            for column in clean.outcome.figures["subgroups"]
            for group in column["groups"]
        }
        assert groups == {"m": 8, "f": 16}
        flips = cell(store, "brightness").outcome
        assert flips is not None
        frames = store.rows(cell(store, "brightness").cell.id).frames
        assert frames is not None
        assert frames.shape == (24, 4, 1)
        expected = np.mean([frames[:, j] != frames[:, j - 1] for j in range(1, 4)])
        assert flips.figures["flip_probability"] == pytest.approx(expected)


def test_that_an_attack_cell_finds_what_an_evaluation_finds(
    plan: AuditPlan, tmp_path: Path
) -> None:
    ran(tmp_path / "run", plan)
    evaluated = Engine("cpu").run(
        EvaluationRequest(
            plan.models[0].model,
            open_dataset(Path(plan.datasets[0].path)),
            PGD(epsilon=4 / 255, steps=5),
            Untargeted(),
            batch_size=5,
            seed=3,
            precision="float32",
            cache=tmp_path / "digests",
        )
    )
    assert isinstance(evaluated, Evaluation)
    with AuditStore.open(tmp_path / "run") as store:
        rows = store.rows(cell(store, "pgd", 4 / 255).cell.id)
    attacked = [s.attacked for s in evaluated.samples]
    assert [a is not None and a.decisions[0] for a in attacked] == rows.decisions[:, 0].tolist()
    norms = [0.0 if a is None else a.l2 for a in attacked]
    np.testing.assert_allclose(rows.l2, norms, rtol=1e-5, atol=1e-7)


def test_that_kept_images_are_what_was_judged(plan: AuditPlan, tmp_path: Path) -> None:
    ran(tmp_path / "run", plan)
    with AuditStore.open(tmp_path / "run") as store:
        record = cell(store, "pgd", 4 / 255)
        rows = store.rows(record.cell.id)
        fooled = rows.right_before & ~rows.right_after
        assert [bool(digest) for digest in rows.images] == fooled.tolist()
        at = int(np.flatnonzero(fooled)[0])
        before, after = load_pair(tmp_path / "run", rows.images[at])
    assert np.abs(after - before).max() == pytest.approx(rows.linf[at], abs=1e-6)
    model = Engine("cpu").model(plan.models[0].model)
    with torch.no_grad():
        logits = model(torch.from_numpy(after)[None])[0].numpy()
    np.testing.assert_allclose(logits, rows.logits[at], atol=1e-4)


def test_that_a_paused_audit_goes_on_to_the_same_content(plan: AuditPlan, tmp_path: Path) -> None:
    ran(tmp_path / "whole", plan)
    control, seen = AuditControl(), []

    def pause(event: Event) -> None:
        if isinstance(event, Partial) and isinstance(event.value, CellProgress):
            seen.append(event.value)
            if len(seen) == 9:
                control.pause()

    assert ran(tmp_path / "run", plan, pause, control=control).state == "paused"
    batches = sum(r.batches_done for r in stored(tmp_path / "run"))
    assert 0 < batches < 8 * 5
    counted: list[CellProgress] = []
    assert ran(tmp_path / "run", None, hearing(counted)).state == "done"
    # Every batch once: those that were there are not computed again.
    fresh = {(p.cell, p.batches_done) for p in counted if p.state == "running"}
    assert len(fresh) <= 8 * 5 - batches + 8
    with AuditStore.open(tmp_path / "run") as store:
        for told in (p for p in counted if p.state == "done"):
            rows = store.rows(told.cell)
            both = rows.right_before & rows.right_after
            assert (told.rows, told.right_before) == (len(rows), rows.right_before.sum())
            assert told.right_after == both.sum()
    assert audit_cases.content(tmp_path / "run") == audit_cases.content(tmp_path / "whole")


def stored(folder: Path) -> tuple[CellRecord, ...]:
    with AuditStore.open(folder) as store:
        return store.cells()


def hearing(into: list[CellProgress]) -> Callable[[Event], None]:
    def hear(event: Event) -> None:
        if isinstance(event, Partial) and isinstance(event.value, CellProgress):
            into.append(event.value)

    return hear


def test_that_a_cancelled_audit_keeps_its_batches(plan: AuditPlan, tmp_path: Path) -> None:
    token, seen = CancelToken(), []

    def cancel(event: Event) -> None:
        if isinstance(event, Partial) and isinstance(event.value, CellProgress):
            seen.append(event.value)
            if len(seen) == 4:
                token.cancel()

    with pytest.raises(JobCancelled):
        ran(tmp_path / "run", plan, cancel, token)
    assert sum(r.batches_done for r in stored(tmp_path / "run")) == 3
    assert not list((tmp_path / "run").glob("scratch-*"))
    assert ran(tmp_path / "run", None).state == "done"


def test_that_cells_can_be_moved_forward_and_given_up_while_it_runs(
    plan: AuditPlan, tmp_path: Path
) -> None:
    control, seen = AuditControl(), []
    ran_cells: list[str] = []

    def steer(event: Event) -> None:
        if not (isinstance(event, Partial) and isinstance(event.value, CellProgress)):
            return
        seen.append(event.value)
        if event.value.cell not in ran_cells and event.value.batches_done:
            ran_cells.append(event.value.cell)
        if len(seen) == 2:
            names = {r.cell.title: r.cell.id for r in stored(tmp_path / "run")}
            control.reorder([next(i for t, i in names.items() if t.startswith("pgd at 4/255"))])
            control.give_up(next(i for t, i in names.items() if t.startswith("brightness")))

    found = ran(tmp_path / "run", plan, steer, control=control)
    assert found.state == "cancelled"
    titles = {r.cell.id: r.cell for r in stored(tmp_path / "run")}
    assert [titles[c].name for c in ran_cells[:3]] == ["", "pgd", "gaussian-noise"]
    assert "brightness" not in [titles[c].name for c in ran_cells]
    assert ran(tmp_path / "run", None).state == "done"


def test_that_a_cell_that_fails_does_not_stop_the_others(
    write_model: WriteModel, tmp_path: Path
) -> None:
    data = audit_cases.write_set(tmp_path, 6)
    more = """
[[attacks]]
id = "gap"
attack = "gap"
settings = { generator = "nowhere.safetensors" }
[[attacks]]
id = "fgsm"
attack = "fgsm"
"""
    plan = audit_cases.plan_with(write_model(), data, more)
    found = ran(tmp_path / "run", plan)
    assert found.state == "failed"
    assert [f.title for f in found.failures] == ["tiny on set: gap, seed 3"]
    assert "no file nowhere.safetensors" in found.failures[0].reason
    assert found.done == 2


def test_that_a_file_that_vanished_is_left_out_with_its_reason(
    plan: AuditPlan, tmp_path: Path
) -> None:
    (tmp_path / "set" / "004.png").unlink()
    assert ran(tmp_path / "run", plan).state == "done"
    with AuditStore.open(tmp_path / "run") as store:
        for record in store.cells():
            assert [entry[:2] for entry in store.left_out(record.cell.id)] == [(4, "004.png")]
            assert record.rows == 23


def test_that_images_that_changed_since_are_refused(plan: AuditPlan, tmp_path: Path) -> None:
    control = AuditControl()
    control.pause()
    ran(tmp_path / "run", plan, control=control)
    (tmp_path / "set" / "000.png").write_bytes((tmp_path / "set" / "001.png").read_bytes())
    found = ran(tmp_path / "run", None)
    assert found.state == "failed"
    assert {"has changed since this audit began" in f.reason for f in found.failures} == {True}


def test_that_a_folder_is_worked_on_once_at_a_time(plan: AuditPlan, tmp_path: Path) -> None:
    refusals = []

    def again(event: Event) -> None:
        if isinstance(event, Partial) and not refusals:
            with pytest.raises(AuditError, match="another process") as caught:
                ran(tmp_path / "run", None)
            refusals.append(caught.value)

    ran(tmp_path / "run", plan, again)
    assert refusals


def test_that_a_folder_with_an_audit_is_not_overwritten(plan: AuditPlan, tmp_path: Path) -> None:
    ran(tmp_path / "run", plan)
    before = audit_cases.content(tmp_path / "run")
    with pytest.raises(AuditError, match="holds an audit already"):
        ran(tmp_path / "run", plan)
    assert audit_cases.content(tmp_path / "run") == before


def test_that_other_models_judge_the_attacked_images(
    write_model: WriteModel, tmp_path: Path
) -> None:
    data = audit_cases.write_set(tmp_path, 10)
    first, second = write_model(), write_model("other", classes=("melanoma", "naevus"), seed=5)
    more = f"""
[[attacks]]
id = "pgd"
attack = "pgd"
epsilons = ["8/255"]
transfer = true
models = ["tiny"]
[[models]]
id = "other"
model = "{second}"
"""
    plan = audit_cases.plan_with(first, data, more)
    assert ran(tmp_path / "run", plan).state == "done"
    with AuditStore.open(tmp_path / "run") as store:
        record = cell(store, "pgd")
        assert record.outcome is not None
        assert record.outcome.judges == ("other",)
        rows = store.rows(record.cell.id)
        assert rows.judged is not None
        shared = record.outcome.figures["transfer"]["other"]
        own = cell(store, "")
        names = [n.id for n in store.page(own.cell.id, RowQuery(count=3))[0]]
    assert names == ["000.png", "001.png", "002.png"]
    assert shared["of"] == 10
    other = Engine("cpu").model(str(second))
    images = []
    with AuditStore.open(tmp_path / "run") as store:
        for k, digest in enumerate(rows.images):
            if digest:
                images.append((k, load_pair(tmp_path / "run", digest)[1]))
    assert images
    for k, image in images:
        with torch.no_grad():
            theirs = int(other(torch.from_numpy(image)[None]).argmax())
        # Their classes stand the other way round.
        assert rows.judged[k, 0, 0] == 1 - theirs


def test_that_a_model_that_raises_fails_its_cell_alone(
    plan: AuditPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raising(*_: object) -> None:
        raise RuntimeError("my own layer is broken\nsecond line")

    monkeypatch.setattr(CorruptionWork, "on", raising)
    found = ran(tmp_path / "run", plan)
    assert found.state == "failed"
    assert {f.reason for f in found.failures} == {"RuntimeError: my own layer is broken"}
    assert (found.done, len(found.failures)) == (6, 2)
    monkeypatch.undo()
    left_alone = AuditRequest(tmp_path / "run", again=False, cache=tmp_path / "digests")
    assert Engine("cpu").run(left_alone, silent, CancelToken()).failures == found.failures
    assert ran(tmp_path / "run", None).state == "done"


def test_that_a_batch_that_does_not_fit_is_halved_and_told(
    plan: AuditPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = CorruptionWork.on

    def small(work: CorruptionWork, ready: Ready) -> Judged:
        if len(ready) > 2:
            raise torch.OutOfMemoryError("too much")
        return whole(work, ready)

    monkeypatch.setattr(CorruptionWork, "on", small)
    assert ran(tmp_path / "run", plan).state == "done"
    with AuditStore.open(tmp_path / "run") as store:
        record = cell(store, "gaussian-noise")
        assert record.rows == 24
        assert record.outcome is not None
        assert any("out of memory: went on with" in note for note in record.outcome.notes)


def test_that_a_model_of_another_kind_does_not_judge(
    write_model: WriteModel, tmp_path: Path
) -> None:
    data = audit_cases.write_set(tmp_path, 6)
    other = write_model("findings", classes=("a", "b", "c"), multi_label=True)
    more = f"""
[[attacks]]
id = "fgsm"
attack = "fgsm"
transfer = true
models = ["tiny"]
[[models]]
id = "findings"
model = "{other}"
"""
    found = ran(tmp_path / "run", audit_cases.plan_with(write_model(), data, more))
    assert [f.title for f in found.failures] == ["findings on set: clean images"]
    assert "single-label" in found.failures[0].reason
