"""How good a model stands on the validation split, clean and attacked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from medadv_desktop.attacks.gradient.pgd import PGD
from medadv_desktop.attacks.objectives import FlipAll, Objective, Untargeted
from medadv_desktop.audit.runner.team import Team
from medadv_desktop.errors import AttackError
from medadv_desktop.jobs import CancelToken
from medadv_desktop.models.diagnostic import DiagnosticModel
from medadv_desktop.models.roc import roc_area
from medadv_desktop.training.gathering import lost
from medadv_desktop.training.recipe import Validation
from medadv_desktop.training.samples import Samples

Logits = NDArray[np.float64]


@dataclass(frozen=True)
class Scores:
    """On the validation split: (balanced) accuracy, or macro AUC over findings with both states.

    `score` is that of the selection rule. All are −1 where the network says NaN, or no finding has
    both states.
    """

    clean: float
    robust: float
    score: float


def validate(
    model: DiagnosticModel,
    samples: Samples,
    settings: Validation,
    seed: int,
    team: Team,
    token: CancelToken,
) -> Scores:
    """Judge a model; the processes of a team share the batches and all know the result.

    Raises:
        JobCancelled: the token was cancelled.
        TrainingError: another process was lost.
    """
    many = model.card.multi_label
    attack = PGD(epsilon=settings.epsilon, steps=settings.steps)
    goal: Objective = FlipAll() if many else Untargeted()
    like = next(model.parameters())
    found: list[tuple[int, Logits, Logits]] = []
    size = settings.batch_size
    for turn, first in enumerate(range(0, len(samples), size)):
        if not team.takes(turn):
            continue
        places = np.arange(first, min(first + size, len(samples)))
        images = samples.inputs.batch(places, like.detach())
        labels = samples.labels[first : first + len(places)].to(like.device)
        try:
            result = attack.run(model, images, labels, goal, seed=seed,
                                sample_ids=places.tolist(), token=token,
                                precision="float32")  # fmt: skip
        except AttackError:
            return Scores(-1, -1, -1) if team.alone else _joined(team, [], samples, settings)
        pair = (result.clean_logits, result.adversarial_logits)
        clean, attacked = (logits.double().cpu().numpy() for logits in pair)
        found.append((turn, clean, attacked))
    return _joined(team, found, samples, settings)


def _joined(
    team: Team, found: list[tuple[int, Logits, Logits]], samples: Samples, settings: Validation
) -> Scores:
    if not team.alone:
        parts: list[list[tuple[int, Logits, Logits]]] = [[] for _ in range(team.size)]
        try:
            torch.distributed.all_gather_object(parts, found)
        except RuntimeError as error:
            raise lost(team, error) from None
        found = sorted((entry for part in parts for entry in part), key=lambda entry: entry[0])
    if sum(len(entry[1]) for entry in found) != len(samples):
        return Scores(-1, -1, -1)  # a process met NaN
    balanced = settings.measure == "balanced-accuracy"
    clean = _score(np.concatenate([entry[1] for entry in found]), samples, balanced)
    robust = _score(np.concatenate([entry[2] for entry in found]), samples, balanced)
    chosen = {"robust": robust, "clean": clean, "mean": (clean + robust) / 2}
    return Scores(clean, robust, chosen[settings.select])


def _score(logits: Logits, samples: Samples, balanced: bool) -> float:
    truth = samples.labels.numpy()
    if not samples.card.multi_label:
        right = logits.argmax(1) == truth
        if not balanced:
            return float(right.mean())
        return float(np.mean([right[truth == k].mean() for k in np.unique(truth)]))
    areas = [roc_area(logits[:, k], truth[:, k] == 1) for k in range(truth.shape[1])]
    defined = [area for area in areas if area is not None]
    return float(np.mean(defined)) if defined else -1.0
