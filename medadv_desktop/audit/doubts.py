"""Warnings against a false sense of security, beside every result that says a model withstood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from medadv_desktop.attacks.attack import Attack
from medadv_desktop.attacks.objectives import Objective
from medadv_desktop.attacks.trust.probing import examine
from medadv_desktop.attacks.trust.suspicion import Outcome, Suspicion, suspicions
from medadv_desktop.jobs import CancelToken
from medadv_desktop.models.diagnostic import DiagnosticModel

USUAL_BUDGET = 8 / 255
"""In linf, to look around with where the attack's own budget is in another norm or 0."""


def doubts(
    model: DiagnosticModel,
    images: torch.Tensor,
    labels: torch.Tensor,
    objective: Objective,
    attack: Attack,
    beaten: Sequence[bool],
    token: CancelToken,
) -> tuple[Suspicion, ...]:
    """What speaks against the robustness that an attack's result shows.

    Args:
        images, labels: some of those attacked; two dozen are enough.
        beaten: whether the attack reached its goal on each of them.

    Raises:
        JobCancelled: the token was cancelled.
    """
    norm, budget = getattr(attack, "norm", ""), getattr(attack, "epsilon", None)
    own = budget if norm == "linf" and budget else None
    evidence = examine(model, images, labels, objective, token, epsilon=own or USUAL_BUDGET)
    outcome = Outcome(
        attack=attack.title,
        knowledge=attack.knowledge,
        norm=norm,
        epsilon=budget,
        beaten=tuple(beaten),
    )
    return suspicions(replace(evidence, outcomes=(outcome, *evidence.outcomes)))
