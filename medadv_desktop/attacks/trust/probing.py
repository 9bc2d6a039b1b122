"""A short look at a model for signs of a false sense of security (suspicion.py)."""

from __future__ import annotations

import torch
from torch import Tensor

from medadv_desktop.attacks.attack import Attack
from medadv_desktop.attacks.gradient.fgsm import FGSM
from medadv_desktop.attacks.gradient.pgd import PGD
from medadv_desktop.attacks.norm_balls import NORM_BALLS
from medadv_desktop.attacks.objectives import Objective, Untargeted
from medadv_desktop.attacks.scores.noise import Noise
from medadv_desktop.attacks.scores.square import Square
from medadv_desktop.attacks.session import Session, session
from medadv_desktop.attacks.trust.suspicion import (
    Agreement,
    Evidence,
    Suspicion,
    agreement,
    outcome_of,
    suspicions,
)
from medadv_desktop.jobs import CancelToken, silent
from medadv_desktop.models.diagnostic import DiagnosticModel

NEIGHBOURS = 4
FLAT = 1e-6
"""The share of the loss by which neighbours of a flat place differ at most."""


def probe(
    model: DiagnosticModel,
    images: Tensor,
    labels: Tensor,
    objective: Objective,
    token: CancelToken | None = None,
    *,
    epsilon: float = 8 / 255,
    seed: int = 0,
) -> tuple[Suspicion, ...]:
    """Look for signs that robustness figures of this model would flatter it.

    Some 60 forward and 30 backward passes over the images at most: FGSM, PGD with and without a
    random start, noise, and Square with few queries, and PGD to any other decision with an
    unlimited budget, all in linf. The more images, the surer: twenty or more let comparisons speak.

    Args:
        images, labels: as `Attack.run` takes them.
        epsilon: the budget of interest, in units of the [0, 1] grey scale, above 0.

    Raises:
        AttackError: images, labels or objective do not fit the model.
        JobCancelled: the token was cancelled.
    """
    return suspicions(examine(model, images, labels, objective, token, epsilon=epsilon, seed=seed))


def examine(
    model: DiagnosticModel,
    images: Tensor,
    labels: Tensor,
    objective: Objective,
    token: CancelToken | None = None,
    *,
    epsilon: float = 8 / 255,
    seed: int = 0,
) -> Evidence:
    """What `probe` sees; arguments as there."""
    ids = range(len(images))
    attacks: list[Attack] = [
        Noise(epsilon=epsilon, draws=4),
        Square(epsilon=epsilon, queries=16),
    ]
    if model.white_box:
        attacks += [
            FGSM(epsilon=epsilon),
            PGD(epsilon=epsilon, step_size=epsilon / 4, steps=10, random_start=False),
            PGD(epsilon=epsilon, step_size=epsilon / 4, steps=10),
        ]
    with session(
        attacks[-1],
        model,
        images,
        labels,
        objective,
        seed=seed,
        sample_ids=ids,
        token=token,
        emit=silent,
    ) as opened:
        no_gradient, flat, seen = _look_around(opened, epsilon)
    runs = [(attack, objective) for attack in attacks]
    if model.white_box:
        # That some goals are out of reach whatever the budget (flip every finding) is no sign.
        runs.append((PGD(epsilon=1, step_size=0.15, steps=10), Untargeted()))
    outcomes = [
        outcome_of(
            attack, attack.run(model, images, labels, goal, seed=seed, sample_ids=ids, token=token)
        )
        for attack, goal in runs
    ]
    return Evidence(tuple(outcomes), no_gradient, flat, seen)


def _look_around(
    opened: Session, epsilon: float
) -> tuple[tuple[bool, ...], tuple[bool, ...], Agreement]:
    """Zero gradients and flatness of the samples that are not beaten yet, and the agreement."""
    rows = opened.rows
    climbing = opened.model.white_box
    clean = opened.landscape.at(opened.originals, rows, climbing=climbing)
    seen = _agreement(opened.model, clean.logits.detach(), opened.labels)
    standing = ~clean.achieved
    zero = torch.zeros_like(standing)
    if climbing:
        zero = (opened.landscape.gradient(clean, rows) == 0).flatten(1).all(1)
    ball = NORM_BALLS["linf"](epsilon)
    generators = opened.generators(rows)
    flat = torch.ones_like(standing)
    for _ in range(NEIGHBOURS):
        opened.token.check()
        near = opened.landscape.at(ball.start(opened.originals, generators), rows)
        flat &= (near.loss - clean.loss).abs() <= FLAT * clean.loss.abs()
    return tuple(zero[standing].tolist()), tuple(flat[standing].tolist()), seen


def _agreement(model: DiagnosticModel, logits: Tensor, labels: Tensor) -> Agreement:
    decisions = model.decisions(logits).long().view(len(labels), -1)
    references = labels.long().view(len(labels), -1)
    return agreement(
        tuple(tuple(row) for row in decisions.tolist()),
        tuple(tuple(row) for row in references.tolist()),
    )
