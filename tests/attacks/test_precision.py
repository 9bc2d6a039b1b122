"""Searching on a faster copy: what comes out is the model's own word, and no weaker."""

from __future__ import annotations

import gc
import warnings
import weakref
from collections.abc import Callable

import pytest
import torch
from attack_cases import CASES
from attack_models import card_of, convolutional, decided, random_images
from test_attack_isolation import assert_same, trace_of
from torch import Tensor, nn

from medadv_desktop.attacks import session
from medadv_desktop.attacks.attack import Attack
from medadv_desktop.attacks.gradient.pgd import PGD
from medadv_desktop.attacks.objectives import Untargeted
from medadv_desktop.attacks.precision.fast_network import fast_copy
from medadv_desktop.attacks.searches.worst_case import WorstCase
from medadv_desktop.jobs import CancelToken
from medadv_desktop.models.diagnostic import DiagnosticModel
from medadv_desktop.models.formats.contents import FixedBatch
from medadv_desktop.models.outputs import OutputReading
from medadv_desktop.models.watch import watched


def model_of(*, findings: bool = False, seed: int = 0) -> DiagnosticModel:
    thresholds = (0.3, 0.5, 0.7) if findings else ()
    return convolutional(3, thresholds=thresholds, seed=seed, dtype=torch.float32)


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


class Twice(nn.Module):
    """One convolution, called twice, with a norm of its own behind each call."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 3, 3)
        self.first, self.second = nn.BatchNorm2d(3), nn.BatchNorm2d(3)
        self.head = nn.Linear(3, 3)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.first(self.convolution(images)).relu()
        maps = self.second(self.convolution(maps))
        return self.head(maps.mean((2, 3))), maps


def of_stages(convolution: nn.Module, norm: nn.Module) -> nn.Module:
    return nn.Sequential(
        convolution, norm, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3)
    )


NETWORKS: dict[str, tuple[Callable[[], nn.Module], bool]] = {
    "tuple, one convolution twice": (Twice, True),
    "norm without weights": (
        lambda: of_stages(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8, affine=False)),
        True,
    ),
    "norm without statistics": (
        lambda: of_stages(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8, track_running_stats=False)),
        True,
    ),
    "transposed": (lambda: of_stages(nn.ConvTranspose2d(3, 8, 3), nn.BatchNorm2d(8)), True),
    "parametrised": (
        lambda: of_stages(
            nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 8, 3)), nn.BatchNorm2d(8)
        ),
        True,
    ),
    "hook on a convolution": (lambda: hooked(nn.Conv2d(3, 8, 3)), True),
    "traced": (
        lambda: torch.fx.symbolic_trace(of_stages(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8))),
        True,
    ),
    "exported": (lambda: exported(of_stages(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8))), False),
    "exported, of fixed batch": (
        lambda: FixedBatch(exported(of_stages(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8))), 2),
        False,
    ),
}
"""Networks that folding might trip over, and whether a copy can be made of them."""


def hooked(convolution: nn.Module) -> nn.Module:
    """A hook that changes what the convolution gives."""
    convolution.register_forward_hook(lambda _module, _inputs, output: output.clamp_min(0) * 2)
    return of_stages(convolution, nn.BatchNorm2d(8))


def exported(network: nn.Module) -> nn.Module:
    program = torch.export.export(network.eval(), (torch.zeros(2, 3, 8, 8),))
    return torch.export.unflatten(program)


@pytest.mark.parametrize("kind", NETWORKS)
def test_that_every_kind_of_network_is_searched_to_the_same_end(kind: str) -> None:
    build, copied = NETWORKS[kind]
    network = build()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d) and module.running_mean is not None:
            module.running_mean.normal_(generator=torch.Generator().manual_seed(1))
    model, images = DiagnosticModel(network, card_of(3)).eval(), images_of(2)
    quick = fast_copy(model, images)
    assert (quick is not model) == copied
    torch.testing.assert_close(quick(images), model(images), rtol=1e-4, atol=1e-5)
    attack, labels = PGD(epsilon=0.5, stop_when_beaten=False), decided(model, images)
    runs = [
        attack.run(model, images, labels, Untargeted(), precision=precision).success
        for precision in ("exact", "float32")
    ]
    assert torch.equal(*runs)


def test_that_a_torchscript_network_is_copied() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is deprecated
        network = torch.jit.script(model_of().network)
    model = DiagnosticModel(network, card_of(3)).eval()
    quick = fast_copy(model, images_of())
    assert quick is not model
    torch.testing.assert_close(quick(images_of()), model(images_of()))


def test_that_hooks_of_ours_are_not_copied() -> None:
    model, images = model_of(), images_of()
    with model.tap(["0"]) as outputs, watched(model, CancelToken()):
        quick = fast_copy(model, images)
        outputs.clear()
        quick(images)
    assert quick is not model
    assert not outputs


@pytest.mark.parametrize("repeat", [1, 2])
def test_that_random_numbers_are_those_of_an_exact_run(repeat: int) -> None:
    model, images = DiagnosticModel(Moody(), card_of(3)).eval(), images_of()
    labels = torch.zeros(len(images), dtype=torch.int64)
    attack = PGD(epsilon=0.2, steps=3)
    exact = attack.run(model, images, labels, Untargeted(), seed=4)
    for _ in range(repeat):
        single = attack.run(model, images, labels, Untargeted(), seed=4, precision="float32")
        assert torch.equal(single.adversarial, exact.adversarial)


@pytest.mark.parametrize("way", ["in place", "data", "swapped data", "state dict", "module"])
def test_that_changed_weights_are_seen(way: str) -> None:
    model, images = model_of(), images_of()
    first = fast_copy(model, images)
    weight = next(model.network.parameters())
    with torch.no_grad():
        match way:
            case "in place":
                weight.mul_(2)
            case "data":
                weight.data.neg_()
            case "swapped data":
                weight.data = weight.data * 3
            case "state dict":
                model.network.load_state_dict(model_of(seed=1).network.state_dict())
            case "module":
                model.network[2] = nn.Tanh()
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


@pytest.mark.usefixtures("bfloat16")
def test_that_the_ensemble_gives_every_part_its_second_try_and_none_to_itself() -> None:
    model, images = model_of(), images_of(2)
    labels = decided(model, images)
    attack = WorstCase(epsilon=0.002, thoroughness="quick")
    single = attack.run(model, images, labels, Untargeted(), precision="float32")
    mixed = attack.run(model, images, labels, Untargeted(), precision="mixed")
    standing = ~mixed.success & ~single.success
    assert standing.any()
    assert (mixed.queries[standing] < 2 * single.queries[standing]).all()


@pytest.mark.usefixtures("bfloat16")
def test_that_probabilities_are_not_searched_in_bfloat16() -> None:
    plain = model_of(findings=True)
    network = nn.Sequential(plain.network, nn.Sigmoid())
    reading = OutputReading(kind="sigmoid")
    model = DiagnosticModel(network, plain.card, reading=reading).eval()
    images = images_of(4)
    labels = decided(model, images)
    attack = PGD(epsilon=0.01, steps=3)
    single = attack.run(model, images, labels, Untargeted(), precision="float32")
    mixed = attack.run(model, images, labels, Untargeted(), precision="mixed")
    assert torch.equal(mixed.adversarial, single.adversarial)
    assert torch.equal(mixed.queries, single.queries)
