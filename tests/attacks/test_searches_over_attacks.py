"""Attacks made of attacks: the ensemble, the search for the smallest budget, erasable findings."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from attack_models import convolutional, decided, linear, random_images
from test_attack_isolation import assert_same, trace_of
from torch import Tensor, nn

from medadv_desktop.attacks.gradient.apgd import APGD
from medadv_desktop.attacks.gradient.fgsm import FGSM
from medadv_desktop.attacks.gradient.pgd import PGD
from medadv_desktop.attacks.minimal.fab import FAB
from medadv_desktop.attacks.objectives import (
    FlipAll,
    HideFinding,
    LeastLikely,
    Objective,
    Targeted,
    Untargeted,
)
from medadv_desktop.attacks.scores.square import Square
from medadv_desktop.attacks.searches.erasable import erasable_findings
from medadv_desktop.attacks.searches.smallest_budget import smallest_budgets
from medadv_desktop.attacks.searches.worst_case import WorstCase, goal_of
from medadv_desktop.errors import AttackError, SettingsError
from medadv_desktop.jobs import CancelToken, Event, JobCancelled, Message, Progress
from medadv_desktop.models.diagnostic import DiagnosticModel

# The ensemble


@pytest.mark.parametrize(
    ("classes", "thresholds", "objective", "second"),
    [
        (2, (), Untargeted(), "margin-targeted"),
        (3, (), Untargeted(), "margin-targeted"),
        (4, (), Untargeted(), "dlr-targeted"),
        (5, (), Targeted(target=1), "dlr-targeted"),
        (3, (), Targeted(target=1), "shortfall"),
        (5, (), LeastLikely(), "shortfall"),
        (3, (0.5, 0.5, 0.5), Untargeted(), "margin-targeted"),
        (5, (0.5,) * 5, FlipAll(), "shortfall"),
    ],
)
def test_that_the_parts_fit_classes_findings_and_goal(
    classes: int, thresholds: tuple[float, ...], objective: Objective, second: str
) -> None:
    model = convolutional(classes, thresholds=thresholds)
    parts = WorstCase(epsilon=0.1).parts(model.card, objective)
    for part in parts:
        part.check(model, objective)
        assert getattr(part, "epsilon", None) == 0.1
    assert [type(part) for part in parts] == [PGD, APGD, APGD, FAB, Square]
    assert isinstance(parts[2], APGD)
    assert parts[2].loss == second


def test_that_the_ensemble_is_the_union_of_its_parts_and_only_survivors_go_on() -> None:
    model = convolutional(3)
    images = random_images(24)
    labels = decided(model, images)
    attack = WorstCase(epsilon=0.01, thoroughness="quick")
    told: list[Event] = []
    result = attack.run(model, images, labels, Untargeted(), seed=1, emit=told.append)
    union = torch.zeros(24, dtype=torch.bool)
    for part in attack.parts(model.card, Untargeted()):
        found = part.run(model, images, labels, goal_of(part, model.card, Untargeted()), seed=1)
        expected = union | found.success
        union = expected
    assert result.success.tolist() == union.tolist()
    assert 0 < int(union.sum()) < 24
    lines = [event.text for event in told if isinstance(event, Message) and "fall" in event.text]
    standing = 24
    for line in lines:
        fallen, of = line.split(": ")[1].removesuffix(" fall").split(" of ")
        assert int(of) == standing
        standing -= int(fallen)
    assert standing == 24 - int(union.sum())
    progress = [event.done for event in told if isinstance(event, Progress)]
    assert progress == sorted(progress)


class Masked(nn.Module):
    """The gradient of this network is rounded away; its scores are not."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, images: Tensor) -> Tensor:
        steps = ((images / 0.02).round() * 0.02).detach()
        logits: Tensor = self.inner(steps + 0 * images)
        return logits


def test_that_a_masked_gradient_does_not_mislead_the_ensemble() -> None:
    plain = convolutional(3)
    masked = DiagnosticModel(Masked(plain.network), plain.card).double().eval()
    images = random_images(12)
    labels = decided(masked, images)
    budget = 0.15
    blind = PGD(epsilon=budget, random_start=False).run(masked, images, labels, Untargeted())
    assert not blind.success.any()
    found = WorstCase(epsilon=budget, thoroughness="quick").run(
        masked, images, labels, Untargeted()
    )
    assert found.success.double().mean() > 0.5


# The smallest budget


def bars() -> tuple[DiagnosticModel, Tensor, Tensor]:
    """A plane and images at known L∞ distances from it: |logit gap| / ‖w₁ − w₀‖₁."""
    weights = torch.randn(2, 64, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    difference = weights[1] - weights[0]
    model = linear(weights, torch.zeros(2, dtype=torch.float64))
    distances = torch.tensor([0.0105, 0.05, 0.0999, 0.21, 0.3], dtype=torch.float64)
    grey = torch.full((5, 64), 0.5, dtype=torch.float64)
    grey -= ((grey @ difference) / difference.square().sum())[:, None] * difference  # onto it
    images = grey - distances[:, None] * difference.sign()  # so class 0 wins
    assert images.min() > 0.05
    assert images.max() < 0.95
    return model, images.view(5, 1, 8, 8), distances


def test_that_bisection_finds_the_grid_point_above_the_true_distance() -> None:
    model, images, distances = bars()
    found = smallest_budgets(
        FGSM(), model, images, torch.zeros(5, dtype=torch.int64), Untargeted(),
        highest=0.25, halvings=5,
    )  # fmt: skip
    step = 0.25 / 32
    assert found.step == step
    expected = np.ceil(distances.numpy() / step) * step
    expected[-1] = np.inf  # 0.3 is beyond the highest
    np.testing.assert_allclose(found.epsilon, expected, rtol=1e-12)
    reached = decided(model, found.adversarial)
    assert reached.tolist() == [1, 1, 1, 1, 0]
    assert torch.equal(found.adversarial[-1], images[-1])
    runs = np.zeros(5)
    for tried in found.tries:
        runs[list(tried.rows)] += 1
    assert runs.max() <= 6
    budgets = [0, 0.01, 0.06, 0.25]
    np.testing.assert_allclose(found.robust_accuracy(budgets), [1, 1, 0.6, 0.2])


def test_that_a_sample_that_is_wrong_already_has_no_budget() -> None:
    model, images, _ = bars()
    labels = torch.tensor([1, 0, 0, 0, 0])
    found = smallest_budgets(FGSM(), model, images, labels, Untargeted(), highest=0.25, halvings=2)
    assert found.epsilon[0] == 0
    assert found.robust_accuracy([0])[0] == 0.8
    right = np.array([False, True, True, True, True])
    assert found.robust_accuracy([0], right)[0] == 0.8
    with pytest.raises(AttackError, match="searched up to"):
        found.robust_accuracy([0.3])


def test_that_the_curve_is_what_single_runs_give() -> None:
    model = convolutional(3)
    images = random_images(16)
    labels = decided(model, images)
    attack = APGD(steps=10)
    found = smallest_budgets(attack, model, images, labels, Untargeted(), highest=0.04, halvings=2)
    budgets = [0.01, 0.02, 0.03, 0.04]
    runs = [APGD(steps=10, epsilon=b).run(model, images, labels, Untargeted()) for b in budgets]
    single = [1 - run.success.double().mean() for run in runs]
    np.testing.assert_allclose(found.robust_accuracy(budgets), single, atol=1 / 16)


def test_that_company_does_not_change_a_smallest_budget() -> None:
    model = convolutional(3)
    images = random_images(4)
    labels = decided(model, images)
    arguments = {"highest": 0.05, "halvings": 3, "seed": 4}
    attack = PGD(step_size=0.01)
    whole = smallest_budgets(attack, model, images, labels, Untargeted(), **arguments)
    part = smallest_budgets(
        attack, model, images[2:3], labels[2:3], Untargeted(), sample_ids=[2], **arguments
    )
    assert part.epsilon[0] == whole.epsilon[2]
    torch.testing.assert_close(part.adversarial[0], whole.adversarial[2], rtol=0, atol=1e-9)


def test_that_an_impossible_search_is_refused_and_a_cancel_heeded() -> None:
    model, images, _ = bars()
    labels, token = torch.zeros(5, dtype=torch.int64), CancelToken()
    with pytest.raises(SettingsError, match="at most 1"):
        smallest_budgets(FGSM(), model, images, labels, Untargeted(), highest=2)
    with pytest.raises(AttackError, match="1 to 16"):
        smallest_budgets(FGSM(), model, images, labels, Untargeted(), highest=0.1, halvings=0)
    token.cancel()
    with pytest.raises(JobCancelled):
        smallest_budgets(FGSM(), model, images, labels, Untargeted(), highest=0.1, token=token)


# Erasable findings


def test_that_findings_of_their_own_can_be_erased_and_tied_ones_cannot() -> None:
    """Findings 0 and 1 see the same pixels, so neither goes alone; 2 sees its own; 3 is absent."""
    weights = torch.zeros(4, 64, dtype=torch.float64)
    weights[0, :20] = weights[1, :20] = 1
    weights[2, 30:50] = 1
    bias = torch.tensor([-10, -10, -10, -100], dtype=torch.float64) + 0.4
    model = linear(weights, bias, thresholds=(0.5,) * 4)
    images = torch.full((3, 1, 8, 8), 0.5, dtype=torch.float64)
    images[2].view(-1)[30:50] = 0.4  # the third image does not report finding 2
    found = erasable_findings(model, images, PGD(epsilon=0.1, steps=40))
    assert found.reported.tolist() == [[True, True, True, False]] * 2 + [[True, True, False, False]]
    assert found.erased.tolist() == [[False, False, True, False]] * 2 + [[False] * 4]
    assert found.share[:3].tolist() == [0, 0, 1]
    assert found.share[3].isnan()
    free = erasable_findings(model, images, PGD(epsilon=0.1, steps=40), hold_others=False)
    assert free.erased.tolist() == found.reported.tolist()
    assert [(finding, rows) for finding, rows, _ in free.runs] == [
        (0, (0, 1, 2)), (1, (0, 1, 2)), (2, (0, 1)),
    ]  # fmt: skip


def test_that_a_single_label_model_has_no_findings_to_erase() -> None:
    with pytest.raises(AttackError, match="multi-label"):
        erasable_findings(convolutional(3), random_images(1), PGD())


def test_that_looking_for_findings_leaves_a_model_in_training_as_it_was() -> None:
    model = convolutional(3, thresholds=(0.5, 0.5, 0.5))
    images = random_images(4)
    reported = decided(model, images)
    model.train()
    before = trace_of(model)
    found = erasable_findings(model, images, PGD(epsilon=0.02, steps=2))
    assert_same(before, trace_of(model))
    assert torch.equal(found.reported, reported)
    with pytest.raises(AttackError, match="reach from"):
        erasable_findings(model, images * 255, PGD())


def test_that_holding_the_others_still_is_what_success_means() -> None:
    model = convolutional(3, thresholds=(0.5, 0.5, 0.5))
    images = random_images(10)
    before = decided(model, images)
    objective = HideFinding(finding=0, hold_others=True)
    result = PGD(epsilon=0.2, steps=20, step_size=0.02).run(model, images, before, objective)
    after = decided(model, result.adversarial)
    kept = ~after[:, 0] & (after[:, 1:] == before[:, 1:]).all(1)
    assert result.success.tolist() == kept.tolist()
