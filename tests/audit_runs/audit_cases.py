"""Small audits that the tests run: a data set, a plan, and what is the same in two stores."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from medadv_desktop.audit.plan.files import plan_of
from medadv_desktop.audit.plan.schema import AuditPlan
from medadv_desktop.audit.store.store import STORE_NAME

ATTACKS = """
[[attacks]]
id = "noise"
attack = "noise"
epsilons = ["2/255"]

[[attacks]]
id = "pgd"
attack = "pgd"
settings = { steps = 5 }
epsilons = ["1/255", "4/255"]

[[attacks]]
id = "curve"
attack = "pgd"
settings = { steps = 3 }
[attacks.smallest]
halvings = 3

[[corruptions]]
kind = "gaussian-noise"
severities = [1, 5]

[[sequences]]
kind = "brightness"
frames = 4
"""


def write_set(folder: Path, count: int = 24) -> Path:
    """Grey images in two classes, described by a table with a column of groups."""
    rows = ["image,label,patient,sex"]
    for k in range(count):
        pixels = np.random.default_rng(k).integers(0, 256, (36, 40), np.uint8)
        (folder / "set").mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / "set" / f"{k:03}.png")
        rows.append(f"{k:03}.png,{('naevus', 'melanoma')[k % 2]},p{k // 2},{'fm'[k % 3 == 0]}")
    table = folder / "set" / "labels.csv"
    table.write_text("\n".join(rows) + "\n")
    return table


def plan_with(model: Path | str, data: Path, more: str = ATTACKS, **running: Any) -> AuditPlan:
    """A plan of one model on one data set."""
    values = {"batch_size": 5, "workers": 1, "probed": 8} | running
    told = "\n".join(f"{name} = {json.dumps(value)}" for name, value in values.items())
    return plan_of(
        f"""
name = "Tiny"
seeds = [3]
[[models]]
id = "tiny"
model = {json.dumps(str(model))}
[[datasets]]
id = "set"
path = {json.dumps(str(data))}
groups = ["sex"]
[keep]
adversarial = "fooled"
[running]
{told}
{more}
"""
    )


def content(folder: Path) -> dict[str, list[Any]]:
    """Everything in a store that must not depend on when, where or how often it was interrupted."""
    timed = {
        "cells": "id, cell, state, reason, batches, outcome",
        "batches": "(SELECT id FROM cells WHERE number = cell), number, samples, notes",
        "rows": "(SELECT id FROM cells WHERE number = cell), place, labels, clean_decisions, "
        "clean_logits, decisions, logits, success, steps, queries, linf, l2, l1, l0, ssim, psnr, "
        "smallest, frames, judged, image, note",
        "left_out": "(SELECT id FROM cells WHERE number = cell), place, id, reason",
        "samples": "*",
        "models": "*",
        "datasets": "*",
        "images": "*",
    }
    with sqlite3.connect(folder / STORE_NAME) as db:
        return {
            table: sorted(map(repr, db.execute(f"SELECT {columns} FROM {table}")))
            for table, columns in timed.items()
        }
