"""Objectives: losses against formulas, goals against hand-made cases, refusals."""

from __future__ import annotations

import pytest
import torch
from attack_models import card_of
from torch.nn import functional as F

from medadv_desktop.attacks.objectives import (
    FlipAll,
    FlipFindings,
    HideFinding,
    InsertFinding,
    Objective,
    Targeted,
    Untargeted,
)
from medadv_desktop.errors import AttackError

LOGITS = torch.tensor([[1.0, -2.0, 0.5], [0.0, 3.0, 3.5]], dtype=torch.float64)
CLASSES = torch.tensor([0, 1])
FINDINGS = torch.tensor([[1, 0, 1], [0, 1, 0]]).bool()
CUTOFFS = torch.tensor([0.0, 0.0, 2.0])  # so the decisions are 100 and 111


def bce(columns: list[int], labels: torch.Tensor) -> torch.Tensor:
    losses = F.binary_cross_entropy_with_logits(LOGITS, labels.double(), reduction="none")
    return losses[:, columns].sum(1)


@pytest.mark.parametrize(
    ("objective", "labels", "expected"),
    [
        (Untargeted(), CLASSES, F.cross_entropy(LOGITS, CLASSES, reduction="none")),
        (Untargeted(), FINDINGS, bce([0, 1, 2], FINDINGS)),
        (
            Targeted(target=2),
            CLASSES,
            -F.cross_entropy(LOGITS, torch.tensor([2, 2]), reduction="none"),
        ),
        (FlipAll(), FINDINGS, -bce([0, 1, 2], ~FINDINGS)),
        (FlipFindings(findings=(2, 0)), FINDINGS, -bce([0, 2], ~FINDINGS)),
        (HideFinding(finding=1), FINDINGS, bce([1], torch.ones_like(FINDINGS))),
        (InsertFinding(finding=1), FINDINGS, bce([1], torch.zeros_like(FINDINGS))),
    ],
    ids=lambda value: value.name if isinstance(value, Objective) else "",
)
def test_that_each_loss_is_the_cross_entropy_it_promises(
    objective: Objective, labels: torch.Tensor, expected: torch.Tensor
) -> None:
    torch.testing.assert_close(objective.loss(LOGITS, labels), expected)


@pytest.mark.parametrize(
    ("objective", "labels", "expected"),
    [
        (Untargeted(), CLASSES, [False, True]),
        (Untargeted(), torch.tensor([1, 2]), [True, False]),
        (Untargeted(), FINDINGS, [True, True]),
        (Untargeted(), torch.tensor([[1, 0, 0], [1, 1, 1]]), [False, False]),
        (Targeted(target=2), CLASSES, [False, True]),
        (FlipAll(), torch.tensor([[0, 1, 1], [0, 0, 1]]), [True, False]),
        (FlipFindings(findings=(0, 1)), torch.tensor([[0, 1, 0], [0, 1, 0]]), [True, False]),
        (HideFinding(finding=2), FINDINGS, [True, False]),
        (InsertFinding(finding=2), FINDINGS, [False, True]),
    ],
    ids=lambda value: value.name if isinstance(value, Objective) else "",
)
def test_that_each_goal_is_reached_exactly_as_defined(
    objective: Objective, labels: torch.Tensor, expected: list[bool]
) -> None:
    cutoffs = None if labels.ndim == 1 else CUTOFFS
    assert objective.achieved(LOGITS, labels, cutoffs).tolist() == expected


@pytest.mark.parametrize("gap", [20.0, 80.0, 500.0])
def test_that_a_confident_model_leaves_a_slope(gap: float) -> None:
    logits = torch.tensor([[gap, 0.0, -gap]], dtype=torch.float64, requires_grad=True)
    # d/dz of log(1 + exp(z_1 - z_0)) is -σ(-gap) and σ(-gap), to first order exp(-gap)
    (slope,) = torch.autograd.grad(Untargeted().loss(logits, torch.tensor([0])).sum(), logits)
    expected = torch.tensor([-gap, -gap], dtype=torch.float64)
    torch.testing.assert_close(slope[0, :2].abs().log(), expected, rtol=1e-6, atol=1e-6)
    assert slope[0, 0] < 0 < slope[0, 1]
    (slope,) = torch.autograd.grad(FlipAll().loss(logits, torch.tensor([[1, 1, 0]])).sum(), logits)
    assert slope[0, 0] < 0 < slope[0, 2]


@pytest.mark.parametrize(
    ("objective", "multi_label", "words"),
    [
        (FlipAll(), False, ["single-label", "untargeted, targeted"]),
        (HideFinding(finding=0), False, ["objective hide", "Choose one of"]),
        (Targeted(target=0), True, ["multi-label", "flip-all"]),
        (Targeted(target=3), False, ["no class 3", "0 class 0, 1 class 1, 2 class 2"]),
        (FlipFindings(findings=(0, 7)), True, ["no class 7", "Choose from"]),
        (InsertFinding(finding=3), True, ["no class 3"]),
    ],
)
def test_that_a_goal_that_does_not_fit_the_model_is_refused(
    objective: Objective, multi_label: bool, words: list[str]
) -> None:
    card = card_of(3, thresholds=(0.5,) * 3 if multi_label else ())
    with pytest.raises(AttackError) as caught:
        objective.check(card)
    for word in words:
        assert word in str(caught.value)


def test_that_a_target_that_is_the_reference_is_refused_by_sample() -> None:
    with pytest.raises(AttackError, match="already the reference of samples 0, 2"):
        Targeted(target=1).check_labels(torch.tensor([1, 0, 1]))
