"""The L1 ball within [0, 1]: nearest points, steps and starts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from attack_models import decided, linear, random_images
from scipy.optimize import minimize
from torch import Tensor

from medadv_desktop.attacks.gradient.pgd import PGD
from medadv_desktop.attacks.norm_balls import L1Ball, free_gradient, sample_generator
from medadv_desktop.attacks.objectives import Untargeted


def images_of(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64).view(1, 1, 1, -1)


@pytest.mark.parametrize(
    ("original", "moved", "epsilon", "expected"),
    [
        # Inside already.
        ((0.5, 0.5), (0.6, 0.5), 0.3, (0.6, 0.5)),
        # (0.4, 0.1) shortened by 0.1 each: 0.3 + 0.
        ((0.5, 0.5), (0.9, 0.6), 0.3, (0.8, 0.5)),
        # The first has room for 0.1 only, so the second keeps 0.2 of its 0.3.
        ((0.9, 0.5), (1.3, 0.8), 0.3, (1.0, 0.7)),
        # Downwards, and a budget that the box alone keeps.
        ((0.1, 0.2), (-3.0, -3.0), 0.5, (0.0, 0.0)),
        ((0.5, 0.5), (0.9, 0.1), 0.0, (0.5, 0.5)),
    ],
)
def test_that_small_projections_are_those_made_by_hand(
    original: tuple[float, ...],
    moved: tuple[float, ...],
    epsilon: float,
    expected: tuple[float, ...],
) -> None:
    projected = L1Ball(epsilon).project(images_of(*moved), images_of(*original))
    torch.testing.assert_close(projected, images_of(*expected), rtol=0, atol=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_that_the_projection_is_the_nearest_point_of_ball_and_box_at_once(seed: int) -> None:
    generator = np.random.default_rng(seed)
    original, moved = generator.uniform(0, 1, 5), generator.normal(0.5, 1, 5)
    epsilon = generator.uniform(0.1, 1.5)
    # δ = up − down turns both constraints linear.
    solved = minimize(
        lambda v: np.sum((original + v[:5] - v[5:] - moved) ** 2),
        np.zeros(10),
        bounds=[*((0, 1 - x) for x in original), *((0, x) for x in original)],
        constraints={"type": "ineq", "fun": lambda v: epsilon - v.sum()},
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    projected = L1Ball(epsilon).project(images_of(*moved), images_of(*original))
    np.testing.assert_allclose(
        projected.flatten().numpy(), original + solved.x[:5] - solved.x[5:], atol=1e-5
    )


@pytest.mark.parametrize("epsilon", [1e-4, 1.0, 60.0])
def test_that_rounding_in_float32_never_leaves_the_ball(epsilon: float) -> None:
    generator = torch.Generator().manual_seed(0)
    originals = torch.rand(1, 3, 224, 224, generator=generator)
    moved = originals + torch.randn(originals.shape, generator=generator)
    projected = L1Ball(epsilon).project(moved, originals)
    assert projected.min() >= 0
    assert projected.max() <= 1
    length = (projected.double() - originals.double()).abs().sum().item()
    assert epsilon * (1 - 1e-3) <= length <= epsilon * (1 + 1e-6)


def test_that_random_starts_are_uniform_in_the_ball() -> None:
    shape = torch.Size((1, 2, 2))
    generator = torch.Generator().manual_seed(0)
    ball = L1Ball(0.5)
    draws = torch.stack([ball.draw(shape, torch.float64, generator) for _ in range(2000)])
    radii = draws.flatten(1).abs().sum(1) / 0.5
    # In 4 dimensions the share within radius r is r⁴; a uniform simplex has means of 1/(4 + 1).
    assert radii.max() <= 1
    assert radii.median().item() == pytest.approx(2 ** (-1 / 4), abs=0.01)
    means = (draws / 0.5).abs().mean(0).flatten()
    torch.testing.assert_close(means, torch.full((4,), 0.2).double(), rtol=0, atol=0.015)
    assert draws.mean(0).abs().max() < 0.01


def test_that_a_step_goes_to_the_steepest_entries_that_are_free() -> None:
    gradient = torch.zeros(1, 1, 10, 20, dtype=torch.float64)
    gradient[0, 0, 0, :4] = torch.tensor([5.0, -4.0, 3.0, 2.0])
    images = torch.full_like(gradient, 0.5)
    images[0, 0, 0, :2] = torch.tensor([1.0, 0.1])  # the first cannot rise, the next fall by 0.1
    ball = L1Ball(1.0)
    # 1 % of 200 entries are two.
    steepest = torch.zeros_like(gradient)
    steepest[0, 0, 0, :2] = torch.tensor([0.5, -0.5])
    assert torch.equal(ball.direction(gradient), steepest)
    # A step of 0.4, shared by two, of which the first takes 0.1 only.
    step = torch.zeros_like(gradient)
    step[0, 0, 0, 1:4] = torch.tensor([-0.1, 0.2, 0.1])
    torch.testing.assert_close(ball.step(gradient, images, 0.4), step)
    assert free_gradient(gradient, images)[0, 0, 0].tolist()[:4] == [0, -4, 3, 2]
    assert not ball.direction(torch.zeros_like(gradient)).any()


def test_that_pgd_in_l1_reaches_the_best_point_of_a_linear_model() -> None:
    weights = torch.randn(2, 64, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    model = linear(weights, torch.tensor([50.0, 0.0], dtype=torch.float64))
    images = random_images(3, channels=1)
    rise = (weights[1] - weights[0]).expand(3, 64)
    assert decided(model, images).tolist() == [0, 0, 0]
    attack = PGD(norm="l1", epsilon=4, steps=80, step_size=0.2)
    result = attack.run(model, images, torch.zeros(3, dtype=int), Untargeted())
    gain = ((result.adversarial - images).flatten(1) * rise).sum(1)
    torch.testing.assert_close(gain, best_gain(images.flatten(1), rise, 4.0), rtol=0.02, atol=0)
    assert (result.l1 <= 4 * (1 + 1e-6)).all()


def best_gain(x: Tensor, rise: Tensor, budget: float) -> Tensor:
    """Most that ⟨rise, δ⟩ can be: the budget goes to the steepest entries, each up to its end."""
    gains = []
    for image, slope in zip(x.tolist(), rise.tolist(), strict=True):
        left, gain = budget, 0.0
        for value, steepness in sorted(zip(image, slope, strict=True), key=lambda p: -abs(p[1])):
            used = min(left, 1 - value if steepness > 0 else value)
            left, gain = left - used, gain + used * abs(steepness)
        gains.append(gain)
    return torch.tensor(gains, dtype=torch.float64)


def test_that_the_start_of_a_sample_is_its_own() -> None:
    originals = random_images(3)
    ball = L1Ball(2.0)
    both = ball.start(originals[:2], [sample_generator(0, 0, 0), sample_generator(0, 1, 0)])
    alone = ball.start(originals[1:2], [sample_generator(0, 1, 0)])
    assert torch.equal(both[1:], alone)
