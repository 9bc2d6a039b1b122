"""What holds for every attack, model and batch."""

from __future__ import annotations

import pytest
import torch
from attack_models import convolutional, decided, linear, random_images
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from medadv_desktop.attacks.attack import Attack, AttackPreview
from medadv_desktop.attacks.gradient.fgsm import FGSM
from medadv_desktop.attacks.gradient.pgd import PGD
from medadv_desktop.attacks.norm_balls import L2Ball, LinfBall, sample_generator
from medadv_desktop.attacks.objectives import (
    FlipAll,
    FlipFindings,
    HideFinding,
    InsertFinding,
    Objective,
    Targeted,
    Untargeted,
)
from medadv_desktop.jobs import Event, Partial, Progress

THRESHOLDS = (0.3, 0.5, 0.7, 0.5)

budgets = st.floats(1e-5, 1.0)
attacks = st.one_of(
    st.builds(FGSM, norm=st.sampled_from(["linf", "l2"]), epsilon=budgets),
    st.builds(
        PGD,
        norm=st.sampled_from(["linf", "l2", "l1"]),
        epsilon=budgets,
        steps=st.integers(1, 4),
        step_size=st.none() | st.floats(1e-4, 1.0),
        restarts=st.integers(1, 2),
        stop_when_beaten=st.booleans(),
    ),
)


@settings(max_examples=40, deadline=None)
@given(attacks, st.sampled_from([torch.float32, torch.float64]), st.integers(0, 1000))
def test_that_budget_and_range_are_kept_and_the_norms_are_true(
    attack: PGD | FGSM, dtype: torch.dtype, seed: int
) -> None:
    model = convolutional(3, dtype=dtype)
    images = random_images(3, seed=seed, dtype=dtype)
    result = attack.run(model, images, decided(model, images), Untargeted(), seed=seed)
    assert result.adversarial.shape == images.shape
    assert result.adversarial.dtype == dtype
    assert result.adversarial.is_contiguous()
    assert result.adversarial.min() >= 0
    assert result.adversarial.max() <= 1
    delta = (result.adversarial.double() - images.double()).flatten(1)
    linf, l2 = delta.abs().amax(1), delta.square().sum(1).sqrt()
    norms = {"linf": linf, "l2": l2, "l1": delta.abs().sum(1)}
    assert norms[attack.norm].max() <= attack.epsilon * (1 + 1e-6)
    torch.testing.assert_close(result.linf.double(), linf, rtol=1e-5, atol=1e-9)
    torch.testing.assert_close(result.l2.double(), l2, rtol=1e-5, atol=1e-9)
    torch.testing.assert_close(result.l1.double(), norms["l1"], rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("epsilon", [1e-6, 1e-4, 1 / 255, 0.3])
def test_that_rounding_in_float32_never_leaves_an_l2_ball(epsilon: float) -> None:
    generator = torch.Generator().manual_seed(0)
    originals = torch.rand(2, 3, 224, 224, generator=generator)
    moved = originals + torch.randn(originals.shape, generator=generator)
    projected = L2Ball(epsilon).project(moved, originals)
    length = (projected.double() - originals.double()).flatten(1).norm(dim=1)
    assert length.max() <= epsilon * (1 + 1e-6)


def test_that_random_starts_are_uniform_in_the_ball() -> None:
    shape = torch.Size((1, 2, 2))
    generator = torch.Generator().manual_seed(0)
    draws = [L2Ball(0.5).draw(shape, torch.float64, generator) for _ in range(2000)]
    radii = torch.stack(draws).flatten(1).norm(dim=1) / 0.5
    # In 4 dimensions the share within radius r of a uniform ball is r⁴: median 2^(−1/4).
    assert radii.max() <= 1
    assert radii.median().item() == pytest.approx(2**-0.25, abs=0.02)
    linf = torch.stack([LinfBall(0.5).draw(shape, torch.float64, generator) for _ in range(2000)])
    assert linf.abs().max() <= 0.5
    assert linf.mean().item() == pytest.approx(0, abs=0.02)
    assert linf.std().item() == pytest.approx(1 / 12**0.5, abs=0.02)


def test_that_every_sample_restart_and_seed_draws_numbers_of_its_own() -> None:
    keys = [(0, 1, 2), (0, 1, 3), (0, 2, 1), (1, 0, 2), (12, 0, 0), (1, 20, 0), (-1, 0, 0)]
    first = {torch.rand(1, generator=sample_generator(*key)).item() for key in keys}
    assert len(first) == len(keys)
    again = torch.rand(1, generator=sample_generator(0, 1, 2)).item()
    assert again in first


@pytest.mark.parametrize(
    ("objective", "labels"),
    [(Untargeted(), None), (Targeted(target=1), torch.tensor([0, 2] * 4))],
)
def test_that_an_unlimited_budget_reaches_every_goal(
    objective: Objective, labels: torch.Tensor | None
) -> None:
    weights = torch.randn(3, 64, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    model = linear(weights, torch.zeros(3, dtype=torch.float64))
    images = random_images(8, channels=1)
    labels = decided(model, images) if labels is None else labels
    result = PGD(epsilon=1, step_size=0.1, steps=30).run(model, images, labels, objective)
    assert result.success.all()


def multi_label_attack(objective: Objective, seed: int = 0) -> None:
    model = convolutional(4, thresholds=THRESHOLDS, seed=seed)
    images = random_images(8)
    labels = torch.randint(0, 2, (8, 4), generator=torch.Generator().manual_seed(seed))
    attack = PGD(epsilon=12 / 255, steps=6)
    result = attack.run(model, images, labels, objective)
    said = result.adversarial_logits.sigmoid() >= torch.tensor(THRESHOLDS)
    before = result.clean_logits.sigmoid() >= torch.tensor(THRESHOLDS)
    changed = said != labels.bool()
    if isinstance(objective, HideFinding):
        assert result.success.tolist() == (~said[:, objective.finding]).tolist()
        assert (result.steps[~before[:, objective.finding]] == 0).all()
    elif isinstance(objective, InsertFinding):
        assert result.success.tolist() == said[:, objective.finding].tolist()
        assert (result.steps[before[:, objective.finding]] == 0).all()
    elif isinstance(objective, FlipFindings):
        assert result.success.tolist() == changed[:, list(objective.findings)].all(1).tolist()
    elif isinstance(objective, FlipAll):
        assert result.success.tolist() == changed.all(1).tolist()
    else:
        assert result.success.tolist() == changed.any(1).tolist()


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(
    "objective",
    [
        HideFinding(finding=2),
        InsertFinding(finding=0),
        FlipFindings(findings=(1, 3)),
        FlipAll(),
        Untargeted(),
    ],
    ids=lambda o: o.name,
)
def test_that_success_means_what_the_goal_says(objective: Objective, seed: int) -> None:
    multi_label_attack(objective, seed)


def test_that_a_hidden_finding_is_hidden_and_an_inserted_one_reported() -> None:
    weights = torch.randn(2, 64, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    bias = torch.tensor([0.5, -0.5], dtype=torch.float64)
    model = linear(weights - weights.mean(1, keepdim=True), bias, thresholds=(0.5, 0.5))
    images = torch.full((1, 1, 8, 8), 0.5, dtype=torch.float64)  # logits are the bias: 1 0
    labels = torch.tensor([[1, 0]])
    for objective, expected in ((HideFinding(finding=0), 0), (InsertFinding(finding=1), 1)):
        result = PGD(epsilon=8 / 255).run(model, images, labels, objective)
        assert result.success.all()
        decisions = decided(model, result.adversarial)[0]
        assert int(decisions[objective.finding]) == expected


@pytest.mark.parametrize(
    "attack",
    [
        FGSM(epsilon=8 / 255),
        PGD(epsilon=4 / 255, steps=5, restarts=3),
        PGD(norm="l2", epsilon=0.1, steps=5, restarts=2),
        PGD(epsilon=8 / 255, steps=3, stop_when_beaten=False, restarts=2),
    ],
    ids=str,
)
def test_that_batch_size_and_order_do_not_matter(attack: Attack) -> None:
    model = convolutional(3)
    images = random_images(6)
    labels = decided(model, images)
    whole = attack.run(model, images, labels, Untargeted(), seed=7)
    order = [4, 0, 5, 2, 1, 3]
    for rows in ([0], [3], [5, 1], order):
        part = attack.run(model, images[rows], labels[rows], Untargeted(), seed=7, sample_ids=rows)
        assert part.steps.tolist() == whole.steps[rows].tolist()
        assert part.success.tolist() == whole.success[rows].tolist()
        if getattr(attack, "norm", "") == "linf":
            assert torch.equal(part.adversarial, whole.adversarial[rows])
        else:  # no sign() hides that sums over another batch round differently
            torch.testing.assert_close(part.adversarial, whole.adversarial[rows], rtol=0, atol=1e-9)


def test_that_the_seed_decides_the_start() -> None:
    model = convolutional(3)
    images = random_images(2)
    labels = decided(model, images)
    runs = [
        PGD(steps=1, epsilon=1 / 255, step_size=1e-4).run(
            model, images, labels, Untargeted(), seed=seed
        )
        for seed in (1, 1, 2)
    ]
    assert torch.equal(runs[0].adversarial, runs[1].adversarial)
    assert not torch.equal(runs[0].adversarial, runs[2].adversarial)


@pytest.mark.parametrize("attack", [FGSM(), PGD(), PGD(norm="l2", restarts=3)], ids=str)
def test_that_a_sample_wrong_already_is_left_as_it_is(attack: Attack) -> None:
    model = convolutional(3)
    images = random_images(4)
    labels = (decided(model, images) + 1) % 3
    result = attack.run(model, images, labels, Untargeted())
    assert torch.equal(result.adversarial, images)
    assert result.success.all()
    assert result.steps.tolist() == [0] * 4
    assert result.linf.tolist() == [0] * 4


def test_that_the_adversarial_logits_are_those_of_the_adversarial_images() -> None:
    model = convolutional(3)
    images = random_images(10)
    labels = decided(model, images)
    for attack in (FGSM(), PGD(steps=4, restarts=2), PGD(norm="l2", epsilon=0.2)):
        result = attack.run(model, images, labels, Untargeted())
        with torch.no_grad():
            torch.testing.assert_close(result.adversarial_logits, model(result.adversarial))
            torch.testing.assert_close(result.clean_logits, model(images))
        assert torch.equal(result.success, result.adversarial_logits.argmax(1) != labels)
        assert not result.adversarial_logits.requires_grad


def test_that_an_unbeaten_sample_keeps_the_worst_image_met() -> None:
    model = convolutional(3)
    images = random_images(8)
    labels = decided(model, images)
    few, many = (
        PGD(epsilon=1 / 255, step_size=1 / 255, steps=steps).run(
            model, images, labels, Untargeted()
        )
        for steps in (2, 12)
    )
    unbeaten = ~many.success
    assert unbeaten.any()
    losses = [
        F.cross_entropy(r.adversarial_logits, labels, reduction="none")[unbeaten]
        for r in (few, many)
    ]
    clean = F.cross_entropy(many.clean_logits, labels, reduction="none")[unbeaten]
    assert (losses[0] >= clean).all()
    assert (losses[1] >= losses[0]).all()


def test_that_restarts_are_for_survivors_and_only_help() -> None:
    model = convolutional(3)
    images = random_images(24)
    labels = decided(model, images)
    attack = PGD(epsilon=3 / 255, steps=2)
    once = attack.run(model, images, labels, Untargeted())
    often = PGD(epsilon=3 / 255, steps=2, restarts=6).run(model, images, labels, Untargeted())
    assert (often.success | ~once.success).all()
    assert torch.equal(often.adversarial[once.success], once.adversarial[once.success])
    assert (often.steps[once.success] <= 2).all()
    assert (often.steps[~often.success] == 12).all()


def test_that_progress_reaches_its_total_and_previews_show_the_first_sample() -> None:
    model = convolutional(3)
    images = random_images(3)
    events: list[Event] = []
    attack = PGD(epsilon=2 / 255, steps=5, stop_when_beaten=False, random_start=False)
    result = attack.run(model, images, decided(model, images), Untargeted(), emit=events.append)
    progress = [e for e in events if isinstance(e, Progress)]
    assert [p.done for p in progress] == [1, 2, 3, 4, 5, 5]
    assert {p.total for p in progress} == {5}
    previews = [e.value for e in events if isinstance(e, Partial)]
    assert all(isinstance(p, AttackPreview) for p in previews)
    assert [p.step for p in previews] == [1, 2, 3, 4, 5]
    torch.testing.assert_close(
        torch.from_numpy(previews[-1].adversarial), result.adversarial[0].float()
    )


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_that_a_gpu_gives_the_same_attack() -> None:
    model = convolutional(3)
    images = random_images(6)
    labels = decided(model, images)
    attack = PGD(epsilon=4 / 255, steps=5, restarts=2)
    here = attack.run(model, images, labels, Untargeted(), seed=3)
    there = attack.run(model.cuda(), images.cuda(), labels.cuda(), Untargeted(), seed=3)
    assert there.adversarial.is_cuda
    assert torch.equal(there.success.cpu(), here.success)
    torch.testing.assert_close(there.adversarial.cpu(), here.adversarial, rtol=0, atol=1e-9)
