"""FAB: distances in closed form, shortest ways against a solver, and the borders of every goal."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from attack_models import convolutional, decided, linear, random_images
from scipy.optimize import linprog, minimize
from torch import Tensor

from medadv_desktop.attacks.minimal.fab import FAB
from medadv_desktop.attacks.minimal.fab_search import shortest_way
from medadv_desktop.attacks.objectives import FlipAll, HideFinding, Targeted, Untargeted
from medadv_desktop.models.diagnostic import DiagnosticModel

NORMS = ("linf", "l2", "l1")


def dual(weights: Tensor, norm: str) -> Tensor:
    """How fast a logit rises at best, by a change of norm 1; over the last axis."""
    order = {"linf": 1, "l2": 2, "l1": float("inf")}[norm]
    return torch.linalg.vector_norm(weights, ord=order, dim=-1)


def grey(count: int) -> Tensor:
    """Images near 0.5, so that the ends of [0, 1] are far."""
    return 0.5 + 0.02 * (random_images(count, channels=1) - 0.5)


def weights_of(rows: int) -> Tensor:
    weights = torch.randn(rows, 64, generator=torch.Generator().manual_seed(3)).double()
    return weights - weights.mean(1, keepdim=True)


@pytest.mark.parametrize("targets", [None, 4], ids=["nearest", "by-class"])
@pytest.mark.parametrize("norm", NORMS)
def test_that_the_distance_to_the_nearest_class_of_a_linear_model_is_found(
    norm: str, targets: int | None
) -> None:
    weights = weights_of(5)
    bias = torch.tensor([0.3, 0.1, 0.0, -0.1, 0.2]).double()
    model, images = linear(weights, bias), grey(8)
    labels = decided(model, images)
    result = FAB(norm=norm, steps=10, targets=targets).run(model, images, labels, Untargeted())
    logits = model(images).detach()
    gaps = logits.gather(1, labels[:, None]) - logits
    rises = dual(weights[None] - weights[labels][:, None], norm)
    expected = torch.where(gaps > 0, gaps / rises, torch.inf).amin(1)
    found = getattr(result, norm)
    assert result.success.all()
    assert (found >= expected * (1 - 1e-9)).all()
    assert (found <= expected * 1.01).all()


@pytest.mark.parametrize("norm", NORMS)
def test_that_the_distance_to_the_nearest_cutoff_of_any_finding_is_found(norm: str) -> None:
    weights, thresholds = weights_of(3), (0.4, 0.5, 0.6)
    model = linear(weights, torch.tensor([0.3, -0.4, 0.2]).double(), thresholds=thresholds)
    images = grey(8)
    labels = decided(model, images)
    cutoffs = torch.logit(torch.tensor(thresholds, dtype=torch.float64))
    gaps = (model(images).detach() - cutoffs).abs() / dual(weights, norm)
    any_flip = FAB(norm=norm, steps=10).run(model, images, labels, Untargeted())
    nearest = gaps.amin(1)
    assert any_flip.success.all()
    found = getattr(any_flip, norm)
    assert ((found >= nearest * (1 - 1e-9)) & (found <= nearest * 1.01)).all()
    hidden = FAB(norm=norm, steps=10).run(model, images, labels, HideFinding(finding=0))
    present = labels[:, 0]
    assert present.any()
    found = getattr(hidden, norm)[present]
    assert ((found >= gaps[present, 0] * (1 - 1e-9)) & (found <= gaps[present, 0] * 1.01)).all()


def test_that_goals_of_one_border_are_reached_as_well() -> None:
    model = convolutional(3, smooth=True)
    images = random_images(6)
    labels = decided(model, images)
    target = (int(labels[0]) + 1) % 3
    rows = labels != target
    result = FAB(norm="l2", steps=20).run(
        model, images[rows], labels[rows], Targeted(target=target)
    )
    assert result.success.all()
    assert (decided(model, result.adversarial) == target).all()
    findings = convolutional(3, thresholds=(0.3, 0.5, 0.7), smooth=True)
    present = decided(findings, images)
    flipped = FAB(steps=20).run(findings, images, present, FlipAll())
    assert flipped.success.double().mean() >= 0.8
    changed = decided(findings, flipped.adversarial) != present
    assert torch.equal(flipped.success, changed.all(1))


@pytest.mark.parametrize("norm", NORMS)
def test_that_a_budget_only_judges_what_was_found(norm: str) -> None:
    model, images = convolutional(3), random_images(8)
    labels = decided(model, images)
    free = FAB(norm=norm, steps=6).run(model, images, labels, Untargeted())
    distance = getattr(free, norm)
    budget = float(distance.median())
    judged = FAB(norm=norm, steps=6, epsilon=budget).run(model, images, labels, Untargeted())
    assert judged.success.tolist() == (distance <= budget).tolist()
    assert torch.equal(judged.adversarial[judged.success], free.adversarial[judged.success])
    assert torch.equal(judged.adversarial[~judged.success], images[~judged.success])


def test_that_restarts_and_more_steps_never_find_anything_farther() -> None:
    model, images = convolutional(3), random_images(8)
    labels = decided(model, images)

    def found(**settings: int) -> Tensor:
        return FAB(norm="l2", **settings).run(model, images, labels, Untargeted()).l2

    once = found(steps=5)
    assert (found(steps=5, restarts=3) <= once).all()
    assert found(steps=5, targets=2).isfinite().all()


def test_that_a_sample_that_is_wrong_already_is_left_alone() -> None:
    model, images = convolutional(3), random_images(4)
    labels = decided(model, images)
    labels[1] = (labels[1] + 1) % 3
    result = FAB(steps=3).run(model, images, labels, Untargeted())
    assert result.success[1]
    assert result.steps.tolist() == [3, 0, 3, 3]
    assert torch.equal(result.adversarial[1], images[1])


def solved(x: np.ndarray, w: np.ndarray, rise: float, norm: str) -> np.ndarray:
    """The shortest δ with ⟨w, δ⟩ = rise in the box, by a solver; δ = up − down for l1."""
    n = len(x)
    if norm == "l2":
        found = minimize(
            lambda d: d @ d,
            np.zeros(n),
            jac=lambda d: 2 * d,
            bounds=list(zip(-x, 1 - x, strict=True)),
            constraints={"type": "eq", "fun": lambda d: w @ d - rise, "jac": lambda d: w},
            method="SLSQP",
            options={"ftol": 1e-15, "maxiter": 500},
        )
        return found.x
    if norm == "l1":
        bounds = [*((0, 1 - v) for v in x), *((0, v) for v in x)]
        found = linprog(np.ones(2 * n), A_eq=[[*w, *-w]], b_eq=[rise], bounds=bounds)
        return found.x[:n] - found.x[n:]
    # The last variable bounds all others.
    above = np.hstack([np.eye(n), -np.ones((n, 1))])
    below = np.hstack([-np.eye(n), -np.ones((n, 1))])
    found = linprog(
        [*np.zeros(n), 1],
        A_ub=np.vstack([above, below]),
        b_ub=np.zeros(2 * n),
        A_eq=[[*w, 0]],
        b_eq=[rise],
        bounds=[*zip(-x, 1 - x, strict=True), (0, None)],
    )
    return found.x[:n]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("norm", NORMS)
def test_that_the_way_onto_a_plane_is_as_short_as_a_solver_finds(norm: str, seed: int) -> None:
    generator = np.random.default_rng(seed)
    x, w = generator.uniform(0, 1, 6), generator.normal(size=6)
    most = np.where(w > 0, w * (1 - x), -w * x).sum()
    rise = most * generator.uniform(0.1, 0.95)
    delta = shortest_way(
        torch.tensor(x).view(1, 1, 1, 6),
        torch.tensor(w).view(1, 1, 1, 6),
        torch.tensor([rise]),
        norm,
    )
    way = delta.flatten().numpy()
    order = {"linf": np.inf, "l2": 2, "l1": 1}[norm]
    assert w @ way == pytest.approx(rise, rel=1e-9)
    assert (x + way).min() >= -1e-12
    assert (x + way).max() <= 1 + 1e-12
    shortest = np.linalg.norm(solved(x, w, rise, norm), order)
    assert np.linalg.norm(way, order) == pytest.approx(shortest, rel=1e-5)


@pytest.mark.parametrize("norm", NORMS)
def test_that_where_no_way_leads_onto_the_plane_the_farthest_is_taken(norm: str) -> None:
    x = torch.tensor([0.2, 0.7, 0.5]).double().view(1, 1, 1, 3)
    w = torch.tensor([2.0, -1.0, 0.0]).double().view(1, 1, 1, 3)
    far = shortest_way(x, w, torch.tensor([100.0]).double(), norm)
    torch.testing.assert_close((x + far).flatten(), torch.tensor([1.0, 0.0, 0.5]).double())
    none = shortest_way(x, torch.zeros_like(w), torch.tensor([1.0]).double(), norm)
    assert not none.any()


def test_that_the_logits_handed_out_are_those_of_the_image() -> None:
    model: DiagnosticModel = convolutional(3)
    images = random_images(4)
    result = FAB(steps=4).run(model, images, decided(model, images), Untargeted())
    with torch.no_grad():
        torch.testing.assert_close(result.adversarial_logits, model(result.adversarial))
