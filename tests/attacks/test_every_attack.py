"""What holds for every attack in the registry, single- and multi-label, to the letter of design.md.

Settings come from `attack_cases.py`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from attack_cases import CASES
from attack_models import convolutional, decided, random_images
from test_attack_isolation import assert_same, mixed_model, trace_of
from torch import Tensor, nn

from medadv_desktop.attacks.attack import Attack
from medadv_desktop.attacks.objectives import Untargeted
from medadv_desktop.attacks.registry import ATTACKS
from medadv_desktop.errors import AttackError
from medadv_desktop.jobs import CancelToken, Event, JobCancelled, Progress
from medadv_desktop.models.diagnostic import DiagnosticModel

THRESHOLDS = (0.3, 0.5, 0.7)
NORMS = ("linf", "l2", "l1", "l0")


def quick(*, bounded: bool = False) -> list[object]:
    """Every quick setting as a parameter, named."""
    return [
        pytest.param(attack, id=f"{name}-{getattr(attack, 'norm', '')}-{place}")
        for name, case in CASES.items()
        for place, attack in enumerate(case.quick)
        if not bounded or getattr(attack, "epsilon", None) is not None
    ]


def models_for(attack: Attack) -> list[DiagnosticModel]:
    return [
        convolutional(3, thresholds=() if task == "single-label" else THRESHOLDS)
        for task in attack.tasks
    ]


def norms_of(delta: Tensor) -> dict[str, Tensor]:
    flat = delta.double().flatten(1)
    return {
        "linf": flat.abs().amax(1),
        "l2": flat.square().sum(1).sqrt(),
        "l1": flat.abs().sum(1),
        "l0": (delta != 0).any(1).flatten(1).sum(1),
    }


def test_that_every_attack_is_under_test() -> None:
    assert CASES.keys() == ATTACKS.keys()
    for name, case in CASES.items():
        assert {type(a) for a in (*case.quick, case.strong)} == {ATTACKS[name]}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["f32", "f64"])
@pytest.mark.parametrize("attack", quick())
def test_that_image_range_budget_norms_success_and_logits_are_true(
    attack: Attack, dtype: torch.dtype
) -> None:
    for model in models_for(attack):
        model.to(dtype)
        images = random_images(5, dtype=dtype)
        labels = decided(model, images)
        result = attack.run(model, images, labels, Untargeted(), seed=3)
        assert result.adversarial.shape == images.shape
        assert result.adversarial.dtype == dtype
        assert result.adversarial.is_contiguous()
        assert not result.adversarial.requires_grad
        assert result.adversarial.min() >= 0
        assert result.adversarial.max() <= 1
        delta = result.adversarial.double() - images.double()
        for norm, expected in norms_of(delta).items():
            told = getattr(result, norm)
            torch.testing.assert_close(told.double(), expected.double(), rtol=1e-5, atol=1e-7)
        budget = getattr(attack, "epsilon", None)
        if budget is not None and not attack.minimal:
            norm = getattr(attack, "norm", "linf")
            assert norms_of(delta)[norm].max() <= budget * (1 + 1e-6)
        with torch.no_grad():
            logits = model(result.adversarial)
        tolerance = {"rtol": 0, "atol": 1e-4 if dtype == torch.float32 else 1e-9}
        torch.testing.assert_close(result.adversarial_logits, logits, **tolerance)
        torch.testing.assert_close(result.clean_logits, model(images).detach(), **tolerance)
        changed = decided(model, result.adversarial) != labels
        changed = changed if changed.ndim == 1 else changed.any(1)
        if attack.minimal and budget is not None:  # success within the budget only
            assert not (result.success & ~changed).any()
        else:
            assert result.success.tolist() == changed.tolist()
        assert (result.queries >= 1).all()
        assert result.steps.dtype == result.queries.dtype == torch.int64


@pytest.mark.parametrize("attack", quick(bounded=True))
def test_that_no_budget_gives_the_image_itself(attack: Attack) -> None:
    for model in models_for(attack):
        images = random_images(3)
        none = type(attack)(**attack.model_dump() | {"epsilon": 0})
        result = none.run(model, images, decided(model, images), Untargeted())
        assert torch.equal(result.adversarial, images)
        assert not result.success.any()


@pytest.mark.parametrize("name", CASES)
def test_that_an_unlimited_budget_leaves_hardly_any_sample_standing(name: str) -> None:
    case = CASES[name]
    for model in models_for(case.strong):
        images = random_images(10)
        result = case.strong.run(model, images, decided(model, images), Untargeted())
        assert result.success.double().mean() >= 1 - case.left_standing


@pytest.mark.parametrize("attack", quick())
def test_that_neither_batch_nor_order_nor_company_matters(attack: Attack) -> None:
    case = CASES[attack.name]
    for model in models_for(attack):
        images = random_images(4)
        labels = decided(model, images)
        whole = attack.run(model, images, labels, Untargeted(), seed=7)
        for rows in ([2], [3, 0]):
            part = attack.run(
                model, images[rows], labels[rows], Untargeted(), seed=7, sample_ids=rows
            )
            tolerance = 0 if case.bitwise else 1e-6
            torch.testing.assert_close(
                part.adversarial, whole.adversarial[rows], rtol=0, atol=tolerance
            )
            assert part.success.tolist() == whole.success[rows].tolist()
            assert part.steps.tolist() == whole.steps[rows].tolist()
            assert part.queries.tolist() == whole.queries[rows].tolist()


class BoomError(Exception):
    pass


def finish(event: Event) -> None:
    pass


def cancel(event: Event) -> None:
    if isinstance(event, Progress):
        raise JobCancelled


def fail(event: Event) -> None:
    if isinstance(event, Progress):
        raise BoomError


@pytest.mark.parametrize("end", [finish, cancel, fail])
@pytest.mark.parametrize("name", CASES)
def test_that_model_images_and_random_state_are_as_before(
    name: str, end: Callable[[Event], None]
) -> None:
    attack = CASES[name].quick[0]
    model = mixed_model()
    images = random_images(3)
    given, labels = images.clone(), decided(copy.deepcopy(model).eval(), images)
    before = trace_of(model)
    try:
        attack.run(model, images, labels, Untargeted(), token=CancelToken(), emit=end)
    except (JobCancelled, BoomError):
        assert end is not finish
    else:
        assert end is finish, "no progress was told"
    assert_same(before, trace_of(model))
    assert torch.equal(images, given)
    assert not images.requires_grad


@pytest.mark.parametrize("name", CASES)
def test_that_a_cancelled_token_stops_it(name: str) -> None:
    attack, token = CASES[name].quick[0], CancelToken()
    token.cancel()
    model = convolutional(3)
    images = random_images(2)
    with pytest.raises(JobCancelled):
        attack.run(model, images, decided(model, images), Untargeted(), token=token)


class Broken(nn.Module):
    """Gives NaN for the brighter of two images."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(192, 3, dtype=torch.float64)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(images.flatten(1))
        bright = images.flatten(1).mean(1) > 0.9 / 0.25
        return torch.where(bright[:, None], torch.nan, logits)


@pytest.mark.parametrize("name", CASES)
def test_that_nan_logits_are_told_with_the_sample(name: str) -> None:
    model = DiagnosticModel(Broken(), convolutional(3).card).eval().double()
    model.std.fill_(0.1)
    images = torch.stack([torch.full((3, 8, 8), v, dtype=torch.float64) for v in (0.4, 0.95)])
    with pytest.raises(AttackError, match=r"sample 7.*NaN"):
        CASES[name].quick[0].run(
            model, images, torch.tensor([0, 1]), Untargeted(), sample_ids=[5, 7]
        )


class ScoresOnly(nn.Module):
    """A network that no gradient passes through."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        assert not images.requires_grad, "a gradient was asked for"
        with torch.no_grad():
            logits: Tensor = self.network(images)
        return logits


@pytest.mark.parametrize("name", CASES)
def test_that_a_model_of_scores_alone_is_attacked_or_refused_at_once(name: str) -> None:
    attack = CASES[name].quick[0]
    whole = convolutional(3)
    model = DiagnosticModel(ScoresOnly(whole.network), whole.card, white_box=False).double().eval()
    images = random_images(2)
    labels = decided(model, images)
    if attack.knowledge == "white-box":
        with pytest.raises(AttackError, match="gradients"):
            attack.run(model, images, labels, Untargeted())
    else:
        result = attack.run(model, images, labels, Untargeted(), seed=1)
        same = attack.run(whole, images, labels, Untargeted(), seed=1)
        assert torch.equal(result.adversarial, same.adversarial)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", CASES)
def test_that_a_gpu_beats_the_same_samples(name: str) -> None:
    attack = CASES[name].quick[0]
    for model in models_for(attack):
        images = random_images(4)
        labels = decided(model, images)
        here = attack.run(model, images, labels, Untargeted(), seed=3)
        there = attack.run(model.cuda(), images.cuda(), labels.cuda(), Untargeted(), seed=3)
        assert there.adversarial.is_cuda
        assert there.queries.is_cuda
        assert there.success.tolist() == here.success.tolist()
