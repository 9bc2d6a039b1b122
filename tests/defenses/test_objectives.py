"""Training objectives against their papers' formulas, and what they leave untouched."""

from __future__ import annotations

import math
from dataclasses import replace

import lessons
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from medadv_desktop.defenses.objectives.advt import AdvT
from medadv_desktop.defenses.objectives.alp import LogitPairing
from medadv_desktop.defenses.objectives.awp import WeightPerturbation
from medadv_desktop.defenses.objectives.base_loss import BaseLoss, Criterion, balanced_weights
from medadv_desktop.defenses.objectives.fast import Fast
from medadv_desktop.defenses.objectives.folding import folded
from medadv_desktop.defenses.objectives.free import Free
from medadv_desktop.defenses.objectives.gaussian import Gaussian
from medadv_desktop.defenses.objectives.lesson import Draws
from medadv_desktop.defenses.objectives.maadvt import MAAdvT
from medadv_desktop.defenses.objectives.mpadvt import MPAdvT
from medadv_desktop.defenses.objectives.objective import TrainingObjective
from medadv_desktop.defenses.objectives.registry import OBJECTIVES, make_training_objective
from medadv_desktop.defenses.objectives.standard import Standard
from medadv_desktop.defenses.objectives.trades import Trades
from medadv_desktop.errors import SettingsError

EPSILON = 0.1
SHORT: dict[str, dict[str, object]] = {
    "advt": {"steps": 2, "epsilon": EPSILON},
    "mpadvt": {"probability": 1, "steps_high": 2, "epsilon_high": EPSILON},
    "maadvt": {"steps": 2, "epsilon": EPSILON},
    "trades": {"steps": 2, "epsilon": EPSILON},
    "alp": {"steps": 2, "epsilon": EPSILON},
    "fast": {"epsilon": EPSILON},
    "free": {"repeats": 2, "epsilon": EPSILON},
}


def made(name: str) -> TrainingObjective:
    return make_training_objective(name, SHORT.get(name, {}))


def attacked_images(lesson: object, shift: float = 0.05) -> Tensor:
    images = lesson.images  # type: ignore[attr-defined]
    noise = torch.rand(images.shape, generator=torch.Generator().manual_seed(9), dtype=images.dtype)
    return (images + shift * (2 * noise - 1)).clamp(0, 1)


def test_that_maadvt_of_classes_is_the_published_formula() -> None:
    lesson = lessons.lesson()
    lesson.network.eval()
    attacked = attacked_images(lesson)
    objective = MAAdvT(lam=5)
    found = objective.losses(lesson, attacked).each.detach()
    with torch.no_grad():
        clean, adversarial = (lesson.network(x).softmax(1) for x in (lesson.images, attacked))
    for row, label in enumerate(lesson.labels.tolist()):
        p, q = clean[row].tolist(), adversarial[row].tolist()
        others = max(q[k] for k in range(3) if k != label)
        bce = -math.log(q[label]) - math.log(1 - others)
        kl = sum(p[k] * math.log(p[k] / q[k]) for k in range(3))
        assert float(found[row]) == pytest.approx(bce + 5 * kl * (1 - p[label]), rel=1e-9)


def test_that_maadvt_of_findings_is_the_same_formula_for_each() -> None:
    lesson = lessons.lesson(multi_label=True)
    lesson.network.eval()
    attacked = attacked_images(lesson)
    found = MAAdvT(lam=5).losses(lesson, attacked).each.detach()
    with torch.no_grad():
        clean, adversarial = (lesson.network(x).sigmoid() for x in (lesson.images, attacked))
    for row in range(8):
        total = 0.0
        for k in range(3):
            state = int(lesson.labels[row, k])
            p = (1 - float(clean[row, k]), float(clean[row, k]))
            q = (1 - float(adversarial[row, k]), float(adversarial[row, k]))
            bce = -math.log(q[state]) - math.log(1 - q[1 - state])
            kl = sum(p[s] * math.log(p[s] / q[s]) for s in (0, 1))
            total += bce + 5 * kl * (1 - p[state])
        assert float(found[row]) == pytest.approx(total / 3, rel=1e-9)


def test_that_maadvt_of_very_sure_answers_is_finite_in_float32() -> None:
    lesson = lessons.lesson(dtype=torch.float32)
    with torch.no_grad():
        lesson.network.head.weight.mul_(1e4)  # type: ignore[union-attr,operator]
    losses = MAAdvT().losses(lesson, attacked_images(lesson))
    losses.each.sum().backward()
    assert bool(losses.each.isfinite().all())
    assert all(bool(w.grad.isfinite().all()) for w in lesson.network.parameters())


@pytest.mark.parametrize("multi_label", [False, True])
def test_that_trades_is_its_papers_formula(multi_label: bool) -> None:
    lesson = lessons.lesson(multi_label=multi_label)
    lesson.network.eval()
    attacked = attacked_images(lesson)
    found = Trades(beta=3).losses(lesson, attacked).each.detach()
    with torch.no_grad():
        z, w = lesson.network(lesson.images), lesson.network(attacked)
    if multi_label:
        p, q = torch.distributions.Bernoulli(logits=z), torch.distributions.Bernoulli(logits=w)
        first = F.binary_cross_entropy(z.sigmoid(), lesson.labels, reduction="none").mean(1)
        second = torch.distributions.kl_divergence(p, q).mean(1)
    else:
        first = F.nll_loss(z.softmax(1).log(), lesson.labels, reduction="none")
        second = F.kl_div(w.log_softmax(1), z.softmax(1), reduction="none").sum(1)
    torch.testing.assert_close(found, first + 3 * second)


def test_that_logit_pairing_is_its_papers_formula() -> None:
    lesson = lessons.lesson()
    lesson.network.eval()
    attacked = attacked_images(lesson)
    found = LogitPairing(lam=2).losses(lesson, attacked).each
    z, w = lesson.network(lesson.images), lesson.network(attacked)
    both = F.cross_entropy(z, lesson.labels, reduction="none") + F.cross_entropy(
        w, lesson.labels, reduction="none"
    )
    torch.testing.assert_close(found, both / 2 + 2 * (z - w).pow(2).mean(1))


@pytest.mark.parametrize("multi_label", [False, True])
@pytest.mark.parametrize("name", sorted(set(OBJECTIVES) - {"free"}))
def test_that_gradients_are_those_of_finite_differences(name: str, multi_label: bool) -> None:
    lesson = lessons.lesson(multi_label=multi_label)
    objective = made(name)
    attacked = objective.attacked(lesson)
    network = lesson.network
    before = lessons.state(network)
    objective.losses(lesson, attacked).each.sum().backward()
    for weight in network.parameters():
        place = tuple(int(n) // 2 for n in weight.shape)
        values = []
        for step in (1e-5, -1e-5):
            network.load_state_dict(dict(zip(network.state_dict(), before, strict=True)))
            with torch.no_grad():
                weight[place] += step
                values.append(float(objective.losses(lesson, attacked).each.detach().sum()))
        numeric = (values[0] - values[1]) / 2e-5
        assert float(weight.grad[place]) == pytest.approx(numeric, rel=1e-4, abs=1e-7)


@pytest.mark.parametrize("multi_label", [False, True])
@pytest.mark.parametrize("name", OBJECTIVES)
def test_that_the_inner_attack_leaves_the_network_as_it_was(name: str, multi_label: bool) -> None:
    lesson = lessons.lesson(multi_label=multi_label)
    lesson.network.norm.eval()  # a frozen one among others in train mode
    before = lessons.state(lesson.network)
    modes = [module.training for module in lesson.network.modules()]
    random = torch.get_rng_state()
    attacked = made(name).attacked(lesson)
    assert modes == [module.training for module in lesson.network.modules()]
    assert all(
        torch.equal(a, b) for a, b in zip(before, lessons.state(lesson.network), strict=True)
    )
    assert all(w.grad is None for w in lesson.network.parameters())
    assert torch.equal(random, torch.get_rng_state())
    if attacked is not None:
        assert not attacked.requires_grad


@pytest.mark.parametrize("name", ["advt", "mpadvt", "maadvt", "trades", "alp", "fast"])
def test_that_attacked_images_are_within_the_budget_and_raise_the_loss(name: str) -> None:
    lesson = lessons.lesson()
    attacked = made(name).attacked(lesson)
    assert attacked is not None
    assert float((attacked - lesson.images).abs().max()) <= EPSILON + 1e-12
    assert float(attacked.min()) >= 0
    assert float(attacked.max()) <= 1
    lesson.network.eval()
    with torch.no_grad():
        losses = [
            F.cross_entropy(lesson.network(x), lesson.labels) for x in (lesson.images, attacked)
        ]
    assert losses[1] > losses[0]


def test_that_an_inner_attack_breaks_off_without_a_trace() -> None:
    lesson = lessons.lesson()
    lesson.network.head.register_forward_hook(lambda *_: 1 / 0)  # type: ignore[operator]
    with pytest.raises(ZeroDivisionError):
        AdvT().attacked(lesson)
    assert all(module.training for module in lesson.network.modules())


def test_that_the_folded_network_says_the_same_while_weights_change() -> None:
    network = lessons.lesson(dtype=torch.float32).network
    with torch.no_grad():
        network.norm.weight.uniform_(0.5, 2)  # type: ignore[union-attr,operator]
    images = lessons.lesson(dtype=torch.float32).images
    for _ in range(2):
        network.train()
        network(images).sum().backward()  # new statistics
        with torch.no_grad():
            for weight in network.parameters():
                weight.add_(0.1)
        network.eval()
        quick = folded(network, images)
        assert quick is not network
        torch.testing.assert_close(quick(images), network(images), rtol=1e-4, atol=1e-5)
        slopes = []
        for forward in (quick, network):
            x = images.clone().requires_grad_()
            slopes.append(torch.autograd.grad(forward(x)[:, 0].sum(), x)[0])
        torch.testing.assert_close(*slopes, rtol=1e-4, atol=1e-5)


def test_that_a_network_that_cannot_be_folded_is_used_as_it_is() -> None:
    class Branching(torch.nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return images.flatten(1) if images.sum() > 0 else -images.flatten(1)

    network = Branching().eval()
    assert folded(network, torch.ones(1, 1, 2, 2)) is network


def test_that_mpadvt_draws_budget_and_steps_for_the_whole_batch() -> None:
    objective = MPAdvT()
    clean = 0
    for batch in range(60):
        lesson = lessons.lesson(batch=batch)
        attacked = objective.attacked(lesson)
        if attacked is None:
            clean += 1
            continue
        largest = float((attacked - lesson.images).abs().max())
        assert 0.005 < largest <= 0.04 + 1e-12
    assert 15 < clean < 45


def test_that_random_numbers_do_not_depend_on_the_parts_of_a_batch() -> None:
    like = torch.zeros(8, 1, 2, 2)
    whole = Draws(3, 7, 0, 8, 8).uniform(like, "start")
    parts = [Draws(3, 7, a, b, 8).uniform(like[a:b], "start") for a, b in ((0, 3), (3, 8))]
    assert torch.equal(whole, torch.cat(parts))
    assert not torch.equal(whole, Draws(3, 8, 0, 8, 8).uniform(like, "start"))
    assert not torch.equal(whole, Draws(3, 7, 0, 8, 8).uniform(like, "noise"))


def trained(objective: TrainingObjective, steps: int = 4) -> list[Tensor]:
    """Weights and statistics after a few steps of SGD."""
    network = lessons.lesson(dtype=torch.float32).network
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    for batch in range(steps):
        lesson = lessons.lesson(seed=batch, batch=batch, dtype=torch.float32)
        objective.backward(replace(lesson, network=network), 1 / 8)
        optimiser.step()
        optimiser.zero_grad()
    return lessons.state(network)


@pytest.mark.parametrize(
    ("special", "plain"),
    [
        (MPAdvT(probability=0), Standard()),
        (Trades(beta=0), Standard()),
        (Gaussian(sigma=0), Standard()),
        (MAAdvT(lam=0, margin=False, epsilon=0), Standard()),
        (AdvT(epsilon=0), Standard()),
    ],
)
def test_that_without_its_own_part_an_objective_is_standard_training_to_the_bit(
    special: TrainingObjective, plain: TrainingObjective
) -> None:
    for ours, theirs in zip(trained(special), trained(plain), strict=True):
        assert torch.equal(ours, theirs)


def test_that_maadvt_without_divergence_is_adversarial_training_by_its_bce() -> None:
    lesson = lessons.lesson()
    objective = MAAdvT(lam=0, steps=2)
    attacked = objective.attacked(lesson)
    found = objective.losses(lesson, attacked).each
    p = lesson.network(attacked).softmax(1)
    own = p.gather(1, lesson.labels[:, None])[:, 0]
    others = p.scatter(1, lesson.labels[:, None], 0).amax(1)
    torch.testing.assert_close(found, -own.log() - (1 - others).log())


def test_that_a_perturbed_weight_is_back_and_its_gradient_is_that_of_the_paper() -> None:
    lesson = lessons.lesson()
    network, awp = lesson.network, WeightPerturbation(gamma=0.05)
    before = {name: w.detach().clone() for name, w in network.named_parameters()}
    awp.backward(Standard(), lesson, 1 / 8)
    found = {name: w.grad.clone() for name, w in network.named_parameters()}
    assert all(torch.equal(before[name], w) for name, w in network.named_parameters())
    assert int(network.norm.num_batches_tracked) == 1  # type: ignore[arg-type]
    # w + γ·‖w‖·g/‖g‖, by hand
    other = lessons.lesson()
    F.cross_entropy(other.network(other.images), other.labels).backward()
    with torch.no_grad():
        for weight in other.network.parameters():
            if weight.ndim > 1:
                weight.add_(0.05 * weight.norm() * weight.grad / weight.grad.norm())
    other.network.zero_grad()
    F.cross_entropy(other.network(other.images), other.labels).backward()
    for name, weight in other.network.named_parameters():
        torch.testing.assert_close(found[name], weight.grad)


def test_that_free_training_strengthens_its_perturbation_with_every_replay() -> None:
    lesson = lessons.lesson()
    objective = Free(repeats=3, epsilon=0.05)
    losses = [float(objective.backward(lesson, 1 / 8).each.detach().mean()) for _ in range(3)]
    assert losses[0] < losses[1] <= losses[2] + 1e-3
    assert float(lesson.carried["delta"].abs().max()) <= 0.05


def test_that_fast_training_takes_one_long_step() -> None:
    lesson = lessons.lesson()
    objective = Fast(epsilon=0.08)
    attacked = objective.attacked(lesson)
    start = 0.08 * lesson.draws.uniform(lesson.images, "start")
    first = (lesson.images + start).clamp(0, 1).requires_grad_()
    lesson.network.eval()
    F.cross_entropy(lesson.network(first), lesson.labels, reduction="sum").backward()
    moved = first.detach() + 1.25 * 0.08 * first.grad.sign()  # type: ignore[union-attr]
    low, high = (lesson.images - 0.08).clamp(min=0), (lesson.images + 0.08).clamp(max=1)
    torch.testing.assert_close(attacked, moved.minimum(high).maximum(low))
    assert objective.tolerated_drop == 0.2


def test_that_the_base_loss_has_its_options() -> None:
    lesson = lessons.lesson()
    logits, labels = lesson.network(lesson.images).detach(), lesson.labels
    smoothed = Criterion(BaseLoss(label_smoothing=0.2), False).each(logits, labels)
    torch.testing.assert_close(
        smoothed, F.cross_entropy(logits, labels, label_smoothing=0.2, reduction="none")
    )
    p = logits.softmax(1).gather(1, labels[:, None])[:, 0]
    focal = Criterion(BaseLoss(focal_gamma=2), False).each(logits, labels)
    torch.testing.assert_close(focal, -((1 - p) ** 2) * p.log())
    weights = torch.tensor([1.0, 2.0, 0.5], dtype=torch.float64)
    weighted = Criterion(BaseLoss(), False, weights).each(logits, labels)
    torch.testing.assert_close(
        weighted, F.cross_entropy(logits, labels, weight=weights, reduction="none")
    )
    shares = F.one_hot(labels, 3).double() * 0.7 + 0.1
    torch.testing.assert_close(
        Criterion(BaseLoss(), False).each(logits, shares),
        F.cross_entropy(logits, shares, reduction="none"),
    )


def test_that_the_base_loss_of_findings_has_its_options() -> None:
    lesson = lessons.lesson(multi_label=True)
    logits, labels = lesson.network(lesson.images).detach(), lesson.labels
    plain = F.binary_cross_entropy_with_logits(logits, labels, reduction="none")
    torch.testing.assert_close(Criterion(BaseLoss(), True).each(logits, labels), plain.mean(1))
    p = torch.where(labels == 1, logits.sigmoid(), 1 - logits.sigmoid())
    torch.testing.assert_close(
        Criterion(BaseLoss(focal_gamma=2), True).each(logits, labels),
        ((1 - p) ** 2 * plain).mean(1),
    )
    counts = [int(n) for n in labels.sum(0)]
    weights = balanced_weights(counts, 8, multi_label=True)
    found = Criterion(BaseLoss(), True, weights).each(logits, labels)
    by_hand = torch.zeros_like(plain)
    for row in range(8):
        for k in range(3):
            same = counts[k] if labels[row, k] else 8 - counts[k]
            by_hand[row, k] = plain[row, k] * 8 / (2 * same)
    torch.testing.assert_close(found, by_hand.mean(1))


def test_that_balanced_weights_have_mean_one_over_the_samples() -> None:
    weights = balanced_weights([10, 30, 0], 40, multi_label=False)
    assert weights.tolist() == pytest.approx([2, 2 / 3, 1])
    assert float(weights[0] * 10 + weights[1] * 30) == pytest.approx(40)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_that_every_objective_tells_people_what_it_is(name: str) -> None:
    objective = OBJECTIVES[name]
    assert objective.name == name
    assert objective.title
    assert len(objective.advice) > 80
    assert objective.reference or name == "standard"
    assert made(name).passes >= 1


def test_that_an_unknown_objective_or_field_is_named() -> None:
    with pytest.raises(SettingsError, match="Name one of standard, advt"):
        make_training_objective("magic", {})
    with pytest.raises(SettingsError, match="steps"):
        make_training_objective("advt", {"steps": 0})
