"""Audits with known figures, made without computing anything."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from medadv_desktop.audit.plan.cells import Cell
from medadv_desktop.audit.plan.files import plan_of, write_plan
from medadv_desktop.audit.store.records import (
    Batch,
    CellOutcome,
    DatasetRecord,
    ModelRecord,
    Rows,
    SampleName,
)
from medadv_desktop.audit.store.store import AuditStore
from tests.gui.conftest import CARDS

PLAN = """
name = "{name}"
seeds = [0]
[[models]]
id = "net-a"
model = "net-a"
[[models]]
id = "net-b"
model = "net-b"
[[datasets]]
id = "skin"
path = "{data}"
[[attacks]]
id = "pgd"
attack = "pgd"
epsilons = ["1/255", "2/255", "4/255"]
[[attacks]]
id = "fgsm"
attack = "fgsm"
epsilons = ["2/255"]
[[attacks]]
id = "least"
attack = "pgd"
[attacks.smallest]
"""


def rate(count: int, of: int) -> dict[str, float | int | None]:
    """A share with its Wilson interval at 95 %, worked out by hand here."""
    if not of:
        return {"value": None, "count": 0, "of": 0, "low": None, "high": None}
    z, p = 1.959963984540054, count / of
    middle = (p + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * (p * (1 - p) / of + z * z / (4 * of * of)) ** 0.5
    return {"value": p, "count": count, "of": of, "low": middle - half, "high": middle + half}


def wrong_after(cell: Cell, count: int) -> int:
    """How many of the samples of a cell the attack makes wrong: the more the larger its budget."""
    if cell.kind == "clean":
        return 0
    share = 0.5 if cell.budget is None else min(cell.budget * 255 / 8, 0.9)
    return round(count * share * (1.0 if cell.model == "net-a" else 0.7))


def rows_of(cell: Cell, first: int, count: int, total: int) -> Rows:
    """Samples of two classes by turns; every tenth is wrong before any attack; the first ones fall.

    The norm of sample k is k/1000, its smallest budget (k + 1)/2550.
    """
    places = np.arange(first, first + count)
    labels = (places % 2).astype(np.int16)[:, None]
    wrong = (places % 10 == 9)[:, None]
    clean = np.where(wrong, 1 - labels, labels).astype(np.int16)
    fell = (places < wrong_after(cell, total))[:, None] & ~wrong
    after = np.where(fell, 1 - labels, clean).astype(np.int16)
    attacked = cell.kind != "clean"

    def logits(decided: np.ndarray) -> np.ndarray:
        return np.where(np.arange(2) == decided, 2.0, -1.0).astype(np.float32)

    real = places / 1000 if attacked else np.full(count, np.nan)
    least = (places + 1) / 2550 if cell.kind == "smallest" else np.full(count, np.nan)
    return Rows(
        places=places,
        labels=labels,
        clean_decisions=clean,
        clean_logits=logits(clean),
        changed=np.full(count, attacked),
        decisions=after if attacked else clean,
        logits=logits(after) if attacked else logits(clean),
        success=fell[:, 0] if attacked else np.zeros(count, bool),
        steps=np.where(attacked, 10 + places % 7, 0),
        queries=np.where(attacked, 11 + places % 7, 0),
        linf=real,
        l2=10 * real,
        l1=100 * real,
        l0=np.full(count, 64 if attacked else 0),
        ssim=1 - real / 10,
        psnr=np.full(count, 40.0 if attacked else np.nan),
        seconds=np.full(count, 0.25),
        smallest=least,
        notes=("",) * count,
    )


def figures_of(rows: Rows, attacked: bool) -> dict[str, object]:
    """Of a cell, as the audit writes them (those that the window reads itself)."""
    right, after = rows.right_before, rows.right_before & rows.right_after
    n = len(rows)
    found: dict[str, object] = {
        "clean_accuracy": rate(int(right.sum()), n), "area": 0.9, "classes": [],
    }  # fmt: skip
    if attacked:
        fell = int((right & ~rows.right_after).sum())
        changed = int((rows.clean_decisions != rows.decisions).any(axis=1).sum())
        found |= {
            "robust_accuracy": rate(int(after.sum()), n),
            "attack_success_rate": rate(fell, int(right.sum())),
            "fooling_rate": rate(changed, n),
            "robust_area": 0.6,
        }
    return found


def names_of(places: np.ndarray) -> tuple[SampleName, ...]:
    return tuple(SampleName(int(p), f"img_{p:05}.png", f"P{p // 2:03}") for p in places)


def add_cell(
    store: AuditStore, cell: Cell, samples: int, *, batches: int = 2, done: int | None = None
) -> None:
    """Work on a cell: all of its batches, or `done` of them, and then it is not finished."""
    store.begin_cell(cell.id, batches)
    each = samples // batches
    for number in range(batches if done is None else done):
        rows = rows_of(cell, number * each, each, samples)
        store.add_batch(cell.id, Batch(number, rows, names_of(rows.places), (), 1.0, 0.8))
    if done is None:
        whole = store.rows(cell.id)
        figures = figures_of(whole, cell.kind != "clean")
        store.finish_cell(cell.id, CellOutcome(figures, device="cpu"))


def make_run(
    folder: Path,
    name: str = "Skin, first",
    *,
    samples: int = 40,
    data: Path | str = "skin",
    done: int | None = None,
    plan: str = PLAN,
) -> Path:
    """An audit of two models, one data set and three attacks; `done` cells are, else all."""
    made = plan_of(plan.format(name=name, data=data))
    with AuditStore.create(folder, made) as store:
        write_plan(made, folder / "plan.toml")
        for model in ("net-a", "net-b"):
            store.record_model(ModelRecord(model, model, CARDS[model], "ab" * 32))
        classes = CARDS["net-a"].classes
        task, digest = "single-label", "cd" * 32
        store.record_dataset(
            DatasetRecord("skin", "skin", "class-folders", (), samples, classes, task, digest, 0)
        )
        cells = [record.cell for record in store.cells()]
        for cell in cells[: len(cells) if done is None else done]:
            add_cell(store, cell, samples)
    return folder
