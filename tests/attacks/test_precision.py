"""Searching on a faster copy: what comes out is the model's own word, and no weaker."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch
from attack_cases import CASES
from attack_models import card_of, convolutional, decided, random_images
from test_attack_isolation import assert_same, trace_of
from torch import Tensor, nn

from medadv_desktop.attacks import session
from medadv_desktop.attacks.attack import Attack
from medadv_desktop.attacks.fast_network import fast_copy
from medadv_desktop.attacks.objectives import Untargeted
from medadv_desktop.attacks.pgd import PGD
from medadv_desktop.models.diagnostic import DiagnosticModel


def model_of(*, findings: bool = False) -> DiagnosticModel:
    thresholds = (0.3, 0.5, 0.7) if findings else ()
    return convolutional(3, thresholds=thresholds, dtype=torch.float32)


def images_of(count: int = 6) -> Tensor:
    return random_images(count, dtype=torch.float32)


@pytest.fixture
def bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on hardware that has it; elsewhere torch computes it more slowly, to the same numbers."""
    monkeypatch.setattr(session, "computes_bfloat16", lambda _device: True)


def count_norms(network: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


def test_that_the_copy_says_the_same_without_batch_norm_and_leaves_the_model_alone() -> None:
    model = model_of()
    before = trace_of(model)
    images = images_of()
    quick = fast_copy(model, images)
    assert quick is not model
    assert count_norms(model) == 1
    assert count_norms(quick) == 0
    torch.testing.assert_close(quick(images), model(images), rtol=1e-4, atol=1e-5)
    assert fast_copy(model, images) is quick
    assert_same(before, trace_of(model))


def test_that_a_norm_behind_two_readers_is_not_folded() -> None:
    class Forked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolution = nn.Conv2d(3, 4, 3)
            self.norm = nn.BatchNorm2d(4)
            self.head = nn.Linear(4, 3)

        def forward(self, images: Tensor) -> Tensor:
            maps = self.convolution(images)
            pooled: Tensor = (self.norm(maps) + maps).mean((2, 3))
            return self.head(pooled)

    network = Forked()
    network.norm.running_mean = torch.tensor([1.0, -1.0, 0.5, 2.0])
    model = DiagnosticModel(network, card_of(3)).eval()
    quick = fast_copy(model, images_of())
    assert count_norms(quick) == 1
    torch.testing.assert_close(quick(images_of()), model(images_of()), rtol=1e-4, atol=1e-5)


def test_that_changed_weights_are_seen() -> None:
    model, images = model_of(), images_of()
    first = fast_copy(model, images)
    with torch.no_grad():
        next(model.network.parameters()).mul_(2)
    again = fast_copy(model, images)
    assert again is not first
    torch.testing.assert_close(again(images), model(images), rtol=1e-4, atol=1e-5)


def test_that_a_model_that_is_gone_takes_its_copy_along() -> None:
    model = model_of()
    gone = weakref.ref(fast_copy(model, images_of()))
    assert gone() is not None
    del model
    gc.collect()
    assert gone() is None


class Moody(nn.Module):
    """Does not compute the same twice: its copy cannot agree."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(192, 3)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(images.flatten(1))
        return logits + torch.randn_like(logits)


def test_that_the_model_itself_is_used_where_a_copy_is_of_no_use() -> None:
    images = images_of()
    moody = DiagnosticModel(Moody(), card_of(3)).eval()
    assert fast_copy(moody, images) is moody
    wide = convolutional(3)
    assert fast_copy(wide, images.double()) is wide
    scores = DiagnosticModel(model_of().network, card_of(3), white_box=False).eval()
    assert fast_copy(scores, images) is scores


@pytest.mark.usefixtures("bfloat16")
@pytest.mark.parametrize("precision", ["float32", "mixed"])
@pytest.mark.parametrize("name", CASES)
def test_that_the_model_itself_judges(name: str, precision: str) -> None:
    attack = CASES[name].quick[0]
    for findings in (False, True):
        model, images = model_of(findings=findings), images_of(4)
        labels = decided(model, images)
        before = trace_of(model)
        result = attack.run(model, images, labels, Untargeted(), precision=precision)
        assert_same(before, trace_of(model))
        with torch.no_grad():
            logits = model(result.adversarial)
        torch.testing.assert_close(result.adversarial_logits, logits, rtol=0, atol=1e-5)
        changed = model.decisions(logits) != labels
        changed = changed if changed.ndim == 1 else changed.any(1)
        if attack.minimal:
            assert not (result.success & ~changed).any()
        else:
            assert result.success.tolist() == changed.tolist()
            budget = getattr(attack, "epsilon", None)
            if budget is not None and getattr(attack, "norm", "linf") == "linf":
                assert result.linf.max() <= budget * (1 + 1e-6)


@pytest.mark.usefixtures("bfloat16")
def test_that_a_search_in_bfloat16_leaves_no_sample_standing_that_float32_beats() -> None:
    model, images = model_of(), images_of(40)
    labels = decided(model, images)
    attack: Attack = PGD(epsilon=0.012, steps=5, step_size=0.004)
    exact = attack.run(model, images, labels, Untargeted(), seed=1)
    single = attack.run(model, images, labels, Untargeted(), seed=1, precision="float32")
    mixed = attack.run(model, images, labels, Untargeted(), seed=1, precision="mixed")
    assert 0 < int(exact.success.sum()) < 40
    assert not (single.success & ~mixed.success).any()
    assert (exact.success ^ single.success).sum() <= 1  # on the very border at most
    standing = ~mixed.success
    assert (mixed.queries[standing] > single.queries[standing]).all()
