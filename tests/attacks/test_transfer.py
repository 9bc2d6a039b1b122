"""Images crafted on one model, judged by others."""

from __future__ import annotations

import math

import pytest
import torch
from attack_cases import CASES
from attack_models import convolutional, decided, random_images
from test_attack_isolation import assert_same, trace_of
from torch import Tensor, nn

from medadv_desktop.attacks.attack import Attack
from medadv_desktop.attacks.gradient.mifgsm import MIFGSM
from medadv_desktop.attacks.gradient.pgd import PGD
from medadv_desktop.attacks.objectives import (
    HideFinding,
    LeastLikely,
    Objective,
    Targeted,
    Untargeted,
)
from medadv_desktop.attacks.searches.transfer import Target, transfer
from medadv_desktop.errors import AttackError
from medadv_desktop.jobs import CancelToken, Event, JobCancelled, Message
from medadv_desktop.models.diagnostic import DiagnosticModel


def models(classes: int = 3) -> tuple[DiagnosticModel, DiagnosticModel]:
    """A source, and one that is like it but for a little noise on its weights."""
    source, target = convolutional(classes), convolutional(classes)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for weight in target.network.parameters():
            noise = torch.randn(weight.shape, generator=generator, dtype=weight.dtype)
            weight.add_(noise, alpha=0.02)
    return source, target


STRONG = MIFGSM(epsilon=0.05, steps=5, stop_when_beaten=False)


def test_that_success_is_counted_on_what_the_target_had_right() -> None:
    source, target = models()
    images = random_images(20)
    labels = decided(source, images)
    labels[:3] = (labels[:3] + 1) % 3
    found = transfer(STRONG, source, [target, source], images, labels, Untargeted())
    assert torch.equal(
        found.crafted.adversarial,
        STRONG.run(source, images, labels, Untargeted()).adversarial,
    )
    for model, seen in zip((target, source), found.judgements, strict=True):
        right = decided(model, images) == labels
        wrong_after = decided(model, found.crafted.adversarial) != labels
        assert seen.right.tolist() == right.tolist()
        assert seen.success.tolist() == (right & wrong_after).tolist()
        assert seen.rate == pytest.approx(int((right & wrong_after).sum()) / int(right.sum()))
        with torch.no_grad():
            torch.testing.assert_close(seen.clean_logits, model(images))
            torch.testing.assert_close(seen.adversarial_logits, model(found.crafted.adversarial))
    assert found.judgements[0].rate > 0.5
    assert found.judgements[1].success.tolist() == (found.crafted.success & right).tolist()


def test_that_a_chosen_class_counts_where_the_target_was_right_and_says_it_now() -> None:
    source, target = models()
    images = random_images(24)
    labels = decided(source, images)
    rows = labels != 1
    images, labels = images[rows], labels[rows]
    seen = transfer(STRONG, source, [target], images, labels, Targeted(target=1)).judgements[0]
    right = decided(target, images) == labels
    adversarial = STRONG.run(source, images, labels, Targeted(target=1)).adversarial
    assert seen.right.tolist() == right.tolist()
    assert seen.success.tolist() == (right & (decided(target, adversarial) == 1)).tolist()


def test_that_the_least_likely_class_is_that_of_the_source() -> None:
    source, target = models()
    images = random_images(8)
    labels = decided(source, images)
    seen = transfer(STRONG, source, [target], images, labels, LeastLikely()).judgements[0]
    with torch.no_grad():
        least = source(images).argmin(1)
    assert (
        seen.success.tolist()
        == (seen.right & (seen.adversarial_logits.argmax(1) == least)).tolist()
    )


def test_that_findings_count_where_the_goal_was_not_reached_before() -> None:
    thresholds = (0.5, 0.5, 0.5)
    source, target = (convolutional(3, thresholds=thresholds, seed=seed) for seed in (0, 1))
    images = random_images(12)
    labels = decided(source, images)
    goal = HideFinding(finding=1)
    seen = transfer(STRONG, source, [target], images, labels, goal).judgements[0]
    assert seen.right.tolist() == decided(target, images)[:, 1].tolist()
    assert not (seen.success & ~seen.right).any()


class Blind(nn.Module):
    """Scores alone."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        with torch.no_grad():
            logits: Tensor = self.network(images)
        return logits


@pytest.mark.parametrize("name", CASES)
def test_that_any_attack_transfers_and_leaves_all_models_alone(name: str) -> None:
    source, whole = models()
    blind = DiagnosticModel(Blind(whole.network), whole.card, white_box=False).double().train()
    images = random_images(3)
    labels = decided(source, images)
    before = trace_of(source), trace_of(blind)
    found = transfer(CASES[name].quick[0], source, [blind], images, labels, Untargeted())
    assert_same(before[0], trace_of(source))
    assert_same(before[1], trace_of(blind))
    assert found.judgements[0].success.shape == (3,)


def test_that_a_target_of_another_size_sees_what_the_caller_makes_of_the_images() -> None:
    source, _ = models()
    large = DiagnosticModel(
        nn.Sequential(nn.AvgPool2d(2), source.network),
        source.card.model_copy(
            update={
                "preprocessing": source.card.preprocessing.model_copy(
                    update={"height": 16, "width": 16}
                )
            }
        ),
    ).eval()
    images = random_images(6)
    labels = decided(source, images)

    def doubled(small: Tensor) -> Tensor:
        return small.repeat_interleave(2, 2).repeat_interleave(2, 3)

    found = transfer(STRONG, source, [Target(large, doubled)], images, labels, Untargeted())
    assert found.judgements[0].success.tolist() == found.crafted.success.tolist()
    with pytest.raises(AttackError, match="16×16"):
        transfer(STRONG, source, [large], images, labels, Untargeted())


@pytest.mark.parametrize(
    ("targets", "words"),
    [
        ([], "are none"),
        ([convolutional(4)], "same question"),
        ([convolutional(3, thresholds=(0.5, 0.5, 0.5))], "same question"),
        ([convolutional(3, dtype=torch.float32)], "float32"),
    ],
    ids=["none", "classes", "task", "type"],
)
def test_that_what_does_not_fit_is_refused_before_the_attack(
    targets: list[DiagnosticModel], words: str
) -> None:
    source, images = convolutional(3), random_images(2)
    looks: list[int] = []
    source.network.register_forward_hook(lambda *_: looks.append(1))
    with pytest.raises(AttackError, match=words):
        transfer(PGD(), source, targets, images, torch.tensor([0, 1]), Untargeted())
    assert not looks


def test_that_none_right_gives_no_rate_and_a_cancel_is_heeded() -> None:
    source, target = models()
    images = random_images(2)
    wrong = (decided(source, images) + 1) % 3
    told: list[Event] = []
    found = transfer(PGD(), source, [source], images, wrong, Untargeted(), emit=told.append)
    assert math.isnan(found.judgements[0].rate)
    assert Message("Tiny: 0 of 0 fall") in told
    token = CancelToken()
    token.cancel()
    attack: Attack = PGD()
    with pytest.raises(JobCancelled):
        transfer(attack, source, [target], images, wrong, Untargeted(), token=token)


def test_that_an_objective_of_another_task_is_refused() -> None:
    source, target = models()
    goal: Objective = HideFinding(finding=0)
    with pytest.raises(AttackError, match="multi-label"):
        transfer(PGD(), source, [target], random_images(1), torch.tensor([0]), goal)
