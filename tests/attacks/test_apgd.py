"""APGD against the algorithm of the paper written out, closed forms, and refusals."""

from __future__ import annotations

import pytest
import torch
from attack_models import SIDE, card_of, convolutional, decided, linear, random_images
from test_l1_ball import best_gain
from torch import Tensor
from torch.nn import functional as F

from medadv_desktop.attacks.gradient.apgd import APGD
from medadv_desktop.attacks.norm_balls import LinfBall, sample_generator
from medadv_desktop.attacks.objectives import (
    FlipAll,
    HideFinding,
    LeastLikely,
    Objective,
    Targeted,
    Untargeted,
)
from medadv_desktop.errors import AttackError
from medadv_desktop.models.diagnostic import DiagnosticModel

THRESHOLDS = (0.3, 0.5, 0.7)


def algorithm_1(
    model: DiagnosticModel, image: Tensor, label: Tensor, epsilon: float, steps: int, start: Tensor
) -> tuple[Tensor, list[float]]:
    """The paper's algorithm for one image and cross-entropy, L∞: the best point and its steps."""

    def look(x: Tensor) -> tuple[float, Tensor]:
        x = x.clone().requires_grad_()
        loss = F.cross_entropy(model(x), label)
        return loss.item(), torch.autograd.grad(loss, x)[0]

    def onto(x: Tensor) -> Tensor:
        return (image + (x - image).clamp(-epsilon, epsilon)).clamp(0, 1)

    ends, span = [max(int(0.22 * steps), 1)], max(int(0.22 * steps), 1)
    while ends[-1] < steps:
        span = max(span - max(int(0.03 * steps), 1), int(0.06 * steps), 1)
        ends.append(ends[-1] + span)
    x = before = start
    loss, gradient = look(x)
    best, best_loss, best_gradient = x, loss, gradient
    length, taken, rises, last_end, checked, halved = 2 * epsilon, [], 0, 0, loss, True
    for k in range(steps):
        taken.append(length)
        z = onto(x + length * gradient.sign())
        after = onto(x + 0.75 * (z - x) + 0.25 * (x - before)) if k else z
        before, x, previous = x, after, loss
        loss, gradient = look(x)
        rises += loss > previous
        if loss > best_loss:
            best, best_loss, best_gradient = x, loss, gradient
        if k + 1 in ends:
            few = rises < 0.75 * (k + 1 - last_end)
            stuck = not halved and best_loss <= checked
            halved, checked, rises, last_end = few or stuck, best_loss, 0, k + 1
            if halved:
                length /= 2
                x = before = best
                gradient = best_gradient
    return best, taken


def test_that_every_sample_takes_the_steps_of_algorithm_1() -> None:
    model = convolutional(3, seed=4)
    with torch.no_grad():
        model.network[-1].weight /= 20  # decided by the bias: no sample is beaten
        model.network[-1].bias += torch.tensor([0.0, 3.0, 0.0])
    images = random_images(6)
    labels = decided(model, images)
    attack = APGD(epsilon=6 / 255, steps=40)
    result = attack.run(model, images, labels, Untargeted(), seed=9)
    assert not result.success.any()
    assert result.steps.tolist() == [40] * 6
    assert result.queries.tolist() == [42] * 6
    shortest = []
    for i in range(6):
        image = images[i : i + 1]
        start = LinfBall(6 / 255).start(image, [sample_generator(9, i, 0)])
        best, lengths = algorithm_1(model, image, labels[i : i + 1], 6 / 255, 40, start)
        torch.testing.assert_close(result.adversarial[i], best[0], rtol=0, atol=1e-12)
        shortest.append(lengths[-1])
    assert max(shortest) < 6 / 255  # the step was halved, and halved again


def steadfast() -> tuple[DiagnosticModel, Tensor]:
    """A linear model that says class 0 whatever happens, and w₁ − w₀."""
    weights = torch.randn(3, 64, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    weights[2] = 0
    model = linear(weights, torch.tensor([50.0, 0.0, -90.0], dtype=torch.float64))
    return model, weights[1] - weights[0]


@pytest.mark.parametrize("loss", ["objective", "margin"])
@pytest.mark.parametrize(
    ("norm", "epsilon", "short"), [("linf", 0.1, 1e-9), ("l2", 0.8, 0.01), ("l1", 4.0, 0.01)]
)
def test_that_it_reaches_the_best_point_of_a_linear_model(
    norm: str, epsilon: float, short: float, loss: str
) -> None:
    model, rise = steadfast()
    images = 0.5 + 0.1 * (random_images(3, channels=1) - 0.5)
    attack = APGD(norm=norm, epsilon=epsilon, steps=60, loss=loss)
    result = attack.run(model, images, torch.zeros(3, dtype=int), Untargeted())
    gain = ((result.adversarial - images).flatten(1) * rise).sum(1)
    if norm == "l1":
        most = best_gain(images.flatten(1), rise.expand(3, 64), epsilon)
    else:
        most = epsilon * (rise.abs().sum() if norm == "linf" else rise.norm()).expand(3)
    assert (gain >= most * (1 - short)).all()
    assert (gain <= most * (1 + 1e-9)).all()


def four_ways() -> DiagnosticModel:
    """Four classes: 1 is always just below 0; 2 and 3 rise with one half of the image each."""
    weights = torch.zeros(4, 64, dtype=torch.float64)
    weights[2, :32], weights[3, 32:] = 4 / 32, 40 / 32
    return linear(weights, torch.tensor([1.0, 0.9, -1.5, -20.0], dtype=torch.float64))


@pytest.mark.parametrize(
    ("epsilon", "targets", "decision"), [(0.2, 1, 0), (0.2, 2, 2), (0.1, 2, 0), (0.1, 3, 3)]
)
def test_that_targets_are_tried_the_likeliest_first_until_one_gives_way(
    epsilon: float, targets: int, decision: int
) -> None:
    # The logits are 1, 0.9, 0.5 and 0. Class 1 never wins, 2 only if its half rises by over 1/8.
    images = torch.full((1, 1, SIDE, SIDE), 0.5, dtype=torch.float64)
    attack = APGD(epsilon=epsilon, steps=10, loss="dlr-targeted", targets=targets)
    model = four_ways()
    result = attack.run(model, images, torch.zeros(1, dtype=int), Untargeted())
    assert decided(model, result.adversarial).tolist() == [decision]
    assert result.success.tolist() == [decision != 0]
    assert result.steps.item() > 10 * (targets - 1)
    assert result.steps.item() == 10 * targets or result.success.all()


def test_that_the_named_class_of_a_targeted_goal_is_the_only_target() -> None:
    model = four_ways()
    images = torch.full((1, 1, SIDE, SIDE), 0.5, dtype=torch.float64)
    attack = APGD(epsilon=0.2, steps=10, loss="dlr-targeted")
    labels = torch.zeros(1, dtype=int)
    result = attack.run(model, images, labels, Targeted(target=3))
    assert decided(model, result.adversarial).tolist() == [3]
    assert result.steps.item() <= 10


@pytest.mark.parametrize("loss", ["objective", "margin"])
@pytest.mark.parametrize("objective", [Untargeted(), HideFinding(finding=1), FlipAll()])
def test_that_findings_are_attacked_by_bce_and_by_margin(objective: Objective, loss: str) -> None:
    model = convolutional(3, thresholds=THRESHOLDS)
    images = random_images(6)
    labels = decided(model, images)
    attack = APGD(epsilon=0.8 if isinstance(objective, FlipAll) else 0.1, steps=30, loss=loss)
    result = attack.run(model, images, labels, objective)
    after = decided(model, result.adversarial)
    reached = {
        "untargeted": (after != labels).any(1),
        "hide": ~after[:, 1],
        "flip-all": (after != labels).all(1),
    }[objective.name]
    assert result.success.tolist() == reached.tolist()
    assert reached.sum() >= 4


@pytest.mark.parametrize(
    ("loss", "classes", "thresholds", "objective", "words"),
    [
        ("dlr", 2, (), Untargeted(), ["logits of 3 classes", "has 2 classes", "margin"]),
        ("dlr-targeted", 3, (), Untargeted(), ["of 4 classes", "has 3 classes", "or dlr"]),
        ("dlr", 3, THRESHOLDS, Untargeted(), ["findings, each by itself", "margin"]),
        ("dlr-targeted", 5, (), LeastLikely(), ["no such goal", "Choose dlr"]),
    ],
)
def test_that_a_ratio_that_the_model_has_no_logits_for_is_refused_before_any_look(
    loss: str,
    classes: int,
    thresholds: tuple[float, ...],
    objective: Objective,
    words: list[str],
) -> None:
    class Untouched(torch.nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            raise AssertionError("looked at")

    model = DiagnosticModel(Untouched(), card_of(classes, thresholds=thresholds))
    images = random_images(2, dtype=torch.float32)
    labels = torch.zeros(2, classes) if thresholds else torch.zeros(2, dtype=int)
    with pytest.raises(AttackError) as caught:
        APGD(loss=loss).run(model, images, labels, objective)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("loss", ["margin", "dlr"])
def test_that_a_confident_float32_model_hides_no_gradient(loss: str) -> None:
    model, _ = steadfast()
    with torch.no_grad():
        model.network[1].bias.copy_(torch.tensor([300.0, 0.0, -90.0]))
    images = random_images(2, channels=1, dtype=torch.float32)
    result = APGD(epsilon=0.1, steps=10, loss=loss).run(
        model.float(), images, torch.zeros(2, dtype=int), Untargeted()
    )
    before, after = (z[:, 1] - z[:, 0] for z in (result.clean_logits, result.adversarial_logits))
    assert (after > before + 1).all()
