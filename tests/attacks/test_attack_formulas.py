"""FGSM and PGD against closed forms, finite differences and other people's loops."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from attack_models import convolutional, decided, linear, random_images
from torch import Tensor
from torch.nn import functional as F

from medadv_desktop.attacks.attack import AttackResult
from medadv_desktop.attacks.gradient.fgsm import FGSM
from medadv_desktop.attacks.gradient.pgd import PGD
from medadv_desktop.attacks.objectives import (
    FlipAll,
    HideFinding,
    InsertFinding,
    Objective,
    Targeted,
    Untargeted,
)
from medadv_desktop.models.diagnostic import DiagnosticModel

EPSILON = 8 / 255
THRESHOLDS = (0.4, 0.5, 0.6, 0.5)


def two_classes(bias: float = 50.0) -> tuple[DiagnosticModel, Tensor]:
    """A linear model that says class 0 whatever happens, and w₁ − w₀ as an image."""
    weights = torch.randn(2, 64, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    model = linear(weights, torch.tensor([bias, 0.0], dtype=torch.float64))
    return model, (weights[1] - weights[0]).view(1, 1, 8, 8)


def test_that_fgsm_on_a_linear_model_is_the_sign_of_the_weights() -> None:
    model, rise = two_classes()
    images = random_images(4, channels=1)
    result = FGSM(epsilon=EPSILON).run(model, images, torch.zeros(4, dtype=int), Untargeted())
    expected = (images + EPSILON * rise.sign()).clamp(0, 1)
    torch.testing.assert_close(result.adversarial, expected, rtol=0, atol=1e-12)
    assert result.steps.tolist() == [1] * 4
    assert not result.success.any()


def test_that_pgd_reaches_the_optimum_of_a_linear_model_in_linf() -> None:
    model, rise = two_classes()
    images = random_images(4, channels=1)
    attack = PGD(epsilon=EPSILON, steps=20, random_start=True)
    result = attack.run(model, images, torch.zeros(4, dtype=int), Untargeted())
    # Linear in every pixel: the best point of ball and box is a corner of their intersection.
    expected = (images + EPSILON * rise.sign()).clamp(0, 1)
    torch.testing.assert_close(result.adversarial, expected, rtol=0, atol=1e-12)


def test_that_pgd_reaches_the_optimum_of_a_linear_model_in_l2() -> None:
    model, rise = two_classes()
    images = 0.5 + 0.1 * (random_images(4, channels=1) - 0.5)
    # A step as long as the budget halves what is left across the direction of ascent.
    attack = PGD(norm="l2", epsilon=0.3, step_size=0.3, steps=40)
    result = attack.run(model, images, torch.zeros(4, dtype=int), Untargeted())
    expected = images + 0.3 * rise / rise.norm()
    torch.testing.assert_close(result.adversarial, expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(result.l2, torch.full((4,), 0.3, dtype=torch.float64))


@pytest.mark.parametrize("gap", [50.0, 300.0])
def test_that_a_confident_float32_model_hides_no_gradient(gap: float) -> None:
    # From a gap of 17 on, the softmax of float32 is one-hot and its cross-entropy loses the slope;
    # from 104 on, even exp(-gap) is zero there.
    model, rise = two_classes(bias=gap)
    images = random_images(2, channels=1, dtype=torch.float32)
    result = FGSM(epsilon=EPSILON).run(
        model.float(), images, torch.zeros(2, dtype=int), Untargeted()
    )
    expected = (images + EPSILON * rise.sign().float()).clamp(0, 1)
    torch.testing.assert_close(result.adversarial, expected, rtol=0, atol=1e-7)


def single_loss(goal: Objective) -> Callable[[Tensor, Tensor], Tensor]:
    def loss(logits: Tensor, labels: Tensor) -> Tensor:
        if isinstance(goal, Targeted):
            return -F.cross_entropy(logits, torch.full_like(labels, goal.target), reduction="none")
        return F.cross_entropy(logits, labels, reduction="none")

    return loss


def multi_loss(goal: Objective, cutoffs: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    def loss(logits: Tensor, labels: Tensor) -> Tensor:
        logits, states = logits - cutoffs, labels.to(logits)
        if isinstance(goal, HideFinding):
            states = torch.ones_like(states)
        if isinstance(goal, InsertFinding):
            states = torch.zeros_like(states)
        if isinstance(goal, FlipAll):
            return -F.binary_cross_entropy_with_logits(logits, 1 - states, reduction="none").sum(1)
        losses = F.binary_cross_entropy_with_logits(logits, states, reduction="none")
        chosen = goal.indices() or range(losses.shape[1])
        return losses[:, list(chosen)].sum(1)

    return loss


@pytest.mark.parametrize(
    ("goal", "multi_label"),
    [
        (Untargeted(), False),
        (Targeted(target=2), False),
        (Untargeted(), True),
        (FlipAll(), True),
        (HideFinding(finding=1), True),
        (InsertFinding(finding=0), True),
    ],
)
def test_that_the_direction_is_that_of_finite_differences(
    goal: Objective, multi_label: bool
) -> None:
    thresholds = (0.01, 0.0001, 0.5) if not isinstance(goal, InsertFinding) else (0.99, 0.5, 0.5)
    model = convolutional(3, thresholds=thresholds if multi_label else (), smooth=True)
    image = 0.2 + 0.6 * random_images(1)
    labels = decided(model, image)
    if isinstance(goal, Targeted):
        labels = torch.where(labels == 2, 0, labels)
    loss = single_loss(goal)
    if multi_label:
        loss = multi_loss(goal, torch.logit(torch.tensor(thresholds, dtype=torch.float64)))
    step = 1e-5
    nudges = torch.eye(192, dtype=torch.float64).view(192, 3, 8, 8) * step
    with torch.no_grad():
        many = labels.expand(192, *labels.shape[1:])
        rises = loss(model(image + nudges), many) - loss(model(image - nudges), many)
    slope = (rises / (2 * step)).view(1, 3, 8, 8)
    result = FGSM(norm="l2", epsilon=0.01).run(model, image, labels, goal)
    assert result.steps.item() == 1
    direction = (result.adversarial - image) / 0.01
    torch.testing.assert_close(direction, slope / slope.norm(), rtol=0, atol=1e-6)


def loop(
    model: DiagnosticModel,
    images: Tensor,
    labels: Tensor,
    loss: Callable[[Tensor, Tensor], Tensor],
    steps: int,
) -> Tensor:
    """Madry's loop as one would write it by hand, L∞, no random start."""
    adversarial = images.clone()
    for _ in range(steps):
        adversarial.requires_grad_()
        (gradient,) = torch.autograd.grad(loss(model(adversarial), labels).sum(), adversarial)
        moved = adversarial.detach() + gradient.sign() / 255
        adversarial = (images + (moved - images).clamp(-EPSILON, EPSILON)).clamp(0, 1)
    return adversarial


@pytest.mark.parametrize("goal", [Untargeted(), FlipAll(), HideFinding(finding=3)])
def test_that_multi_label_pgd_agrees_with_a_bce_loop(goal: Objective) -> None:
    model = convolutional(4, thresholds=THRESHOLDS)
    images = random_images(6)
    labels = decided(model, images)
    attack = PGD(epsilon=EPSILON, steps=12, random_start=False, stop_when_beaten=False)
    result = attack.run(model, images, labels, goal)
    expected = loop(model, images, labels, multi_loss(goal, model.cutoffs), 12)
    torch.testing.assert_close(result.adversarial, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(result.adversarial_logits, model(expected).detach())


def test_that_a_beaten_sample_stops_at_the_first_step_of_the_loop_that_beats_it() -> None:
    model = convolutional(3)
    images = random_images(12)
    labels = decided(model, images)
    result = PGD(epsilon=EPSILON, steps=10, random_start=False).run(
        model, images, labels, Untargeted()
    )
    assert 0 < result.success.sum() < 12
    for i in range(12):
        image, label = images[i : i + 1], labels[i : i + 1]
        walked = [loop(model, image, label, single_loss(Untargeted()), k) for k in range(1, 11)]
        beaten = [k for k, x in enumerate(walked, 1) if decided(model, x) != label]
        assert bool(result.success[i]) == bool(beaten)
        assert result.steps[i] == (beaten[0] if beaten else 10)
        losses = [F.cross_entropy(model(x), label).item() for x in walked]
        best = (beaten[0] if beaten else losses.index(max(losses)) + 1) - 1
        torch.testing.assert_close(result.adversarial[i], walked[best][0], rtol=0, atol=1e-12)


def losses_of(model: DiagnosticModel, images: Tensor, labels: Tensor) -> Tensor:
    with torch.no_grad():
        return F.cross_entropy(model(images), labels)


def run_linf(model: DiagnosticModel, images: Tensor, labels: Tensor, stop: bool) -> AttackResult:
    attack = PGD(epsilon=EPSILON, steps=10, random_start=False, stop_when_beaten=stop)
    return attack.run(model, images, labels, Untargeted())


def test_that_pgd_equals_torchattacks_pixel_for_pixel() -> None:
    torchattacks = pytest.importorskip("torchattacks")
    model = convolutional(3)
    images = random_images(24)
    labels = decided(model, images)
    labels[:3] = (labels[:3] + 1) % 3  # some are wrong before the attack
    theirs = torchattacks.PGD(model, eps=EPSILON, alpha=1 / 255, steps=10, random_start=False)(
        images, labels
    )
    ours = run_linf(model, images, labels, stop=False)
    torch.testing.assert_close(ours.adversarial, theirs, rtol=0, atol=1e-12)
    robust = (decided(model, theirs) == labels).double().mean()
    assert (~ours.success).double().mean() == robust
    mean_loss = F.cross_entropy(ours.adversarial_logits, labels)
    torch.testing.assert_close(mean_loss, losses_of(model, theirs, labels))


def test_that_stopping_early_never_leaves_more_samples_robust_than_torchattacks() -> None:
    torchattacks = pytest.importorskip("torchattacks")
    model = convolutional(3)
    images = random_images(24)
    labels = decided(model, images)
    theirs = torchattacks.PGD(model, eps=EPSILON, alpha=1 / 255, steps=10, random_start=False)(
        images, labels
    )
    ours = run_linf(model, images, labels, stop=True)
    broken = decided(model, theirs) != labels
    assert 0 < broken.sum() < 24
    assert (ours.success | ~broken).all()
    assert ours.success.sum() - broken.sum() <= 1


def test_that_l2_pgd_equals_torchattacks_pixel_for_pixel() -> None:
    torchattacks = pytest.importorskip("torchattacks")
    model = convolutional(3, smooth=True)
    images = random_images(8)
    labels = decided(model, images)
    theirs = torchattacks.PGDL2(model, eps=0.4, alpha=0.1, steps=10, random_start=False)
    expected = theirs(images, labels)
    attack = PGD(
        norm="l2",
        epsilon=0.4,
        step_size=0.1,
        steps=10,
        random_start=False,
        stop_when_beaten=False,
    )
    result = attack.run(model, images, labels, Untargeted())
    # Not to the last digit: torchattacks adds 1e-10 to the gradient's norm.
    torch.testing.assert_close(result.adversarial, expected, rtol=0, atol=1e-7)


def test_that_fgsm_equals_torchattacks_pixel_for_pixel() -> None:
    torchattacks = pytest.importorskip("torchattacks")
    model = convolutional(3)
    images = random_images(8)
    labels = decided(model, images)
    expected = torchattacks.FGSM(model, eps=EPSILON)(images, labels)
    result = FGSM(epsilon=EPSILON).run(model, images, labels, Untargeted())
    torch.testing.assert_close(result.adversarial, expected, rtol=0, atol=1e-12)
