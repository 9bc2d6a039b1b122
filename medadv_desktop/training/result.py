"""What a training leaves: weights and card ready for the model library, and its curves."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from safetensors.torch import save
from torch import Tensor

from medadv_desktop.files import write_atomically
from medadv_desktop.models.card import Figure, ModelCard, write_card
from medadv_desktop.training.checkpoints import Position
from medadv_desktop.training.recipe import Recipe

CURVES: Final = "curves.json"
RECIPE: Final = "recipe.toml"
MODEL: Final = "model"
"""Folder of the finished model, within that of the training."""


def write_model(
    recipe: Recipe,
    card: ModelCard,
    weights: Mapping[str, Tensor],
    position: Position,
    validated: int,
    folder: Path,
) -> Path:
    """Write weights and card; the path of the card, which `models.installing.install` takes.

    Args:
        weights: of the network, of the best epoch.
        validated: samples that the scores are of.

    Raises:
        ExportError: they cannot be written.
    """
    content = save({name: value.contiguous() for name, value in weights.items()})
    best = position.history[position.best - 1]
    command = f"medadv train {RECIPE}"
    settings = recipe.validation
    measure = "macro AUC" if card.multi_label else settings.measure.replace("-", " ")
    attack = f"PGD-{settings.steps}, Linf {round(settings.epsilon * 255, 3):g}/255"
    named = ((f"clean {measure}", best.clean), (f"robust {measure}, {attack}", best.robust))
    figures = tuple(
        Figure(
            name=f"{name} (validation)", value=round(value, 4), samples=validated, command=command
        )
        for name, value in named
        if value is not None
    )
    changed: dict[str, Any] = {
        "sha256": hashlib.sha256(content).hexdigest(),
        "figures": figures,
        "training": command,
        "summary": f"{card.summary} Trained by {recipe.made_objective().title}.".strip(),
    }
    finished = ModelCard(**card.model_dump() | changed)
    write_atomically(folder / MODEL / finished.weights, content)
    path = folder / MODEL / f"{finished.id}.toml"
    write_card(finished, path)
    return path


def write_curves(position: Position, about: Mapping[str, Any], path: Path) -> None:
    """Write the figures of all epochs, with fingerprints and versions in `about`.

    Raises:
        ExportError: it cannot be written.
    """
    values = dict(about) | {
        "best": position.best,
        "seconds": round(position.seconds, 3),
        "epochs": [asdict(figures) for figures in position.history],
    }
    write_atomically(path, json.dumps(values, indent=2, ensure_ascii=False).encode())
