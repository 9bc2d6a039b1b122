"""Attacks that look for the smallest change: on linear models against the closed form."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from attack_models import convolutional, decided, linear, random_images
from torch import Tensor, nn

from medadv_desktop.attacks.attack import Attack
from medadv_desktop.attacks.minimal.carlini_wagner import CarliniWagnerL2, CarliniWagnerLinf
from medadv_desktop.attacks.minimal.constant_search import ConstantSearch, Stagnation
from medadv_desktop.attacks.minimal.deepfool import DeepFool
from medadv_desktop.attacks.minimal.ead import ElasticNet
from medadv_desktop.attacks.minimal.ead_search import shrunk
from medadv_desktop.attacks.minimal.jsma import JSMA
from medadv_desktop.attacks.minimal.row_adam import RowAdam
from medadv_desktop.attacks.minimal.sigma_zero import SigmaZero
from medadv_desktop.attacks.minimal.sparse_search import _best_pair
from medadv_desktop.attacks.objectives import (
    FlipAll,
    HideFinding,
    LeastLikely,
    Targeted,
    Untargeted,
)
from medadv_desktop.attacks.registry import make_attack
from medadv_desktop.errors import SettingsError
from medadv_desktop.models.diagnostic import DiagnosticModel

PIXELS = 64
DUAL = {"l2": 2.0, "linf": 1.0, "l1": math.inf}

NEAREST = [
    pytest.param(DeepFool(), "l2", 1.021, id="deepfool-l2"),
    pytest.param(DeepFool(norm="linf"), "linf", 1.021, id="deepfool-linf"),
    pytest.param(
        CarliniWagnerL2(steps=60, constants=4, initial_constant=0.1, step_size=0.02),
        "l2",
        1.1,
        id="cw",
    ),
    pytest.param(
        CarliniWagnerLinf(steps=40, initial_constant=0.1, step_size=0.02, largest_constant=2),
        "linf",
        1.2,
        id="cw-linf",
    ),
    pytest.param(
        ElasticNet(steps=40, constants=3, beta=0.003, initial_constant=1, step_size=0.02),
        "l1",
        1.4,
        id="ead",
    ),
]


def drawn(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def inner_images(count: int) -> Tensor:
    return 0.4 + 0.2 * random_images(count, channels=1)


def near_border(classes: int, *, thresholds: tuple[float, ...] = ()) -> DiagnosticModel:
    """A linear model whose decisions on `inner_images` change within the range of pixels."""
    weights = drawn(classes, PIXELS)
    bias = -weights @ torch.full((PIXELS,), 0.5, dtype=torch.float64)
    return linear(weights, bias + drawn(classes, seed=1), thresholds=thresholds)


def weights_of(model: DiagnosticModel) -> Tensor:
    head = model.network[1]
    assert isinstance(head, nn.Linear)
    return head.weight.detach()


def measured(result: object, norm: str) -> Tensor:
    lengths = getattr(result, norm)
    assert isinstance(lengths, Tensor)
    return lengths


def least_length(weights: Tensor, image: Tensor, gap: float, norm: str) -> float:
    """The smallest change by which w·x rises by `gap`; in L1 the pixels of largest |w| one by one
    to their end of [0, 1], in L2 and L∞ without a pixel reaching it.
    """
    if norm != "l1":
        return gap / float(torch.linalg.vector_norm(weights, DUAL[norm]))
    room = torch.where(weights > 0, 1 - image.flatten(), image.flatten())
    length = 0.0
    for place in weights.abs().argsort(descending=True).tolist():
        step = min(float(room[place]), gap / float(weights[place].abs()))
        length += step
        gap -= step * float(weights[place].abs())
        if gap <= 1e-12:
            break
    return length


def assert_nearly(lengths: Tensor, least: list[float], most: float) -> None:
    ratio = lengths / torch.tensor(least, dtype=torch.float64)
    assert (ratio >= 1 - 1e-9).all()
    assert (ratio <= most).all()


@pytest.mark.parametrize(("attack", "norm", "most"), NEAREST)
def test_that_the_nearest_class_border_of_a_linear_model_is_found(
    attack: Attack, norm: str, most: float
) -> None:
    model, images = near_border(4), inner_images(12)
    with torch.no_grad():
        logits = model(images)
    top = logits.topk(2).values
    chosen = (top[:, 0] - top[:, 1] > 0.8).nonzero().flatten()[:3]
    images, logits = images[chosen], logits[chosen]
    labels = logits.argmax(1)
    assert len(images) == 3
    weights = weights_of(model)
    least = [
        min(
            least_length(weights[k] - weights[y], x, float(z[y] - z[k]), norm)
            for k in range(4)
            if k != y
        )
        for x, z, y in zip(images, logits, labels.tolist(), strict=True)
    ]
    result = attack.run(model, images, labels, Untargeted())
    assert result.success.all()
    assert_nearly(measured(result, norm), least, most)


@pytest.mark.parametrize(("attack", "norm", "most"), NEAREST)
def test_that_the_nearest_cutoff_of_a_linear_model_of_findings_is_found(
    attack: Attack, norm: str, most: float
) -> None:
    thresholds = (0.3, 0.5, 0.7)
    model, images = near_border(3, thresholds=thresholds), inner_images(3)
    with torch.no_grad():
        heights = model(images) - torch.logit(torch.tensor(thresholds, dtype=torch.float64))
    labels = decided(model, images)
    away = [
        [
            least_length(-w * h.sign(), x, float(h.abs()), norm)
            for w, h in zip(weights_of(model), z, strict=True)
        ]
        for x, z in zip(images, heights, strict=True)
    ]
    result = attack.run(model, images, labels, Untargeted())
    assert result.success.all()
    assert_nearly(measured(result, norm), [min(row) for row in away], most)
    # One finding alone: the distance to its own cutoff.
    finding = int(labels.sum(0).argmax())
    present = labels[:, finding]
    hidden = attack.run(model, images[present], labels[present], HideFinding(finding=finding))
    least = [row[finding] for row, there in zip(away, present.tolist(), strict=True) if there]
    assert least
    assert_nearly(measured(hidden, norm), least, most)


@pytest.mark.parametrize(
    "attack",
    [
        DeepFool(),
        DeepFool(norm="linf"),
        CarliniWagnerL2(steps=30, constants=3, initial_constant=1, step_size=0.03),
        SigmaZero(steps=60),
        JSMA(max_share=1),
    ],
    ids=["deepfool-l2", "deepfool-linf", "cw", "sigma-zero", "jsma"],
)
def test_that_a_goal_of_several_conditions_is_reached(attack: Attack) -> None:
    images = inner_images(3)
    findings = near_border(3, thresholds=(0.3, 0.5, 0.7))
    labels = decided(findings, images)
    flipped = attack.run(findings, images, labels, FlipAll())
    assert flipped.success.all()
    assert (decided(findings, flipped.adversarial) != labels).all()
    classes = near_border(4)
    labels = decided(classes, images)
    target = next(k for k in range(4) if k not in labels)
    targeted = attack.run(classes, images, labels, Targeted(target=target))
    assert (decided(classes, targeted.adversarial) == target).all()
    unlikely = attack.run(classes, images, labels, LeastLikely())
    least = targeted.clean_logits.argmin(1)
    assert decided(classes, unlikely.adversarial).tolist() == least.tolist()


def test_that_deepfool_leaves_out_pixels_that_cannot_go_on() -> None:
    weights = drawn(1, PIXELS)
    model = linear(torch.cat([-weights, weights]), torch.tensor([0.6, -0.6]).double())
    images = torch.zeros(1, 1, 8, 8, dtype=torch.float64)  # only brighter is possible
    label = torch.tensor([0])
    able = weights.clamp_min(0)
    with torch.no_grad():
        gap = (model(images) @ torch.tensor([1.0, -1.0]).double()).item()
    closed = {"l2": gap / (2 * able.norm()), "linf": gap / (2 * able.sum())}
    for norm, expected in closed.items():
        result = DeepFool(norm=norm).run(model, images, label, Untargeted())
        assert result.success.all()
        assert measured(result, norm).item() == pytest.approx(1.02 * expected.item(), rel=1e-6)


def greedy_count(weights: Tensor, image: Tensor, gap: float) -> int:
    """Fewest pixels whose changes to 0 or 1 close a gap in w·x."""
    gains = torch.maximum(weights * (1 - image), -weights * image).sort(descending=True).values
    return int((gains.cumsum(0) < gap).sum()) + 1


@pytest.mark.parametrize(
    ("attack", "spare"),
    [(JSMA(pairs=False, max_share=1), 0), (JSMA(max_share=1), 1), (SigmaZero(steps=200), 1)],
    ids=str,
)
def test_that_sparse_attacks_change_the_fewest_pixels_of_a_linear_model(
    attack: Attack, spare: int
) -> None:
    weights = drawn(1, PIXELS)
    model = linear(torch.cat([-weights, weights]), torch.tensor([0.0, 0.0]).double())
    images = inner_images(12)
    with torch.no_grad():
        gaps = (model(images) @ torch.tensor([1.0, -1.0]).double()) / 2
    chosen = gaps > 0
    images, gaps = images[chosen], gaps[chosen]
    result = attack.run(model, images, decided(model, images), Untargeted())
    assert result.success.all()
    fewest = [
        greedy_count(weights[0], x.flatten(), gap.item())
        for x, gap in zip(images, gaps, strict=True)
    ]
    assert all(
        least <= count <= least + spare
        for count, least in zip(result.l0.tolist(), fewest, strict=True)
    )


@pytest.mark.parametrize("slant", [-1.0, 0.0, 1.0])
def test_that_the_best_pair_is_that_of_all_pairs(slant: float) -> None:
    a = drawn(5, 30)
    b = slant * a + 0.5 * drawn(5, 30, seed=1)
    pairs, exist = _best_pair(a, b)
    for row in range(5):
        best = max(
            (
                float((a[row, p] + a[row, q]) * (b[row, p] + b[row, q]))
                for p, q in itertools.combinations(range(30), 2)
                if a[row, p] + a[row, q] > 0 and b[row, p] + b[row, q] > 0
            ),
            default=None,
        )
        assert bool(exist[row]) == (best is not None)
        if best is not None:
            p, q = pairs[row].tolist()
            assert p != q
            product = (a[row, p] + a[row, q]) * (b[row, p] + b[row, q])
            assert product.item() == pytest.approx(best)


def test_that_confidence_is_a_margin_in_logits() -> None:
    model = convolutional(3)
    images = random_images(4)
    labels = decided(model, images)
    attacks = (
        CarliniWagnerL2(steps=20, constants=2, initial_constant=10, step_size=0.05, confidence=0.2),
        CarliniWagnerLinf(steps=20, initial_constant=10, step_size=0.05, confidence=0.2),
        ElasticNet(steps=20, constants=2, initial_constant=10, confidence=0.2),
    )
    for attack in attacks:
        result = attack.run(model, images, labels, Untargeted())
        assert result.success.all()
        own = result.adversarial_logits.gather(1, labels[:, None])
        others = result.adversarial_logits.scatter(1, labels[:, None], -torch.inf).amax(1)
        assert (others - own[:, 0] >= 0.2).all()


@pytest.mark.parametrize("attack", [DeepFool(epsilon=0.15), DeepFool(norm="linf", epsilon=0.01)])
def test_that_a_change_beyond_the_budget_is_no_success(attack: DeepFool) -> None:
    model = convolutional(3)
    images = random_images(12)
    labels = decided(model, images)
    free = type(attack)(norm=attack.norm).run(model, images, labels, Untargeted())
    judged = attack.run(model, images, labels, Untargeted())
    assert attack.epsilon is not None
    within = measured(free, attack.norm) <= attack.epsilon
    assert 0 < within.sum() < len(images)
    assert judged.success.tolist() == within.tolist()
    assert torch.equal(judged.adversarial[~within], images[~within])
    assert torch.equal(judged.adversarial[within], free.adversarial[within])


def test_that_constants_rise_tenfold_and_then_are_halved_between() -> None:
    search = ConstantSearch(torch.zeros(2), initial=1, rounds=4)
    rows = torch.tensor([0, 1])
    met = []
    for reached in ([False, True], [False, False], [True, False], [False, True]):
        met.append(search.value.tolist())
        more = search.settle(rows, torch.tensor(reached))
    assert met == [[1, 1], [10, 0.5], [100, 0.75], [55, 0.875]]
    assert not more.any()


def test_that_a_loss_that_stopped_to_fall_is_told_after_a_fifth_of_the_steps() -> None:
    stagnation = Stagnation(torch.zeros(2), steps=20)
    rows = torch.tensor([0, 1])
    told = []
    for step in range(8):
        falling = 10.0 - step
        stuck = [10.0, 9.0, 9.5, 9.2, 9.0, 9.0, 9.0, 9.0][step]
        loss = torch.tensor([falling, stuck], dtype=torch.float64)
        told.append(stagnation.of(rows, torch.tensor([step, step]), loss).tolist())
    assert [t[0] for t in told] == [False] * 8
    assert [t[1] for t in told] == [False] * 5 + [True] * 3


def adam_steps(gradients: list[float], size: float) -> list[float]:
    """Algorithm 1 of Kingma and Ba for one number."""
    first = second = 0.0
    steps = []
    for t, g in enumerate(gradients, 1):
        first = 0.9 * first + 0.1 * g
        second = 0.999 * second + 0.001 * g * g
        unbiased = first / (1 - 0.9**t), second / (1 - 0.999**t)
        steps.append(size * unbiased[0] / (math.sqrt(unbiased[1]) + 1e-8))
    return steps


def test_that_adam_with_a_clock_for_each_sample_is_adam() -> None:
    gradients = drawn(6, 3, 4)
    own = RowAdam(gradients[0], 0.1)
    steps = torch.stack([own.step(gradient) for gradient in gradients])
    expected = adam_steps(gradients[:, 2, 1].tolist(), 0.1)
    assert steps[:, 2, 1].tolist() == pytest.approx(expected, rel=1e-10)
    own.restart(torch.tensor([False, True, False]))
    assert own.clock.tolist() == [6, 0, 6]
    first = own.step(drawn(3, 4))
    torch.testing.assert_close(first[1], 0.1 * drawn(3, 4)[1].sign(), rtol=0, atol=1e-6)


def test_that_shrinking_draws_in_undoes_and_keeps_the_range() -> None:
    originals = torch.tensor([0.5, 0.5, 0.5, 0.95, 0.02])
    moved = torch.tensor([0.8, 0.55, 0.1, 1.4, -0.5])
    expected = torch.tensor([0.7, 0.5, 0.2, 1.0, 0.0])
    torch.testing.assert_close(shrunk(moved, originals, 0.1), expected)


def test_that_a_flat_network_is_warned_of_and_withstands() -> None:
    model = linear(torch.zeros(2, PIXELS).double(), torch.tensor([1.0, 0.0]).double())
    told: list[object] = []
    result = DeepFool().run(
        model, inner_images(2), torch.tensor([0, 0]), Untargeted(), emit=told.append
    )
    assert not result.success.any()
    assert any("gradient is zero" in str(event) for event in told)


def test_that_a_first_constant_above_the_largest_is_refused() -> None:
    with pytest.raises(SettingsError, match="already lies above"):
        make_attack("cw-linf", {"initial_constant": 2, "largest_constant": 1})
