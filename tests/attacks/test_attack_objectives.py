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
    LeastLikely,
    Objective,
    OutOfTopFindings,
    OutOfTopK,
    Targeted,
    Untargeted,
)
from medadv_desktop.errors import AttackError

LOGITS = torch.tensor([[1.0, -2.0, 0.5], [0.0, 3.0, 3.5]], dtype=torch.float64)
CLASSES = torch.tensor([0, 1])
FINDINGS = torch.tensor([[1, 0, 1], [0, 1, 0]]).bool()
HIDDEN = torch.tensor([[0, 0, 1], [0, 1, 0]]).bool()  # finding 0 absent, the others as they are
FLIPPED = torch.tensor([[0, 0, 1], [1, 1, 0]]).bool()
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
        (HideFinding(finding=1), FINDINGS, -bce([1], torch.zeros_like(FINDINGS))),
        (InsertFinding(finding=1), FINDINGS, -bce([1], torch.ones_like(FINDINGS))),
        # z_π1 − z_π3 is 3 and 3.5; the lead of the reference 0.5 and −0.5
        (Untargeted(loss_kind="dlr"), CLASSES, torch.tensor([-0.5 / 3, 0.5 / 3.5])),
        (Untargeted(loss_kind="margin"), CLASSES, torch.tensor([-0.5, 0.5])),
        (Targeted(target=2, loss_kind="margin"), CLASSES, torch.tensor([-0.5, 0.5])),
        (LeastLikely(), CLASSES, -F.cross_entropy(LOGITS, CLASSES, reduction="none")),
        (LeastLikely(loss_kind="margin"), CLASSES, torch.tensor([0.5, -0.5])),
        (OutOfTopK(k=2), CLASSES, torch.tensor([-3.0, -3.0])),
        # highest absent minus highest present: −2 − 1, and 3.5 − 3
        (OutOfTopFindings(), FINDINGS, torch.tensor([-3.0, 0.5])),
        (HideFinding(finding=0, hold_others=True), FINDINGS, -bce([0, 1, 2], HIDDEN)),
        (FlipFindings(findings=(0,), hold_others=True), FINDINGS, -bce([0, 1, 2], FLIPPED)),
    ],
    ids=lambda value: value.name if isinstance(value, Objective) else "",
)
def test_that_each_loss_is_the_cross_entropy_it_promises(
    objective: Objective, labels: torch.Tensor, expected: torch.Tensor
) -> None:
    torch.testing.assert_close(objective.loss(LOGITS, labels), expected.double())


@pytest.mark.parametrize(
    "objective",
    [
        Untargeted(),
        FlipAll(),
        FlipFindings(findings=(2, 0)),
        HideFinding(finding=2, hold_others=True),
        InsertFinding(finding=2),
    ],
    ids=lambda objective: objective.name,
)
def test_that_cross_entropies_of_findings_count_from_the_cutoffs(objective: Objective) -> None:
    from_cutoffs = objective.loss(LOGITS, FINDINGS, CUTOFFS)
    torch.testing.assert_close(from_cutoffs, objective.loss(LOGITS - CUTOFFS, FINDINGS))


def test_that_the_shortfall_adds_up_what_the_findings_lack() -> None:
    # From the cutoffs the logits are 1 −2 −1.5 and 0 3 1.5; wanted are 010 and 101.
    flip_all = FlipAll().shortfall(LOGITS, FINDINGS, CUTOFFS)
    torch.testing.assert_close(flip_all, torch.tensor([-3.0, -3.0]).double())
    some = FlipFindings(findings=(1, 2)).shortfall(LOGITS, FINDINGS, CUTOFFS)
    torch.testing.assert_close(some, torch.tensor([-2.0, -3.0]).double())
    held = HideFinding(finding=0, hold_others=True).shortfall(LOGITS, FINDINGS, CUTOFFS)
    torch.testing.assert_close(held, torch.tensor([-2.5, -1.5]).double())
    one = Untargeted()
    torch.testing.assert_close(
        one.shortfall(LOGITS, CLASSES, None), one.margin(LOGITS, CLASSES, None)
    )


def test_that_a_finding_past_its_threshold_does_not_drown_the_others() -> None:
    """Finding 0 is absent already by its threshold of 0.99; finding 1 is to be hidden still."""
    logits = torch.tensor([[2.0, 0.5]], dtype=torch.float64, requires_grad=True)
    cutoffs = torch.logit(torch.tensor([0.99, 0.5]))
    goal = FlipFindings(findings=(0, 1))
    (slope,) = torch.autograd.grad(goal.loss(logits, torch.ones(1, 2), cutoffs).sum(), logits)
    assert slope[0, 1] < 3 * slope[0, 0] < 0


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
        (
            HideFinding(finding=0, hold_others=True),
            torch.tensor([[1, 0, 0], [0, 1, 1]]),
            [False] * 2,
        ),
        (
            HideFinding(finding=2, hold_others=True),
            torch.tensor([[1, 0, 1], [0, 1, 0]]),
            [True, False],
        ),
        (
            InsertFinding(finding=2, hold_others=True),
            torch.tensor([[1, 0, 0], [0, 1, 0]]),
            [False] * 2,
        ),
        (
            InsertFinding(finding=2, hold_others=True),
            torch.tensor([[1, 0, 0], [1, 1, 0]]),
            [False, True],
        ),
        (
            FlipFindings(findings=(0,), hold_others=True),
            torch.tensor([[0, 0, 0], [0, 1, 0]]),
            [True, False],
        ),
        (LeastLikely(), torch.tensor([0, 0]), [True, False]),
        (OutOfTopK(k=1), CLASSES, [False, True]),
        (OutOfTopK(k=2), torch.tensor([1, 0]), [True, True]),
        (OutOfTopFindings(), FINDINGS, [False, True]),
        (OutOfTopFindings(k=2), torch.tensor([[0, 1, 0], [1, 0, 0]]), [True, True]),
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


GOALS = [
    Untargeted(),
    Targeted(target=2),
    LeastLikely(),
    OutOfTopK(k=2),
    FlipAll(),
    FlipFindings(findings=(0, 2)),
    FlipFindings(findings=(1,), hold_others=True),
    HideFinding(finding=1),
    HideFinding(finding=1, hold_others=True),
    InsertFinding(finding=0),
    InsertFinding(finding=0, hold_others=True),
    OutOfTopFindings(k=2),
]


@pytest.mark.parametrize("objective", GOALS, ids=str)
def test_that_the_margin_is_positive_exactly_where_the_goal_is_reached(
    objective: Objective,
) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(200, 4, generator=generator, dtype=torch.float64)
    cutoffs = torch.tensor([0.0, -0.5, 0.5, 1.0], dtype=torch.float64)
    for task in objective.tasks:
        if task == "single-label":
            labels, given = torch.randint(0, 4, (200,), generator=generator), None
        else:
            labels, given = torch.randint(0, 2, (200, 4), generator=generator).bool(), cutoffs
            labels[:, 0], labels[:, 1:3] = True, False  # something to rank out, and others
        achieved = objective.achieved(logits, labels, given)
        assert 0 < int(achieved.sum()) < 200
        assert torch.equal(objective.margin(logits, labels, given) > 0, achieved)


@pytest.mark.parametrize("objective", GOALS, ids=str)
def test_that_raising_the_loss_leads_to_the_goal(objective: Objective) -> None:
    logits = torch.tensor([[2.0, -1.5, 1.0, -0.5]], dtype=torch.float64)
    for task in objective.tasks:
        single = task == "single-label"
        labels = torch.tensor([0]) if single else torch.tensor([[1, 0, 1, 0]])
        cutoffs = None if single else torch.zeros(4, dtype=torch.float64)
        labels = objective.resolved(labels, logits)
        at = logits.clone()
        for _ in range(2000):
            at.requires_grad_()
            (slope,) = torch.autograd.grad(objective.loss(at, labels, cutoffs).sum(), at)
            at = (at + 0.05 * slope).detach()
            if objective.achieved(at, labels, cutoffs).all():
                break
        assert objective.achieved(at, labels, cutoffs).all()


def test_that_the_least_likely_class_is_that_of_the_clean_image() -> None:
    assert LeastLikely().resolved(CLASSES, LOGITS).tolist() == [1, 0]
    assert Untargeted().resolved(CLASSES, LOGITS) is CLASSES


@pytest.mark.parametrize(
    ("objective", "classes", "multi_label", "words"),
    [
        (Untargeted(loss_kind="dlr"), 2, False, ["compares 3 classes", "margin"]),
        (Targeted(target=0, loss_kind="dlr"), 3, False, ["compares 4 classes", "margin"]),
        (Untargeted(loss_kind="dlr"), 3, True, ["has findings", "margin"]),
        (OutOfTopK(k=3), 3, False, ["k: ", "at most 2"]),
        (OutOfTopFindings(k=3), 3, True, ["k: ", "at most 2"]),
    ],
)
def test_that_a_loss_without_meaning_is_refused_with_what_fits(
    objective: Objective, classes: int, multi_label: bool, words: list[str]
) -> None:
    card = card_of(classes, thresholds=(0.5,) * classes if multi_label else ())
    with pytest.raises(AttackError) as caught:
        objective.check(card)
    for word in words:
        assert word in str(caught.value)


def test_that_samples_without_a_true_finding_cannot_have_one_ranked_out() -> None:
    with pytest.raises(AttackError, match="samples 0, 2"):
        OutOfTopFindings(k=1).check_labels(torch.tensor([[0, 0], [1, 0], [1, 1]]))
