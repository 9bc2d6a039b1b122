"""The file of a universal perturbation: safetensors with what a result must quote. Version 1.

One tensor, "delta", C×H×W. Metadata is one JSON text under "medadv-universal": version, recipe,
objective (name and fields), origin (model and SHA-256 of its weights, fingerprint and number of the
images), share of the images on which the goal was reached, without δ and with it, and the running
figures of each epoch.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from medadv_desktop.attacks.norm_balls import NORM_BALLS, l2_norms, linf_norms
from medadv_desktop.attacks.prepared import EpochFigures, Origin, read_whole
from medadv_desktop.attacks.universal.recipe import UNIVERSAL, UniversalRecipe
from medadv_desktop.errors import SettingsError
from medadv_desktop.files import replacing
from medadv_desktop.settings import parse


@dataclass(frozen=True, eq=False)
class UniversalPerturbation:
    """One δ for all images, with its history.

    Attributes:
        delta: C×H×W on the CPU; within the recipe's ball.
        objective: name and fields of what it was fitted for.
        clean_rate, goal_rate: share of the images on which the goal is reached without δ, and
            with it.
        epochs: running figures.
    """

    delta: Tensor
    recipe: UniversalRecipe
    objective: dict[str, Any]
    origin: Origin
    clean_rate: float
    goal_rate: float
    epochs: tuple[EpochFigures, ...]


def save(fitted: UniversalPerturbation, path: Path) -> None:
    """Write a perturbation, whole or not at all.

    Raises:
        ExportError: the folder or file cannot be written.
    """
    head = {
        "version": UNIVERSAL.version,
        "recipe": fitted.recipe.model_dump(),
        "objective": fitted.objective,
        "origin": asdict(fitted.origin),
        "clean_rate": fitted.clean_rate,
        "goal_rate": fitted.goal_rate,
        "epochs": UNIVERSAL.figures_out(fitted.epochs),
    }
    with replacing(path) as temporary:
        delta = fitted.delta.detach().cpu().contiguous()
        save_file({"delta": delta}, temporary, metadata={UNIVERSAL.key: json.dumps(head)})


def load(path: Path) -> UniversalPerturbation:
    """Read a perturbation.

    Raises:
        AttackError: missing, no perturbation, of a newer version, or damaged.
    """
    head, tensors = read_whole(path, UNIVERSAL)
    try:
        fitted = UniversalPerturbation(
            delta=tensors["delta"],
            recipe=parse(UniversalRecipe, head["recipe"]),
            objective=dict(head["objective"]),
            origin=Origin(**head["origin"]),
            clean_rate=float(head["clean_rate"]),
            goal_rate=float(head["goal_rate"]),
            epochs=UNIVERSAL.figures_in(head["epochs"]),
        )
        _check_delta(fitted)
    except (KeyError, TypeError, ValueError, SettingsError) as error:
        raise UNIVERSAL.damaged(path, error) from None
    return fitted


def _check_delta(fitted: UniversalPerturbation) -> None:
    delta, recipe = fitted.delta, fitted.recipe
    if delta.ndim != 3 or not delta.is_floating_point() or not delta.isfinite().all():
        raise ValueError("its numbers are none of an image")
    assert recipe.norm in NORM_BALLS
    norm = (l2_norms if recipe.norm == "l2" else linf_norms)(delta[None])
    if float(norm) > recipe.epsilon * (1 + 1e-5):
        raise ValueError("it is larger than its budget")
