"""Small trainings that the tests run: a data set, a recipe, and what is the same in two of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file

from medadv_desktop.training.recipe import Recipe


def write_set(
    folder: Path, count: int = 24, *, findings: bool = False, one_class: bool = False
) -> Path:
    """Grey images whose brightness tells the class, in two splits, described by a table."""
    rows = ["image,a,b,split,patient" if findings else "image,label,split,patient"]
    (folder / "set").mkdir(parents=True, exist_ok=True)
    for k in range(count):
        kind = 0 if one_class else k % 2
        rng = np.random.default_rng(k)
        pixels = rng.integers(0, 120, (16, 16)) + 120 * kind
        Image.fromarray(pixels.astype(np.uint8)).save(folder / "set" / f"{k:03}.png")
        label = f"{kind},{k // 2 % 2}" if findings else ("naevus", "melanoma")[kind]
        split = "val" if k % 6 >= 4 else "train"
        rows.append(f"{k:03}.png,{label},{split},p{k}")
    table = folder / "set" / "labels.csv"
    table.write_text("\n".join(rows) + "\n")
    return table


TINY = {
    "id": "tiny",
    "architecture_options": {"width": 4},
    "preprocessing": {"channels": 1, "height": 32, "width": 32},
}


def recipe_for(table: Path, **values: Any) -> Recipe:
    """A recipe of a tiny network, two epochs of four batches; tables by keywords change it."""
    told: dict[str, Any] = {
        "objective": "advt",
        "objective_settings": {"steps": 1},
        "model": TINY,
        "data": {"path": str(table), "workers": 1},
        "optimiser": {"kind": "sgd", "learning_rate": 0.05},
        "budget": {"epochs": 2, "batch_size": 4},
        "validation": {"steps": 1},
    }
    for name, value in values.items():
        merge = isinstance(value, dict) and name not in ("objective_settings",)
        told[name] = told.get(name, {}) | value if merge else value
    return Recipe(**json.loads(json.dumps(told)))


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """Of the checkpoint: network, optimiser, mean and best."""
    return load_file(folder / "checkpoint.safetensors")


def assert_same(one: Path, other: Path) -> None:
    """Two trainings ended in the same bits."""
    ours, theirs = weights(one), weights(other)
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        assert torch.equal(value, theirs[name]), name
